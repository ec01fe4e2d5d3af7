//! The block in front.

use super::{ALIGNMENT, BUFFERS, HEADER, METADATA, Parts, odd};
use crate::error::Diagnostic;

/// What an offset points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// A place among the root and its lists.
    Lead(usize),
    /// A place among the tables behind them.
    Front(usize),
    /// A place in the file as it was.
    File(usize),
}

/// The tables of the block while they are made: offsets point forwards, so the root and its lists
/// come before them.
pub struct Front(Section);

/// Bytes from an aligned place on, with offsets still to be written: where, and to what.
#[derive(Default)]
struct Section {
    bytes: Vec<u8>,
    offsets: Vec<(usize, To)>,
}

impl Section {
    fn align(&mut self, alignment: usize) {
        let length = self.bytes.len().next_multiple_of(alignment);
        self.bytes.resize(length, 0);
    }

    fn word(&mut self, value: usize) {
        let word = u32::try_from(value).unwrap_or(u32::MAX);
        self.bytes.extend(word.to_le_bytes());
    }

    fn offset(&mut self, to: To) {
        self.offsets.push((self.bytes.len(), to));
        self.word(0);
    }

    /// A table of fields of four bytes, one in each of the slots; gives its place.
    fn table(&mut self, slots: &[usize]) -> usize {
        self.align(4);
        let count = slots.iter().max().map_or(0, |last| last + 1);
        let directory = self.bytes.len();
        let mut halves = vec![4 + 2 * count, 4 + 4 * slots.len()];
        halves.extend((0..count).map(|slot| {
            let field = slots.iter().position(|s| *s == slot);
            field.map_or(0, |field| 4 + 4 * field)
        }));
        for half in halves {
            let half = u16::try_from(half).unwrap_or(u16::MAX);
            self.bytes.extend(half.to_le_bytes());
        }
        self.align(4);
        let table = self.bytes.len();
        self.word(table - directory);
        table
    }

    /// Bytes with their number before them, the first at the alignment; gives the number's place.
    fn vector(&mut self, data: &[u8], alignment: usize) -> usize {
        self.bytes.extend([0; 4]);
        self.align(alignment);
        let first = self.bytes.len();
        self.bytes.truncate(first - 4);
        self.word(data.len());
        self.bytes.extend(data);
        first - 4
    }

    fn list(&mut self, of: &[To]) -> usize {
        self.align(4);
        let place = self.bytes.len();
        self.word(of.len());
        for to in of {
            self.offset(*to);
        }
        place
    }
}

impl Front {
    pub(super) fn new() -> Self {
        Self(Section::default())
    }

    /// A buffer whose data is somewhere already.
    pub(super) fn buffer_of(&mut self, data: To) -> usize {
        let table = self.0.table(&[0]);
        self.0.offset(data);
        table
    }

    /// A buffer and its data.
    pub(super) fn buffer(&mut self, data: &[u8]) -> usize {
        let table = self.0.table(&[0]);
        let field = self.0.bytes.len();
        self.0.word(0);
        let data = self.0.vector(data, ALIGNMENT);
        self.0.offsets.push((field, To::Front(data)));
        table
    }

    /// An entry of the list of metadata.
    pub(super) fn metadata(&mut self, name: &str, buffer: usize) -> usize {
        let table = self.0.table(&[0, 1]);
        let field = self.0.bytes.len();
        self.0.word(0);
        self.0.word(buffer);
        let name_at = self.0.vector(name.as_bytes(), 4);
        self.0.bytes.push(0);
        self.0.offsets.push((field, To::Front(name_at)));
        table
    }

    /// The whole file: header, block with a new root, and `rest`, which was behind the header.
    pub(super) fn finish(
        self,
        file: &Parts<'_>,
        buffers: &[To],
        metadata: &[To],
        rest: &[u8],
    ) -> Result<Vec<u8>, Diagnostic> {
        let mut lead = Section::default();
        lead.bytes.resize(HEADER, 0);
        let mut slots = file.slots.clone();
        if !metadata.is_empty() && !slots.contains(&METADATA) {
            slots.push(METADATA);
        }
        slots.sort_unstable();
        let root = lead.table(&slots);
        lead.offsets.push((0, To::Lead(root)));
        let fields = lead.bytes.len();
        lead.bytes.resize(fields + 4 * slots.len(), 0);
        for (index, slot) in slots.into_iter().enumerate() {
            let field = fields + 4 * index;
            let old = file.field(file.root, slot);
            let to = match (slot, old.and_then(|at| file.follow(at))) {
                // The version, the only field that is no offset.
                (0, _) => {
                    let version = old.and_then(|at| file.bytes.get(at..at + 4));
                    lead.bytes[field..field + 4].copy_from_slice(version.unwrap_or(&[0; 4]));
                    continue;
                }
                (BUFFERS, _) => To::Lead(lead.list(buffers)),
                (METADATA, _) if !metadata.is_empty() => To::Lead(lead.list(metadata)),
                (_, Some(target)) => To::File(target),
                _ => return Err(odd("a root with sound fields")),
            };
            lead.offsets.push((field, to));
        }
        lead.align(ALIGNMENT);
        self.join(lead, file, rest)
    }

    fn join(self, lead: Section, file: &Parts<'_>, rest: &[u8]) -> Result<Vec<u8>, Diagnostic> {
        let front = lead.bytes.len();
        let mut bytes = lead.bytes;
        bytes.extend(self.0.bytes);
        // The rest moves back by whole alignments.
        let block = (bytes.len() - HEADER).next_multiple_of(ALIGNMENT);
        bytes.resize(HEADER + block, 0);
        let place = |to: To| match to {
            To::Lead(at) => at,
            To::Front(at) => front + at,
            To::File(at) => at + block,
        };
        let in_front = self.0.offsets.into_iter().map(|(at, to)| (front + at, to));
        for (at, to) in lead.offsets.into_iter().chain(in_front) {
            let offset = place(to)
                .checked_sub(at)
                .and_then(|o| u32::try_from(o).ok());
            let offset = offset.ok_or_else(|| odd("a file of less than 4 GB"))?;
            bytes[at..at + 4].copy_from_slice(&offset.to_le_bytes());
        }
        if let Some(identifier) = file.bytes.get(4..HEADER) {
            bytes[4..HEADER].copy_from_slice(identifier);
        }
        bytes.extend(rest);
        Ok(bytes)
    }
}
