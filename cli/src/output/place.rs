//! Where outputs go, and which paths lead to one file.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

use same_file::Handle;

/// The names that systems have for standard output.
const STDOUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Links that may follow one another, as for the operating system.
const MOST_LINKS: usize = 40;

/// Where an output goes.
pub(super) enum Place {
    Stdout,
    /// A pipe or a device: nothing that could be replaced.
    Stream(PathBuf),
    File {
        /// The file itself: a link stays a link, and what it points to is written.
        to: PathBuf,
        identity: Identity,
        /// What is there.
        old: Option<Box<Metadata>>,
    },
}

/// Tells files apart: by what the system knows them by or, before they exist, by their place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Identity {
    There(Handle),
    New(PathBuf),
}

/// Whether a path is one for standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    // One link after the other: what `/dev/stdout` ends at has no name of its own.
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if STDOUT.iter().any(|name| path.as_os_str() == *name) {
            return true;
        }
        match next(&path) {
            Some(link) => path = link,
            None => return false,
        }
    }
    false
}

/// Whether a path leads to a file, or would: neither to standard output nor to a pipe or a device.
pub(crate) fn is_file(path: &Path) -> bool {
    !is_stdout(path) && fs::metadata(path).map_or(true, |m| m.is_file())
}

/// Whether a path names what this process has open, `/dev/stderr` for example: that is written to, as a
/// file that takes its place would not be what others have open.
fn is_descriptor(path: &Path) -> bool {
    let in_proc = |path: &Path| {
        let parent = path.parent().unwrap_or(path);
        path.starts_with("/proc") && parent.ends_with("fd")
    };
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let real = path
            .parent()
            .and_then(|parent| fs::canonicalize(parent).ok());
        let real = real
            .zip(path.file_name())
            .map(|(parent, name)| parent.join(name));
        if real.is_some_and(|real| in_proc(&real)) {
            return true;
        }
        match next(&path) {
            Some(link) => path = link,
            None => return false,
        }
    }
    false
}

pub(super) fn of(path: &Path) -> io::Result<Place> {
    if is_stdout(path) {
        return Ok(Place::Stdout);
    }
    let old = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() => return Ok(Place::Stream(path.to_owned())),
        Ok(_) if is_descriptor(path) => return Ok(Place::Stream(path.to_owned())),
        Ok(metadata) => Some(Box::new(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let to = match old {
        Some(_) => fs::canonicalize(path)?,
        None => linked(path),
    };
    Ok(Place::File {
        identity: Identity::of(&to),
        to,
        old,
    })
}

impl Place {
    /// Whether outputs at these places would end up in one file.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Stdout, Self::Stdout) => true,
            (Self::Stream(one), Self::Stream(other)) => one == other && !is_null(one),
            (Self::File { identity, .. }, other) => other.is_at(identity),
            _ => false,
        }
    }

    pub(super) fn is_at(&self, other: &Identity) -> bool {
        matches!(self, Self::File { identity, .. } if identity == other)
    }
}

impl Identity {
    fn of(path: &Path) -> Self {
        Handle::from_path(path).map_or_else(|_| Self::New(by_name(path)), Self::There)
    }

    /// What identifies an input: a file, or standard input where that is one.
    pub(super) fn of_input(path: &Path) -> Option<Self> {
        if path.as_os_str() == "-" {
            return Handle::stdin().ok().map(Self::There);
        }
        // Opening a pipe would wait for who writes to it.
        let is_file = fs::metadata(path).is_ok_and(|m| m.is_file());
        is_file.then(|| Self::of(path))
    }
}

/// What swallows everything takes any number of outputs.
fn is_null(path: &Path) -> bool {
    path.as_os_str() == "/dev/null"
}

/// What a link points to; none for anything else.
fn next(path: &Path) -> Option<PathBuf> {
    let link = fs::read_link(path).ok()?;
    Some(match path.parent() {
        Some(folder) => folder.join(link),
        None => link,
    })
}

/// The file that a link would lead to if it existed.
fn linked(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match next(&path) {
            Some(link) => path = link,
            None => break,
        }
    }
    path
}

/// The absolute path of what does not exist yet, in as much of it as does.
fn by_name(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = absolute.ancestors().find_map(|folder| {
        let real = fs::canonicalize(folder).ok()?;
        Some((real, absolute.strip_prefix(folder).ok()?))
    });
    let Some((mut name, rest)) = existing else {
        return absolute;
    };
    for component in rest.components() {
        match component {
            Component::ParentDir => {
                name.pop();
            }
            component => name.push(component),
        }
    }
    name
}
