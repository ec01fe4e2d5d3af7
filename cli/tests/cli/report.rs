//! `castiron report`: one model, and several.

use std::fs;

use serde_json::{Value, json};

use crate::support::{
    Ends as _, Folder, castiron, custom, failure, repository, sine, stdout, two_signatures, vae,
};

pub(super) fn report<S: AsRef<str>>(arguments: &[S]) -> Value {
    let arguments = arguments.iter().map(AsRef::as_ref);
    let all: Vec<&str> = ["report", "--format", "json"]
        .into_iter()
        .chain(arguments)
        .collect();
    serde_json::from_str(&stdout(&all)).expect("JSON")
}

/// By a file, so that a failure does not print the page.
fn page<S: AsRef<str>>(arguments: &[S]) -> String {
    let folder = Folder::new();
    let to = folder.path("page.html");
    let arguments = arguments.iter().map(AsRef::as_ref);
    let all: Vec<&str> = ["report", "-q", "-o", &to]
        .into_iter()
        .chain(arguments)
        .collect();
    castiron(&all).success();
    folder.read("page.html")
}

const DATA: &str = "<script type=\"application/json\" id=\"data\">";

/// The page around its data, and the data.
fn split(page: &str) -> (String, String) {
    let (before, rest) = page.split_once(DATA).expect("data");
    let (data, behind) = rest.split_once("</script>").expect("an end");
    (format!("{before}{DATA}{behind}"), data.to_owned())
}

#[test]
fn a_report_says_what_inspect_says() {
    let report = report(&[vae()]);
    let inspected = crate::support::json(&["inspect", "--json", &vae()]);
    let model = &report["models"][0];
    assert_eq!(
        model["compiled"]["arena_bytes"],
        inspected["compiled"]["arena_bytes"]
    );
    assert_eq!(
        model["compiled"]["weight_bytes"],
        inspected["compiled"]["weight_bytes"]
    );
    assert_eq!(model["macs"], inspected["totals"]["macs"]);
    let operators = model["subgraphs"][0]["operators"]
        .as_array()
        .expect("operators");
    let stated = inspected["subgraphs"][0]["operators"]
        .as_array()
        .expect("operators");
    assert_eq!(operators.len(), stated.len());
    for (operator, stated) in operators.iter().zip(stated) {
        assert_eq!(operator["macs"], stated["macs"]);
        assert_eq!(
            operator.get("live_bytes").unwrap_or(&Value::Null),
            &stated["live_bytes"]
        );
    }
    // What operators have of the packed weights is not more than all of them.
    let packed = operators.iter().filter_map(|o| o["packed_bytes"].as_u64());
    let all = model["compiled"]["weight_bytes"].as_u64().expect("weights");
    let packed: u64 = packed.sum();
    assert!(packed > all / 2 && packed <= all, "{packed} of {all}");
    let memory = &model["memory"];
    assert_eq!(
        memory["after"]["peak_bytes"],
        model["compiled"]["arena_bytes"]
    );
    assert!(memory["before"]["peak_bytes"].as_u64() >= memory["after"]["peak_bytes"].as_u64());
    assert_eq!(report["choice"], Value::Null);
}

#[test]
fn the_page_is_its_data_and_the_same_around_it() {
    let pages = [page(&[vae()]), page(&[two_signatures(), custom(), sine()])];
    let [(one, data), (other, others)] = pages.map(|page| split(&page));
    assert!(one == other);
    let read = |data: &str| -> Value { serde_json::from_str(data).expect("JSON") };
    assert_eq!(read(&data), report(&[vae()]));
    assert_eq!(read(&others), report(&[two_signatures(), custom(), sine()]));
    for network in ["http://", "https://", "src=", "@import", "url("] {
        // The name of SVG is an address that nobody fetches.
        let text = one.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains(network), "{network}");
    }
}

/// A model whose input has a name that would end the script, the page or a line.
pub(super) fn hostile(folder: &Folder) -> String {
    let mut bytes = fs::read(vae()).expect("the model");
    let name = b"serving_default_window:0";
    let other = b"</script><img src=x>|`\n*";
    assert_eq!(name.len(), other.len());
    let at = bytes.windows(name.len()).position(|window| window == name);
    let at = at.expect("the input's name");
    bytes[at..at + name.len()].copy_from_slice(other);
    folder.write("<img src=y>&amp;.tflite", bytes)
}

