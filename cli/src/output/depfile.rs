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
    sources.sort_by_key(|name| looks_like_a_variable(name));
    if sources
        .first()
        .is_some_and(|name| looks_like_a_variable(name))
    {
        sources.insert(0, this_program()?);
    }
    let mut rule = targets.join(&b" "[..]);
    rule.push(b':');
    for source in sources {
        rule.extend(b" \\\n  ");
        rule.extend(source);
    }
    rule.push(b'\n');
    Ok(rule)
}

/// Whether make, which finds this name first behind the colon, takes the line for a variable's value.
fn looks_like_a_variable(name: &[u8]) -> bool {
    name.contains(&b'=')
}

/// The name of this program: a file that outputs are made from as well, to stand before what cannot be the first.
fn this_program() -> Result<Vec<u8>> {
    let program = std::env::current_exe();
    let program = program.map_err(|e| Failure::io("find", Path::new("castiron"), &e))?;
    let name = name(&program)?;
    if looks_like_a_variable(&name) {
        return Err(Failure::usage(
            format!("a depfile cannot start with {program:?}: make reads it as a variable"),
            "move castiron, rename the input files, or omit --depfile",
        ));
    }
    Ok(name)
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
            format!("a depfile cannot name {path:?}: make and ninja cannot read {cannot:?} there"),
            "rename it, or omit --depfile",
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
        let alone = super::rule(&[Path::new("out")], &sources[..1]).unwrap();
        let alone = String::from_utf8(alone).unwrap();
        let program = String::from_utf8(this_program().unwrap()).unwrap();
        assert_eq!(alone, format!("out: \\\n  {program} \\\n  a=b\n"));
    }
}
