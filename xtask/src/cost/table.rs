//! Fits a table to what was measured, says how good it is, and writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use castiron_board::cost::{CostTable, Error, FEATURES, Features};
use clap::ValueEnum as _;
use comfy_table::presets;

use super::fit::{Normal, Prior, Row};
use super::{Kind, Part, Sample, path};
use crate::cores::Core;
use crate::report;

/// Variables of a kernel.
const OF_EACH: usize = FEATURES.len();
/// How much it weighs that a kernel is as others of its kind, beside a measured part that is off by as much.
const AS_ITS_KIND: f64 = 0.03;
/// The same of cycles for an instruction.
const AS_ALL: f64 = 0.1;
/// Errors of parts are relative to what they take and so many instructions more, which the emulator's timer and calls leave open.
const LEAST: f64 = 40.0;
/// And to this part of the model, lest a part that hardly matters is fitted as well as one that does.
const SHARE: f64 = 0.02;
/// What a one-operator model weighs beside a part of a network.
const OPERATOR: f64 = 0.3;

/// What was measured, as equations.
struct Problem<'a> {
    names: Vec<&'a str>,
    samples: &'a [Sample],
    /// By sample.
    rows: Vec<Vec<Row>>,
}

/// Coefficients of all kernels, and what is assumed of each.
struct Fitted {
    priors: Vec<Prior>,
    normal: Normal,
    coefficients: Vec<f64>,
}

impl<'a> Problem<'a> {
    fn new(samples: &'a [Sample]) -> Self {
        let parts = samples.iter().flat_map(|sample| &sample.parts);
        let mut names: Vec<&str> = parts.flat_map(Part::names).collect();
        names.sort_unstable();
        names.dedup();
        let mut problem = Self {
            names,
            samples,
            rows: Vec::new(),
        };
        problem.rows = samples
            .iter()
            .map(|sample| problem.rows_of(sample))
            .collect();
        problem
    }

    fn index(&self, name: &str) -> usize {
        self.names.binary_search(&name).unwrap_or_default()
    }

    fn rows_of(&self, sample: &Sample) -> Vec<Row> {
        let share = sample.instructions as f64 * SHARE;
        let of_kind = if sample.kind == Kind::Operator {
            OPERATOR
        } else {
            1.0
        };
        let row = |part: &Part| {
            let factors = part.kernels.iter().flat_map(|(name, features)| {
                let first = self.index(name) * OF_EACH;
                let factors = features
                    .iter()
                    .enumerate()
                    .filter(|(_, factor)| **factor > 0.0);
                factors.map(move |(at, factor)| (first + at, *factor))
            });
            Row {
                factors: factors.collect(),
                wanted: part.instructions,
                weight: of_kind / (part.instructions + LEAST + share),
            }
        };
        sample.parts.iter().map(row).collect()
    }

    /// What is assumed of a kernel: what all of its kind have in common, by least squares.
    fn priors(&self) -> Vec<Prior> {
        let kinds: Vec<usize> = self.names.iter().map(|name| kind(name)).collect();
        let free = Prior {
            value: 0.0,
            weight: 1e-6,
        };
        let mut normal = Normal::of(&[free; KINDS * OF_EACH]);
        let mut squares = vec![0.0; self.names.len() * OF_EACH];
        for row in self.rows.iter().flatten() {
            let mut factors: BTreeMap<usize, f64> = BTreeMap::new();
            for (variable, factor) in &row.factors {
                let of_kind = kinds[variable / OF_EACH] * OF_EACH + variable % OF_EACH;
                *factors.entry(of_kind).or_default() += factor;
                squares[*variable] += (factor * row.weight).powi(2);
            }
            normal.add(
                &Row {
                    factors: factors.into_iter().collect(),
                    ..row.clone()
                },
                1.0,
            );
        }
        let of_kinds = normal.solve(&[0.0; KINDS * OF_EACH]);
        let priors = squares.iter().enumerate().map(|(variable, square)| Prior {
            // A figure that none of its calls has says nothing of it.
            value: match *square > 0.0 {
                true => of_kinds[kinds[variable / OF_EACH] * OF_EACH + variable % OF_EACH],
                false => 0.0,
            },
            // As a difference shows in the rows that have it.
            weight: AS_ITS_KIND * square.sqrt().max(1e-6),
        });
        priors.collect()
    }

