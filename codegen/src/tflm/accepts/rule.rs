//! The words that the table is written in: what a kernel asks of an operator's tensors and options.

use std::fmt::{Display, Write};

use crate::graph::Site;
use crate::graph::{Activation, DType, OptionValue, Options, Quantization, Tensor, TensorId};

/// A tensor of an operator, by its position.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    In(usize),
    Out(usize),
}

/// What a kernel asks for. Rules about a tensor hold where the operator has none there; that it has
/// to have one is a rule of its own.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// The number of inputs, those that are left out included.
    Inputs(usize, usize),
    /// The number of outputs.
    Outputs(usize, usize),
    /// The tensor is there.
    Present(At),
    /// The tensor has one of these types.
    Type(At, &'static [DType]),
    /// The tensors have one of these rows of types.
    Types(&'static [At], &'static [&'static [DType]]),
    /// The tensors have one type.
    SameType(&'static [At]),
    /// All inputs have the type of this tensor.
    InputsLike(At),
    /// The value is in the file.
    Constant(At),
    /// The least and the greatest number of dimensions.
    Rank(At, usize, usize),
    /// Two tensors have the same sizes.
    SameShape(At, At),
    /// Two tensors have equally many elements.
    SameElements(At, At),
    /// The tensor has one element.
    One(At),
    /// The tensor is quantised.
    Quantized(At),
    /// The tensor is not quantised.
    Plain(At),
    /// One scale for the whole tensor.
    PerTensor(At),
    /// Two tensors have one scale and zero point.
    SameQuantization(At, At),
    /// The zero point.
    ZeroPoint(At, i32),
    /// The scale, but for a small part of it.
    Scale(At, f32, f32),
    /// No fused activation.
    NoActivation,
    /// All of them hold.
    All(&'static [Rule]),
    /// The rules hold where the tensor has one of these types.
    If(At, &'static [DType], &'static [Rule]),
    /// What no word above says: what is expected, and what is found instead.
    Is(&'static str, fn(&Site<'_>) -> Result<(), String>),
}

/// How an operator breaks a rule.
pub(super) struct Broken {
    pub(super) expected: String,
    pub(super) found: String,
    pub(super) tensor: Option<TensorId>,
}

impl At {
    pub(super) fn id(self, site: &Site<'_>) -> Option<TensorId> {
        match self {
            Self::In(n) => site.optional_input_id(n),
            Self::Out(n) => site.operator.outputs.get(n).copied(),
        }
    }

    pub(super) fn tensor<'a>(self, site: &Site<'a>) -> Option<&'a Tensor> {
        self.id(site).map(|id| site.graph.tensor(id))
    }
}

impl Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::In(n) => write!(f, "input {n}"),
            Self::Out(n) => write!(f, "output {n}"),
        }
    }
}

/// The first rule that the operator breaks.
pub(super) fn first_broken(rules: &[Rule], site: &Site<'_>) -> Option<Broken> {
    rules.iter().find_map(|rule| rule.broken(site))
}

