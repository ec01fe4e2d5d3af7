//! Whole-program tests. One program, since each one that links the generator costs as much as all do.

mod buffers;
mod computed_parts;
mod custom;
mod engine_column;
mod gen_cpp;
mod goldens;
mod growth;
mod include_model;
mod integration;
mod library;
mod memories;
mod mlperf_tiny;
mod random_models;
mod resize;
mod robustness;
mod rust_module;
mod sandwiches;
mod small_models;
mod stepwise;
mod tflm_arena;
mod tflm_engine;
mod tflm_verdicts;
mod versions;

/// Cargo does not look for test programs in these crates, so a file that nobody names would be left out without a word.
#[test]
fn every_file_of_tests_is_a_module() {
    for package in ["board", "cli", "codegen", "runtime", "tests"] {
        let folder = castiron_tests::workspace().join(package).join("tests");
        let all = std::fs::read_to_string(folder.join("all.rs")).unwrap();
        let entries = std::fs::read_dir(&folder).unwrap();
        for path in entries.map(|entry| entry.unwrap().path()) {
            let module = match path.extension() {
                Some(rs) if rs == "rs" => path.file_stem(),
                _ if path.join("mod.rs").is_file() => path.file_name(),
                _ => continue,
            };
            let module = module.unwrap().to_str().unwrap();
            assert!(
                module == "all" || all.contains(&format!("\nmod {module};\n")),
                "{} is not named in all.rs",
                path.display()
            );
        }
    }
}

/// These libraries are not compiled for tests, so a test in one of them would never run.
#[test]
fn libraries_without_tests_have_none() {
    let packages = ["board", "castiron", "codegen", "runtime", "tests"];
    let sources = packages.map(|package| castiron_tests::workspace().join(package).join("src"));
    let mut folders = Vec::from(sources);
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(folder).unwrap();
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let has_tests = text.lines().any(|line| line.trim() == "#[test]");
                assert!(!has_tests, "{} has tests that never run", path.display());
            }
        }
    }
}
