//! What `inspect` and `plan` say, as text and as JSON.

use crate::support::{
    Ends as _, Folder, castiron, custom, failure, json, repository, sine, stdout, two_signatures,
    vae,
};

#[test]
fn inspect_shows_a_model() {
    insta::assert_snapshot!(stdout(&["inspect", &sine()]));
}

#[test]
fn inspect_shows_every_subgraph() {
    insta::assert_snapshot!(stdout(&["inspect", &two_signatures()]));
}

/// Where an operator has no memory of its own, the table says why.
#[test]
fn inspect_says_which_operators_do_not_run_by_themselves() {
    let joined = repository("tests/data/ops/chain_i8_121.tflite");
    let text = stdout(&["inspect", &joined]);
    // The first one moves nothing, and is left out.
    assert_eq!(text.matches("in #3").count(), 2, "{text}");
    let report = json(&["inspect", "--json", &joined]);
    let operators = &report["subgraphs"][0]["operators"];
    assert!(operators[0].get("joined_into").is_none());
    assert_eq!(operators[1]["joined_into"], 3);
    assert!(operators[1]["live_bytes"].is_null() && operators[3]["live_bytes"].is_number());
    assert!(operators[3].get("joined_into").is_none());
    let folded = repository("tests/data/models/dynamic_batch_flatten.tflite");
    let text = stdout(&["inspect", &folded]);
    let shape = text.lines().find(|line| line.contains(" SHAPE "));
    assert!(shape.is_some_and(|line| line.contains(" – ")), "{text}");
}

#[test]
fn inspect_takes_several_models() {
    let both = stdout(&["inspect", &sine(), &two_signatures()]);
    let each = [sine(), two_signatures()].map(|model| stdout(&["inspect", &model]));
    assert_eq!(both, each.join("\n\n"));
    let reports = json(&["inspect", "--json", &sine(), &two_signatures()]);
    assert_eq!(reports[0], json(&["inspect", "--json", &sine()]));
    assert_eq!(reports[1]["file"], "two_signatures_int8.tflite");
    let folder = Folder::new();
    let csv = folder.path("operators.csv");
    let (code, text) = failure(&["inspect", &sine(), &sine(), "--csv", &csv]);
    assert!(code == 2 && text.contains("one model"), "{text}");
}

/// `inspect`, `plan` and `fit` say what the shapes of a model whose sizes are open make of it.
#[test]
fn shapes_are_those_of_every_command() {
    let open = repository("tests/data/models/dynamic_batch_flatten.tflite");
    let shape = ["--shape", "keras_tensor=4x8x8x2"];
    let with = |arguments: &[&str]| json(&[arguments, &shape, &["--json"]].concat());
    let report = with(&["inspect", &open]);
    let tensors = report["subgraphs"][0]["inputs"].to_string();
    assert!(tensors.contains("[4,8,8,2]"), "{tensors}");
    let peak = with(&["plan", &open])["peak_bytes"].as_u64().unwrap();
    assert_eq!(report["subgraphs"][0]["arena"]["peak_bytes"], peak);
    let one = json(&["plan", &open, "--json"])["peak_bytes"]
        .as_u64()
        .unwrap();
    assert!(peak > one, "{peak} and {one}");
    // Of several models, the shape is for the one that has the input.
    let board = ["fit", &sine(), &open, "--board", "nucleo_f401re"];
    let fit = with(&[&board[..], &["--isa", "portable"]].concat());
    let arenas: Vec<u64> = (fit["items"].as_array().unwrap().iter())
        .filter(|item| item["what"] == "arena")
        .map(|item| item["ram_bytes"].as_u64().unwrap())
        .collect();
    assert_eq!(arenas[1], peak);
    let (code, text) = failure(&["inspect", &sine(), &vae(), "--shape", "nothing=1x2"]);
    assert!(code == 2 && text.contains("nothing=1x2"), "{text}");
    let (code, text) = failure(&["inspect", &sine(), "--shape", "nothing=1x2"]);
    assert!(code == 1 && text.contains("no such input"), "{text}");
    let tflm = [
        "fit",
        &sine(),
        "--board",
        "nucleo_f401re",
        "--engine",
        "tflm",
    ];
    let (code, text) = failure(&[&tflm[..], &["--optimize", "size"]].concat());
    assert!(code == 2 && text.contains("omit --optimize"), "{text}");
}

