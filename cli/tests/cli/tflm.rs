//! What is done for firmware on TensorFlow Lite Micro: arenas, plans and alignment.

use std::fs;

use crate::support::{
    Ends as _, Folder, castiron, custom, failure, json, repository, sine, stdout, vae,
};

fn kws() -> String {
    repository("examples/models/kws_dscnn_int8.tflite")
}

#[test]
fn an_arena_is_explained() {
    let text = stdout(&["arena", &sine()]);
    let (_, table) = text.split_once('\n').unwrap();
    insta::assert_snapshot!(table);
}

#[test]
fn several_arenas_are_an_array() {
    let arguments = ["arena", "--json", "--kernels", "cmsis-nn", &sine(), &kws()];
    let arenas = json(&arguments);
    let bytes = |n: usize| {
        (
            &arenas[n]["min_arena_bytes"],
            &arenas[n]["arena_used_bytes"],
        )
    };
    assert_eq!(bytes(0), (&1424.into(), &1028.into()));
    assert_eq!(bytes(1), (&22832.into(), &22820.into()));
    assert_eq!(arenas[1]["kernels"], "cmsis-nn");
    assert_eq!(arenas[1]["exact"], true);
}

#[test]
fn what_cannot_be_sized_does_not_hide_the_rest() {
    let arguments = ["arena", "--json", &custom(), &sine(), "no such file"];
    let output = castiron(&arguments).fails(1);
    let arenas: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let problem = &arenas[0]["error"]["diagnostics"][0];
    assert!(problem["place"]["operator"]["name"].is_string());
    assert_eq!(arenas[1]["min_arena_bytes"], 1328);
    assert_eq!(arenas[2]["error"]["kind"], "io");
    let (code, text) = failure(&["arena", &custom()]);
    assert_eq!(code, 1);
    assert!(text.contains("--allow-estimate"), "{text}");
}

#[test]
fn assumptions_are_stated() {
    let text = stdout(&["arena", &custom(), "--allow-estimate"]);
    assert!(text.contains("assumed: "), "{text}");
    let arenas = json(&["arena", &custom(), "--allow-estimate", "--json"]);
    assert_eq!(arenas[0]["exact"], false);
}

#[test]
fn a_processor_decides_only_cmsis_nn() {
    let arena = |target: &str, kernels: &str| {
        let model = kws();
        json(&[
            "arena",
            "--json",
            &model,
            "--cpu",
            target,
            "--kernels",
            kernels,
        ])[0]["min_arena_bytes"]
            .clone()
    };
    assert_eq!(
        arena("cortex-m0", "reference"),
        arena("cortex-m55", "reference")
    );
    assert_ne!(
        arena("cortex-m4", "cmsis-nn"),
        arena("cortex-m55", "cmsis-nn")
    );
    // A processor is named as compilers name it; what counts is its kind.
    for (name, kind) in [
        ("cortex-m7", "cortex-m4"),
        ("cortex-m23", "cortex-m0"),
        ("cortex-m85", "cortex-m55"),
    ] {
        assert_eq!(arena(name, "cmsis-nn"), arena(kind, "cmsis-nn"));
    }
    assert_eq!(
        arena("sifive-e31", "reference"),
        arena("generic-rv32", "reference")
    );
    let (code, text) = failure(&["arena", &kws(), "--cpu", "xtensa"]);
    assert_eq!(code, 2);
    assert!(text.contains("cortex-m55"), "{text}");
}

fn refused(name: &str) -> String {
    repository(&format!("tests/data/tflm/{name}.tflite"))
}

