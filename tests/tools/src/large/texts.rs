//! The families of texts that are given beside a model.

/// The start of a text, what it has again and again, and its end.
type Family = [&'static str; 3];

/// The families of texts by name, with the calls that read them: `{}` is the text, and `OUT` a folder
/// with a model and a devicetree.
pub const TEXTS: &[(&str, Family, &[&str])] = &[
    ("empty labels", ["", "\n", "x"], WITH_LABELS),
    ("labels of a letter", ["", "a\n", ""], WITH_LABELS),
    (
        "entries of a specification",
        [r#"{"input": [{}"#, ",{}", r#"], "output": []}"#],
        WITH_A_SPECIFICATION,
    ),
    (
        "sizes of a specification",
        [
            r#"{"input": [{"shape": [1"#,
            ",1",
            r#"]}], "output": [{}]}"#,
        ],
        WITH_A_SPECIFICATION,
    ),
    (
        "shapes of a specification",
        [
            r#"{"input": [{"shape": [[]"#,
            ",[]",
            r#"]}], "output": [{}]}"#,
        ],
        WITH_A_SPECIFICATION,
    ),
    (
        "names of a specification",
        [
            r#"{"input": [{}], "output": [{"class_names": [""#,
            r#"",""#,
            r#""]}]}"#,
        ],
        WITH_A_SPECIFICATION,
    ),
    (
        "lists of a specification",
        [r#"{"x": "#, "[", ""],
        WITH_A_SPECIFICATION,
    ),
    ("values of YAML", ["a: [x", ",x", "]\n"], WITH_PLATFORMS),
    ("keys of YAML", ["a: {x", ",? ", "}\n"], WITH_PLATFORMS),
    ("lists of YAML", ["a: ", "[", ""], WITH_PLATFORMS),
    ("lines of YAML", ["a:\n", "- x\n", ""], WITH_PLATFORMS),
    ("comments of YAML", ["a: x\n", "#\n", ""], WITH_PLATFORMS),
    (
        "values of rules",
        ["[class]\nx = [1", ",1", "]\n"],
        WITH_RULES,
    ),
    ("rules", ["", "[[device]]\n", ""], WITH_RULES),
    ("lists of rules", ["[class]\nx = ", "[", ""], WITH_RULES),
    ("arguments", ["inspect\n", "-\n", ""], &["@{}"]),
];

const WITH_LABELS: &[&str] = &[
    "gen-header OUT/model.tflite --labels {} -o OUT/labels.h",
    "generate OUT/model.tflite --labels {} --out-dir OUT/labels",
];

const WITH_A_SPECIFICATION: &[&str] = &[
    "gen-header OUT/model.tflite --io-spec {} -o OUT/specification.h",
    "generate OUT/model.tflite --io-spec {} --out-dir OUT/specification",
];

/// The last one writes to the text, if it can.
const WITH_PLATFORMS: &[&str] = &[
    "fit OUT/model.tflite --platforms {} --board a",
    "platforms OUT/board.dts -o {}",
];

const WITH_RULES: &[&str] = &["board-repl OUT/board.dts --rules {} -o OUT/rules.repl"];

/// A text of a family, of that many bytes or a few less.
pub fn text([start, part, end]: Family, bytes: usize) -> String {
    let parts = (bytes - start.len() - end.len()) / part.len();
    format!("{start}{}{end}", part.repeat(parts))
}
