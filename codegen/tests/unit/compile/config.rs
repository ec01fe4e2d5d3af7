//! `castiron.toml`.

use std::path::{Path, PathBuf};

use castiron_codegen::compile::{Config, EngineName, Input, Key, Settings};
use castiron_codegen::error::Diagnostic;
use castiron_codegen::plan::Buffers;
use castiron_codegen::target::{Isa, Optimize};

fn parse(text: &str) -> Result<Config, Diagnostic> {
    Config::parse(text, Path::new("fleet/castiron.toml"))
}

#[test]
fn a_file_says_what_options_leave_open() {
    let text = "max_arena = \"32k\"\noptimize = 'size'\n\n[memories]\nsram = \"256k\"\ndtcm = \"64k fast\"\next = \"4M:slow\"\nrest = 64\n";
    let config = parse(text).unwrap();
    let memories = config.defaults.memories.iter();
    let memories: Vec<String> = memories
        .map(|ram| format!("{} {} {}", ram.name, ram.bytes, ram.speed))
        .collect();
    // As they stand there: a model takes them in this order.
    let expected = [
        "sram 262144 normal",
        "dtcm 65536 fast",
        "ext 4194304 slow",
        "rest 64 normal",
    ];
    assert_eq!(memories, expected);

    let options = Settings::default().or(&config.defaults).options(Isa::Dsp);
    assert_eq!(options.target.optimize, Optimize::Size);
    assert_eq!(options.target.isa, Isa::Dsp);
    assert_eq!(options.max_arena, Some(32 * 1024));
    assert_eq!(options.memories, config.defaults.memories);
    // Arguments count.
    let mut said = Settings::default();
    said.memories = vec!["own=1k".parse().unwrap()];
    said.max_arena = Some(8.into());
    said.optimize = Some(Optimize::Speed);
    said.isa = Some(Isa::Portable);
    let options = said.or(&config.defaults).options(Isa::Dsp);
    assert_eq!(options.target.optimize, Optimize::Speed);
    assert_eq!(options.target.isa, Isa::Portable);
    assert_eq!((options.max_arena, options.memories.len()), (Some(8), 1));

    let options = parse("").unwrap().defaults.options(Isa::default());
    assert_eq!(options.target.optimize, Optimize::default());
    assert_eq!((options.max_arena, options.memories.len()), (None, 0));
}

