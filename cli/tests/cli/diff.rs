//! `castiron diff`: two models, two reports, and limits.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Ends as _, Folder, castiron, failure, repository, sine, stdout, vae};

fn float() -> String {
    repository("tests/data/models/multi_io_f32.tflite")
}

fn integer() -> String {
    repository("tests/data/models/multi_io_int8.tflite")
}

fn diff(arguments: &[&str]) -> Value {
    let all = [&["diff", "--format", "json"], arguments].concat();
    serde_json::from_str(&stdout(&all)).expect("JSON")
}

fn reported(models: &[&str]) -> Value {
    let all = [&["report", "--format", "json"], models].concat();
    serde_json::from_str(&stdout(&all)).expect("JSON")
}

#[test]
fn a_comparison_is_text_and_markdown() {
    let text = stdout(&["diff", &float(), &integer()]);
    insta::assert_snapshot!("diff_text", text);
    let markdown = stdout(&["diff", &float(), &integer(), "--format", "md"]);
    insta::assert_snapshot!("diff_md", markdown);
    // By the name of the file, too.
    let folder = Folder::new();
    castiron(&["diff", &float(), &integer(), "-o", &folder.path("c.md")]).quietly();
    assert_eq!(folder.read("c.md"), markdown);
}

#[test]
fn what_is_the_same_has_no_difference() {
    let same = diff(&[&vae(), &vae()]);
    let model = &same["models"][0];
    assert_eq!(model["same_file"], true);
    assert_eq!(model["facts"], json!([]));
    assert_eq!(model["subgraphs"][0]["operators"], json!([]));
    assert!(model["subgraphs"][0]["same_operators"].as_u64() > Some(3));
    for figure in model["figures"].as_array().expect("figures") {
        assert_eq!(figure["old"], figure["new"], "{figure}");
    }
    let text = stdout(&["diff", &vae(), &vae()]);
    assert!(text.contains("There is no difference"), "{text}");
}

/// A model and the report of it, which has been text, are the same to the last digit of a scale.
#[test]
fn a_model_and_its_report_are_the_same() {
    let folder = Folder::new();
    let models = [float(), integer(), vae()];
    for model in &models {
        let options = ["--isa", "dsp", "--optimize", "speed"];
        let report = folder.path("report.json");
        let arguments = ["report", model, "-q", "-o", &report];
        castiron(&[&arguments[..], &options[..]].concat()).quietly();
        let text = stdout(&[&["diff", &report, model], &options[..]].concat());
        assert!(text.contains("There is no difference"), "{text}");
        // Options are the models', and what they change is seen.
        let changed = diff(&[&report, model]);
        assert_eq!(changed["old"]["isa"], "dsp");
        assert_eq!(changed["new"]["optimize"], "balanced");
    }
}

/// An operator in the middle, with all indices behind it one more, as a converter would write it.
fn with_one_more(report: &Value, at: usize) -> Value {
    let mut report = report.clone();
    let graph = &mut report["models"][0]["subgraphs"][0];
    let mut operator = graph["operators"][at].clone();
    let tensors = graph["tensors"].as_array_mut().expect("tensors");
    let output = operator["outputs"][0].as_u64().expect("an output") as usize;
    let mut tensor = tensors[output].clone();
    tensor["name"] = "inserted".into();
    tensors.push(tensor);
    operator["name"] = "RELU6".into();
    operator["inputs"] = json!([output]);
    operator["outputs"] = json!([tensors.len() - 1]);
    let operators = graph["operators"].as_array_mut().expect("operators");
    operators.insert(at + 1, operator);
    report
}

#[test]
fn an_operator_that_is_new_makes_no_other_differ() {
    let folder = Folder::new();
    let old = reported(&[&repository("examples/models/kws_dscnn_int8.tflite")]);
    let count = old["models"][0]["subgraphs"][0]["operators"]
        .as_array()
        .map(Vec::len);
    let before = folder.write("old.json", old.to_string());
    for at in [0, 4, 7] {
        let after = folder.write("new.json", with_one_more(&old, at).to_string());
        for (from, to, is_new) in [(&before, &after, true), (&after, &before, false)] {
            let changed = diff(&[from, to]);
            let graph = &changed["models"][0]["subgraphs"][0];
            let operators = graph["operators"].as_array().expect("operators");
            assert_eq!(operators.len(), 1, "{operators:#?}");
            let (there, elsewhere) = if is_new {
                ("new", "old")
            } else {
                ("old", "new")
            };
            assert_eq!(operators[0][there], at + 1);
            assert_eq!(operators[0][elsewhere], Value::Null);
            assert_eq!(operators[0]["name"], "RELU6");
            assert_eq!(graph["same_operators"].as_u64(), count.map(|c| c as u64));
        }
    }
}

