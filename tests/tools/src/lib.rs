//! Compilers and other tools that tests run: a test whose tool is missing says so and is skipped,
//! or fails where a `CASTIRON_REQUIRE_…` variable says that the tool must be there. And inputs that
//! are [`large`].
//!
//! Packages name this one by its path alone, as it is not published.

pub mod large;

use std::process::Command;

/// Whether a program is on this machine; if not, a line says that a test is skipped, or the test
/// fails if `CASTIRON_REQUIRE_COMPILERS` has the program.
///
/// # Panics
/// If it is required and missing.
pub fn present(program: &str) -> bool {
    let found = starts(program);
    if !found {
        let required = named_in("CASTIRON_REQUIRE_COMPILERS", program);
        skipped(&format!("no {program} on this machine"), required);
    }
    found
}

/// Whether a program starts; nothing is said if it does not.
pub fn starts(program: &str) -> bool {
    let started = Command::new(program).arg("--version").output();
    started.is_ok_and(|output| output.status.success())
}

/// Whether a variable, a list of words, has a name.
pub fn named_in(variable: &str, name: &str) -> bool {
    let names = std::env::var(variable).unwrap_or_default();
    names.split_whitespace().any(|word| word == name)
}

/// Says why a test is skipped.
///
/// # Panics
/// If what it lacks is required.
pub fn skipped(reason: &str, required: bool) {
    assert!(!required, "{reason}");
    println!("skipped: {reason}");
}

/// What a command prints.
///
/// # Panics
/// If it does not succeed, with all that it printed.
pub fn run(command: &mut Command) -> String {
    let out = (command.output()).unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success(),
        "{command:?}\n{text}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_skipped_unless_it_is_required() {
        assert!(!present("castiron-has-no-such-tool"));
        skipped("nothing", false);
        let required = std::panic::catch_unwind(|| skipped("no tool", true));
        assert!(required.is_err());
    }

    #[test]
    fn what_fails_is_a_failure_with_its_words() {
        let cargo = env!("CARGO");
        assert!(starts(cargo));
        assert!(run(Command::new(cargo).arg("--version")).starts_with("cargo"));
        let failed = std::panic::catch_unwind(|| run(Command::new(cargo).arg("no-such-command")));
        let words = failed.expect_err("it fails");
        let words = words.downcast_ref::<String>().expect("text");
        assert!(words.contains("no-such-command"), "{words}");
    }
}
