//! Valid random models: the same ones every time. `cargo xtask random-models` makes more of them and asks other interpreters, `fuzz/` looks for
//! those that nobody drew.

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::ops;
use castiron_codegen::passes::Pass;
use castiron_codegen::tflite;
use castiron_test_tools::say;
use castiron_tests::random::{Campaign, EXPLAINED, LEFT_OUT, Tally, draws};

/// As many as take some seconds of the processor; `.ci/run` takes 1,750 others. Of models beyond them those are taken that have an operator
/// that none had before.
const MODELS: u64 = 250;
const MOST: u64 = 10 * MODELS;

#[test]
fn neither_passes_nor_plans_nor_kernels_change_what_random_models_compute() {
    let mut campaign = Campaign {
        seed: 1,
        operators: Vec::new(),
        references: None,
    };
    let mut tally = Tally::default();
    for number in 0..MOST {
        let is_new = |line: &String| {
            let name = line.split(' ').next().unwrap_or_default();
            !tally.operators.contains_key(name)
        };
        if number < MODELS || campaign.sample(number).lines.iter().any(is_new) {
            campaign.take(number, &mut tally).expect("nobody is asked");
        }
    }
    let found = tally.found.iter().map(|found| {
        let (number, line, what) = (found.number, &found.line, &found.what);
        format!("model {number}: {line}\n{what}")
    });
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    // What nobody draws nobody tests.
    let drawn = |name: &str| {
        tally.operators.contains_key(name) || LEFT_OUT.iter().any(|left_out| left_out.0 == name)
    };
    let missing = ops::supported().filter(|op| !drawn(op.name()));
    let missing: Vec<&str> = missing.map(|op| op.name()).collect();
    assert!(missing.is_empty(), "in none of the models: {missing:?}");
    say(format!(
        "{} random models of {} operators of {} kinds are the same with every plan and kernel, and without passes",
        tally.models,
        tally.operators.values().sum::<usize>(),
        tally.operators.len()
    ));
}

/// A pass that acts on no model is not tested by them.
#[test]
fn channels_leave_random_networks() {
    let operators = [
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "ADD",
        "RESHAPE",
    ];
    let mut campaign = Campaign {
        seed: 1,
        operators: operators.map(str::to_owned).to_vec(),
        references: None,
    };
    let mut tally = Tally::default();
    let mut acts = |number: &u64| {
        let model = tflite::read("random.tflite", &campaign.sample(*number).file);
        let model = model.expect("it is sound");
        let verdicts = compile::examine(&model, &CompileOptions::default()).verdicts;
        let mut changes = verdicts.iter().flat_map(|verdict| &verdict.changes);
        let acts = changes.any(|change| change.pass == Pass::RemoveChannels);
        if acts {
            (campaign.take(*number, &mut tally)).expect("nobody is asked");
        }
        acts
    };
    let models = (0..MODELS).filter(&mut acts).count();
    assert!(tally.found.is_empty(), "{:?}", tally.found);
    say(format!(
        "channels leave {models} of {MODELS} random networks, and results are the same"
    ));
    assert!(models > 0);
}

#[test]
fn every_operator_is_drawn_or_said_why_not() {
    let why = |name: &str| LEFT_OUT.iter().find(|left_out| left_out.0 == name);
    let builtin = ops::supported().map(|op| (op.name(), draws(op.name())));
    let custom = ops::custom().map(|name| (name, draws(name)));
    for (name, is_drawn) in builtin.chain(custom) {
        match why(name) {
            Some((_, reason)) if !is_drawn => say(format!("no random model has {name}: {reason}")),
            Some(_) => panic!("{name} is drawn, and said to be left out"),
            None => assert!(is_drawn, "{name} is neither drawn nor left out"),
        }
    }
}

#[test]
fn every_explanation_is_of_an_operator() {
    for row in EXPLAINED {
        let name = row.operator.split(' ').next().unwrap_or_default();
        assert!(ops::supported().any(|op| op.name() == name), "{name}");
        assert!(!row.reason.is_empty());
    }
}
