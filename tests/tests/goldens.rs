//! Models against reference outputs: integers bit for bit, floats within a stated tolerance.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use castiron_codegen::compile::{self, CompileOptions, Input};
use castiron_codegen::passes::{Pass, Passes};
use castiron_codegen::plan::{Buffers, PlanOptions};
use castiron_codegen::program::{Port, Program, streams};
use castiron_codegen::target::{Isa, Optimize, Target};
use castiron_test_tools::{say, skipped};
use castiron_tests::goldens::{Golden, Outcome, SUCCESSIVE, TOLERANCE, find, find_folders, read};
use castiron_tests::{reference_folder, sampled, takes_large, workspace};

/// The models that the repository ships.
fn shipped() -> Vec<Golden> {
    let folders = [
        "examples/models",
        "tests/data/models",
        "tests/data/ops",
        "tests/data/calls",
        "tests/data/waiting",
    ];
    let folders = folders.map(|f| workspace().join(f));
    folders
        .iter()
        .flat_map(|models| find(models, &models.join("golden")))
        .collect()
}

#[test]
fn shipped_models_agree_with_the_reference() {
    let all = shipped();
    assert!(!all.is_empty(), "no model with goldens is shipped");
    let summary = check_all(&all, SHIPPED_WORK.max(most_work()));
    assert!(
        summary.left_out.is_empty(),
        "every shipped model compiles: {:#?}",
        summary.left_out
    );
    assert!(summary.unanswered.is_empty(), "{:#?}", summary.unanswered);
    assert!(summary.failed.is_empty(), "{:#?}", summary.failed);
    assert_eq!(summary.large, 0);
}

/// Models whose outputs in the folder of references are TensorFlow's where TensorFlow Lite Micro, which castiron
/// follows, gives others: what the two do.
const TENSORFLOWS: [(&str, &str); 7] = [
    (
        "mul_i16_2",
        "MUL of int16: the scales' quotient is one of single precision there, and of double precision here",
    ),
    ("sum_i16_1", SUMS),
    ("sum_i16_4", SUMS),
    ("sum_i8_0", SUMS),
    ("zoo_arith_int8", SUMS),
    ("unidirectional_sequence_lstm_i8_1", LSTM),
    ("unidirectional_sequence_lstm_i8_3", LSTM),
];

const SUMS: &str = "SUM of integers: scaled in floats there, and in integers here";
const LSTM: &str = "UNIDIRECTIONAL_SEQUENCE_LSTM of int8: TensorFlow rounds gates otherwise";

/// Models of the folder of references that castiron does not compile, and of each a part of the error that says why not. A model
/// that compiles leaves this list.
const LEFT_OUT: [(&str, &str); 3] = [
    ("any_size_input", "say which sizes it has"),
    ("custom_op_f32", "does not support this operator"),
    ("flex_op_f32", "does not run TensorFlow's operators"),
];

#[test]
fn reference_models_agree() {
    let all = references();
    if all.is_empty() {
        return;
    }
    let (others, all): (Vec<Golden>, Vec<Golden>) = (all.into_iter())
        .partition(|golden| TENSORFLOWS.iter().any(|(name, _)| *name == golden.name));
    let summary = check_all(&all, most_work());
    assert!(summary.failed.is_empty(), "{:#?}", summary.failed);
    for (name, error) in &summary.left_out {
        let reason = LEFT_OUT.iter().find(|(left_out, _)| left_out == name);
        let (_, reason) = reason.unwrap_or_else(|| panic!("{name} does not compile: {error}"));
        assert!(error.contains(reason), "{name}: not {reason:?} but {error}");
    }
    for (name, _) in LEFT_OUT {
        let is_there = all.iter().any(|golden| golden.name == name);
        let is_left_out = summary
            .left_out
            .iter()
            .any(|(left_out, _)| left_out == name);
        assert_eq!(
            is_there, is_left_out,
            "{name} compiles: it is left out no more"
        );
    }
    for golden in others {
        let differs = matches!(golden.check(most_work()), Outcome::Failed(_));
        assert!(differs, "{} agrees with TensorFlow after all", golden.name);
        println!("{} differs from TensorFlow, as it has to", golden.name);
    }
}