#[test]
fn a_model_counts_before_all_and_after_arguments() {
    let text = "
optimize = \"size\"
[defaults]
board = \"nucleo_f401re\"
max-arena = 0x2000
[model.vae]
file = \"models/vae.tflite\"
labels = \"labels.txt\"
optimize = \"speed\"
max-flash = \"64k\"
max-macs = \"3M\"
memories = { ram = \"1k\" }
input-by = \"rows\"
buffers = \"outputs\"
shape = [\"a=1x2\", \"b=3\"]
without_pass = \"all\"
section = \".ext\"
verify = true
[model.kws-2]
file = \"/kws.tflite\"
engine = \"tflm\"
";
    let config = parse(text).unwrap();
    let names: Vec<&str> = config.models.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["vae", "kws-2"]);
    let vae = config.find("vae").unwrap();
    // Paths are relative to the file.
    assert_eq!(vae.file.value, PathBuf::from("fleet/models/vae.tflite"));
    assert_eq!(config.models[1].file.value, PathBuf::from("/kws.tflite"));
    let settings = &vae.settings;
    assert_eq!(
        settings.labels.as_ref().unwrap().value,
        PathBuf::from("fleet/labels.txt")
    );
    assert_eq!(settings.section.as_deref(), Some(".ext"));
    assert_eq!(settings.verify, Some(true));
    assert_eq!(settings.shapes.len(), 2);
    let mut said = Settings::default();
    said.buffers = Some(Buffers::Caller);
    let all = said.or(settings).or(&config.defaults);
    assert_eq!(all.board.as_ref().unwrap().value, "nucleo_f401re");
    let options = all.options(Isa::default());
    assert_eq!(options.target.optimize, Optimize::Speed);
    assert_eq!((options.max_arena, options.memories.len()), (Some(8192), 1));
    assert_eq!(
        (options.input, options.plan.buffers),
        (Input::Rows, Buffers::Caller)
    );
    let [flash, macs] = [&options.limits.flash, &options.limits.macs].map(|l| l.clone().unwrap());
    assert_eq!((flash.value, macs.value), (65536, 3_000_000));
    assert_eq!(
        flash.place.to_string(),
        "fleet/castiron.toml, line 10, column 13"
    );
    assert_eq!(
        options.limits.arena.to_string(),
        "fleet/castiron.toml, line 5, column 13"
    );
    // What is for castiron's kernels alone is not for a model of the other engine.
    let tflm = config.defaults_for(Some(EngineName::Tflm));
    assert!(tflm.optimize.is_none() && tflm.max_arena.is_none() && tflm.board.is_some());

    let missing = config.settings(vae, None).unwrap_err();
    assert_eq!(missing.place.position, Some((7, 8)), "{missing}");
    assert!(
        missing.to_string().contains("fleet/models/vae.tflite"),
        "{missing}"
    );
    let near = config.missing("kws2").to_string();
    assert!(
        near.contains("vae, kws-2") && near.contains("write kws-2"),
        "{near}"
    );
}

/// Of every key there is a value, which is taken.
#[test]
fn every_key_is_read() {
    let line = |key: &Key| format!("{} = {}\n", key.name, key.example);
    for key in Key::OF_ALL {
        let config = parse(&line(key)).unwrap();
        assert_ne!(config.defaults, Settings::default(), "{}", key.name);
    }
    for key in Key::OF_MODEL.iter().filter(|key| key.name != "file") {
        let config = parse(&format!("[model.m]\nfile = \"m.tflite\"\n{}", line(key))).unwrap();
        assert_ne!(
            config.models[0].settings,
            Settings::default(),
            "{}",
            key.name
        );
    }
}

#[test]
fn what_is_wrong_has_its_place() {
    for (text, place, part) in [
        ("max_arena = 8k\n", (1, 13), "castiron.toml is TOML"),
        ("# of all\nmax-aren = \"8k\"\n", (2, 1), "write max-arena"),
        ("labels = \"l.txt\"\n", (1, 1), "write it in [model.NAME]"),
        ("max_arena = \"8 k\"\n", (1, 13), "not a number of bytes"),
        ("max-arena = -8\n", (1, 13), "not a number of bytes"),
        ("max-macs = \"1.5M\"\n", (1, 12), "2500k or 3M"),
        ("max-arena = 8\nmax_arena = 9\n", (2, 1), "said twice"),
        (
            "optimize = \"size\"\n[defaults]\noptimize = \"size\"\n",
            (3, 1),
            "said twice",
        ),
        ("optimize = \"small\"\n", (1, 12), "size"),
        ("optimize = true\n", (1, 12), "no text"),
        ("steps = \"yes\"\n", (1, 9), "steps = true"),
        ("memories = \"64k\"\n", (1, 12), "dtcm = \"64k fast\""),
        (
            "[memories]\na = \"1k\"\nb = \"64k quick\"\n",
            (3, 1),
            "fast, normal or slow",
        ),
        (
            "[memories]\nmodel = \"64k\"\n",
            (2, 1),
            "cannot have this name",
        ),
        ("[models.vae]\nfile = \"a\"\n", (1, 2), "write model"),
        ("model = 3\n", (1, 9), "[model.NAME]"),
        ("[model.vae]\noptimize = \"size\"\n", (1, 8), "no file"),
        ("[model.\"v.e\"]\nfile = \"a\"\n", (1, 8), "letters, digits"),
        (
            "[model.v-e]\nfile = \"a\"\n[model.V_e]\nfile = \"b\"\n",
            (3, 8),
            "both v_e",
        ),
        (
            "[model.a]\nfile = \"a\"\nenginee = \"tflm\"\n",
            (3, 1),
            "write engine",
        ),
        (
            "[model.a]\nfile = \"a\"\nengine = \"tflm\"\noptimize = \"size\"\n",
            (4, 1),
            "engine = \"compiled\"",
        ),
        (
            "[defaults]\nfile = \"a\"\n",
            (2, 1),
            "write it in [model.NAME]",
        ),
    ] {
        let problem = parse(text).unwrap_err();
        assert_eq!(problem.place.position, Some(place), "{problem}");
        assert!(problem.to_string().contains(part), "{part}: {problem}");
    }
}
