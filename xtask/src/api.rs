//! The public interface of castiron's crates against what was promised last.
//!
//! rustdoc's JSON has the interface; it is unstable, so rustdoc alone is told to write it. Items that are hidden in the
//! documentation are none of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};

/// Crates that others than castiron's own depend on.
const CRATES: [&str; 7] = [
    "castiron",
    "castiron-board",
    "castiron-build",
    "castiron-cases",
    "castiron-codegen",
    "castiron-report",
    "castiron-runtime",
];
/// Where the promised interfaces lie.
const PROMISED: &str = "xtask/data/api";
/// In the environment of a call of this program in rustdoc's place: rustdoc.
const RUSTDOC: &str = "CASTIRON_XTASK_RUSTDOC";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Whether this program was started in rustdoc's place, and how that ended. Unstable options are for rustdoc alone: what they
/// are allowed for is compiled once more.
pub(crate) fn rustdoc() -> Option<ExitCode> {
    let rustdoc = env::var_os(RUSTDOC)?;
    let status = Command::new(rustdoc)
        .args(env::args_os().skip(1))
        .env("RUSTC_BOOTSTRAP", "1")
        .status();
    Some(match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Compares all interfaces with the promised ones; what there is to say.
///
/// # Errors
/// If an item is gone or has changed, and the version does not say so.
pub(crate) fn check(root: &Path) -> Result<String> {
    let mut report = String::new();
    let mut broken = String::new();
    for name in CRATES {
        let path = promised_path(root, name);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let (version, promised) = parse(&text).with_context(|| path.display().to_string())?;
        let now = interface(root, name)?;
        let gone: Vec<_> = promised.difference(&now).collect();
        let new = now.difference(&promised).count();
        writeln!(
            report,
            "{name}: {} items as in {version}, {new} new, {} gone or changed",
            promised.len() - gone.len(),
            gone.len()
        )?;
        if is_compatible(version, VERSION) {
            for item in gone {
                writeln!(broken, "{name}: {item}")?;
            }
        }
    }
    if broken.is_empty() {
        return Ok(report);
    }
    bail!(
        "{VERSION} lacks or changes what an earlier version promised:\n{broken}help: bring it back, or raise the version in \
         Cargo.toml so that it says so; before the first release, `cargo xtask api --update`"
    )
}

/// Writes the interfaces as they are now.
///
/// # Errors
/// If rustdoc fails or a file cannot be written.
pub(crate) fn update(root: &Path) -> Result<()> {
    fs::create_dir_all(root.join(PROMISED))?;
    for name in CRATES {
        let mut text = format!("# {VERSION}\n");
        for item in interface(root, name)? {
            text += &item;
            text.push('\n');
        }
        fs::write(promised_path(root, name), text)?;
    }
    Ok(())
}

fn promised_path(root: &Path, name: &str) -> PathBuf {
    root.join(PROMISED).join(format!("{name}.txt"))
}

/// The version and the items of a promised interface.
fn parse(text: &str) -> Result<(&str, BTreeSet<String>)> {
    let (head, items) = text.split_once('\n').context("the file is empty")?;
    let version = head
        .strip_prefix("# ")
        .context("the first line has no version")?;
    Ok((version, items.lines().map(str::to_owned).collect()))
}

/// Whether a program for the one version may be given the other.
fn is_compatible(old: &str, new: &str) -> bool {
    let parts = |version: &str| -> Vec<String> { version.split('.').map(str::to_owned).collect() };
    let (old, new) = (parts(old), parts(new));
    let significant = if old.first().is_some_and(|major| major == "0") {
        2
    } else {
        1
    };
    old.iter()
        .take(significant)
        .eq(new.iter().take(significant))
}

/// What a crate offers, an item a line.
fn interface(root: &Path, name: &str) -> Result<BTreeSet<String>> {
    let rustdoc = env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root)
        .args(["rustdoc", "--locked", "--quiet", "--lib", "-p", name, "--"])
        .args([
            "-Zunstable-options",
            "--output-format=json",
            "--cap-lints=allow",
        ])
        .env("RUSTDOC", env::current_exe()?)
        .env(RUSTDOC, rustdoc)
        .output()
        .context("starting cargo")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let json = target
        .join("doc")
        .join(format!("{}.json", name.replace('-', "_")));
    let api = public_api::Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .with_context(|| {
            format!(
                "{}: the crate public-api is for other versions of rustdoc",
                json.display()
            )
        })?;
    let items: BTreeSet<String> = api.items().map(ToString::to_string).collect();
    ensure!(!items.is_empty(), "{name} has no public items");
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_say_what_may_change() {
        for (old, new, compatible) in [
            ("0.1.0", "0.1.3", true),
            ("0.1.0", "0.2.0", false),
            ("1.1.0", "1.2.0", true),
            ("1.1.0", "2.0.0", false),
        ] {
            assert_eq!(is_compatible(old, new), compatible, "{old} {new}");
        }
    }

    #[test]
    fn a_promise_is_read() {
        let (version, items) = parse("# 0.1.0\npub fn a::b()\npub mod a\n").unwrap();
        assert_eq!((version, items.len()), ("0.1.0", 2));
        assert!(parse("pub mod a\n").is_err());
    }
}