/// The command takes all cases of all models, large ones too, where `CASTIRON_COMMAND` names a release build of it.
#[test]
fn the_command_agrees_in_every_case() {
    let Some(command) = std::env::var_os("CASTIRON_COMMAND") else {
        return skipped("CASTIRON_COMMAND names no release build", false);
    };
    let (mut agree, mut wrong) = (0, Vec::new());
    for golden in references() {
        let name = &*golden.name;
        let output = Command::new(&command)
            .args(["run".as_ref(), golden.model.as_os_str()])
            .args(["--cases".as_ref(), golden.cases.as_os_str()])
            .output()
            .expect("the command runs");
        let is_among = |names: &[(&str, &str)]| names.iter().any(|(other, _)| *other == name);
        // The command takes what `meta.json` says of successive runs.
        let agrees = !is_among(&TENSORFLOWS)
            && !is_among(&LEFT_OUT)
            && !SUCCESSIVE.contains(&name)
            && name != UNANSWERED;
        if output.status.success() != agrees {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            wrong.push(format!("{name}: {}\n{error}", output.status));
        }
        agree += usize::from(agrees);
    }
    say(format!(
        "`castiron run --cases` agrees on {agree} models in all cases; it refuses, as expected, those in the lists of \
         tests/goldens.rs"
    ));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The one model of the folder of references without recorded outputs.
const UNANSWERED: &str = "mlperf_kws_hybrid";

/// Cases of a model that all its plans run: results depend on places, or they do not.
const CASES: usize = 2;
/// Multiply-accumulates of the largest model that is run in all ways. Few are larger, and they take most of the time.
const LARGEST: u64 = 100_000;
/// Multiply-accumulates that a model's cases may take in a test program, which is not optimised.
const MOST_WORK: u64 = 5_000_000;
/// The same of a model that the repository ships: each is run.
const SHIPPED_WORK: u64 = 20_000_000;

fn most_work() -> u64 {
    if takes_large() { u64::MAX } else { MOST_WORK }
}

/// Whether a model is run in all ways; those that are not are counted.
fn takes_all_ways(program: &Program, large: &mut usize) -> bool {
    let macs: u64 = program.entries.iter().map(|entry| entry.macs).sum();
    let takes = macs <= LARGEST || takes_large();
    *large += usize::from(!takes);
    takes
}

/// All models that the repository ships, and a part of the folder of references.
fn sample() -> impl Iterator<Item = Golden> {
    shipped().into_iter().chain(sampled(references()))
}

/// Says how many models were not run in all ways.
fn say_left_out(large: usize) {
    if large > 0 {
        let what = format!(
            "{large} models of over {LARGEST} multiply-accumulates; CASTIRON_LARGE=1 runs them"
        );
        skipped(&what, false);
    }
}

/// What the plan makes of its permissions changes places and order, and no bit of a result.
#[test]
fn every_plan_gives_the_same_bytes() {
    let (mut models, mut plans, mut large, mut wrong) = (0, 0, 0, Vec::new());
    for golden in sample() {
        let model = read(&golden.model).expect("it is sound");
        let compiled = |target: Target, plan: PlanOptions| {
            let mut options = CompileOptions::for_target(target);
            options.plan = plan;
            compile::compile(&model, &options)
        };
        let Ok(program) = compiled(Target::default(), PlanOptions::default()) else {
            continue;
        };
        if !takes_all_ways(&program, &mut large) {
            continue;
        }
        models += 1;
        let expected = golden.outputs(&program, CASES);
        let has_order = model.graphs.iter().any(|graph| graph.operators.len() > 1);
        // Of all that a plan decides the text has all: a called subgraph's places, too.
        let mut met = vec![program.to_string()];
        let mut targets = vec![Target::default()];
        let dsp = Target::new(Isa::Dsp, Optimize::default());
        // A model of kernels that are the same there has the same plans.
        let other = compiled(dsp, PlanOptions::default()).expect("it compiled before");
        if other.to_string() != met[0] {
            targets.push(dsp);
        }
        let choices = targets
            .into_iter()
            .flat_map(|target| (0..16).map(move |choice| (target, choice)));
        for (target, choice) in choices {
            let [alias, in_place, reorder, overlap] = [1, 2, 4, 8].map(|bit| choice & bit != 0);
            if (!reorder && !has_order) || (overlap && !in_place) {
                continue;
            }
            let mut options = PlanOptions::default();
            options.alias = alias;
            options.in_place = in_place;
            options.overlap = overlap;
            options.reorder = reorder;
            let other = compiled(target, options).expect("it compiled before");
            let text = other.to_string();
            if met.contains(&text) {
                continue;
            }
            plans += 1;
            if golden.outputs(&other, CASES) != expected {
                wrong.push(format!("{}: {target}, {options:?}", golden.name));
            }
            met.push(text);
        }
    }
    say_left_out(large);
    say(format!(
        "{plans} other plans of {models} models give the same bytes"
    ));
    assert!(models > 0 && plans > 0);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Other kernels, the same results.
#[test]
fn every_optimization_gives_the_same_bytes() {
    let (mut models, mut others, mut large, mut wrong) = (0, 0, 0, Vec::new());
    for golden in sample() {
        let model = read(&golden.model).expect("it is sound");
        let Ok(program) = compile::compile(&model, &CompileOptions::default()) else {
            continue;
        };
        if !takes_all_ways(&program, &mut large) {
            continue;
        }
        models += 1;
        // A kernel owns its packing.
        let kernels = |program: &Program| -> (Vec<String>, Vec<u8>) {
            let calls = program.calls();
            let kernels = calls.map(|call| format!("{:?}", call.kernel)).collect();
            (kernels, program.constants.bytes().to_vec())
        };
        let expected = golden.outputs(&program, CASES);
        let mut met = vec![kernels(&program)];
        let targets = Target::all().filter(|target| *target != Target::default());
        let choices = targets.flat_map(|target| {
            // What is small runs by rows, too.
            let by_rows = (target.optimize == Optimize::Size).then_some(Some(0));
            by_rows
                .into_iter()
                .chain([None])
                .map(move |most| (target, most))
        });
        for (target, max_arena) in choices {
            let mut options = CompileOptions::for_target(target);
            options.max_arena = max_arena;
            let other = compile::compile(&model, &options).expect("it compiled before");
            let chosen = kernels(&other);
            if met.contains(&chosen) {
                continue;
            }
            others += 1;
            if golden.outputs(&other, CASES) != expected {
                wrong.push(format!("{}: {target}", golden.name));
            }
            met.push(chosen);
        }
    }
    say_left_out(large);
    say(format!(
        "{others} other choices of kernels for {models} models give the same bytes"
    ));
    assert!(models > 0 && others > 0);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// An arena in several memories, the same results. Every operand lies in one of them, which compiling checks. Each model takes one target and one
/// list of memories in turn.
#[test]
fn memories_give_the_same_bytes() {
    let targets = [
        Target::default(),
        Target::new(Isa::default(), Optimize::Size),
        Target::new(Isa::Dsp, Optimize::default()),
    ];
    let (mut models, mut spread, mut large, mut wrong) = (0, 0, 0, Vec::new());
    let mut spread_weights = 0;
    let sample = sample().step_by(if takes_large() { 1 } else { 3 });
    for (at, golden) in sample.enumerate() {
        let model = read(&golden.model).expect("it is sound");
        let target = targets[at % targets.len()];
        let mut options = CompileOptions::for_target(target);
        let Ok(one) = compile::compile(&model, &options) else {
            continue;
        };
        if !takes_all_ways(&one, &mut large) {
            continue;
        }
        models += 1;
        let bytes = one.ram_bytes() + 16;
        let (third, half, all) = (bytes / 3, bytes / 2, bytes * 4);
        let weights = one.constants.bytes().len();
        let list = match at % 2 {
            0 => vec![
                format!("dtcm={third}:fast"),
                format!("sram={all}"),
                format!("qspi={}:slow:rom", weights * 2 + 64),
                format!("flash={}:rom", weights / 2),
            ],
            _ => vec![
                format!("psram={all}:slow"),
                format!("sram={half}"),
                format!("dtcm={third}:fast"),
            ],
        };
        options.memories = list.iter().map(|m| m.parse().expect("a memory")).collect();
        let other = compile::compile(&model, &options).expect("there is room");
        let used = other.parts.iter().filter(|part| part.arena_bytes > 0);
        spread += usize::from(used.count() > 1);
        for part in &other.parts {
            let bytes = part.arena_bytes + part.state_bytes;
            assert!(bytes <= part.ram.bytes, "{}: {part:?}", golden.name);
        }
        for part in &other.roms {
            assert!(part.bytes <= part.rom.bytes, "{}: {part:?}", golden.name);
        }
        let used = other.roms.iter().filter(|part| part.bytes > 0);
        spread_weights += usize::from(used.count() > 1);
        if golden.outputs(&one, CASES) != golden.outputs(&other, CASES) {
            wrong.push(format!("{}: {target}, {list:?}", golden.name));
        }
    }
    say_left_out(large);
    say(format!(
        "{models} models give the same bytes with two memories or three, {spread} of them in more than one, and weights of {spread_weights} in two"
    ));
    assert!(models > 0 && spread > models / 2 && spread_weights > 10);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Inputs and outputs in the caller's buffers, the same results: no run writes to such an input, whatever kernels and plan do in place, and the
/// arena is no larger for it. Each model takes one way in turn.
#[test]
fn buffers_of_the_caller_give_the_same_bytes() {
    let targets = [
        Target::default(),
        Target::new(Isa::DspFp, Optimize::Size),
        Target::new(Isa::Mve, Optimize::default()),
    ];
    let (mut models, mut others, mut large, mut wrong) = (0, 0, 0, Vec::new());
    let (mut before, mut after) = (0, 0);
    for (at, golden) in sample().enumerate() {
        let model = read(&golden.model).expect("it is sound");
        let compiled = |buffers: Buffers, by_rows: bool, memories: &[&str]| {
            let mut options = CompileOptions::for_target(targets[at % targets.len()]);
            options.plan.buffers = buffers;
            options.max_arena = by_rows.then_some(0);
            let memories = memories.iter().map(|m| m.parse().expect("a memory"));
            options.memories = memories.collect();
            compile::compile(&model, &options)
        };
        let Ok(whole) = compiled(Buffers::Model, false, &[]) else {
            continue;
        };
        if !takes_all_ways(&whole, &mut large) {
            continue;
        }
        models += 1;
        let expected = golden.outputs(&whole, CASES);
        let several = ["dtcm=1k:fast", "sram=16M"];
        let ways: [(Buffers, bool, &[&str]); 4] = [
            (Buffers::Caller, false, &[]),
            (Buffers::Caller, true, &[]),
            (Buffers::Inputs, false, &several),
            (Buffers::Outputs, true, &[]),
        ];
        let own = ways.iter().enumerate();
        let own = own.filter(|(way, _)| takes_large() || at % ways.len() == *way);
        for (_, &(buffers, by_rows, memories)) in own {
            let other = compiled(buffers, by_rows, memories).expect("it compiled before");
            others += 1;
            assert!(other.entries.iter().all(|entry| {
                let held = |ports: &[Port]| ports.iter().all(|port| other.is_held(port));
                held(&entry.inputs) == buffers.holds_inputs()
                    && held(&entry.outputs) == buffers.holds_outputs()
                    || entry.inputs.is_empty()
            }));
            if golden.outputs(&other, CASES) != expected {
                wrong.push(format!("{}: {buffers}, by rows {by_rows}", golden.name));
            }
            if (buffers, by_rows) == (Buffers::Caller, false) {
                (before, after) = (before + whole.arena_bytes, after + other.arena_bytes);
                if other.arena_bytes > whole.arena_bytes {
                    wrong.push(format!(
                        "{}: {} bytes of arena are more than {}",
                        golden.name, other.arena_bytes, whole.arena_bytes
                    ));
                }
            }
        }
    }
    say_left_out(large);
    say(format!(
        "{models} models give the same bytes with inputs and outputs of the caller's, in {others} programs; their arenas together have {after} bytes \
         rather than {before}"
    ));
    assert!(models > 0 && after < before);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// An input that comes row by row gives what the same input gives as a whole, on every processor whose kernels differ.
#[test]
fn inputs_by_rows_give_the_same_bytes() {
    let (mut models, mut refused, mut large, mut wrong) = (0, 0, 0, Vec::new());
    let mut lower = 0;
    for golden in sample() {
        let model = read(&golden.model).expect("it is sound");
        let compiled = |isa: Isa, input: Input| {
            let mut options = CompileOptions::for_target(Target::new(isa, Optimize::Size));
            options.input = input;
            compile::compile(&model, &options)
        };
        let Ok(whole) = compiled(Isa::default(), Input::Whole) else {
            continue;
        };
        let rows = match compiled(Isa::default(), Input::Rows) {
            Ok(rows) => rows,
            Err(error) => {
                let told = error
                    .to_string()
                    .contains("the input cannot come row by row");
                assert!(told, "{}: {error}", golden.name);
                refused += 1;
                continue;
            }
        };
        if !takes_all_ways(&whole, &mut large) {
            continue;
        }
        models += 1;
        lower += usize::from(rows.arena_bytes < whole.arena_bytes);
        let expected = golden.outputs(&whole, CASES);
        if golden.outputs(&rows, CASES) != expected {
            wrong.push(golden.name.clone());
        }
        for isa in Isa::ALL {
            let other = compiled(isa, Input::Rows).expect("it compiled before");
            if other.to_string() != rows.to_string() && golden.outputs(&other, CASES) != expected {
                wrong.push(format!("{}: {}", golden.name, isa.name()));
            }
        }
    }
    say_left_out(large);
    say(format!(
        "{models} models take their input row by row, with the same results, {lower} of them in a smaller arena; {refused} do not, and say why"
    ));
    assert!(models > 50 && lower > 10);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The smallest arenas that there are give what whole tensors give, by rows and patch by patch, whatever computes them.
#[test]
fn the_least_arenas_give_the_same_bytes() {
    let (mut models, mut patched, mut large, mut wrong) = (0, 0, 0, Vec::new());
    for golden in sample() {
        let model = read(&golden.model).expect("it is sound");
        let compiled = |isa: Isa, input: Input, bound: Option<usize>| {
            let mut options = CompileOptions::for_target(Target::new(isa, Optimize::Balanced));
            (options.input, options.max_arena) = (input, bound);
            compile::compile(&model, &options)
        };
        let Ok(whole) = compiled(Isa::default(), Input::Whole, None) else {
            continue;
        };
        if !takes_all_ways(&whole, &mut large) {
            continue;
        }
        for (isa, input) in [
            (Isa::Portable, Input::Whole),
            (Isa::DspFp, Input::Whole),
            (Isa::Portable, Input::Rows),
        ] {
            let Err(refused) = compiled(isa, input, Some(1)) else {
                continue;
            };
            let found = refused.diagnostics().first().and_then(|d| d.found.as_ref());
            // Where the input cannot come by rows, there is no such figure.
            let found =
                found.and_then(|found| found.strip_suffix(" bytes, the least that castiron finds"));
            let least = found.and_then(|found| found.parse::<usize>().ok());
            let Some(least) = least.filter(|least| *least < whole.arena_bytes) else {
                continue;
            };
            let Ok(program) = compiled(isa, input, Some(least)) else {
                wrong.push(format!("{}: {refused}", golden.name));
                continue;
            };
            models += 1;
            let patches = program
                .entries
                .iter()
                .flat_map(|entry| streams(&entry.steps));
            let mut stages = patches.flat_map(|stream| &stream.stages);
            patched += usize::from(stages.any(|stage| stage.strips.is_some()));
            let whole = compiled(isa, Input::Whole, None).expect("another one compiled");
            let is_same = golden.outputs(&program, CASES) == golden.outputs(&whole, CASES);
            if !is_same || program.arena_bytes > least {
                wrong.push(format!("{}: {isa:?} {input}", golden.name));
            }
        }
    }
    say_left_out(large);
    say(format!(
        "{models} programs in the least arena give the same bytes, {patched} of them patch by patch"
    ));
    assert!(models > 20);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What passes did not do changes no result. Without folding or inference some models do not compile, and say so.
#[test]
fn every_pass_can_be_left_out() {
    let (mut models, mut others, mut large, mut wrong) = (0, 0, 0, Vec::new());
    let mut needed: BTreeMap<String, usize> = BTreeMap::new();
    let mut larger = Vec::new();
    for golden in sample() {
        let model = read(&golden.model).expect("it is sound");
        let examined = compile::examine(&model, &CompileOptions::default());
        let Ok(program) = examined.program else {
            continue;
        };
        if !takes_all_ways(&program, &mut large) {
            continue;
        }
        models += 1;
        let changes = examined
            .verdicts
            .iter()
            .flat_map(|verdict| &verdict.changes);
        let did: BTreeSet<Pass> = changes.map(|change| change.pass).collect();
        if did.is_empty() {
            continue;
        }
        let single = did.into_iter().map(|pass| (pass.to_string(), pass.into()));
        for (name, without) in single.chain([("all".to_owned(), Passes::ALL)]) {
            let options = CompileOptions::default().without(without);
            let other = match compile::compile(&model, &options) {
                Ok(other) => other,
                Err(error) => {
                    let told = error.to_string().contains("does not compile without");
                    assert!(told, "{}: {error}", golden.name);
                    *needed.entry(name).or_default() += 1;
                    continue;
                }
            };
            others += 1;
            if let Some(difference) = golden.difference(&program, &other, CASES) {
                wrong.push(format!("{} without {name}: {difference}", golden.name));
            }
            if program.arena_bytes > other.arena_bytes {
                larger.push(format!(
                    "{}: {} bytes, and without {name} {}",
                    golden.name, program.arena_bytes, other.arena_bytes
                ));
            }
        }
    }
    say_left_out(large);
    say(format!(
        "{others} programs of {models} models without some passes give the same results"
    ));
    for (name, models) in needed {
        say(format!(
            "{models} models do not compile without {name}, and say so"
        ));
    }
    assert!(models > 0 && others > 0);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(larger.is_empty(), "arenas grow by passes: {larger:#?}");
}

/// Models of the folder of references, if there is one.
fn references() -> Vec<Golden> {
    let Some(folder) = reference_folder() else {
        return Vec::new();
    };
    let mut all: Vec<Golden> = ["models", "models/self", "models/public", "ops"]
        .map(|models| folder.join(models))
        .iter()
        .filter(|models| models.is_dir())
        .flat_map(|models| find(models, &models.join("golden")))
        .collect();
    let cases = folder.join("cases");
    if cases.is_dir() {
        all.extend(find_folders(&cases));
    }
    all
}

#[derive(Default)]
struct Summary {
    failed: Vec<String>,
    /// Names, and errors.
    left_out: Vec<(String, String)>,
    /// Models without outputs to compare with.
    unanswered: Vec<String>,
    /// How many were not run for their size.
    large: usize,
}

/// Checks all, says counts, and what is left out by reason.
fn check_all(all: &[Golden], most: u64) -> Summary {
    let (mut passed, mut cases, mut worst) = (0, 0, 0f32);
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut summary = Summary::default();
    for golden in all {
        match golden.check(most) {
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
                let error = error.to_string();
                summary.left_out.push((golden.name.clone(), error));
            }
            Outcome::Unanswered => {
                let reason = "no outputs are recorded".to_owned();
                reasons.entry(reason).or_default().push(&golden.name);
                summary.unanswered.push(golden.name.clone());
            }
            Outcome::Large => {
                let reason =
                    format!("over {most} multiply-accumulates, CASTIRON_LARGE=1 runs them");
                reasons.entry(reason).or_default().push(&golden.name);
                summary.large += 1;
            }
            Outcome::Failed(difference) => {
                summary
                    .failed
                    .push(format!("{}: {difference}", golden.name));
            }
        }
    }
    let mut text = format!(
        "{passed} of {} models agree in {cases} cases; integers bit for bit, floats within \
         {TOLERANCE:e} (greatest difference {worst:e}); {} left out, {} failed",
        all.len(),
        summary.left_out.len() + summary.unanswered.len() + summary.large,
        summary.failed.len(),
    );
    for (reason, models) in reasons {
        text += &format!("\n  left out, {reason}: {}", models.join(" "));
    }
    say(text);
    summary
}
