//! Quantisation rules of the operators that multiply by weights: convolutions and
//! FULLY_CONNECTED.

use super::report::short;
use crate::error::Diagnostic;
use crate::graph::{BuiltinOperator as Op, DType, Graph, OpKind, Operator, Quantization, TensorId};

/// How far a bias scale may be from input scale × weight scale, as a share of the latter. Converters
/// compute one in single, the other in double precision, some from scales they rounded first.
const TOLERANCE: f64 = 1e-2;
/// The same as a share of the output's scale: what TensorFlow Lite lets pass, as a step of the bias
/// is then next to nothing in the output.
const OUTPUT_TOLERANCE: f64 = 2e-2;

/// Checks one operator, if it is one of these. The tensors it names must be sound.
pub(super) fn check(graph: &Graph, index: usize) -> Option<Diagnostic> {
    let operator = &graph.operators[index];
    let roles = Roles::of(operator)?;
    let found = check_channels(graph, &roles).or_else(|| check_bias(graph, &roles))?;
    Some(found.at_operator(index, operator.kind.name()))
}

/// Which input is what, and which dimension of the weights the output's channels are.
struct Roles {
    input: TensorId,
    weights: TensorId,
    bias: Option<TensorId>,
    output: Option<TensorId>,
    channels: usize,
}

impl Roles {
    fn of(operator: &Operator) -> Option<Self> {
        let OpKind::Builtin(op) = operator.kind else {
            return None;
        };
        let (input, weights, bias, channels) = match op {
            Op::Conv2d | Op::FullyConnected => (0, 1, 2, 0),
            Op::DepthwiseConv2d => (0, 1, 2, 3),
            Op::TransposeConv => (2, 1, 3, 0),
            _ => return None,
        };
        let get = |position: usize| operator.inputs.get(position).copied().flatten();
        Some(Self {
            input: get(input)?,
            weights: get(weights)?,
            bias: get(bias),
            output: operator.outputs.first().copied(),
            channels,
        })
    }
}

/// Kernels take scale `i` for output channel `i`, whatever dimension the file says. So its word counts
/// only where it gives another number of scales.
fn check_channels(graph: &Graph, roles: &Roles) -> Option<Diagnostic> {
    let weights = graph.tensor(roles.weights);
    let quantization = weights.quantization.as_ref()?;
    let scales = quantization.scale.len();
    if scales == 1 || weights.shape.get(roles.channels) == Some(&scales) {
        return None;
    }
    Some(
        Diagnostic::new("the weights are quantised along the wrong dimension")
            .expected(format_args!(
                "dimension {}, the output channels",
                roles.channels
            ))
            .found(format_args!("dimension {}", quantization.dimension))
            .help("quantise the model per tensor, or per output channel")
            .at_tensor(roles.weights.index(), &short(&weights.name)),
    )
}

/// Kernels add the bias to the accumulator without rescaling it.
fn check_bias(graph: &Graph, roles: &Roles) -> Option<Diagnostic> {
    let id = roles.bias?;
    let bias = graph.tensor(id);
    let (input, weights) = (graph.tensor(roles.input), graph.tensor(roles.weights));
    let integer = matches!(input.dtype, DType::Int8 | DType::Uint8 | DType::Int16);
    if !integer || !matches!(bias.dtype, DType::Int32 | DType::Int64) {
        return None;
    }
    let (Some(input), Some(weights), Some(bias_scales)) = (
        &input.quantization,
        &weights.quantization,
        &bias.quantization,
    ) else {
        return None;
    };
    let zero = |data: &[u8]| data.iter().all(|byte| *byte == 0);
    if bias.data.as_deref().is_some_and(zero) {
        // Zero is zero in every scale: some converters give all biases without values one tensor.
        return None;
    }
    let (input_scale, _) = input.per_tensor()?;
    let output = roles
        .output
        .and_then(|id| graph.tensor(id).quantization.as_ref());
    let output_scale = output
        .and_then(Quantization::per_tensor)
        .map_or(0.0, |(s, _)| s);
    let negligible = OUTPUT_TOLERANCE * f64::from(output_scale);
    let channels = weights.scale.len().max(bias_scales.scale.len());
    let wrong = (0..channels).find_map(|channel| {
        let weight_scale = scale(weights, channel)?;
        let right = f64::from(input_scale) * f64::from(weight_scale);
        let found = f64::from(scale(bias_scales, channel)?);
        let most = negligible.max(TOLERANCE * right);
        ((found - right).abs() > most).then_some((channel, weight_scale, right, found))
    });
    let (channel, weight_scale, right, found) = wrong?;
    Some(
        Diagnostic::new("the bias's scale differs from the accumulator's scale")
            .expected(format_args!(
                "{right:.4e} (input scale {input_scale:.4e} × weight scale {weight_scale:.4e})"
            ))
            .found(format_args!("{found:.4e} in channel {channel}"))
            .help("the file was edited, or its quantiser is faulty; quantise the model again")
            .at_tensor(id.index(), &short(&bias.name)),
    )
}

/// The scale of a channel, where one scale serves all.
fn scale(quantization: &Quantization, channel: usize) -> Option<f32> {
    match &quantization.scale[..] {
        [one] => Some(*one),
        scales => scales.get(channel).copied(),
    }
}