#[test]
fn names_are_no_part_of_the_page() {
    let folder = Folder::new();
    let evil = repository("codegen/tests/data/bad/tensor_names_evil.tflite");
    let models = [hostile(&folder), evil];
    let (around, data) = split(&page(&models));
    assert!(around == split(&page(&[sine()])).0);
    for c in ['<', '>', '&', '\u{2028}', '\u{2029}'] {
        assert!(!data.contains(c), "{c:?}");
    }
    let read: Value = serde_json::from_str(&data).expect("JSON");
    let models_read = read["models"].as_array().expect("models");
    let hostile = models_read
        .iter()
        .find(|model| model["name"] == "<img src=y>&amp;.tflite");
    let tensors = &hostile.expect("the model")["subgraphs"][0]["tensors"];
    assert_eq!(tensors[0]["name"], "</script><img src=x>|`\n*");
    for model in &models {
        let text = stdout(&["report", "--format", "md", model]);
        assert!(
            !text.contains("<img") && !text.contains("<script"),
            "{text}"
        );
    }
    let text = stdout(&["report", "--format", "md", &models[0]]);
    assert!(
        text.contains("&lt;/script&gt;&lt;img src=x&gt;\\|\\`\\n\\*"),
        "{text}"
    );
}

#[test]
fn text_and_rows_have_every_model() {
    let models = [vae(), sine()];
    let all = |form: &str| {
        stdout(
            &[
                &["report".to_owned(), "--format".to_owned(), form.to_owned()],
                &models[..],
            ]
            .concat(),
        )
    };
    insta::assert_snapshot!("report_md", all("md"));
    insta::assert_snapshot!("report_csv", all("csv"));
    insta::assert_snapshot!(
        "report_one_md",
        stdout(&["report", "--format", "md", &vae()])
    );
}

/// Each rule finds something in one small model, with the operators that it is about, and nothing in another.
#[test]
fn advice_has_each_rule() {
    let rules = [
        (
            "channels",
            "tests/data/models/multi_io_int8.tflite",
            Some(3),
        ),
        ("hybrid", "tests/data/tflm/hybrid_dense.tflite", Some(0)),
        ("float", "examples/models/vae.tflite", Some(1)),
        (
            "float-edges",
            "tests/data/models/vae_int8_floatio.tflite",
            Some(0),
        ),
        (
            "uint8",
            "tests/data/ops/fully_connected_u8_0.tflite",
            Some(0),
        ),
        (
            "dead-filters",
            "tests/data/ops/pass_channels_i8.tflite",
            Some(0),
        ),
        ("dead-channels", "examples/models/sine_int8.tflite", Some(0)),
        ("softmax", "examples/models/kws_dscnn_int8.tflite", Some(11)),
        ("transpose", "tests/data/ops/transpose_i8_1.tflite", Some(0)),
        (
            "unknown-size",
            "tests/data/tflm/any_size_input.tflite",
            None,
        ),
        (
            "unknown-batch",
            "tests/data/models/sine_int8_dynbatch.tflite",
            None,
        ),
        ("unaligned", "examples/models/vae.tflite", None),
    ];
    let mut models: Vec<String> = rules.map(|(_, model, _)| repository(model)).into();
    models.sort();
    models.dedup();
    let report = report(&models);
    let all = report["models"].as_array().expect("models");
    let findings = |model: &Value, rule: &str| {
        let advice = model["advice"].as_array().expect("advice").iter();
        let found = advice.filter(|advice| advice["rule"] == rule);
        found
            .flat_map(|advice| advice["findings"].as_array().cloned().unwrap_or_default())
            .collect::<Vec<Value>>()
    };
    for (rule, model, operator) in rules {
        let found = all
            .iter()
            .find(|m| model.ends_with(m["name"].as_str().expect("a name")));
        let found = findings(found.expect("the model"), rule);
        assert!(!found.is_empty(), "{rule}: {model}");
        if let Some(operator) = operator {
            let operators = found[0]["operators"].as_array().expect("operators");
            assert!(operators.contains(&json!(operator)), "{rule}: {found:?}");
        }
        let without = all.iter().filter(|model| findings(model, rule).is_empty());
        assert!(without.count() > 2, "{rule}");
    }
}

