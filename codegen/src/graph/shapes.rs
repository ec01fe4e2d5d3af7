//! Shapes that follow from others, as the schema's operators have them.

use super::{Options, Tensor};

/// Of inputs that are repeated along dimensions of 1 until they are alike; `None` if they never are.
pub fn broadcast<'a>(shapes: impl IntoIterator<Item = &'a [usize]>) -> Option<Vec<usize>> {
    let mut common: Vec<usize> = Vec::new();
    for shape in shapes {
        if shape.len() > common.len() {
            let missing = shape.len() - common.len();
            common.splice(0..0, std::iter::repeat_n(1, missing));
        }
        for (common, size) in common.iter_mut().rev().zip(shape.iter().rev()) {
            match *size {
                1 => {}
                size if *common == 1 || *common == size => *common = size,
                _ => return None,
            }
        }
    }
    Some(common)
}

/// The dimension that an axis names: negative ones count from the last.
pub fn dimension(axis: i64, rank: usize) -> Option<usize> {
    let from_first = match axis {
        0.. => usize::try_from(axis).ok()?,
        _ => rank.checked_sub(usize::try_from(axis.checked_neg()?).ok()?)?,
    };
    (from_first < rank).then_some(from_first)
}

/// What SPACE_TO_BATCH_ND makes of a shape; `None` where the blocks do not divide it.
pub fn space_to_batch(shape: &[usize], blocks: &[i64], paddings: &[i64]) -> Option<Vec<usize>> {
    let mut result = shape.to_vec();
    for (axis, block) in blocks.iter().enumerate() {
        let block = size(*block).filter(|block| *block > 0)?;
        let padded = margined(*shape.get(axis + 1)?, paddings, axis, 1)?;
        result[axis + 1] = exact(padded, block)?;
        result[0] = result[0].checked_mul(block)?;
    }
    Some(result)
}

/// What BATCH_TO_SPACE_ND makes of a shape; `None` where the blocks do not divide the batch.
pub fn batch_to_space(shape: &[usize], blocks: &[i64], crops: &[i64]) -> Option<Vec<usize>> {
    let mut result = shape.to_vec();
    for (axis, block) in blocks.iter().enumerate() {
        let block = size(*block).filter(|block| *block > 0)?;
        let whole = shape.get(axis + 1)?.checked_mul(block)?;
        result[axis + 1] = margined(whole, crops, axis, -1)?;
        result[0] = exact(result[0], block)?;
    }
    Some(result)
}

/// A size with the margins of one axis added or, with a sign of −1, taken away.
fn margined(size: usize, margins: &[i64], axis: usize, sign: i64) -> Option<usize> {
    let margins = margins.get(2 * axis..2 * axis + 2)?;
    let margin = margins[0].checked_add(margins[1])?.checked_mul(sign)?;
    size.checked_add_signed(isize::try_from(margin).ok()?)
}

fn exact(size: usize, divisor: usize) -> Option<usize> {
    size.is_multiple_of(divisor).then(|| size / divisor)
}

/// The sizes that SPLIT_V's parts have, of which one may be the rest; `None` if they are not the whole.
pub(crate) fn rest_of(sizes: &[i64], whole: usize) -> Option<Vec<usize>> {
    let mut given = sizes.iter().filter(|size| **size != -1);
    let sum = given.try_fold(0_usize, |sum, given| sum.checked_add(size(*given)?))?;
    let rest = whole.checked_sub(sum)?;
    let open = sizes.iter().filter(|size| **size == -1).count();
    let right = open == 1 || (open == 0 && rest == 0);
    let parts = sizes.iter().map(|part| size(*part).unwrap_or(rest));
    right.then(|| parts.collect())
}

/// A size that a tensor or an option gives.
pub fn size(value: i64) -> Option<usize> {
    usize::try_from(value).ok()
}

/// STRIDED_SLICE: where the parts of a shape begin and end, in which steps, and the bits of its masks.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct Strided {
    pub begin: Vec<i64>,
    pub end: Vec<i64>,
    pub strides: Vec<i64>,
    pub begin_mask: i32,
    pub end_mask: i32,
    pub shrink_mask: i32,
    /// Ends are counted from the beginnings.
    pub offset: bool,
}