#[test]
fn what_is_written_beside_an_answer_is_said() {
    let folder = Folder::new();
    let path = folder.path("plan.svg");
    let alone = stdout(&["plan", &sine()]);
    for state in ["written", "unchanged"] {
        let said = stdout(&["plan", &sine(), "--svg", &path]);
        let files = said.strip_prefix(&alone).expect("the plan comes first");
        assert!(files.contains(&path) && files.contains(state), "{files}");
    }
    let quiet = stdout(&["plan", &sine(), "--svg", &path, "--quiet"]);
    assert_eq!(quiet, alone);
    let csv = folder.path("operators.csv");
    assert!(stdout(&["inspect", &sine(), "--csv", &csv]).contains(&csv));
}

#[test]
fn inspect_shows_what_passes_do() {
    let model = repository("tests/data/ops/pass_transposes_i8.tflite");
    let all = stdout(&["inspect", &model]);
    insta::assert_snapshot!(all);
    let report = json(&["inspect", "--json", &model]);
    let passes = report["subgraphs"][0]["passes"].as_array().unwrap();
    assert_eq!(passes[0]["pass"], "cancel-transposes");
    assert_eq!(passes[0]["effect"], "removed");
    let none = stdout(&["inspect", &model, "--without-pass", "all"]);
    assert!(!none.contains("cancel-transposes"), "{none}");
    let other = stdout(&["inspect", &model, "--without-pass", "fuse-padding"]);
    assert_eq!(other, all);
}

/// An operator of constants reads something, too.
#[test]
fn operators_of_constants_show_what_they_read() {
    let model = repository("tests/data/models/kws_dscnn_f16.tflite");
    let shown = stdout(&["inspect", &model]);
    let mut lines = shown.lines().filter(|line| line.contains("DEQUANTIZE"));
    let first = lines.next().expect("an operator");
    let (_, shapes) = first.split_once("DEQUANTIZE").expect("its name");
    assert!(!shapes.trim_start().starts_with('→'), "{first}");
    assert!(first.contains("FLOAT16 → FLOAT32"), "{first}");
}

/// Of all reasons why TFLM does not run the model.
#[test]
fn operators_that_tflm_lacks_are_listed() {
    let model = repository("tests/data/ops/pow_f32_lite.tflite");
    let shown = stdout(&["inspect", &model]);
    let (_, list) = shown.split_once("refuses this model").expect(&shown);
    assert!(
        list.contains("operator 0 POW: TFLM has no kernel"),
        "{list}"
    );
    assert!(list.contains("use castiron's own engine"), "{list}");
}

#[test]
fn shapes_that_are_inferred_are_listed() {
    let model = repository("tests/data/models/dynamic_batch_dilated_conv1d.tflite");
    let shown = stdout(&["inspect", &model]);
    let (_, passes) = shown.split_once("Pass ").expect("a table of passes");
    let lines: Vec<&str> = passes
        .lines()
        .filter(|line| line.starts_with("infer-shapes"))
        .collect();
    assert_eq!(lines.len(), 4, "{passes}");
    let first = lines[0].contains("1 SPACE_TO_BATCH_ND") && lines[0].contains("2×7×3");
    assert!(first, "{passes}");
}

#[test]
fn a_pass_that_there_is_not_is_told_the_nearest() {
    for command in ["inspect", "run"] {
        let (code, text) = failure(&[command, &sine(), "--without-pass", "fuse-paddings"]);
        assert_eq!(code, 2, "{text}");
        assert!(
            text.contains("similar value exists: 'fuse-padding'"),
            "{text}"
        );
        assert!(text.contains("cancel-transposes"), "{text}");
    }
}