/// The second of four convolutions of one shape is gone, and the converter has numbered the others anew: constants tell which.
#[test]
fn operators_that_have_other_names_are_known_by_their_weights() {
    let folder = Folder::new();
    let old = reported(&[&repository("examples/models/kws_dscnn_int8.tflite")]);
    let mut new = old.clone();
    let graph = &mut new["models"][0]["subgraphs"][0];
    let name = |graph: &Value, operator: usize| {
        let tensor = graph["operators"][operator]["outputs"][0].as_u64();
        graph["tensors"][tensor.expect("an output") as usize]["name"].clone()
    };
    // Each pair of a depthwise convolution and the next has the name of the pair before.
    for operator in (3..9).rev() {
        let own = graph["operators"][operator]["outputs"][0].as_u64();
        let before = name(graph, operator - 2);
        graph["tensors"][own.expect("an output") as usize]["name"] = before;
    }
    let operators = graph["operators"].as_array_mut().expect("operators");
    operators.drain(1..3);
    let paths = [("old.json", &old), ("new.json", &new)]
        .map(|(name, report)| folder.write(name, report.to_string()));
    let changed = diff(&[&paths[0], &paths[1]]);
    let operators = &changed["models"][0]["subgraphs"][0]["operators"];
    let gone: Vec<(&Value, &Value)> = operators
        .as_array()
        .expect("operators")
        .iter()
        .map(|operator| (&operator["old"], &operator["new"]))
        .collect();
    assert_eq!(gone, [(&json!(1), &Value::Null), (&json!(2), &Value::Null)]);
}

#[test]
fn weights_and_options_that_changed_are_seen() {
    let folder = Folder::new();
    let old = reported(&[&sine()]);
    let mut new = old.clone();
    let graph = &mut new["models"][0]["subgraphs"][0];
    let weights = graph["operators"][0]["inputs"][1]
        .as_u64()
        .expect("weights") as usize;
    graph["tensors"][weights]["digest"] = "0123456789abcdef".into();
    assert_eq!(graph["operators"][0]["options"]["activation"], "Relu");
    graph["operators"][0]["options"]["activation"] = "None".into();
    let paths = [("old.json", &old), ("new.json", &new)]
        .map(|(name, report)| folder.write(name, report.to_string()));
    let text = stdout(&["diff", &paths[0], &paths[1]]);
    assert!(
        text.contains("weights values differ") && text.contains("activation Relu → None"),
        "{text}"
    );
}

#[test]
fn several_models_are_compared_by_their_names() {
    let folder = Folder::new();
    let old = folder.write(
        "old.json",
        reported(&[&vae(), &sine(), &float()]).to_string(),
    );
    let new = folder.write(
        "new.json",
        reported(&[&integer(), &sine(), &float()]).to_string(),
    );
    let changed = diff(&[&old, &new]);
    assert_eq!(changed["removed"], json!(["vae.tflite"]));
    assert_eq!(changed["added"], json!(["multi_io_int8.tflite"]));
    assert_eq!(changed["models"].as_array().map(Vec::len), Some(2));
    let text = stdout(&["diff", &old, &new]);
    assert!(text.contains("1 model gone: vae.tflite."), "{text}");
    assert!(text.contains("No difference: "), "{text}");
    // Nobody knows what a model takes that is gone.
    let (code, text) = failure(&["diff", &old, &new, "--fail-over", "arena=100%"]);
    let told = text.contains("vae.tflite") && text.contains("arena is not known any more");
    assert!(code == 1 && told, "{text}");
}

#[test]
fn a_figure_that_grew_too_much_fails() {
    let limits = "arena=2%,flash=1k,macs=0,weights=5%";
    let folder = Folder::new();
    let json = folder.path("diff.json");
    let arguments = [
        "diff",
        &integer(),
        &float(),
        "--fail-over",
        limits,
        "-o",
        &json,
    ];
    let (code, text) = failure(&arguments);
    assert_eq!(code, 1);
    let lines: Vec<&str> = text.lines().collect();
    insta::assert_snapshot!("diff_limits", text);
    assert_eq!(lines.len(), 3);
    // It is written all the same, and has them.
    let written: Value = serde_json::from_str(&folder.read("diff.json")).expect("JSON");
    let figures: Vec<&Value> = written["breaches"]
        .as_array()
        .expect("breaches")
        .iter()
        .map(|breach| &breach["figure"])
        .collect();
    assert_eq!(figures, ["arena", "flash", "weights"]);
    let markdown = castiron(&[
        "diff",
        &integer(),
        &float(),
        "--fail-over",
        limits,
        "--format",
        "md",
    ]);
    let output = { markdown }.fails(1);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("## Over the limit"), "{text}");

    // What became less is no growth, and a limit is the last that passes.
    castiron(&["diff", &float(), &integer(), "--fail-over", limits]).success();
    let (old, new) = (
        &written["models"][0]["figures"][4]["old"],
        &written["models"][0]["figures"][4]["new"],
    );
    assert_eq!(written["models"][0]["figures"][4]["name"], "arena");
    let growth = new.as_u64().expect("bytes") - old.as_u64().expect("bytes");
    castiron(&[
        "diff",
        &integer(),
        &float(),
        "--fail-over",
        &format!("arena={growth}"),
    ])
    .success();
    castiron(&[
        "diff",
        &integer(),
        &float(),
        "--fail-over",
        &format!("arena={}", growth - 1),
    ])
    .fails(1);
}

