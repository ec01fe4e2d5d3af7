//! Custom operators that C functions compute.

use std::path::Path;
use std::process::Command;

use castiron_build::library::{self, Cases, Library};
use castiron_codegen::program::FirmwareOps;
use castiron_test_tools::{present, run};

use super::{build, model, options, path, store};

const RELU: &str = "tests/data/custom/relu_i8.tflite";
const DELAY: &str = "tests/data/custom/delay_i16.tflite";

const OPERATORS: &str = r#"
#include "relu_i8.h"

void relu_i8_my_relu(const castiron_operator *op, const int8_t *input, int8_t *output)
{
    int32_t least = op->outputs[0].zero_point + (op->options_bytes > 0 ? (int32_t)op->options[0] : 0);
    size_t i;

    for (i = 0; i < op->inputs[0].elements; i++) {
        output[i] = input[i] < least ? (int8_t)least : input[i];
    }
}
"#;
const DELAY_OPERATORS: &str = r#"
#include <string.h>
#include "delay_i16.h"

void keep(const castiron_operator *op, const int16_t *input, int16_t *output, int16_t *scratch, int16_t *state)
{
    size_t bytes = op->scratch_elements * sizeof *scratch;

    memcpy(scratch, state, bytes);
    memcpy(state, input, op->state_elements * sizeof *state);
    memcpy(output, scratch, bytes);
}

/* A pointer may have the same form. */
keep_function *const pointer = keep;
"#;

const ODD_NAMES: &str = "tests/data/custom/odd_names_i8.tflite";
const SAME_WORDS: &str = "tests/data/custom/same_words_i8.tflite";
const ODD_OPERATORS: &str = r#"
#include <string.h>
#include "odd_names_i8.h"

void odd_names_i8_top_k_3(const castiron_operator *op, const int8_t *input, int8_t *output)
{
    memcpy(output, input, op->inputs[0].elements);
}

void odd_names_i8_m2_norm_v2_0_x(const castiron_operator *op, const int8_t *input, int8_t *output)
{
    memcpy(output, input, op->inputs[0].elements);
}

void odd_names_i8_gr_er(const castiron_operator *op, const int8_t *input, int8_t *output)
{
    memcpy(output, input, op->inputs[0].elements);
}
"#;

fn golden(name: &str) -> Cases {
    Cases::Recorded(path(&format!(
        "tests/data/custom/golden/{name}.safetensors"
    )))
}

fn relu(target: Option<&str>) -> Library {
    let made = options(|options| {
        options.target = target.map(str::to_owned);
        options.custom = FirmwareOps::named(["MyRelu".to_owned()]);
        options.cases = golden("relu_i8");
    });
    build(RELU, made)
}

fn make(folder: &Path, source: &str) -> Command {
    std::fs::write(folder.join("operators.c"), source).unwrap();
    let mut make = Command::new("make");
    make.args(["run", "OPERATORS=operators.c"]);
    make.arg("CFLAGS=-O2 -Wall -Wextra -Werror")
        .current_dir(folder);
    make
}

#[test]
fn a_function_of_the_program_computes_them() {
    if super::host::without_compiler() || !present("make") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = relu(None);
    assert!(made.undefined.contains(&"relu_i8_my_relu".to_owned()));
    store(&made, folder.path());
    let said = run(&mut make(folder.path(), OPERATORS));
    assert!(said.contains("self-test passed"), "{said}");
    // A missing one is an error of the linker's, by its name.
    let _ = std::fs::remove_file(folder.path().join("relu_i8_example"));
    let output = make(folder.path(), "").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("relu_i8_my_relu"),
        "{said}"
    );
    // One that computes something else.
    let wrong = OPERATORS.replace("? (int8_t)least", "? (int8_t)(least + 9)");
    let output = make(folder.path(), &wrong).output().unwrap();
    assert!(!output.status.success());
}

/// A name is any text; the function is called after its letters and digits.
#[test]
fn names_of_operators_need_not_be_identifiers() {
    if super::host::without_compiler() || !present("make") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = build(
        ODD_NAMES,
        options(|options| {
            options.custom = FirmwareOps::all();
            options.cases = golden("odd_names_i8");
        }),
    );
    store(&made, folder.path());
    let said = run(&mut make(folder.path(), ODD_OPERATORS));
    assert!(said.contains("self-test passed"), "{said}");
}

/// What is written for one would compute the other.
#[test]
fn no_function_is_for_two_names() {
    let error = |functions: &[[&str; 2]]| {
        let functions = functions.iter().map(|pair| pair.map(str::to_owned).into());
        let options = options(|options| {
            options.custom = FirmwareOps::all();
            options.functions = functions.collect();
            options.self_test = false;
        });
        library::build(&model(SAME_WORDS), &options)
            .unwrap_err()
            .to_string()
    };
    let clashes = [
        ("same_words_i8_my_scale", error(&[])),
        (
            "same_words_i8_my_scale",
            error(&[["my scale", "same_words_i8_my_scale"]]),
        ),
        (
            "scale",
            error(&[["my scale", "scale"], ["my-scale", "scale"]]),
        ),
    ];
    for (name, error) in clashes {
        for part in [name, "\"my scale\"", "\"my-scale\"", "--custom"] {
            assert!(error.contains(part), "{error}");
        }
    }
}

#[test]
fn state_and_working_memory_are_planned() {
    if super::host::without_compiler() || !present("make") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let buffer = |text: &str| [text.parse().unwrap()];
    let custom = FirmwareOps::named(["acme/delay".to_owned()])
        .with_scratch(buffer("acme/delay=i16x6"))
        .with_state(buffer("acme/delay=i16x6"));
    let of = |function: &str| {
        options(|options| {
            options.custom = custom.clone();
            options.functions = vec![("acme/delay".to_owned(), function.to_owned())];
            options.cases = golden("delay_i16");
        })
    };
    let made = build(DELAY, of("keep"));
    assert_eq!(
        (made.interface.state_bytes, made.interface.arena_bytes),
        (12, 48)
    );
    store(&made, folder.path());
    let said = run(&mut make(folder.path(), DELAY_OPERATORS));
    assert!(said.contains("self-test passed"), "{said}");
    for wrong in ["delay_i16_run", "two words", "while"] {
        let error = library::build(&model(DELAY), &of(wrong)).unwrap_err();
        assert!(error.to_string().contains(wrong), "{error}");
    }
}

/// Without recorded cases there is nothing to compare with.
#[test]
fn castiron_makes_up_no_outputs() {
    let of = |self_test| {
        options(|options| {
            options.custom = FirmwareOps::named(["MyRelu".to_owned()]);
            options.self_test = self_test;
        })
    };
    let made = build(RELU, of(false));
    assert_eq!((made.cases.baked, made.files.len()), (0, 2));
    let error = library::build(&model(RELU), &of(true))
        .unwrap_err()
        .to_string();
    for part in ["MyRelu", "the firmware computes", "--cases"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_microcontroller_computes_them() {
    let target = "thumbv7em-none-eabihf";
    if super::device::missing(target) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    store(&relu(Some(target)), folder.path());
    let said = run(&mut make(folder.path(), OPERATORS));
    assert!(said.contains("self-test passed"), "{said}");
}
