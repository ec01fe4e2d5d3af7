//! Sizes of inputs that meet: repeated ones, products of matrices, filters with state.

use super::{Checked, Operands, SIZES, fits, wrong};
use crate::graph::shapes::{self, size};

impl Operands<'_> {
    pub(super) fn batch_matmul(&self) -> Checked {
        let (Some(left), Some(right)) = (self.shape(0), self.shape(1)) else {
            return Ok(());
        };
        let (Some((batch, [rows, columns])), Some((others, [height, width]))) =
            (left.split_last_chunk::<2>(), right.split_last_chunk::<2>())
        else {
            return Ok(());
        };
        let [adj_x, adj_y] = self.adjoint();
        let depth = if adj_x { rows } else { columns };
        let other = if adj_y { width } else { height };
        fits(
            depth == other && shapes::broadcast([batch, others]).is_some(),
            || {
                let expected =
                    format!("{depth} rows of the right side, and batches that repeat to one");
                (
                    SIZES,
                    1,
                    expected,
                    format!("{left:?} times {right:?}, adjoint {:?}", [adj_x, adj_y]),
                )
            },
        )
    }

    pub(super) fn svdf(&self) -> Checked {
        let shapes = [0, 1, 2, 4].map(|n| self.shape(n));
        let [
            Some(&[batch, inputs]),
            Some(&[filters, taken]),
            Some(&[times, memory]),
            Some(state),
        ] = shapes
        else {
            return Ok(());
        };
        let rank = size(self.option("rank")).filter(|rank| *rank > 0);
        let units = rank
            .filter(|rank| filters % rank == 0)
            .map(|rank| filters / rank);
        let Some(units) = units else {
            let expected = format!("a rank that divides {filters} filters");
            return wrong(
                "the rank does not divide the filters",
                1,
                expected,
                self.option("rank"),
            );
        };
        fits(taken == inputs, || {
            (
                SIZES,
                1,
                format!("[{filters}, {inputs}]"),
                format!("[{filters}, {taken}]"),
            )
        })?;
        fits(times == filters, || {
            (
                SIZES,
                2,
                format!("[{filters}, {memory}]"),
                format!("[{times}, {memory}]"),
            )
        })?;
        let kept = [batch, memory.saturating_mul(filters)];
        fits(state == kept, || {
            (SIZES, 4, format!("{kept:?}"), format!("{state:?}"))
        })?;
        match self.shape(3) {
            Some(bias) => fits(bias == [units], || {
                (SIZES, 3, format!("[{units}]"), format!("{bias:?}"))
            }),
            None => Ok(()),
        }
    }

    pub(super) fn broadcast_to(&self) -> Checked {
        let (Some(shape), Some(to)) = (self.shape(0), self.sizes(1)) else {
            return Ok(());
        };
        let repeated = shapes::broadcast([shape, &to]);
        fits(repeated.as_ref() == Some(&to), || {
            let expected = format!("a shape that {shape:?} repeats to");
            (SIZES, 1, expected, format!("{to:?}"))
        })
    }

    pub(super) fn broadcast_args(&self) -> Checked {
        let shapes = [0, 1].map(|n| self.sizes(n));
        match shapes {
            [Some(first), Some(second)] => repeated(&[&first, &second]),
            _ => Ok(()),
        }
    }

    /// Inputs of which one may be repeated.
    pub(super) fn broadcast(&self) -> Checked {
        let shapes: Option<Vec<_>> = (0..self.inputs.len()).map(|n| self.shape(n)).collect();
        shapes.map_or(Ok(()), |shapes| repeated(&shapes))
    }
}

fn repeated(shapes: &[&[usize]]) -> Checked {
    fits(shapes::broadcast(shapes.iter().copied()).is_some(), || {
        let expected = "shapes that are equal, or 1, from the last dimension on".to_owned();
        (SIZES, shapes.len() - 1, expected, format!("{shapes:?}"))
    })
}
