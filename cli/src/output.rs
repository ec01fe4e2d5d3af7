//! Files that commands write: all of them or none, each as a whole, and only what changed.

mod depfile;
mod folders;
mod place;
mod stage;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use castiron_codegen::error::Diagnostic;
use castiron_report::sbom::File;
use serde::Serialize;

use crate::args::Depfile;
use crate::failure::{Failure, Result};
use crate::temporary;
use folders::Folders;
use place::{Identity, Place};
use stage::Staged;

pub(crate) use place::{is_file, is_stdout};

/// Writes a file's content. It may be asked twice: to compare, and to write.
type Content<'a> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'a>;

struct Output<'a> {
    what: &'static str,
    path: PathBuf,
    content: Content<'a>,
    /// Whether castiron, and not the user, named it.
    ours: bool,
    /// A file that castiron makes with it and knows again, of one that has no place for a mark.
    made_with: Option<PathBuf>,
}

/// Files to be written together.
#[derive(Default)]
pub(crate) struct Outputs<'a> {
    list: Vec<Output<'a>>,
    /// Whether files that castiron did not make may be replaced by those that it named.
    pub(crate) force: bool,
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
            ours: false,
            made_with: None,
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

    /// Says that the file that was added last takes the place of another only where castiron made this one before, as it is bytes that nobody
    /// knows again.
    pub(crate) fn made_with(&mut self, path: impl Into<PathBuf>) {
        if let Some(output) = self.list.last_mut() {
            output.made_with = Some(path.into());
        }
    }

    /// Says that castiron, and not the user, named the files that were added from this one on: they
    /// take the place of what castiron made, and of nothing else.
    pub(crate) fn named_by_us(&mut self, from: usize) {
        for output in self.list.iter_mut().skip(from) {
            output.ours = true;
        }
    }

    /// The rule that says what the files of this list are made from, if it is wanted.
    ///
    /// # Errors
    /// If no output is a file, or a rule cannot name one.
    pub(crate) fn add_depfile(&mut self, depfile: &Depfile, sources: &[PathBuf]) -> Result<()> {
        let Some(path) = &depfile.depfile else {
            return Ok(());
        };
        let outputs = self.list.iter().map(|o| o.path.as_path());
        let targets: Vec<&Path> = match &depfile.depfile_target {
            Some(target) => vec![target],
            None => outputs.filter(|p| !is_stdout(p)).collect(),
        };
        if targets.is_empty() {
            return Err(Failure::usage(
                "--depfile needs an output that is a file",
                "name one with --output",
            ));
        }
        let rule = depfile::rule(&targets, sources)?;
        self.add_bytes("depfile", path, rule);
        Ok(())
    }

    /// The outputs with their hashes, of those that are wanted by what they are.
    ///
    /// # Errors
    /// If a content cannot be made.
    pub(crate) fn hashed(&self, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<File>> {
        let wanted = self.list.iter().filter(|output| is_wanted(output.what));
        let hashed = wanted.map(|output| {
            let name = output.path.file_name().unwrap_or(output.path.as_os_str());
            let name = name.to_string_lossy().into_owned();
            let file = File::written(name, |out| (output.content)(out));
            file.map_err(|e| output.failed(&e))
        });
        hashed.collect()
    }

    /// Whether one of the outputs is standard output.
    pub(crate) fn to_stdout(&self) -> bool {
        self.list.iter().any(|o| is_stdout(&o.path))
    }

    /// Writes everything. Nothing is replaced before all new content is safely on disk. `inputs` are
    /// files that no output may replace: all that the command reads or names to others.
    pub(crate) fn write(self, inputs: &[PathBuf]) -> Result<Vec<Written>> {
        let places = (self.list.iter())
            .map(|output| place::of(&output.path).map_err(|e| output.failed(&e)))
            .collect::<Result<Vec<_>>>()?;
        self.check_distinct(&places)?;
        self.check_inputs(&places, inputs)?;
        // Dropped last, when the temporary files in them are gone.
        let mut folders = Folders::default();
        let mut staged = Vec::new();
        for (output, place) in self.list.iter().zip(&places) {
            let made = output.stage(place, &mut folders);
            let made = made.map_err(|e| output.failed(&e))?;
            if output.ours && !self.force {
                let others = made.replaces_others(output.made_with.as_deref());
                if others.map_err(|e| output.failed(&e))? {
                    return Err(output.not_ours());
                }
            }
            staged.push(made);
        }
        let mut written = Vec::new();
        let mut closed = false;
        // What can still fail comes first.
        for (output, staged) in self.list.iter().zip(&staged) {
            let (bytes, changed) = match staged {
                Staged::Unchanged(bytes) => (*bytes, false),
                Staged::New { bytes, .. } => (*bytes, true),
                Staged::Stream => match output.stream() {
                    Ok(bytes) => (bytes, true),
                    Err(Failure::Closed) => {
                        closed = true;
                        continue;
                    }
                    Err(failure) => return Err(failure),
                },
            };
            written.push(Written {
                what: output.what,
                path: output.path.display().to_string(),
                bytes,
                changed,
            });
        }
        let (files, outputs): (Vec<_>, Vec<_>) = (staged.into_iter().zip(&self.list))
            .filter_map(|(staged, output)| match staged {
                Staged::New { file, to, .. } => Some(((file, to), output)),
                _ => None,
            })
            .unzip();
        temporary::keep(files).map_err(|(index, e)| outputs[index].failed(&e))?;
        folders.keep();
        match closed {
            true => Err(Failure::Closed),
            false => Ok(written),
        }
    }

    fn check_distinct(&self, places: &[Place]) -> Result<()> {
        for (i, place) in places.iter().enumerate() {
            let Some(before) = places[..i].iter().position(|p| p.is(place)) else {
                continue;
            };
            let [first, second] = [before, i].map(|i| self.list[i].path.display());
            let message = match self.list[before].path == self.list[i].path {
                true => format!("two outputs would go to {first}"),
                false => {
                    format!("{first} and {second} are one file, and two outputs would go there")
                }
            };
            return Err(Failure::usage(message, "give each output its own file"));
        }
        Ok(())
    }

    fn check_inputs(&self, places: &[Place], inputs: &[PathBuf]) -> Result<()> {
        for input in inputs {
            let Some(identity) = Identity::of_input(input) else {
                continue;
            };
            let mut pairs = self.list.iter().zip(places);
            let Some((output, _)) = pairs.find(|(_, place)| place.is_at(&identity)) else {
                continue;
            };
            let (what, path) = (output.what, output.path.display());
            let message = match *input == output.path {
                true => format!("the {what} would replace its own input {path}"),
                false => format!(
                    "the {what} would replace its own input: {path} is {}",
                    match input.as_os_str() == "-" {
                        true => "standard input".to_owned(),
                        false => input.display().to_string(),
                    }
                ),
            };
            return Err(Failure::usage(message, "write to another file"));
        }
        Ok(())
    }
}

impl Output<'_> {
    fn failed(&self, error: &io::Error) -> Failure {
        Failure::io("write", &self.path, error)
    }

    fn not_ours(&self) -> Failure {
        let mut diagnostic = Diagnostic::new("castiron would replace a file that it did not make")
            .help("write to another folder, or replace the file with --force");
        diagnostic.place.file = Some(self.path.display().to_string());
        Failure::Io(diagnostic)
    }
}

#[cfg(test)]
mod tests;