#[test]
fn floats_and_integers_are_compared() {
    let folder = Folder::new();
    let models = [
        repository("tests/data/models/multi_io_f32.tflite"),
        repository("tests/data/models/multi_io_int8.tflite"),
    ];
    let goldens = repository("tests/data/models/golden");
    let report = report(&[&models[0], &models[1], "--goldens", &goldens]);
    let pairs = report["pairs"].as_array().expect("pairs");
    assert_eq!(pairs.len(), 1, "{pairs:?}");
    let pair = &pairs[0];
    assert_eq!(pair["by"], "names");
    let model = |key: &str| &report["models"][pair[key].as_u64().expect("a position") as usize];
    assert_eq!(model("float")["arithmetic"], "float32");
    assert_eq!(model("integer")["arithmetic"], "integer");
    let outputs = pair["differences"]["outputs"].as_array().expect("outputs");
    assert!(!outputs.is_empty());
    for output in outputs {
        let figure = |key: &str| output[key].as_f64().expect("a number");
        let (greatest, mean, range) = (figure("greatest"), figure("mean"), figure("range"));
        assert!(
            greatest > 0.0 && mean <= greatest && greatest < range / 4.0,
            "{output}"
        );
    }
    // Recorded outputs are what castiron computes.
    for model in report["models"].as_array().expect("models") {
        for output in model["recorded"]["outputs"].as_array().expect("outputs") {
            assert!(output["greatest"].as_f64() < Some(1e-4), "{output}");
        }
    }
    // With names that say nothing, shapes do.
    let copies = ["a.tflite", "b.tflite"].map(|name| folder.path(name));
    for (model, copy) in models.iter().zip(&copies) {
        fs::copy(model, copy).expect("a copy");
    }
    let by_shapes = self::report(&copies);
    assert_eq!(by_shapes["pairs"][0]["by"], "shapes");
}

#[test]
fn a_broken_model_is_reported_and_others_go_on() {
    let folder = Folder::new();
    for index in 0..9 {
        fs::copy(sine(), folder.path(&format!("m{index}.tflite"))).expect("a copy");
    }
    let bytes = fs::read(sine()).expect("the model");
    let broken = folder.write("m9.tflite", &bytes[..bytes.len() / 2]);
    let models = folder.path("");
    for form in ["html", "md", "json", "csv"] {
        let (code, text) = failure(&[
            "report",
            &models,
            "--format",
            form,
            "-o",
            &folder.path("out"),
        ]);
        assert_eq!(code, 1);
        assert!(text.contains(&broken), "{text}");
        let written = folder.read("out");
        assert!(written.contains("m9.tflite"), "{form}: {written}");
        let place = written.find("m9.tflite").expect("its place");
        assert!(written[place..].contains("damaged"), "{form}");
        assert!(written.contains("m8.tflite"), "{form}");
    }
    let output = castiron(&["report", &models, "--pick"]).fails(1);
    let picked = String::from_utf8(output.stdout).expect("text");
    assert_eq!(picked.trim_end(), folder.path("m0.tflite"));
}

#[test]
fn a_folder_without_models_is_an_error() {
    let folder = Folder::new();
    let (code, text) = failure(&["report", &folder.path(""), "-o", &folder.path("out.html")]);
    assert!(
        code == 1 && text.contains("there is no model in the folder"),
        "{text}"
    );
    assert!(text.contains("an empty folder"), "{text}");
    assert!(folder.files().is_empty());
    let missing = folder.path("cases");
    let (code, text) = failure(&["report", &sine(), "--goldens", &missing, "--pick"]);
    assert!(code == 3 && text.contains(&missing), "{text}");
    let (code, text) = failure(&["report", &sine()]);
    assert!(code == 2 && text.contains("-o report.html"), "{text}");
    let (code, text) = failure(&["report", &sine(), "--application-size", "3", "--pick"]);
    assert!(code == 2 && text.contains("--board"), "{text}");
}

