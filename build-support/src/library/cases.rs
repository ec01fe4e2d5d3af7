//! Cases of a self-test: made up and run on the host, or recorded.

use std::path::PathBuf;

use castiron_cases::{Interface, Recording};
use castiron_codegen::emit::c_api::Case;
use castiron_codegen::error::{Diagnostic, Error, Result};
use castiron_codegen::exec::Machine;
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
    /// Those of a `.safetensors` file, or of a folder: see [`castiron_cases`].
    Recorded(PathBuf),
    /// These.
    Given(Vec<Case>),
}

/// Cases, and how they follow each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The cases.
    pub cases: Vec<Case>,
    /// What a recording calls them; none where they are not from one.
    pub names: Vec<String>,
    /// Whether each begins with what the one before has left in the model's variables, rather than anew.
    pub successive: bool,
}

impl Cases {
    /// The cases for a model of these inputs and outputs. Without a program there are none to make up.
    pub(crate) fn of(
        &self,
        program: Option<&Program>,
        interface: &Interface<'_>,
    ) -> Result<Recorded> {
        let keeps_state = program.is_none_or(|program| program.state_bytes > 0);
        match self {
            Self::MadeUp => program.map_or_else(|| Ok(Recorded::default()), made_up),
            Self::Recorded(path) => {
                let recording = Recording::open(path)?;
                Recorded::new(&recording, interface, program)
            }
            Self::Given(cases) => Ok(Recorded {
                cases: cases.clone(),
                names: Vec::new(),
                successive: keeps_state,
            }),
        }
    }

    /// What cases are read from, where they are recorded.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let Self::Recorded(path) = self else {
            return Vec::new();
        };
        Recording::open(path).map_or_else(|_| vec![path.clone()], |found| found.files())
    }

    /// For the comment on top of the self-test.
    pub(super) fn describe(&self) -> [&'static str; 2] {
        match self {
            Self::MadeUp => [
                "Inputs are made up, over the whole range of integers and from -1 to 1 for floats;",
                "outputs are what castiron computes for them on the host.",
            ],
            Self::Recorded(_) | Self::Given(_) => [
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
        names: Vec::new(),
        successive: program.state_bytes > 0,
    })
}

impl Recorded {
    /// All cases of a recording, for a model of these inputs and outputs. Without a program, it may be any that has them.
    ///
    /// # Errors
    /// If a case does not fit the model, or lacks a tensor.
    pub fn new(
        recording: &Recording,
        interface: &Interface<'_>,
        program: Option<&Program>,
    ) -> Result<Self> {
        let keeps_state = program.is_none_or(|program| program.state_bytes > 0);
        let may_end_early = program.is_none_or(Program::may_end_early);
        let file = recording.path().display().to_string();
        let in_file = |e: Error| e.in_file(&file);
        let cases = recording.cases(interface)?;
        let names = cases.iter().map(|case| case.name.clone()).collect();
        let successive = recording.successive(keeps_state);
        let cases = cases.into_iter().map(|case| {
            // Its run ended early.
            if may_end_early && case.outputs.iter().all(Option::is_none) {
                return Ok(Case {
                    inputs: case.inputs,
                    outputs: Vec::new(),
                });
            }
            let outputs = case
                .outputs
                .into_iter()
                .enumerate()
                .map(|(position, bytes)| {
                    bytes.ok_or_else(|| {
                        Diagnostic::new(format!("case {} has no output {position}", case.name))
                            .expected("every input and output of a case")
                            .help("record the model's outputs, too")
                            .into()
                    })
                });
            Ok(Case {
                outputs: outputs.collect::<Result<_>>().map_err(in_file)?,
                inputs: case.inputs,
            })
        });
        Ok(Self {
            cases: cases.collect::<Result<_>>()?,
            names,
            successive,
        })
    }

    /// What the case at a position is called.
    #[must_use]
    pub fn name(&self, position: usize) -> String {
        let name = self.names.get(position);
        name.map_or_else(|| position.to_string(), Clone::clone)
    }
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
}
