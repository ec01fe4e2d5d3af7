//! `castiron report` of measured models, and of a folder as Kenning's AutoML leaves it.

use std::fs;

use serde_json::{Value, json};

use super::report::report;
use crate::support::{Ends as _, Folder, castiron, repository, sine, stdout, vae};

/// A folder as Kenning's AutoML leaves it, with one small model; the best of Kenning's order is the last by name.
fn automl() -> Folder {
    let folder = Folder::new();
    let large = repository("examples/models/kws_dscnn_int8.tflite");
    let models = [
        ("vae.0", large.clone()),
        ("vae.1", sine()),
        ("vae.10", large),
    ];
    for (name, file) in &models {
        fs::copy(file, folder.path(&format!("{name}.tflite"))).expect("a copy");
        folder.write(&format!("{name}.tflite.json"), "{}");
        folder.write(&format!("{name}.pth"), "weights");
    }
    for (id, (name, _)) in models.iter().rev().enumerate() {
        let scenario = format!(
            "platform:\n  type: ZephyrPlatform\n  parameters:\n    name: stm32f746g_disco\nmodel_wrapper:\n  type: VAE\n  parameters:\n    \
             model_path: build/{name}.pth\ndataset:\n  type: Any\noptimizers:\n  - type: TFLiteCompiler\n    parameters:\n      \
             compiled_model_path: build/{name}.tflite\nautoml:\n  parameters:\n    application_size: 75.5\nruntime:\n  type: Any\n"
        );
        folder.write(&format!("automl_conf_{}.yml", id + 1), scenario);
    }
    folder
}

fn measure(folder: &Folder, name: &str, matrix: Value, seconds: &[f64]) {
    let json = json!({ "eval_confusion_matrix": matrix, "target_inference_step": seconds });
    folder.write(&format!("{name}.measurements.json"), json.to_string());
}

#[test]
fn results_of_kenning_are_understood() {
    let folder = automl();
    let results = folder.path("");
    // Without measurements there is Kenning's order.
    let first = report(&[&results]);
    let names = |report: &Value| -> Vec<String> {
        let models = report["models"].as_array().expect("models").iter();
        models
            .filter_map(|model| Some(model["name"].as_str()?.to_owned()))
            .collect()
    };
    assert_eq!(
        names(&first),
        ["vae.10.tflite", "vae.1.tflite", "vae.0.tflite"]
    );
    let reason = first["choice"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("Kenning"), "{reason}");
    assert_eq!(first["board"]["name"], "stm32f746g_disco");
    assert_eq!(first["board"]["application_ram_bytes"], 77_312);

    folder.write(
        "automl_statistics.json",
        json!({ "general_info": { "Optimized metric": "F1 score", "Trained models": 3 } })
            .to_string(),
    );
    measure(
        &folder,
        "vae.0",
        json!([[80, 20], [10, 90]]),
        &[0.25, 0.5, 0.125],
    );
    measure(&folder, "vae.1", json!([[50, 50], [10, 90]]), &[0.1]);
    measure(&folder, "vae.10", json!([[70, 30], [10, 90]]), &[0.1]);
    let measured = report(&[&results]);
    assert_eq!(
        names(&measured),
        ["vae.0.tflite", "vae.10.tflite", "vae.1.tflite"]
    );
    let best = &measured["models"][0];
    assert_eq!(best["quality"]["metric"], "f1_score");
    assert_eq!(best["quality"]["value"], 180.0 / 210.0);
    assert_eq!(
        best["time"],
        json!({ "seconds": 0.25, "runs": 3, "source": "vae.0.measurements.json" })
    );
    assert_eq!(measured["run"]["metric"], "F1 score");
    let reason = measured["choice"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("the highest f1_score, 0.8571"), "{reason}");

    // On a board that is full, the better one does not fit.
    assert_eq!(
        stdout(&["report", &results, "--pick"]),
        format!("{}\n", folder.path("vae.0.tflite"))
    );
    let ram = ["--board", "nucleo_f401re", "--application-size"];
    let picked =
        |size: &str| stdout(&[&["report", &results, "--pick"], &ram[..], &[size]].concat());
    let arena = best["compiled"]["ram_bytes"].as_u64().expect("bytes");
    let just = 96 - arena.div_ceil(1024);
    assert_eq!(
        picked(&just.to_string()),
        format!("{}\n", folder.path("vae.0.tflite"))
    );
    assert_eq!(
        picked(&(just + 1).to_string()),
        format!("{}\n", folder.path("vae.1.tflite"))
    );
    let none = [&["report", &results, "--pick"], &ram[..], &["96"]].concat();
    let output = castiron(&none).fails(1);
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(
        text.contains("there is no model to pick") && text.contains("none of the 3 models"),
        "{text}"
    );
}

/// The example of docs/report.md: the last stage in the file's order, and the greater of the two in the middle.
/// A number of samples, or a time, below zero: it would win.
#[test]
fn what_cannot_be_measured_does_not_count() {
    let folder = automl();
    measure(&folder, "vae.0", json!([[80, 20], [10, 90]]), &[0.1]);
    measure(&folder, "vae.1", json!([[180, 20], [-10, -90]]), &[-1.0]);
    measure(&folder, "vae.10", json!([[1, 2, 3], [4]]), &[0.2]);
    let found = report(&[folder.path("")]);
    let of = |name: &str, key: &str| {
        let models = found["models"].as_array().expect("models");
        let model = models.iter().find(|model| model["name"] == name);
        model.expect("a model").get(key).is_some()
    };
    for (name, [quality, time]) in [
        ("vae.0.tflite", [true, true]),
        ("vae.1.tflite", [false, false]),
        ("vae.10.tflite", [false, true]),
    ] {
        assert_eq!(
            (of(name, "quality"), of(name, "time")),
            (quality, time),
            "{name}"
        );
    }
    let problems = found["problems"].to_string();
    for part in [
        "confusion matrix",
        "target_inference_step",
        "vae.1.measurements.json",
        "vae.10.measurements.json",
    ] {
        assert!(problems.contains(part), "{part}: {problems}");
    }
}