impl Rule {
    /// How the operator breaks the rule, if it does.
    pub(super) fn broken(&self, site: &Site<'_>) -> Option<Broken> {
        let operator = site.operator;
        match *self {
            Self::Inputs(least, most) => count("input", operator.inputs.len(), least, most),
            Self::Outputs(least, most) => count("output", operator.outputs.len(), least, most),
            Self::Present(at) => at.id(site).is_none().then(|| Broken {
                expected: at.to_string(),
                found: "none".to_owned(),
                tensor: None,
            }),
            Self::Type(at, types) => of(at, site, |tensor| {
                (!types.contains(&tensor.dtype))
                    .then(|| (format!("{at} of {}", list(types)), tensor.dtype.to_string()))
            }),
            Self::Types(tensors, rows) => together(tensors, rows, site),
            Self::SameType(tensors) => {
                let first = tensors.first()?;
                let dtype = first.tensor(site)?.dtype;
                let other = |at: &&At| at.tensor(site).is_some_and(|t| t.dtype != dtype);
                let at = tensors.iter().find(other)?;
                of(*at, site, |tensor| {
                    Some((
                        format!("{at} of {dtype}, as {first}"),
                        tensor.dtype.to_string(),
                    ))
                })
            }
            Self::InputsLike(like) => {
                let dtype = like.tensor(site)?.dtype;
                (0..operator.inputs.len()).find_map(|n| {
                    of(At::In(n), site, |tensor| {
                        (tensor.dtype != dtype).then(|| {
                            (
                                format!("input {n} of {dtype}, as {like}"),
                                tensor.dtype.to_string(),
                            )
                        })
                    })
                })
            }
            Self::Constant(at) => of(at, site, |tensor| {
                (!tensor.is_constant())
                    .then(|| (format!("a constant {at}"), "a computed one".to_owned()))
            }),
            Self::Rank(at, least, most) => of(at, site, |tensor| {
                let rank = tensor.shape.len();
                let bounds = match (least, most) {
                    _ if least == most => format!("{at} of {least} dimensions"),
                    (0, _) => format!("{at} of at most {most} dimensions"),
                    (_, usize::MAX) => format!("{at} of at least {least} dimensions"),
                    _ => format!("{at} of {least} to {most} dimensions"),
                };
                (!(least..=most).contains(&rank)).then(|| (bounds, shape(tensor)))
            }),
            Self::SameShape(like, at) => pair(like, at, site, |a, b| a.shape == b.shape),
            Self::SameElements(like, at) => {
                pair(like, at, site, |a, b| a.elements() == b.elements())
            }
            Self::One(at) => of(at, site, |tensor| {
                (tensor.elements() != 1).then(|| (format!("{at} of one element"), shape(tensor)))
            }),
            Self::Quantized(at) => of(at, site, |tensor| {
                (tensor.quantization.is_none())
                    .then(|| (format!("{at} with a scale"), "none".to_owned()))
            }),
            Self::Plain(at) => of(at, site, |tensor| {
                let quantization = tensor.quantization.as_ref()?;
                Some((format!("{at} without a scale"), scale(quantization)))
            }),
            Self::PerTensor(at) => of(at, site, |tensor| {
                let scales = tensor.quantization.as_ref().map_or(1, |q| q.scale.len());
                let found = match tensor.blocks {
                    Some(blocks) => format!("one for each {} elements", blocks.size),
                    None => format!("{scales} scales"),
                };
                (scales != 1 || tensor.blocks.is_some())
                    .then(|| (format!("one scale for the whole of {at}"), found))
            }),
            Self::SameQuantization(like, at) => {
                let expected = like.tensor(site)?.quantization.as_ref()?;
                of(at, site, |tensor| {
                    let found = tensor.quantization.as_ref()?;
                    let same = first(expected) == first(found);
                    (!same).then(|| {
                        (
                            format!("{at} with {}, as {like}", scale(expected)),
                            scale(found),
                        )
                    })
                })
            }
            Self::ZeroPoint(at, expected) => of(at, site, |tensor| {
                let (_, found) = first(tensor.quantization.as_ref()?);
                (found != expected).then(|| {
                    (
                        format!("{at} with zero point {expected}"),
                        found.to_string(),
                    )
                })
            }),
            Self::Scale(at, expected, part) => of(at, site, |tensor| {
                let (found, _) = first(tensor.quantization.as_ref()?);
                ((found - expected).abs() > part * expected)
                    .then(|| (format!("{at} with scale {expected}"), found.to_string()))
            }),
            Self::NoActivation => {
                let fused = activation(site);
                (fused != Activation::None).then(|| Broken {
                    expected: "no fused activation".to_owned(),
                    found: format!("{fused:?}"),
                    tensor: None,
                })
            }
            Self::All(rules) => first_broken(rules, site),
            Self::If(at, types, rules) => {
                let applies = at.tensor(site).is_some_and(|t| types.contains(&t.dtype));
                applies.then(|| first_broken(rules, site)).flatten()
            }
            Self::Is(expected, holds) => holds(site).err().map(|found| Broken {
                expected: expected.to_owned(),
                found,
                tensor: None,
            }),
        }
    }
}

