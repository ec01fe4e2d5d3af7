//! Damaged files: whatever the bytes, an error that names the file, or a result that is right. The same files
//! every time; `CASTIRON_FUZZ_CASES` asks for more of them, and `fuzz/` looks for others.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use castiron_tests::damage;
use castiron_tests::targets::{DEVICETREE, PIPELINE, RANDOM_MODELS, READER, REWRITING, Target};
use cpu_time::ThreadTime;

/// The most processor time that a file of a few thousand bytes may take, without optimisation.
const MOST_TIME: Duration = Duration::from_secs(20);

/// Most damage is seen by the first check; of a hundred files so many have to be taken for a test to be worth its name.
const LEAST_TAKEN: u64 = 5;

/// Gives a target damaged files.
fn take(target: &Target, cases: u64) {
    let seeds = (target.seeds)();
    let asked = std::env::var("CASTIRON_FUZZ_CASES").ok();
    let cases = asked.map_or(cases, |asked| asked.parse().expect("a number"));
    let (mut taken, mut longest) = (0, (Duration::ZERO, 0));
    for case in 0..cases {
        let bytes = damage::damaged(target, &seeds, case);
        let start = ThreadTime::now();
        match catch_unwind(AssertUnwindSafe(|| (target.take)(&bytes))) {
            Ok(was_taken) => taken += u64::from(was_taken),
            Err(panic) => {
                eprintln!("{}, case {case}", target.name);
                resume_unwind(panic);
            }
        }
        longest = longest.max((start.elapsed(), case));
    }
    let (time, case) = longest;
    println!(
        "{}: {cases} files, {taken} taken, at most {time:.2?} (case {case})",
        target.name
    );
    assert!(time < MOST_TIME, "{}, case {case}: {time:?}", target.name);
    assert!(
        100 * taken >= LEAST_TAKEN * cases,
        "{taken} of {cases} were taken"
    );
}

#[test]
fn damaged_models_are_read_or_refused() {
    take(&READER, 500);
}

#[test]
fn damaged_models_give_errors_or_programs() {
    take(&PIPELINE, 100);
}

#[test]
fn damaged_devicetrees_give_errors_or_platforms() {
    take(&DEVICETREE, 150);
}

#[test]
fn damaged_models_are_rewritten_or_refused() {
    take(&REWRITING, 200);
}

#[test]
fn models_that_damaged_bytes_decide_are_valid() {
    take(&RANDOM_MODELS, 80);
}