#[test]
fn statistics_are_of_the_last_stage() {
    let folder = automl();
    let stages = r#"{ "training": { "f1_score": 0.84 }, "test": { "f1_score": 0.86 } }"#;
    folder.write(
        "automl_statistics.json",
        format!(
            "{{ \"general_info\": {{ \"Optimized metric\": \"F1 score\", \"A\": 1 }}, \"trained_model_metrics\": {{ \"vae.1\": {stages} }} }}"
        ),
    );
    let times = json!({ "protocol_inference_step": [4.0, 1.0, 3.0, 2.0] });
    folder.write("vae.1.measurements.json", times.to_string());
    let report = report(&[&folder.path("")]);
    let models = report["models"].as_array().expect("models");
    let model = models.iter().find(|model| model["name"] == "vae.1.tflite");
    let model = model.expect("the model");
    assert_eq!(model["quality"]["value"], 0.86);
    assert_eq!(model["time"]["seconds"], 3.0);
    assert_eq!(report["run"]["facts"][0]["name"], "Optimized metric");
}

#[test]
fn faults_beside_the_models_are_reported() {
    let folder = automl();
    folder.write(
        "automl_conf_1.yml",
        "plattform:\n  type: ZephyrPlatform\nautoml:\n  parameters:\n    application_size: 90 KB\n",
    );
    folder.write("automl_conf_2.yml", "platform: [\n");
    folder.write("vae.0.measurements.json", "{");
    fs::remove_file(folder.path("vae.0.tflite")).expect("removed");
    let output = castiron(&["report", &folder.path(""), "--format", "json"]).success();
    let warned = String::from_utf8(output.stderr).expect("text");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let problems = report["problems"].as_array().expect("problems");
    let has = |place: &str, message: &str| {
        let found = problems.iter().any(|problem| {
            let says =
                |key: &str, text: &str| problem[key].as_str().is_some_and(|t| t.contains(text));
            says("place", place) && says("message", message)
        });
        assert!(found, "{place}, {message}: {problems:#?}");
        assert!(warned.contains(message), "{warned}");
    };
    has(
        "automl_conf_1.yml, line 1, column 1",
        "the configuration has an unknown key",
    );
    has(
        "automl_conf_1.yml, line 5, column 23",
        "the application's size is no number of KB",
    );
    has("automl_conf_2.yml", "this is not YAML");
    has(
        "automl_conf_3.yml",
        "the model of this configuration is not in the folder",
    );
    assert_eq!(report["models"].as_array().map(Vec::len), Some(2));
}

/// What `--pick` prints, and says.
fn picked(arguments: &[&str]) -> (String, String) {
    let output = castiron(&[&["report", "--pick"], arguments].concat()).success();
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

#[test]
fn a_pick_says_what_it_goes_by() {
    let folder = Folder::new();
    for (name, file) in [("vae.0", vae()), ("vae.1", sine())] {
        fs::copy(file, folder.path(&format!("{name}.tflite"))).expect("a copy");
    }
    let models = folder.path("");
    let best = format!("{}\n", folder.path("vae.1.tflite"));
    let (path, said) = picked(&[&models]);
    assert_eq!(path, best);
    assert!(
        said.starts_with("note: picked vae.1.tflite: the least memory, ")
            && said.ends_with("; no measurement says which is better\n"),
        "{said}"
    );
    assert_eq!(picked(&[&models, "-q"]), (best.clone(), String::new()));
    assert_eq!(picked(&[&models, "--json"]).1, "");
    // One that is not measured keeps the measurement from counting, and is named.
    measure(&folder, "vae.0", json!([[8, 2], [1, 9]]), &[0.25]);
    let (path, said) = picked(&[&models]);
    assert_eq!(path, best);
    assert!(
        said.contains("quality does not count, which is not known of vae.1.tflite"),
        "{said}"
    );
    measure(&folder, "vae.1", json!(null), &[0.125]);
    let (path, said) = picked(&[&models]);
    assert_eq!(path, best);
    assert!(
        said.contains("the shortest run, 0.125000 s") && said.contains("quality does not count"),
        "{said}"
    );
    measure(&folder, "vae.1", json!([[5, 5], [1, 9]]), &[0.125]);
    let (path, said) = picked(&[&models]);
    assert_eq!(path, format!("{}\n", folder.path("vae.0.tflite")));
    assert!(
        said.contains("the highest accuracy, 0.8500") && !said.contains("not count"),
        "{said}"
    );
    // Measurements of no model are said, those of Kenning's unoptimised ones are none of ours.
    measure(&folder, "other", json!(null), &[0.1]);
    measure(&folder, "unoptmized_vae", json!(null), &[0.1]);
    let (_, said) = picked(&[&models]);
    assert!(
        said.contains("other.measurements.json: the measurements are of no model"),
        "{said}"
    );
    assert!(!said.contains("unoptmized"), "{said}");
}
