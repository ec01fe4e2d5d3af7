//! TFLM_DECODE, with which a model unpacks its own constants: by a table of values, by Huffman's code, or from the elements
//! that pruning has left. castiron unpacks them at build time.
//!
//! Inputs are pairs: a coded constant, and the description of its coding, 16 bytes with a table behind them.

use crate::error::Diagnostic;
use crate::graph::{DType, Graph, OpKind, Site, Tensor, TensorId};

const NAME: &str = "TFLM_DECODE";
/// Bytes of a description in front of its table.
pub const HEADER: usize = 16;
/// The only version there is, of all codings and of each.
const VERSION: u8 = 1;
pub const TABLE: u8 = 0;
pub const HUFFMAN: u8 = 1;
pub const PRUNED: u8 = 2;

/// Whether an operator unpacks constants.
pub(super) fn is_decode(kind: &OpKind) -> bool {
    matches!(kind, OpKind::Custom(name) if name == NAME)
}

/// The operator's outputs with their values.
pub(super) fn constants(
    graph: &Graph,
    index: usize,
) -> Result<Vec<(TensorId, Vec<u8>)>, Diagnostic> {
    let site = Site::new(graph, index);
    let outputs = site.operator.outputs.iter().enumerate();
    let values = outputs.map(|(position, id)| {
        let coded = data(&site, 2 * position)?;
        let description = data(&site, 2 * position + 1)?;
        let tensor = graph.tensor(*id);
        let coding = Coding::new(coded, description, tensor);
        let values = coding.and_then(|coding| coding.values(tensor));
        let values = values.filter(|values| values.len() == tensor.bytes());
        match values {
            Some(values) => Ok((*id, values)),
            None => Err(site
                .tensor_error(*id, "the coded constant is malformed, or coded in another way")
                .expected("version 1 of a table of values, of Huffman's code or of pruning, and as many elements as the shape has")
                .found(format_args!(
                    "coding {:?} of {} bytes to {} {:?}",
                    description.get(..HEADER).unwrap_or(description),
                    coded.len(),
                    tensor.dtype,
                    tensor.shape
                ))
                .help("compress the model again, or leave this tensor uncompressed")),
        }
    });
    values.collect()
}

fn data<'a>(site: &Site<'a>, position: usize) -> Result<&'a [u8], Diagnostic> {
    let tensor = site.input(position)?;
    tensor.data.as_deref().ok_or_else(|| {
        site.error("a coded constant is computed at run time")
            .expected("constants alone")
            .found(format_args!("a tensor at input {position}"))
            .help("compress the model again")
    })
}

/// One coded constant.
pub struct Coding<'a> {
    coded: &'a [u8],
    header: &'a [u8; HEADER],
    table: &'a [u8],
    /// Which channel an element is of: elements from one channel to the next, and channels.
    channels: (usize, usize),
}

impl<'a> Coding<'a> {
    pub fn new(coded: &'a [u8], description: &'a [u8], tensor: &Tensor) -> Option<Self> {
        let (header, table) = description.split_first_chunk::<HEADER>()?;
        if header[1] != VERSION || header[4] != VERSION {
            return None;
        }
        Some(Self {
            coded,
            header,
            table,
            channels: channels(tensor, header[0])?,
        })
    }

    pub fn values(&self, tensor: &Tensor) -> Option<Vec<u8>> {
        match self.header[0] {
            TABLE => self.looked_up(tensor),
            HUFFMAN => self.huffman(tensor),
            PRUNED => self.spread(tensor),
            _ => None,
        }
    }

    fn channel(&self, element: usize) -> usize {
        let (step, count) = self.channels;
        element / step.max(1) % count.max(1)
    }

    /// Every element is a position in a table of values, of one for each channel.
    fn looked_up(&self, tensor: &Tensor) -> Option<Vec<u8>> {
        use DType::{Bool, Float32, Int8, Int16, Int32, Int64};
        if ![Bool, Float32, Int8, Int16, Int32, Int64].contains(&tensor.dtype) {
            return None;
        }
        let size = tensor.dtype.bits() / 8;
        let (width, stride) = (u32::from(self.header[5] & 7), usize::from(self.header[6]));
        let mut bits = Bits::of(self.coded).holding(width, tensor.elements())?;
        let mut values = Vec::with_capacity(tensor.bytes());
        for element in 0..tensor.elements() {
            let position = self.channel(element) * stride + bits.next(width) as usize;
            values.extend(self.table.get(position * size..)?.get(..size)?);
        }
        Some(values)
    }

