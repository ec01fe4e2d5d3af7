//! How the elements along the last dimension, channels, go through operators, so that those which do not matter can leave.

use super::family;
use super::numbers::Weighted;
use crate::graph::{Graph, Site, Tensor, TensorId};

/// How channels go through an operator of one output.
#[derive(Debug)]
pub enum Channels {
    /// Each channel of the output is computed of the same channel of the first inputs, so many.
    Each(usize),
    /// The output is the input in other dimensions.
    Reshaped,
    /// The output has the channels of one input behind those of another.
    Concatenated,
    /// Channels are sums of products with weights.
    Weighted(Box<Weighted>),
}

/// The least and the greatest stored value that there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) least: i32,
    pub(crate) greatest: i32,
}

impl Range {
    pub(crate) fn of(value: i32) -> Self {
        Self {
            least: value,
            greatest: value,
        }
    }

    /// All values of a tensor's type.
    pub(crate) fn of_type(tensor: &Tensor) -> Self {
        let narrow = |(least, greatest)| {
            Some(Self {
                least: i32::try_from(least).ok()?,
                greatest: i32::try_from(greatest).ok()?,
            })
        };
        let range = tensor.dtype.integer_range().and_then(narrow);
        // Of other types nothing is known, and no kernel of integers reads them.
        range.unwrap_or(Self {
            least: i32::MIN,
            greatest: i32::MAX,
        })
    }

    /// The one value that there is.
    pub(crate) fn constant(self) -> Option<i32> {
        (self.least == self.greatest).then_some(self.least)
    }

    /// The least range that has the values of both.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            greatest: self.greatest.max(other.greatest),
        }
    }
}

/// Of a tensor, how many channels it has; a scalar has one.
pub(crate) fn count(tensor: &Tensor) -> usize {
    tensor.shape.last().copied().unwrap_or(1)
}

/// How channels go through the operator at a position; `None` where each may depend on all.
pub(crate) fn channels(graph: &Graph, position: usize) -> Option<Channels> {
    let site = Site::new(graph, position);
    let &[y] = &site.operator.outputs[..] else {
        return None;
    };
    let y = count(graph.tensor(y));
    let channels = family(&site.operator.kind)?.channels(&site)?;
    let inputs = &site.operator.inputs;
    let counted = |id: &TensorId| count(graph.tensor(*id));
    if y == 0 || inputs.iter().flatten().any(|id| counted(id) == 0) {
        return None;
    }
    let is_constant = |id: &TensorId| graph.tensor(*id).is_constant();
    let carried = match &channels {
        Channels::Each(carried) => *carried,
        Channels::Reshaped | Channels::Weighted(_) => 1,
        Channels::Concatenated => inputs.len(),
    };
    let first = inputs.first().copied().flatten()?;
    let carries: Vec<TensorId> = inputs.iter().take(carried).flatten().copied().collect();
    let fits = match &channels {
        // A constant may have one element for all channels.
        Channels::Each(_) => {
            (carries.iter()).all(|id| counted(id) == y || is_constant(id) && counted(id) == 1)
        }
        Channels::Reshaped => {
            let x = counted(&first);
            !is_constant(&first) && (x.is_multiple_of(y) || y.is_multiple_of(x))
        }
        Channels::Concatenated => !carries.iter().any(is_constant),
        Channels::Weighted(weighted) => !is_constant(&first) && weighted.fits(counted(&first), y),
    };
    // What else there is has to be a constant: its channels are no channels.
    let known = inputs.iter().skip(carried).flatten().all(is_constant);
    (fits && known).then_some(channels)
}
