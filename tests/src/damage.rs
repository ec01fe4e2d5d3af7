//! Files from the repository with damage: the same for the same number, on every machine.

use std::fs;

use fastrand::Rng;

use crate::targets::Target;
use crate::workspace;

/// Larger files are slow to take and hold little but weights, which are not worth changing.
const MOST_FILE_BYTES: usize = 1 << 14;

/// What sizes, strides, axes, indices and quantisations are changed to.
const WORDS: [u32; 24] = [
    0,
    1,
    2,
    3,
    5,
    7,
    8,
    16,
    100,
    127,
    128,
    255,
    256,
    1000,
    1 << 16,
    1 << 24,
    1 << 30,
    i32::MAX as u32,
    u32::MAX,
    1 << 31,
    0x8000_0001, // a float just below zero
    0x3f80_0000, // 1.0
    0x7f7f_ffff, // the greatest float
    0x7fc0_0000, // no number
];

/// What names, numbers and punctuation are changed to.
const TOKENS: [&str; 24] = [
    "",
    "0",
    "0x10",
    "0xffffffff",
    "0xffffffffffffffff",
    "18446744073709551616",
    "-1",
    "{",
    "}",
    "<",
    ">",
    "[",
    ";",
    "&",
    "\"",
    "/",
    "/*",
    "/delete-node/",
    "/include/",
    "reg",
    "compatible",
    "interrupts",
    "#size-cells",
    "status",
];

/// What a file is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pieces {
    /// Aligned words, which stay where they are.
    Words,
    /// Names, spaces and marks of a text.
    Tokens,
}

impl Pieces {
    fn of(self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let is_of_one = |a: &u8, b: &u8| match (a.is_ascii_whitespace(), is_of_name(*a)) {
            (true, _) => b.is_ascii_whitespace(),
            (_, true) => is_of_name(*b),
            _ => false,
        };
        match self {
            Self::Words => bytes.chunks(4).map(<[u8]>::to_vec).collect(),
            Self::Tokens => bytes.chunk_by(is_of_one).map(<[u8]>::to_vec).collect(),
        }
    }

    fn any(self, random: &mut Rng) -> Vec<u8> {
        match self {
            Self::Words => WORDS[random.usize(..WORDS.len())].to_le_bytes().to_vec(),
            Self::Tokens => TOKENS[random.usize(..TOKENS.len())].into(),
        }
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-,@#".contains(&byte)
}

/// The repository's small models, by folder.
pub fn models() -> Vec<Vec<Vec<u8>>> {
    let folders = [
        "examples/models",
        "tests/data/models",
        "tests/data/calls",
        "tests/data/ops",
        "tests/data/operands",
        "tests/data/waiting",
    ];
    folders.map(|folder| files(folder, "tflite")).into()
}

/// The repository's devicetrees.
pub fn devicetrees() -> Vec<Vec<Vec<u8>>> {
    vec![files("board/tests/data/dts", "dts")]
}

/// A folder's small files of a kind, by name.
fn files(folder: &str, extension: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(workspace().join(folder)).expect("the folder is readable");
    let paths = entries.map(|entry| entry.expect("the folder is readable").path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    paths.sort();
    let files = paths
        .iter()
        .map(|path| fs::read(path).expect("the file is readable"));
    files.filter(|file| file.len() <= MOST_FILE_BYTES).collect()
}

/// One of a target's files, with the damage of this number.
///
/// # Panics
/// If there are no files.
pub fn damaged(target: &Target, seeds: &[Vec<Vec<u8>>], number: u64) -> Vec<u8> {
    let mut random = Rng::with_seed(number);
    let any = |random: &mut Rng| {
        let folder = &seeds[random.usize(..seeds.len())];
        folder[random.usize(..folder.len())].clone()
    };
    let mut pieces = target.pieces.of(&any(&mut random));
    for _ in 0..random.usize(1..4) {
        let other = match random.usize(..4) {
            0 => Some(target.pieces.of(&any(&mut random))),
            _ => None,
        };
        damage(target.pieces, &mut pieces, other, &mut random);
    }
    pieces.concat()
}

/// Does one kind of damage. What is spliced in is from `other`, or from the file itself.
fn damage(kind: Pieces, pieces: &mut Vec<Vec<u8>>, other: Option<Vec<Vec<u8>>>, random: &mut Rng) {
    if pieces.is_empty() {
        return;
    }
    let at = random.usize(..pieces.len());
    match random.usize(..15) {
        0..2 => pieces[at] = vec![random.u8(..); pieces[at].len()],
        2..4 => {
            let bit = 1 << random.u8(..8);
            let byte = random.usize(..4);
            pieces[at]
                .iter_mut()
                .skip(byte)
                .take(1)
                .for_each(|b| *b ^= bit);
        }
        4..10 => pieces[at] = kind.any(random),
        10..12 => {
            let with = random.usize(..pieces.len());
            pieces.swap(at, with);
        }
        12..14 => {
            let from = other.unwrap_or_else(|| pieces.clone());
            let start = random.usize(..from.len().max(1));
            let spliced = from.into_iter().skip(start).take(random.usize(1..8));
            let spliced: Vec<_> = spliced.collect();
            let end = match kind {
                Pieces::Words => (at + spliced.len()).min(pieces.len()),
                // A text may grow.
                Pieces::Tokens => at,
            };
            pieces.splice(at..end, spliced);
        }
        _ => {
            pieces.truncate(at + 1);
            pieces[at].truncate(random.usize(..4));
        }
    }
}