/// What STRIDED_SLICE takes of one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) struct Part {
    pub first: usize,
    pub count: usize,
    pub stride: isize,
    /// The dimension itself goes away; its part is one element.
    pub shrinks: bool,
}

impl Strided {
    /// The parts that an operator's constants and options give.
    pub(crate) fn new(
        options: &Options,
        begin: Vec<i64>,
        end: Vec<i64>,
        strides: Vec<i64>,
    ) -> Self {
        let mask = |name| i32::try_from(options.integer(name)).unwrap_or_default();
        Self {
            begin,
            end,
            strides,
            begin_mask: mask("begin_mask"),
            end_mask: mask("end_mask"),
            shrink_mask: mask("shrink_axis_mask"),
            offset: options.flag("offset"),
        }
    }

    /// What is left of a shape; `None` if a stride is 0. Dimensions that nothing is said about stay whole.
    pub fn of(&self, shape: &[usize]) -> Option<Vec<usize>> {
        let left = self.parts(shape)?.into_iter().filter(|part| !part.shrinks);
        Some(left.map(|part| part.count).collect())
    }

    /// What is taken of each dimension of a shape; `None` if a stride is 0.
    pub(crate) fn parts(&self, shape: &[usize]) -> Option<Vec<Part>> {
        let axes = shape.iter().enumerate();
        axes.map(|(axis, size)| self.part(axis, *size)).collect()
    }

    fn part(&self, axis: usize, size: usize) -> Option<Part> {
        let (Some(begin), Some(end), Some(stride)) = (
            self.begin.get(axis),
            self.end.get(axis),
            self.strides.get(axis),
        ) else {
            return Some(Part {
                first: 0,
                count: size,
                stride: 1,
                shrinks: false,
            });
        };
        let bit = |mask: i32| axis < 32 && mask >> axis & 1 == 1;
        let whole = i64::try_from(size).ok()?;
        let (least, most) = match *stride {
            0 => return None,
            1.. => (0, whole),
            _ => (-1, whole - 1),
        };
        let within = |position: i64| {
            let position = position.saturating_add(if position < 0 { whole } else { 0 });
            position.clamp(least, most)
        };
        let (first, last) = if *stride > 0 {
            (least, most)
        } else {
            (most, least)
        };
        let from = if bit(self.begin_mask) {
            first
        } else {
            within(*begin)
        };
        // Where nothing is taken, it may begin beside the dimension.
        let first = usize::try_from(from.clamp(0, (whole - 1).max(0))).ok()?;
        if bit(self.shrink_mask) {
            return Some(Part {
                first,
                count: size.min(1),
                stride: 1,
                shrinks: true,
            });
        }
        let end = if self.offset {
            from.saturating_add(*end)
        } else {
            *end
        };
        let to = if bit(self.end_mask) {
            last
        } else {
            within(end)
        };
        let distance = if *stride > 0 { to - from } else { from - to };
        let steps = u64::try_from(distance)
            .unwrap_or(0)
            .div_ceil(stride.unsigned_abs());
        Some(Part {
            first,
            count: usize::try_from(steps).ok()?,
            // A step that is not taken may be of any length.
            stride: match steps {
                0 | 1 => 1,
                _ => isize::try_from(*stride).ok()?,
            },
            shrinks: false,
        })
    }
}

/// A constant's values as sizes; `None` where it is computed or one is negative.
pub(crate) fn sizes(tensor: &Tensor) -> Option<Vec<usize>> {
    tensor.as_integers()?.into_iter().map(size).collect()
}

/// Whether two shapes hold the same elements in the same order. Dimensions of 1 do not count: writers add and drop them.
pub fn alike(a: &[usize], b: &[usize]) -> bool {
    let more = |sizes: &[usize]| -> Vec<usize> {
        sizes.iter().copied().filter(|size| *size != 1).collect()
    };
    let none = |sizes: &[usize]| sizes.contains(&0);
    more(a) == more(b) || (none(a) && none(b))
}