#[test]
fn a_model_that_needs_a_pass_says_so() {
    let model = repository("tests/data/models/kws_dscnn_f16.tflite");
    let passes = [
        "--without-pass",
        "fold-constants",
        "--without-pass",
        "remove-dead",
    ];
    let arguments = [&["generate", &model, "--emit", "program"][..], &passes].concat();
    let (code, text) = failure(&arguments);
    assert_eq!(code, 1, "{text}");
    let help = "does not compile without fold-constants; leave out other passes only";
    assert!(text.contains(help), "{text}");
    // Another engine is no way out of what a user left out.
    let run = ["run", &model, "--cases", "unread", "--without-pass", "all"];
    let (code, text) = failure(&run);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("does not compile without"), "{text}");
    assert!(!text.contains("Micro has a kernel"), "{text}");
}

#[test]
fn inspect_gives_json() {
    let report = json(&["inspect", "--json", &sine()]);
    assert_eq!(report["file"], "sine_int8.tflite");
    assert_eq!(report["compiled"]["ok"], true);
    let operators = report["subgraphs"][0]["operators"].as_array().unwrap();
    assert_eq!(operators.len(), report["totals"]["operators"]);
    assert!(operators.iter().all(|o| o["tflm"] == true));
    assert_eq!(
        report["compiled"]["arena_bytes"],
        report["subgraphs"][0]["arena"]["peak_bytes"]
    );
}

#[test]
fn what_does_not_compile_is_named() {
    let report = json(&["inspect", "--json", &custom()]);
    assert_eq!(report["compiled"]["ok"], false);
    let problem = &report["compiled"]["problems"][0];
    assert_eq!(problem["place"]["subgraph"], 0);
    assert!(problem["place"].get("file").is_none());
    insta::assert_snapshot!(stdout(&["inspect", &custom()]));
}

/// Of several models, each takes those of the firmware's operators that it has.
#[test]
fn custom_operators_are_those_of_all_models() {
    let [relu, delay] = ["relu_i8", "delay_i16"]
        .map(|name| repository(&format!("tests/data/custom/{name}.tflite")));
    let all = ["inspect", &relu, &delay, &sine(), "--json"];
    let named = ["--custom", "MyRelu", "--custom", "acme/delay"];
    let reports = json(&[&all[..], &named].concat());
    for report in reports.as_array().unwrap() {
        assert_eq!(report["compiled"]["ok"], true, "{report}");
    }
    let (code, text) = failure(&[&all[..], &named, &["--custom", "Absent"]].concat());
    assert_eq!(code, 2);
    assert!(text.contains("Absent"), "{text}");
    // One model says itself which it has.
    let report = json(&["inspect", &relu, "--json", "--custom", "Absent"]);
    assert_eq!(report["compiled"]["ok"], false);
}

#[test]
fn plan_shows_the_arena() {
    let text = stdout(&["plan", &sine()]);
    let (_, table) = text.split_once('\n').unwrap();
    insta::assert_snapshot!(table);
}

#[test]
fn plan_gives_json_and_a_picture() {
    let folder = Folder::new();
    let svg = folder.path("plan.svg");
    let depfile = folder.path("plan.svg.d");
    let arguments = [
        "plan",
        &two_signatures(),
        "--json",
        "--subgraph",
        "1",
        "--svg",
        &svg,
        "--depfile",
        &depfile,
    ];
    let plan = json(&arguments);
    for key in ["peak_bytes", "lower_bound_bytes", "optimal", "tensors"] {
        assert!(plan.get(key).is_some(), "{key}");
    }
    assert!(folder.read("plan.svg").contains("<svg"));
    assert!(folder.read("plan.svg.d").starts_with(&format!("{svg}:")));
    assert!(stdout(&["plan", &sine(), "--svg", "-"]).contains("<svg"));
}

