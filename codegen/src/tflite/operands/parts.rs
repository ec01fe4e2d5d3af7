//! Indices, and parts of an input.

use super::{Checked, INDEX, Operands, PART, SIZES, VALUES, fits, wrong};
use crate::graph::shapes::{dimension, size};

impl Operands<'_> {
    pub(super) fn indices(&self, position: usize, below: Option<usize>) -> Checked {
        let (Some(below), Some(indices)) = (below, self.integers(position)) else {
            return Ok(());
        };
        let beside = |index: &&i64| size(**index).is_none_or(|index| index >= below);
        match indices.iter().find(beside) {
            Some(index) => wrong(INDEX, position, format!("0 or more, below {below}"), index),
            None => Ok(()),
        }
    }

    pub(super) fn gather(&self) -> Checked {
        let (Some(rank), Some(indices)) = (self.rank(0), self.input(1)) else {
            return Ok(());
        };
        let axis = self.axis(self.option("axis"), 0, 0, rank)?;
        let (said, ranks) = (self.option("batch_dims"), indices.shape.len());
        let batch = match said {
            0.. => size(said),
            _ => dimension(said, ranks),
        };
        let Some(batch) = batch.filter(|batch| *batch <= axis.min(ranks)) else {
            let expected = format!(
                "at most {}, the axis and the indices' dimensions",
                axis.min(ranks)
            );
            return wrong(
                "the number of batch dimensions is invalid",
                1,
                expected,
                said,
            );
        };
        if let (Some(x), Some(indices)) = (self.shape(0), self.shape(1)) {
            fits(x[..batch] == indices[..batch], || {
                let expected = format!("{:?}, as the input's first sizes", &x[..batch]);
                (SIZES, 1, expected, format!("{indices:?}"))
            })?;
        }
        self.indices(1, self.size_of(0, axis))
    }

    pub(super) fn gather_nd(&self) -> Checked {
        let (Some(x), Some(indices)) = (self.shape(0), self.shape(1)) else {
            return Ok(());
        };
        let Some(depth) = indices.last().copied() else {
            return Ok(());
        };
        fits(depth <= x.len(), || {
            (
                INDEX,
                1,
                format!("at most {} coordinates", x.len()),
                depth.to_string(),
            )
        })?;
        let values = self.integers(1).unwrap_or_default();
        for place in values.chunks_exact(depth.max(1)) {
            let inside =
                std::iter::zip(place, x).all(|(i, all)| size(*i).is_some_and(|i| i < *all));
            fits(inside, || {
                (
                    INDEX,
                    1,
                    format!("a place in shape {x:?}"),
                    format!("{place:?}"),
                )
            })?;
        }
        Ok(())
    }

    pub(super) fn slice(&self) -> Checked {
        let (Some(x), Some(sizes)) = (self.shape(0), self.integers(2)) else {
            return Ok(());
        };
        // A part that begins where the model computes has to fit somewhere.
        let (begin, wrong) = match self.integers(1) {
            Some(begin) => (begin, 1),
            None => (vec![0; x.len()], 2),
        };
        self.each(1, begin.len(), x.len())?;
        self.each(2, sizes.len(), x.len())?;
        let within =
            std::iter::zip(x, std::iter::zip(&begin, &sizes)).all(|(all, (from, part))| {
                let Some(left) = size(*from).and_then(|from| all.checked_sub(from)) else {
                    return false;
                };
                *part == -1 || size(*part).is_some_and(|part| part <= left)
            });
        fits(within, || {
            (
                PART,
                wrong,
                format!("a part of shape {x:?}"),
                format!("sizes {sizes:?} from {begin:?}"),
            )
        })
    }

    /// That an input has as many values as the operator's first input has dimensions.
    pub(super) fn each(&self, input: usize, values: usize, rank: usize) -> Checked {
        fits(values == rank, || {
            (
                VALUES,
                input,
                format!("{rank}, one for each dimension"),
                values.to_string(),
            )
        })
    }

    pub(super) fn strided_slice(&self) -> Checked {
        let Some(parts) = self.strided() else {
            return Ok(());
        };
        for (input, values) in [(2, &parts.end), (3, &parts.strides)] {
            fits(values.len() == parts.begin.len(), || {
                let expected = format!("{}, as there are begins", parts.begin.len());
                (VALUES, input, expected, values.len().to_string())
            })?;
        }
        if let Some(x) = self.shape(0) {
            let taken = std::iter::zip(x, &parts.begin).enumerate();
            let beside = |(axis, (all, begin)): &(usize, (&usize, &i64))| {
                let one = |mask: i32| *axis < 32 && mask >> axis & 1 == 1;
                let only = one(parts.shrink_mask) && !one(parts.begin_mask);
                only && dimension(**begin, **all).is_none()
            };
            if let Some((axis, (all, begin))) = taken.into_iter().find(beside) {
                let expected = format!("an index of {all} along axis {axis}");
                return wrong(INDEX, 1, expected, begin);
            }
        }
        fits(!parts.strides.contains(&0), || {
            (
                "a stride is 0",
                3,
                "strides other than 0".to_owned(),
                format!("{:?}", parts.strides),
            )
        })
    }

    pub(super) fn update_slice(&self) -> Checked {
        let (Some(x), Some(update), Some(begin)) = (self.shape(0), self.shape(1), self.shape(2))
        else {
            return Ok(());
        };
        self.each(2, begin.iter().product(), x.len())?;
        let within = std::iter::zip(x, update).all(|(all, part)| part <= all);
        fits(within && x.len() == update.len(), || {
            (
                PART,
                1,
                format!("a part of shape {x:?}"),
                format!("{update:?}"),
            )
        })
    }
}
