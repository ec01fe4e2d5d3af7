//! What a model's author could change, by rules that look at the file and at what castiron made of it.

use std::collections::HashSet;

use castiron_codegen::graph::{
    BuiltinOperator as B, DType, Graph, OpKind, Operator, Tensor, TensorId,
};
use castiron_codegen::passes::Pass;
use castiron_codegen::report::{GraphReport, Report as Facts};
use castiron_codegen::tflite::rewrite;
use castiron_codegen::warnings;

use crate::data::{Advice, Finding};
use crate::draft::Source;
use crate::markdown::{grouped, plural};
use crate::model::{multiplies, weights};

/// What rules say of a model.
pub(crate) fn of(source: &Source<'_>, facts: &Facts) -> Vec<Advice> {
    let subgraphs = source.model.graphs.iter().zip(&facts.subgraphs);
    let looked: Vec<Looked<'_>> = subgraphs
        .map(|(graph, facts)| Looked {
            graph,
            facts,
            leading_out: leading_out(graph),
        })
        .collect();
    let of_rule = |rule: &Rule| Advice {
        rule: rule.name,
        reason: rule.reason,
        remedy: rule.remedy,
        findings: match rule.look {
            Look::Subgraph(look) => (looked.iter().enumerate())
                .flat_map(|(index, looked)| {
                    look(looked).into_iter().map(move |finding| Finding {
                        subgraph: Some(index),
                        ..finding
                    })
                })
                .collect(),
            Look::File(look) => look(source),
        },
    };
    let advice = RULES.iter().map(of_rule);
    advice
        .filter(|advice| !advice.findings.is_empty())
        .collect()
}

/// A subgraph that rules look at.
struct Looked<'a> {
    graph: &'a Graph,
    facts: &'a GraphReport,
    leading_out: HashSet<TensorId>,
}

/// What is looked for, why it matters, and what to do.
struct Rule {
    name: &'static str,
    look: Look,
    reason: &'static str,
    remedy: &'static str,
}