/// The curve of RAM against extra work, whose points are what a bound gives.
#[test]
fn plan_shows_what_less_memory_costs() {
    let folder = Folder::new();
    let model = repository("examples/models/kws_dscnn_int8.tflite");
    let svg = folder.path("curve.svg");
    let text = stdout(&["plan", "--pareto", &model, "--svg", &svg]);
    let (_, table) = text.split_once('\n').unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    insta::assert_snapshot!(table);
    let curve = json(&["plan", "--pareto", "--json", &model]);
    let points = curve["points"].as_array().unwrap();
    assert!(
        folder.read("curve.svg").matches("<circle").count() == points.len() && points.len() > 2
    );
    for point in points {
        let bytes = &point["arena_bytes"];
        let plan = json(&["plan", "--json", &model, "--max-arena", &bytes.to_string()]);
        assert_eq!(&plan["peak_bytes"], bytes);
    }
    let (code, text) = failure(&["plan", "--pareto", "--max-arena", "1k", &model]);
    assert!(code == 2 && text.contains("--max-arena"), "{text}");
}

#[test]
fn plan_refuses_two_memories_of_one_name() {
    let model = crate::support::vae();
    let twice = ["--memory", "sram=1k", "--memory", "sram=64k"];
    let (_, text) = failure(&[&["plan", &model], &twice[..]].concat());
    assert!(text.contains("two memories have one name"), "{text}");
}

#[test]
fn plan_takes_memories_from_a_devicetree() {
    let folder = Folder::new();
    let dts = std::fs::read_to_string(repository("board/tests/data/dts/stm32f4.dts")).unwrap();
    let path = folder.path("zephyr.dts");
    std::fs::write(
        &path,
        dts.replace("0x10000000 0x10000", "0x10000000 0x2000"),
    )
    .unwrap();
    let model = repository("examples/models/kws_dscnn_int8.tflite");
    let planned = |further: &[&str]| {
        let plan = json(
            &[
                &["plan", "--json", &model, "--memories-from", &path],
                further,
            ]
            .concat(),
        );
        let memories = plan["memories"].as_array().unwrap().iter();
        let memories = memories.map(|memory| {
            format!(
                "{} {} {}/{}",
                memory["name"].as_str().unwrap(),
                memory["speed"].as_str().unwrap(),
                memory["bytes"],
                memory["capacity_bytes"]
            )
        });
        memories.collect::<Vec<_>>()
    };
    assert_eq!(
        planned(&[]),
        ["sram0 normal 8000/98304", "ccm0 fast 8000/8192"]
    );
    let less = ["--memory", "ccm0=512", "--memory", "ext=1M:slow"];
    let expected = [
        "sram0 normal 16000/98304",
        "ccm0 fast 496/512",
        "ext slow 0/1048576",
    ];
    assert_eq!(planned(&less), expected);
    let depfile = folder.path("plan.d");
    let svg = folder.path("plan.svg");
    let both = ["--svg", &svg, "--depfile", &depfile];
    stdout(&[&["plan", &model, "--memories-from", &path], &both[..]].concat());
    assert!(folder.read("plan.d").contains("zephyr.dts"));
    let (code, text) = failure(&["plan", &model, "--memories-from", "none.dts"]);
    assert!(code == 3 && text.contains("none.dts"), "{text}");
}

#[test]
fn plan_knows_what_sharing_saves() {
    let least = json(&["plan", "--json", &crate::support::vae()]);
    let interpreter = [
        "plan",
        "--json",
        "--no-alias",
        "--no-in-place",
        &crate::support::vae(),
    ];
    let more = json(&interpreter);
    assert!(least["peak_bytes"].as_u64() < more["peak_bytes"].as_u64());
}

