//! How long castiron's engine takes for a model, estimated from what its kernels took where they were measured.

mod features;
mod run;

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::program::{ElementType, KernelCall, Program, Step, streams};
use castiron_codegen::target::{Isa, Target};

pub use features::{FEATURES, Features, PATCHES, TURNS, key, of_steps, of_stream, without_steps};
pub use run::{Processor, RunCost};

const TABLES: [(Isa, &str); 5] = [
    (Isa::DspFp, include_str!("../../data/cost/cortex-m4.toml")),
    (Isa::Mve, include_str!("../../data/cost/cortex-m55.toml")),
    (Isa::Armv7m, include_str!("../../data/cost/cortex-m3.toml")),
    (
        Isa::Armv6m,
        include_str!("../../data/cost/cortex-m0plus.toml"),
    ),
    (Isa::Rv32m, include_str!("../../data/cost/rv32imc.toml")),
];

/// What kernels took on one processor, and how far estimates were off.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CostTable {
    /// The processor.
    pub processor: String,
    /// What was measured.
    pub measured: String,
    /// How many one-operator models were measured besides networks.
    pub one_operator_models: u64,
    /// How far estimates of networks were off, by how they are compiled: see [`class`].
    #[serde(default)]
    pub errors: BTreeMap<String, Errors>,
    /// By kernel.
    kernel: BTreeMap<String, Coefficients>,
    /// What models of this project took, by how they are compiled: in a mode of `optimize`, in the `least` arena, or with an input by `rows`.
    #[serde(default)]
    pub model: BTreeMap<String, BTreeMap<String, Measured>>,
    /// Whether the processor computes floats.
    #[serde(skip)]
    has_fp: bool,
}

/// How far estimates were off of networks that are compiled in one way.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Errors {
    /// How many networks.
    pub networks: u64,
    /// How many of these have no estimate from a table made without them.
    #[serde(default)]
    pub left_out_without_estimate: u64,
    /// Of instructions.
    pub instructions: Error,
    /// Of cycles; none where there is no table of what instructions take.
    pub cycles: Option<Error>,
}

/// How far estimates of networks were off, in percent of what was measured.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Error {
    /// Half of the networks were nearer.
    pub median_percent: f64,
    /// The worst.
    pub worst_percent: f64,
    /// Which that was.
    pub worst_model: String,
    /// The median of networks that were estimated from a table made without them.
    pub left_out_median_percent: f64,
    /// The worst of these.
    pub left_out_worst_percent: f64,
    /// Which that was.
    pub left_out_worst_model: String,
}

/// What a model of this project took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Instructions of a run.
    pub instructions: u64,
    /// Cycles of a run.
    pub cycles: Option<u64>,
}

/// Instructions for each of a call's figures, and cycles for an instruction.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Coefficients {
    call: f64,
    pixel: f64,
    output: f64,
    input: f64,
    window: f64,
    weight: f64,
    operation: f64,
    sweep: f64,
    cycles: Option<f64>,
}

/// What a run of a model is estimated to take.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// All operators; none where one has no estimate.
    pub total: Option<Cost>,
    /// By operator, of those that have steps of their own.
    pub operators: Vec<OperatorCost>,
    /// Why there is no sum.
    pub reason: Option<String>,
}

/// What something takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Instructions.
    pub instructions: f64,
    /// Cycles, where the table has them.
    pub cycles: Option<f64>,
}

/// What an operator takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperatorCost {
    /// The subgraph's index.
    pub subgraph: usize,
    /// The operator's index in it.
    pub operator: usize,
    /// None where a kernel of it was not measured.
    pub cost: Option<Cost>,
}

/// What tables call the errors of such programs: `rows` if operators run row by row, else the mode of `optimize`.
#[must_use]
pub fn class(program: &Program, target: Target) -> &'static str {
    let routines = program.routines.iter().map(|routine| &routine.steps);
    let entries = program.entries.iter().map(|entry| &entry.steps);
    let has_rows = routines
        .chain(entries)
        .any(|steps| !streams(steps).is_empty());
    match has_rows {
        true => "rows",
        false => target.optimize.name(),
    }
}

impl CostTable {
    /// The sets of instructions that there are tables for.
    pub fn isas() -> impl Iterator<Item = Isa> {
        TABLES.iter().map(|(isa, _)| *isa)
    }

