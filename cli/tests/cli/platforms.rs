//! `castiron platforms` and the files of platforms that people wrote.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use saphyr::{LoadableYamlNode, Yaml};
use serde_json::{Value, json};

use crate::support::{Ends as _, Folder, castiron, failure, repository, sine, stdout};

fn an385() -> String {
    repository("board/tests/data/dts/an385.dts")
}

/// A file of boards by a library that knows nothing of castiron.
fn boards(text: &str) -> Option<Value> {
    let documents = Yaml::load_from_str(text.trim_start_matches('\u{feff}')).ok()?;
    match documents.as_slice() {
        [] => Some(json!({})),
        [document] => Some(as_json(document)),
        _ => None,
    }
}

fn as_json(node: &Yaml<'_>) -> Value {
    if let Some(pairs) = node.as_mapping() {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(key, value)| (as_json(key).to_string(), as_json(value)));
        return Value::Object(pairs.collect());
    }
    if let Some(items) = node.as_vec() {
        return items.iter().map(as_json).collect();
    }
    if let Some(number) = node.as_integer() {
        return number.into();
    }
    match node.as_str() {
        Some(text) => text.into(),
        None if node.is_null() => Value::Null,
        None => format!("{node:?}").into(),
    }
}

/// The same by Kenning's library, where there is one: a list of each text's meaning.
fn by_pyyaml(texts: &[&str]) -> Option<Vec<Option<Value>>> {
    const SCRIPT: &str = "
import json, sys, yaml
def meaning(text):
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    return {'value': value}
print(json.dumps([meaning(t) for t in json.load(sys.stdin)], default=str))";
    let python = std::env::var_os("CASTIRON_PYTHON").unwrap_or_else(|| "python3".into());
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    serde_json::to_writer(child.stdin.take()?, texts).ok()?;
    let output = child.wait_with_output().ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

/// Whether all that was there is there with the same meaning, but for what a board has more of.
fn kept(before: &Value, after: &Value) -> bool {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return before.is_null();
    };
    before
        .iter()
        .all(|(name, had)| match (had, after.get(name)) {
            (Value::Object(had), Some(Value::Object(has))) => {
                had.iter()
                    .all(|(field, value)| has.get(field) == Some(value))
                    && (name.contains("an385") || had.len() == has.len())
            }
            (Value::Null, Some(_)) if name.contains("an385") => true,
            (had, has) => Some(had) == has,
        })
}

#[test]
fn what_is_in_a_file_means_the_same_afterwards() {
    let cases = fs::read_to_string(repository("cli/tests/cli/data/platforms.json")).unwrap();
    let cases: BTreeMap<String, String> = serde_json::from_str(&cases).unwrap();
    let folder = Folder::new();
    let mut verdicts = String::new();
    let mut pairs = Vec::new();
    for (name, before) in &cases {
        let file = folder.write(&format!("{name}.yml"), before);
        let arguments = ["platforms", &an385(), "--board", "an385", "-o", &file];
        let output = castiron(&arguments).output().unwrap();
        let after = fs::read_to_string(&file).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let first = stderr.lines().next().unwrap_or("added");
        let said = first.replace(&folder.path(""), "");
        verdicts += &format!("{name}: {said}\n");
        if !output.status.success() {
            assert_eq!(&after, before, "{name}: it says no, and writes");
            continue;
        }
        let (was, is) = (boards(before), boards(&after));
        let (Some(was), Some(is)) = (was, is) else {
            panic!("{name}: no YAML: {after:?}");
        };
        assert!(kept(&was, &is), "{name}: {was}\n{is}\n{after}");
        let ram = &is["\"an385\""]["\"ram_size_kb\""];
        assert!(*ram == 4096 || name == "merged_field", "{name}: {after}");
        // What is there now is there for good.
        castiron(&arguments).success();
        assert_eq!(fs::read_to_string(&file).unwrap(), after, "{name}");
        pairs.push((name, before.clone(), after));
    }
    let texts: Vec<&str> = pairs.iter().flat_map(|(_, b, a)| [b.as_str(), a]).collect();
    match by_pyyaml(&texts) {
        None => castiron_test_tools::skipped(
            "the comparison by PyYAML, which CASTIRON_PYTHON has not",
            false,
        ),
        Some(meanings) => {
            for ((name, _, after), meaning) in pairs.iter().zip(meanings.chunks(2)) {
                let [Some(was), Some(is)] = meaning else {
                    panic!("{name}: no YAML 1.1: {after:?}");
                };
                assert!(kept(&was["value"], &is["value"]), "{name}: {was}\n{is}");
                assert!(is["value"]["an385"]["ram_size_kb"].is_u64(), "{name}: {is}");
            }
        }
    }
    insta::assert_snapshot!(verdicts);
}

