//! Operators that multiply integers by weights, as their channels see them: which outputs there may be, which inputs are read, and
//! the operator with fewer of both.

use std::ops;

use castiron_runtime::fixed;
use castiron_runtime::kernels::{Int8, Int16x8, Numbers, Window};

use super::{Format, Product};
use crate::error::Diagnostic;
use crate::graph::{DType, Quantization, Site, Tensor};
use crate::ops::channels::Range;

/// How sums of products become outputs.
#[derive(Debug)]
pub(super) struct Sums {
    /// The input's zero point.
    pub(super) in_zero_point: i32,
    pub(super) out_zero_point: i32,
    /// Least and greatest output value, by type and activation.
    pub(super) min: i32,
    pub(super) max: i32,
    /// By output channel; none where all are zeros.
    pub(super) bias: Vec<i64>,
    /// By output channel, or one for all.
    pub(super) multiplier: Vec<i32>,
    pub(super) shift: Vec<i8>,
    /// Whether sums have 64 bits.
    pub(super) wide: bool,
}

/// A format of integers whose sums are known before they are computed.
pub(super) trait Foreseen: Format + Numbers<W = i8> {
    /// How its sums become outputs.
    fn sums(product: &Product<'_>, weights: &[i8], site: &Site<'_>) -> Result<Sums, Diagnostic>;
}

impl Sums {
    pub(super) fn bias(&self, channel: usize) -> i64 {
        self.bias.get(channel).copied().unwrap_or(0)
    }

    pub(super) fn factor(&self, channel: usize) -> (i32, i32) {
        let multiplier = self.multiplier.get(channel).or(self.multiplier.first());
        let shift = self.shift.get(channel).or(self.shift.first());
        let shift = shift.copied().unwrap_or(0);
        (multiplier.copied().unwrap_or(0), shift.into())
    }

    /// The output of a sum, by the functions that kernels compute it with.
    fn output(&self, channel: usize, sum: i64) -> i32 {
        let (multiplier, shift) = self.factor(channel);
        let scaled = match self.wide {
            true => fixed::requantize_wide(sum, multiplier, shift),
            false => fixed::requantize(sum as i32, multiplier, shift),
        };
        let y = scaled.wrapping_add(self.out_zero_point);
        y.max(self.min).min(self.max)
    }

    /// The outputs of sums from one to another.
    fn outputs(&self, channel: usize, least: i64, greatest: i64) -> Range {
        if least == greatest {
            return Range::of(self.output(channel, least));
        }
        let (_, shift) = self.factor(channel);
        let most = u128::from(least.unsigned_abs().max(greatest.unsigned_abs()));
        let scaled = match u32::try_from(shift) {
            Ok(left) => most << left,
            Err(_) => most >> shift.unsigned_abs(),
        };
        // Beyond, sums or what is made of them may wrap, and a greater sum may have a lesser output.
        let exact = if self.wide { 1 << 46 } else { 1 << 31 };
        match most < exact && scaled < 1 << 30 {
            true => Range {
                least: self.output(channel, least),
                greatest: self.output(channel, greatest),
            },
            false => Range {
                least: self.min,
                greatest: self.max,
            },
        }
    }
}

/// The windows that there are, by which of their elements lie in the input.
#[derive(Debug)]
pub(in crate::ops) struct Taps {
    height: usize,
    width: usize,
    /// Rows and columns of elements that lie in the input, each pair once.
    seen: Vec<[ops::Range<usize>; 2]>,
}

/// Far more rows and columns than images have.
const MOST_WINDOWS: usize = 1 << 16;

impl Taps {
    /// Of an operator whose windows are one element, which is there.
    pub(in crate::ops) fn one() -> Self {
        Self {
            height: 1,
            width: 1,
            seen: vec![[0..1, 0..1]],
        }
    }

    /// `None` if they are too many to look at.
    pub(in crate::ops) fn of(w: &Window) -> Option<Self> {
        let rows = seen(
            (w.in_h, w.out_h, w.filter_h),
            (w.stride_h, w.dilation_h, w.pad_top),
        )?;
        let columns = seen(
            (w.in_w, w.out_w, w.filter_w),
            (w.stride_w, w.dilation_w, w.pad_left),
        )?;
        let pairs = rows.iter().flat_map(|row| {
            let columns = columns.iter();
            columns.map(|column| [row.clone(), column.clone()])
        });
        Some(Self {
            height: w.filter_h,
            width: w.filter_w,
            seen: pairs.collect(),
        })
    }

