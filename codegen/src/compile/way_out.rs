//! What a user can do about operators that the compiled engine refuses. Another engine helps where it takes all of the
//! model: an operator alone does not know.

use crate::error::{Diagnostic, Remedy};
use crate::graph::Model;
use crate::tflm::{self, Kernels, TflmOp};

/// Gives refusals of operators the remedy that there is for this model.
pub(super) fn find(model: &Model, diagnostics: &mut [Diagnostic]) {
    let mut operators = model.graphs.iter().flat_map(|graph| &graph.operators);
    if diagnostics.is_empty() {
        return;
    }
    let all_known = operators.all(|operator| TflmOp::for_kind(&operator.kind).is_some());
    let runs = all_known && tflm::verdict(model, Kernels::Reference).refused.is_empty();
    for d in diagnostics {
        match d.remedy {
            None if runs && is_computed(model, d) => *d = d.clone().remedy(Remedy::Tflm),
            Some(Remedy::Tflm) if !runs => {
                *d = d.clone().help(
                    "TensorFlow Lite Micro computes it, but does not run another operator of this model: `castiron inspect` \
                     shows which; change the model's source so that one engine runs all of it",
                );
            }
            _ => {}
        }
    }
}

/// Whether it is an operator's refusal, and TensorFlow Lite Micro computes that operator.
fn is_computed(model: &Model, d: &Diagnostic) -> bool {
    let place = (&d.place.operands, &d.place.operator, d.place.subgraph);
    let (Some(_), Some((index, _)), Some(subgraph)) = place else {
        return false;
    };
    let graph = model.graphs.get(subgraph);
    let graph = graph.filter(|graph| *index < graph.operators.len());
    graph.is_some_and(|graph| tflm::computes(graph, *index, Kernels::Reference))
}