/// TFLM says so on the device; every command that makes something for it says so here.
#[test]
fn what_tflm_refuses_is_an_error_with_the_remedy() {
    let folder = Folder::new();
    let out = folder.path("out");
    for (name, operator, remedy) in [
        ("hybrid_dense", "FULLY_CONNECTED", "representative_dataset"),
        ("legacy_uint8_conv", "CONV_2D", "quantises to int8"),
        ("fc_int4_per_channel", "FULLY_CONNECTED", "int8"),
        ("concatenation_of_11", "CONCATENATION", "at most ten"),
        ("fill_of_computed_sizes", "FILL", "fixed input shape"),
        ("quantize_of_two", "QUANTIZE", "castiron's own engine"),
        ("pad_int64_paddings", "PAD", "castiron's own engine"),
    ] {
        let model = refused(name);
        for arguments in [
            &["arena", &model][..],
            &["gen-resolver", &model, "-o", &out],
            &["gen-cpp", &model, "--out-dir", &out],
            &["gen-header", &model, "--kernels", "reference", "-o", &out],
        ] {
            let (code, text) = failure(arguments);
            assert_eq!(code, 1, "{arguments:?}: {text}");
            for part in ["TFLM's kernel refuses", operator, remedy] {
                assert!(text.contains(part), "{arguments:?}: {part} in {text}");
            }
        }
        let report = json(&["inspect", "--json", &model]);
        assert_eq!(report["tflm"]["ok"], false, "{name}");
    }
}

#[test]
fn what_tflm_computes_otherwise_is_a_warning_that_names_the_operator() {
    for (name, operator) in [
        ("depth_multiplier_0", "DEPTHWISE_CONV_2D"),
        ("dynamic_batch_dilated_conv1d", "SPACE_TO_BATCH_ND"),
        ("weight_only_int8_conv", "DEQUANTIZE"),
    ] {
        let arenas = json(&["arena", "--json", &refused(name)]);
        let warning = &arenas[0]["warnings"][0];
        assert_eq!(warning["place"]["operator"]["name"], operator, "{name}");
        let folder = Folder::new();
        let (resolver, copy) = (folder.path("r.h"), folder.path("m.tflite"));
        let model = refused(name);
        let on_a_board = [
            "fit",
            &model,
            "--board",
            "nucleo_f401re",
            "--engine",
            "tflm",
        ];
        let for_kenning = [
            "build_tflite.py",
            "--model-path",
            &model,
            "--output-resolver-path",
            &resolver,
            "--output-model-path",
            &copy,
        ];
        for command in [&["arena", &model][..], &on_a_board, &for_kenning] {
            let output = castiron(command).success();
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(text.starts_with("warning: "), "{command:?}: {text}");
            assert!(text.contains(operator), "{command:?}: {text}");
        }
        let fit = json(&[&on_a_board[..], &["--json"]].concat());
        assert_eq!(fit["warnings"][0], *warning, "{name}");
        let output = castiron(&["inspect", &model]).success();
        let table = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut rows = table.lines().filter(|row| row.contains(operator));
        let row = rows.find(|row| row.trim_end().ends_with(')'));
        let row = row.unwrap_or_else(|| panic!("{name} is not marked: {table}"));
        assert!(row.contains("TFLM (differs)"), "{row}");
    }
    let output = castiron(&["arena", &refused("any_size_input")]).success();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("unknown dimensions 1, 2"), "{text}");
}

#[test]
fn weights_behind_the_flatbuffer_are_moved_in() {
    let folder = Folder::new();
    let model = refused("external_buffers");
    let (code, text) = failure(&["arena", &model]);
    assert_eq!(code, 1);
    assert!(text.contains("castiron align"), "{text}");
    let (code, text) = failure(&["plan", &model, "--embed", "-o", &folder.path("p.tflite")]);
    assert_eq!(code, 1);
    assert!(text.contains("castiron align"), "{text}");
    let aligned = folder.path("aligned.tflite");
    castiron(&["align", &model, "-o", &aligned]).success();
    assert_eq!(
        json(&["arena", "--json", &aligned])[0]["warnings"],
        serde_json::Value::Null
    );
    // The weights are there once.
    let bytes = |path: &str| fs::metadata(path).unwrap().len();
    assert!(bytes(&aligned) < bytes(&model) + 512);
    let before = json(&["inspect", "--json", &model]);
    let after = json(&["inspect", "--json", &aligned]);
    assert_eq!(before["compiled"], after["compiled"]);
    assert_eq!(before["totals"], after["totals"]);
}

