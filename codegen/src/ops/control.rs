//! CALL_ONCE, IF, WHILE: operators that run subgraphs.
//!
//! A subgraph's tensors have places of their own, so that a call is a copy of its inputs, its steps, and a
//! copy of its outputs.

use super::{Family, Site};
use crate::error::Diagnostic;
use crate::graph::{DType, Graph, Options, TensorId};
use crate::program::{Action, Argument, Choosing, Invocation};

pub(super) struct Control;

impl Family for Control {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let operator = site.operator;
        let outputs: Vec<Option<TensorId>> = operator.outputs.iter().copied().map(Some).collect();
        match site.options() {
            Options::CallOnce(options) => {
                let run =
                    Call::new(site, choosing, options.init_graph)?.with(choosing, &[], &[])?;
                let flag = choosing.once(options.init_graph)?;
                choosing.act(Action::Once { flag, run });
            }
            Options::If(options) => {
                let inputs = operator.inputs.get(1..).unwrap_or_default();
                let condition = site.input_id(0)?;
                is_condition(site, site.graph, condition)?;
                let then = Call::new(site, choosing, options.then_graph)?;
                let then = then.with(choosing, inputs, &outputs)?;
                let otherwise = Call::new(site, choosing, options.else_graph)?;
                let otherwise = otherwise.with(choosing, inputs, &outputs)?;
                // The outputs are written when everything has been read.
                let all: Vec<usize> = (0..operator.inputs.len()).collect();
                choosing.outputs_in_place(outputs.iter().map(|_| all.clone()));
                choosing.act(match site.graph.tensor(condition).data.as_deref() {
                    Some([0, ..]) => Action::Run(otherwise),
                    Some(_) => Action::Run(then),
                    None => Action::If {
                        condition: choosing.activation(condition)?,
                        then,
                        otherwise,
                    },
                });
            }
            Options::While(options) => {
                let test = Call::new(site, choosing, options.cond_graph)?;
                match test.graph.outputs.first() {
                    Some(condition) => is_condition(site, test.graph, *condition)?,
                    None => return Err(test.unfitting("outputs", 1, 0)),
                }
                let test = test.with(choosing, &outputs, &[])?;
                let body = Call::new(site, choosing, options.body_graph)?;
                let body = body.with(choosing, &outputs, &outputs)?;
                choosing.outputs_in_place((0..outputs.len()).map(|output| vec![output]));
                // What is repeated reads and writes the operator's outputs, which are its inputs at first.
                if operator.inputs.len() != outputs.len() {
                    return Err(site
                        .error("the loop's tensors do not match its inputs")
                        .expected(format_args!("{} outputs", operator.inputs.len()))
                        .found(outputs.len())
                        .help("the file is damaged or was edited; convert the model again"));
                }
                for (from, to) in operator.inputs.iter().zip(&outputs) {
                    let from = from
                        .map(|id| argument(site.graph, choosing, id))
                        .transpose()?;
                    let to = to
                        .map(|id| argument(site.graph, choosing, id))
                        .transpose()?;
                    if let (Some(from), Some(to)) = (from.flatten(), to.flatten()) {
                        copy(site, choosing, from, to)?;
                    }
                }
                choosing.act(Action::While { test, body });
            }
            _ => {
                return Err(site
                    .error("the operator names no subgraph to run")
                    .expected("subgraphs in its options")
                    .help("the file is damaged or was edited; convert the model again"));
            }
        }
        Ok(())
    }
}

/// A subgraph that an operator runs.
struct Call<'s, 'g> {
    site: &'s Site<'s>,
    subgraph: usize,
    graph: &'g Graph,
}

impl<'s, 'g> Call<'s, 'g> {
    fn new(
        site: &'s Site<'s>,
        choosing: &Choosing<'g>,
        subgraph: usize,
    ) -> Result<Self, Diagnostic> {
        let graph = choosing.subgraph(subgraph).ok_or_else(|| {
            site.error("the operator runs a subgraph that does not exist")
                .found(subgraph)
        })?;
        Ok(Self {
            site,
            subgraph,
            graph,
        })
    }

    /// What it is run with: each tensor has to be as the subgraph's own.
    fn with(
        self,
        choosing: &mut Choosing<'_>,
        inputs: &[Option<TensorId>],
        outputs: &[Option<TensorId>],
    ) -> Result<Invocation, Diagnostic> {
        Ok(Invocation {
            subgraph: self.subgraph,
            inputs: self.arguments(choosing, inputs, &self.graph.inputs, "inputs")?,
            // A condition is read where it is.
            outputs: match outputs {
                [] => Vec::new(),
                _ => self.arguments(choosing, outputs, &self.graph.outputs, "outputs")?,
            },
        })
    }

    fn arguments(
        &self,
        choosing: &mut Choosing<'_>,
        given: &[Option<TensorId>],
        own: &[TensorId],
        role: &str,
    ) -> Result<Vec<Option<Argument>>, Diagnostic> {
        if given.len() != own.len() {
            return Err(self.unfitting(role, given.len(), own.len()));
        }
        let pairs = given.iter().zip(own).map(|(given, own)| {
            let Some(given) = *given else { return Ok(None) };
            let (a, b) = (self.site.graph.tensor(given), self.graph.tensor(*own));
            if (a.dtype, a.bytes()) != (b.dtype, b.bytes()) {
                return Err(self
                    .site
                    .tensor_error(
                        given,
                        format!(
                            "the {role} of subgraph {} do not match the operator",
                            self.subgraph
                        ),
                    )
                    .expected(format_args!("{} {:?}", b.dtype, b.shape))
                    .found(format_args!("{} {:?}", a.dtype, a.shape))
                    .help("the file is damaged or was edited; convert the model again"));
            }
            argument(self.site.graph, choosing, given)
        });
        pairs.collect()
    }

    fn unfitting(&self, role: &str, given: usize, own: usize) -> Diagnostic {
        self.site
            .error(format!(
                "subgraph {} has the wrong number of {role}",
                self.subgraph
            ))
            .expected(given)
            .found(own)
            .help("the file is damaged or was edited; convert the model again")
    }
}

/// A tensor to copy from or to; none for a handle, which stands for memory that is known.
fn argument(
    graph: &Graph,
    choosing: &mut Choosing<'_>,
    id: TensorId,
) -> Result<Option<Argument>, Diagnostic> {
    match graph.tensor(id).dtype {
        DType::Resource => Ok(None),
        _ => choosing.tensor(id).map(Some),
    }
}

fn is_condition(site: &Site<'_>, graph: &Graph, id: TensorId) -> Result<(), Diagnostic> {
    let tensor = graph.tensor(id);
    if tensor.dtype == DType::Bool && tensor.elements() == 1 {
        return Ok(());
    }
    Err(site
        .error("the condition is not a single truth value")
        .expected("one element of BOOL")
        .found(format_args!("{} {:?}", tensor.dtype, tensor.shape))
        .help("the file is damaged or was edited; convert the model again"))
}

fn copy(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    from: Argument,
    to: Argument,
) -> Result<(), Diagnostic> {
    if (from.element, from.len) != (to.element, to.len) {
        return Err(site
            .error("the loop's inputs and outputs do not match")
            .expected(format_args!("{} {:?}", from.len, from.element))
            .found(format_args!("{} {:?}", to.len, to.element))
            .help("the file is damaged or was edited; convert the model again"));
    }
    choosing.copy(from, to);
    Ok(())
}
