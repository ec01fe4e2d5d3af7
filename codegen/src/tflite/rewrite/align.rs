//! Constant buffers to places that are aligned.

use std::collections::BTreeMap;
use std::ops::Range;

use super::front::{Front, To};
use super::{ALIGNMENT, HEADER, Parts};
use crate::error::Diagnostic;
use crate::graph::{Graph, Model, Operator, Tensor};

/// Bytes of a vector's length, which is before its first element.
const LENGTH: usize = 4;

pub(super) fn align(file: &Parts<'_>) -> Result<Vec<u8>, Diagnostic> {
    let data: Vec<Option<(usize, usize)>> = (file.buffers.iter())
        .map(|table| {
            (file.vector(*table, 0).or_else(|| file.outside(*table)))
                .filter(|(_, length)| *length > 0)
        })
        .collect();
    let aligned = |(at, _): &(usize, usize)| at.is_multiple_of(ALIGNMENT);
    if file.is_whole() && data.iter().flatten().all(aligned) {
        return Ok(file.bytes.to_vec());
    }
    // Parts of an odd file may share bytes with its buffers; then nothing of it is moved.
    let moved = rewrite(file, &data, room(file, &data), file.end())?;
    if reads_the_same(file, &moved) {
        return Ok(moved);
    }
    let whole = rewrite(file, &data, Vec::new(), file.bytes.len())?;
    match reads_the_same(file, &whole) {
        true => Ok(whole),
        false => Err(super::odd("a file that stays the same where it is moved")),
    }
}

fn reads_the_same(file: &Parts<'_>, moved: &[u8]) -> bool {
    let read = crate::tflite::read(&file.model.file, moved);
    read.is_ok_and(|model| is_same(&model, &file.model))
}

fn is_same(a: &Model, b: &Model) -> bool {
    let tensors = |a: &Tensor, b: &Tensor| {
        (&a.name, &a.shape, a.dtype, &a.data) == (&b.name, &b.shape, b.dtype, &b.data)
            && a.quantization == b.quantization
            && a.shape_signature == b.shape_signature
    };
    let operators = |a: &Operator, b: &Operator| {
        (&a.kind, &a.inputs, &a.outputs, &a.options) == (&b.kind, &b.inputs, &b.outputs, &b.options)
    };
    let graphs = |a: &Graph, b: &Graph| {
        (&a.name, &a.inputs, &a.outputs) == (&b.name, &b.inputs, &b.outputs)
            && all(&a.tensors, &b.tensors, tensors)
            && all(&a.operators, &b.operators, operators)
    };
    all(&a.graphs, &b.graphs, graphs)
        && (&a.signatures, &a.metadata, &a.description)
            == (&b.signatures, &b.metadata, &b.description)
}

fn all<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

/// Moves all buffers with data into `room`, or in front; what is behind `end` is left out.
fn rewrite(
    file: &Parts<'_>,
    data: &[Option<(usize, usize)>],
    room: Vec<Range<usize>>,
    end: usize,
) -> Result<Vec<u8>, Diagnostic> {
    let mut rest = file.bytes.get(..end).unwrap_or(file.bytes).to_vec();
    // The largest first; tables may share a vector.
    let mut vectors: Vec<(usize, usize)> = data.iter().flatten().copied().collect();
    vectors.sort_unstable_by_key(|(at, length)| (std::cmp::Reverse(*length), *at));
    vectors.dedup();
    for range in &room {
        rest[range.clone()].fill(0);
    }
    let mut room = Room::new(room);
    let mut front = Front::new();
    let mut tables = BTreeMap::new();
    for (at, length) in vectors {
        let bytes = file.bytes.get(at..at + length).unwrap_or_default();
        let table = match room.take(length) {
            Some(first) => {
                let count = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
                rest[first - LENGTH..first].copy_from_slice(&count);
                rest[first..first + length].copy_from_slice(bytes);
                front.buffer_of(To::File(first - LENGTH))
            }
            None => front.buffer(bytes),
        };
        tables.insert(at, table);
    }
    let buffers: Vec<To> = (file.buffers.iter().zip(data))
        .map(|(table, data)| match data {
            Some((at, _)) => To::Front(tables[at]),
            None => To::File(*table),
        })
        .collect();
    front.finish(file, &buffers, &[], rest.get(HEADER..).unwrap_or_default())
}

/// What is free once all buffers have gone, their padding included. Directories of fields, which
/// other tables may share, and tables with further fields stay.
fn room(file: &Parts<'_>, data: &[Option<(usize, usize)>]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (table, data) in file.buffers.iter().zip(data) {
        let Some((at, length)) = data else { continue };
        // What lies behind the flatbuffer moves in front, and its old place is left.
        if file.outside(*table).is_some() {
            continue;
        }
        ranges.push(at - LENGTH..at + length);
        let size = file
            .directory(*table)
            .and_then(|(directory, _)| file.half(directory + 2));
        ranges.extend(size.map(|size| *table..table + size));
    }
    ranges.retain(|range| range.end <= file.bytes.len());
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut room: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match room.last_mut() {
            Some(last) if is_padding(file.bytes, last.end, range.start) => {
                last.end = last.end.max(range.end);
            }
            _ => room.push(range),
        }
    }
    room
}

/// Whether nothing but zeros is between two places, and no more of them than alignment asks for.
fn is_padding(bytes: &[u8], from: usize, to: usize) -> bool {
    to <= from
        || (to - from < ALIGNMENT
            && bytes
                .get(from..to)
                .is_some_and(|gap| gap.iter().all(|byte| *byte == 0)))
}

/// Ranges of free bytes, by how many an aligned vector can have there and by where they begin.
#[derive(Default)]
struct Room(BTreeMap<(usize, usize), Range<usize>>);

impl Room {
    fn new(ranges: Vec<Range<usize>>) -> Self {
        let mut room = Self::default();
        ranges.into_iter().for_each(|range| room.add(range));
        room
    }

    fn add(&mut self, range: Range<usize>) {
        let most = range.end.saturating_sub(Self::first(&range));
        if most > 0 {
            self.0.insert((most, range.start), range);
        }
    }

    /// Where the bytes of a vector can begin.
    fn first(range: &Range<usize>) -> usize {
        (range.start + LENGTH).next_multiple_of(ALIGNMENT)
    }

    /// Takes aligned bytes from the range that they fill best.
    fn take(&mut self, length: usize) -> Option<usize> {
        let key = *self.0.range((length, 0)..).next()?.0;
        let range = self.0.remove(&key)?;
        let first = Self::first(&range);
        self.add(range.start..first - LENGTH);
        self.add(first + length..range.end);
        Some(first)
    }
}
