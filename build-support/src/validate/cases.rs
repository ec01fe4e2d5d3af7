//! Inputs to run a model on.

use castiron_cases::Case;
use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::graph::DType;
use castiron_codegen::program::{Entry, Port};

/// How far from zero generated floats go.
const FLOAT_RANGE: f32 = 4.0;

/// Cases of random inputs over the whole range of integers, and within ±4 for floats. The same
/// seed gives the same inputs in every release.
pub fn generated(entry: &Entry, count: usize, seed: u64) -> Vec<Case> {
    let mut random = Random(seed);
    let case = |index: usize| Case {
        name: index.to_string(),
        inputs: (entry.inputs.iter())
            .map(|port| random.fill(port))
            .collect(),
        outputs: Vec::new(),
    };
    (0..count).map(case).collect()
}

/// That every case has the inputs and outputs of the model, in the right sizes.
pub(super) fn check(entry: &Entry, cases: &[Case]) -> Result<()> {
    if cases.is_empty() {
        return Err(Diagnostic::new("there are no inputs to validate with").into());
    }
    for case in cases {
        let wrong = |what: String| {
            Diagnostic::new(format!("case {} does not fit the model", case.name)).found(what)
        };
        if case.inputs.len() != entry.inputs.len() {
            return Err(wrong(format!("{} inputs", case.inputs.len()))
                .expected(format_args!("{} inputs", entry.inputs.len()))
                .into());
        }
        let outputs = case.outputs.iter().zip(&entry.outputs);
        let outputs = outputs.filter_map(|(bytes, port)| Some((bytes.as_ref()?, port)));
        let inputs = case.inputs.iter().zip(&entry.inputs);
        for (bytes, port) in inputs.chain(outputs) {
            let expected = port.operand.range().len();
            if bytes.len() != expected {
                return Err(wrong(format!("{} bytes for {:?}", bytes.len(), port.name))
                    .expected(format_args!(
                        "{expected} bytes: {} {:?}",
                        port.dtype, port.shape
                    ))
                    .into());
            }
        }
    }
    Ok(())
}

/// SplitMix64: a few lines that no update of a dependency changes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn fill(&mut self, port: &Port) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(port.operand.range().len());
        for _ in 0..port.operand.len {
            let bits = self.next();
            match port.dtype {
                DType::Bool => bytes.push((bits >> 63) as u8),
                DType::Float32 => {
                    let unit = (bits >> 40) as f32 / (1u32 << 24) as f32;
                    let value = (unit * 2.0 - 1.0) * FLOAT_RANGE;
                    bytes.extend(value.to_le_bytes());
                }
                _ => bytes.extend(&bits.to_le_bytes()[..port.operand.element.bytes()]),
            }
        }
        bytes
    }
}
