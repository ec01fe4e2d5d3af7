//! Models whose batch was not known when they were converted, with other batches than 1.

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::exec::Machine;
use castiron_codegen::program::Program;
use castiron_codegen::{InputShape, resize};
use castiron_tests::{goldens, workspace};

fn run(program: &Program, inputs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let entry = &program.entries[0];
    let mut machine = Machine::new(program, entry);
    for (position, input) in inputs.iter().enumerate() {
        machine.set_input(position, input).expect("an input");
    }
    machine.run().expect("it runs");
    let outputs = 0..entry.outputs.len();
    outputs
        .map(|i| machine.output(i).expect("an output").to_vec())
        .collect()
}

/// Three at once give what each gives alone, bit for bit.
#[test]
fn a_batch_gives_what_its_parts_give() {
    const BATCH: usize = 3;
    let folder = workspace().join("tests/data/models");
    let mut models = 0;
    for golden in goldens::find(&folder, &folder.join("golden")) {
        let model = goldens::read(&golden.model).expect("sound");
        let inputs = model.graphs[0]
            .inputs
            .iter()
            .map(|id| model.graphs[0].tensor(*id));
        let inputs: Vec<_> = inputs.cloned().collect();
        if inputs
            .iter()
            .any(|t| t.unknown_sizes() != [0] || t.shape[0] != 1)
        {
            continue;
        }
        models += 1;
        let alone = compile::compile(&model, &CompileOptions::default()).expect("it compiles");
        let shapes = inputs.iter().map(|tensor| {
            let mut shape = tensor.shape.clone();
            shape[0] = BATCH;
            InputShape::new(&tensor.name, shape)
        });
        let batched = resize(model, &shapes.collect::<Vec<_>>()).expect("batches are open");
        let batched = compile::compile(&batched, &CompileOptions::default());
        let batched = batched.unwrap_or_else(|e| panic!("{}: {e}", golden.name));

        // Bytes that are small numbers as floats, too.
        let mut state = 1u32;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8 & 0xbf
        };
        let parts: [Vec<Vec<u8>>; BATCH] = std::array::from_fn(|_| {
            let all = inputs
                .iter()
                .map(|t| (0..t.bytes()).map(|_| byte()).collect());
            all.collect()
        });
        let whole: Vec<Vec<u8>> = (0..inputs.len())
            .map(|input| parts.iter().flat_map(|part| part[input].clone()).collect())
            .collect();
        let alone: Vec<_> = parts.iter().map(|part| run(&alone, part)).collect();
        for (output, together) in run(&batched, &whole).iter().enumerate() {
            let one_by_one = alone.iter().flat_map(|outputs| outputs[output].clone());
            assert!(
                one_by_one.eq(together.iter().copied()),
                "{}, output {output}",
                golden.name
            );
        }
    }
    assert!(models >= 5, "{models} models have an unknown batch");
}

#[test]
fn sizes_that_nobody_said_are_an_error_with_the_way_out() {
    let path = workspace().join("tests/data/tflm/any_size_input.tflite");
    let model = goldens::read(&path).expect("sound");
    let compiled = |model| compile::compile(&model, &CompileOptions::default());
    let error = compiled(model.clone()).expect_err("any size").to_string();
    assert!(
        error.contains("unknown dimensions 1, 2") && error.contains("--shape INPUT=1x96x96x3"),
        "{error}"
    );
    let shaped = resize(model.clone(), &[InputShape::new("x", [1, 5, 7, 3])]).expect("open");
    let program = compiled(shaped).expect("it compiles");
    assert_eq!(program.entries[0].outputs[0].shape, [1, 5, 7, 2]);

    let wrong = |shapes: &[InputShape]| {
        resize(model.clone(), shapes)
            .expect_err("wrong")
            .to_string()
    };
    let x = |shape: &[usize]| InputShape::new("x", shape);
    for (shapes, says) in [
        (&[x(&[1, 5, 7, 4])][..], "expected: 1x?x?x3"),
        (&[x(&[1, 5, 0, 3])], "at least 1 for each ?"),
        (&[x(&[5, 7, 3])], "the input cannot have this shape"),
        (&[x(&[1, 1 << 20, 1 << 20, 3])], "too large"),
        (&[x(&[1, 5, 7, 3]), x(&[1, 5, 7, 3])], "given twice"),
        (&[InputShape::new("y", [1])], "expected: one of `x`"),
    ] {
        let error = wrong(shapes);
        assert!(error.contains(says), "{error}");
    }
}
