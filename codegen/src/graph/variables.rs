//! Resource variables: which one each handle stands for, and what it holds.
//!
//! An interpreter finds a variable by name when the model starts, and through a handle at each access.
//! Both are known beforehand, so that a variable is memory of its own, and reading and writing it are
//! copies, whatever engine makes them.

use std::collections::{HashMap, VecDeque};

use super::{DType, Graph, Model, Operator, Options, Tensor, TensorId, VarHandleOptions};
use crate::error::Diagnostic;
use crate::sorted;

/// A tensor of a subgraph.
type Id = (usize, TensorId);

/// The variables of a model.
#[derive(Debug, Default)]
pub struct Variables {
    /// What each holds, as a tensor that keeps its value. `None` for one that is never used.
    pub(crate) values: Vec<Option<Tensor>>,
    handles: HashMap<Id, usize>,
}

/// What an operator does with a variable.
pub(crate) enum Access {
    /// Makes its handle.
    Handle,
    /// Copies it to the operator's output.
    Read(usize),
    /// Copies the operator's second input to it.
    #[cfg_attr(
        not(feature = "text"),
        expect(dead_code, reason = "TFLM's side alone asks")
    )]
    Assign(usize),
}

impl Variables {
    /// The variables of the subgraphs that run, in the file's order, and what is wrong with their use.
    pub(crate) fn of(model: &Model, reached: &[usize]) -> (Self, Vec<Diagnostic>) {
        let mut variables = Self::default();
        let mut names: HashMap<&VarHandleOptions, usize> = HashMap::new();
        let mut made = Vec::new();
        for &index in reached {
            for operator in &model.graphs[index].operators {
                if let (Options::VarHandle(name), [output, ..]) =
                    (&operator.options, &operator.outputs[..])
                {
                    let next = names.len();
                    let variable = *names.entry(name).or_insert(next);
                    variables.handles.insert((index, *output), variable);
                    made.push((index, *output));
                }
            }
        }
        variables.values.resize(names.len(), None);
        if let Err(ambiguous) = variables.hand_on(model, reached, made) {
            return (variables, vec![ambiguous]);
        }
        // What is assigned says what the variable is at first: TFLM goes by its zero point.
        let names: HashMap<usize, &str> = (names.iter())
            .map(|(name, index)| (*index, &*name.shared_name))
            .collect();
        let mut wrong = variables.unknown(model, reached);
        wrong.extend(variables.no_handles(model));
        for position in [1, 0] {
            for &index in reached {
                let graph = &model.graphs[index];
                for (number, operator) in graph.operators.iter().enumerate() {
                    let found = variables.value(index, graph, operator, position, &names);
                    wrong.extend(found.err().map(|d| {
                        d.in_subgraph(index)
                            .at_operator(number, operator.kind.name())
                    }));
                }
            }
        }
        (variables, wrong)
    }

    /// The variable that a tensor is the handle of.
    pub(crate) fn handle(&self, graph: usize, id: TensorId) -> Option<usize> {
        self.handles.get(&(graph, id)).copied()
    }

    /// What an operator does with variables.
    pub(crate) fn access(&self, graph: usize, operator: &Operator) -> Option<Access> {
        let handle = || self.handle(graph, (*operator.inputs.first()?)?);
        match operator.kind.name() {
            "VAR_HANDLE" => Some(Access::Handle),
            "READ_VARIABLE" => handle().map(Access::Read),
            "ASSIGN_VARIABLE" => handle().map(Access::Assign),
            _ => None,
        }
    }

