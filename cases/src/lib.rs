//! Recorded cases: inputs of a model, with the outputs that belong to them. All that castiron reads of them, it reads here.
//!
//! They lie in one `.safetensors` file, or in a folder:
//!
//! | | file | folder |
//! |---|---|---|
//! | input or output `<i>` of a case | tensor `in_<case>_<i>`, `out_<case>_<i>` | `in_<case>_<i>.bin` (raw, little endian), or `.npy` with the feature `npy` |
//! | cases of a signature but the first | tensors `sig_<signature>/…` | folder `sig_<signature>` |
//! | what there is to know of them | JSON in the metadata's `meta` | `meta.json` |
//!
//! `<i>` is the position among the subgraph's inputs or outputs. Outputs may be left out where they are not known.
//! Cases of a model that keeps state are successive runs. Where there is JSON, its `golden.stateful` has to be true for that.

mod file;
mod folder;
#[cfg(feature = "npy")]
pub mod npy;
mod pack;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use castiron_codegen::error::{Diagnostic, Error, Result};
use castiron_codegen::graph::{DType, Graph};
use castiron_codegen::program::{Entry, Port};

pub use pack::pack;

/// How names of files with cases end.
pub const EXTENSION: &str = "safetensors";

/// An input or output as the model has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its element type.
    pub dtype: DType,
    /// Sizes of its dimensions.
    pub shape: &'a [usize],
}

impl<'a> From<&'a Port> for Wanted<'a> {
    fn from(port: &'a Port) -> Self {
        Self {
            name: &port.name,
            dtype: port.dtype,
            shape: &port.shape,
        }
    }
}

impl Wanted<'_> {
    fn describe(&self) -> String {
        format!("{} {:?}", self.dtype, self.shape)
    }

    /// None beyond every memory.
    fn bytes(&self) -> Option<usize> {
        let mut sizes = self.shape.iter();
        let elements = sizes.try_fold(1usize, |n, size| n.checked_mul(*size))?;
        Some(elements.checked_mul(self.dtype.bits())?.div_ceil(8))
    }
}

/// All inputs and outputs of a model's entry point, in the subgraph's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interface<'a> {
    /// Its inputs.
    pub inputs: Vec<Wanted<'a>>,
    /// Its outputs.
    pub outputs: Vec<Wanted<'a>>,
}

impl<'a> From<&'a Entry> for Interface<'a> {
    fn from(entry: &'a Entry) -> Self {
        let side = |ports: &'a [Port]| ports.iter().map(Wanted::from).collect();
        Self {
            inputs: side(&entry.inputs),
            outputs: side(&entry.outputs),
        }
    }
}

impl<'a> From<&'a Graph> for Interface<'a> {
    fn from(graph: &'a Graph) -> Self {
        let tensors = |ids: &[castiron_codegen::graph::TensorId]| {
            let found = ids.iter().filter_map(|id| graph.tensors.get(id.index()));
            let wanted = found.map(|tensor| Wanted {
                name: &tensor.name,
                dtype: tensor.dtype,
                shape: &tensor.shape,
            });
            wanted.collect()
        };
        Self {
            inputs: tensors(&graph.inputs),
            outputs: tensors(&graph.outputs),
        }
    }
}

/// One set of inputs, little endian.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Case {
    /// What the user calls it.
    pub name: String,
    /// Bytes of every input, in order.
    pub inputs: Vec<Vec<u8>>,
    /// What outputs should be by another source than castiron, where known.
    pub outputs: Vec<Option<Vec<u8>>>,
}

/// Which of a model's tensors: sorted by case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    case: u64,
    role: Role,
    position: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Input,
    Output,
}

impl Key {
    /// What `in_<case>_<i>` or `out_<case>_<i>` stands for. Each has one name.
    fn parse(name: &str) -> Option<Self> {
        let (role, numbers) = match name.strip_prefix("in_") {
            Some(numbers) => (Role::Input, numbers),
            None => (Role::Output, name.strip_prefix("out_")?),
        };
        let (case, position) = numbers.split_once('_')?;
        let key = Self {
            case: case.parse().ok()?,
            role,
            position: position.parse().ok()?,
        };
        (key.name() == name).then_some(key)
    }

