use castiron_codegen::Model;
use castiron_codegen::compile::{CompileOptions, compile};
use castiron_codegen::exec::Machine;
use castiron_codegen::program::{Program, streams};
use castiron_codegen::target::{Isa, Optimize, Target};
use castiron_codegen::tflite;

fn model() -> Model {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/data/models/kws_dscnn_uint8io.tflite"
    );
    tflite::read(file, &std::fs::read(file).expect("it is there")).expect("it is a model")
}

fn compiled(model: &Model, isa: Isa, most: Option<usize>) -> Program {
    let mut options = CompileOptions::for_target(Target::new(isa, Optimize::Balanced));
    options.max_arena = most;
    compile(model, &options).expect("it compiles")
}

fn has_streams(program: &Program) -> bool {
    !streams(&program.entries[0].steps).is_empty()
}

/// What an input gives, in an arena that is full of something.
fn output(program: &Program) -> Vec<u8> {
    let entry = &program.entries[0];
    let mut machine = Machine::new(program, entry);
    machine.fill_arena(0x5a);
    let input = entry.inputs[0].operand.len;
    let input = (0..input).map(|i| (i * 37 % 251) as u8).collect::<Vec<_>>();
    machine.set_input(0, &input).expect("as many bytes");
    machine.run().expect("it runs");
    machine.output(0).expect("there is one").to_vec()
}

/// First kernels work in less, then rows run one by one; results stay.
#[test]
fn kernels_give_room_before_rows_run_by_themselves() {
    let model = model();
    let usual = compiled(&model, Isa::Dsp, None);
    let expected = output(&usual);
    let most = usual.arena_bytes - 128;
    let narrow = compiled(&model, Isa::Dsp, Some(most));
    assert!(
        narrow.arena_bytes <= most && !has_streams(&narrow),
        "{narrow}"
    );
    assert_eq!(output(&narrow), expected);

    let rows = compiled(&model, Isa::Dsp, Some(usual.arena_bytes * 3 / 4));
    assert!(has_streams(&rows), "{rows}");
    assert_eq!(output(&rows), expected);
    let least = compiled(&model, Isa::Dsp, Some(0));
    assert!(
        least.arena_bytes < rows.arena_bytes && least.to_string().contains("DspWindowConv2d"),
        "{least}"
    );
    assert_eq!(output(&least), expected);
}

/// Where no kernel has another form, nothing but rows makes an arena smaller.
#[test]
fn portable_kernels_have_no_room_to_give() {
    let model = model();
    let usual = compiled(&model, Isa::Portable, None);
    let less = compiled(&model, Isa::Portable, Some(usual.arena_bytes - 64));
    assert!(has_streams(&less), "{less}");
    assert_eq!(output(&less), output(&usual));
}
