//! Bytes as the elements of a C array initialiser.

use std::io;

/// Elements per line.
const PER_LINE: usize = 12;

/// `0xNN, ` for every byte: a look-up writes a byte several times faster than formatting it.
const HEX: [[u8; 6]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut table = [*b"0x00, "; 256];
    let mut i = 0;
    while i < 256 {
        table[i][2] = DIGITS[i >> 4];
        table[i][3] = DIGITS[i & 15];
        i += 1;
    }
    table
};

/// Writes `bytes` as hexadecimal elements, twelve to a line, every line indented and ended by a
/// comma. Memory does not grow with `bytes`.
pub fn write_hex(bytes: &[u8], out: &mut dyn io::Write) -> io::Result<()> {
    const LINES: usize = 512;
    const LINE: usize = 2 + 6 * PER_LINE;
    let mut buffer = Vec::with_capacity(LINES * LINE);
    for block in bytes.chunks(LINES * PER_LINE) {
        buffer.clear();
        for line in block.chunks(PER_LINE) {
            buffer.extend_from_slice(b"  ");
            for byte in line {
                buffer.extend_from_slice(&HEX[usize::from(*byte)]);
            }
            // The last element's space becomes the end of the line.
            buffer.pop();
            buffer.push(b'\n');
        }
        out.write_all(&buffer)?;
    }
    Ok(())
}