    fn count(&self) -> usize {
        self.height * self.width
    }

    /// Whether all of each window lies in the input.
    fn are_whole(&self) -> bool {
        self.seen[..] == [[0..self.height, 0..self.width]]
    }
}

/// The elements of windows along one dimension that lie in the input, each run of them once.
fn seen(
    (input, output, filter): (usize, usize, usize),
    (stride, dilation, padding): (usize, usize, isize),
) -> Option<Vec<ops::Range<usize>>> {
    if output > MOST_WINDOWS || filter > MOST_WINDOWS || dilation == 0 {
        return None;
    }
    let padding = usize::try_from(padding).ok()?;
    let runs = (0..output).map(|at| {
        let start = at * stride;
        // The first element at or behind the input's beginning, and the first at or behind its end.
        let reached = |place: usize| (place + padding).saturating_sub(start).div_ceil(dilation);
        let end = reached(input).min(filter);
        reached(0).min(end)..end
    });
    let mut distinct: Vec<ops::Range<usize>> = Vec::new();
    for run in runs {
        // Neighbours are alike but at the borders.
        if distinct.last() != Some(&run) {
            distinct.push(run);
        }
    }
    Some(distinct)
}

/// How outputs read inputs.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) enum Reading {
    /// Each reads all of them, so many for each element of a window, and the file has a channel's weights together.
    All(usize),
    /// The same, with weights of channels beside each other.
    AllAcross(usize),
    /// Each reads one channel, which has so many outputs.
    Own(usize),
}

/// An operator that multiplies integers by weights.
#[derive(Debug)]
pub struct Weighted {
    /// By output channel, element of a window and input, without their zero point.
    weights: Vec<i8>,
    outputs: usize,
    reading: Reading,
    taps: Taps,
    sums: Sums,
}

/// What there is to know of an output channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Foreseeable {
    /// Its values.
    pub(crate) range: Range,
    /// A sum that gives one of them.
    pub(crate) sum: i64,
}

/// Which channels of an operator stay. All lists are by channel.
pub(crate) struct Staying<'a> {
    pub(crate) x: &'a [bool],
    pub(crate) y: &'a [bool],
    /// The inputs' values.
    pub(crate) ranges: &'a [Range],
    /// Of outputs that nobody needs to have computed, a sum that will do.
    pub(crate) sums: &'a dyn Fn(usize) -> Option<i64>,
}

impl Product<'_> {
    /// The operator as its channels see it; `None` if its numbers are not foreseen.
    pub(in crate::ops) fn weighted(
        &self,
        site: &Site<'_>,
        taps: Taps,
        reading: Reading,
    ) -> Option<Weighted> {
        let types = [
            site.input(0).ok()?.dtype,
            site.input(1).ok()?.dtype,
            site.output(0).ok()?.dtype,
        ];
        if Int8::takes(types) {
            return self.weighted_in::<Int8>(site, taps, reading);
        }
        if Int16x8::takes(types) {
            return self.weighted_in::<Int16x8>(site, taps, reading);
        }
        None
    }

    fn weighted_in<F: Foreseen>(
        &self,
        site: &Site<'_>,
        taps: Taps,
        reading: Reading,
    ) -> Option<Weighted> {
        let weights = F::weights(site).ok()?;
        let sums = F::sums(self, &weights, site).ok()?;
        let per_channel = taps.count() * reading.inputs();
        let places =
            (0..self.channels).flat_map(|channel| (0..per_channel).map(move |i| (channel, i)));
        let weights: Option<Vec<i8>> = places
            .map(|(channel, i)| weights.get((self.index)(channel, i)).copied())
            .collect();
        Some(Weighted {
            weights: weights?,
            outputs: self.channels,
            reading,
            taps,
            sums,
        })
    }
}

impl Reading {
    /// Inputs that an output reads of each element of a window.
    fn inputs(self) -> usize {
        match self {
            Self::All(inputs) | Self::AllAcross(inputs) => inputs,
            Self::Own(_) => 1,
        }
    }
}