#[test]
fn unknown_keys_have_their_place() {
    let folder = Folder::new();
    let config = folder.write("castiron.toml", "optimise = \"size\"\n");
    let arguments = ["report", &sine(), "--config", &config, "--format", "json"];
    let (code, text) = failure(&arguments);
    assert_eq!(code, 1);
    assert!(
        text.contains(&config) && text.contains("line 1") && text.contains("optimise"),
        "{text}"
    );
}

#[test]
fn a_bound_is_not_the_board() {
    let bound = ["--board", "nucleo_f401re", "--max-arena", "10"];
    let says = |models: &[&str]| failure(&[&["report", "--pick"], models, &bound[..]].concat());
    for models in [
        &[&*vae()][..],
        &[&vae(), &repository("examples/models/vae_int8.tflite")],
    ] {
        let (code, text) = says(models);
        assert!(
            code == 1
                && text.contains("the arena does not fit the bound")
                && !text.contains("nucleo"),
            "{text}"
        );
    }
    let one = report(&[&[&*vae(), "--limits", "warn"][..], &bound].concat());
    assert_eq!(one["models"][0]["fit"]["fits"], true);
}

#[test]
fn buffers_of_the_caller_count_on_a_board() {
    let ram = |options: &[&str]| {
        let model = repository("examples/models/vae_int8.tflite");
        let all = [&[&*model, "--board", "nucleo_f401re"], options].concat();
        let report = report(&all);
        let model = &report["models"][0];
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        let held = number(&model["compiled"]["caller_input_bytes"])
            + number(&model["compiled"]["caller_output_bytes"]);
        let own = number(&model["compiled"]["ram_bytes"]);
        assert_eq!(number(&model["fit"]["ram"]["takes"]), own + held);
        held
    };
    assert_eq!(ram(&[]), 0);
    assert_eq!(ram(&["--buffers", "caller"]), 85 + 17);
    assert_eq!(ram(&["--buffers", "inputs"]), 85);
}

#[test]
fn a_folder_among_models_is_refused_with_the_reason() {
    let folder = Folder::new();
    let (code, text) = failure(&["report", &sine(), &folder.path(""), "--format", "md"]);
    assert!(
        code == 2 && text.contains("a folder is reported by itself"),
        "{text}"
    );
}

/// Paths are bytes; not every file system has any.
#[cfg(target_os = "linux")]
#[test]
fn a_path_is_printed_to_the_byte() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    let folder = Folder::new();
    let root = folder.path("");
    let inner = Path::new(&root).join(OsStr::from_bytes(b"r\xfe"));
    fs::create_dir(&inner).expect("a folder");
    fs::copy(sine(), inner.join("m.tflite")).expect("a copy");
    fs::copy(sine(), inner.join(OsStr::from_bytes(b"\xff.tflite"))).expect("a copy");
    let output = castiron(&["report", "--pick"]).arg(&inner).success();
    let path = [inner.as_os_str().as_bytes(), b"/m.tflite\n"].concat();
    assert_eq!(output.stdout, path);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("the model's name is no UTF-8"), "{text}");
    let output = castiron(&["report", "--pick", "--json"])
        .arg(&inner)
        .fails(1);
    assert!(output.stdout.is_empty());
}

