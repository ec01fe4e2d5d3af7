//! Differences that are known, with the reason of each. `docs/accuracy.md` has them for users.

use castiron_codegen::graph::DType;
use castiron_codegen::tflite;

use super::Sample;
use super::compare::Difference;
use super::oracle::Fault;
use super::reference::Engine;

/// A difference that is as it should be.
#[derive(Debug, Clone, Copy)]
pub struct Explained {
    /// Who computes something else.
    pub engine: Engine,
    /// What the last operator's line begins with: its name and its first input's type.
    pub operator: &'static str,
    /// Which of its differences these are.
    when: When,
    /// Why.
    pub reason: &'static str,
}

/// Which differences of an operator are explained.
#[derive(Debug, Clone, Copy)]
enum When {
    Always,
    /// Of an input of this scale and greater ones.
    ScaleFrom(f32),
    /// Where castiron's element, which differs first, is an end of the range.
    Ends,
    /// Where few numbers differ, all of them by one.
    Rounding,
    /// The same, or any number of them where the 16 bits of a factor that are multiplied with words are others in double precision.
    Factor,
}

const fn row(engine: Engine, operator: &'static str, reason: &'static str) -> Explained {
    Explained {
        engine,
        operator,
        when: When::Always,
        reason,
    }
}

impl Explained {
    const fn when(self, when: When) -> Self {
        Self { when, ..self }
    }
}

/// The table.
pub const EXPLAINED: &[Explained] = &[
    row(
        Engine::LiteRt,
        "SUM of i8",
        "LiteRT's reference kernel adds stored values, or rescales in floats",
    ),
    row(
        Engine::Tflm,
        "RSQRT of i8",
        "TFLM stops at a negative number, of which castiron gives the greatest value",
    ),
    row(Engine::LiteRt, "FULLY_CONNECTED of i16", ONCE),
    row(Engine::LiteRt, "FULLY_CONNECTED of i8", ONCE),
    row(Engine::LiteRt, "FULLY_CONNECTED of u8", ONCE),
    row(Engine::LiteRt, "PRELU of i8", LAST),
    row(Engine::LiteRt, "PRELU of u8", LAST),
    row(Engine::LiteRt, "PRELU of i16", LAST),
    row(Engine::LiteRt, "SOFTMAX of i16", LAST),
    row(
        Engine::LiteRt,
        "MUL of i16",
        "LiteRT divides the scales in single precision, TFLM and castiron in double",
    ),
    row(Engine::LiteRt, "REDUCE_PROD of i8", COPIES),
    row(Engine::LiteRt, "REDUCE_PROD of i16", COPIES),
    row(Engine::LiteRt, "LOGISTIC of i8", FIXED),
    row(Engine::LiteRt, "LOGISTIC of u8", FIXED),
    row(Engine::LiteRt, "TANH of i8", FIXED),
    row(Engine::LiteRt, "TANH of u8", FIXED),
    row(Engine::Tflm, "LOGISTIC of i8", LEAST).when(When::ScaleFrom(8.0)),
    row(Engine::Tflm, "TANH of i8", LEAST).when(When::ScaleFrom(8.0)),
    row(Engine::Tflm, "LEAKY_RELU of i8", DOUBLE).when(When::Rounding),
    row(Engine::Tflm, "LEAKY_RELU of i16", DOUBLE).when(When::Rounding),
    row(Engine::Tflm, "RELU of i8", DOUBLE).when(When::Rounding),
    row(Engine::Tflm, "RELU of i16", DOUBLE).when(When::Rounding),
    row(Engine::Tflm, "FULLY_CONNECTED of i8", DOUBLE).when(When::Rounding),
    row(Engine::Tflm, "FULLY_CONNECTED of i16", DOUBLE).when(When::Factor),
    row(Engine::Tflm, "BATCH_MATMUL of i8", DOUBLE).when(When::Rounding),
    row(Engine::Tflm, "BATCH_MATMUL of i16", DOUBLE).when(When::Factor),
    row(Engine::Tflm, "SVDF of i8", DOUBLE).when(When::Rounding),
    row(
        Engine::LiteRt,
        "POW of i32",
        "what 32 bits do not hold is undefined in the references' language; castiron gives the nearest end of the range",
    )
    .when(When::Ends),
    row(
        Engine::Tflm,
        "PAD of i16",
        "TFLM pads int16 with a stored zero, whatever the zero point; LiteRT and castiron pad with the zero point",
    )
    .when(When::Ends),
    row(Engine::Tflm, "DIV of i8", SHIFTS),
    row(Engine::LiteRt, "DIV of i8", SHIFTS),
    row(Engine::LiteRt, "DIV of u8", SHIFTS),
];

const LEAST: &str = "of a scale of 8 and more, TFLM gives the least value for a stored zero";

const DOUBLE: &str = "TFLM since autumn 2026 computes the factor in double precision; its revision that castiron follows, LiteRT and castiron in single";

const FIXED: &str = "LiteRT 2.3 makes its table with floats; TFLM and castiron compute in fixed point, of which uint8 has the int8 results";
const LAST: &str = "LiteRT 2.3 has another last bit; TFLM agrees with castiron";

const COPIES: &str = "of products of one factor, LiteRT copies what is stored, whatever the scales; castiron rescales it";

const ONCE: &str =
    "LiteRT's newer kernel rounds once, in double precision; TFLM and castiron round twice";

const SHIFTS: &str =
    "the references shift by 32 bits and more, which their language leaves undefined";