impl Weighted {
    /// Whether tensors of so many channels are read and written channel by channel.
    pub(crate) fn fits(&self, x: usize, y: usize) -> bool {
        let reads = match self.reading {
            Reading::All(inputs) | Reading::AllAcross(inputs) => x > 0 && inputs.is_multiple_of(x),
            Reading::Own(multiplier) => x * multiplier == y,
        };
        reads && y == self.outputs && y > 0
    }

    /// How many outputs each input channel has of its own, where it has.
    pub(crate) fn multiplier(&self) -> Option<usize> {
        match self.reading {
            Reading::Own(multiplier) => Some(multiplier),
            Reading::All(_) | Reading::AllAcross(_) => None,
        }
    }

    /// The channel of the input that an output reads as one of its inputs; the input has so many channels.
    fn source(&self, output: usize, input: usize, channels: usize) -> usize {
        match self.reading {
            Reading::Own(multiplier) => output / multiplier,
            // What is flattened has all channels again and again.
            Reading::All(_) | Reading::AllAcross(_) => input % channels,
        }
    }

    /// An output's weights, by element of a window and input.
    fn of(&self, output: usize) -> &[i8] {
        let each = self.taps.count() * self.reading.inputs();
        &self.weights[output * each..(output + 1) * each]
    }

    /// What the outputs may be, of inputs that may be this.
    pub(crate) fn foresee(&self, x: &[Range]) -> Vec<Foreseeable> {
        (0..self.outputs)
            .map(|output| self.foresee_one(output, x))
            .collect()
    }

    fn foresee_one(&self, output: usize, x: &[Range]) -> Foreseeable {
        let inputs = self.reading.inputs().max(1);
        let zero_point = i64::from(self.sums.in_zero_point);
        let width = self.taps.width + 1;
        // Sums over all elements above and left of each, from which those of every window follow.
        let mut sums = vec![(0i64, 0i64); (self.taps.height + 1) * width];
        for (tap, weights) in self.of(output).chunks(inputs).enumerate() {
            let (mut least, mut greatest) = (0, 0);
            for (input, weight) in weights.iter().enumerate().filter(|(_, w)| **w != 0) {
                let range = x[self.source(output, input, x.len())];
                let product = |value: i32| (i64::from(value) - zero_point) * i64::from(*weight);
                let ends = [product(range.least), product(range.greatest)];
                least += ends[0].min(ends[1]);
                greatest += ends[0].max(ends[1]);
            }
            let at = (tap / self.taps.width + 1) * width + tap % self.taps.width + 1;
            let (above, left, corner) = (sums[at - width], sums[at - 1], sums[at - width - 1]);
            sums[at] = (
                least + above.0 + left.0 - corner.0,
                greatest + above.1 + left.1 - corner.1,
            );
        }
        let bias = self.sums.bias(output);
        let windows = self.taps.seen.iter().map(|[rows, columns]| {
            let at = |row: usize, column: usize| sums[row * width + column];
            let of = |part: fn((i64, i64)) -> i64| {
                let corner = part(at(rows.end, columns.end)) + part(at(rows.start, columns.start));
                let beside = part(at(rows.start, columns.end)) + part(at(rows.end, columns.start));
                bias.saturating_add(corner - beside)
            };
            let (least, greatest) = (of(|sum| sum.0), of(|sum| sum.1));
            Foreseeable {
                range: self.sums.outputs(output, least, greatest),
                sum: least,
            }
        });
        let all = windows.reduce(|a, b| Foreseeable {
            range: a.range.or(b.range),
            sum: a.sum,
        });
        all.unwrap_or(Foreseeable {
            range: self.sums.outputs(output, bias, bias),
            sum: bias,
        })
    }

    /// Whether the bias can hold what an input of these values adds: always the same, also where padding stands in its place.
    fn is_foldable(&self, range: Range) -> bool {
        let constant = range.constant();
        constant.is_some_and(|value| value == self.sums.in_zero_point || self.taps.are_whole())
    }

    /// Which channels of the input matter to outputs that are computed.
    pub(crate) fn reads(&self, x: &[Range], is_computed: &dyn Fn(usize) -> bool) -> Vec<bool> {
        let inputs = self.reading.inputs().max(1);
        let mut reads = vec![false; x.len()];
        for output in (0..self.outputs).filter(|output| is_computed(*output)) {
            for weights in self.of(output).chunks(inputs) {
                for (input, _) in weights.iter().enumerate().filter(|(_, w)| **w != 0) {
                    let source = self.source(output, input, x.len());
                    reads[source] = reads[source] || !self.is_foldable(x[source]);
                }
            }
        }
        reads
    }

