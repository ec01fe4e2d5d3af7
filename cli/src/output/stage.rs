//! An output's content, on its way to its place.

use std::fs;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use castiron_codegen::emit;

use super::folders::Folders;
use super::place::Place;
use super::{Output, is_stdout};
use crate::failure::{Failure, Result};
use crate::streams;
use crate::temporary::Temporary;

/// What is left to do for an output once its content is made.
pub(super) enum Staged {
    Unchanged(u64),
    New {
        file: Temporary,
        to: PathBuf,
        bytes: u64,
    },
    Stream,
}

impl Output<'_> {
    /// Puts the content beside its place.
    pub(super) fn stage(&self, place: &Place, folders: &mut Folders) -> io::Result<Staged> {
        let Place::File { to, old, .. } = place else {
            return Ok(Staged::Stream);
        };
        if let Some(old) = old {
            let mut compare = Compare::new(to)?;
            (self.content)(&mut compare)?;
            if let Some(bytes) = compare.equal()? {
                return Ok(Staged::Unchanged(bytes));
            }
            check_writable(to, old)?;
        }
        let folder = match to.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        folders.make(folder)?;
        let file = Temporary::new(folder)?;
        if let Some(old) = old {
            file.as_file().set_permissions(old.permissions())?;
        }
        let mut out = Count::new(BufWriter::new(file.as_file()));
        (self.content)(&mut out)?;
        out.flush()?;
        let bytes = out.bytes;
        drop(out);
        Ok(Staged::New {
            file,
            to: to.clone(),
            bytes,
        })
    }

    /// Writes the content to standard output, a pipe or a device; the number of bytes.
    pub(super) fn stream(&self) -> Result<u64> {
        let write = |out: &mut dyn Write| {
            let mut out = Count::new(BufWriter::new(out));
            (self.content)(&mut out)?;
            out.flush()?;
            Ok(out.bytes)
        };
        if is_stdout(&self.path) {
            return streams::write(write).map_err(|e| Failure::stdout(&e));
        }
        let stream = fs::OpenOptions::new().write(true).open(&self.path);
        let written = stream.and_then(|mut stream| write(&mut stream));
        written.map_err(|e| self.failed(&e))
    }
}

impl Staged {
    /// Whether something is replaced that castiron did not make. What it is known by may be a file that is made with it.
    pub(super) fn replaces_others(&self, made_with: Option<&Path>) -> io::Result<bool> {
        match (self, made_with) {
            (Self::New { to, .. }, Some(other)) if to.exists() => match head(other) {
                Ok(head) => Ok(!emit::is_marked(&head)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
                Err(error) => Err(error),
            },
            (Self::New { file, to, .. }, None) if to.exists() => {
                Ok(!emit::may_be_ours(&head(to)?, &head(file.path())?))
            }
            _ => Ok(false),
        }
    }
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let file = fs::File::open(path)?;
    file.take(emit::MARK_WITHIN).read_to_end(&mut head)?;
    Ok(head)
}

/// A file that is not to be written to is not to be replaced, which its folder would allow.
fn check_writable(path: &Path, old: &fs::Metadata) -> io::Result<()> {
    if old.permissions().readonly() {
        let message = "the file is read-only";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    fs::OpenOptions::new().write(true).open(path).map(drop)
}

/// Compares what is written to it with a file.
struct Compare {
    file: BufReader<fs::File>,
    same: bool,
    bytes: u64,
}

impl Compare {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufReader::new(fs::File::open(path)?),
            same: true,
            bytes: 0,
        })
    }

    /// The number of bytes, if everything was the same and the file ends here.
    fn equal(mut self) -> io::Result<Option<u64>> {
        let ends = self.same && self.file.read(&mut [0])? == 0;
        Ok(ends.then_some(self.bytes))
    }
}

impl Write for Compare {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.same {
            let mut theirs = vec![0; bytes.len()];
            self.same = match self.file.read_exact(&mut theirs) {
                Ok(()) => theirs == bytes,
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => false,
                Err(e) => return Err(e),
            };
            self.bytes += bytes.len() as u64;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts what passes through.
struct Count<W> {
    inner: W,
    bytes: u64,
}

impl<W> Count<W> {
    fn new(inner: W) -> Self {
        Self { inner, bytes: 0 }
    }
}

impl<W: Write> Write for Count<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