    /// The table for a processor with these instructions; none where none was measured.
    ///
    /// # Errors
    /// Only if the table is at fault.
    pub fn of(isa: Isa) -> Result<Option<Self>> {
        // The kernels for integers are the same with and without floats.
        let (measured, has_fp) = match isa {
            Isa::Dsp => (Isa::DspFp, false),
            isa => (isa, matches!(isa, Isa::DspFp | Isa::Mve)),
        };
        let Some((_, text)) = TABLES.iter().find(|(isa, _)| *isa == measured) else {
            return Ok(None);
        };
        let mut table = Self::parse(text)?;
        table.has_fp = has_fp;
        Ok(Some(table))
    }

    /// A table from its text.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|e| {
            Diagnostic::fault(format_args!("its table of costs: {}", e.message())).into()
        })
    }

    /// Whether a kernel was measured, or the same with other types, or others of its functions.
    pub fn has(&self, kernel: &str) -> bool {
        self.coefficients(kernel).is_some()
    }

    /// Whether there is a table of what the processor's instructions take.
    fn has_cycles(&self) -> bool {
        self.kernel.values().any(|own| own.cycles.is_some())
    }

    /// What the first entry of a program takes that was compiled for this table's processor.
    pub fn estimate(&self, program: &Program) -> Estimate {
        let mut tally = Tally::default();
        match program.entries.first() {
            Some(entry) => self.graph(program, entry.graph, &entry.steps, &mut tally),
            None => tally.lacks("there is no entry point"),
        }
        let operators = tally.operators.into_iter();
        let operators: Vec<OperatorCost> = operators
            .map(|((subgraph, operator), cost)| OperatorCost {
                subgraph,
                operator,
                cost,
            })
            .collect();
        let nothing = Cost {
            instructions: 0.0,
            cycles: self.has_cycles().then_some(0.0),
        };
        let mut costs = operators.iter().map(|operator| operator.cost);
        let total = match tally.reason {
            None => costs.try_fold(nothing, |sum, cost| Some(sum.and(cost?))),
            Some(_) => None,
        };
        Estimate {
            total,
            operators,
            reason: tally.reason,
        }
    }

    /// The steps of an entry or a routine.
    fn graph(&self, program: &Program, graph: usize, steps: &[Step], tally: &mut Tally) {
        let around = Around {
            program,
            graph,
            features: of_steps(steps),
        };
        self.steps(&around, steps, tally);
    }

    fn steps(&self, around: &Around<'_>, steps: &[Step], tally: &mut Tally) {
        let graph = around.graph;
        for step in steps {
            match step {
                Step::Call(call) => self.call(around, call, tally),
                Step::Stream(stream) => {
                    let calls = stream.stages.iter().flat_map(|stage| &stage.calls);
                    calls.for_each(|moving| self.call(around, &moving.call, tally));
                    let place = (graph, stream.origin.operator);
                    for (name, features) in of_stream(stream) {
                        self.add(place, name, features, tally);
                    }
                }
                Step::Run(routine) => match around.program.routines.get(*routine) {
                    Some(routine) => {
                        self.graph(around.program, routine.graph, &routine.steps, tally)
                    }
                    None => tally.lacks("a subgraph is missing"),
                },
                // As MACs are counted: the larger one.
                Step::If {
                    then, otherwise, ..
                } => {
                    let [mut first, mut second] = [Tally::default(), Tally::default()];
                    self.steps(around, then, &mut first);
                    self.steps(around, otherwise, &mut second);
                    let is_first = first.instructions() >= second.instructions();
                    tally.join(if is_first { first } else { second });
                }
                Step::While { origin, .. } => {
                    tally.without((graph, origin.operator));
                    tally.lacks("nobody knows how often a loop runs");
                }
                Step::Custom(custom) => {
                    tally.without((graph, custom.origin.operator));
                    tally.lacks("the firmware computes an operator itself");
                }
                // In the first run alone, or nothing to speak of.
                Step::Once { .. } | Step::Wait { .. } | Step::Observe(_) => {}
            }
        }
    }

    fn call(&self, around: &Around<'_>, call: &KernelCall, tally: &mut Tally) {
        let place = (around.graph, call.origin.operator);
        let features = around.features.get(&call.number).copied();
        let has_floats = call.operands.iter().any(|o| o.element == ElementType::F32);
        if has_floats && !self.has_fp {
            tally.without(place);
            tally.lacks("the processor has no instructions for floats");
            return;
        }
        self.add(place, &key(call), features.unwrap_or_default(), tally);
    }

    fn add(&self, place: (usize, usize), kernel: &str, features: Features, tally: &mut Tally) {
        // Nothing takes nothing.
        if features.iter().all(|figure| *figure <= 0.0) {
            return;
        }
        match self.of_kernel(kernel, features) {
            Some(cost) => tally.add(place, cost),
            None => {
                tally.without(place);
                tally.lacks("a kernel was not measured");
            }
        }
    }

    /// What calls of a kernel take that have these figures in sum; none where it was not measured, nor any like it.
    pub fn of_kernel(&self, kernel: &str, features: Features) -> Option<Cost> {
        Some(self.coefficients(kernel)?.cost(features))
    }

    /// Those of a kernel; where it was not measured, of itself with other steps, or the mean of itself with other types, or else of its kernel's
    /// functions.
    fn coefficients(&self, key: &str) -> Option<Coefficients> {
        let with_default_steps = || self.kernel.get(&without_steps(key));
        if let Some(own) = self.kernel.get(key).or_else(with_default_steps) {
            return Some(*own);
        }
        let name = |key: &str| {
            key.rsplit_once(' ')
                .map_or_else(|| key.to_owned(), |(name, _)| name.to_owned())
        };
        let outer = |key: &str| key.split_once('<').map(|(outer, _)| outer.to_owned());
        let mean = |is_like: &dyn Fn(&str) -> bool| {
            let like = self.kernel.iter().filter(|(other, _)| is_like(other));
            Coefficients::mean(&like.map(|(_, own)| own).collect::<Vec<_>>())
        };
        let own_name = name(key);
        let of_name = mean(&|other| name(other) == own_name);
        of_name.or_else(|| {
            let own = outer(key)?;
            mean(&|other| outer(other).as_ref() == Some(&own))
        })
    }
}

