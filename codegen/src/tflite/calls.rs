//! Calls between subgraphs.

use super::report::Report;
use crate::error::Diagnostic;
use crate::graph::Graph;

/// Checks that called subgraphs exist and that none calls itself, however indirectly: memory
/// for a call is planned, so its depth has to be known.
pub(super) fn check(graphs: &[Graph], report: &mut Report) {
    let before = report.count();
    let mut callees: Vec<Vec<usize>> = vec![Vec::new(); graphs.len()];
    for (caller, graph) in graphs.iter().enumerate() {
        for (index, operator) in graph.operators.iter().enumerate() {
            for callee in operator.options.callees() {
                if callee < graphs.len() {
                    callees[caller].push(callee);
                    continue;
                }
                report.push(
                    Diagnostic::new("the operator calls a subgraph that does not exist")
                        .expected(format_args!("an index below {}", graphs.len()))
                        .found(callee)
                        .help("the file is damaged or was edited; convert the model again")
                        .at_operator(index, operator.kind.name())
                        .in_subgraph(caller),
                );
            }
        }
    }
    if report.count() > before {
        return;
    }
    if let Some(caller) = in_a_cycle(&callees) {
        report.push(
            Diagnostic::new("the subgraph calls itself")
                .expected("calls without a cycle")
                .found("a cycle of IF, WHILE or CALL_ONCE operators")
                .help("unroll the recursion in the model's source")
                .in_subgraph(caller),
        );
    }
}

/// Takes away graphs that no remaining one calls; what is left when none can go, is in a cycle
/// or called from one.
pub fn in_a_cycle(callees: &[Vec<usize>]) -> Option<usize> {
    let mut callers = vec![0_usize; callees.len()];
    for callee in callees.iter().flatten() {
        callers[*callee] += 1;
    }
    let mut free: Vec<usize> = (0..callees.len()).filter(|g| callers[*g] == 0).collect();
    while let Some(graph) = free.pop() {
        for callee in &callees[graph] {
            callers[*callee] -= 1;
            if callers[*callee] == 0 {
                free.push(*callee);
            }
        }
    }
    callers.iter().position(|left| *left > 0)
}
