//! Why a command ends early, and the exit code for it.

use std::fmt::Display;
use std::io;
use std::path::Path;

use castiron_codegen::error::{Diagnostic, Error};

/// The result of a command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The model, or something given for it, is not right.
    Model(Error),
    /// Options that do not go together.
    Usage(Diagnostic),
    /// A file could not be read or written.
    Io(Diagnostic),
    /// Several inputs that were not all right: everything about them, and an exit code: a model's before a missing file's.
    Several(Error, u8),
    /// Whoever read standard output wants no more of it, as in `castiron inspect … | head`.
    Closed,
}

impl Failure {
    pub(crate) fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        use io::ErrorKind;
        let help = match error.kind() {
            ErrorKind::NotFound if path.is_relative() => {
                "check the path, which starts at the current folder"
            }
            ErrorKind::NotFound => "check the path",
            ErrorKind::IsADirectory => "name a file in this folder",
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                "a part of the path is a file: choose another path"
            }
            ErrorKind::PermissionDenied => "change its permissions, or choose another path",
            ErrorKind::InvalidData => "save it as UTF-8 text",
            ErrorKind::FileTooLarge if doing.starts_with("write") => {
                "raise the limit on the size of files: `ulimit -f`"
            }
            ErrorKind::FileTooLarge => "check that this is the right file",
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on the disk",
            _ => "check the file and its disk",
        };
        let mut diagnostic = Diagnostic::new(format!("cannot {doing}: {error}")).help(help);
        diagnostic.place.file = Some(path.display().to_string());
        Self::Io(diagnostic)
    }

    pub(crate) fn stdout(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::io("write", Path::new("standard output"), error),
        }
    }

    pub(crate) fn usage(message: impl Display, help: impl Display) -> Self {
        Self::Usage(Diagnostic::new(message.to_string()).help(help))
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Model(_) => 1,
            Self::Usage(_) => 2,
            Self::Io(_) => 3,
            Self::Several(_, code) => *code,
        }
    }

    /// The failures of several inputs as one, if there are any.
    pub(crate) fn of_several(mut failures: Vec<Self>) -> Result<()> {
        if failures.len() == 1 {
            return failures.pop().map_or(Ok(()), Err);
        }
        let code = failures.iter().map(Self::exit_code).min();
        let diagnostics = failures.iter().flat_map(Self::diagnostics);
        match Error::from_many(diagnostics.cloned().collect()) {
            Some(error) => Err(Self::Several(error, code.unwrap_or(1))),
            None => Ok(()),
        }
    }

    /// The word for the kind of failure in JSON.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Model(_) => "model",
            Self::Usage(_) => "usage",
            Self::Io(_) | Self::Several(_, 3) => "io",
            Self::Several(..) => "model",
        }
    }

    pub(crate) fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Closed => &[],
            Self::Model(error) | Self::Several(error, _) => error.diagnostics(),
            Self::Usage(diagnostic) | Self::Io(diagnostic) => std::slice::from_ref(diagnostic),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Model(error)
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Model(diagnostic.into())
    }
}
