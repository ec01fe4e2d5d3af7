//! Valid models, decided by bytes, and what has to hold of each.
//!
//! A model is one to twenty rows of a table (`rows`), each an operator with what shapes, types and quantisations it takes. Whatever is drawn
//! is valid: castiron has to compile it. `oracle` asks what castiron itself can tell: that neither passes nor plans nor kernels change a result.
//! `reference` asks other interpreters.

mod campaign;
mod compare;
mod control;
mod convert;
mod custom;
mod draw;
mod elementwise;
mod explained;
mod lookup;
mod model;
mod movement;
mod open;
mod oracle;
mod products;
mod reduce;
mod reference;
mod retyped;
mod rows;
mod sandwich;
mod signal;
mod spec;
mod weights;
mod windows;

pub use campaign::{Campaign, Found, Tally};
pub use explained::EXPLAINED;
pub use reference::{Engine, References};
pub use rows::LEFT_OUT;

use castiron_codegen::graph::{BuiltinOperator, DType};
use castiron_test_tools::file::{Model, Options};
use fastrand::Rng;

use draw::Draw;
use model::Drawn;
use open::Open;
use rows::{BROUGHT, Focus, Kind, ROWS, Row};
use sandwich::Sandwich;
use spec::{Input, Output};

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
    /// The same with sizes that are given later.
    open: Option<Open>,
    inputs: Vec<Input>,
    outputs: Vec<Output>,
    /// What the file was written from.
    model: Model,
    seed: u64,
}

impl Sample {
    /// The model that bytes decide.
    pub fn of(bytes: &[u8]) -> Self {
        Self::cut(bytes, MOST_ROWS, None)
    }

    /// The same of bytes that follow from two numbers.
    pub fn of_seed(seed: u64, number: u64) -> Self {
        Self::of(&bytes(seed, number))
    }

    /// A model of one row, of an operator that is a row.
    pub fn of_operator(name: &str, number: u64) -> Self {
        let bytes = bytes(0, number);
        let mut draw = Draw::new(&bytes);
        draw.is_alone = true;
        Self::drawn(draw, &bytes, 1, Some(&[name.to_owned()]))
    }

    /// The first rows of the model, of operators that are wanted.
    fn cut(bytes: &[u8], most: usize, wanted: Option<&[String]>) -> Self {
        Self::drawn(Draw::new(bytes), bytes, most, wanted)
    }

    fn drawn(mut draw: Draw<'_>, bytes: &[u8], most: usize, wanted: Option<&[String]>) -> Self {
        let focus = Focus::draw(&mut draw);
        let seldom = if draw.is_alone { 2 } else { 3 };
        draw.is_hybrid = draw.one_in(seldom);
        let is_wanted = |row: &&Row| match wanted {
            Some(names) => names.iter().any(|name| name == row.kind().name()),
            None => focus.takes(row),
        };
        let table: Vec<&Row> = ROWS.iter().filter(is_wanted).collect();
        let count = match draw.one_in(3) {
            true => 1,
            false => draw.between(1..=MOST_ROWS),
        };
        let is_turn = |row: &&Row| matches!(row.kind(), Kind::Builtin(BuiltinOperator::Transpose));
        let turns = table.iter().any(is_turn);
        let (mut rows, mut sandwich) = (0, None::<Sandwich>);
        for _ in 0..4 * count {
            if rows == count.min(most) || draw.is_over() || table.is_empty() {
                break;
            }
            let drawn = match sandwich.take() {
                Some(open) => {
                    let (drawn, rest) = open.next(&mut draw, &table);
                    sandwich = rest;
                    drawn
                }
                None if turns && draw.one_in(8) => {
                    sandwich = Sandwich::begin(&mut draw);
                    sandwich.as_ref().map(|_| ())
                }
                None => draw.choose(&table).draw(&mut draw),
            };
            rows += usize::from(drawn.is_some());
        }
        if rows == 0 {
            // Of a model there is something.
            let x = draw.fresh_of(DType::Int8, &[1, 4]);
            let y = x.shaped(&x.shape);
            draw.emit_one(BuiltinOperator::Relu, &[x.id], y, Options::None);
            rows = 1;
        }
        let Drawn {
            file,
            model,
            open,
            inputs,
            outputs,
            lines,
        } = draw.finish();
        Self {
            file,
            lines,
            rows,
            open,
            inputs,
            outputs,
            model,
            seed: bytes.iter().fold(0, |hash: u64, byte| {
                hash.wrapping_mul(31).wrapping_add((*byte).into())
            }),
        }
    }

    /// The inputs of a run.
    pub fn inputs(&self, run: usize) -> Vec<Vec<u8>> {
        let mut random = Rng::with_seed(self.seed ^ run as u64);
        let bytes = (self.inputs.iter())
            .map(|i| spec::elements(&mut random, i.dtype, i.elements, &i.range));
        bytes.collect()
    }
}

/// Bytes that follow from two numbers.
fn bytes(seed: u64, number: u64) -> Vec<u8> {
    let mut random = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
    (0..BYTES).map(|_| random.u8(..)).collect()
}

/// Whether models have an operator of this name.
pub fn draws(name: &str) -> bool {
    is_row(name) || BROUGHT.iter().any(|brought| brought.0.name() == name)
}

/// Whether models can be made of an operator of this name.
pub fn is_row(name: &str) -> bool {
    ROWS.iter().any(|row| row.kind().name() == name)
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
