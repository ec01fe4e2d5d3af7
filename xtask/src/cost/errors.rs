//! How far estimates of networks are off.

use std::collections::HashSet;
use std::fmt::Write as _;

use castiron_board::cost::{Cost, CostTable};

use super::problem::{Fitted, Problem};
use super::variant::Variant;
use super::{Kind, Sample};

/// Of networks that are compiled in one way.
#[derive(Default)]
struct Class {
    networks: usize,
    /// Those that a table made without them has no estimate of.
    without: usize,
    instructions: [Errors; 2],
    cycles: [Errors; 2],
}

/// How far some estimates are off, in percent.
#[derive(Default)]
struct Errors {
    all: Vec<(f64, String)>,
}

impl Errors {
    fn add(&mut self, name: &str, estimate: f64, measured: u64) {
        let measured = (measured as f64).max(1.0);
        let error = (estimate - measured).abs() / measured * 100.0;
        self.all.push((error, name.to_owned()));
        self.all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
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

/// The part of a table that has the errors: of a table itself, and of tables made without a network, without all that call the same kernels, and without
/// whatever else any of these is compiled to.
///
/// # Errors
/// Only if the table is at fault.
pub(super) fn text(
    problem: &Problem<'_>,
    samples: &[Sample],
    head: &str,
) -> anyhow::Result<String> {
    let fitted = problem.fit();
    let table = |fitted: &Fitted| -> anyhow::Result<CostTable> {
        let text = format!("{head}{}", problem.text(fitted));
        CostTable::parse(&text).map_err(|e| anyhow::anyhow!("{e}"))
    };
    let own = table(&fitted)?;
    let networks: Vec<&Sample> = samples
        .iter()
        .filter(|s| s.kind != Kind::Operator)
        .collect();
    let mut classes: Vec<(&str, Class)> = Vec::new();
    for family in families(&networks) {
        let is_out = |sample: &Sample| {
            sample.kind != Kind::Operator && family.contains(sample.name.as_str())
        };
        let others = table(&problem.without(&fitted, is_out))?;
        for sample in networks.iter().filter(|sample| is_out(sample)) {
            let class = sample.variant.class();
            if !classes.iter().any(|(name, _)| *name == class) {
                classes.push((class, Class::default()));
            }
            let found = classes.iter_mut().find(|(name, _)| *name == class);
            if let Some((_, class)) = found {
                class.add(sample, estimate(&own, sample), estimate(&others, sample));
            }
        }
    }
    let mut text = String::new();
    for variant in Variant::ALL {
        let class = variant.class();
        if let Some(at) = classes.iter().position(|(name, _)| *name == class) {
            text += &classes.remove(at).1.text(class);
        }
    }
    Ok(text)
}

/// Names of networks that leave together: each with those that call the same kernels, and so on.
fn families<'a>(networks: &[&'a Sample]) -> Vec<HashSet<&'a str>> {
    let mut families: Vec<(HashSet<&str>, HashSet<Vec<&str>>)> = Vec::new();
    for sample in networks {
        let kernels = sample.names();
        let mut names = HashSet::from([sample.name.as_str()]);
        let mut sets = HashSet::from([kernels.clone()]);
        families.retain(|(others, their)| {
            let is_alike = others.contains(sample.name.as_str()) || their.contains(&kernels);
            if is_alike {
                names.extend(others);
                sets.extend(their.iter().cloned());
            }
            !is_alike
        });
        families.push((names, sets));
    }
    families.into_iter().map(|(names, _)| names).collect()
}

/// What a table says of a network.
fn estimate(table: &CostTable, sample: &Sample) -> Option<Cost> {
    let kernels = sample.parts.iter().flat_map(|part| &part.kernels);
    let costs = kernels.map(|(name, features)| table.of_kernel(name, *features));
    costs.reduce(|sum, cost| Some(sum?.and(cost?))).flatten()
}

impl Class {
    fn add(&mut self, sample: &Sample, own: Option<Cost>, others: Option<Cost>) {
        self.networks += 1;
        self.without += usize::from(others.is_none());
        let name = match sample.variant {
            Variant::Balanced => sample.name.clone(),
            variant => format!("{} ({})", sample.name, variant.name()),
        };
        let name = name.as_str();
        for (estimate, at) in [own, others].into_iter().zip(0..2) {
            let Some(estimate) = estimate else { continue };
            self.instructions[at].add(name, estimate.instructions, sample.instructions);
            if let Some((cycles, measured)) = estimate.cycles.zip(sample.cycles) {
                self.cycles[at].add(name, cycles, measured);
            }
        }
        let off = |cost: Option<Cost>| match cost {
            Some(cost) => {
                let measured = sample.instructions.max(1) as f64;
                format!("{:+.1} %", (cost.instructions / measured - 1.0) * 100.0)
            }
            None => "no estimate".to_owned(),
        };
        eprintln!(
            "{name}: {} instructions, estimate {}, without it {}",
            sample.instructions,
            off(own),
            off(others)
        );
    }

    fn text(&self, class: &str) -> String {
        let mut text = format!("\n[errors.{class}]\nnetworks = {}\n", self.networks);
        if self.without > 0 {
            let _ = writeln!(text, "left-out-without-estimate = {}", self.without);
        }
        for (name, [own, others]) in [
            ("instructions", &self.instructions),
            ("cycles", &self.cycles),
        ] {
            if own.all.is_empty() {
                continue;
            }
            let (worst, model) = own.worst();
            let (left_out, left_out_model) = others.worst();
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "
[errors.{class}.{name}]
median-percent = {:.1}
worst-percent = {worst:.1}
worst-model = {model:?}
left-out-median-percent = {:.1}
left-out-worst-percent = {left_out:.1}
left-out-worst-model = {left_out_model:?}
",
                own.median(),
                others.median(),
            );
        }
        text
    }
}
