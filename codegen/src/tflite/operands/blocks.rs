//! Blocks that are moved between dimensions, margins, and sizes of images.

use super::{BLOCKS, Checked, MARGINS, Operands, VALUES, fits, wrong};
use crate::graph::BuiltinOperator as Op;
use crate::graph::shapes::{self, size};

impl Operands<'_> {
    pub(super) fn blocks(&self, op: Op) -> Checked {
        let (Some(x), Some(blocks), Some(margins)) =
            (self.shape(0), self.integers(1), self.integers(2))
        else {
            return Ok(());
        };
        let to_batch = op == Op::SpaceToBatchNd;
        fits(blocks.len() < x.len().max(1), || {
            (
                VALUES,
                1,
                format!("at most one for each of {x:?} but the batch"),
                blocks.len().to_string(),
            )
        })?;
        fits(margins.len() == 2 * blocks.len(), || {
            (
                VALUES,
                2,
                format!("{}, two for each block", 2 * blocks.len()),
                margins.len().to_string(),
            )
        })?;
        fits(to_batch || margins.iter().all(|crop| *crop >= 0), || {
            (
                MARGINS,
                2,
                "crops of at least 0".to_owned(),
                format!("{margins:?}"),
            )
        })?;
        let moved = match to_batch {
            true => shapes::space_to_batch(x, &blocks, &margins),
            false => shapes::batch_to_space(x, &blocks, &margins),
        };
        fits(moved.is_some(), || {
            let expected = match to_batch {
                true => format!("blocks that divide {x:?} with paddings {margins:?}"),
                false => format!(
                    "blocks that divide the batch of {x:?}, and leave more than crops {margins:?}"
                ),
            };
            (BLOCKS, 1, expected, format!("{blocks:?}"))
        })
    }

    pub(super) fn block(&self, op: Op) -> Checked {
        let (Some(&[_, height, width, channels]), said) =
            (self.shape(0), self.option("block_size"))
        else {
            return Ok(());
        };
        let divides = |block: usize| match op {
            Op::SpaceToDepth => height % block == 0 && width % block == 0,
            _ => channels % block.saturating_mul(block) == 0,
        };
        let block = size(said).filter(|block| *block > 0);
        fits(block.is_some_and(divides), || {
            let expected = match op {
                Op::SpaceToDepth => format!("a block that divides {height} × {width}"),
                _ => format!("a block whose square divides {channels} channels"),
            };
            (BLOCKS, 0, expected, said.to_string())
        })
    }

    pub(super) fn paddings(&self, op: Op) -> Checked {
        let (Some(x), Some(paddings)) = (self.shape(0), self.integers(1)) else {
            return Ok(());
        };
        fits(paddings.len() == 2 * x.len(), || {
            (
                VALUES,
                1,
                format!("{}, two for each dimension", 2 * x.len()),
                paddings.len().to_string(),
            )
        })?;
        // A mirror shows no more than there is; one that reflects leaves the border out.
        let border = i64::from(op == Op::MirrorPad && self.option("mode") == 0);
        let right = |(n, padding): (usize, &i64)| {
            let most = i64::try_from(x[n / 2]).unwrap_or(i64::MAX) - border;
            *padding >= 0 && (op != Op::MirrorPad || *padding <= most)
        };
        fits(paddings.iter().enumerate().all(right), || {
            let expected = match op {
                Op::MirrorPad => format!("at least 0, and at most what {x:?} can mirror"),
                _ => "paddings of at least 0".to_owned(),
            };
            (MARGINS, 1, expected, format!("{paddings:?}"))
        })
    }

    /// The size that RESIZE's images get.
    pub(super) fn image(&self) -> Checked {
        match self.integers(1) {
            Some(sizes) if sizes.len() != 2 || sizes.iter().any(|size| *size < 1) => wrong(
                "the image's size is invalid",
                1,
                "a height and a width",
                format!("{sizes:?}"),
            ),
            _ => Ok(()),
        }
    }
}
