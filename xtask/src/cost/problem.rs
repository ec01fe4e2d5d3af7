//! What was measured as equations, and the figures of kernels that fit them best.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use castiron_board::cost::{FEATURES, Features, TURNS, without_steps};

use super::fit::{Normal, Prior, Row};
use super::{Kind, Part, Sample};

/// Variables of a kernel.
const OF_EACH: usize = FEATURES.len();
/// How much it weighs that a kernel is as others of its kind, beside a measured part that is off by as much.
const AS_ITS_KIND: f64 = 0.03;
/// The same of a kernel that only runs row by row: it is measured together with all of its stream, which would share its time at will.
const AS_ITS_KIND_IN_ROWS: f64 = 1.0;
/// The same of a kernel with other steps than most: that it is as the one with theirs.
const AS_WITH_OTHER_STEPS: f64 = 0.1;
/// The same of cycles for an instruction.
const AS_ALL: f64 = 0.1;
/// Errors of parts are relative to what they take and so many instructions more, which the emulator's timer and calls leave open.
const LEAST: f64 = 40.0;
/// And to this part of the model, lest a part that hardly matters is fitted as well as one that does.
const SHARE: f64 = 0.02;
/// What a one-operator model weighs beside a part of a network.
const OPERATOR: f64 = 0.3;

/// What was measured, as equations.
pub(super) struct Problem<'a> {
    names: Vec<&'a str>,
    kinds: Vec<usize>,
    samples: &'a [Sample],
    /// By sample.
    rows: Vec<Vec<Row>>,
    /// Of all samples.
    sums: Sums,
}

/// Sums over the equations of some samples.
#[derive(Clone)]
struct Sums {
    normal: Normal,
    /// The same with one set of variables for all kernels of a kind.
    of_kinds: Normal,
    /// By variable: how many equations have it, and how much it matters in them.
    uses: Vec<i64>,
    squares: Vec<f64>,
    /// By kernel: how many equations of no stream it has.
    apart: Vec<i64>,
}

/// Figures of kernels.
pub(super) struct Fitted {
    coefficients: Vec<f64>,
    /// By kernel: whether any equation has it.
    is_known: Vec<bool>,
    /// Cycles of each kernel's instructions, less one.
    cycles: Option<Vec<f64>>,
}

impl<'a> Problem<'a> {
    pub(super) fn new(samples: &'a [Sample]) -> Self {
        let mut names: Vec<&str> = samples.iter().flat_map(Sample::names).collect();
        names.sort_unstable();
        names.dedup();
        let variables = names.len() * OF_EACH;
        let mut problem = Self {
            kinds: names.iter().map(|name| kind(name)).collect(),
            names,
            samples,
            rows: Vec::new(),
            sums: Sums {
                normal: Normal::new(variables),
                of_kinds: Normal::new(KINDS * OF_EACH),
                uses: vec![0; variables],
                squares: vec![0.0; variables],
                apart: vec![0; variables / OF_EACH],
            },
        };
        problem.rows = samples
            .iter()
            .map(|sample| problem.rows_of(sample))
            .collect();
        let mut sums = problem.sums.clone();
        for row in problem.rows.iter().flatten() {
            problem.sum(&mut sums, row, 1);
        }
        problem.sums = sums;
        problem
    }

    fn index(&self, name: &str) -> usize {
        self.names.binary_search(&name).unwrap_or_default()
    }

