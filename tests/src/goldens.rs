//! Runs models on the host and compares with reference outputs.
//!
//! A golden folder holds `in_<case>_<i>.bin` and `out_<case>_<i>.bin`, raw little endian, `<i>`
//! the position among the subgraph's inputs or outputs; `sig_<name>/` holds another signature's.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::error::Error;
use castiron_codegen::exec::Machine;
use castiron_codegen::graph::{DType, Model};
use castiron_codegen::plan::PlanOptions;
use castiron_codegen::program::{Entry, Port, Program};
use castiron_codegen::tflite;

/// Greatest difference of float outputs, relative to the output's greatest magnitude (at least 1).
pub const TOLERANCE: f32 = 1e-5;

/// A model file and its golden folder.
#[derive(Debug, Clone)]
pub struct Golden {
    /// The model's name: its file's stem.
    pub name: String,
    /// The model.
    pub model: PathBuf,
    /// Its cases.
    pub folder: PathBuf,
}

/// What became of a golden.
#[derive(Debug)]
pub enum Outcome {
    /// All cases agree; their number, and the greatest relative difference of floats.
    Passed {
        /// Cases compared, of all signatures.
        cases: usize,
        /// Greatest relative difference of float outputs.
        difference: f32,
    },
    /// castiron does not compile the model; why.
    LeftOut(Error),
    /// An output differs.
    Failed(Difference),
}

/// The first output that differs.
#[derive(Debug)]
pub struct Difference {
    case: String,
    output: usize,
    element: usize,
    found: String,
    expected: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            case,
            output,
            element,
            found,
            expected,
        } = self;
        write!(
            f,
            "case {case}, output {output}, element {element}: {found}, reference {expected}"
        )
    }
}