#[test]
fn a_handle_that_is_none_is_refused() {
    let folder = Folder::new();
    let model = refused("var_handle_oob_write");
    let (code, text) = failure(&["gen-cpp", &model, "--out-dir", &folder.path("out")]);
    assert_eq!(code, 1);
    assert!(text.contains("RESOURCE"), "{text}");
}

#[test]
fn kernels_that_castiron_cannot_call_are_not_denied() {
    let folder = Folder::new();
    for name in ["ethos_u_i8", "signal_rfft_f32"] {
        let model = repository(&format!("tests/data/arena/{name}.tflite"));
        let (code, text) = failure(&["gen-cpp", &model, "--out-dir", &folder.path("out")]);
        assert_eq!(code, 1);
        assert!(text.contains("without the interpreter"), "{text}");
        assert!(text.contains("gen-resolver"), "{text}");
    }
}

#[test]
fn an_arena_comes_with_what_it_would_be_otherwise() {
    let others = json(&["arena", "--json", &kws()])[0]["others"].clone();
    let of = |kernels: &str, target: &str| {
        let mut all = others.as_array().unwrap().iter();
        all.find(|o| o["kernels"] == kernels && o["target"] == target)
            .map(|o| o["min_arena_bytes"].clone())
    };
    let alone = |kernels: &str, target: &str| {
        let answer = json(&[
            "arena",
            "--json",
            &kws(),
            "--kernels",
            kernels,
            "--cpu",
            target,
        ]);
        Some(answer[0]["min_arena_bytes"].clone())
    };
    assert_eq!(
        of("cmsis-nn", "cortex-m55"),
        alone("cmsis-nn", "cortex-m55")
    );
    assert_eq!(
        of("reference", "generic-rv32"),
        alone("reference", "generic-rv32")
    );
    assert_eq!(of("reference", "cortex-m4"), None);
}

#[test]
fn an_embedded_plan_is_followed() {
    let folder = Folder::new();
    let planned = folder.path("planned.tflite");
    let text = stdout(&["plan", &vae(), "--embed", "-o", &planned]);
    assert!(text.contains("Head "), "{text}");
    let arenas = json(&["arena", "--json", &planned, &vae()]);
    assert_eq!(arenas[0]["offline_plan"], true);
    let head = |n: usize| arenas[n]["head_bytes"].as_u64().unwrap();
    assert!(head(0) <= head(1));
    // The same plan again gives the same file.
    let first = fs::read(&planned).unwrap();
    castiron(&["plan", &vae(), "--embed", "-o", &planned]).success();
    assert_eq!(fs::read(&planned).unwrap(), first);
    assert_eq!(failure(&["plan", &vae(), "--embed"]).0, 2);
}

#[test]
fn aligned_models_run_as_before() {
    let folder = Folder::new();
    let aligned = folder.path("aligned.tflite");
    castiron(&["align", &kws(), "-o", &aligned]).success();
    let before = json(&["inspect", "--json", &kws()]);
    let after = json(&["inspect", "--json", &aligned]);
    assert_eq!(before["subgraphs"], after["subgraphs"]);
    let again = folder.path("again.tflite");
    castiron(&["align", &aligned, "-o", &again]).success();
    assert_eq!(fs::read(&aligned).unwrap(), fs::read(&again).unwrap());
}

