//! The report's word on each operator against the operator compiled by itself.

use std::fs;
use std::path::{Path, PathBuf};

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::graph::{Graph, Model, TensorId};
use castiron_codegen::plan::PlanOptions;
use castiron_codegen::report::Report;
use castiron_codegen::tflite;
use castiron_tests::{reference_folder, workspace};

/// Planning is not what is tested here.
fn options() -> PlanOptions {
    let mut options = PlanOptions::default();
    options.reorder = false;
    options
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder is readable").path())
        .map(|path| match path.is_dir() {
            true => path.join("model.tflite"),
            false => path,
        })
        .filter(|path| path.extension().is_some_and(|e| e == "tflite") && path.is_file())
        .collect();
    files.sort();
    files
}

/// Whether an operator compiles where nothing else is in the model.
fn compiles_alone(graph: &Graph, operator: usize) -> bool {
    let mut alone = graph.clone();
    let kept = alone.operators.swap_remove(operator);
    let is_activation = |id: &TensorId| !alone.tensor(*id).is_constant();
    let mut inputs: Vec<TensorId> = kept.inputs.iter().copied().flatten().collect();
    inputs.retain(is_activation);
    inputs.sort_unstable();
    inputs.dedup();
    alone.inputs = inputs;
    alone.outputs.clone_from(&kept.outputs);
    // What keeps its value from run to run is no input.
    let tensors = &alone.tensors;
    alone.inputs.retain(|id| !tensors[id.index()].is_variable);
    for tensor in &mut alone.tensors {
        // What sizes an input has is the whole model's affair.
        tensor.shape_signature = None;
    }
    alone.operators = vec![kept];
    let model = Model {
        file: String::new(),
        file_bytes: 0,
        description: String::new(),
        op_codes: Vec::new(),
        graphs: vec![alone],
        signatures: Vec::new(),
        metadata: Vec::new(),
        outside: Vec::new(),
        sparse: Vec::new(),
    };
    compile::compile(&model, &CompileOptions::from(options())).is_ok()
}

#[test]
fn the_column_is_what_compiles() {
    let mut folders: Vec<PathBuf> = ["examples/models", "tests/data/models", "tests/data/ops"]
        .into_iter()
        .chain(["tests/data/arena", "tests/data/calls"])
        .map(|folder| workspace().join(folder))
        .collect();
    if let Some(folder) = reference_folder() {
        let further = ["models", "models/self", "models/public", "ops", "cases"];
        folders.extend(
            further
                .map(|f| folder.join(f))
                .into_iter()
                .filter(|f| f.is_dir()),
        );
    }
    let (mut taken, mut refused, mut wrong) = (0, 0, Vec::new());
    for path in folders.iter().flat_map(|folder| files(folder)) {
        let bytes = fs::read(&path).expect("the model is readable");
        let Ok(model) = tflite::read(&path.display().to_string(), &bytes) else {
            continue;
        };
        let examined = compile::examine(&model, &CompileOptions::from(options()));
        let report = Report::new(&model, &examined);
        let mut all = true;
        for (index, of) in report.subgraphs.iter().enumerate() {
            let Ok((folded, _)) = compile::plan_graph(&model, index, &options().into()) else {
                continue;
            };
            for operator in &of.operators {
                let place = format!("{}: {} {}", path.display(), operator.index, operator.name);
                all &= operator.compiled;
                match operator.compiled {
                    true => taken += 1,
                    false => refused += 1,
                }
                let mut positions = 0..folded.operators.len();
                let Some(at) = positions.find(|at| folded.origin(*at) == operator.index) else {
                    // Computed at build time.
                    assert!(operator.compiled, "{place}");
                    continue;
                };
                // What runs subgraphs or has a variable is nothing alone.
                if folded.operators[at].kind.has_effects() {
                    continue;
                }
                if operator.compiled != compiles_alone(&folded, at) {
                    wrong.push(format!("{place}: the report says {}", operator.compiled));
                }
            }
        }
        // A model may be refused as a whole, but not compile beside an operator that is refused in
        // what runs.
        if examined.program.is_ok() && model.graphs.len() == 1 && !all {
            wrong.push(format!("{}: compiles", path.display()));
        }
    }
    println!("{taken} operators are taken and {refused} refused, as the report says");
    assert!(taken > 0 && refused > 0);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
