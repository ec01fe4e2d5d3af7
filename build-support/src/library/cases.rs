//! Cases of a self-test: made up and run on the host, or read from a folder of goldens.

use std::fs;
use std::path::{Path, PathBuf};

use castiron_codegen::emit::c_api::Case;
use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::exec::Machine;
use castiron_codegen::files;
use castiron_codegen::graph::DType;
use castiron_codegen::program::{ElementType, Operand, Port, Program};

/// Cases that are made up.
const MADE_UP: usize = 3;
/// Bytes of inputs and outputs in a self-test, unless told otherwise.
pub(super) const MOST_BYTES: usize = 16 << 10;

/// Where a self-test's cases come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Cases {
    /// Inputs over the whole range of their types, the same every time, with castiron's outputs.
    #[default]
    MadeUp,
    /// `in_<case>_<i>.bin` and `out_<case>_<i>.bin` of a folder, raw and little endian.
    Folder(PathBuf),
    /// These.
    Given(Vec<Case>),
}

/// Cases, and how they follow each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The cases.
    pub cases: Vec<Case>,
    /// Whether each begins with what the one before has left in the model's variables, rather than anew.
    pub successive: bool,
}

impl Cases {
    /// The cases for a model of so many inputs and outputs. Without a program there are none to
    /// make up.
    pub(crate) fn of(&self, program: Option<&Program>, counts: [usize; 2]) -> Result<Recorded> {
        let keeps_state = program.is_none_or(|program| program.state_bytes > 0);
        match self {
            Self::MadeUp => program.map_or_else(|| Ok(Recorded::default()), made_up),
            Self::Folder(folder) => Recorded::read(folder, counts, keeps_state),
            Self::Given(cases) => Ok(Recorded {
                cases: cases.clone(),
                successive: keeps_state,
            }),
        }
    }

    /// What cases are read from: the folder, which changes when one comes or goes, and its files.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let Self::Folder(folder) = self else {
            return Vec::new();
        };
        let is_case = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            (name.starts_with("in_") || name.starts_with("out_")) && name.ends_with(".bin")
        };
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|e| e.path()).filter(is_case).collect();
        files.sort();
        files.insert(0, folder.clone());
        files
    }

    /// For the comment on top of the self-test.
    pub(super) fn describe(&self) -> [&'static str; 2] {
        match self {
            Self::MadeUp => [
                "Inputs are made up, over the whole range of integers and from -1 to 1 for floats;",
                "outputs are what castiron computes for them on the host.",
            ],
            Self::Folder(_) | Self::Given(_) => [
                "Inputs and outputs were given",
                "when the library was made.",
            ],
        }
    }
}

fn made_up(program: &Program) -> Result<Recorded> {
    let Some(entry) = program.entries.first() else {
        return Ok(Recorded::default());
    };
    let mut machine = Machine::new(program, entry);
    let cases = (0..MADE_UP)
        .map(|case| {
            let mut numbers = Numbers::new(case as u64);
            let mut inputs = Vec::new();
            for (i, port) in entry.inputs.iter().enumerate() {
                let bytes = numbers.input(port);
                machine.set_input(i, &bytes)?;
                inputs.push(bytes);
            }
            machine.run()?;
            let outputs = (0..entry.outputs.len())
                .filter_map(|i| machine.output(i).map(<[u8]>::to_vec))
                .collect();
            Ok(Case { inputs, outputs })
        })
        .collect::<Result<_>>()?;
    Ok(Recorded {
        cases,
        successive: program.state_bytes > 0,
    })
}

impl Recorded {
    /// Reads `in_<case>_<i>.bin` and `out_<case>_<i>.bin`, the cases of a model of so many inputs and outputs.
    /// Where there is a `meta.json` beside them, its `golden.stateful` says whether they are successive runs;
    /// otherwise they are of a model that keeps state.
    ///
    /// # Errors
    /// If there is no case, or one is incomplete.
    pub fn read(folder: &Path, counts: [usize; 2], keeps_state: bool) -> Result<Self> {
        Ok(Self {
            cases: read(folder, counts)?,
            successive: keeps_state && is_successive(folder)?.unwrap_or(true),
        })
    }
}

