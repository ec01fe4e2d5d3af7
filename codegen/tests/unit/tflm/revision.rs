use std::path::Path;

use castiron_codegen::tflm::revision::*;

/// Digits of a commit that follow a word in a text.
fn named<'t>(text: &'t str, word: &str) -> Vec<&'t str> {
    let behind = text.split(word).skip(1);
    let words = behind.map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_hexdigit());
        &rest[..end.unwrap_or(rest.len())]
    });
    words.filter(|word| word.len() >= 7).collect()
}

#[test]
fn whatever_names_a_revision_names_this_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let docs = std::fs::read_dir(root.join("docs")).expect("documentation");
    let mut files: Vec<_> = docs.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "md"));
    files.push(root.join("xtask/data/tflm-cortex-m4.toml"));
    let sources = ["tflm", "operators"];
    let tables = sources.map(|name| root.join(format!("codegen/src/tflm/sources/{name}.txt")));
    files.extend(tables);
    let mut count = 0;
    for path in &files {
        let text = std::fs::read_to_string(path).expect("a text");
        for word in ["tflite-micro ", "TensorFlow Lite Micro ", "tflm = \""] {
            for found in named(&text, word) {
                let wanted = &TFLM_COMMIT[..found.len().min(TFLM_COMMIT.len())];
                assert_eq!(found, wanted, "{}", path.display());
                count += 1;
            }
        }
    }
    assert!(
        count >= 8,
        "{count} mentions: the words of this test are out of date"
    );
}
