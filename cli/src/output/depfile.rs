//! Rules for make and ninja that say what outputs are made from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// The rule that makes the targets from the sources.
pub(super) fn rule(targets: &[&Path], sources: &[PathBuf]) -> Result<Vec<u8>> {
    let names =
        |paths: &mut dyn Iterator<Item = &Path>| paths.map(name).collect::<Result<Vec<_>>>();
    let targets = names(&mut targets.iter().copied())?;
    let sources: BTreeSet<&Path> = (sources.iter().map(PathBuf::as_path))
        .filter(|p| p.as_os_str() != "-")
        .collect();
    let mut sources = names(&mut sources.into_iter())?;
    // make takes a name with = for a variable where it is the first.
    sources.sort_by_key(|name| name.contains(&b'='));
    let mut rule = targets.join(&b" "[..]);
    rule.push(b':');
    for source in sources {
        rule.extend(b" \\\n  ");
        rule.extend(source);
    }
    rule.push(b'\n');
    Ok(rule)
}

/// A path as make and ninja read it in a rule.
fn name(path: &Path) -> Result<Vec<u8>> {
    let bytes = path.as_os_str().as_encoded_bytes();
    let cannot = bytes
        .iter()
        .find(|b| b.is_ascii_control() || b";|".contains(b));
    let last = bytes.last().filter(|b| b":\\".contains(b));
    if let Some(cannot) = cannot.or(last) {
        let cannot = char::from(*cannot);
        return Err(Failure::usage(
            format!(
                "a depfile cannot name {path:?}: neither make nor ninja reads {cannot:?} there"
            ),
            "rename it, or leave --depfile out",
        ));
    }
    let mut name = Vec::with_capacity(bytes.len());
    let mut backslashes = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            // Backslashes mean themselves except before a character that they escape.
            b' ' | b'#' => name.extend(std::iter::repeat_n(b'\\', backslashes + 1)),
            b'$' => name.push(b'$'),
            // A drive is known as such.
            b':' if !(cfg!(windows) && index == 1) => name.push(b'\\'),
            _ => {}
        }
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
        name.push(byte);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(path: &str) -> Option<String> {
        let name = name(Path::new(path)).ok()?;
        Some(String::from_utf8(name).expect("text"))
    }

    #[test]
    fn make_reads_odd_names() {
        for (path, expected) in [
            ("a b/c#d$e", r"a\ b/c\#d$$e"),
            (r"back\ slash\n", r"back\\\ slash\n"),
            ("/run/lr=0.1/a:b", r"/run/lr=0.1/a\:b"),
        ] {
            assert_eq!(written(path).as_deref(), Some(expected));
        }
        for path in ["a\nb", "a\rb", "a\tb", "a;b", "a|b", "a\\", "a:"] {
            assert_eq!(written(path), None, "{path:?}");
        }
    }

    #[test]
    fn a_name_that_looks_like_a_variable_is_not_the_first() {
        let sources = ["a=b", "z"].map(PathBuf::from);
        let rule = rule(&[Path::new("out")], &sources).unwrap();
        assert_eq!(String::from_utf8(rule).unwrap(), "out: \\\n  z \\\n  a=b\n");
    }
}
