//! The buffer that `db` commands fill.

/// What a `db` command did.
pub(crate) enum Filled {
    /// All bytes that were announced are there.
    Complete,
    /// More are to come.
    Partly,
}

/// Why a `db` command did nothing.
pub(crate) enum Refused {
    /// A byte has two digits.
    OddDigits,
    /// The two characters are no number.
    NoDigits([u8; 2]),
    /// No `db load`, or all of its bytes came before.
    NotExpected,
}

/// Bytes that come in parts, as hexadecimal digits.
pub(crate) struct Buffer<const N: usize> {
    bytes: [u8; N],
    /// Bytes that were announced, and those that came.
    expected: usize,
    filled: usize,
}

impl<const N: usize> Buffer<N> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; N],
            expected: 0,
            filled: 0,
        }
    }

    /// Waits for so many bytes. `false` if there is no room for them; what was there is forgotten in any case.
    pub(crate) fn expect(&mut self, bytes: usize) -> bool {
        let fits = bytes <= N;
        (self.expected, self.filled) = (if fits { bytes } else { 0 }, 0);
        fits
    }

    /// Takes digits, all of them or none. What is behind the last byte that is expected does not matter.
    pub(crate) fn take(&mut self, digits: &[u8]) -> Result<Filled, Refused> {
        let (pairs, []) = digits.as_chunks::<2>() else {
            return Err(Refused::OddDigits);
        };
        if self.filled == self.expected {
            return Err(Refused::NotExpected);
        }
        let room = self.bytes.get_mut(self.filled..self.expected);
        let room = room.unwrap_or_default();
        let wanted = pairs.iter().take(room.len());
        if let Some(wrong) = wanted.clone().find(|pair| byte(pair).is_none()) {
            return Err(Refused::NoDigits(*wrong));
        }
        for (place, value) in room.iter_mut().zip(wanted.filter_map(byte)) {
            *place = value;
            self.filled += 1;
        }
        Ok(match self.filled == self.expected {
            true => Filled::Complete,
            false => Filled::Partly,
        })
    }

    /// Bytes that were announced and came.
    pub(crate) fn filled(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    /// All bytes, if all came.
    pub(crate) fn all(&self) -> Option<&[u8; N]> {
        (self.filled == N).then_some(&self.bytes)
    }
}

fn byte(pair: &[u8; 2]) -> Option<u8> {
    let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}
