//! Maps of numbers as FlexBuffers: options of custom operators.

use crate::file::Number;

/// Bytes of every number and offset.
const WIDTH: u8 = 4;
/// What the types of values say of those: four bytes each.
const OF_FOUR: u8 = 2;
const INTEGER: u8 = 1;
const REAL: u8 = 3;
const MAP: u8 = 9;

/// The bytes of a map.
pub(crate) fn map(entries: &[(&str, Number)]) -> Vec<u8> {
    let mut entries = entries.to_vec();
    entries.sort_by_key(|(key, _)| *key);
    let mut bytes = Vec::new();
    let keys: Vec<usize> = (entries.iter())
        .map(|(key, _)| {
            let at = bytes.len();
            bytes.extend(key.bytes());
            bytes.push(0);
            at
        })
        .collect();
    bytes.resize(bytes.len().next_multiple_of(WIDTH.into()), 0);
    let count = (entries.len() as u32).to_le_bytes();
    bytes.extend(count);
    let list = bytes.len();
    for key in keys {
        back_to(&mut bytes, key);
    }
    // The keys, how wide each is written, and how many values there are; then the values.
    back_to(&mut bytes, list);
    bytes.extend(u32::from(WIDTH).to_le_bytes());
    bytes.extend(count);
    let values = bytes.len();
    for (_, number) in &entries {
        bytes.extend(match number {
            Number::Integer(n) => n.to_le_bytes(),
            Number::Real(x) => x.to_le_bytes(),
        });
    }
    for (_, number) in &entries {
        let kind = match number {
            Number::Integer(_) => INTEGER,
            Number::Real(_) => REAL,
        };
        bytes.push(kind << 2 | OF_FOUR);
    }
    // Offsets count from where they are written.
    bytes.resize(bytes.len().next_multiple_of(WIDTH.into()), 0);
    back_to(&mut bytes, values);
    bytes.extend([MAP << 2 | OF_FOUR, WIDTH]);
    bytes
}

fn back_to(bytes: &mut Vec<u8>, place: usize) {
    let offset = (bytes.len() - place) as u32;
    bytes.extend(offset.to_le_bytes());
}
