//! Finds models that have golden cases.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use castiron_cases::{Interface, Recording};
use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::program::Port;
use castiron_codegen::tflite;

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

/// The project's own models: small enough to be in the repository.
const OWN: [&str; 3] = ["examples/models", "tests/data/models", "tests/data/calls"];
/// Names a directory with a `models` directory of further ones.
const FURTHER: &str = "CASTIRON_SHARED";

/// Which models to run.
#[derive(Clone, clap::Args)]
pub(crate) struct Selection {
    /// Directory of .tflite files, instead of the project's own and those of $CASTIRON_SHARED/models.
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Directory of their goldens, one .safetensors file or directory per model [default: golden/ beside the models].
    #[arg(long, value_name = "DIR", requires = "models")]
    cases: Option<PathBuf>,
    /// Only models with this text in their name; may be given several times.
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Whether these are whole names.
    #[arg(skip)]
    whole: bool,
}

impl Selection {
    /// Asks for models of these names.
    pub(crate) fn only(&mut self, names: &[&str]) {
        self.filter = names.iter().map(|name| (*name).to_owned()).collect();
        self.whole = true;
    }

    /// Asks for those of these names that it asked for before.
    pub(crate) fn narrow<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let meant: Vec<&str> = names.filter(|name| self.takes(name)).collect();
        self.only(&meant);
    }

    /// Whether it asks for what is named so.
    pub(crate) fn takes(&self, name: &str) -> bool {
        let is_meant = |text: &String| match self.whole {
            true => name == text,
            false => name.contains(text),
        };
        (self.filter.is_empty() && !self.whole) || self.filter.iter().any(is_meant)
    }
}

/// A model to build into a firmware, with what the reference computes for it.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// File name without extension.
    pub(crate) name: String,
    /// The .tflite file.
    pub(crate) model: PathBuf,
    /// The file or directory of its golden cases.
    pub(crate) golden: PathBuf,
    /// Of the model file, in hexadecimal.
    pub(crate) sha256: String,
    /// Types and sizes of its inputs and outputs, and how many cases there are: firmware that only feeds and
    /// checks a model is the same for all that are alike here.
    pub(crate) interface: String,
}

/// What the search came to.
pub(crate) struct Found {
    /// Models to run.
    pub(crate) subjects: Vec<Subject>,
    /// What was left out, and why.
    pub(crate) notes: Vec<String>,
}

/// Finds what `selection` asks for.
pub(crate) fn find(root: &Path, selection: &Selection) -> Result<Found> {
    let mut notes = Vec::new();
    let mut places = Vec::new();
    if let Some(models) = &selection.models {
        if !models.is_dir() {
            bail!("--models {}: not a directory", models.display());
        }
        let golden = selection
            .cases
            .clone()
            .unwrap_or_else(|| models.join("golden"));
        places.push((models.clone(), golden));
    } else {
        places.extend(OWN.map(|place| (root.join(place), root.join(place).join("golden"))));
        match std::env::var_os(FURTHER) {
            Some(further) => {
                let further = Path::new(&further);
                let models = further.join("models");
                places.push((models.clone(), models.join("golden")));
                let rest = ["models/self", "models/public", "ops"].map(|folder| further.join(folder));
                for folder in rest.iter().filter(|folder| folder.is_dir()) {
                    let folder = folder.display();
                    notes.push(format!("not taken: {folder}; --models {folder} runs its models"));
                }
            }
            None => notes.push(format!(
                "skipped: further models (MLPerf Tiny, TFLM's examples); set {FURTHER} to a directory that has \
                 models/*.tflite, and their goldens in models/golden, to run them"
            )),
        }
    }

    let mut subjects: Vec<Subject> = Vec::new();
    for (models, golden) in places.iter().filter(|(models, _)| models.is_dir()) {
        for (name, model) in tflite_files(models)? {
            if !selection.takes(&name) {
                continue;
            }
            match subject(name.clone(), &model, golden) {
                Ok(subject) if subjects.iter().any(|other| other.sha256 == subject.sha256) => {}
                Ok(subject) => subjects.push(subject),
                Err(reason) => notes.push(format!("skipped: {name}: {reason:#}")),
            }
        }
    }
    Ok(Found { subjects, notes })
}

/// Name and path of every model in a directory, sorted, so that reports do not depend on the file system.
pub(crate) fn tflite_files(directory: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "tflite")
            && let Some(name) = path.file_stem()
        {
            files.insert(name.to_string_lossy().into_owned(), path);
        }
    }
    Ok(files)
}

/// A model, if the folder `goldens` has its outputs.
pub(crate) fn subject(name: String, model: &Path, goldens: &Path) -> Result<Subject> {
    let golden = castiron_cases::find(goldens, &name)
        .with_context(|| format!("no goldens in {}", goldens.display()))?;
    let bytes = fs::read(model).with_context(|| model.display().to_string())?;
    let program = tflite::read(&name, &bytes)
        .and_then(|model| compile::compile(&model, &CompileOptions::default()))?;
    let entry = program.entries.first().context("no entry point")?;
    let recording = Recording::open(&golden)?;
    let cases = recording.cases(&Interface::from(entry))?;
    let ports = |ports: &[Port]| {
        let ports = ports.iter().map(|port| {
            let operand = &port.operand;
            format!("{} {}", operand.element.rust_name(), operand.range().len())
        });
        ports.collect::<Vec<_>>().join(", ")
    };
    let interface = format!(
        "{} -> {}: {} cases, successive {:?}",
        ports(&entry.inputs),
        ports(&entry.outputs),
        cases.len(),
        recording.successive(program.state_bytes > 0)
    );
    ensure!(
        cases
            .iter()
            .all(|case| case.outputs.iter().all(Option::is_some)),
        "no golden outputs in {}",
        golden.display()
    );
    Ok(Subject {
        name,
        // The firmware is built from another directory.
        model: model.canonicalize()?,
        golden: golden.canonicalize()?,
        sha256: Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        interface,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_projects_own_models() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let models = root.join("examples/models");
        let selection = Selection {
            models: Some(models),
            cases: None,
            filter: vec!["sine".into()],
            whole: false,
        };
        let found = find(&root, &selection).unwrap();
        let [sine] = found.subjects.as_slice() else {
            panic!("{:?}", found.subjects)
        };
        assert_eq!(sine.name, "sine_int8");
        assert_eq!(sine.sha256.len(), 64);
    }

    #[test]
    fn a_model_without_goldens_is_a_note() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let models = root.join("examples/models");
        let golden = Some(models.join("nowhere"));
        let found = find(
            &root,
            &Selection {
                models: Some(models),
                cases: golden,
                whole: false,
                filter: vec![],
            },
        )
        .unwrap();
        assert!(found.subjects.is_empty());
        assert!(
            found
                .notes
                .iter()
                .all(|note| note.contains("no goldens in")),
            "{:?}",
            found.notes
        );
    }
}