    /// Weights and bias of the operator with the channels that stay. What the others add is in the bias.
    pub(crate) fn reduced(
        &self,
        site: &Site<'_>,
        staying: &Staying<'_>,
    ) -> Option<(Tensor, Option<Tensor>)> {
        let inputs = self.reading.inputs().max(1);
        let channels = staying.x.len();
        let outputs: Vec<usize> = (0..self.outputs).filter(|o| staying.y[*o]).collect();
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for output in outputs.iter().copied() {
            let instead = (staying.sums)(output);
            let mut sum = self.sums.bias(output);
            for (input, weight) in self.of(output).iter().enumerate() {
                let source = self.source(output, input % inputs, channels);
                let value = staying.ranges[source].constant();
                match (staying.x[source], value) {
                    (true, _) => weights.push(if instead.is_some() { 0 } else { *weight }),
                    (false, Some(value)) => {
                        let value = i64::from(value) - i64::from(self.sums.in_zero_point);
                        sum = sum.wrapping_add(value * i64::from(*weight));
                    }
                    // It matters to nobody.
                    (false, None) => {}
                }
            }
            bias.push(instead.unwrap_or(sum));
        }
        if !matches!(self.reading, Reading::All(_)) {
            weights = across(&weights, outputs.len());
        }
        let (w, b) = (site.input(1).ok()?, site.optional_input(2));
        let mut shape = w.shape.clone();
        match self.reading {
            Reading::All(all) => {
                let inputs = (0..all).filter(|input| staying.x[input % channels]);
                *shape.last_mut()? = inputs.count();
                *shape.first_mut()? = outputs.len();
            }
            Reading::AllAcross(_) | Reading::Own(_) => *shape.last_mut()? = outputs.len(),
        }
        let own = w.quantization.as_ref()?;
        let scale = match own.scale.len() {
            1 => own.scale.clone(),
            _ => outputs
                .iter()
                .map(|o| own.scale.get(*o).copied())
                .collect::<Option<_>>()?,
        };
        let quantization = Quantization {
            zero_point: vec![0; scale.len()],
            scale,
            dimension: own.dimension,
        };
        let weights = Tensor {
            quantization: Some(quantization),
            ..constant(w, shape, w.dtype, packed(w.dtype, &weights))
        };
        let is_needed = b.is_some() || bias.iter().any(|sum| *sum != 0);
        let bias = is_needed.then(|| {
            let (dtype, bytes) = match self.sums.wide {
                true => (
                    DType::Int64,
                    bias.iter().flat_map(|b| b.to_le_bytes()).collect(),
                ),
                // Sums wrap where they have no more bits.
                false => (
                    DType::Int32,
                    bias.iter()
                        .flat_map(|b| (*b as i32).to_le_bytes())
                        .collect(),
                ),
            };
            constant(b.unwrap_or(w), vec![outputs.len()], dtype, bytes)
        });
        Some((weights, bias))
    }
}

/// Weights of each channel together, as weights of channels beside each other.
fn across(weights: &[i8], channels: usize) -> Vec<i8> {
    let each = weights.len() / channels.max(1);
    let places = (0..each).flat_map(|i| (0..channels).map(move |channel| channel * each + i));
    places.map(|place| weights[place]).collect()
}

/// Stored numbers as the type has them: of four bits, two in a byte from the low ones on.
fn packed(dtype: DType, weights: &[i8]) -> Vec<u8> {
    match dtype {
        DType::Int4 => weights
            .chunks(2)
            .map(|pair| {
                let nibble = |at: usize| pair.get(at).map_or(0, |w| *w as u8 & 0xf);
                nibble(0) | nibble(1) << 4
            })
            .collect(),
        _ => weights.iter().map(|w| *w as u8).collect(),
    }
}

fn constant(like: &Tensor, shape: Vec<usize>, dtype: DType, data: Vec<u8>) -> Tensor {
    Tensor {
        name: like.name.clone(),
        shape,
        shape_signature: None,
        dtype,
        quantization: None,
        data: Some(data.into()),
        is_variable: false,
        stored: None,
        blocks: None,
    }
}
