//! Axes, and tensors that are split or joined along one.

use super::{AXIS, COUNT, Checked, Operands, SIZES, Wrong, fits};
use crate::graph::Options;
use crate::graph::shapes::{dimension, rest_of, size};
use crate::sorted;

impl Operands<'_> {
    /// That all values of the input `axes` are dimensions of the input `of`, which may have `more` of them.
    pub(super) fn axes(&self, axes: usize, of: usize, more: usize) -> Checked {
        let (Some(rank), Some(axes_of)) = (self.rank(of), self.integers(axes)) else {
            return Ok(());
        };
        axes_of
            .iter()
            .try_for_each(|a| self.axis(*a, axes, of, rank + more).map(|_| ()))
    }

    /// The dimension of the input `of` that an axis names, which the input `at` gives.
    pub(super) fn axis(
        &self,
        axis: i64,
        at: usize,
        of: usize,
        rank: usize,
    ) -> Result<usize, Wrong> {
        dimension(axis, rank).ok_or_else(|| Wrong {
            what: AXIS,
            expected: match self.input(of) {
                Some(x) => format!(
                    "an axis of -{rank} to {}, for shape {:?}",
                    rank - 1,
                    x.shape
                ),
                None => format!("an axis of -{rank} to {}", rank - 1),
            },
            found: axis.to_string(),
            input: at,
        })
    }

    pub(super) fn squeeze(&self) -> Checked {
        let (Options::Squeeze(options), Some(rank)) = (self.options, self.rank(0)) else {
            return Ok(());
        };
        options.dims.iter().try_for_each(|axis| {
            let axis = self.axis((*axis).into(), 0, 0, rank)?;
            let along = self.size_of(0, axis).unwrap_or(1);
            fits(along == 1, || {
                (
                    "the axis cannot be removed",
                    0,
                    "axes of size 1".to_owned(),
                    format!("{along} along axis {axis}"),
                )
            })
        })
    }

    pub(super) fn pack(&self) -> Checked {
        self.count(self.option("values_count"), self.inputs.len(), "inputs", 0)?;
        if let Some(rank) = self.rank(0) {
            self.axis(self.option("axis"), 0, 0, rank + 1)?;
        }
        self.alike(None)
    }

    pub(super) fn unpack(&self) -> Checked {
        let parts = self.option("num");
        self.count(parts, self.outputs.len(), "outputs", 0)?;
        let Some(rank) = self.rank(0) else {
            return Ok(());
        };
        let axis = self.axis(self.option("axis"), 0, 0, rank)?;
        match self.size_of(0, axis) {
            Some(whole) => self.count(parts, whole, "elements along the axis", 0),
            None => Ok(()),
        }
    }

    pub(super) fn concatenation(&self) -> Checked {
        let Some(rank) = self.rank(0) else {
            return Ok(());
        };
        let axis = self.axis(self.option("axis"), 0, 0, rank)?;
        self.alike(Some(axis))
    }

    /// That all inputs have the first one's sizes, but for one.
    pub(super) fn alike(&self, but: Option<usize>) -> Checked {
        let Some(first) = self.shape(0) else {
            return Ok(());
        };
        let others = (1..self.inputs.len()).filter_map(|n| Some((n, self.shape(n)?)));
        for (n, shape) in others {
            let sizes = || std::iter::zip(first, shape).enumerate();
            let same = sizes().all(|(axis, (a, b))| a == b || Some(axis) == but);
            fits(same && first.len() == shape.len(), || {
                let but = but.map_or_else(String::new, |axis| format!(" but for axis {axis}"));
                (
                    SIZES,
                    n,
                    format!("{first:?}, as input 0{but}"),
                    format!("{shape:?}"),
                )
            })?;
        }
        Ok(())
    }

    pub(super) fn permutation(&self) -> Checked {
        let (Some(rank), Some(order)) = (self.rank(0), self.integers(1)) else {
            return Ok(());
        };
        let mut all: Vec<_> = order.iter().map(|axis| dimension(*axis, rank)).collect();
        sorted::by_key(&mut all, |axis| *axis);
        fits(all.into_iter().eq((0..rank).map(Some)), || {
            let expected = format!("each of 0 to {} once", rank - 1);
            (
                "the order is not a permutation of the dimensions",
                1,
                expected,
                format!("{order:?}"),
            )
        })
    }

    pub(super) fn split(&self) -> Checked {
        let parts = self.option("num_splits");
        self.count(parts, self.outputs.len(), "outputs", 1)?;
        let (Some(x), Some(axis)) = (self.shape(1), self.integers(0)) else {
            return Ok(());
        };
        let along = axis
            .first()
            .and_then(|axis| x.get(dimension(*axis, x.len())?));
        let divides = |size: &usize| size.is_multiple_of(self.outputs.len().max(1));
        fits(along.is_none_or(divides), || {
            let expected = format!("a size that {parts} divides");
            (
                "the input does not split evenly",
                1,
                expected,
                format!("shape {x:?} along axis {}", axis[0]),
            )
        })
    }

    pub(super) fn split_into(&self) -> Checked {
        self.count(self.option("num_splits"), self.outputs.len(), "outputs", 0)?;
        let Some(sizes) = self.integers(1) else {
            return Ok(());
        };
        self.count(sizes.len() as i64, self.outputs.len(), "outputs", 1)?;
        let (Some(x), Some(axis)) = (self.shape(0), self.integers(2)) else {
            return Ok(());
        };
        let Some(whole) = axis
            .first()
            .and_then(|axis| x.get(dimension(*axis, x.len())?))
        else {
            return Ok(());
        };
        fits(rest_of(&sizes, *whole).is_some(), || {
            let expected = format!("sizes of {whole} together, one of them -1 for the rest");
            (
                "the parts do not add up to the input",
                1,
                expected,
                format!("{sizes:?}"),
            )
        })
    }

    pub(super) fn count(&self, said: i64, tensors: usize, what: &str, input: usize) -> Checked {
        fits(size(said) == Some(tensors), || {
            (
                COUNT,
                input,
                format!("{tensors}, as there are {what}"),
                said.to_string(),
            )
        })
    }
}