/// Operators that an engine is not asked about: it would use memory that is not the operator's, and what it gives is chance; or it cannot be
/// asked. Each by what its line begins with, and what is in it besides.
const UNSAFE: &[(Engine, [&str; 2], &str)] = &[
    (
        Engine::LiteRt,
        ["SUM of i16", ""],
        "LiteRT's reference kernel gives another result in every run",
    ),
    (
        Engine::LiteRt,
        ["SVDF of i8", ""],
        "LiteRT takes a state of int8 for one of int16",
    ),
    (
        Engine::LiteRt,
        ["FULLY_CONNECTED of f32", "in blocks"],
        "LiteRT's reference kernel knows no weights in blocks",
    ),
    (
        Engine::LiteRt,
        ["DEPTHWISE_CONV_2D of f32", "], i4["],
        "LiteRT's DEPTHWISE_CONV_2D of floats takes weights of four bits for ones of eight",
    ),
    (
        Engine::Tflm,
        ["GREATER of i16", ""],
        "TFLM computes it with scales that it never sets",
    ),
    (
        Engine::Tflm,
        ["SPACE_TO_BATCH_ND", ""],
        "TFLM pads with a byte of its memory that it never sets",
    ),
];

/// Why an engine must not be asked about a model.
pub(super) fn unsafe_for(engine: Engine, sample: &Sample) -> Option<&'static str> {
    // Of those that no operator reads, too.
    let mut inputs = sample.inputs.iter();
    if engine == Engine::Tflm && inputs.any(|input| input.dtype == DType::Uint16) {
        return Some("TFLM's interpreter takes no inputs of uint16 from Python");
    }
    let mut rows = UNSAFE.iter().filter(|row| row.0 == engine);
    let row = rows.find(|(_, [begin, besides], _)| {
        let mut lines = sample.lines.iter();
        lines.any(|line| {
            let line = line.replace("constant ", "");
            line.starts_with(begin) && line.contains(besides)
        })
    });
    row.map(|row| row.2)
}

/// Why another engine gives something else for the last operator of a model, or for the one that writes the output, if that is known: an operator
/// that adds an input gives the others new numbers, with which an earlier one may differ.
pub(super) fn of_difference(
    engine: Engine,
    sample: &Sample,
    how: &Difference,
) -> Option<&'static str> {
    let writer = how.output.and_then(|output| writer(sample, output));
    let last = sample.lines.last()?;
    let lines = sample.lines.iter().filter(|line| {
        let is_writer = |name: &String| line.split(' ').next() == Some(name);
        *line == last || writer.as_ref().is_some_and(is_writer)
    });
    // A constant is computed with like any other.
    let lines: Vec<String> = lines.map(|line| line.replace("constant ", "")).collect();
    let scales = || {
        let model = tflite::read("random.tflite", &sample.file).ok()?;
        let graph = model.graphs.first()?;
        let last = graph.operators.last()?;
        let tensors = last.inputs.iter().flatten().chain(&last.outputs);
        let scales = tensors.map(|id| {
            let quantization = graph.tensor(*id).quantization.as_ref()?;
            quantization.scale.first().copied()
        });
        Some(scales.collect::<Vec<Option<f32>>>())
    };
    let is_rounding = how.by_one && how.few;
    let mut rows = EXPLAINED.iter().filter(|row| row.engine == engine);
    let row = rows.find(|row| {
        lines.iter().any(|line| line.starts_with(row.operator))
            && match row.when {
                When::Always => true,
                When::ScaleFrom(least) => {
                    scales().and_then(|scales| *scales.first()?) >= Some(least)
                }
                When::Ends => ENDS.iter().any(|end| how.what.ends_with(end)),
                When::Rounding => is_rounding,
                When::Factor => is_rounding || (how.by_one && scales().is_some_and(is_other)),
            }
    });
    row.map(|row| row.reason)
}

/// The name of the operator that writes an output.
fn writer(sample: &Sample, output: usize) -> Option<String> {
    let model = tflite::read("random.tflite", &sample.file).ok()?;
    let graph = model.graphs.first()?;
    let id = Some(graph.outputs.get(output)?);
    let writer = graph
        .operators
        .iter()
        .find(|operator| operator.outputs.first() == id)?;
    Some(writer.kind.name().to_string())
}

/// Whether a product's factor has other bits in double precision, of those that its sums of 64 bits are multiplied with.
fn is_other(scales: Vec<Option<f32>>) -> bool {
    let [Some(x), Some(weights), .., Some(y)] = scales[..] else {
        return false;
    };
    let bits = |factor: f64| {
        let exponent = factor.log2().floor() + 1.0;
        (factor * (15.0 - exponent).exp2()).round()
    };
    let [x, weights, y, product] = [x, weights, y, x * weights].map(f64::from);
    bits(product / y) != bits(x * weights / y)
}

/// What words about a difference end with where castiron gives an end of 32 bits.
const ENDS: [&str; 2] = ["castiron's 2147483647", "castiron's -2147483648"];

/// Why castiron refuses a model that was drawn, if that is known.
pub(super) fn of_fault(_: &Sample, fault: &Fault) -> Option<&'static str> {
    let Fault::Refused(why) = fault else {
        return None;
    };
    let known = REFUSED.iter().find(|(words, _)| why.contains(words));
    known.map(|(_, reason)| *reason)
}

/// Limits of castiron that a drawn model may meet, by words of the error.
const REFUSED: &[(&str, &str)] = &[
    (
        "too many dimensions",
        "kernels have loops for so many dimensions that do not merge",
    ),
    (
        "broadcast along too many",
        "kernels have loops for so many dimensions that do not merge",
    ),
];
