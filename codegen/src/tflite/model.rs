//! Field tables → the owned model.

use flatbuffers::Verifier;

use super::constants::Constants;
use super::operator::tensor_id;
use super::report::{Report, short};
use super::table::List;
use super::{calls, conv, operator, order, quantization, schema, structure, tensor};
use crate::error::{Diagnostic, Result};
use crate::graph::{Graph, Metadata, Model, OpKind, Signature, SignaturePort, TensorId};

/// What a model has at most. What is made of an operator is sixty times what it takes in the file, and no
/// microcontroller runs so many: of the 1,000 models that castiron was tried with none has more than 168
/// operators, 284 tensors, 120 inputs and outputs and 40 subgraphs.
const MOST_SUBGRAPHS: usize = 1024;
const MOST_OPERATORS: usize = 4096;
const MOST_TENSORS: usize = 1 << 14;
const MOST_PORTS: usize = 8192;

const AGAIN: &str = "the file is damaged or was edited; convert the model again";

/// Builds the model, or reports everything that stands against it.
pub(super) fn build<'a>(
    file_name: &str,
    file: &'a [u8],
    root: schema::Model<'a>,
    verifier: &mut Verifier,
) -> Result<Model> {
    if let Some(d) = too_large(root) {
        return Err(d.into());
    }
    let mut reader = Reader {
        constants: Constants::new(file, root.buffers()),
        report: Report::default(),
        codes: Vec::new(),
        wrong_codes: Vec::new(),
        outside: Vec::new(),
        sparse: Vec::new(),
    };
    reader.read_codes(root);
    let graphs = reader.read_graphs(root, verifier);
    reader.report_unused_codes();
    let signatures = reader.read_signatures(root, &graphs);
    let metadata = reader.read_metadata(root);
    if let Some(error) = reader.report.into_error() {
        return Err(error);
    }
    Ok(Model {
        file: file_name.to_owned(),
        file_bytes: file.len(),
        description: root.description().text().into_owned(),
        op_codes: reader.codes.into_iter().flatten().collect(),
        graphs,
        signatures,
        metadata,
        outside: reader.outside,
        sparse: reader.sparse,
    })
}

/// What a model has too much of, if anything.
fn too_large(root: schema::Model<'_>) -> Option<Diagnostic> {
    let of_all = |count: fn(schema::SubGraph<'_>) -> usize| -> usize {
        root.subgraphs().iter().map(count).sum()
    };
    let counts = [
        ("subgraphs", root.subgraphs().len(), MOST_SUBGRAPHS),
        ("operators", of_all(|g| g.operators().len()), MOST_OPERATORS),
        ("tensors", of_all(|g| g.tensors().len()), MOST_TENSORS),
        (
            "inputs and outputs",
            of_all(|g| g.inputs().len() + g.outputs().len()),
            MOST_PORTS,
        ),
    ];
    let (what, found, most) = counts.into_iter().find(|(_, found, most)| found > most)?;
    Some(
        Diagnostic::new(format!("the model has too many {what}"))
            .expected(format_args!("at most {most}"))
            .found(found)
            .help(
                "check that this is the right file; no microcontroller runs a model of this size",
            ),
    )
}

struct Reader<'a> {
    constants: Constants<'a>,
    report: Report,
    /// `None` where the code itself is wrong.
    codes: Vec<Option<(OpKind, u32)>>,
    /// What is wrong with them, and how people know the operator; each until an operator of the code reported it.
    wrong_codes: Vec<Option<(Diagnostic, &'static str)>>,
    /// Constants behind the flatbuffer.
    outside: Vec<(usize, TensorId)>,
    sparse: Vec<(usize, TensorId)>,
}

impl<'a> Reader<'a> {
    fn read_codes(&mut self, root: schema::Model<'a>) {
        for raw in root.operator_codes().iter() {
            let (code, wrong) = match operator::code(raw) {
                Ok(code) => (Some(code), None),
                Err(d) => (None, Some((d, operator::name(raw)))),
            };
            self.codes.push(code);
            self.wrong_codes.push(wrong);
        }
    }

    fn report_unused_codes(&mut self) {
        for (index, wrong) in std::mem::take(&mut self.wrong_codes)
            .into_iter()
            .enumerate()
        {
            if let Some((mut d, _)) = wrong {
                d.message = format!("operator code {index}: {}", d.message);
                self.report.push(d);
            }
        }
    }

    fn read_graphs(&mut self, root: schema::Model<'a>, verifier: &mut Verifier) -> Vec<Graph> {
        let subgraphs = root.subgraphs();
        if subgraphs.is_empty() {
            self.report.push(
                Diagnostic::new("the model has no subgraph")
                    .expected("at least one")
                    .found("none")
                    .help("the file is damaged or was stripped; convert the model again"),
            );
        }
        let mut graphs = Vec::with_capacity(subgraphs.len());
        for (index, raw) in subgraphs.iter().enumerate() {
            let mut found = Report::default();
            graphs.push(self.read_graph(index, raw, verifier, &mut found));
            self.report.append(found, |d| d.in_subgraph(index));
        }
        calls::check(&graphs, &mut self.report);
        graphs
    }

