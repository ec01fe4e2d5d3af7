//! TFLM_DECODE, with which a model unpacks its own constants: by a table of values, by Huffman's code, or from the elements
//! that pruning has left. castiron unpacks them at build time.
//!
//! Inputs are pairs: a coded constant, and the description of its coding, 16 bytes with a table behind them.

use crate::error::Diagnostic;
use crate::graph::{DType, Graph, OpKind, Site, Tensor, TensorId};

const NAME: &str = "TFLM_DECODE";
/// Bytes of a description in front of its table.
const HEADER: usize = 16;
/// The only version there is, of all codings and of each.
const VERSION: u8 = 1;
const TABLE: u8 = 0;
const HUFFMAN: u8 = 1;
const PRUNED: u8 = 2;

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
struct Coding<'a> {
    coded: &'a [u8],
    header: &'a [u8; HEADER],
    table: &'a [u8],
    /// Which channel an element is of: elements from one channel to the next, and channels.
    channels: (usize, usize),
}

impl<'a> Coding<'a> {
    fn new(coded: &'a [u8], description: &'a [u8], tensor: &Tensor) -> Option<Self> {
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

    fn values(&self, tensor: &Tensor) -> Option<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Quantization;

    fn tensor(dtype: DType, shape: &[usize], scales: usize, dimension: usize) -> Tensor {
        Tensor {
            name: "t".to_owned(),
            shape: shape.to_vec(),
            shape_signature: None,
            dtype,
            quantization: (scales > 0).then(|| Quantization {
                scale: vec![0.5; scales],
                zero_point: (0..scales as i32).collect(),
                dimension,
            }),
            data: None,
            is_variable: false,
            stored: None,
            blocks: None,
        }
    }

    fn values(head: &[u8], table: &[u8], coded: &[u8], tensor: &Tensor) -> Option<Vec<u8>> {
        let mut description = head.to_vec();
        description.resize(HEADER, 0);
        description.extend(table);
        Coding::new(coded, &description, tensor)?.values(tensor)
    }

    #[test]
    fn positions_in_tables_of_channels() {
        let head = [TABLE, 1, 0, 0, 1, 2, 2];
        let table = [10, 11, 20, 21];
        let coded = [0b0001_0001];
        let of = |tensor: &Tensor| values(&head, &table, &coded, tensor);
        let rows = tensor(DType::Int8, &[2, 2], 2, 0);
        assert_eq!(of(&rows), Some(vec![10, 11, 20, 21]));
        let columns = tensor(DType::Int8, &[2, 2], 2, 1);
        assert_eq!(of(&columns), Some(vec![10, 21, 10, 21]));
        // Beyond the table, and beyond the positions.
        assert_eq!(values(&head, &table, &[0xff], &rows), None);
        assert_eq!(values(&head, &table, &[], &rows), None);
        assert_eq!(
            values(&[TABLE, 2, 0, 0, 1, 2, 2], &table, &coded, &rows),
            None
        );
    }

    #[test]
    fn what_pruning_left_stands_between_zero_points() {
        let head = [PRUNED, 1, 0, 0, 1];
        let rows = tensor(DType::Int8, &[2, 2], 2, 0);
        let of = |coded: &[u8], table: &[u8]| values(&head, table, coded, &rows);
        assert_eq!(of(&[0b1001_0000], &[7, 9]), Some(vec![7, 0, 1, 9]));
        assert_eq!(of(&[0b1001_0000], &[7]), None);
        let wide = tensor(DType::Int16, &[2, 2], 0, 0);
        let found = values(&head, &[1, 2], &[0b0010_0000], &wide);
        assert_eq!(found, Some(vec![0, 0, 0, 0, 1, 2, 0, 0]));
    }

    #[test]
    fn words_of_a_code_are_read_as_far_as_they_go() {
        // 0 is 5, 10 is 6, and 11 is 7 by a second table.
        let found = |bits: u16, value: u16| 0x8000 | bits << 11 | value;
        let table = [found(1, 5), 1, found(1, 6), found(1, 7)];
        let bytes: Vec<u8> = table.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        let head = [HUFFMAN, 1, 0, 0, 1, 0];
        let three = tensor(DType::Int8, &[3], 0, 0);
        assert_eq!(
            values(&head, &bytes, &[0b0101_1000], &three),
            Some(vec![5, 6, 7])
        );
        let many = tensor(DType::Int8, &[9], 0, 0);
        assert_eq!(values(&head, &bytes, &[0b0101_1000], &many), None);
        // An entry that leads to itself ends with the bits.
        let endless = [0u8; 4];
        assert_eq!(values(&head, &endless, &[0; 8], &three), None);
    }
}
