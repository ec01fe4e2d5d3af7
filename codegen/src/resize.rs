//! Sizes for inputs whose sizes were not known when the model was converted.

use std::fmt;
use std::str::FromStr;

use crate::error::{Diagnostic, Result};
use crate::graph::{Model, Tensor, TensorId};
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
        let error = Diagnostic::new("the input cannot have this shape");
        return Err(match unknown.is_empty() {
            true => (error.expected(format_args!("{}, which the file fixes", sizes.join("x"))))
                .help("leave the shape out: it can only be given for inputs with open sizes"),
            false => (error.expected(format_args!(
                "{}, with a size of at least 1 for each ?",
                sizes.join("x")
            )))
            .help("give the sizes that the file leaves open; the others are part of the model"),
        }
        .found(format_args!("{shape:?}")));
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
    let mut inputs = Vec::new();
    for (index, graph) in model.graphs.iter().enumerate() {
        let signatures = model.signatures.iter().filter(|s| s.graph == index);
        let signatures: Vec<_> = signatures.collect();
        if index != 0 && signatures.is_empty() {
            continue;
        }
        for id in &graph.inputs {
            let mut names = Vec::new();
            for signature in &signatures {
                let ports = signature.inputs.iter().filter(|port| port.tensor == *id);
                names.extend(ports.map(|port| port.name.clone()));
            }
            names.push(graph.tensor(*id).name.clone());
            inputs.push((index, *id, names));
        }
    }
    inputs
}