    /// A bit for every element says whether it is the next of the values, or zero.
    fn spread(&self, tensor: &Tensor) -> Option<Vec<u8>> {
        use DType::{Bool, Float32, Int8, Int16, Int32, Int64};
        if ![Bool, Float32, Int8, Int16, Int32, Int64].contains(&tensor.dtype) {
            return None;
        }
        let size = tensor.dtype.bits() / 8;
        let zero_points = tensor.quantization.as_ref().map(|q| &q.zero_point[..]);
        let zero_points = zero_points.unwrap_or_default();
        if tensor.dtype != Int8 && zero_points.iter().any(|z| *z != 0) {
            return None;
        }
        let mut bits = Bits::of(self.coded).holding(1, tensor.elements())?;
        let mut left = self.table.chunks_exact(size);
        let mut values = Vec::with_capacity(tensor.bytes());
        for element in 0..tensor.elements() {
            if bits.next(1) == 1 {
                values.extend(left.next()?);
                continue;
            }
            let channel = self.channel(element);
            let zero = zero_points.get(channel).or(zero_points.first());
            values.extend(&i64::from(zero.copied().unwrap_or(0)).to_le_bytes()[..size]);
        }
        Some(values)
    }

    /// Every element is a word of a code, which tables of tables decode.
    fn huffman(&self, tensor: &Tensor) -> Option<Vec<u8>> {
        let is_wide = self.header[5] & 1 != 0;
        let size = match tensor.dtype {
            DType::Int8 => 1,
            DType::Int16 if is_wide => 2,
            _ => return None,
        };
        // An entry: whether it is an element's, 4 bits of a count, and a value.
        let (entry_size, count_shift) = if is_wide { (4, 27) } else { (2, 11) };
        let entry = |index: usize| -> Option<u32> {
            let bytes = self.table.get(index * entry_size..)?.get(..entry_size)?;
            let mut word = [0; 4];
            word[..entry_size].copy_from_slice(bytes);
            Some(u32::from_le_bytes(word))
        };
        let is_found = |entry: u32| entry >> (count_shift + 4) & 1 == 1;
        let count = |entry: u32| entry >> count_shift & 15;
        let value = |entry: u32| entry & ((1 << count_shift) - 1);
        let first = u32::from(self.header[5] >> 4) + 1;
        let mut bits = Bits::of(self.coded);
        let mut values = Vec::with_capacity(tensor.bytes());
        for _ in 0..tensor.elements() {
            let mut used = first;
            let mut index = bits.next(used) as usize;
            let mut found = entry(index)?;
            while !is_found(found) {
                used = count(found) + 1;
                index += value(found) as usize + bits.next(used) as usize;
                found = entry(index)?;
                if !bits.are_near() {
                    return None;
                }
            }
            bits.put_back(used.saturating_sub(count(found)));
            values.extend(&found.to_le_bytes()[..size]);
        }
        bits.are_enough().then_some(values)
    }
}

/// How the elements of a tensor are of channels: steps from one to the next, and how many there are. Of Huffman's code, no
/// element is of any.
fn channels(tensor: &Tensor, coding: u8) -> Option<(usize, usize)> {
    let elements = tensor.elements();
    let quantization = tensor.quantization.as_ref().filter(|_| coding != HUFFMAN);
    let Some(quantization) = quantization.filter(|q| !q.scale.is_empty()) else {
        return Some((elements, 1));
    };
    let count = quantization.scale.len();
    let is_last = quantization.dimension + 1 == tensor.shape.len();
    let step = match quantization.dimension {
        _ if count == 1 => elements,
        _ if is_last => 1,
        0 => elements / count,
        _ => return None,
    };
    elements.is_multiple_of(count).then_some((step, count))
}

/// Bits of bytes, the greatest of each byte first; zeros behind the last.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    /// Bits that a decoder may read before it knows that it needs fewer.
    const AHEAD: usize = 32;

    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// If there are so many numbers of so many bits.
    fn holding(self, width: u32, count: usize) -> Option<Self> {
        let most = (self.bytes.len() * 8).checked_div(width as usize)?;
        (count <= most).then_some(self)
    }

    fn next(&mut self, count: u32) -> u32 {
        let bits = (0..count).map(|i| {
            let at = self.at + i as usize;
            let byte = self.bytes.get(at / 8).copied().unwrap_or(0);
            u32::from(byte >> (7 - at % 8) & 1)
        });
        let found = bits.fold(0, |all, bit| all << 1 | bit);
        self.at += count as usize;
        found
    }

    fn put_back(&mut self, count: u32) {
        self.at = self.at.saturating_sub(count as usize);
    }

    /// Whether all bits that were read were there.
    fn are_enough(&self) -> bool {
        self.at <= self.bytes.len() * 8
    }

    fn are_near(&self) -> bool {
        self.at <= self.bytes.len() * 8 + Self::AHEAD
    }
}