#[test]
fn an_answer_can_go_to_a_file() {
    let folder = Folder::new();
    let file = folder.path("plan.json");
    let output = castiron(&["plan", &sine(), "--json", "-o", &file]).success();
    assert!(output.stdout.is_empty());
    assert_eq!(
        folder.read("plan.json"),
        stdout(&["plan", "--json", &sine()])
    );
}

#[test]
fn a_model_can_come_from_standard_input() {
    let model = std::fs::File::open(sine()).unwrap();
    let output = castiron(&["inspect", "-", "--json"]).stdin(model).success();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["file"], "stdin");
}

#[test]
fn a_reader_may_stop_reading() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_castiron"))
        .args([
            "gen-header",
            "--style",
            "kenning",
            "-o",
            "-",
            &crate::support::vae(),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn colours_are_only_on_demand() {
    let colour = |arguments: &[&str]| stdout(arguments).contains('\u{1b}');
    assert!(!colour(&["inspect", &sine()]));
    assert!(colour(&["inspect", &sine(), "--color", "always"]));
    let folder = Folder::new();
    let file = folder.path("report.txt");
    castiron(&["inspect", &sine(), "--color", "always", "-o", &file]).success();
    assert!(!folder.read("report.txt").contains('\u{1b}'));
}

/// What the caller holds is no part of the arena, and the tables say so. With a bound, plans of `--pareto` are those that it gives.
#[test]
fn tables_say_what_the_caller_holds() {
    let model = repository("examples/models/kws_dscnn_int8.tflite");
    let with = |command: &str, more: &[&str]| {
        stdout(
            &[
                &[command, &model, "--max-arena", "0", "--buffers", "caller"],
                more,
            ]
            .concat(),
        )
    };
    let plan = with("plan", &[]);
    let lines: Vec<&str> = plan
        .lines()
        .filter(|line| line.contains("caller"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    let inspected = with("inspect", &[]);
    let arena = inspected.lines().find(|line| line.starts_with("Arena"));
    insta::assert_snapshot!(arena.unwrap());
    let plan = json(&[
        "plan",
        "--json",
        &model,
        "--max-arena",
        "0",
        "--buffers",
        "caller",
    ]);
    let input = &plan["tensors"][0];
    assert_eq!(
        (&input["location"], &input["held"], &input["offset"]),
        (&"caller".into(), &0.into(), &0.into())
    );
    let whole = json(&["plan", "--json", &model, "--max-arena", "0"]);
    let [less, more] = [&plan, &whole].map(|plan| plan["peak_bytes"].as_u64().unwrap());
    assert!(less < more, "{less} {more}");
    let report = json(&["inspect", "--json", &model, "--buffers", "inputs"]);
    let compiled = &report["compiled"];
    assert_eq!(compiled["caller_input_bytes"], 490);
    assert!(compiled["caller_output_bytes"].is_null());

    let curve = json(&["plan", "--pareto", "--json", &model, "--buffers", "caller"]);
    let points = curve["points"].as_array().unwrap();
    assert!(points.len() > 1);
    for point in points {
        let bytes = &point["arena_bytes"];
        let bound = bytes.to_string();
        let bounded = ["--max-arena", &bound, "--buffers", "caller"];
        let plan = json(&[&["plan", "--json", &model], &bounded[..]].concat());
        assert_eq!(&plan["peak_bytes"], bytes);
    }
}

#[test]
fn who_cannot_take_buffers_says_so() {
    let model = repository("examples/models/kws_dscnn_int8.tflite");
    for arguments in [
        &["validate", &model, "--buffers", "caller"][..],
        &[
            "lib",
            &model,
            "--out-dir",
            "x",
            "--buffers",
            "caller",
            "--trace",
        ],
        &[
            "lib",
            &model,
            "--out-dir",
            "x",
            "--buffers",
            "caller",
            "--engine",
            "tflm",
            "--tflm",
            "x",
        ],
    ] {
        let (code, text) = failure(arguments);
        assert!(code > 0 && text.contains("buffers"), "{text}");
    }
}
