//! Holds dependencies to the workspace's minimum Rust version.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// Lock files that are checked, each by its manifest.
const MANIFESTS: [&str; 2] = ["Cargo.toml", "examples/cortex-m/Cargo.toml"];

/// The parts of `cargo metadata` that are read.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    rust_version: Option<String>,
}

/// A Rust release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32, u32);

/// Compares what all packages of all lock files say that they need; how many do, and our version.
///
/// # Errors
/// If one needs a newer Rust than the workspace promises: all that do are named.
pub(crate) fn check(root: &Path) -> Result<(usize, String)> {
    let ours = promised(root)?;
    let (mut stated, mut faults) = (0, Vec::new());
    for manifest in MANIFESTS {
        for package in metadata(&root.join(manifest))?.packages {
            let Some(needs) = &package.rust_version else {
                continue;
            };
            stated += 1;
            if Version::parse(needs).is_none_or(|needs| needs > ours) {
                faults.push(format!(
                    "{} {} needs Rust {needs}, the workspace promises {ours}",
                    package.name, package.version
                ));
            }
        }
    }
    faults.sort();
    faults.dedup();
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    Ok((stated, ours.to_string()))
}

/// The workspace's minimum Rust version.
fn promised(root: &Path) -> Result<Version> {
    let path = root.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let manifest: toml::Table = toml::from_str(&text)?;
    manifest
        .get("workspace")
        .and_then(|w| w.get("package")?.get("rust-version")?.as_str())
        .and_then(Version::parse)
        .with_context(|| format!("{}: no workspace.package.rust-version", path.display()))
}

fn metadata(manifest: &Path) -> Result<Metadata> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--all-features",
            "--locked",
        ])
        .arg("--manifest-path")
        .arg(manifest)
        .output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(str::parse);
        let mut next = || parts.next().unwrap_or(Ok(0)).ok();
        Some(Self(next()?, next()?, next()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_their_numbers() {
        assert!(Version::parse("1.9") < Version::parse("1.88.0"));
        assert_eq!(Version::parse("1.88"), Version::parse("1.88.0"));
        assert_eq!(Version::parse("stable"), None);
    }
}
