//! The revision of tflite-micro that castiron's tables describe.
//!
//! Operators, sizes of structs and kernels' data, the files of an operator, what kernels take: all
//! of it holds for this one. Whoever moves castiron to another revision begins here.

/// The commit's first digits: what people are told.
macro_rules! short {
    () => {
        "90b983c2"
    };
}

/// The commit, as short as it is in tables.
pub const TFLM_SHORT: &str = short!();

/// The revision as generated files and messages name it.
pub const TFLM_REVISION: &str = concat!(short!(), " (2026-08-20)");

/// The commit.
pub const TFLM_COMMIT: &str = concat!(short!(), "b3f1480642e040bbd2ddb37b998f3424");

/// RAM of `MicroInterpreter` outside of the arena, on 32-bit Arm.
pub const INTERPRETER_BYTES: u64 = 208;

/// RAM of a `MicroMutableOpResolver<N>` on 32-bit Arm.
pub const fn resolver_bytes(operators: usize) -> u64 {
    36 * operators as u64 + 12
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

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
}
