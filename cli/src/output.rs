//! Files that commands write: all of them or none, each as a whole, and only what changed.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::{NamedTempFile, TempPath};

use crate::args::Depfile;
use crate::failure::{Failure, Result};

/// Writes a file's content. It may be asked twice: to compare, and to write.
type Content<'a> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'a>;

struct Output<'a> {
    what: &'static str,
    path: PathBuf,
    content: Content<'a>,
}

/// Files to be written together.
#[derive(Default)]
pub(crate) struct Outputs<'a> {
    list: Vec<Output<'a>>,
}

/// A file that has its content now.
#[derive(Debug, Serialize)]
pub(crate) struct Written {
    /// What the file is.
    pub(crate) what: &'static str,
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// Whether it was new or different; an unchanged file is left untouched.
    pub(crate) changed: bool,
}

impl<'a> Outputs<'a> {
    /// A file whose content is made while it is written.
    pub(crate) fn add(
        &mut self,
        what: &'static str,
        path: impl Into<PathBuf>,
        content: impl Fn(&mut dyn Write) -> io::Result<()> + 'a,
    ) {
        self.list.push(Output {
            what,
            path: path.into(),
            content: Box::new(content),
        });
    }

    /// A file whose content is there already.
    pub(crate) fn add_bytes(
        &mut self,
        what: &'static str,
        path: impl Into<PathBuf>,
        bytes: impl Into<Vec<u8>>,
    ) {
        let bytes = bytes.into();
        self.add(what, path, move |out| out.write_all(&bytes));
    }

    /// The rule that says what the files of this list are made from, if it is wanted.
    ///
    /// # Errors
    /// If no output is a file.
    pub(crate) fn add_depfile(&mut self, depfile: &Depfile, sources: &[PathBuf]) -> Result<()> {
        let Some(path) = &depfile.depfile else {
            return Ok(());
        };
        let outputs = self.list.iter().map(|o| &o.path).filter(|p| !is_stdout(p));
        let targets: Vec<String> = match &depfile.depfile_target {
            Some(target) => vec![make_name(target)],
            None => outputs.map(|p| make_name(p)).collect(),
        };
        if targets.is_empty() {
            return Err(Failure::usage(
                "--depfile needs an output that is a file",
                "name one with --output",
            ));
        }
        let sources: BTreeSet<String> = (sources.iter())
            .filter(|p| p.as_os_str() != "-")
            .map(|p| make_name(p))
            .collect();
        let mut rule = targets.join(" ") + ":";
        for source in sources {
            rule += " \\\n  ";
            rule += &source;
        }
        rule.push('\n');
        self.add_bytes("depfile", path, rule);
        Ok(())
    }

    /// Whether one of the outputs is standard output.
    pub(crate) fn to_stdout(&self) -> bool {
        self.list.iter().any(|o| is_stdout(&o.path))
    }

    /// Writes everything. Nothing is replaced before all new content is safely on disk.
    pub(crate) fn write(self) -> Result<Vec<Written>> {
        self.check_distinct()?;
        let mut staged = Vec::new();
        for output in &self.list {
            staged.push(output.stage()?);
        }
        let mut written = Vec::new();
        for (output, staged) in self.list.iter().zip(staged) {
            written.push(output.commit(staged)?);
        }
        Ok(written)
    }

    fn check_distinct(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        match self.list.iter().find(|o| !seen.insert(&o.path)) {
            None => Ok(()),
            Some(twice) => Err(Failure::usage(
                format!("two outputs would go to {}", twice.path.display()),
                "give each a file of its own",
            )),
        }
    }
}

/// What is left to do for an output once its content is made.
enum Staged {
    Unchanged(u64),
    Rename {
        temporary: TempPath,
        to: PathBuf,
    },
    /// Standard output, a pipe or a device: nothing that could be replaced.
    Stream,
}

