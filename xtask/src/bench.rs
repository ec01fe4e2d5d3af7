//! Builds and runs each model, and subtracts what is the harness.

use std::collections::HashMap;

use anyhow::{Context as _, Result};

use crate::cycles;
use crate::elf::{Image, Sections};
use crate::firmware::{Builder, Content};
use crate::models::Subject;
use crate::profile::{self, OperatorCost};
use crate::qemu::{self, Run};

/// One model, done.
pub(crate) struct Entry {
    /// File name without extension.
    pub(crate) name: String,
    /// Of the model file.
    pub(crate) sha256: String,
    /// Of the model file; bytes.
    pub(crate) file: u64,
    /// What came of it.
    pub(crate) outcome: Outcome,
}

/// What came of a model.
pub(crate) enum Outcome {
    /// It ran.
    Measured(Box<Measured>),
    /// It did not build or did not run to its end.
    Failed(String),
}

/// A model that ran.
pub(crate) struct Measured {
    /// What the firmware reports.
    pub(crate) run: Run,
    /// Flash for code and constants that the model brought along; bytes.
    pub(crate) code: u64,
    /// Flash for its packed weights; bytes.
    pub(crate) weights: u64,
    /// RAM that the model brought along, but for the stack; bytes.
    pub(crate) ram: u64,
    /// The image's sections, harness and goldens' readers included.
    pub(crate) sections: Sections,
    /// Functions in the image that panic or allocate.
    pub(crate) offenders: Vec<String>,
    /// What each operator takes, where that was asked for.
    pub(crate) operators: Vec<OperatorCost>,
    /// Of the middle case, by estimate, where that was asked for.
    pub(crate) cycles: Option<u64>,
}

/// A figure of a model that ran.
pub(crate) type Figure = fn(&Measured) -> u64;

impl Measured {
    /// RAM that lasts from run to run, beside the arena; bytes.
    pub(crate) fn state(&self) -> u64 {
        self.ram.saturating_sub(self.run.arena)
    }
}

/// What is measured beside each model as a whole.
#[derive(Clone, Copy, Default)]
pub(crate) struct Extra {
    /// Each operator, by another firmware.
    pub(crate) operators: bool,
    /// Cycles, by another run.
    pub(crate) cycles: bool,
}

/// Builds and runs all of `subjects`, one after the other: they share a target directory.
pub(crate) fn run(builder: &Builder<'_>, subjects: &[Subject], extra: Extra) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut harnesses = HashMap::new();
    for (index, subject) in subjects.iter().enumerate() {
        eprintln!("[{}/{}] {}", index + 1, subjects.len(), subject.name);
        let measured = measure(builder, subject, &mut harnesses, extra);
        let outcome = match measured {
            Ok(measured) => Outcome::Measured(Box::new(measured)),
            Err(error) => {
                eprintln!("{}: {error:#}", subject.name);
                Outcome::Failed(format!("{error:#}"))
            }
        };
        entries.push(Entry {
            name: subject.name.clone(),
            sha256: subject.sha256.clone(),
            file: std::fs::metadata(&subject.model).map_or(0, |file| file.len()),
            outcome,
        });
    }
    entries
}

/// Firmware that feeds and checks a model, without one.
#[derive(Clone, Copy)]
struct Harness {
    code: u64,
    /// Without the model's value.
    ram: u64,
}

impl Harness {
    fn of(builder: &Builder<'_>, subject: &Subject) -> Result<Self> {
        let name = format!("{}.harness", subject.name);
        let path = builder.golden(&name, &subject.model, &subject.golden, Content::Empty)?;
        let image = Image::read(&path)?;
        Ok(Self {
            code: image.code(),
            ram: (image.ram()).saturating_sub(qemu::measure(builder.core, &path)?.ram),
        })
    }
}

/// `harnesses` has those that were built, by interface.
fn measure(
    builder: &Builder<'_>,
    subject: &Subject,
    harnesses: &mut HashMap<String, Harness>,
    extra: Extra,
) -> Result<Measured> {
    let harness = match harnesses.get(&subject.interface) {
        Some(harness) => *harness,
        None => {
            let harness = Harness::of(builder, subject).context("the firmware without a model")?;
            harnesses.insert(subject.interface.clone(), harness);
            harness
        }
    };
    let path = builder.golden(
        &subject.name,
        &subject.model,
        &subject.golden,
        Content::Model,
    )?;

    let mut image = Image::read(&path)?;
    let run = qemu::measure(builder.core, &path).with_context(|| image.suspects())?;
    // The compiler may turn a few weights into immediates; then there is no such static.
    if image.weights == 0 {
        image.weights = run.weights.min(image.sections.rodata);
    }
    Ok(Measured {
        code: image.code().saturating_sub(harness.code),
        weights: image.weights,
        sections: image.sections,
        ram: image.ram().saturating_sub(harness.ram),
        offenders: image.offenders,
        operators: match extra.operators {
            true => profile::measure(builder, subject)?,
            false => Vec::new(),
        },
        cycles: match extra.cycles {
            true => Some(cycles::estimate(
                &path,
                run.median_case(),
                run.median_instructions(),
            )?),
            false => None,
        },
        run,
    })
}
