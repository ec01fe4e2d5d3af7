//! The report's word on each operator against the operator compiled by itself.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::graph::{Blocks, Graph, Model, Operator, Options, Tensor, TensorId};
use castiron_codegen::plan::PlanOptions;
use castiron_codegen::report::Report;
use castiron_codegen::tflite;
use castiron_tests::{reference_folder, sampled, workspace};

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

/// Tensors that an operator takes out of its graph: with all of them, large graphs would be compiled once for each operator.
struct Taken<'a> {
    from: &'a Graph,
    tensors: Vec<Tensor>,
    places: HashMap<TensorId, TensorId>,
}

impl Taken<'_> {
    fn take(&mut self, id: TensorId) -> TensorId {
        if let Some(place) = self.places.get(&id) {
            return *place;
        }
        let mut tensor = self.from.tensor(id).clone();
        // What sizes an input has is the whole model's affair.
        tensor.shape_signature = None;
        tensor.stored = tensor.stored.map(|id| self.take(id));
        tensor.blocks = tensor.blocks.map(|blocks| Blocks {
            scales: self.take(blocks.scales),
            ..blocks
        });
        let place = TensorId(u32::try_from(self.tensors.len()).expect("tensors are few"));
        self.tensors.push(tensor);
        self.places.insert(id, place);
        place
    }

    fn renumber(&mut self, operator: &mut Operator) {
        let inputs = operator.inputs.iter_mut().flatten();
        let outputs = operator.outputs.iter_mut();
        for id in inputs.chain(outputs).chain(&mut operator.intermediates) {
            *id = self.take(*id);
        }
        if let Options::Joined(parts) | Options::Chained(parts) = &mut operator.options {
            for part in parts {
                self.renumber(part);
            }
        }
    }
}

/// Whether an operator compiles where nothing else is in the model.
fn compiles_alone(graph: &Graph, operator: usize) -> bool {
    let mut kept = graph.operators[operator].clone();
    let mut taken = Taken {
        from: graph,
        tensors: Vec::new(),
        places: HashMap::new(),
    };
    taken.renumber(&mut kept);
    let tensors = taken.tensors;
    let mut inputs: Vec<TensorId> = kept.inputs.iter().copied().flatten().collect();
    // What keeps its value from run to run is no input.
    inputs.retain(|id| {
        let tensor = &tensors[id.index()];
        !tensor.is_constant() && !tensor.is_variable
    });
    inputs.sort_unstable();
    inputs.dedup();
    let alone = Graph {
        name: graph.name.clone(),
        tensors,
        inputs,
        outputs: kept.outputs.clone(),
        operators: vec![kept],
    };
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
    let mut paths: Vec<PathBuf> = ["examples/models", "tests/data/models", "tests/data/ops"]
        .into_iter()
        .chain(["tests/data/arena", "tests/data/calls"])
        .map(|folder| workspace().join(folder))
        .flat_map(|folder| files(&folder))
        .collect();
    if let Some(folder) = reference_folder() {
        let further = ["models", "models/self", "models/public", "ops", "cases"];
        let further = further.map(|f| folder.join(f));
        let there = further.iter().filter(|f| f.is_dir());
        paths.extend(sampled(there.flat_map(|folder| files(folder)).collect()));
    }
    let (mut taken, mut refused, mut wrong) = (0, 0, Vec::new());
    for path in paths {
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