    fn rows_of(&self, sample: &Sample) -> Vec<Row> {
        let share = sample.instructions as f64 * SHARE;
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
                weight: sample.weight() / (part.instructions + LEAST + share),
            }
        };
        sample.parts.iter().map(row).collect()
    }

    /// The variable that all kernels of a kind have in common.
    fn of_kind(&self, variable: usize) -> usize {
        let kind = self.kinds.get(variable / OF_EACH).copied();
        kind.unwrap_or_default() * OF_EACH + variable % OF_EACH
    }

    /// Adds an equation so many times.
    fn sum(&self, sums: &mut Sums, row: &Row, times: i64) {
        let mut factors: BTreeMap<usize, f64> = BTreeMap::new();
        let mut kernels: Vec<usize> = row.factors.iter().map(|(at, _)| at / OF_EACH).collect();
        kernels.dedup();
        if !kernels.iter().any(|kernel| self.names[*kernel] == TURNS) {
            kernels
                .iter()
                .for_each(|kernel| sums.apart[*kernel] += times);
        }
        for (variable, factor) in &row.factors {
            *factors.entry(self.of_kind(*variable)).or_default() += factor;
            sums.squares[*variable] += (factor * row.weight).powi(2) * times as f64;
            sums.uses[*variable] += times;
        }
        let of_kinds = Row {
            factors: factors.into_iter().collect(),
            ..row.clone()
        };
        sums.normal.add(row, times as f64);
        sums.of_kinds.add(&of_kinds, times as f64);
    }

    /// What is assumed of kernels: what all of a kind have in common, by least squares.
    fn priors(&self, sums: &Sums) -> Vec<Prior> {
        let free = Prior {
            value: 0.0,
            weight: 1e-6,
        };
        let mut normal = sums.of_kinds.clone();
        normal.assume(&[free; KINDS * OF_EACH]);
        let of_kinds = normal.solve(&[0.0; KINDS * OF_EACH]);
        let all = sums.uses.iter().zip(&sums.squares).enumerate();
        let priors = all.map(|(variable, (uses, square))| Prior {
            // A figure that none of its calls has says nothing of it.
            value: match *uses > 0 {
                true => of_kinds[self.of_kind(variable)],
                false => 0.0,
            },
            weight: weight(
                match sums.apart[variable / OF_EACH] > 0 {
                    true => AS_ITS_KIND,
                    false => AS_ITS_KIND_IN_ROWS,
                },
                *square,
            ),
        });
        priors.collect()
    }

    /// Of all samples.
    pub(super) fn fit(&self) -> Fitted {
        let start: Vec<f64> = self.priors(&self.sums).iter().map(|p| p.value).collect();
        self.solve(&self.sums, &start, |_| true)
    }

    /// Of all but some, as if these had never been measured.
    pub(super) fn without(&self, fitted: &Fitted, is_out: impl Fn(&Sample) -> bool) -> Fitted {
        let mut sums = self.sums.clone();
        for (_, rows) in self
            .samples
            .iter()
            .zip(&self.rows)
            .filter(|(s, _)| is_out(s))
        {
            rows.iter().for_each(|row| self.sum(&mut sums, row, -1));
        }
        self.solve(&sums, &fitted.coefficients, |sample| !is_out(sample))
    }

    fn solve(&self, sums: &Sums, start: &[f64], is_in: impl Fn(&Sample) -> bool) -> Fitted {
        let mut priors = self.priors(sums);
        let fit = |priors: &[Prior], start: &[f64]| {
            let mut normal = sums.normal.clone();
            normal.assume(priors);
            normal.solve(start)
        };
        let first = fit(&priors, start);
        for (index, name) in self.names.iter().enumerate() {
            let like = self.names.binary_search(&without_steps(name).as_str());
            let Ok(like) = like.map(|like| like * OF_EACH) else {
                continue;
            };
            let own = index * OF_EACH;
            if own == like
                || sums.uses[like..like + OF_EACH]
                    .iter()
                    .all(|uses| *uses == 0)
            {
                continue;
            }
            for at in 0..OF_EACH {
                priors[own + at] = Prior {
                    value: first[like + at],
                    weight: weight(AS_WITH_OTHER_STEPS, sums.squares[own + at]),
                };
            }
        }
        let coefficients = fit(&priors, &first);
        let used = sums.uses.chunks(OF_EACH);
        Fitted {
            is_known: used.map(|uses| uses.iter().any(|uses| *uses > 0)).collect(),
            cycles: self.cycles(&coefficients, is_in),
            coefficients,
        }
    }

    /// Cycles for an instruction, less one, by kernel.
    fn cycles(&self, coefficients: &[f64], is_in: impl Fn(&Sample) -> bool) -> Option<Vec<f64>> {
        let samples = self.samples.iter().filter(|sample| is_in(sample));
        let rows: Vec<Row> = samples
            .filter_map(|sample| self.cycle_row(sample, coefficients))
            .collect();
        if rows.is_empty() {
            return None;
        }
        let mean = rows.iter().map(|row| row.wanted).sum::<f64>() / rows.len() as f64;
        let prior = Prior {
            value: mean,
            weight: AS_ALL,
        };
        let mut normal = Normal::new(self.names.len());
        normal.assume(&vec![prior; self.names.len()]);
        rows.iter().for_each(|row| normal.add(row, 1.0));
        Some(normal.solve(&vec![mean; self.names.len()]))
    }

    /// Rows of which the variables are cycles of each kernel's instructions, less one: no instruction takes less.
    fn cycle_row(&self, sample: &Sample, coefficients: &[f64]) -> Option<Row> {
        let cycles = sample.cycles? as f64 / sample.instructions.max(1) as f64;
        let mut factors: BTreeMap<usize, f64> = BTreeMap::new();
        for (name, features) in sample.parts.iter().flat_map(|part| &part.kernels) {
            let instructions = self.of_kernel(name, features, coefficients);
            *factors.entry(self.index(name)).or_default() += instructions;
        }
        let all = factors.values().sum::<f64>().max(1.0);
        let shares = factors.into_iter().map(|(index, own)| (index, own / all));
        Some(Row {
            factors: shares.filter(|(_, share)| *share > 0.0).collect(),
            wanted: cycles - 1.0,
            weight: sample.weight() / cycles,
        })
    }

    fn of_kernel(&self, name: &str, features: &Features, coefficients: &[f64]) -> f64 {
        let own = coefficients.iter().skip(self.index(name) * OF_EACH);
        features.iter().zip(own).map(|(a, b)| a * b).sum()
    }

    /// The part of a table that has the kernels.
    pub(super) fn text(&self, fitted: &Fitted) -> String {
        let mut text = String::from("[kernel]\n");
        let known = self.names.iter().zip(&fitted.is_known).enumerate();
        for (index, (name, _)) in known.filter(|(_, (_, is_known))| **is_known) {
            let own = fitted.coefficients.iter().skip(index * OF_EACH);
            let figures = FEATURES.iter().zip(own).filter(|(_, value)| **value > 5e-4);
            let mut figures: Vec<String> = figures
                .map(|(name, value)| format!("{name} = {}", short(*value)))
                .collect();
            let cycles = fitted.cycles.as_ref().and_then(|cycles| cycles.get(index));
            figures.extend(cycles.map(|cycles| format!("cycles = {:.3}", 1.0 + cycles)));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} = {{ {} }}", quoted(name), figures.join(", "));
        }
        text
    }
}

/// How much an assumption weighs: as a difference shows in the equations that have the figure.
fn weight(part: f64, square: f64) -> f64 {
    part * square.max(0.0).sqrt().max(1e-6)
}

impl Part {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.kernels.iter().map(|(name, _)| name.as_str())
    }
}

impl Sample {
    /// The kernels that it calls.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.parts.iter().flat_map(Part::names).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn weight(&self) -> f64 {
        match self.kind {
            Kind::Operator => OPERATOR,
            Kind::Own | Kind::Further => 1.0,
        }
    }
}

const KINDS: usize = 5;

/// Kernels of products, of floats and of others, and kernels of single elements, likewise; and what is no kernel.
fn kind(name: &str) -> usize {
    if name.ends_with(" -") {
        return 4;
    }
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
fn quoted(name: &str) -> String {
    match name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        true => name.to_owned(),
        false => format!("{name:?}"),
    }
}
