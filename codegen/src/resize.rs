//! Sizes for inputs whose sizes were not known when the model was converted.

use std::fmt;
use std::str::FromStr;

use crate::error::{Diagnostic, Result};
use crate::graph::{Graph, Model, Tensor, TensorId};
use crate::passes::{self, Passes};
use crate::tflite;

/// The shape of a model's input: of the one of that name, or of the only one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputShape {
    input: Option<String>,
    shape: Vec<usize>,
}

impl InputShape {
    /// The shape of the input that a tensor or a signature names.
    pub fn new(input: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        Self {
            input: Some(input.into()),
            shape: shape.into(),
        }
    }

    /// Whether the model has the input; one without a name is for every model.
    pub fn is_for(&self, model: &Model) -> bool {
        let Some(input) = &self.input else {
            return true;
        };
        inputs(model)
            .iter()
            .any(|(_, _, names)| names.contains(input))
    }
}

impl fmt::Display for InputShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(input) = &self.input {
            write!(f, "{input}=")?;
        }
        let sizes: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        f.write_str(&sizes.join("x"))
    }
}

/// `1x96x96x3`, or with the input's name: `image=1x96x96x3`.
impl FromStr for InputShape {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let (input, sizes) = match text.rsplit_once('=') {
            Some((input, sizes)) => (Some(input.to_owned()), sizes),
            None => (None, text),
        };
        let sizes = sizes.split(['x', '×', ',']).map(|size| size.trim().parse());
        match sizes.collect::<Result<Vec<usize>, _>>() {
            Ok(shape) => Ok(Self { input, shape }),
            Err(_) => Err(Diagnostic::new("this is not an input's shape")
                .expected("sizes with an x between them, as in image=1x96x96x3")
                .found(format_args!("\"{text}\""))
                .help("write the name of the input, =, and a number for each dimension")),
        }
    }
}

/// The model with these sizes of its inputs. Only sizes that the file leaves open can be given. All that follows from them is
/// inferred anew.
///
/// # Errors
/// If there is no such input, if it cannot have that shape, or if an operator cannot compute what follows.
pub fn resize(mut model: Model, shapes: &[InputShape]) -> Result<Model> {
    if shapes.is_empty() {
        return Ok(model);
    }
    for (position, shape) in shapes.iter().enumerate() {
        let set = match shapes[..position].iter().any(|s| s.input == shape.input) {
            true => Err(Diagnostic::new("the shape of this input is given twice")
                .found(shape.input.as_deref().unwrap_or("the only input"))
                .help("leave one of them out")),
            false => set(&mut model, shape),
        };
        set.map_err(|mut d| {
            d.place.file = Some(model.file.clone());
            d
        })?;
    }
    let mut model = passes::of_called(&model, Passes::NONE).into_owned();
    for graph in &mut model.graphs {
        let sizes = passes::sizes(graph);
        for (tensor, (shape, signature)) in std::iter::zip(&mut graph.tensors, sizes) {
            tensor.shape = shape;
            tensor.shape_signature = signature;
        }
    }
    tflite::check_sizes(&model).map_err(|error| error.in_file(&model.file))?;
    Ok(model)
}

fn set(model: &mut Model, shape: &InputShape) -> Result<(), Diagnostic> {
    let found = inputs(model);
    let names = || -> Vec<String> {
        let names = found.iter().map(|(_, _, names)| format!("`{}`", names[0]));
        names.collect()
    };
    let wanted: Vec<(usize, TensorId)> = match &shape.input {
        Some(input) => (found.iter())
            .filter(|(_, _, names)| names.contains(input))
            .map(|(graph, id, _)| (*graph, *id))
            .collect(),
        None => match &found[..] {
            [(graph, id, _)] => vec![(*graph, *id)],
            _ => {
                return Err(Diagnostic::new("the model has several inputs")
                    .expected(format_args!("the name of one of {}", names().join(", ")))
                    .found("a shape without a name")
                    .help("write the name before the shape, with a = between them"));
            }
        },
    };
    if wanted.is_empty() {
        return Err(Diagnostic::new("the model has no such input")
            .expected(format_args!("one of {}", names().join(", ")))
            .found(format_args!(
                "`{}`",
                shape.input.as_deref().unwrap_or_default()
            ))
            .help("`castiron inspect` lists the inputs"));
    }
    for (graph, id) in wanted {
        let tensor = &mut model.graphs[graph].tensors[id.index()];
        check(tensor, &shape.shape).map_err(|d| {
            d.in_subgraph(graph)
                .at_tensor(id.index(), &tensor.name.clone())
        })?;
        tensor.shape.clone_from(&shape.shape);
        // The sizes are known now.
        let sizes = shape.shape.iter().map(|size| i32::try_from(*size));
        tensor.shape_signature = sizes.collect::<Result<_, _>>().ok();
    }
    Ok(())
}

