//! Models by the dozen in one firmware: each is run once, and once more with a look at where operators end.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use castiron_board::cost::{Features, PATCHES, TURNS, key, of_steps, of_stream, without_steps};
use castiron_codegen::Model;
use castiron_codegen::compile;
use castiron_codegen::program::{Program, Step};
use castiron_codegen::tflite;

use super::variant::Variant;
use super::{Kind, Part, Sample};
use crate::cores::Core;
use crate::firmware::{self, Builder, OptLevel};
use crate::models::{self, Subject};
use crate::{cycles, qemu};

const OPERATORS: &str = "tests/data/ops";
const OWN: [&str; 2] = ["examples/models", "tests/data/models"];
const FURTHER: &str = "CASTIRON_SHARED";
const FURTHER_FOLDERS: [&str; 3] = ["models", "models/self", "models/public"];
/// One-operator models that are measured of each kernel.
const OF_EACH: usize = 2;
/// Networks of more multiply-accumulates are left out: emulators take too long for them.
const MOST_MACS: u64 = 20_000_000;
/// The same of what they take otherwise than balanced: it is each network once more.
const MOST_MACS_OF_VARIANTS: u64 = 4_000_000;

/// A model that can be measured.
struct Candidate {
    subject: Subject,
    kind: Kind,
    variant: Variant,
    /// How the firmware's build script is told of the variant.
    words: String,
    /// Operators of the file's first subgraph.
    operators: usize,
    /// What ends together, by the operator that shows it.
    groups: Vec<(usize, Kernels)>,
    ram: usize,
    weights: usize,
}

type Kernels = Vec<(String, Features)>;

/// What one firmware may have.
struct Limits {
    models: usize,
    ram: usize,
    weights: usize,
}

impl Limits {
    /// Of the memories of the emulated board, which code, stack and what the firmware keeps take a part of.
    fn of(core: Core) -> Self {
        match core {
            Core::M55 => Self {
                models: 60,
                ram: 200 << 10,
                weights: 220 << 10,
            },
            _ => Self {
                models: 120,
                ram: 2 << 20,
                weights: 2 << 20,
            },
        }
    }
}

/// All models that run, and what compiles them. What is known of one is taken, with figures of its calls as they are now.
pub(super) fn all(
    root: &Path,
    core: Core,
    mut known: Vec<Sample>,
) -> Result<(Vec<Sample>, String)> {
    let toolchain = firmware::toolchain(core)?;
    qemu::check(core)?;
    let limits = Limits::of(core);
    let builder = Builder::new(root, &toolchain, core, OptLevel::Speed);
    let (mut samples, mut unknown) = (Vec::new(), Vec::new());
    for one in candidates(root, core)? {
        match known.iter().position(|sample| one.is_of(sample)) {
            Some(at) => samples.push(one.renewed(known.remove(at))),
            None => unknown.push(one),
        }
    }
    let mut rest = &unknown[..];
    let mut number = 0;
    while !rest.is_empty() {
        let (batch, others) = rest.split_at(fitting(rest, &limits));
        eprintln!(
            "{}: {} models from {} on, {} to go",
            core.title(),
            batch.len(),
            batch[0].subject.name,
            others.len()
        );
        samples.extend(measured(root, &builder, core, number, batch)?);
        number += 1;
        rest = others;
    }
    samples.sort_by(|a, b| (a.kind, &a.name, a.variant).cmp(&(b.kind, &b.name, b.variant)));
    Ok((samples, toolchain.to_string()))
}

impl Candidate {
    /// Whether a sample is what was measured of it.
    fn is_of(&self, sample: &Sample) -> bool {
        let own = (self.kind, self.variant, &self.subject.name);
        own == (sample.kind, sample.variant, &sample.name)
            && self.groups.len() == sample.parts.len()
    }

    /// The sample with figures of its calls as they are now.
    fn renewed(self, mut sample: Sample) -> Sample {
        for (part, (_, kernels)) in sample.parts.iter_mut().zip(self.groups) {
            part.kernels = kernels;
        }
        sample
    }
}

/// How many of the first candidates one firmware has room for: one at least.
fn fitting(candidates: &[Candidate], limits: &Limits) -> usize {
    let (mut ram, mut weights) = (0, 0);
    let fits = candidates.iter().take_while(|one| {
        ram += one.ram;
        weights += one.weights;
        ram <= limits.ram && weights <= limits.weights
    });
    fits.take(limits.models).count().max(1)
}

