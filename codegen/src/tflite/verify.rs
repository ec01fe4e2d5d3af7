//! Verification of the tables that [`tables!`](super::table::tables) declares: every offset stays within the file, and what one file can
//! make the reader do is bounded.
//!
//! It goes by the declarations as data. A verifier of its own for each table, as libraries have it, is most of what a reader
//! compiles to, and users compile this one with every first build.

use std::ops::Range;

/// A field of a table.
pub(super) struct Row {
    pub(super) slot: u16,
    pub(super) name: &'static str,
    pub(super) check: Check,
}

/// What has to be in a field's place.
#[derive(Clone, Copy)]
pub(super) enum Check {
    /// A number of so many bytes.
    Scalar(usize),
    /// An offset of a vector of such numbers, at any alignment: nothing here reads more than bytes, and early writers did not keep
    /// to the alignment that the schema asks for.
    Scalars(usize),
    /// An offset of a table.
    Table(&'static [Row]),
    /// An offset of a vector of offsets of tables.
    Tables(&'static [Row]),
}

/// Why a file is not sound, and where: a path of fields, innermost first.
#[derive(Debug)]
pub(super) struct Damage {
    pub(super) found: Found,
    pub(super) path: Vec<Step>,
}

#[derive(Debug)]
pub(super) enum Found {
    /// Data that would be at these bytes.
    Outside(Range<usize>),
    /// A table's place that leads to no directory of fields.
    NoTable(usize),
    /// A place that is not aligned.
    Unaligned(usize),
    /// More tables or more bytes than the limits allow, each counted as often as something refers to it.
    TooMuch,
    /// Tables in tables beyond the limit.
    TooDeep,
}

#[derive(Debug)]
pub(super) enum Step {
    Field(&'static str),
    Element(usize),
}

type Result<T> = std::result::Result<T, Damage>;

/// Bounds on what a hostile file can make the reader do.
struct Limits {
    depth: usize,
    tables: usize,
    bytes: usize,
}

/// What of a file is verified so far.
pub(super) struct Verifier<'a> {
    file: &'a [u8],
    limits: Limits,
    depth: usize,
    tables: usize,
    bytes: usize,
}

impl<'a> Verifier<'a> {
    /// Tables and vectors may legally be shared, so a small file can unfold into a huge tree; real writers share a little.
    pub(super) fn new(file: &'a [u8]) -> Self {
        Self {
            file,
            limits: Limits {
                depth: 8,
                // A table takes its own first four bytes and the four that point to it.
                tables: file.len() / 8 + 16,
                bytes: file.len().saturating_mul(4).saturating_add(1 << 18),
            },
            depth: 0,
            tables: 0,
            bytes: 0,
        }
    }

    /// Verifies what is at a place.
    pub(super) fn check(&mut self, check: Check, at: usize) -> Result<()> {
        match check {
            Check::Scalar(size) => self.scalar(at, size),
            Check::Scalars(size) => {
                let at = self.follow(at)?;
                let count = self.offset(at)?;
                self.within(at.saturating_add(4), count.saturating_mul(size))
            }
            Check::Table(rows) => {
                let at = self.follow(at)?;
                self.table(rows, at)
            }
            Check::Tables(rows) => {
                let at = self.follow(at)?;
                let count = self.offset(at)?;
                let first = at.saturating_add(4);
                self.within(first, count.saturating_mul(4))?;
                (0..count).try_for_each(|index| {
                    let table = self.follow(first + 4 * index);
                    let checked = table.and_then(|at| self.table(rows, at));
                    checked.map_err(|damage| damage.at(Step::Element(index)))
                })
            }
        }
    }

    /// A table: the way back to its directory of fields, that, and the fields.
    fn table(&mut self, rows: &[Row], at: usize) -> Result<()> {
        self.scalar(at, 4)?;
        let back = i64::from(i32::from_le_bytes(self.read(at)));
        let directory = i64::try_from(at).ok().and_then(|at| at.checked_sub(back));
        let directory = directory.and_then(|at| usize::try_from(at).ok());
        let Some(directory) = directory.filter(|at| *at < self.file.len()) else {
            return Err(Found::NoTable(at).into());
        };
        let len = self.short(directory)?;
        self.aligned(directory.saturating_add(len), 2)?;
        self.within(directory, len)?;
        self.tables += 1;
        if self.tables > self.limits.tables {
            return Err(Found::TooMuch.into());
        }
        if self.depth == self.limits.depth {
            return Err(Found::TooDeep.into());
        }
        self.depth += 1;
        let checked = rows.iter().try_for_each(|row| {
            let entry = usize::from(super::table::voffset(row.slot));
            if entry >= len {
                return Ok(());
            }
            match self.short(directory.saturating_add(entry))? {
                0 => Ok(()),
                offset => {
                    let checked = self.check(row.check, at.saturating_add(offset));
                    checked.map_err(|damage| damage.at(Step::Field(row.name)))
                }
            }
        });
        self.depth -= 1;
        checked
    }

    /// Where the offset at a place leads.
    fn follow(&mut self, at: usize) -> Result<usize> {
        Ok(self.offset(at)?.saturating_add(at))
    }

    fn offset(&mut self, at: usize) -> Result<usize> {
        self.scalar(at, 4)?;
        Ok(u32::from_le_bytes(self.read(at)) as usize)
    }

    fn short(&mut self, at: usize) -> Result<usize> {
        self.scalar(at, 2)?;
        Ok(usize::from(u16::from_le_bytes(self.read(at))))
    }

    /// Bytes that are known to be there.
    fn read<const N: usize>(&self, at: usize) -> [u8; N] {
        let rest = self.file.get(at..).unwrap_or_default();
        rest.first_chunk().copied().unwrap_or([0; N])
    }

    fn scalar(&mut self, at: usize, size: usize) -> Result<()> {
        self.aligned(at, size)?;
        self.within(at, size)
    }

    fn aligned(&self, at: usize, alignment: usize) -> Result<()> {
        match at.is_multiple_of(alignment) {
            true => Ok(()),
            false => Err(Found::Unaligned(at).into()),
        }
    }

    fn within(&mut self, at: usize, size: usize) -> Result<()> {
        let end = at.saturating_add(size);
        if end > self.file.len() {
            return Err(Found::Outside(at..end).into());
        }
        self.bytes += size;
        match self.bytes > self.limits.bytes {
            true => Err(Found::TooMuch.into()),
            false => Ok(()),
        }
    }
}

impl Damage {
    /// The same, seen from around it. Of a file that is too much there is no place.
    fn at(mut self, step: Step) -> Self {
        if !matches!(self.found, Found::TooMuch | Found::TooDeep) {
            self.path.push(step);
        }
        self
    }
}

impl From<Found> for Damage {
    fn from(found: Found) -> Self {
        Self {
            found,
            path: Vec::new(),
        }
    }
}