impl Output<'_> {
    fn stage(&self) -> Result<Staged> {
        if is_stdout(&self.path) {
            return Ok(Staged::Stream);
        }
        self.stage_file()
            .map_err(|e| Failure::io("write", &self.path, &e))
    }

    fn stage_file(&self) -> io::Result<Staged> {
        // A link stays a link: what it points to is replaced.
        let to = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let existing = match fs::metadata(&to) {
            Ok(metadata) if metadata.is_file() => Some(metadata),
            Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(_) => return Ok(Staged::Stream),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if existing.is_some() {
            let mut compare = Compare::new(&to)?;
            (self.content)(&mut compare)?;
            if let Some(bytes) = compare.equal()? {
                return Ok(Staged::Unchanged(bytes));
            }
        }
        let folder = match to.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder)?;
        let mut temporary = new_temporary(folder)?;
        if let Some(metadata) = existing {
            temporary
                .as_file()
                .set_permissions(metadata.permissions())?;
        }
        let mut out = BufWriter::new(temporary.as_file_mut());
        (self.content)(&mut out)?;
        out.flush()?;
        drop(out);
        Ok(Staged::Rename {
            temporary: temporary.into_temp_path(),
            to,
        })
    }

    fn commit(&self, staged: Staged) -> Result<Written> {
        let failed = |e: &io::Error| Failure::io("write", &self.path, e);
        let (bytes, changed) = match staged {
            Staged::Unchanged(bytes) => (bytes, false),
            Staged::Rename { temporary, to } => {
                temporary.persist(&to).map_err(|e| failed(&e.error))?;
                (fs::metadata(&to).map_err(|e| failed(&e))?.len(), true)
            }
            Staged::Stream if is_stdout(&self.path) => {
                let mut out = Count::new(io::stdout().lock());
                (self.content)(&mut out)
                    .and_then(|()| out.flush())
                    .map_err(|e| Failure::stdout(&e))?;
                (out.bytes, true)
            }
            Staged::Stream => {
                let stream = fs::OpenOptions::new().write(true).open(&self.path);
                let mut out = Count::new(BufWriter::new(stream.map_err(|e| failed(&e))?));
                (self.content)(&mut out)
                    .and_then(|()| out.flush())
                    .map_err(|e| failed(&e))?;
                (out.bytes, true)
            }
        };
        Ok(Written {
            what: self.what,
            path: self.path.display().to_string(),
            bytes,
            changed,
        })
    }
}

/// Temporary files are private by default; outputs get what the umask leaves, like any file.
fn new_temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".castiron-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A path as make and ninja read it in a rule.
fn make_name(path: &Path) -> String {
    let mut name = String::new();
    let mut backslashes = 0;
    for c in path.display().to_string().chars() {
        match c {
            // Backslashes mean themselves except before a character that they escape.
            ' ' | '#' => {
                name.extend(std::iter::repeat_n('\\', backslashes + 1));
            }
            '$' => name.push('$'),
            _ => {}
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        name.push(c);
    }
    name
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

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) -> bool {
        let mut outputs = Outputs::default();
        outputs.add_bytes("test", path, text);
        outputs.write().unwrap()[0].changed
    }

    #[test]
    fn only_changes_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/file.txt");
        assert!(write(&path, "one"));
        assert!(!write(&path, "one"));
        for other in ["two", "on", "one more", ""] {
            assert!(write(&path, other), "{other}");
            assert_eq!(fs::read_to_string(&path).unwrap(), other);
        }
        assert!(!write(&path, ""));
    }

    #[test]
    fn a_failure_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("good.txt");
        fs::write(&good, "old").unwrap();
        let mut outputs = Outputs::default();
        outputs.add_bytes("good", &good, "new");
        outputs.add("bad", folder.path().join("bad.txt"), |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("no more"))
        });
        assert!(matches!(outputs.write(), Err(Failure::Io(_))));
        assert_eq!(fs::read_to_string(&good).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_outputs_need_two_places() {
        let mut outputs = Outputs::default();
        outputs.add_bytes("a", "same.txt", "a");
        outputs.add_bytes("b", "same.txt", "b");
        assert!(matches!(outputs.write(), Err(Failure::Usage(_))));
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_are_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        assert!(write(&link, "new"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }

    #[test]
    fn make_reads_odd_names() {
        assert_eq!(make_name(Path::new("a b/c#d$e")), r"a\ b/c\#d$$e");
        assert_eq!(make_name(Path::new(r"back\ slash\n")), r"back\\\ slash\n");
    }
}
