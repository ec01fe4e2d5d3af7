//! What castiron can tell of a model by itself.

use std::fmt;

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::exec::Machine;
use castiron_codegen::graph::Model;
use castiron_codegen::passes::{Pass, Passes};
use castiron_codegen::plan::{Budget, Buffers, PlanOptions};
use castiron_codegen::program::Program;
use castiron_codegen::resize::resize;
use castiron_codegen::target::{Isa, Optimize, Target};
use castiron_codegen::tflite;

use super::compare::difference;
use super::{RUNS, Sample};

/// Little: plans have to be right, not good.
const BUDGET: Budget = Budget {
    steps: 20_000,
    time: None,
};

/// Something that does not hold.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// castiron does not compile the model.
    Refused(String),
    /// It computes something else.
    Differs(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "castiron refuses the model: {why}"),
            Self::Differs(how) => write!(f, "{how}"),
        }
    }
}

/// The outputs of each run; none of one that ended early.
pub(super) type Outputs = Vec<Vec<Vec<u8>>>;

/// A way to compile and run that changes nothing.
struct Variant {
    name: &'static str,
    /// alias, in_place, overlap, reorder.
    plan: [bool; 4],
    isa: Isa,
    optimize: Optimize,
    /// Whether operators run row by row where that lowers the arena.
    by_rows: bool,
    /// Which inputs and outputs the caller holds.
    buffers: Buffers,
    /// What lies in the arena before a run.
    found: u8,
    /// Passes to leave out.
    without: Without,
}

/// Passes to leave out.
#[derive(Clone, Copy)]
enum Without {
    None,
    /// All but those that make constants of what operators need as one.
    AllButFolding,
    /// All.
    All,
}

impl Without {
    fn passes(self) -> Passes {
        let folds = |pass: &Pass| matches!(pass, Pass::FoldConstants | Pass::InferShapes);
        match self {
            Self::None => Passes::NONE,
            Self::AllButFolding => {
                let others = Pass::ALL.iter().filter(|pass| !folds(pass));
                others.map(|pass| Passes::from(*pass)).collect()
            }
            Self::All => Passes::ALL,
        }
    }
}

const fn plain(name: &'static str) -> Variant {
    Variant {
        name,
        plan: [true; 4],
        isa: Isa::Portable,
        optimize: Optimize::Balanced,
        by_rows: false,
        buffers: Buffers::Model,
        found: 0,
        without: Without::None,
    }
}

const FIRST: Variant = plain("by default");
const VARIANTS: &[Variant] = &[
    Variant {
        plan: [false, true, true, true],
        found: 0xff,
        ..plain("without `alias`, in an arena of 0xff")
    },
    Variant {
        plan: [true, false, true, true],
        optimize: Optimize::Size,
        by_rows: true,
        buffers: Buffers::Caller,
        ..plain(
            "without `in_place`, optimised for size, by rows, with inputs and outputs of the caller's",
        )
    },
    Variant {
        isa: Isa::DspFp,
        optimize: Optimize::Size,
        found: 0x5c,
        ..plain("with the DSP extension, optimised for size, in an arena of 0x5c")
    },
    Variant {
        plan: [true, true, true, false],
        optimize: Optimize::Speed,
        ..plain("without `reorder`, optimised for speed")
    },
    Variant {
        plan: [false; 4],
        isa: Isa::Rv32m,
        found: 0x5a,
        ..plain("for RISC-V, with no freedom of the plan, in an arena of 0x5a")
    },
    Variant {
        isa: Isa::Armv7m,
        buffers: Buffers::Outputs,
        found: 0x7f,
        ..plain("for Armv7-M, with outputs of the caller's, in an arena of 0x7f")
    },
    Variant {
        isa: Isa::Armv6m,
        found: 0x81,
        ..plain("for Armv6-M, in an arena of 0x81")
    },
    Variant {
        isa: Isa::Mve,
        buffers: Buffers::Inputs,
        found: 0x5b,
        ..plain("with the vector extension and inputs of the caller's, in an arena of 0x5b")
    },
    Variant {
        isa: Isa::DspFp,
        buffers: Buffers::Caller,
        found: 0xa5,
        ..plain(
            "with the DSP and the floating-point extension, and inputs and outputs of the caller's, in an arena of 0xa5",
        )
    },
    Variant {
        plan: [true, false, true, true],
        isa: Isa::DspFp,
        found: 0x80,
        ..plain("with both extensions, without `in_place`, in an arena of 0x80")
    },
    Variant {
        plan: [true, true, false, true],
        isa: Isa::DspFp,
        found: 0x33,
        ..plain("with both extensions, without `overlap`, in an arena of 0x33")
    },
];
/// Models that need a pass do not compile so.
const UNPASSED: Variant = Variant {
    without: Without::All,
    ..plain("without passes")
};
const FOLDED: Variant = Variant {
    without: Without::AllButFolding,
    ..plain("without passes but for folding")
};