/// What a rule looks at.
enum Look {
    Subgraph(fn(&Looked<'_>) -> Vec<Finding>),
    File(fn(&Source<'_>) -> Vec<Finding>),
}

const RULES: &[Rule] = &[
    Rule {
        name: "channels",
        look: Look::Subgraph(uneven_channels),
        reason: "Kernels compute output channels in blocks of 4, and fill the last block up: with weights that are zero in flash, and with \
                 multiplications that nobody reads.",
        remedy: "Use a multiple of 4.",
    },
    Rule {
        name: "hybrid",
        look: Look::Subgraph(hybrid),
        reason: "The operator computes in floats: it quantises its input in each run, or converts each weight. So it is slower than one of \
                 integers, and its activations take four times the RAM.",
        remedy: "Convert the model with a representative dataset (full integer quantisation).",
    },
    Rule {
        name: "float",
        look: Look::Subgraph(floats),
        reason: "In int8, weights and activations take a quarter of the memory, and most processors multiply integers faster.",
        remedy: "Convert the model with a representative dataset (full integer quantisation), and compare outputs: castiron report does it for \
                 two files.",
    },
    Rule {
        name: "float-edges",
        look: Look::Subgraph(float_edges),
        reason: "The operator converts between floats and integers at the edge of the model. The float tensor takes four times the RAM of \
                 the integers, and often they are at hand already.",
        remedy: "Convert with inference_input_type and inference_output_type int8; generated headers have the scale and functions that convert.",
    },
    Rule {
        name: "uint8",
        look: Look::Subgraph(old_quantization),
        reason: "This is the quantisation of older converters. Zero points of weights take more instructions, and accuracy is less without a \
                 scale for each channel.",
        remedy: "Convert the model again with a converter of today: it gives int8.",
    },
    Rule {
        name: "dead-filters",
        look: Look::Subgraph(dead_filters),
        reason: "All weights of these output channels are zero: they give one value each, whatever the input is.",
        remedy: "Prune them, and train on for a few epochs.",
    },
    Rule {
        name: "dead-channels",
        look: Look::Subgraph(dead_channels),
        reason: "castiron removes these channels, because they are always the same or nobody reads them; TensorFlow Lite Micro computes them.",
        remedy: "Prune them: a smaller file, and other engines gain, too.",
    },
    Rule {
        name: "softmax",
        look: Look::Subgraph(last_softmax),
        reason: "The greatest input of SOFTMAX is also the greatest output. If only that is used, the operator costs code, time and \
                 a table for nothing.",
        remedy: "End the model with the logits, if no probabilities are needed.",
    },
    Rule {
        name: "transpose",
        look: Look::Subgraph(transposes),
        reason: "The tensor is copied in another order in each run: converters from PyTorch's layout put such operators around others.",
        remedy: "Convert with channels last, inputs and outputs included.",
    },
    Rule {
        name: "unknown-size",
        look: Look::File(unknown_sizes),
        reason: "The size was unknown when the model was converted. castiron takes 1, and all figures are for that.",
        remedy: "Convert the model with a fixed input shape: tf.TensorSpec([1, …]), or Keras' Input(batch_size=1, shape=…).",
    },
    Rule {
        name: "unknown-batch",
        look: Look::File(unknown_batches),
        reason: "The batch was unknown when the model was converted. castiron takes 1, and computes sizes at build time; an interpreter \
                 computes them in each run, where the file has operators for it, or refuses the model.",
        remedy: "Convert the model with a batch of 1: tf.TensorSpec([1, …]), or Keras' Input(batch_size=1, shape=…).",
    },
    Rule {
        name: "unaligned",
        look: Look::File(unaligned),
        reason: "An interpreter reads weights where they lie in the file: kernels that load several bytes at once are slower there, or fault. \
                 castiron's engine packs them, so that it does not matter to it.",
        remedy: "castiron align MODEL -o ALIGNED writes an aligned copy.",
    },
];

/// A finding in a subgraph that is known elsewhere.
fn about(operators: Vec<usize>, finding: String) -> Finding {
    Finding {
        subgraph: None,
        operators,
        finding,
    }
}

impl Looked<'_> {
    /// Operators with weights: index, operator, weights.
    fn weighted(&self) -> impl Iterator<Item = (usize, &Operator, &Tensor)> {
        let operators = self.graph.operators.iter().enumerate();
        operators
            .filter_map(|(index, operator)| Some((index, operator, weights(self.graph, operator)?)))
    }

    /// Indices of the operators of a kind that castiron runs.
    fn running(&self, kind: B) -> impl Iterator<Item = usize> {
        let operators = self.graph.operators.iter().zip(&self.facts.operators);
        let running = operators.filter(move |(operator, facts)| {
            operator.kind == OpKind::Builtin(kind) && facts.live_bytes.is_some()
        });
        running.map(|(_, facts)| facts.index)
    }

    fn leads_out(&self, operator: &Operator) -> bool {
        operator
            .outputs
            .iter()
            .any(|id| self.leading_out.contains(id))
    }

    fn input_type(&self, operator: &Operator) -> Option<DType> {
        let id = operator.inputs.first().copied().flatten()?;
        Some(self.graph.tensor(id).dtype)
    }

    fn output_type(&self, operator: &Operator) -> Option<DType> {
        Some(self.graph.tensor(*operator.outputs.first()?).dtype)
    }

    /// Output channels of weights, and which of their dimensions that is.
    fn channels(operator: &Operator, weights: &Tensor) -> Option<(usize, usize)> {
        let dimension = match operator.kind {
            OpKind::Builtin(B::Conv2d | B::FullyConnected | B::TransposeConv) => 0,
            OpKind::Builtin(B::DepthwiseConv2d) => weights.shape.len().checked_sub(1)?,
            _ => return None,
        };
        Some((*weights.shape.get(dimension)?, dimension))
    }
}

fn uneven_channels(looked: &Looked<'_>) -> Vec<Finding> {
    let uneven = looked.weighted().filter_map(|(index, operator, weights)| {
        let (channels, _) = Looked::channels(operator, weights)?;
        // The number of classes is not the author's to choose.
        let is_output = looked.leads_out(operator);
        let is_uneven = channels > 4 && !channels.is_multiple_of(4) && !is_output;
        is_uneven.then(|| {
            let finding = format!(
                "{channels} output channels, computed as {}",
                channels.next_multiple_of(4)
            );
            about(vec![index], finding)
        })
    });
    uneven.collect()
}

/// Tensors that are outputs, or become one by operators that keep channels apart.
fn leading_out(graph: &Graph) -> HashSet<TensorId> {
    let mut leading: HashSet<TensorId> = graph.outputs.iter().copied().collect();
    let keeping = [
        B::Softmax,
        B::Dequantize,
        B::Quantize,
        B::Reshape,
        B::Logistic,
    ]
    .map(OpKind::Builtin);
    // An operator is behind those whose outputs it reads.
    for operator in graph
        .operators
        .iter()
        .rev()
        .filter(|o| keeping.contains(&o.kind))
    {
        let leads_out = operator.outputs.iter().any(|id| leading.contains(id));
        leading.extend(
            operator
                .inputs
                .first()
                .copied()
                .flatten()
                .filter(|_| leads_out),
        );
    }
    leading
}

fn hybrid(looked: &Looked<'_>) -> Vec<Finding> {
    let hybrid = looked.weighted().filter(|(_, operator, weights)| {
        looked.input_type(operator) == Some(DType::Float32) && weights.dtype != DType::Float32
    });
    let (operators, types): (Vec<usize>, Vec<&str>) = hybrid
        .map(|(index, _, weights)| (index, weights.dtype.name()))
        .unzip();
    match types.first() {
        None => Vec::new(),
        Some(dtype) => {
            let finding = format!(
                "{} of FLOAT32 with weights of {dtype}",
                plural(operators.len(), "operator")
            );
            vec![about(operators, finding)]
        }
    }
}

fn floats(looked: &Looked<'_>) -> Vec<Finding> {
    // Weights of half precision are converted by an operator before.
    let multiplying = looked.graph.operators.iter().enumerate();
    let multiplying = multiplying.filter(|(_, operator)| multiplies(operator));
    let floats = multiplying.filter_map(|(index, operator)| {
        let weights = looked
            .graph
            .tensor(operator.inputs.get(1).copied().flatten()?);
        let both = [looked.input_type(operator)?, weights.dtype];
        (both == [DType::Float32; 2]).then_some((index, weights.bytes()))
    });
    let (operators, bytes): (Vec<usize>, Vec<usize>) = floats.unzip();
    if operators.is_empty() {
        return Vec::new();
    }
    let bytes: usize = bytes.iter().sum();
    let finding = format!(
        "{} of FLOAT32: int8 weights would take {} bytes instead of {}",
        plural(operators.len(), "weighted operator"),
        grouped(bytes / 4),
        grouped(bytes)
    );
    vec![about(operators, finding)]
}

fn float_edges(looked: &Looked<'_>) -> Vec<Finding> {
    let graph = looked.graph;
    let at_edge = graph
        .operators
        .iter()
        .enumerate()
        .filter_map(|(index, operator)| {
            let input = operator.inputs.first().copied().flatten()?;
            let output = *operator.outputs.first()?;
            let (edge, bytes) = match operator.kind {
                OpKind::Builtin(B::Quantize)
                    if looked.input_type(operator) == Some(DType::Float32)
                        && graph.inputs.contains(&input) =>
                {
                    ("input", graph.tensor(input).bytes())
                }
                OpKind::Builtin(B::Dequantize)
                    if looked.output_type(operator) == Some(DType::Float32)
                        && graph.outputs.contains(&output) =>
                {
                    ("output", graph.tensor(output).bytes())
                }
                _ => return None,
            };
            Some(about(
                vec![index],
                format!(
                    "the {edge} is FLOAT32, {} bytes, and the model computes in integers",
                    grouped(bytes)
                ),
            ))
        });
    at_edge.collect()
}

fn old_quantization(looked: &Looked<'_>) -> Vec<Finding> {
    let old = looked
        .weighted()
        .filter(|(_, _, weights)| weights.dtype == DType::Uint8);
    let operators: Vec<usize> = old.map(|(index, ..)| index).collect();
    match operators.len() {
        0 => Vec::new(),
        count => {
            let finding = format!("weights of {} are UINT8", plural(count, "operator"));
            vec![about(operators, finding)]
        }
    }
}

fn dead_filters(looked: &Looked<'_>) -> Vec<Finding> {
    let dead = looked.weighted().filter_map(|(index, operator, weights)| {
        let (channels, dimension) = Looked::channels(operator, weights)?;
        let dead = zero_channels(weights, channels, dimension)?;
        (dead > 0).then(|| {
            about(
                vec![index],
                format!("{dead} of {channels} filters are all zeros"),
            )
        })
    });
    dead.collect()
}

/// How many channels have no weight but zero; none where that is not read off bytes.
fn zero_channels(weights: &Tensor, channels: usize, dimension: usize) -> Option<usize> {
    let data = weights.data.as_deref()?;
    let size = match weights.dtype {
        DType::Float32 => 4,
        DType::Int8 => 1,
        _ => return None,
    };
    // int8 weights have no zero point.
    if weights.elements().checked_mul(size)? != data.len() || channels == 0 {
        return None;
    }
    let inner: usize = weights.shape.get(dimension + 1..)?.iter().product();
    let mut is_dead = vec![true; channels];
    for (at, element) in data.chunks_exact(size).enumerate() {
        let is_zero = match element {
            // Either zero.
            [a, b, c, d] => [*a, *b, *c, *d & 0x7f] == [0; 4],
            _ => element == [0],
        };
        if !is_zero {
            is_dead[at / inner.max(1) % channels] = false;
        }
    }
    Some(is_dead.iter().filter(|dead| **dead).count())
}

fn dead_channels(looked: &Looked<'_>) -> Vec<Finding> {
    let narrowed = looked.facts.passes.iter();
    let narrowed = narrowed.filter(|pass| pass.pass == Pass::RemoveChannels.name());
    // Operators between those with weights have the channels that these give.
    let narrowed = narrowed.filter_map(|pass| {
        let ([before, after], [macs, left]) = (pass.channels?, pass.macs?);
        let fewer = before.checked_sub(after).filter(|fewer| *fewer > 0)?;
        let macs = macs.saturating_sub(left);
        Some(about(
            pass.operators.clone(),
            format!(
                "{fewer} of {before} output channels, {} multiply-accumulates",
                grouped(macs)
            ),
        ))
    });
    narrowed.collect()
}

fn last_softmax(looked: &Looked<'_>) -> Vec<Finding> {
    let graph = looked.graph;
    let last = looked
        .running(B::Softmax)
        .filter(|index| looked.leads_out(&graph.operators[*index]));
    last.map(|index| about(vec![index], "the model ends with SOFTMAX".to_owned()))
        .collect()
}

fn transposes(looked: &Looked<'_>) -> Vec<Finding> {
    let operators: Vec<usize> = looked.running(B::Transpose).collect();
    let bytes = operators
        .iter()
        .flat_map(|index| &looked.graph.operators[*index].outputs);
    let bytes: usize = bytes.map(|id| looked.graph.tensor(*id).bytes()).sum();
    match operators.len() {
        0 => Vec::new(),
        count => {
            let finding = format!(
                "{} left after all passes, of {} bytes",
                plural(count, "TRANSPOSE"),
                grouped(bytes)
            );
            vec![about(operators, finding)]
        }
    }
}

fn unknown_sizes(source: &Source<'_>) -> Vec<Finding> {
    let doubtful = warnings::of(source.model).into_iter();
    doubtful
        .map(|warning| {
            let found = warning.found.unwrap_or_default();
            Finding {
                subgraph: warning.place.subgraph,
                operators: Vec::new(),
                finding: match warning.place.tensor {
                    Some((_, name)) => format!("input {name:?}: {found}"),
                    None => found,
                },
            }
        })
        .collect()
}

fn unknown_batches(source: &Source<'_>) -> Vec<Finding> {
    let model = source.model;
    let is_entry = |index: usize| index == 0 || model.signatures.iter().any(|s| s.graph == index);
    let entries = model.graphs.iter().enumerate();
    let findings = entries
        .filter(|(index, _)| is_entry(*index))
        .flat_map(|(index, graph)| {
            let is_shape = |operator: &Operator| operator.kind == OpKind::Builtin(B::Shape);
            let operators = graph.operators.iter().enumerate();
            let shapes: Vec<usize> = operators
                .filter(|(_, operator)| is_shape(operator))
                .map(|(at, _)| at)
                .collect();
            let inputs = graph.inputs.iter().map(|id| graph.tensor(*id));
            // Of others, `unknown-size` tells.
            let open = inputs.filter(|tensor| {
                tensor.unknown_sizes() == [0] && warnings::any_size(tensor).is_none()
            });
            open.map(move |tensor| Finding {
                subgraph: Some(index),
                operators: shapes.clone(),
                finding: match shapes.len() {
                    0 => format!("input {:?}", tensor.name),
                    count => format!(
                        "input {:?}; sizes are computed from {}",
                        tensor.name,
                        plural(count, "SHAPE")
                    ),
                },
            })
        });
    findings.collect()
}

fn unaligned(source: &Source<'_>) -> Vec<Finding> {
    let aligned = rewrite::align(source.name, source.bytes);
    let moved = aligned.is_ok_and(|aligned| aligned != source.bytes);
    let finding = moved.then(|| {
        about(
            Vec::new(),
            "weights lie at addresses that are no multiple of 16".to_owned(),
        )
    });
    finding.into_iter().collect()
}