fn candidates(root: &Path, core: Core) -> Result<Vec<Candidate>> {
    let mut places = vec![(Kind::Operator, root.join(OPERATORS))];
    places.extend(OWN.map(|folder| (Kind::Own, root.join(folder))));
    match std::env::var_os(FURTHER) {
        Some(folder) => {
            let folders = FURTHER_FOLDERS.map(|sub| Path::new(&folder).join(sub));
            places.extend(folders.map(|folder| (Kind::Further, folder)));
        }
        None => eprintln!("skipped: further models; {FURTHER} names no folder that has them"),
    }
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut of_kernel: BTreeMap<String, usize> = BTreeMap::new();
    for (kind, folder) in places.iter().filter(|(_, folder)| folder.is_dir()) {
        for (name, path) in models::tflite_files(folder)? {
            let Ok(subject) = models::subject(name, &path, &folder.join("golden")) else {
                continue;
            };
            if !seen.insert(subject.sha256.clone()) {
                continue;
            }
            let bytes = std::fs::read(&subject.model)?;
            let model = tflite::read(&subject.name, &bytes)?;
            for variant in Variant::ALL {
                let Some(candidate) = candidate(&subject, &model, *kind, variant, core) else {
                    continue;
                };
                let kernels = candidate.groups.iter().flat_map(|(_, kernels)| kernels);
                // Networks have them with all steps.
                let kernels: HashSet<String> =
                    kernels.map(|(name, _)| without_steps(name)).collect();
                let enough = (kernels.iter())
                    .all(|kernel| of_kernel.get(kernel).is_some_and(|count| *count >= OF_EACH));
                // What is only said of rows is said by networks that have some.
                let is_other = match variant {
                    Variant::Least | Variant::Rows => kernels.contains(&without_steps(TURNS)),
                    Variant::Patches => kernels.contains(&without_steps(PATCHES)),
                    _ => true,
                };
                if kernels.is_empty() || !is_other || (*kind == Kind::Operator && enough) {
                    continue;
                }
                if *kind == Kind::Operator {
                    for kernel in kernels {
                        *of_kernel.entry(kernel).or_default() += 1;
                    }
                }
                found.push(candidate);
            }
        }
    }
    let limits = Limits::of(core);
    found.retain(|one| one.ram <= limits.ram && one.weights <= limits.weights);
    Ok(found)
}

/// None if its operators are not known one by one: it has loops or branches, or operators that the firmware computes; or if it is too large.
fn candidate(
    subject: &Subject,
    model: &Model,
    kind: Kind,
    variant: Variant,
    core: Core,
) -> Option<Candidate> {
    let most = match variant {
        Variant::Balanced => MOST_MACS,
        _ => MOST_MACS_OF_VARIANTS,
    };
    let of =
        |variant: Variant, least| compile::compile(model, &variant.options(core.isa(), least)).ok();
    let least = match variant {
        Variant::Patches if kind == Kind::Operator => return None,
        Variant::Patches => of(Variant::Least, 0)?.arena_bytes,
        _ => 0,
    };
    let program = of(variant, least)?;
    let entry = program.entries.first()?;
    if entry.macs > most || !core.isa_has_fp() && has_floats(&program) {
        return None;
    }
    let groups = groups(&program, variant)?;
    let operators = model
        .graphs
        .get(entry.graph)
        .map(|graph| graph.operators.len());
    Some(Candidate {
        subject: subject.clone(),
        kind,
        variant,
        words: variant.words(least),
        operators: operators.unwrap_or_default(),
        groups,
        ram: program.ram_bytes(),
        weights: program.constants.bytes().len(),
    })
}

/// Without instructions for floats their time depends on values.
fn has_floats(program: &Program) -> bool {
    use castiron_codegen::program::ElementType::F32;
    let mut calls = program.calls();
    calls.any(|call| call.operands.iter().any(|operand| operand.element == F32))
}

