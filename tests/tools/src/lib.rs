//! Compilers and other tools that tests run: a test whose tool is missing says so and is skipped,
//! or fails where a `CASTIRON_REQUIRE_…` variable says that the tool must be there. What was skipped
//! stands below the test program's last line, and so does what it compared. And inputs that are [`large`].
//!
//! Packages name this one by its path alone, as it is not published.

pub mod file;
mod flex;
pub mod large;
mod mobilenet;
mod rustc;

pub use mobilenet::mobilenet_v2;
pub use rustc::{rustc, rustc_with};

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The most processor time that a call of the command may take, on a machine that does nothing else.
pub const MOST_TIME: Duration = Duration::from_secs(1);

/// The most memory that a call of the command on a file of `bytes` may hold.
pub const fn most_memory(bytes: u64) -> u64 {
    10 * bytes + (64 << 20)
}

/// Lines that a run says of itself.
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Tests that were skipped, by reason.
static SKIPPED: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

dtor::declarative::dtor! {
    // libtest counts a skipped test as passed and keeps what a test prints to itself.
    #[dtor(unsafe)]
    fn summary() {
        let skipped = SKIPPED.lock().unwrap_or_else(PoisonError::into_inner);
        let said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text: String = said.iter().map(|line| format!("{line}\n")).collect();
        for (reason, tests) in &*skipped {
            text += &format!("{} skipped, {reason}: {}\n", tests.len(), tests.join(", "));
        }
        // Nobody is left to hear of a failure.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

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

/// The folder that a variable of the environment names, without which a test, or a part of it, is skipped.
pub fn folder(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    if folder.is_none() {
        skipped(&format!("{variable} names no folder"), false);
    }
    folder
}

/// Says why the test that calls this is skipped, or a part of it: at once, and when the program ends.
///
/// # Panics
/// If what it lacks is required.
pub fn skipped(reason: &str, required: bool) {
    assert!(!required, "{reason}");
    println!("skipped: {reason}");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let mut skipped = SKIPPED.lock().unwrap_or_else(PoisonError::into_inner);
    let tests = skipped.entry(reason.to_owned()).or_default();
    if !tests.contains(&test) {
        tests.push(test);
    }
}

/// Says what a test that passes has to say, such as how much it compared: when the program ends.
pub fn say(line: String) {
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    said.push(line);
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
        say("1 tool is missing".to_owned());
        let required = std::panic::catch_unwind(|| skipped("no tool", true));
        assert!(required.is_err());
    }

    #[test]
    fn what_was_compared_and_skipped_is_the_last_that_a_program_says() {
        let test = "tests::what_is_missing_is_skipped_unless_it_is_required";
        let mut program = Command::new(std::env::current_exe().unwrap());
        let out = program.args([test, "--exact", "--test-threads=2"]).output();
        let said = String::from_utf8(out.unwrap().stderr).unwrap();
        assert_eq!(
            said,
            format!(
                "1 tool is missing\n\
                 1 skipped, no castiron-has-no-such-tool on this machine: {test}\n\
                 1 skipped, nothing: {test}\n"
            )
        );
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