/// Models of a folder that have a golden of their name below `goldens`, sorted by name.
pub fn find(models: &Path, goldens: &Path) -> Vec<Golden> {
    let mut found: Vec<Golden> = fs::read_dir(models)
        .unwrap_or_else(|e| panic!("{}: {e}", models.display()))
        .filter_map(|entry| {
            let model = entry.ok()?.path();
            let name = model
                .file_name()?
                .to_str()?
                .strip_suffix(".tflite")?
                .to_owned();
            let folder = goldens.join(&name);
            folder.join("in_0_0.bin").is_file().then_some(Golden {
                name,
                model,
                folder,
            })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Folders of a folder that hold a `model.tflite` and its cases, sorted by name.
pub fn find_folders(parent: &Path) -> Vec<Golden> {
    let mut found: Vec<Golden> = fs::read_dir(parent)
        .unwrap_or_else(|e| panic!("{}: {e}", parent.display()))
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            folder.join("in_0_0.bin").is_file().then_some(Golden {
                name: folder.file_name()?.to_str()?.to_owned(),
                model: folder.join("model.tflite"),
                folder,
            })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Reads a model.
///
/// # Errors
/// If it is malformed.
pub fn read(path: &Path) -> Result<Model, Error> {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    tflite::read(&path.display().to_string(), &bytes)
}

impl Golden {
    /// Compiles the model and runs all its cases.
    pub fn check(&self) -> Outcome {
        let program = match self.compile(PlanOptions::default()) {
            Ok(program) => program,
            Err(error) => return Outcome::LeftOut(error),
        };
        let mut total = 0;
        let mut difference = 0f32;
        for (i, entry) in program.entries.iter().enumerate() {
            match check_entry(&program, entry, &self.cases_of(i, entry)) {
                Ok((cases, worst)) => {
                    total += cases;
                    difference = difference.max(worst);
                }
                Err(difference) => return Outcome::Failed(difference),
            }
        }
        Outcome::Passed {
            cases: total,
            difference,
        }
    }

    /// Compiles the model with a plan of these options.
    ///
    /// # Errors
    /// If castiron does not compile it.
    pub fn compile(&self, plan: PlanOptions) -> Result<Program, Error> {
        self.compile_with(&CompileOptions::from(plan))
    }

    /// Compiles the model.
    ///
    /// # Errors
    /// If castiron does not compile it.
    pub fn compile_with(&self, options: &CompileOptions) -> Result<Program, Error> {
        compile::compile(&read(&self.model)?, options)
    }

    /// All outputs of the first `cases` cases of every entry.
    pub fn outputs(&self, program: &Program, cases: usize) -> Vec<Vec<u8>> {
        let mut outputs = Vec::new();
        for (i, entry) in program.entries.iter().enumerate() {
            let folder = self.cases_of(i, entry);
            let runs = runs(program, entry, &folder);
            outputs.extend(runs.take(cases).flatten());
        }
        outputs
    }

    /// Where the cases of an entry are.
    fn cases_of(&self, position: usize, entry: &Entry) -> PathBuf {
        match (position, &entry.signature) {
            (0, _) | (_, None) => self.folder.clone(),
            (_, Some(signature)) => self.folder.join(format!("sig_{signature}")),
        }
    }
}

/// All outputs of each case of a folder. Where its `meta.json` says so, cases are successive runs, and what
/// lasts from run to run stays; otherwise each begins with a state as at first.
fn runs<'a>(
    program: &'a Program,
    entry: &'a Entry,
    folder: &'a Path,
) -> impl Iterator<Item = Vec<Vec<u8>>> {
    let file = move |case: usize, i: usize| folder.join(format!("in_{case}_{i}.bin"));
    let cases = (0..).take_while(move |case| file(*case, 0).is_file());
    let mut machine = Machine::new(program, entry);
    let successive = is_stateful(folder);
    cases.map(move |case| {
        if !successive {
            machine.reset();
        }
        for i in 0..entry.inputs.len() {
            let bytes = fs::read(file(case, i)).expect("a case has every input");
            machine.set_input(i, &bytes).expect("inputs fit the model");
        }
        machine.run().expect("kernels take their operands");
        let outputs = (0..entry.outputs.len()).filter_map(|i| machine.output(i));
        outputs.map(<[u8]>::to_vec).collect()
    })
}

/// Models whose cases are successive runs although their `meta.json` does not say so: TensorFlow Lite Micro's interpreter gives the
/// recorded outputs in sequence alone.
const SUCCESSIVE: [&str; 2] = ["lstm_f32", "lstm_int8"];

fn is_stateful(folder: &Path) -> bool {
    let is = |name: &&str| folder.file_name().is_some_and(|folder| folder == *name);
    if SUCCESSIVE.iter().any(is) {
        return true;
    }
    let Ok(text) = fs::read_to_string(folder.join("meta.json")) else {
        return false;
    };
    let meta: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    meta["golden"]["stateful"] == true
}

fn check_entry(
    program: &Program,
    entry: &Entry,
    folder: &Path,
) -> Result<(usize, f32), Difference> {
    let mut worst = 0f32;
    let mut cases = 0;
    for (case, outputs) in runs(program, entry, folder).enumerate() {
        cases += 1;
        for (i, port) in entry.outputs.iter().enumerate() {
            let expected = folder.join(format!("out_{case}_{i}.bin"));
            let expected = fs::read(expected).expect("a case has every output");
            let found = &outputs[i];
            let at = |element, found: String, expected: String| Difference {
                case: format!("{}/{case}", folder.display()),
                output: i,
                element,
                found,
                expected,
            };
            worst = worst.max(compare(port, found, &expected).map_err(|(e, f, x)| at(e, f, x))?);
        }
    }
    Ok((cases, worst))
}

/// The greatest relative difference, or the first element that differs too much.
fn compare(port: &Port, found: &[u8], expected: &[u8]) -> Result<f32, (usize, String, String)> {
    assert_eq!(
        found.len(),
        expected.len(),
        "size of output {:?}",
        port.name
    );
    if port.dtype != DType::Float32 {
        let size = port.operand.element.bytes();
        let mut elements = found.chunks(size).zip(expected.chunks(size)).enumerate();
        return match elements.find(|(_, (f, e))| f != e) {
            Some((i, (f, e))) => Err((i, format!("{f:?}"), format!("{e:?}"))),
            None => Ok(0.0),
        };
    }
    let floats = |bytes: &[u8]| -> Vec<f32> {
        let (values, _) = bytes.as_chunks::<4>();
        values.iter().map(|b| f32::from_le_bytes(*b)).collect()
    };
    let (found, expected) = (floats(found), floats(expected));
    let magnitude = expected.iter().fold(1f32, |m, e| m.max(e.abs()));
    let mut worst = 0f32;
    for (i, (f, e)) in found.iter().zip(&expected).enumerate() {
        let difference = (f - e).abs() / magnitude;
        if difference.is_nan() || difference > TOLERANCE {
            return Err((i, f.to_string(), e.to_string()));
        }
        worst = worst.max(difference);
    }
    Ok(worst)
}