/// What a folder's `meta.json` says, if there is one.
fn is_successive(folder: &Path) -> Result<Option<bool>> {
    let path = folder.join("meta.json");
    if !path.is_file() {
        return Ok(None);
    }
    let wrong = |e: &dyn std::fmt::Display| {
        Diagnostic::new(format!("cannot read {}: {e}", path.display()))
            .expected("JSON whose golden.stateful says whether the cases are successive runs")
            .help("correct it, or remove it")
    };
    let bytes = files::read(&path, files::MOST_OF_A_TENSOR).map_err(|e| wrong(&e))?;
    let meta: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| wrong(&e))?;
    Ok(Some(meta["golden"]["stateful"] == true))
}

fn read(folder: &Path, [inputs, outputs]: [usize; 2]) -> Result<Vec<Case>> {
    let file = |role: &str, case: usize, i: usize| folder.join(format!("{role}_{case}_{i}.bin"));
    let mut cases = Vec::new();
    while file("in", cases.len(), 0).is_file() {
        let side = |role: &str, count: usize| {
            (0..count)
                .map(|i| {
                    let path = file(role, cases.len(), i);
                    files::read(&path, files::MOST_OF_A_TENSOR).map_err(|e| {
                        let message = format!("cannot read {}: {e}", path.display());
                        Diagnostic::new(message).expected("every input and output of a case")
                    })
                })
                .collect::<Result<Vec<_>, _>>()
        };
        let (inputs, outputs) = (side("in", inputs)?, side("out", outputs)?);
        cases.push(Case { inputs, outputs });
    }
    if cases.is_empty() {
        return Err(
            Diagnostic::new(format!("there is no case in {}", folder.display()))
                .expected("files in_<case>_<i>.bin and out_<case>_<i>.bin, with cases from 0")
                .help("omit --golden to use generated inputs")
                .into(),
        );
    }
    Ok(cases)
}

/// As many of the first cases as stay within `limit` bytes; the first in any case.
pub(super) fn that_fit(cases: &[Case], limit: usize) -> &[Case] {
    let mut bytes = 0;
    let fit = cases.iter().take_while(|case| {
        let tensors = case.inputs.iter().chain(&case.outputs);
        bytes += tensors.map(Vec::len).sum::<usize>();
        bytes <= limit
    });
    let count = fit.count().max(1);
    cases.get(..count).unwrap_or(cases)
}

/// Numbers that look random and are the same everywhere (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// Floats are in −1 to 1, wide integers small enough for sums, others anything.
    fn input(&mut self, port: &Port) -> Vec<u8> {
        let Operand { element, len, .. } = port.operand;
        let mut bytes = Vec::with_capacity(len * element.bytes());
        for _ in 0..len {
            let number = self.next();
            match element {
                _ if port.dtype == DType::Bool => bytes.push((number & 1) as u8),
                ElementType::F32 => {
                    let value = f64::from(number as i32) / f64::from(1u32 << 31);
                    bytes.extend((value as f32).to_le_bytes());
                }
                ElementType::I32 | ElementType::U32 => bytes.extend((number & 0xff).to_le_bytes()),
                ElementType::I64 | ElementType::U64 => {
                    bytes.extend(u64::from(number & 0xff).to_le_bytes())
                }
                _ => bytes.extend(&number.to_le_bytes()[..element.bytes()]),
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(bytes: usize) -> Case {
        Case {
            inputs: vec![vec![0; bytes]],
            outputs: Vec::new(),
        }
    }

    #[test]
    fn large_cases_are_left_out_but_for_the_first() {
        assert_eq!(that_fit(&[case(10), case(10), case(10)], 20).len(), 2);
        assert_eq!(that_fit(&[case(30), case(10)], 20).len(), 1);
        assert_eq!(that_fit(&[], 20).len(), 0);
    }

    #[test]
    fn files_of_cases_are_named_with_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["out_0_0.bin", "in_0_0.bin", "meta.json", "in.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let expected = ["", "in_0_0.bin", "out_0_0.bin"].map(|name| folder.path().join(name));
        assert_eq!(Cases::Folder(folder.path().to_owned()).files(), expected);
        assert!(Cases::MadeUp.files().is_empty());
    }
}