/// Compiles and runs a model in every way.
///
/// # Errors
/// If it does not compile, or a way changes a result.
pub(super) fn check(sample: &Sample) -> Result<Outputs, Fault> {
    let model = tflite::read("random.tflite", &sample.file);
    let model = model.map_err(|e| Fault::Refused(e.to_string()))?;
    let outputs_of = |model: &Model, variant: &Variant| {
        let mut plan = PlanOptions::default();
        [plan.alias, plan.in_place, plan.overlap, plan.reorder] = variant.plan;
        plan.buffers = variant.buffers;
        plan.budget = BUDGET;
        let target = Target::new(variant.isa, variant.optimize);
        let mut options = CompileOptions::for_target(target);
        options.plan = plan;
        options.without = variant.without.passes();
        options.max_arena = variant.by_rows.then_some(0);
        let program = compile::compile(model, &options);
        let program = program.map_err(|e| Fault::Refused(e.to_string()))?;
        run(sample, &program, variant)
    };
    let outputs = |variant: &Variant| outputs_of(&model, variant);
    let expected = outputs(&FIRST)?;
    for variant in VARIANTS {
        let found = outputs(variant)?;
        if let Some((run, output)) = first_difference(&found, &expected) {
            return Err(Fault::Differs(format!(
                "{}, output {output} of run {run} is another one",
                variant.name
            )));
        }
    }
    // What compiles without any pass needs no other trial.
    let refused = |found: &Result<Outputs, Fault>| matches!(found, Err(Fault::Refused(_)));
    let (mut variant, mut found) = (&UNPASSED, outputs(&UNPASSED));
    if refused(&found) {
        (variant, found) = (&FOLDED, outputs(&FOLDED));
    }
    // Passes may change the order in which floats are added.
    if let Some(how) = difference(sample, &model, &expected, &found?) {
        return Err(Fault::Differs(format!("{}: {}", variant.name, how.what)));
    }
    if let Some(open) = &sample.open {
        let refused = |e: castiron_codegen::error::Error| {
            Fault::Refused(format!("with sizes that are given: {e}"))
        };
        let model = tflite::read("open.tflite", &open.file).map_err(refused)?;
        let model = resize(model, &open.shapes).map_err(refused)?;
        let found = outputs_of(&model, &FIRST)?;
        if let Some((run, output)) = first_difference(&found, &expected) {
            return Err(Fault::Differs(format!(
                "with sizes that are given, output {output} of run {run} is another one"
            )));
        }
    }
    Ok(expected)
}

fn first_difference(found: &Outputs, expected: &Outputs) -> Option<(usize, usize)> {
    let mut runs = std::iter::zip(found, expected).enumerate();
    runs.find_map(|(run, (found, expected))| {
        let output = std::iter::zip(found, expected).position(|(f, e)| f != e);
        let fewer = (found.len() != expected.len()).then_some(0);
        output.or(fewer).map(|output| (run, output))
    })
}

/// Successive runs, and the first one again after a reset.
fn run(sample: &Sample, program: &Program, variant: &Variant) -> Result<Outputs, Fault> {
    let Some(entry) = program.entries.first() else {
        return Err(Fault::Refused("there is no entry point".to_owned()));
    };
    let failed = |error: castiron_codegen::error::Error| {
        Fault::Differs(format!("{}, it does not run: {error}", variant.name))
    };
    let mut machine = Machine::new(program, entry);
    let mut all = Vec::new();
    for run in (0..RUNS).chain([0]) {
        if all.len() == RUNS {
            machine.reset();
        }
        machine.fill_arena(variant.found);
        for (i, bytes) in sample.inputs(run).iter().enumerate() {
            machine.set_input(i, bytes).map_err(failed)?;
        }
        machine.run().map_err(failed)?;
        for (i, bytes) in sample.inputs(run).iter().enumerate() {
            if program.is_held(&entry.inputs[i]) && machine.input(i) != Some(bytes) {
                let how = format!("{}, a run writes to input {i}", variant.name);
                return Err(Fault::Differs(how));
            }
        }
        let outputs = (0..entry.outputs.len()).filter_map(|i| machine.output(i));
        all.push(outputs.map(<[u8]>::to_vec).collect::<Vec<_>>());
    }
    let again = all.pop();
    if again.as_ref() != all.first() {
        let how = format!("{}, a reset leaves something of earlier runs", variant.name);
        return Err(Fault::Differs(how));
    }
    Ok(all)
}
