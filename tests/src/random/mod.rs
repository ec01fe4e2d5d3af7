//! Valid models, decided by bytes, and what has to hold of each.
//!
//! A model is one to twenty rows of a table (`rows`), each an operator with what shapes, types and quantisations it takes. Whatever is drawn
//! is valid: castiron has to compile it. `oracle` asks what castiron itself can tell: that neither passes nor plans nor kernels change a result.
//! `reference` asks other interpreters.

mod campaign;
mod compare;
mod control;
mod convert;
mod draw;
mod elementwise;
mod explained;
mod movement;
mod oracle;
mod products;
mod reduce;
mod reference;
mod rows;
mod windows;

pub use campaign::{Campaign, Found, Tally};
pub use explained::EXPLAINED;
pub use reference::{Engine, References};
pub use rows::LEFT_OUT;

use castiron_codegen::graph::{BuiltinOperator, DType};
use castiron_test_tools::file::Options;
use fastrand::Rng;

use draw::{Draw, Input, Output};
use rows::{BROUGHT, ROWS, Row};

/// Bytes that decide a model of a seed.
const BYTES: usize = 1536;
/// The most rows that a model is made of.
const MOST_ROWS: usize = 20;
/// Runs that a model is asked for.
pub const RUNS: usize = 3;

/// A model, and what its inputs are.
#[derive(Debug)]
pub struct Sample {
    /// The file.
    pub file: Vec<u8>,
    /// Its operators in words.
    pub lines: Vec<String>,
    /// How many rows it is made of.
    pub rows: usize,
    inputs: Vec<Input>,
    outputs: Vec<Output>,
    seed: u64,
}

impl Sample {
    /// The model that bytes decide.
    pub fn of(bytes: &[u8]) -> Self {
        Self::cut(bytes, MOST_ROWS, &|_| true)
    }

    /// The same of bytes that follow from two numbers.
    pub fn of_seed(seed: u64, number: u64) -> Self {
        Self::of(&bytes(seed, number))
    }

    /// The first rows of the model, of operators that are wanted.
    fn cut(bytes: &[u8], most: usize, wanted: &dyn Fn(BuiltinOperator) -> bool) -> Self {
        let mut draw = Draw::new(bytes);
        let table: Vec<&Row> = ROWS.iter().filter(|row| wanted(row.op)).collect();
        let count = match draw.one_in(3) {
            true => 1,
            false => draw.between(1..=MOST_ROWS),
        };
        let mut rows = 0;
        for _ in 0..4 * count {
            if rows == count.min(most) || draw.is_over() || table.is_empty() {
                break;
            }
            let row = draw.choose(&table);
            if (row.rule)(&mut draw, row.op).is_some() {
                rows += 1;
            }
        }
        if rows == 0 {
            // Of a model there is something.
            let x = draw.fresh_of(DType::Int8, &[1, 4]);
            let y = x.shaped(&x.shape);
            draw.emit_one(BuiltinOperator::Relu, &[x.id], y, Options::None);
            rows = 1;
        }
        let (file, inputs, outputs, lines) = draw.finish();
        Self {
            file,
            lines,
            rows,
            inputs,
            outputs,
            seed: bytes.iter().fold(0, |hash: u64, byte| {
                hash.wrapping_mul(31).wrapping_add((*byte).into())
            }),
        }
    }

    /// The inputs of a run.
    pub fn inputs(&self, run: usize) -> Vec<Vec<u8>> {
        let mut random = Rng::with_seed(self.seed ^ run as u64);
        let bytes = (self.inputs.iter())
            .map(|i| draw::elements(&mut random, i.dtype, i.elements, &i.range));
        bytes.collect()
    }
}

/// Bytes that follow from two numbers.
fn bytes(seed: u64, number: u64) -> Vec<u8> {
    let mut random = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
    (0..BYTES).map(|_| random.u8(..)).collect()
}

/// Whether models have an operator.
pub fn draws(op: BuiltinOperator) -> bool {
    ROWS.iter().any(|row| row.op == op) || BROUGHT.iter().any(|brought| brought.0 == op)
}

/// What a fuzzer does: the model of any bytes compiles, and neither passes nor plans change what it computes.
///
/// # Panics
/// If that does not hold.
pub fn take(bytes: &[u8]) -> bool {
    let sample = Sample::of(bytes);
    match oracle::check(&sample) {
        Ok(_) => true,
        Err(fault) if explained::of_fault(&sample, &fault).is_some() => false,
        Err(fault) => panic!("{fault}\n{}", sample.lines.join("\n")),
    }
}

/// Bytes for a fuzzer to begin with.
pub fn seeds() -> Vec<Vec<Vec<u8>>> {
    vec![(0..64).map(|number| bytes(0, number)).collect()]
}
