//! Runs models on the host and compares with reference outputs.
//! `castiron_cases` says how references are stored.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use castiron_cases::{Case, Interface, Recording};
use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::error::Error;
use castiron_codegen::exec::Machine;
use castiron_codegen::graph::{DType, Model};
use castiron_codegen::program::{Entry, Port, Program};
use castiron_codegen::tflite;

/// Greatest difference of float outputs, relative to the output's greatest magnitude (at least 1).
pub const TOLERANCE: f32 = 1e-5;

/// A model file and its recorded cases.
#[derive(Debug, Clone)]
pub struct Golden {
    /// The model's name: its file's stem.
    pub name: String,
    /// The model.
    pub model: PathBuf,
    /// Its cases: a file or a folder.
    pub cases: PathBuf,
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
    /// It compiles, and no case says what it gives.
    Unanswered,
    /// One run of it takes more multiply-accumulates than it may.
    Large,
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
            let cases = castiron_cases::find(goldens, &name)?;
            Some(Golden { name, model, cases })
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
                cases: folder,
            })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// A tensor of goldens, a file or folder, by the name that it has there.
pub fn tensor(cases: &Path, name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = Recording::open(cases).unwrap_or_else(|e| panic!("{e}"));
    cases.unpack(folder.path()).expect("the folder is writable");
    let path = folder.path().join(format!("{name}.bin"));
    fs::read(&path).unwrap_or_else(|e| panic!("{name}: {e}"))
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
    /// Compiles the model and runs its cases, as many of each entry as take no more than `most` multiply-accumulates.
    pub fn check(&self, most: u64) -> Outcome {
        let program = match self.compile() {
            Ok(program) => program,
            Err(error) => return Outcome::LeftOut(error),
        };
        let mut total = 0;
        let mut difference = 0f32;
        for (i, entry) in program.entries.iter().enumerate() {
            let Some(recorded) = self.recorded(&program, i) else {
                continue;
            };
            let takes = usize::try_from(most / entry.macs.max(1)).unwrap_or(usize::MAX);
            if takes == 0 {
                return Outcome::Large;
            }
            match check_entry(&program, entry, &recorded, takes) {
                Ok((cases, worst)) => {
                    total += cases;
                    difference = difference.max(worst);
                }
                Err(difference) => return Outcome::Failed(difference),
            }
        }
        if total == 0 {
            return Outcome::Unanswered;
        }
        Outcome::Passed {
            cases: total,
            difference,
        }
    }

    fn compile(&self) -> Result<Program, Error> {
        compile::compile(&read(&self.model)?, &CompileOptions::default())
    }

    /// All outputs of the first `cases` cases of every entry.
    pub fn outputs(&self, program: &Program, cases: usize) -> Vec<Vec<u8>> {
        let mut outputs = Vec::new();
        for (i, entry) in program.entries.iter().enumerate() {
            if let Some(recorded) = self.recorded(program, i) {
                outputs.extend(runs(program, entry, &recorded).take(cases).flatten());
            }
        }
        outputs
    }

    /// The first difference between what two programs of the model compute in the first `cases` cases of every entry: none
    /// between integers, and between floats none of more than the tolerance.
    pub fn difference(&self, one: &Program, other: &Program, cases: usize) -> Option<Difference> {
        for (i, (entry, again)) in one.entries.iter().zip(&other.entries).enumerate() {
            let Some(recorded) = self.recorded(one, i) else {
                continue;
            };
            let both = runs(one, entry, &recorded).zip(runs(other, again, &recorded));
            for (case, (expected, found)) in recorded.cases.iter().zip(both).take(cases) {
                for (output, port) in entry.outputs.iter().enumerate() {
                    let compared = compare(port, &found[output], &expected[output]);
                    if let Err((element, found, expected)) = compared {
                        return Some(Difference {
                            case: case.name.clone(),
                            output,
                            element,
                            found,
                            expected,
                        });
                    }
                }
            }
        }
        None
    }

    /// The cases of an entry, if there are any.
    fn recorded(&self, program: &Program, position: usize) -> Option<Recorded> {
        let entry = &program.entries[position];
        let all = Recording::open(&self.cases).unwrap_or_else(|e| panic!("{e}"));
        let own = match (position, &entry.signature) {
            (0, _) | (_, None) => Some(&all),
            (_, Some(signature)) => all.of_signature(signature),
        }?;
        let cases = own.cases(&Interface::from(entry));
        let keeps_state = program.state_bytes > 0;
        Some(Recorded {
            cases: cases.unwrap_or_else(|e| panic!("{}: {e}", self.name)),
            successive: own.successive(keeps_state)
                || keeps_state && SUCCESSIVE.contains(&&*self.name),
        })
    }
}

/// Models whose cases are successive runs although their `meta.json` says that they are not: TensorFlow Lite Micro's interpreter
/// gives the recorded outputs in sequence alone. No rule can tell them from cases that were recorded anew each.
pub const SUCCESSIVE: [&str; 2] = ["lstm_f32", "lstm_int8"];

/// Cases of an entry, and whether they are successive runs.
struct Recorded {
    cases: Vec<Case>,
    successive: bool,
}

/// All outputs of each case. In successive runs what lasts from run to run stays; otherwise each begins with a state as at
/// first.
fn runs<'a>(
    program: &'a Program,
    entry: &'a Entry,
    recorded: &'a Recorded,
) -> impl Iterator<Item = Vec<Vec<u8>>> {
    let mut machine = Machine::new(program, entry);
    recorded.cases.iter().map(move |case| {
        if !recorded.successive {
            machine.reset();
        }
        // A run may find anything: of floats, that is no number.
        machine.fill_arena(0xff);
        for (i, bytes) in case.inputs.iter().enumerate() {
            machine.set_input(i, bytes).expect("inputs fit the model");
        }
        machine.run().expect("kernels take their operands");
        for (i, bytes) in case.inputs.iter().enumerate() {
            let is_held = program.is_held(&entry.inputs[i]);
            let is_left = !is_held || machine.input(i) == Some(bytes);
            assert!(is_left, "a run writes to input {i} of {}", program.name);
        }
        let outputs = (0..entry.outputs.len()).filter_map(|i| machine.output(i));
        outputs.map(<[u8]>::to_vec).collect()
    })
}

fn check_entry(
    program: &Program,
    entry: &Entry,
    recorded: &Recorded,
    most: usize,
) -> Result<(usize, f32), Difference> {
    let (mut compared, mut worst) = (0, 0f32);
    let runs = runs(program, entry, recorded);
    for (case, outputs) in recorded.cases.iter().zip(runs).take(most) {
        if case.outputs.iter().all(Option::is_none) {
            let ends = outputs.is_empty() || !program.may_end_early();
            assert!(ends, "the run of case {} does not end early", case.name);
            continue;
        }
        compared += 1;
        for (i, port) in entry.outputs.iter().enumerate() {
            let expected = case.outputs[i].as_ref().expect("a case has every output");
            let found = &outputs[i];
            let at = |element, found: String, expected: String| Difference {
                case: case.name.clone(),
                output: i,
                element,
                found,
                expected,
            };
            worst = worst.max(compare(port, found, expected).map_err(|(e, f, x)| at(e, f, x))?);
        }
    }
    Ok((compared, worst))
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
