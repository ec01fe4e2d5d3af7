//! Models against reference outputs: integers bit for bit, floats within a stated tolerance.

use std::collections::BTreeMap;

use castiron_tests::goldens::{Golden, Outcome, TOLERANCE, find};
use castiron_tests::{reference_folder, workspace};

/// The models that the repository ships.
fn shipped() -> Vec<Golden> {
    let folders =
        ["examples/models", "tests/data/models", "tests/data/ops"].map(|f| workspace().join(f));
    folders
        .iter()
        .flat_map(|models| find(models, &models.join("golden")))
        .collect()
}

#[test]
fn shipped_models_agree_with_the_reference() {
    let all = shipped();
    assert!(!all.is_empty(), "no model with goldens is shipped");
    let summary = check_all(&all);
    assert!(
        summary.left_out.is_empty(),
        "every shipped model compiles: {:?}",
        summary.left_out
    );
    assert!(summary.failed.is_empty(), "{:#?}", summary.failed);
}

#[test]
fn reference_models_agree() {
    let Some(folder) = reference_folder("further models with reference outputs") else {
        return;
    };
    let mut all = find(&folder.join("models"), &folder.join("models/golden"));
    all.extend(find(
        &folder.join("models/self"),
        &folder.join("models/self/golden"),
    ));
    all.extend(find(&folder.join("ops"), &folder.join("ops/golden")));
    let summary = check_all(&all);
    assert!(summary.failed.is_empty(), "{:#?}", summary.failed);
}

#[derive(Default)]
struct Summary {
    failed: Vec<String>,
    left_out: Vec<String>,
}

/// Checks all, prints counts, and what is left out by reason.
fn check_all(all: &[Golden]) -> Summary {
    let (mut passed, mut cases, mut worst) = (0, 0, 0f32);
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut summary = Summary::default();
    for golden in all {
        match golden.check() {
            Outcome::Passed {
                cases: n,
                difference,
            } => {
                passed += 1;
                cases += n;
                worst = worst.max(difference);
            }
            Outcome::LeftOut(error) => {
                for d in error.diagnostics() {
                    let operator = d.place.operator.as_ref().map_or("", |(_, name)| name);
                    let found = d.found.as_deref().unwrap_or("");
                    let reason = format!("{operator}: {} {found}", d.message);
                    let models = reasons.entry(reason).or_default();
                    if models.last() != Some(&golden.name.as_str()) {
                        models.push(&golden.name);
                    }
                }
                summary.left_out.push(format!("{}: {error}", golden.name));
            }
            Outcome::Failed(difference) => {
                summary
                    .failed
                    .push(format!("{}: {difference}", golden.name));
            }
        }
    }
    println!(
        "{passed} of {} models agree in {cases} cases; integers bit for bit, floats within \
         {TOLERANCE:e} (greatest difference {worst:e}); {} left out, {} failed",
        all.len(),
        summary.left_out.len(),
        summary.failed.len(),
    );
    for (reason, models) in reasons {
        println!("  left out, {reason}: {}", models.join(" "));
    }
    summary
}