#[test]
fn a_figure_that_is_not_known_any_more_fails() {
    let custom = crate::support::custom();
    let (code, text) = failure(&["diff", &sine(), &custom, "--fail-over", "arena=100%"]);
    assert!(
        code == 1 && text.contains("arena is not known any more"),
        "{text}"
    );
    // What was not known cannot have grown, and that is said.
    let output = castiron(&["diff", &custom, &sine(), "--fail-over", "arena=0"]).success();
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(
        text.contains("not checked") && text.contains("arena=0"),
        "{text}"
    );
}

#[test]
fn limits_that_say_nothing_are_refused() {
    let limit = |limit: &str| failure(&["diff", &sine(), &sine(), "--fail-over", limit]);
    let (code, text) = limit("arenas=2%");
    assert_eq!(code, 2);
    for name in ["arenas", "arena, ", "flash", "macs", "tflm-arena"] {
        assert!(text.contains(name), "{name}: {text}");
    }
    for wrong in [
        "arena",
        "arena=",
        "arena=-1",
        "arena=2k%",
        "arena=nan%",
        "arena=inf%",
        "arena=1.5",
    ] {
        assert_eq!(limit(wrong).0, 2, "{wrong}");
    }
    castiron(&[
        "diff",
        &sine(),
        &sine(),
        "--fail-over",
        "arena=0.5%,flash=1M",
    ])
    .success();
}

#[test]
fn files_that_are_no_sides_have_their_reason() {
    let folder = Folder::new();
    let says = |file: &str, reason: &str| {
        let (code, text) = failure(&["diff", &sine(), file]);
        assert!(
            code == 1 && text.contains(file) && text.contains(reason),
            "{text}"
        );
    };
    says(&folder.write("a.json", "{"), "this is not JSON");
    says(&folder.write("b.json", "{}"), "this is no report");
    says(&folder.write("c.json", "{\"report\": 2}"), "\"report\": 2");
    says(
        &folder.write("d.json", "{\"report\": 1}"),
        "the report has no model",
    );
    says(
        &folder.write(
            "e.json",
            "{\"report\": 1, \"models\": [{\"subgraphs\": 3}]}",
        ),
        "no whole report",
    );
    let dangling = json!({ "report": 1, "models": [{ "subgraphs": [{ "inputs": [7] }] }] });
    says(&folder.write("f.json", dangling.to_string()), "tensor 7");
    let bytes = fs::read(sine()).expect("the model");
    says(
        &folder.write("g.tflite", &bytes[..bytes.len() / 2]),
        "damaged",
    );
    let (code, text) = failure(&["diff", &sine(), &folder.path("missing")]);
    assert!(code == 3 && text.contains("missing"), "{text}");
    let (code, text) = failure(&["diff", "-", "-"]);
    assert!(code == 2 && text.contains("standard input"), "{text}");
    let report = folder.write("r.json", reported(&[&sine()]).to_string());
    let (code, text) = failure(&["diff", &report, &report, "--isa", "dsp"]);
    assert!(code == 2 && text.contains("castiron report"), "{text}");
}

#[test]
fn builds_are_told_apart_by_board_and_clock() {
    let folder = Folder::new();
    let report = |name: &str, options: &[&str]| {
        let to = folder.path(name);
        let model = vae();
        let all = ["report", "-q", &model, "--format", "json", "-o", &to];
        castiron(&[&all[..], options].concat()).quietly();
        to
    };
    let old = report("old.json", &["--board", "nucleo_f401re"]);
    let new = report(
        "new.json",
        &[
            "--board",
            "stm32f746g_disco",
            "--clock",
            "100M",
            "--optimize",
            "size",
        ],
    );
    let text = stdout(&["diff", &old, &new]);
    for line in [
        "--board: nucleo_f401re → stm32f746g_disco.",
        "--clock: 84,000,000 Hz → 100,000,000 Hz.",
        "--optimize: balanced → size.",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    // Sums of anybody's reports do not begin at zero again.
    let mut huge: Value = serde_json::from_str(&folder.read("new.json")).expect("JSON");
    for part in ["weight_bytes", "code_bytes"] {
        huge["models"][0]["compiled"][part] = json!(u64::MAX);
    }
    let huge = folder.write("huge.json", huge.to_string());
    let figures = diff(&[&old, &huge]);
    let figures = figures["models"][0]["figures"].as_array().expect("figures");
    let flash = figures.iter().find(|figure| figure["name"] == "flash");
    assert_eq!(flash.expect("flash")["new"], json!(u64::MAX));
}