impl Coefficients {
    fn features(&self) -> Features {
        [
            self.call,
            self.pixel,
            self.output,
            self.input,
            self.window,
            self.weight,
            self.operation,
            self.sweep,
        ]
    }

    fn cost(&self, features: Features) -> Cost {
        let products = features.iter().zip(self.features()).map(|(a, b)| a * b);
        let instructions = products.sum();
        Cost {
            instructions,
            cycles: self.cycles.map(|cycles| cycles * instructions),
        }
    }

    fn mean(all: &[&Self]) -> Option<Self> {
        let of = |figure: fn(&Self) -> f64| {
            all.iter().map(|one| figure(one)).sum::<f64>() / all.len() as f64
        };
        let has_cycles = all.iter().all(|one| one.cycles.is_some());
        (!all.is_empty()).then(|| Self {
            call: of(|one| one.call),
            pixel: of(|one| one.pixel),
            output: of(|one| one.output),
            input: of(|one| one.input),
            window: of(|one| one.window),
            weight: of(|one| one.weight),
            operation: of(|one| one.operation),
            sweep: of(|one| one.sweep),
            cycles: has_cycles.then(|| of(|one| one.cycles.unwrap_or_default())),
        })
    }
}

impl Cost {
    /// Milliseconds at a clock in Hz, with the three digits that an estimate has at most; none without cycles.
    pub fn milliseconds(&self, clock: u64) -> Option<f64> {
        self.cycles
            .filter(|_| clock > 0)
            .map(|cycles| three_digits(cycles / clock as f64 * 1e3))
    }

    /// The sum of both; cycles only if both have them.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            instructions: self.instructions + other.instructions,
            cycles: self.cycles.zip(other.cycles).map(|(a, b)| a + b),
        }
    }
}

/// A number without what is behind its third digit.
#[doc(hidden)]
pub fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// What steps are of.
struct Around<'a> {
    program: &'a Program,
    /// The subgraph's index.
    graph: usize,
    /// Figures of its calls.
    features: HashMap<usize, Features>,
}

/// Operators so far, by subgraph and index.
#[derive(Default)]
struct Tally {
    operators: BTreeMap<(usize, usize), Option<Cost>>,
    reason: Option<String>,
}

impl Tally {
    fn add(&mut self, place: (usize, usize), cost: Cost) {
        let sum = self.operators.get(&place);
        // None stays none: a kernel of it was not measured.
        let sum = sum.map_or(Some(cost), |sum| sum.map(|sum| sum.and(cost)));
        self.operators.insert(place, sum);
    }

    fn without(&mut self, place: (usize, usize)) {
        self.operators.insert(place, None);
    }

    fn lacks(&mut self, reason: &str) {
        self.reason.get_or_insert_with(|| reason.to_owned());
    }

    fn instructions(&self) -> f64 {
        self.operators
            .values()
            .flatten()
            .map(|cost| cost.instructions)
            .sum()
    }

    fn join(&mut self, other: Self) {
        for (place, cost) in other.operators {
            match cost {
                Some(cost) => self.add(place, cost),
                None => self.without(place),
            }
        }
        self.reason = self.reason.take().or(other.reason);
    }
}
