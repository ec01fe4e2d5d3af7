//! How much an operator computes, estimated from shapes and options alone.
//!
//! Every operator of the schema has a rule in a table, also those that castiron does not
//! compile: what a model costs is asked before it is decided what runs it.

mod rules;
mod table;

use crate::graph::Site;
use crate::graph::{Graph, OpKind};

/// An estimate as a sum of products, so that it can be followed and not only believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Factors of each product.
    pub terms: Vec<Vec<u64>>,
    /// What is counted.
    pub unit: Unit,
}

/// What an estimate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Multiplications whose results are added up.
    MultiplyAccumulates,
    /// Elementary operations: an addition, a comparison, a looked-up value, a conversion.
    Operations,
}

impl Work {
    /// The sum.
    pub fn total(&self) -> u64 {
        let product = |term: &Vec<u64>| term.iter().fold(1, |p: u64, f| p.saturating_mul(*f));
        (self.terms.iter().map(product)).fold(0, u64::saturating_add)
    }

    /// Multiply-accumulates.
    pub(crate) fn macs(&self) -> u64 {
        match self.unit {
            Unit::MultiplyAccumulates => self.total(),
            Unit::Operations => 0,
        }
    }

    /// The sum as it is written: `10*4*25*5*64*1`; `0` where nothing is computed.
    pub fn equation(&self) -> String {
        let product = |term: &Vec<u64>| {
            let factors: Vec<String> = term.iter().map(u64::to_string).collect();
            factors.join("*")
        };
        let terms: Vec<String> = self.terms.iter().map(product).collect();
        match terms.is_empty() {
            true => "0".to_owned(),
            false => terms.join("+"),
        }
    }
}

/// What an operator of a graph computes; `None` where its name or its options do not tell.
pub fn of(graph: &Graph, operator: usize) -> Option<Work> {
    at(&Site::new(graph, operator))
}

/// The same of an operator that need not be a graph's.
pub(crate) fn at(site: &Site<'_>) -> Option<Work> {
    let OpKind::Builtin(kind) = site.operator.kind else {
        return None;
    };
    let rule = table::rule(kind)?;
    Some(Work {
        // Tensors that a malformed operator lacks: it computes nothing.
        terms: rule.terms(site).unwrap_or_default(),
        unit: match rule.multiplies() {
            true => Unit::MultiplyAccumulates,
            false => Unit::Operations,
        },
    })
}

/// Multiply-accumulates of an operator of a graph, 0 for those that only have other operations;
/// `None` where unknown.
pub fn macs(graph: &Graph, operator: usize) -> Option<u64> {
    of(graph, operator).map(|work| work.macs())
}
