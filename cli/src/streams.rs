//! Standard input and output: the process's, or in memory where another program calls a command within itself.

use std::cell::RefCell;
use std::io::{self, Write};

use castiron_codegen::files;

/// What the caller of a command holds.
#[derive(Default)]
struct Held {
    input: Option<Vec<u8>>,
    output: Vec<u8>,
}

thread_local! {
    /// A command reads and prints on the thread that called it: so the streams belong to the thread, and not to every function that prints.
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// Works with standard output in memory, and with standard input, too, if there is one. What was printed comes with the result.
pub(crate) fn held<T>(input: Option<Vec<u8>>, work: impl FnOnce() -> T) -> (T, Vec<u8>) {
    let output = Vec::new();
    HELD.set(Some(Held { input, output }));
    let result = work();
    let held = HELD.take().unwrap_or_default();
    (result, held.output)
}

/// All of standard input, if it is not more than that.
pub(crate) fn read(most: u64) -> io::Result<Vec<u8>> {
    let held = HELD.with_borrow_mut(|held| held.as_mut()?.input.take());
    match held {
        Some(bytes) => files::read_stream(&bytes[..], most),
        None => files::read_stream(io::stdin().lock(), most),
    }
}

/// What messages call standard input.
pub(crate) fn input_name() -> &'static str {
    match is_held() {
        true => "bytes",
        false => "stdin",
    }
}

/// Whether standard output is in memory.
pub(crate) fn is_held() -> bool {
    HELD.with_borrow(Option::is_some)
}

/// Writes to standard output.
pub(crate) fn write<T>(write: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
    HELD.with_borrow_mut(|held| match held {
        Some(held) => write(&mut held.output),
        None => write(&mut io::stdout().lock()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_read_once_and_printed_nowhere_else() {
        let ((), printed) = held(Some(b"model".to_vec()), || {
            assert_eq!(read(5).unwrap(), b"model");
            write(|out| out.write_all(b"answer")).unwrap();
        });
        assert_eq!(printed, b"answer");
        assert!(!is_held());
        let (read, _) = held(Some(b"model".to_vec()), || read(4));
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