fn check(tensor: &Tensor, shape: &[usize]) -> Result<(), Diagnostic> {
    let unknown = tensor.unknown_sizes();
    let fits = tensor.shape.len() == shape.len()
        && std::iter::zip(&tensor.shape, shape)
            .enumerate()
            .all(|(d, (known, given))| unknown.contains(&d) || known == given);
    if !fits || shape.contains(&0) {
        let sizes = tensor.shape.iter().enumerate();
        let sizes = sizes.map(|(d, size)| match unknown.contains(&d) {
            true => "?".to_owned(),
            false => size.to_string(),
        });
        let sizes: Vec<String> = sizes.collect();
        return Err(Diagnostic::new("the input cannot have this shape")
            .expected(format_args!(
                "{}, with a size of at least 1 for each ?",
                sizes.join("x")
            ))
            .found(format_args!("{shape:?}"))
            .help("give the sizes that the file leaves open; the others are part of the model"));
    }
    if !tensor.may_have(shape) {
        return Err(Diagnostic::new("the tensor is too large")
            .expected(format_args!("at most {} bytes", Tensor::MOST_BYTES))
            .found(format_args!("shape {shape:?} of {}", tensor.dtype))
            .help("give the input a smaller shape"));
    }
    Ok(())
}

/// Inputs of all entry points with their names: the tensor's and those of signatures.
fn inputs(model: &Model) -> Vec<(usize, TensorId, Vec<String>)> {
    let entries = (0..model.graphs.len())
        .filter(|index| *index == 0 || model.signatures.iter().any(|s| s.graph == *index));
    let of_graph = |index: usize| {
        let graph: &Graph = &model.graphs[index];
        let signatures = model.signatures.iter().filter(move |s| s.graph == index);
        graph.inputs.iter().map(move |id| {
            let ports = signatures.clone().flat_map(|s| &s.inputs);
            let names = ports.filter(|port| port.tensor == *id);
            let names = names.map(|port| port.name.clone());
            let names = names.chain([graph.tensor(*id).name.clone()]);
            (index, *id, names.collect())
        })
    };
    entries.flat_map(of_graph).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::compile::{self, CompileOptions};
    use crate::graph::{
        BuiltinOperator as Op, DType, IfOptions, OpKind, Operator, Options, VarHandleOptions,
    };

    /// Two dimensions, of which the writer knew what is not 0.
    fn tensor(name: &str, [rows, columns]: [i32; 2], dtype: DType) -> Tensor {
        let open = |size| if size == 0 { -1 } else { size };
        Tensor {
            name: name.to_owned(),
            shape: [rows, columns]
                .iter()
                .map(|size| (*size).max(1) as usize)
                .collect(),
            shape_signature: Some(vec![open(rows), open(columns)]),
            dtype,
            quantization: None,
            data: None,
            is_variable: false,
            stored: None,
            blocks: None,
        }
    }

    fn list(values: &[i32]) -> Tensor {
        let data: Arc<[u8]> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Tensor {
            shape: vec![values.len()],
            shape_signature: None,
            data: Some(data),
            ..tensor("constant", [1, 1], DType::Int32)
        }
    }

    fn graph(
        tensors: Vec<Tensor>,
        operators: &[(Op, Options, &[u32], &[u32])],
        [inputs, outputs]: [&[u32]; 2],
    ) -> Graph {
        let ids = |ids: &[u32]| ids.iter().copied().map(TensorId).collect::<Vec<_>>();
        let operators = operators.iter().cloned();
        Graph {
            name: String::new(),
            tensors,
            operators: operators
                .map(|(kind, options, inputs, outputs)| Operator {
                    kind: OpKind::Builtin(kind),
                    version: 1,
                    inputs: ids(inputs).into_iter().map(Some).collect(),
                    outputs: ids(outputs),
                    intermediates: Vec::new(),
                    options,
                    origin: Vec::new(),
                })
                .collect(),
            inputs: ids(inputs),
            outputs: ids(outputs),
        }
    }

    fn model(graphs: Vec<Graph>) -> Model {
        Model {
            file: "m.tflite".to_owned(),
            file_bytes: 0,
            description: String::new(),
            op_codes: Vec::new(),
            graphs,
            signatures: Vec::new(),
            metadata: Vec::new(),
            outside: Vec::new(),
            sparse: Vec::new(),
        }
    }

    #[test]
    fn what_an_operator_cannot_compute_of_the_sizes_is_refused() {
        let slice = |sizes: &[i32]| {
            let x = tensor("x", [0, 0], DType::Float32);
            let y = tensor("y", [0, 0], DType::Float32);
            let tensors = vec![x, list(&[1, 1]), list(sizes), y];
            let operators: [(_, _, &[u32], &[u32]); 1] =
                [(Op::Slice, Options::None, &[0, 1, 2], &[3])];
            model(vec![graph(tensors, &operators, [&[0], &[3]])])
        };
        for (sizes, shape, says) in [
            ([-1, -1], [1, 3], "the tensor has no elements"),
            ([2, 2], [3, 2], "the part lies outside the input"),
        ] {
            let error = resize(slice(&sizes), &[InputShape::new("x", shape)]);
            let error = error.expect_err("too small").to_string();
            let is_named = error.contains("m.tflite, subgraph 0") && error.contains(says);
            assert!(is_named && error.contains("other sizes"), "{error}");
        }
        let right = resize(slice(&[-1, -1]), &[InputShape::new("x", [3, 4])]);
        assert_eq!(
            right.expect("large enough").graphs[0].tensors[3].shape,
            [2, 3]
        );
    }

    #[test]
    fn sizes_reach_subgraphs_and_what_comes_back() {
        let float = |name| tensor(name, [0, 3], DType::Float32);
        let negate: [(_, _, &[u32], &[u32]); 1] = [(Op::Neg, Options::None, &[0], &[1])];
        let branch = || graph(vec![float("a"), float("b")], &negate, [&[0], &[1]]);
        let options = Options::If(IfOptions {
            then_graph: 1,
            else_graph: 2,
        });
        let operators: [(_, _, &[u32], &[u32]); 2] = [
            (Op::Neg, Options::None, &[1], &[2]),
            (Op::If, options, &[0, 2], &[3]),
        ];
        let condition = tensor("condition", [1, 1], DType::Bool);
        let tensors = vec![condition, float("x"), float("n"), float("y")];
        let main = graph(tensors, &operators, [&[0, 1], &[3]]);
        let resized = resize(
            model(vec![main, branch(), branch()]),
            &[InputShape::new("x", [2, 3])],
        );
        let program = compile::compile(&resized.expect("open"), &CompileOptions::default());
        assert_eq!(program.expect("right").entries[0].outputs[0].shape, [2, 3]);
    }

    #[test]
    fn sizes_reach_what_is_read_of_variables() {
        let float = |name| tensor(name, [0, 3], DType::Float32);
        let mut handle = tensor("handle", [1, 1], DType::Resource);
        (handle.shape, handle.shape_signature) = (Vec::new(), None);
        let name = Options::VarHandle(VarHandleOptions {
            container: String::new(),
            shared_name: "v".to_owned(),
        });
        let operators: [(_, _, &[u32], &[u32]); 3] = [
            (Op::VarHandle, name, &[], &[0]),
            (Op::ReadVariable, Options::None, &[0], &[2]),
            (Op::AssignVariable, Options::None, &[0, 1], &[]),
        ];
        let tensors = vec![handle, float("x"), float("y")];
        let main = graph(tensors, &operators, [&[1], &[2]]);
        let resized = resize(model(vec![main]), &[InputShape::new("x", [2, 3])]);
        let program = compile::compile(&resized.expect("open"), &CompileOptions::default());
        assert_eq!(program.expect("right").entries[0].outputs[0].shape, [2, 3]);
    }

    #[test]
    fn a_shape_may_have_a_name() {
        let of = |text: &str| text.parse::<InputShape>();
        assert_eq!(of("a=b=1x2"), Ok(InputShape::new("a=b", [1, 2])));
        let unnamed = of("1x96×96,3").expect("right");
        assert_eq!((unnamed.input, unnamed.shape), (None, vec![1, 96, 96, 3]));
        for wrong in ["", "x", "1x", "image=", "1x-1", "image"] {
            let error = of(wrong).expect_err(wrong).to_string();
            assert!(error.contains("image=1x96x96x3"), "{error}");
        }
    }
}