/// The calls of the first entry, up to each operator that shows its end. What takes its input row by row shows none.
fn groups(program: &Program, variant: Variant) -> Option<Vec<(usize, Kernels)>> {
    let entry = program.entries.first()?;
    let own = program.routines.iter().find(|r| r.graph == entry.graph);
    let steps = own.map_or(&entry.steps, |own| &own.steps);
    let figures = of_steps(steps);
    let of = |number: &usize| figures.get(number).copied().unwrap_or_default();
    let (mut groups, mut open) = (Vec::new(), Kernels::new());
    for step in steps {
        match step {
            Step::Call(call) => add(&mut open, &key(call), of(&call.number)),
            Step::Stream(stream) => {
                for moving in stream.stages.iter().flat_map(|stage| &stage.calls) {
                    add(&mut open, &key(&moving.call), of(&moving.call.number));
                }
                for (name, features) in of_stream(stream) {
                    add(&mut open, name, features);
                }
            }
            Step::Observe(seen) => {
                if !open.is_empty() && variant != Variant::Rows {
                    groups.push((seen.operator, std::mem::take(&mut open)));
                }
            }
            Step::Once { .. } | Step::Wait { .. } => {}
            Step::Custom(_) | Step::Run(_) | Step::If { .. } | Step::While { .. } => return None,
        }
    }
    if variant == Variant::Rows && !open.is_empty() {
        groups.push((0, std::mem::take(&mut open)));
    }
    open.is_empty().then_some(groups)
}

/// Adds what a kernel does; what does nothing is left out.
fn add(kernels: &mut Kernels, name: &str, features: Features) {
    if name == PATCHES && features.iter().all(|figure| *figure <= 0.0) {
        return;
    }
    match kernels.iter_mut().find(|(own, _)| own == name) {
        Some((_, sum)) => sum
            .iter_mut()
            .zip(features)
            .for_each(|(sum, one)| *sum += one),
        None => kernels.push((name.to_owned(), features)),
    }
}

fn measured(
    root: &Path,
    builder: &Builder<'_>,
    core: Core,
    number: usize,
    batch: &[Candidate],
) -> Result<Vec<Sample>> {
    let mut list = String::new();
    for one in batch {
        let subject = &one.subject;
        writeln!(
            list,
            "{}\t{}\t{}",
            subject.model.display(),
            subject.golden.display(),
            one.words
        )?;
    }
    let file = root.join("target/cost-batch.txt");
    std::fs::create_dir_all(root.join("target"))?;
    std::fs::write(&file, list).with_context(|| file.display().to_string())?;
    let image = builder.batch(&format!("cost.{number}"), &file)?;
    let run = qemu::measure(core, &image)?;
    // Some references round otherwise, which takes no other time; `target-test` says what is wrong.
    if run.mismatches > 0 {
        eprintln!(
            "{} of {} values are not the references'",
            run.mismatches, run.values
        );
    }
    let cycles = match cycles::has_timings(core) && cycles::available() {
        true => Some(cycles::of_cases(core, &image, &run.instructions)?),
        false => None,
    };
    let of_case = |case: usize| match cycles.as_ref()?.get(case)? {
        Ok(cycles) => Some(*cycles),
        Err(error) => {
            eprintln!("{}: no cycles: {error:#}", batch[case].subject.name);
            None
        }
    };
    let (mut samples, mut first) = (Vec::new(), 0);
    for (index, one) in batch.iter().enumerate() {
        let instructions = run.instructions.get(index).copied().unwrap_or_default();
        let of = |operator: &usize| {
            run.operators
                .get(first + operator)
                .copied()
                .unwrap_or_default()
        };
        // What is observed once more behind the operator is part of it.
        let shown: u64 = one.groups.iter().map(|(operator, _)| of(operator)).sum();
        let is_shown = one.groups.len() > 1;
        if is_shown && shown.abs_diff(instructions) > instructions / 20 + 400 {
            eprintln!(
                "{}: {instructions} instructions, {shown} of its operators",
                one.subject.name
            );
        }
        let parts = one.groups.iter().map(|(operator, kernels)| Part {
            kernels: kernels.clone(),
            // A run counts exactly, operators by the timer's ticks.
            instructions: match one.groups.len() {
                1 => instructions as f64,
                _ => of(operator) as f64,
            },
        });
        samples.push(Sample {
            name: one.subject.name.clone(),
            kind: one.kind,
            variant: one.variant,
            instructions,
            cycles: of_case(index),
            parts: parts.collect(),
        });
        first += one.operators;
    }
    Ok(samples)
}