#[test]
fn headers_name_the_arena_of_the_build() {
    let folder = Folder::new();
    let header = folder.path("kws.h");
    let arguments = [
        "gen-header",
        &kws(),
        "--name",
        "kws",
        "-o",
        &header,
        "--json",
        "--kernels",
        "cmsis-nn",
    ];
    let files = json(&arguments);
    assert_eq!(files["tflm_arenas"][0]["bytes"], 22832);
    let text = folder.read("kws.h");
    assert!(
        text.contains("#define KWS_TFLM_ARENA_BYTES 22832\n"),
        "{text}"
    );
    let text = stdout(&["gen-resolver", &kws(), &sine(), "-o", "-"]);
    for line in [
        "#define TFLITE_ARENA_BYTES_KWS_DSCNN_INT8 22784\n",
        "#define TFLITE_ARENA_BYTES_SINE_INT8 1328\n",
        "#define TFLITE_ARENA_BYTES 22784\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let folder = Folder::new();
    let out = folder.path("out");
    let arguments = [
        "generate",
        &kws(),
        "--out-dir",
        &out,
        "--cpu",
        "generic-rv32",
    ];
    stdout(&arguments);
    for (file, constant) in [
        (
            "out/kws_dscnn_int8_model.h",
            "KWS_DSCNN_INT8_TFLM_ARENA_BYTES",
        ),
        ("out/ops_resolver.h", "TFLITE_ARENA_BYTES"),
    ] {
        let text = folder.read(file);
        let line = text
            .lines()
            .find(|l| l.starts_with(&format!("#define {constant} ")));
        assert!(line.is_some(), "{text}");
        assert!(text.contains("generic-rv32"), "{text}");
    }
    let kenning = ["gen-header", &kws(), "--style", "kenning", "-o", "-"];
    let with = [&kenning[..], &["--kernels", "cmsis-nn"]].concat();
    assert_eq!(stdout(&with), stdout(&kenning));
}

#[test]
fn an_unknown_arena_is_an_error_only_where_it_was_asked_for() {
    let folder = Folder::new();
    let header = folder.path("m.h");
    let plain = ["gen-header", &custom(), "-o", &header];
    let files = json(&[&plain[..], &["--json"]].concat());
    let reason = files["tflm_arenas"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("is unknown"), "{reason}");
    assert!(files["tflm_arenas"][0]["bytes"].is_null());
    assert!(folder.read("m.h").contains("There is no "));
    let folder = Folder::new();
    let header = folder.path("m.h");
    for option in [["--kernels", "reference"], ["--cpu", "cortex-m4"]] {
        let plain = ["gen-header", &custom(), "-o", &header];
        let (code, _) = failure(&[&plain[..], &option].concat());
        assert_eq!(code, 1);
    }
    assert!(folder.files().is_empty());
}

#[test]
fn cmsis_nn_is_for_arm() {
    let folder = Folder::new();
    let file = folder.path("x.h");
    let out = folder.path("out");
    for command in [
        &["arena", &sine()][..],
        &["gen-header", &sine(), "-o", &file],
        &["gen-resolver", &sine(), "-o", &file],
        &["generate", &sine(), "--out-dir", &out],
    ] {
        let build = ["--kernels", "cmsis-nn", "--cpu", "generic-rv32"];
        let (code, text) = failure(&[command, &build].concat());
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("--kernels reference"), "{text}");
    }
    assert!(folder.files().is_empty());
}

#[test]
fn a_tree_that_cannot_be_used_leaves_nothing_behind() {
    let folder = Folder::new();
    let out = folder.path("out");
    let tflm = folder.path("no-tflm");
    let arguments = ["lib", &kws(), "--engine", "tflm", "--out-dir", &out];
    // Which tree is for the user to say.
    castiron(&arguments).fails(2);
    let given: Vec<&str> = arguments
        .iter()
        .copied()
        .chain(["--tflm", &*tflm])
        .collect();
    let (code, text) = failure(&given);
    assert_eq!(code, 1);
    assert!(text.contains("there is no such folder"), "{text}");
    assert!(text.contains("git clone"), "{text}");
    assert!(fs::metadata(&out).is_err());
}
