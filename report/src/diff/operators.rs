//! What changed of a subgraph: its inputs and outputs, and operator by operator.

use std::collections::BTreeSet;

use super::align::{Step, align};
use super::read::{Operator, Quantization, Subgraph, Tensor};
use super::{Changes, OperatorDiff, PortDiff, SubgraphDiff, Told};
use crate::markdown::shape;

pub(super) fn compare(index: usize, old: &Subgraph, new: &Subgraph) -> SubgraphDiff {
    let steps = align(old, new);
    let mut same_operators = 0;
    let mut operators = Vec::new();
    for step in steps {
        let (graph, at) = match step {
            Step::Both(_, at) | Step::New(at) => (new, at),
            Step::Old(at) => (old, at),
        };
        let operator = &graph.operators[at];
        let mut diff = OperatorDiff {
            old: None,
            new: None,
            name: operator.name.clone(),
            output: graph
                .outputs(operator)
                .next()
                .map_or_else(String::new, described),
            changes: Vec::new(),
        };
        match step {
            Step::Old(at) => diff.old = Some(at),
            Step::New(at) => diff.new = Some(at),
            Step::Both(before, after) => {
                (diff.old, diff.new) = (Some(before), Some(after));
                let changes = changes((old, &old.operators[before]), (new, operator));
                if changes.0.is_empty() {
                    same_operators += 1;
                    continue;
                }
                diff.changes = changes.0;
            }
        }
        operators.push(diff);
    }
    SubgraphDiff {
        index,
        ports: [
            ports("input", (old, &old.inputs), (new, &new.inputs)),
            ports("output", (old, &old.outputs), (new, &new.outputs)),
        ]
        .concat(),
        operators,
        same_operators,
    }
}

fn ports(
    role: &'static str,
    (old, before): (&Subgraph, &[usize]),
    (new, after): (&Subgraph, &[usize]),
) -> Vec<PortDiff> {
    let at = |graph: &'_ Subgraph, list: &[usize], index: usize| {
        list.get(index)
            .map(|tensor| described_whole(&graph.tensors[*tensor]))
    };
    let count = before.len().max(after.len());
    let ports = (0..count).map(|index| {
        let mut changes = Changes::default();
        match (before.get(index), after.get(index)) {
            (Some(a), Some(b)) => {
                let (a, b) = (&old.tensors[*a], &new.tensors[*b]);
                changes.texts("name", Some(&a.name), Some(&b.name));
                changes.tensors("", a, b);
            }
            _ => {
                let [a, b] = [at(old, before, index), at(new, after, index)];
                changes.add(role, a.map(Told::Text), b.map(Told::Text));
            }
        }
        PortDiff {
            role,
            index,
            changes: changes.0,
        }
    });
    ports.filter(|port| !port.changes.is_empty()).collect()
}

/// What changed of an operator that both have.
fn changes((old, before): (&Subgraph, &Operator), (new, after): (&Subgraph, &Operator)) -> Changes {
    let mut changes = Changes::default();
    let outputs = old.outputs(before).zip(new.outputs(after));
    for (at, (a, b)) in outputs.enumerate() {
        let which = match at {
            0 => "output ".to_owned(),
            _ => format!("output {at} "),
        };
        changes.tensors(&which, a, b);
    }
    changes.numbers(
        "outputs",
        Some(before.outputs.len() as u64),
        Some(after.outputs.len() as u64),
    );
    changes.numbers(
        "inputs",
        Some(before.inputs.len() as u64),
        Some(after.inputs.len() as u64),
    );
    let [a, b] =
        [(old, before), (new, after)].map(|(graph, o)| graph.constants(o).collect::<Vec<_>>());
    for (at, before) in &a {
        let operator = after;
        if let Some((_, after)) = b.iter().find(|(other, _)| other == at) {
            let which = constant(operator, *at);
            changes.tensors(&which, before, after);
            if before.shape == after.shape && before.dtype == after.dtype {
                // Reports of older castirons have none.
                if let (Some(a), Some(b)) = (&before.digest, &after.digest) {
                    changes.texts(&format!("{which}values"), Some(a), Some(b));
                }
            }
        }
    }
    let bytes = |constants: &[(usize, &Tensor)]| Some(constants.iter().map(|(_, t)| t.bytes).sum());
    changes.numbers("weight bytes", bytes(&a), bytes(&b));
    if let (Some(a), Some(b)) = (&before.options, &after.options) {
        let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        for name in names {
            changes.texts(name, a.get(name), b.get(name));
        }
    }
    changes.numbers("MACs", before.macs, after.macs);
    changes.numbers("packed bytes", before.packed_bytes, after.packed_bytes);
    let kernels = |o: &Operator| (!o.kernels.is_empty()).then(|| o.kernels.join(", "));
    changes.texts("kernels", kernels(before).as_ref(), kernels(after).as_ref());
    for (what, a, b) in [
        ("castiron's engine runs it", before.compiled, after.compiled),
        ("TensorFlow Lite Micro runs it", before.tflm, after.tflm),
    ] {
        let said = |flag| super::yes_or_no(flag);
        changes.texts(what, said(a).as_ref(), said(b).as_ref());
    }
    changes
}

/// What a constant operand is, of operators that have weights and a bias.
fn constant(operator: &Operator, at: usize) -> String {
    let has_weights = operator.macs.is_some_and(|macs| macs > 0);
    match at {
        1 if has_weights => "weights ".to_owned(),
        2 if has_weights => "bias ".to_owned(),
        _ => format!("constant {at} "),
    }
}

impl Changes {
    fn texts(&mut self, what: &str, old: Option<&String>, new: Option<&String>) {
        let told = |text: Option<&String>| text.cloned().map(Told::Text);
        self.add(what, told(old), told(new));
    }

    fn numbers(&mut self, what: &str, old: Option<u64>, new: Option<u64>) {
        self.add(what, old.map(Told::Number), new.map(Told::Number));
    }

    /// What changed of a tensor, values excepted.
    fn tensors(&mut self, which: &str, old: &Tensor, new: &Tensor) {
        let [a, b] = [old, new].map(|tensor| shape(&tensor.shape));
        self.texts(&format!("{which}shape"), Some(&a), Some(&b));
        self.texts(&format!("{which}type"), Some(&old.dtype), Some(&new.dtype));
        let [a, b] = [old, new].map(|tensor| tensor.quantization.as_ref().map(quantization));
        self.texts(&format!("{which}quantisation"), a.as_ref(), b.as_ref());
    }
}

fn described(tensor: &Tensor) -> String {
    format!("{} {}", shape(&tensor.shape), tensor.dtype)
}

fn described_whole(tensor: &Tensor) -> String {
    format!("{} {}", tensor.name, described(tensor))
}

fn quantization(quantization: &Quantization) -> String {
    let Quantization {
        scale,
        greatest_scale,
        scales,
        zero_point,
    } = quantization;
    let scales = match greatest_scale {
        Some(greatest) => format!("{scales} scales from {scale} to {greatest}"),
        None => format!("scale {scale}"),
    };
    format!("{scales}, zero point {zero_point}")
}