#[test]
fn a_line_goes_where_it_belongs() {
    let folder = Folder::new();
    let mut all = String::new();
    for before in [
        "  b1:\n    a: 1\n",
        "b1:\n  a: 1\n... # the end\n# really\n",
        "b1:\n  help: |+\n    text\n\n\n",
        "b1:\r\n  a: 1\r\nan385:\r\n  display_name: x\r\n",
    ] {
        let file = folder.write("platforms.yml", before);
        castiron(&["platforms", &an385(), "--board", "an385", "-o", &file]).success();
        all += &format!("{:?}\n", folder.read("platforms.yml"));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn few_lines_that_stand_for_many_cost_little() {
    let laughs = (1..26).fold("a0: &a0 {x: 1}\n".to_owned(), |text, n| {
        text + &format!(
            "a{n}: &a{n} {{x: *a{0}, y: *a{0}, <<: [*a{0}, *a{0}]}}\n",
            n - 1
        )
    });
    let folder = Folder::new();
    let file = folder.write("laughs.yml", &laughs);
    let begin = std::time::Instant::now();
    let fit = ["fit", &sine(), "--board", "a25", "--platforms", &file];
    let (code, text) = failure(&fit);
    assert_eq!(code, 1);
    assert!(text.contains("RAM is unknown"), "{text}");
    castiron(&["platforms", &an385(), "-o", &file]).success();
    // Otherwise it is not over at all: 2^25 entries, however busy the machine.
    assert!(begin.elapsed().as_secs() < 60);
    let deep = folder.write("deep.yml", "[".repeat(1 << 20));
    let (_, text) = failure(&["fit", &sine(), "--board", "x", "--platforms", &deep]);
    assert!(text.contains("this is not YAML"), "{text}");
    let large = folder.write("large.yml", " ".repeat((1 << 20) + 1));
    let (code, text) = failure(&["platforms", &an385(), "-o", &large]);
    assert_eq!(code, 3);
    assert!(text.contains("more than 1048576 bytes"), "{text}");
}

/// The types of Kenning's fields, as in its file of platforms and in what reads them: its optimizer
/// for TVM takes `compilation_flags` as a list, and fails on a text.
const KENNING: [(&str, &str); 9] = [
    ("display_name", "text"),
    ("flash_size_kb", "number"),
    ("ram_size_kb", "number"),
    ("uart_baudrate", "number"),
    ("uart_log_baudrate", "number"),
    ("compilation_flags", "list of texts"),
    ("default_platform", "text"),
    ("default_optimizer", "list of texts"),
    ("uart_port_wildcard", "text"),
];

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Array(items) if items.iter().all(Value::is_string) => "list of texts",
        _ => "something else",
    }
}

/// Fields and their types, of all boards.
fn kinds(text: &str) -> Vec<(String, &'static str)> {
    let boards = boards(text).expect("YAML");
    let fields = boards.as_object().expect("boards").values();
    let fields = fields.flat_map(|fields| fields.as_object().expect("fields"));
    let mut all: Vec<_> = fields
        .map(|(name, value)| (name.trim_matches('"').to_owned(), kind(value)))
        .collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn every_field_has_the_type_that_kenning_gives_it() {
    let mut known: Vec<(String, &str)> = KENNING.map(|(name, kind)| (name.to_owned(), kind)).into();
    match std::env::var("CASTIRON_KENNING") {
        Ok(checkout) => {
            let file = format!("{checkout}/kenning/resources/platforms/platforms.yml");
            let theirs = kinds(&fs::read_to_string(&file).expect("Kenning's platforms"));
            for (name, kind) in &known {
                let theirs: Vec<_> = theirs.iter().filter(|(n, _)| n == name).collect();
                assert_eq!(theirs, [&(name.clone(), *kind)]);
            }
            known = theirs;
        }
        Err(_) => castiron_test_tools::skipped(
            "Kenning's own file, as CASTIRON_KENNING names no checkout",
            false,
        ),
    }
    let folder = repository("board/tests/data/dts");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path().display().to_string();
        // Some are devicetrees that are wrong on purpose.
        let output = castiron(&["platforms", &path]).output().unwrap();
        if !path.ends_with(".dts") || !output.status.success() {
            continue;
        }
        for field in kinds(&String::from_utf8(output.stdout).unwrap()) {
            assert!(known.contains(&field), "{path}: {field:?}");
            seen += usize::from(field.0 == "compilation_flags");
        }
    }
    assert!(seen > 1, "no board with flags");
}

#[test]
fn a_list_that_means_the_same_is_no_difference() {
    let folder = Folder::new();
    let printed = stdout(&["platforms", &an385(), "--board", "an385"]);
    let flags: Vec<&str> = (printed
        .lines()
        .skip_while(|l| !l.contains("compilation_flags"))
        .skip(1))
    .take_while(|l| l.starts_with("  - ") || l.starts_with("    - "))
    .map(|l| l.trim_start_matches([' ', '-', '"']).trim_end_matches('"'))
    .collect();
    assert!(flags.len() >= 4, "{printed}");
    let lists = [
        format!(
            "an385:\n  compilation_flags: [{}]\n",
            flags
                .iter()
                .map(|f| format!("'-{f}'"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        format!(
            "an385:\n  compilation_flags:\n{}",
            flags
                .iter()
                .map(|f| format!("  - \"-{f}\" # flag\n"))
                .collect::<String>()
        ),
    ];
    for text in &lists {
        let file = folder.write("platforms.yml", text);
        let said = stdout(&["platforms", &an385(), "--board", "an385", "-o", &file]);
        assert!(
            !said.contains("Kept"),
            "{said}\n{}",
            folder.read("platforms.yml")
        );
    }
    let joined: String = flags.iter().map(|f| format!("-{f} ")).collect();
    let file = folder.write(
        "platforms.yml",
        format!("an385:\n  compilation_flags: \"{}\"\n", joined.trim()),
    );
    let said = stdout(&["platforms", &an385(), "--board", "an385", "-o", &file]);
    assert!(
        said.contains("something else: an385.compilation_flags"),
        "{said}"
    );
}
