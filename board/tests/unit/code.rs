use std::path::Path;

use castiron_codegen::compile::{CodeTable, CompileOptions, compile, kernels};
use castiron_codegen::program::Program;
use castiron_codegen::target::{Optimize, Target};

fn programs(folder: &str) -> Vec<(String, Program)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(folder);
    let entries = std::fs::read_dir(folder).expect("models");
    let mut programs = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path
            .extension()
            .is_none_or(|extension| extension != "tflite")
        {
            continue;
        }
        let name = path.file_stem().expect("a name").display().to_string();
        let bytes = std::fs::read(&path).expect("a model");
        let model = castiron_codegen::tflite::read(&name, &bytes).expect("a model");
        let target = Target::new(CodeTable::ISA, Optimize::default());
        if let Ok(program) = compile(&model, &CompileOptions::for_target(target)) {
            programs.push((name, program));
        }
    }
    programs
}

#[test]
fn every_kernel_was_measured() {
    let table = CodeTable::cortex_m().expect("a table");
    for (name, program) in programs("tests/data/ops") {
        for kernel in kernels(&program).keys() {
            let remedy = "run `cargo xtask code --update`";
            assert!(
                table.has(kernel),
                "{name}: {kernel} was not measured: {remedy}"
            );
        }
    }
}

#[test]
fn estimates_are_near_what_was_measured() {
    let table = CodeTable::cortex_m().expect("a table");
    let mut count = 0;
    for folder in ["examples/models", "tests/data/models"] {
        for (name, program) in programs(folder) {
            let measured = table.model[&name];
            let estimate = table.estimate(&program);
            let most = measured + table.most_above_bytes;
            let least = measured - measured * table.most_below_percent / 100;
            println!("{name}: {estimate} estimated, {measured} measured");
            assert!((least..=most).contains(&estimate), "{name}");
            count += 1;
        }
    }
    assert_eq!(count, 23);
}