    /// Follows handles, from those that VAR_HANDLE made, into the subgraphs that they are passed to,
    /// and back.
    // A diagnostic is large and rare.
    #[allow(clippy::result_large_err)]
    fn hand_on(
        &mut self,
        model: &Model,
        reached: &[usize],
        made: Vec<Id>,
    ) -> Result<(), Diagnostic> {
        // What is copied where, and by which operator.
        let mut copies: HashMap<Id, Vec<(Id, usize, usize)>> = HashMap::new();
        for &index in reached {
            for (number, operator) in model.graphs[index].operators.iter().enumerate() {
                for (from, to) in passed(model, index, operator) {
                    copies.entry(from).or_default().push((to, index, number));
                }
            }
        }
        let mut left = VecDeque::from(made);
        while let Some(from) = left.pop_front() {
            let variable = self.handles[&from];
            for &(to, index, number) in copies.get(&from).into_iter().flatten() {
                match self.handles.insert(to, variable) {
                    None => left.push_back(to),
                    Some(before) if before == variable => {}
                    Some(_) => {
                        let operator = &model.graphs[index].operators[number];
                        return Err(Diagnostic::new("a handle refers to different variables")
                            .expected("the same variable at every call")
                            .found("a subgraph that is called with several variables")
                            .help("give each variable its own subgraph")
                            .in_subgraph(index)
                            .at_operator(number, operator.kind.name()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Handles of which nothing is known, where a call passes them on. TFLM would copy their number.
    fn unknown(&self, model: &Model, reached: &[usize]) -> Vec<Diagnostic> {
        let mut wrong = Vec::new();
        for &index in reached {
            let graph = &model.graphs[index];
            for (number, operator) in graph.operators.iter().enumerate() {
                let mut passed = passed(model, index, operator).into_iter();
                let is_unknown = |(of, id): Id| {
                    model.graphs[of].tensor(id).dtype == DType::Resource
                        && self.handle(of, id).is_none()
                };
                if passed.any(|(from, to)| is_unknown(from) || is_unknown(to)) {
                    wrong.push(
                        unknown_handle()
                            .in_subgraph(index)
                            .at_operator(number, operator.kind.name()),
                    );
                }
            }
        }
        wrong
    }

    /// Tensors that stand for a variable without being a handle: kernels would take the variable's
    /// bytes for theirs.
    fn no_handles(&self, model: &Model) -> Vec<Diagnostic> {
        let mut ids: Vec<Id> = self.handles.keys().copied().collect();
        sorted::by_key(&mut ids, |id| *id);
        let wrong = ids.into_iter().filter_map(|(graph, id)| {
            let tensor = model.graphs[graph].tensor(id);
            let is_handle = tensor.dtype == DType::Resource && tensor.elements() == 1;
            (!is_handle).then(|| {
                Diagnostic::new("a variable's handle has the wrong type")
                    .expected("one element of RESOURCE")
                    .found(format_args!("shape {:?} of {}", tensor.shape, tensor.dtype))
                    .help("the file is damaged or was edited; convert the model again")
                    .in_subgraph(graph)
                    .at_tensor(id.index(), &tensor.name)
            })
        });
        wrong.collect()
    }

    /// Notes what an assignment (`position` 1) or a read (0) says about its variable.
    // A diagnostic is large and rare.
    #[allow(clippy::result_large_err)]
    fn value(
        &mut self,
        index: usize,
        graph: &Graph,
        operator: &Operator,
        position: usize,
        names: &HashMap<usize, &str>,
    ) -> Result<(), Diagnostic> {
        let value = match (operator.kind.name(), position) {
            ("ASSIGN_VARIABLE", 1) => operator.inputs.get(1).copied().flatten(),
            ("READ_VARIABLE", 0) => operator.outputs.first().copied(),
            _ => return Ok(()),
        };
        let handle = operator.inputs.first().copied().flatten();
        let (Some(handle), Some(value)) = (handle, value) else {
            return Err(Diagnostic::new("the operator lacks a tensor")
                .expected("a handle and a value")
                .found("fewer tensors")
                .help("the file is damaged or was edited; convert the model again"));
        };
        let Some(variable) = self.handle(index, handle) else {
            return Err(unknown_handle());
        };
        let value = graph.tensor(value);
        match &self.values[variable] {
            Some(held) if held.bytes() != value.bytes() => {
                Err(Diagnostic::new("a variable is used with different sizes")
                    .expected(format_args!("{} bytes", held.bytes()))
                    .found(format_args!("{} bytes", value.bytes()))
                    .help("use one variable for each size"))
            }
            Some(_) => Ok(()),
            None => {
                let name = names.get(&variable).copied().unwrap_or_default();
                self.values[variable] = Some(Tensor {
                    name: name.to_owned(),
                    dtype: match value.dtype {
                        // Its first bytes are its zero point, which a reset gives to int8 only.
                        DType::Uint8 => DType::Int8,
                        dtype => dtype,
                    },
                    data: None,
                    is_variable: true,
                    ..value.clone()
                });
                Ok(())
            }
        }
    }
}

pub(crate) fn unknown_handle() -> Diagnostic {
    Diagnostic::new("the variable of a handle is unknown")
        .expected("a handle from VAR_HANDLE")
        .found("a handle from another source")
        .help("convert the model again")
}

/// Which tensors a call copies to which.
fn passed(model: &Model, index: usize, operator: &Operator) -> Vec<(Id, Id)> {
    let mut pairs: Vec<(Id, Id)> = Vec::new();
    let inputs = |pairs: &mut Vec<(Id, Id)>, callee: usize, skip: usize| {
        let given = operator.inputs.iter().skip(skip);
        for (given, taken) in given.zip(&model.graphs[callee].inputs) {
            if let Some(given) = given {
                pairs.push(((index, *given), (callee, *taken)));
            }
        }
    };
    let outputs = |pairs: &mut Vec<(Id, Id)>, callee: usize| {
        for (made, output) in model.graphs[callee].outputs.iter().zip(&operator.outputs) {
            pairs.push(((callee, *made), (index, *output)));
        }
    };
    match &operator.options {
        Options::If(o) => {
            for callee in [o.then_graph, o.else_graph] {
                inputs(&mut pairs, callee, 1);
            }
            for callee in [o.then_graph, o.else_graph] {
                outputs(&mut pairs, callee);
            }
        }
        Options::While(o) => {
            for callee in [o.cond_graph, o.body_graph] {
                inputs(&mut pairs, callee, 0);
            }
            outputs(&mut pairs, o.body_graph);
            for (from, to) in operator.inputs.iter().zip(&operator.outputs) {
                if let Some(from) = from {
                    pairs.push(((index, *from), (index, *to)));
                }
            }
        }
        _ => {}
    }
    pairs
}