    fn name(&self) -> String {
        let role = match self.role {
            Role::Input => "in",
            Role::Output => "out",
        };
        format!("{role}_{}_{}", self.case, self.position)
    }

    /// For messages.
    fn port(&self) -> String {
        let role = match self.role {
            Role::Input => "input",
            Role::Output => "output",
        };
        format!("{role} {}", self.position)
    }
}

/// Where a tensor's values are.
#[derive(Debug, Clone)]
enum Source {
    /// In a file of their own.
    File(PathBuf),
    /// Here.
    Here(file::Tensor),
}

/// Cases as they were found, not yet compared with a model.
#[derive(Debug, Clone)]
pub struct Recording {
    path: PathBuf,
    tensors: BTreeMap<Key, Source>,
    /// What there is to know of them.
    meta: Option<serde_json::Value>,
    signatures: BTreeMap<String, Recording>,
}

impl Recording {
    /// Finds the cases of a `.safetensors` file or a folder.
    ///
    /// # Errors
    /// If it cannot be read, is no such file, or has no case.
    pub fn open(path: &Path) -> Result<Self> {
        // A pipe or a device is a file, too.
        let found = match path.exists() && !path.is_dir() {
            true => file::open(path)?,
            false => folder::open(path)?,
        };
        match found.tensors.is_empty() {
            true => Err(
                Diagnostic::new(format!("there is no case in {}", path.display()))
                    .expected(
                        "a .safetensors file with tensors in_<case>_<i> and out_<case>_<i>, or a folder with such .bin or .npy files",
                    )
                    .into(),
            ),
            false => Ok(found),
        }
    }