    fn fit(&self) -> Fitted {
        let priors = self.priors();
        let mut normal = Normal::of(&priors);
        self.rows
            .iter()
            .flatten()
            .for_each(|row| normal.add(row, 1.0));
        let start: Vec<f64> = priors.iter().map(|prior| prior.value).collect();
        let coefficients = normal.solve(&start);
        Fitted {
            priors,
            normal,
            coefficients,
        }
    }

    /// Coefficients from all samples but one, and those that have the same kernels: none of them is estimated from another that is nearly the same.
    fn without(&self, sample: &Sample, fitted: &Fitted) -> Vec<f64> {
        let mut normal = fitted.normal.clone();
        for (other, rows) in self.samples.iter().zip(&self.rows) {
            if other.kind != Kind::Operator && other.names() == sample.names() {
                rows.iter().for_each(|row| normal.add(row, -1.0));
            }
        }
        let start: Vec<f64> = fitted
            .priors
            .iter()
            .zip(&fitted.coefficients)
            .map(|(_, own)| *own)
            .collect();
        normal.solve(&start)
    }

    fn estimate(&self, sample: &Sample, coefficients: &[f64]) -> f64 {
        let parts = sample
            .parts
            .iter()
            .map(|part| self.of_part(part, coefficients));
        parts.sum()
    }

    fn of_part(&self, part: &Part, coefficients: &[f64]) -> f64 {
        let kernels = part.kernels.iter();
        kernels
            .map(|(name, features)| self.of_kernel(name, features, coefficients))
            .sum()
    }

    fn of_kernel(&self, name: &str, features: &Features, coefficients: &[f64]) -> f64 {
        let first = self.index(name) * OF_EACH;
        let own = coefficients.iter().skip(first);
        features.iter().zip(own).map(|(a, b)| a * b).sum()
    }

    /// Rows of which the variables are cycles of each kernel's instructions, less one: no instruction takes less.
    fn cycle_row(&self, sample: &Sample, coefficients: &[f64]) -> Option<Row> {
        let all = self.estimate(sample, coefficients);
        let cycles = sample.cycles? as f64 / sample.instructions.max(1) as f64;
        let mut factors: BTreeMap<usize, f64> = BTreeMap::new();
        for (name, features) in sample.parts.iter().flat_map(|part| &part.kernels) {
            let share = self.of_kernel(name, features, coefficients) / all.max(1.0);
            *factors.entry(self.index(name)).or_default() += share;
        }
        let of_kind = if sample.kind == Kind::Operator {
            OPERATOR
        } else {
            1.0
        };
        Some(Row {
            factors: factors
                .into_iter()
                .filter(|(_, share)| *share > 0.0)
                .collect(),
            wanted: cycles - 1.0,
            weight: of_kind / cycles,
        })
    }
}

/// Cycles for an instruction, by kernel.
struct Cycles {
    normal: Normal,
    /// By sample.
    rows: Vec<Option<Row>>,
    found: Vec<f64>,
}

impl Cycles {
    fn fit(problem: &Problem<'_>, coefficients: &[f64]) -> Option<Self> {
        let samples = problem.samples.iter();
        let rows: Vec<Option<Row>> = samples
            .map(|s| problem.cycle_row(s, coefficients))
            .collect();
        let known: Vec<&Row> = rows.iter().flatten().collect();
        if known.is_empty() {
            return None;
        }
        let mean = known.iter().map(|row| row.wanted).sum::<f64>() / known.len() as f64;
        let priors = vec![
            Prior {
                value: mean,
                weight: AS_ALL,
            };
            problem.names.len()
        ];
        let mut normal = Normal::of(&priors);
        known.iter().for_each(|row| normal.add(row, 1.0));
        let found = normal.solve(&vec![mean; problem.names.len()]);
        Some(Self {
            normal,
            rows,
            found,
        })
    }

