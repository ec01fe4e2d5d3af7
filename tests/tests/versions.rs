//! castiron's crates take one another of their own version only.

use std::fs;

/// Manifests and lock files of several versions would make firmware of kernels that its modules do not know.
#[test]
fn crates_of_castiron_pin_each_other() {
    let manifest = fs::read_to_string(castiron_tests::workspace().join("Cargo.toml")).unwrap();
    let pin = format!("version = \"={}\"", env!("CARGO_PKG_VERSION"));
    let dependencies = manifest.lines().filter(|line| line.starts_with("castiron"));
    let mut pinned = 0;
    for line in dependencies {
        assert!(line.contains(&pin), "not {pin}: {line}");
        pinned += 1;
    }
    assert!(pinned >= 5, "{pinned} dependencies");
    let members = manifest.lines().find(|line| line.starts_with("members = "));
    let members: Vec<&str> = members
        .unwrap_or_default()
        .split('"')
        .skip(1)
        .step_by(2)
        .collect();
    assert!(members.contains(&"runtime"), "{members:?}");
    let mut published = 0;
    for package in members {
        let path = castiron_tests::workspace().join(package).join("Cargo.toml");
        let text = fs::read_to_string(path).unwrap();
        if text.contains("publish = false") {
            continue;
        }
        published += 1;
        let (dependencies, _) = text.split_once("[dev-dependencies]").unwrap_or((&text, ""));
        for line in dependencies
            .lines()
            .filter(|line| line.starts_with("castiron-"))
        {
            assert!(line.contains("workspace = true"), "{package}: {line}");
        }
    }
    // Nothing depends on the command.
    assert_eq!(published, pinned + 1);
}
