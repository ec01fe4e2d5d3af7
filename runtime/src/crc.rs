//! The CRC-32 of IEEE 802.3, as zlib computes it.

/// The number for bytes that come one by one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Crc32 {
    /// Its complement, so that it is zero at first.
    value: u32,
}

impl Crc32 {
    /// Of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { value: 0 }
    }

    /// Takes the next byte.
    // Without a table: it is a kilobyte of flash, and who asks for this rarely waits for it.
    pub const fn take(&mut self, byte: u8) {
        let mut value = !self.value ^ byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let lowest = value & 1;
            value = (value >> 1) ^ (0xedb8_8320 & lowest.wrapping_neg());
            bit += 1;
        }
        self.value = !value;
    }

    /// The number for all bytes until now.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.value
    }

    /// The number for these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> u32 {
        let mut crc = Self::new();
        bytes.iter().for_each(|byte| crc.take(*byte));
        crc.value()
    }
}