    fn empty(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            tensors: BTreeMap::new(),
            meta: None,
            signatures: BTreeMap::new(),
        }
    }

    /// The cases of a signature but the first, if there are any of their own.
    #[must_use]
    pub fn of_signature(&self, name: &str) -> Option<&Self> {
        self.signatures.get(name)
    }

    /// The cases of a signature that a user names; those of the first are not below its name.
    ///
    /// # Errors
    /// If there are none.
    pub fn of_named(&self, name: &str, is_first: bool) -> Result<&Self> {
        let own = self.of_signature(name);
        match own.filter(|cases| !cases.tensors.is_empty()) {
            Some(own) => Ok(own),
            None if is_first => Ok(self),
            None => {
                let shown = name.escape_debug();
                let problem =
                    Diagnostic::new(format!("there are no cases of signature \"{shown}\""))
                        .expected(format_args!(
                            "sig_{shown}/in_<case>_<i>, and sig_{shown}/out_<case>_<i>"
                        ));
                let there: Vec<_> = self
                    .signatures
                    .keys()
                    .map(|n| format!("{SIGNATURE}{n}/"))
                    .collect();
                Err(self.at(match there.is_empty() {
                    true => problem.found("cases of the first signature alone"),
                    false => problem.found(there.join(", ")),
                }))
            }
        }
    }

    /// Whether each case begins with what the one before has left, rather than anew: of a model that keeps state it does,
    /// unless there is JSON with the recording, which then has to say so.
    #[must_use]
    pub fn successive(&self, keeps_state: bool) -> bool {
        let said = |meta: &serde_json::Value| meta["golden"]["stateful"] == true;
        keeps_state && self.meta.as_ref().is_none_or(said)
    }

    /// All cases in the order of their numbers, for an entry point of a model.
    ///
    /// # Errors
    /// If a case lacks an input, or a tensor cannot be read or is not one of the model's.
    pub fn cases(&self, interface: &Interface<'_>) -> Result<Vec<Case>> {
        for key in self.tensors.keys() {
            let (ports, what) = match key.role {
                Role::Input => (&interface.inputs, "inputs"),
                Role::Output => (&interface.outputs, "outputs"),
            };
            if key.position >= ports.len() {
                return Err(
                    self.at(Diagnostic::new(format!("the model has no {}", key.port()))
                        .expected(format_args!("{} {what}, counted from 0", ports.len()))
                        .found(key.name())),
                );
            }
        }
        let mut numbers: Vec<u64> = self.tensors.keys().map(|key| key.case).collect();
        numbers.dedup();
        numbers
            .into_iter()
            .map(|number| self.case(number, interface))
            .collect()
    }

    fn case(&self, case: u64, interface: &Interface<'_>) -> Result<Case> {
        let tensor = |role, (position, wanted): (usize, &Wanted<'_>)| {
            let key = Key {
                case,
                role,
                position,
            };
            let source = self.tensors.get(&key);
            source.map(|s| self.read(&key, s, wanted)).transpose()
        };
        let inputs = interface.inputs.iter().enumerate().map(|port| {
            let (position, wanted) = port;
            tensor(Role::Input, port)?.ok_or_else(|| {
                let message = format!("case {case} has no input {position}");
                self.at(Diagnostic::new(message)
                    .expected(format_args!("in_{case}_{position}: {}", wanted.describe())))
            })
        });
        let outputs = interface.outputs.iter().enumerate();
        Ok(Case {
            name: case.to_string(),
            inputs: inputs.collect::<Result<_>>()?,
            outputs: outputs
                .map(|port| tensor(Role::Output, port))
                .collect::<Result<_>>()?,
        })
    }

    /// A tensor's values, if they are of the model's type and shape.
    fn read(&self, key: &Key, source: &Source, wanted: &Wanted<'_>) -> Result<Vec<u8>> {
        match source {
            Source::File(path) => folder::read(path, key, wanted),
            Source::Here(tensor) if tensor.fits(wanted) => Ok(tensor.bytes.clone()),
            Source::Here(tensor) => {
                let name = wanted.name.escape_debug();
                let message = format!(
                    "tensor {} does not fit {} of the model, \"{name}\"",
                    key.name(),
                    key.port()
                );
                Err(self.at(Diagnostic::new(message)
                    .expected(wanted.describe())
                    .found(tensor.describe())))
            }
        }
    }

    fn at(&self, diagnostic: Diagnostic) -> Error {
        Error::from(diagnostic).in_file(&self.path.display().to_string())
    }

    /// The file or folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has every tensor of another recording, whatever its values.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let signature = |(name, theirs): (&String, &Self)| {
            let ours = self.of_signature(name);
            ours.is_some_and(|ours| ours.covers(theirs))
        };
        other
            .tensors
            .keys()
            .all(|key| self.tensors.contains_key(key))
            && other.signatures.iter().all(signature)
    }

    /// What the cases are read from: the file; or the folder, which changes when a case comes or goes, and its files.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let tensors = self.tensors.values().filter_map(|source| match source {
            Source::File(path) => Some(path.clone()),
            Source::Here(_) => None,
        });
        let mut files: Vec<PathBuf> = tensors.collect();
        files.sort();
        files.insert(0, self.path.clone());
        files
    }

    /// Writes all cases into a folder, raw and little endian, for tools that read no `.safetensors` file.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn unpack(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for (key, source) in &self.tensors {
            match source {
                Source::File(path) => {
                    let name = path.file_name().unwrap_or_default();
                    fs::copy(path, folder.join(name))?;
                }
                Source::Here(tensor) => {
                    fs::write(folder.join(key.name() + ".bin"), &tensor.bytes)?;
                }
            }
        }
        if let Some(meta) = &self.meta {
            fs::write(folder.join(folder::META), meta.to_string())?;
        }
        for (name, recording) in &self.signatures {
            recording.unpack(&folder.join(format!("{SIGNATURE}{name}")))?;
        }
        Ok(())
    }
}

/// What cases of a signature begin with.
const SIGNATURE: &str = "sig_";

/// Where the goldens of a model are below `goldens`: a file, or a folder that was not packed yet.
#[must_use]
pub fn find(goldens: &Path, model: &str) -> Option<PathBuf> {
    let file = goldens.join(format!("{model}.{EXTENSION}"));
    if file.is_file() {
        return Some(file);
    }
    let folder = goldens.join(model);
    folder::has_cases(&folder).then_some(folder)
}

/// JSON beside cases.
fn parse_meta(bytes: &[u8], place: &Path) -> Result<serde_json::Value> {
    serde_json::from_slice(bytes).map_err(|e| {
        let message = format!("cannot read {}: {e}", place.display());
        Diagnostic::new(message)
            .expected("JSON whose golden.stateful says whether the cases are successive runs")
            .help("correct it, or remove it")
            .into()
    })
}

#[cfg(test)]
mod tests;