    fn without(&self, problem: &Problem<'_>, sample: &Sample) -> Vec<f64> {
        let mut normal = self.normal.clone();
        for (other, row) in problem.samples.iter().zip(&self.rows) {
            if let Some(row) = row
                && other.kind != Kind::Operator
                && other.names() == sample.names()
            {
                normal.add(row, -1.0);
            }
        }
        normal.solve(&self.found)
    }
}

impl Problem<'_> {
    fn cycles(&self, sample: &Sample, coefficients: &[f64], found: &[f64]) -> f64 {
        let kernels = sample.parts.iter().flat_map(|part| &part.kernels);
        let cycles = kernels.map(|(name, features)| {
            self.of_kernel(name, features, coefficients) * (1.0 + found[self.index(name)])
        });
        cycles.sum()
    }
}

impl Part {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.kernels.iter().map(|(name, _)| name.as_str())
    }
}

impl Sample {
    /// The kernels that it calls.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.parts.iter().flat_map(Part::names).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

const KINDS: usize = 4;

/// Kernels of products, of floats and of others, and kernels of single elements, likewise.
fn kind(name: &str) -> usize {
    let is_of = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let multiplies = is_of(&[
        "Conv",
        "FullyConnected",
        "Matmul",
        "Pointwise",
        "Lstm",
        "Svdf",
        "Small",
    ]);
    let is_float = name.ends_with(" f32");
    usize::from(multiplies) + 2 * usize::from(is_float)
}

/// How far some estimates are off.
#[derive(Default)]
struct Errors {
    all: Vec<(f64, String)>,
}

impl Errors {
    fn add(&mut self, name: &str, estimate: f64, measured: f64) {
        let error = (estimate - measured).abs() / measured.max(1.0) * 100.0;
        self.all.push((error, name.to_owned()));
    }

    fn sorted(mut self) -> Self {
        self.all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        self
    }

    fn median(&self) -> f64 {
        self.all
            .get(self.all.len() / 2)
            .map_or(0.0, |(error, _)| *error)
    }

    fn worst(&self) -> (f64, &str) {
        self.all
            .last()
            .map_or((0.0, ""), |(error, name)| (*error, name))
    }
}

fn section_of(text: &mut String, name: &str, errors: Errors, left_out: Errors) {
    let (errors, left_out) = (errors.sorted(), left_out.sorted());
    let (worst, model) = errors.worst();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\n[{name}]
median-percent = {:.1}
worst-percent = {worst:.1}
worst-model = {model:?}
left-out-median-percent = {:.1}
left-out-worst-percent = {:.1}
",
        errors.median(),
        left_out.median(),
        left_out.worst().0
    );
}

