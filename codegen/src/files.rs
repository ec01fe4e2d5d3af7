//! Files that castiron reads, for the command, the macro and build scripts: none is read without end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of a model at most: beyond any microcontroller.
pub const MOST_OF_A_MODEL: u64 = 1 << 30;
/// Bytes of a tensor's values at most.
pub const MOST_OF_A_TENSOR: u64 = 1 << 28;
/// Bytes of a text at most: labels, I/O specifications, rules, platforms, devicetrees. Zephyr's largest boards have
/// devicetrees of 120 kB, and the 21,843 names of ImageNet, all classes, take half of this.
pub const MOST_OF_A_TEXT: u64 = 1 << 20;
/// Bytes at most of what has no size before it is read, pipes and devices.
const MOST_OF_A_STREAM: u64 = 1 << 26;

/// Reads a file of at most so many bytes.
///
/// # Errors
/// If it cannot be read, or is larger.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return read_stream(file, most);
    }
    match metadata.len() > most {
        true => Err(too_large(most)),
        // It may grow meanwhile.
        false => bounded(file, most),
    }
}

/// Reads what has no size of its own.
///
/// # Errors
/// If it cannot be read, or does not end in time.
pub fn read_stream(source: impl Read, most: u64) -> io::Result<Vec<u8>> {
    bounded(source, most.min(MOST_OF_A_STREAM))
}

/// Reads a text file.
///
/// # Errors
/// If it cannot be read, is larger than a text, or is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let text = String::from_utf8(read(path, MOST_OF_A_TEXT)?);
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

fn bounded(source: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match source.take(most + 1).read_to_end(&mut bytes)? as u64 > most {
        true => Err(too_large(most)),
        false => Ok(bytes),
    }
}

fn too_large(most: u64) -> io::Error {
    let message = format!("more than {most} bytes");
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}