#[test]
fn measured_instructions_are_beside_estimates() {
    let folder = Folder::new();
    let model = vae();
    let plain = report(&[&model]);
    let (name, sha256) = (&plain["models"][0]["name"], &plain["models"][0]["sha256"]);
    let bench = json!([
        { "name": "other", "sha256": "0", "instructions_median": 1, "operators": [] },
        { "name": "vae", "sha256": sha256, "instructions_median": 4321,
          "operators": [{ "operator": 0, "title": "", "kernels": [], "macs": 0, "instructions": 1234 }] },
    ]);
    let bench = folder.write("bench.json", bench.to_string());
    let operators = &plain["models"][0]["subgraphs"][0]["operators"];
    let validated = json!({
        "model": name, "on": "qemu", "instructions": 777, "counters": { "cycles": { "first": 999, "steady": null } },
        "operators": [
            { "operator": { "index": 0, "name": operators[0]["name"] }, "instructions": 55,
              "counters": { "cycles": { "first": 90, "steady": 80 } } },
            { "operator": { "index": 0, "name": operators[0]["name"] }, "instructions": 5 },
            { "operator": { "index": 1, "name": "NO_SUCH" }, "instructions": 5 },
        ],
    });
    let validated = folder.write("validated.json", validated.to_string());
    let of = |files: &[&str]| {
        let files = files.iter().flat_map(|file| ["--measured", file]);
        let all: Vec<&str> = std::iter::once(&model[..]).chain(files).collect();
        report(&all)["models"][0].clone()
    };
    let both = of(&[&bench, &validated]);
    assert_eq!(
        both["measured"],
        json!({ "instructions": 4321, "source": bench })
    );
    let own = &both["subgraphs"][0]["operators"];
    assert_eq!(own[0]["measured_instructions"], 1234);
    assert_eq!(own[1].get("measured_instructions"), None);
    assert_eq!(own[0]["costs"], operators[0]["costs"]);
    let own = of(&[&validated]);
    assert_eq!(
        own["measured"],
        json!({ "instructions": 777, "cycles": 999, "source": validated })
    );
    let own = own["subgraphs"][0]["operators"].clone();
    assert_eq!(own[0]["measured_instructions"], 60);
    assert_eq!(own[0]["measured_cycles"], 80);

    // A table names no model: it is of the only one, or the one of its name.
    let table = folder.path("vae_encoder.csv");
    castiron(&["inspect", &model, "--csv", &table]).success();
    let text =
        folder
            .read("vae_encoder.csv")
            .replacen("1,FULLY_CONNECTED,,", "1,FULLY_CONNECTED,99,", 1);
    assert!(text.contains(",99,"), "{text}");
    fs::write(&table, text).expect("the table");
    let own = of(&[&table]);
    assert_eq!(own["measured"], json!({ "source": table }));
    assert_eq!(
        own["subgraphs"][0]["operators"][1]["measured_instructions"],
        99
    );

    // Of a board, whose instructions nobody counts.
    let text = folder.read("vae_encoder.csv");
    let text = text.replacen("1,FULLY_CONNECTED,99,", "1,FULLY_CONNECTED,,", 1);
    let mut lines = text.lines();
    let head = lines.next().expect("names").to_owned() + ",CYCLES,CYCLES_FIRST\n";
    let cycles =
        |(at, line): (usize, &str)| format!("{line},{},\n", if at == 1 { "70" } else { "" });
    let board = folder.path("vae_encoder_board.csv");
    fs::write(
        &board,
        head + &lines.enumerate().map(cycles).collect::<String>(),
    )
    .expect("the table");
    let own = of(&[&board])["subgraphs"][0]["operators"].clone();
    assert_eq!(own[1]["measured_cycles"], 70);
    assert_eq!(own[1].get("measured_instructions"), None);
    // A table of nothing is no measurement.
    let nothing = folder.path("nothing.csv");
    castiron(&["inspect", &model, "--csv", &nothing]).success();
    let (code, said) = failure(&["report", &model, "--format", "csv", "--measured", &nothing]);
    assert!(
        code == 1 && said.contains("without instructions or cycles"),
        "{said}"
    );

    // Every form has them.
    let form = |form: &str| stdout(&["report", &model, "--measured", &bench, "--format", form]);
    assert!(form("md").contains("| 1,234 |"));
    assert!(form("csv").contains(",4321,"));
    assert!(
        form("operators")
            .lines()
            .nth(1)
            .expect("a row")
            .ends_with(",1234,")
    );

    // What is of nothing is named.
    let other = folder.write(
        "other.json",
        json!([{ "name": "other", "operators": [] }]).to_string(),
    );
    for (file, parts) in [
        (
            &other,
            [
                "the measurements are of no model of this report",
                "those of other",
            ],
        ),
        (
            &validated,
            ["operators that the model does not have", "1 NO_SUCH"],
        ),
    ] {
        let output = castiron(&["report", &model, "--format", "csv", "--measured", file]).success();
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(
            said.starts_with("warning: ") && said.contains(file.as_str()),
            "{said}"
        );
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        let problems = report(&[&model, "--measured", file])["problems"].clone();
        assert_eq!(problems.as_array().map(Vec::len), Some(1), "{problems}");
    }
    let wrong = folder.write("wrong.json", "{}");
    let (code, said) = failure(&["report", &model, "--format", "csv", "--measured", &wrong]);
    assert!(
        code == 1 && said.contains("these are no measurements"),
        "{said}"
    );
}
