//! What build scripts get.

use std::fs;

use super::*;

fn vae() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/models/vae_int8.tflite")
}

#[test]
fn everything_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let generate = || {
        let model = Model::new(vae()).name("m").out_dir(folder.path());
        model.with_header().with_resolver().compile().unwrap()
    };
    let made = generate();
    let module = fs::read_to_string(&made.module).unwrap();
    assert!(module.contains("include_bytes!(\"m.weights.bin\")"));
    assert_eq!(
        fs::read(made.weights.as_ref().unwrap()).unwrap().len(),
        made.weight_bytes
    );
    let (header, source) = made.header.clone().unwrap();
    assert!(fs::read_to_string(header).unwrap().contains("M_MODEL_LEN"));
    assert!(source.ends_with("m_model.c"));
    assert!(made.resolver.clone().unwrap().ends_with("m_ops_resolver.h"));
    let time = || fs::metadata(&made.module).unwrap().modified().unwrap();
    let before = time();
    assert_eq!((generate(), time()), (made.clone(), before));
}

#[test]
fn what_is_wrong_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let message = |model: Model| {
        let error = model.out_dir(folder.path()).compile().unwrap_err();
        error.to_string()
    };
    let missing = message(Model::new("no/such.tflite"));
    assert!(
        missing.starts_with("no/such.tflite: cannot read"),
        "{missing}"
    );
    assert!(missing.contains("folder of Cargo.toml"), "{missing}");
    let labels = message(Model::new(vae()).labels("no/such.txt"));
    assert!(labels.contains("no/such.txt"), "{labels}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_limit_that_is_exceeded_fails_the_build() {
    let folder = tempfile::tempdir().unwrap();
    let said = |model: Model| {
        let error = model.out_dir(folder.path()).compile().unwrap_err();
        error.to_string()
    };
    let macs = said(Model::new(vae()).max_macs(10));
    assert!(
        macs.contains("at most 10") && macs.contains("2592"),
        "{macs}"
    );
    let flash = said(Model::new(vae()).max_flash(64));
    assert!(
        flash.contains("at most 64 bytes") && flash.contains("code is estimated"),
        "{flash}"
    );
    let arena = said(Model::new(vae()).max_arena(64));
    assert!(
        arena.contains("at most 64 bytes") && arena.contains("--pareto"),
        "{arena}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_model_may_be_one_of_the_file_of_the_project() {
    let vae = vae();
    let text = format!(
        "[model.fleet-vae]\nfile = {vae:?}\noptimize = \"size\"\n[model.t]\nfile = {vae:?}\nengine = \"tflm\"\n"
    );
    let config = Config::parse(&text, Path::new("castiron.toml")).unwrap();
    let named = Model::new("fleet-vae").named(&config).unwrap();
    assert_eq!(
        (&named.path, named.stem.as_deref()),
        (&vae, Some("fleet-vae"))
    );
    assert_eq!(named.settings.optimize, Some(Optimize::Size));
    // The script counts.
    let model = Model::new("fleet-vae").optimize(Optimize::Speed);
    let named = model.named(&config).unwrap();
    assert_eq!(named.settings.optimize, Some(Optimize::Speed));
    let said = |name: &str| Model::new(name).named(&config).err().unwrap().to_string();
    assert!(said("fleet_vae").contains("write fleet-vae"));
    let tflm = said("t");
    assert!(
        tflm.contains("castiron.toml, line 5") && tflm.contains(".tflm("),
        "{tflm}"
    );
}

#[test]
fn options_of_tflm_are_kept_in_any_order() {
    let first = |m: Model| m.cpu("cortex-m55").opt_level(OptLevel::Size).messages(true);
    let then = |m: Model| m.tflm(Tflm::new("tree"));
    let [a, b] = [
        then(first(Model::new(vae()))),
        first(then(Model::new(vae()))),
    ];
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
    let how = &a.tflm_options;
    assert_eq!(how.cpu.as_deref(), Some("cortex-m55"));
    assert_eq!(
        (how.opt_level, how.messages),
        (Some(OptLevel::Size), Some(true))
    );
}

#[test]
fn options_of_tflm_are_refused_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let model = || Model::new(vae()).out_dir(folder.path());
    for (option, model) in [
        ("cpu()", model().cpu("cortex-m55")),
        ("opt_level()", model().opt_level(OptLevel::Size)),
        ("messages()", model().messages(false)),
    ] {
        let said = model.compile().unwrap_err().to_string();
        assert!(
            said.starts_with(option) && said.contains("tflm()"),
            "{said}"
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