/// The fused activation, of operators that have one.
pub(super) fn activation(site: &Site<'_>) -> Activation {
    match site.options() {
        Options::Conv2d(o) => o.activation,
        Options::DepthwiseConv2d(o) => o.activation,
        Options::Pool2d(o) => o.activation,
        Options::FullyConnected(o) => o.activation,
        Options::Binary(o) => o.activation,
        Options::Concatenation(o) => o.activation,
        Options::TransposeConv(o) => o.activation,
        _ => match listed(site, "activation") {
            Some(OptionValue::Activation(activation)) => activation,
            _ => Activation::None,
        },
    }
}

/// An option that castiron hands on as it is.
pub(super) fn listed(site: &Site<'_>, name: &str) -> Option<OptionValue> {
    site.options().listed(name)
}

/// The scale that TFLM has for a tensor, if it is quantised.
pub(super) fn scale_of(at: At, site: &Site<'_>) -> Option<f32> {
    Some(first(at.tensor(site)?.quantization.as_ref()?).0)
}

/// The scale and zero point that TFLM has for a tensor, which are the first ones.
pub(super) fn first(quantization: &Quantization) -> (f32, i32) {
    let scale = quantization.scale.first().copied().unwrap_or_default();
    (
        scale,
        quantization.zero_point.first().copied().unwrap_or_default(),
    )
}

fn of(
    at: At,
    site: &Site<'_>,
    broken: impl FnOnce(&Tensor) -> Option<(String, String)>,
) -> Option<Broken> {
    let id = at.id(site)?;
    let (expected, found) = broken(site.graph.tensor(id))?;
    Some(Broken {
        expected,
        found,
        tensor: Some(id),
    })
}

fn pair(
    like: At,
    at: At,
    site: &Site<'_>,
    same: impl FnOnce(&Tensor, &Tensor) -> bool,
) -> Option<Broken> {
    let expected = like.tensor(site)?;
    of(at, site, |tensor| {
        (!same(expected, tensor)).then(|| {
            (
                format!("{at} of {}, as {like}", shape(expected)),
                shape(tensor),
            )
        })
    })
}

fn together(tensors: &[At], rows: &[&[DType]], site: &Site<'_>) -> Option<Broken> {
    let found: Option<Vec<DType>> = tensors
        .iter()
        .map(|at| Some(at.tensor(site)?.dtype))
        .collect();
    let found = found?;
    if rows.contains(&&found[..]) {
        return None;
    }
    let named = |types: &[DType]| {
        let pairs = tensors.iter().zip(types);
        joined(pairs.map(|(at, dtype)| format!("{at} {dtype}")), ", ")
    };
    Some(Broken {
        expected: joined(rows.iter().map(|row| named(row)), "; or "),
        found: named(&found),
        tensor: None,
    })
}

fn count(what: &str, found: usize, least: usize, most: usize) -> Option<Broken> {
    let expected = match (least, most) {
        _ if least == most => format!("{least} {what}{}", if least == 1 { "" } else { "s" }),
        (_, usize::MAX) => format!("at least {least} {what}s"),
        _ => format!("{least} to {most} {what}s"),
    };
    (!(least..=most).contains(&found)).then(|| Broken {
        expected,
        found: found.to_string(),
        tensor: None,
    })
}

fn list(types: &[DType]) -> String {
    joined(types.iter(), " or ")
}

fn joined(items: impl Iterator<Item = impl Display>, between: &str) -> String {
    let mut out = String::new();
    for (index, item) in items.enumerate() {
        let between = if index == 0 { "" } else { between };
        // Writing to a string cannot fail.
        let _ = write!(out, "{between}{item}");
    }
    out
}

fn shape(tensor: &Tensor) -> String {
    format!("shape {:?}", tensor.shape)
}

fn scale(quantization: &Quantization) -> String {
    let (scale, zero_point) = first(quantization);
    format!("scale {scale} and zero point {zero_point}")
}
