//! What the firmware has for the server.

/// A serial line and a clock.
pub trait Port {
    /// The next byte, if one has come. A whole burst may come while a byte is handled, so that a line without flow control needs a buffer that an
    /// interrupt or DMA fills.
    fn read(&mut self) -> Option<u8>;

    /// Sends these bytes. It may wait until they are on their way.
    fn write(&mut self, bytes: &[u8]);

    /// Nanoseconds since any moment: times are differences. It has to advance while nothing comes, or what is left of a cut message stays.
    fn nanoseconds(&mut self) -> u64;
}