/// The table of a core.
pub(super) fn text(core: Core, samples: &[Sample], toolchain: &str) -> String {
    // The version: how it was built is no matter of time.
    let toolchain = toolchain.split(" (").next().unwrap_or(toolchain);
    let problem = Problem::new(samples);
    let fitted = problem.fit();
    let own = &fitted.coefficients;
    let cycles = Cycles::fit(&problem, own);
    let [mut errors, mut left_out, mut of_cycles, mut cycles_left_out] =
        [const { Errors { all: Vec::new() } }; 4];
    let networks: Vec<&Sample> = samples
        .iter()
        .filter(|s| s.kind != Kind::Operator)
        .collect();
    for sample in &networks {
        let (name, measured) = (&sample.name, sample.instructions as f64);
        let (estimate, others) = (
            problem.estimate(sample, own),
            problem.without(sample, &fitted),
        );
        let without = problem.estimate(sample, &others);
        errors.add(name, estimate, measured);
        left_out.add(name, without, measured);
        eprintln!(
            "{name}: {measured} instructions, {estimate:.0} estimated ({:+.1} %), without it {without:.0} ({:+.1} %)",
            (estimate / measured - 1.0) * 100.0,
            (without / measured - 1.0) * 100.0
        );
        if let (Some(cycles), Some(measured)) = (&cycles, sample.cycles) {
            let estimate = problem.cycles(sample, own, &cycles.found);
            of_cycles.add(name, estimate, measured as f64);
            let without = problem.cycles(sample, &others, &cycles.without(&problem, sample));
            cycles_left_out.add(name, without, measured as f64);
        }
    }
    let mut text = format!(
        "# What castiron's kernels, with the type of the first operand, take on a {title}: instructions for each call, each
# pixel or row, each element of the output and of the input, each element of the window or row that a pixel is made of,
# each byte of weights that it is multiplied with, and each multiply-accumulate or other operation; and, if known, the
# cycles that an instruction takes.
# Written by `cargo xtask cost --update`: measured in an emulator, in firmware of opt-level 3, and fitted by least
# squares of relative errors, no figure below 0, held near what kernels of a kind have in common.
#
# Errors are those of networks. Those of networks left out are of tables made without the network and without those
# that call the same kernels.

processor = \"{title}\"
measured = \"{title}, {target}, opt-level 3, {toolchain}\"
networks = {}
one-operator-models = {}
",
        networks.len(),
        samples.len() - networks.len(),
        title = core.title(),
        target = core.target(),
    );
    section_of(&mut text, "instructions", errors, left_out);
    if cycles.is_some() {
        section_of(&mut text, "cycles", of_cycles, cycles_left_out);
    }
    text += "\n[kernel]\n";
    for (index, name) in problem.names.iter().enumerate() {
        let own = own.iter().skip(index * OF_EACH);
        let figures = FEATURES.iter().zip(own).filter(|(_, value)| **value > 5e-4);
        let mut figures: Vec<String> = figures
            .map(|(name, value)| format!("{name} = {}", short(*value)))
            .collect();
        figures.extend(
            cycles
                .as_ref()
                .map(|c| format!("cycles = {:.3}", 1.0 + c.found[index])),
        );
        let _ = writeln!(text, "{} = {{ {} }}", key(name), figures.join(", "));
    }
    text += "\n# What models of this project took.\n[model]\n";
    for sample in samples.iter().filter(|s| s.kind == Kind::Own) {
        let cycles = sample.cycles.map(|cycles| format!(", cycles = {cycles}"));
        let _ = writeln!(
            text,
            "{} = {{ instructions = {}{} }}",
            sample.name,
            sample.instructions,
            cycles.unwrap_or_default()
        );
    }
    text
}

/// Four digits that count.
fn short(value: f64) -> String {
    let digits = match value {
        ..1.0 => 4,
        ..10.0 => 3,
        ..100.0 => 2,
        ..1000.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

/// A name as a key of TOML.
fn key(name: &str) -> String {
    match name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        true => name.to_owned(),
        false => format!("{name:?}"),
    }
}

/// How good the tables are, as they say themselves: a table for the documentation.
pub(super) fn section(root: &Path) -> Result<String> {
    let mut table = report::table(
        presets::ASCII_MARKDOWN,
        &[
            "estimated for",
            "of",
            "networks",
            "median",
            "worst",
            "left out, median",
            "left out, worst",
        ],
    );
    for core in Core::value_variants() {
        let path = path(root, *core);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let found = CostTable::parse(&text).map_err(|e| anyhow::anyhow!("{e}"))?;
        let mut row = |what: &str, error: &Error| {
            let percent = |value: f64| format!("{value:.1} %");
            table.add_row([
                found.processor.clone(),
                what.to_owned(),
                found.networks.to_string(),
                percent(error.median_percent),
                percent(error.worst_percent),
                percent(error.left_out_median_percent),
                percent(error.left_out_worst_percent),
            ]);
        };
        row("instructions", &found.instructions);
        if let Some(cycles) = &found.cycles {
            row("cycles", cycles);
        }
    }
    Ok(format!("{table}\n"))
}
