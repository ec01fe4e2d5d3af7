//! Whether models compute the same on the emulated processor with all optimisations, without each that does something for them, and without any.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};
use castiron_build::toolchain::Toolchain;
use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::tflite;
use comfy_table::presets;

use crate::bench::{self, Entry, Extra, Outcome};
use crate::cores::Core;
use crate::firmware::{Builder, OptLevel, Plan};
use crate::models::{Selection, Subject};
use crate::{report, subjects};

/// Networks that people run.
const REAL: [&str; 9] = [
    "mlperf_kws",
    "mlperf_vww",
    "mlperf_ic",
    "mlperf_ad",
    "person_detect",
    "micro_speech_quantized",
    "magic_wand",
    "vae",
    "hello_world_int8",
];

/// A model with something left out.
struct Way {
    subject: Subject,
    plan: Plan,
    /// A pass, or all.
    without: Option<String>,
}

/// Builds and runs the models in every way, and fails where one computes something else than its goldens.
pub(crate) fn check(
    root: &Path,
    toolchain: &Toolchain,
    core: Core,
    opt: OptLevel,
    mut selection: Selection,
) -> Result<()> {
    selection.narrow(REAL.into_iter());
    let mut table = report::table(
        presets::UTF8_BORDERS_ONLY,
        &["model", "plan", "without", "instructions", "arena"],
    );
    let mut entries = Vec::new();
    for subject in subjects(root, &selection)? {
        for way in ways(&subject)? {
            let mut builder = Builder::new(root, toolchain, core, opt).plan(way.plan);
            if let Some(pass) = &way.without {
                builder = builder.without(pass.clone());
            }
            let measured = bench::run(&builder, &[way.subject], Extra::default());
            let without = way.without.as_deref().unwrap_or("–");
            for mut entry in measured {
                table.add_row(row(&entry, way.plan, without));
                entry.name = format!("{} ({}), without {without}", entry.name, way.plan.title());
                entries.push(entry);
            }
        }
    }
    println!("{table}");
    report::all_right(&entries)
}

/// The ways of a model: as it is and in the least memory, without each pass that does something there, and without any.
fn ways(subject: &Subject) -> Result<Vec<Way>> {
    let bytes = std::fs::read(&subject.model).with_context(|| subject.name.clone())?;
    let model = tflite::read(&subject.name, &bytes)?;
    let examined = compile::examine(&model, &CompileOptions::default());
    let verdicts = examined.verdicts.iter();
    let changes = verdicts.flat_map(|verdict| &verdict.changes);
    let acting: BTreeSet<String> = changes.map(|change| change.pass.to_string()).collect();
    let mut ways = Vec::new();
    for plan in [Plan::Default, Plan::Least] {
        let mut left_out: Vec<Option<String>> = vec![None];
        left_out.extend(acting.iter().cloned().map(Some));
        if plan == Plan::Least {
            left_out.push(Some("stream-rows".to_owned()));
        }
        left_out.push(Some("all".to_owned()));
        ways.extend(left_out.into_iter().map(|without| Way {
            subject: subject.clone(),
            plan,
            without,
        }));
    }
    Ok(ways)
}

fn row(entry: &Entry, plan: Plan, without: &str) -> Vec<String> {
    let mut row = vec![
        entry.name.clone(),
        plan.title().to_owned(),
        without.to_owned(),
    ];
    row.extend(match &entry.outcome {
        Outcome::Measured(measured) => [measured.run.median_instructions(), measured.run.arena]
            .map(report::grouped)
            .to_vec(),
        Outcome::Failed(_) => vec![report::dash(), report::dash()],
    });
    row
}
