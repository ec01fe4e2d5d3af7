//! Numbers of a FlexBuffers map: how custom operators are given their options.

/// An integer of the map at the root of `bytes`; `None` where there is none of this key.
pub fn number(bytes: &[u8], key: &str) -> Option<i64> {
    root(bytes)?.entry(key)?.number()
}

/// A number of the map at the root of `bytes`, integer or not; `None` where there is none of this key.
pub(crate) fn real(bytes: &[u8], key: &str) -> Option<f64> {
    root(bytes)?.entry(key)?.real()
}

fn root(bytes: &[u8]) -> Option<Value<'_>> {
    let (&width, rest) = bytes.split_last()?;
    let (&packed, rest) = rest.split_last()?;
    Some(Value {
        bytes,
        at: rest.len().checked_sub(usize::from(width))?,
        width: usize::from(width),
        packed,
    })
}

/// A value in its parent: at its place, or an offset back from it.
#[derive(Clone, Copy)]
struct Value<'a> {
    bytes: &'a [u8],
    at: usize,
    width: usize,
    packed: u8,
}

impl<'a> Value<'a> {
    fn kind(self) -> u8 {
        self.packed >> 2
    }

    /// The width of what the value refers to.
    fn inner_width(self) -> usize {
        1 << (self.packed & 3)
    }

    fn target(self) -> Option<usize> {
        let back = usize::try_from(unsigned(self.bytes, self.at, self.width)?).ok()?;
        self.at.checked_sub(back)
    }

    fn entry(self, key: &str) -> Option<Value<'a>> {
        const MAP: u8 = 9;
        if self.kind() != MAP {
            return None;
        }
        let (values, width) = (self.target()?, self.inner_width());
        let length = |at: usize, width: usize| -> Option<usize> {
            usize::try_from(unsigned(self.bytes, at.checked_sub(width)?, width)?).ok()
        };
        let count = length(values, width)?;
        let key_width = length(values.checked_sub(width)?, width)?;
        let keys_from = values.checked_sub(3 * width)?;
        let keys_back = usize::try_from(unsigned(self.bytes, keys_from, width)?).ok()?;
        let keys = keys_from.checked_sub(keys_back)?;
        // A count that leaves the buffer ends at the first key that cannot be read.
        for index in 0..count {
            let at = keys.checked_add(index.checked_mul(key_width)?)?;
            let back = usize::try_from(unsigned(self.bytes, at, key_width)?).ok()?;
            let name = self.bytes.get(at.checked_sub(back)?..)?;
            if name.split(|byte| *byte == 0).next() == Some(key.as_bytes()) {
                let types = values.checked_add(count.checked_mul(width)?)?;
                return Some(Value {
                    bytes: self.bytes,
                    at: values + index * width,
                    width,
                    packed: *self.bytes.get(types.checked_add(index)?)?,
                });
            }
        }
        None
    }

    fn real(self) -> Option<f64> {
        const FLOAT: u8 = 3;
        const FLOAT_ELSEWHERE: u8 = 8;
        let (at, width) = match self.kind() {
            FLOAT => (self.at, self.width),
            FLOAT_ELSEWHERE => (self.target()?, self.inner_width()),
            _ => return self.number().map(|n| n as f64),
        };
        let raw = unsigned(self.bytes, at, width)?;
        match width {
            4 => Some(f32::from_bits(raw as u32).into()),
            8 => Some(f64::from_bits(raw)),
            _ => None,
        }
    }

    fn number(self) -> Option<i64> {
        const SIGNED: u8 = 1;
        const UNSIGNED: u8 = 2;
        const SIGNED_ELSEWHERE: u8 = 6;
        const UNSIGNED_ELSEWHERE: u8 = 7;
        const BOOL: u8 = 26;
        let (at, width) = match self.kind() {
            SIGNED | UNSIGNED | BOOL => (self.at, self.width),
            SIGNED_ELSEWHERE | UNSIGNED_ELSEWHERE => (self.target()?, self.inner_width()),
            _ => return None,
        };
        let raw = unsigned(self.bytes, at, width)?;
        Some(match self.kind() {
            SIGNED | SIGNED_ELSEWHERE => {
                let unused = 64 - 8 * u32::try_from(width).ok()?;
                raw.wrapping_shl(unused).cast_signed() >> unused
            }
            _ => i64::try_from(raw).ok()?,
        })
    }
}

fn unsigned(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    if !matches!(width, 1 | 2 | 4 | 8) {
        return None;
    }
    let raw = bytes.get(at..at.checked_add(width)?)?;
    let mut all = [0; 8];
    all.get_mut(..width)?.copy_from_slice(raw);
    Some(u64::from_le_bytes(all))
}