    fn read_graph(
        &mut self,
        graph_index: usize,
        raw: schema::SubGraph<'a>,
        verifier: &mut Verifier,
        report: &mut Report,
    ) -> Graph {
        let count = raw.tensors().len();
        let mut tensors = Vec::with_capacity(count);
        let mut sound = Vec::with_capacity(count);
        for (index, raw) in raw.tensors().iter().enumerate() {
            let (tensor, found) = tensor::read(raw, &mut self.constants, count);
            let id = u32::try_from(index)
                .ok()
                .map(|id| (graph_index, TensorId(id)));
            if self.constants.is_outside(raw.buffer()) {
                self.outside.extend(id);
            }
            if raw.sparsity().is_some() {
                self.sparse.extend(id);
            }
            sound.push(found.is_empty());
            for d in found {
                report.push(d.at_tensor(index, &short(&tensor.name)));
            }
            tensors.push(tensor);
        }
        for (index, tensor) in tensors.iter().enumerate() {
            let found = quantization::check_blocks(tensor, &tensors).filter(|_| sound[index]);
            if let Some(d) = found {
                report.push(d.at_tensor(index, &short(&tensor.name)));
            }
        }
        let before = report.count();
        let inputs = ids(&raw.inputs(), count, "input", report);
        let outputs = ids(&raw.outputs(), count, "output", report);
        let mut operators = Vec::with_capacity(raw.operators().len());
        for (index, raw) in raw.operators().iter().enumerate() {
            let position = raw.opcode_index() as usize;
            let code = match self.codes.get(position) {
                Some(Some(code)) => code,
                Some(None) => {
                    let wrong = self.wrong_codes.get_mut(position).and_then(Option::take);
                    if let Some((d, name)) = wrong {
                        report.push(d.at_operator(index, name));
                    }
                    continue;
                }
                None => {
                    report.push(unknown_code(index, raw.opcode_index(), self.codes.len()));
                    continue;
                }
            };
            match operator::read(raw, code, count, &mut self.constants, verifier) {
                Ok(operator) => operators.push(operator),
                Err(found) => {
                    for d in found {
                        report.push(d.at_operator(index, code.0.name()));
                    }
                }
            }
        }
        let mut graph = Graph {
            name: raw.name().text().into_owned(),
            tensors,
            operators,
            inputs,
            outputs,
        };
        // With an operator or an index missing, data flow would only be wrong for that reason.
        if report.count() == before && graph.operators.len() == raw.operators().len() {
            order::check(&mut graph, &sound, graph_index == 0, report);
        }
        if report.count() == before && graph.operators.len() == raw.operators().len() {
            for index in 0..graph.operators.len() {
                let operator = &graph.operators[index];
                let mut operands = operator.inputs.iter().flatten().chain(&operator.outputs);
                if !operands.all(|id| sound[id.index()]) {
                    continue;
                }
                let mut found = structure::check(&graph, index);
                if found.is_empty() {
                    found.extend(conv::check(&graph, index));
                }
                found.into_iter().for_each(|d| report.push(d));
            }
        }
        graph
    }

    fn read_signatures(&mut self, root: schema::Model<'a>, graphs: &[Graph]) -> Vec<Signature> {
        let mut signatures = Vec::new();
        for raw in root.signatures().iter() {
            let name = raw.key().text().into_owned();
            let index = raw.subgraph_index() as usize;
            let Some(graph) = graphs.get(index) else {
                self.report.push(
                    Diagnostic::new(format!(
                        "signature {:?} names a subgraph that does not exist",
                        short(&name)
                    ))
                    .expected(format_args!("an index below {}", graphs.len()))
                    .found(index)
                    .help(AGAIN),
                );
                continue;
            };
            // A signature may name tensors that are no inputs or outputs of its subgraph; runtimes go by
            // the subgraph's lists, and its names for other tensors name nothing.
            let mut ports = |list: List<'a, schema::TensorMap<'a>>, kind| {
                let mut ports = Vec::with_capacity(list.len());
                for raw in list.iter() {
                    let port = raw.name().text().into_owned();
                    let (signature, short_port) = (short(&name), short(&port));
                    let what = format!("{kind} {short_port:?} of signature {signature:?}");
                    match tensor_id(raw.tensor_index(), graph.tensors.len(), &what) {
                        Ok(tensor) => ports.push(SignaturePort { name: port, tensor }),
                        Err(d) => self.report.push(d.in_subgraph(index)),
                    }
                }
                ports
            };
            let inputs = ports(raw.inputs(), "input");
            let outputs = ports(raw.outputs(), "output");
            signatures.push(Signature {
                name,
                graph: index,
                inputs,
                outputs,
            });
        }
        signatures
    }

    fn read_metadata(&mut self, root: schema::Model<'a>) -> Vec<Metadata> {
        let mut metadata = Vec::new();
        for raw in root.metadata().iter() {
            let name = raw.name().text().into_owned();
            let data = self.constants.bytes(raw.buffer());
            match data.and_then(|data| self.constants.copy(data.unwrap_or_default())) {
                Ok(data) => metadata.push(Metadata { name, data }),
                Err(mut d) => {
                    d.message = format!("metadata {:?}: {}", short(&name), d.message);
                    self.report.push(d);
                }
            }
        }
        metadata
    }
}

fn ids(list: &List<'_, i32>, tensors: usize, what: &str, report: &mut Report) -> Vec<TensorId> {
    let mut ids = Vec::with_capacity(list.len());
    for (position, index) in list.iter().enumerate() {
        match tensor_id(
            index,
            tensors,
            format_args!("{what} {position} of the subgraph"),
        ) {
            Ok(id) => ids.push(id),
            Err(d) => report.push(d),
        }
    }
    ids
}

fn unknown_code(operator: usize, code: u32, codes: usize) -> Diagnostic {
    Diagnostic::new("the operator's code is out of range")
        .expected(format_args!("an operator code below {codes}"))
        .found(code)
        .help(AGAIN)
        .at_operator(operator, "(unknown)")
}
