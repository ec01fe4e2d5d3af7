//! Custom operators that TensorFlow Lite Micro has kernels for.

use castiron_runtime::kernels;

use super::{Family, Site, signal};
use crate::error::{Diagnostic, Remedy};
use crate::graph::{DType, Options, flex};
use crate::program::{Action, Choosing, ElementType};

const FAMILIES: &[(&str, &dyn Family)] = &[
    ("CIRCULAR_BUFFER", &CircularBuffer),
    ("TFLite_Detection_PostProcess", &PostProcess),
];

/// All of them, by name.
fn families() -> impl Iterator<Item = (&'static str, &'static dyn Family)> {
    FAMILIES.iter().chain(signal::FAMILIES).copied()
}

/// The family of a custom operator.
pub(super) fn family(name: &str) -> Option<&'static dyn Family> {
    let found = families().find(|(known, _)| *known == name);
    found.map(|(_, family)| family)
}

/// Names of the custom operators that castiron compiles. One has no family: a pass computes it.
pub fn names() -> impl Iterator<Item = &'static str> {
    families().map(|(name, _)| name).chain(["TFLM_DECODE"])
}

/// The last inputs of a stream: a variable that the operator shifts. It may wait for several inputs before the operators behind it run.
struct CircularBuffer;

impl Family for CircularBuffer {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let (x_id, y_id) = (site.input_id(0)?, site.output_id(0)?);
        let (x, y) = (site.input(0)?, site.output(0)?);
        let [batches, slots, height, channels] = site.nhwc(y_id)?;
        site.expect_shape(x_id, &[batches, 1, height, channels])?;
        if batches != 1 {
            return Err(site
                .tensor_error(y_id, "the buffer has more than one batch")
                .expected("batch 1")
                .found(batches));
        }
        if x.dtype != y.dtype {
            return Err(site.unsupported_types("one type for input and output"));
        }
        site.same_quantization(x_id, y_id)?;
        if !y.is_variable {
            return Err(site
                .tensor_error(y_id, "the buffer does not last from run to run")
                .expected("a variable tensor")
                .help("export the model again as a streaming model"));
        }
        let cycles = match site.options() {
            Options::Custom(bytes) => flex::number(bytes, "cycles_max").unwrap_or(0),
            _ => 0,
        };
        let runs = match (cycles, slots, height, channels) {
            (1.., ..) => cycles,
            // The reference's own rules where the option is not there.
            (_, 5 | 13 | 25, ..) => 1,
            // With this size, it counts the buffers of all models that a program has prepared so far.
            (_, _, 2, 96) => {
                return Err(site
                    .error("the buffer does not say how many runs it waits for")
                    .expected("the option cycles_max")
                    .help("export the model again with the option")
                    .remedy(Remedy::Tflm));
            }
            _ => 2,
        };
        let runs =
            i32::try_from(runs).map_err(|_| option(site, "cycles_max", "an int32", Some(runs)))?;
        let (x, y) = (choosing.tensor(x_id)?, choosing.activation(y_id)?);
        let rest = y.len - x.len;
        let part = |first: usize, len| crate::program::Argument {
            offset: first * y.element.bytes(),
            len,
            ..y
        };
        choosing.copy(part(x.len, rest), part(0, rest));
        choosing.copy(x, part(rest, x.len));
        if runs > 1 {
            let ended = choosing.kept(site.index, ElementType::I32, 1)?;
            choosing.act(Action::Wait { ended, runs });
        }
        Ok(())
    }
}

/// Boxes of a detector, of which those stay that others do not cover.
struct PostProcess;

/// Boxes of a class where the options do not say how many, and its operator looks at classes one by one.
const BOXES_OF_A_CLASS: i64 = 100;

impl Family for PostProcess {
    fn choose(&self, site: &Site<'_>, choosing: &mut Choosing<'_>) -> Result<(), Diagnostic> {
        let Options::Custom(bytes) = site.options() else {
            return Err(site.error("the operator has no options"));
        };
        let count = |key: &str, absent: Option<i64>| {
            let value = flex::number(bytes, key).or(absent);
            value
                .and_then(|value| usize::try_from(value).ok())
                .filter(|value| *value > 0)
                .ok_or_else(|| option(site, key, "a number above 0", value))
        };
        let real = |key: &str| {
            let value = flex::real(bytes, key);
            value
                .ok_or_else(|| option(site, key, "a number", value))
                .map(|value| value as f32)
        };
        let all = (0..3)
            .map(|i| site.input(i))
            .chain((0..4).map(|i| site.output(i)));
        for tensor in all {
            if tensor?.dtype != DType::Float32 {
                return Err(site.unsupported_types("float32"));
            }
        }
        let shape = |position: usize| Ok(&site.input(position)?.shape[..]);
        let (&[1, boxes, encoding @ 4..=65535], &[1, scored, scores], &[anchors, 4]) =
            (shape(0)?, shape(1)?, shape(2)?)
        else {
            return Err(unfit(site));
        };
        let classes = count("num_classes", None)?;
        let background = scores.checked_sub(classes).filter(|n| *n <= 1);
        let background = background.filter(|_| boxes == scored && boxes == anchors);
        let background = background.ok_or_else(|| unfit(site))?;
        let most = count("max_detections", None)?;
        let regular = flex::number(bytes, "use_regular_nms").is_some_and(|flag| flag != 0);
        let per_class = match regular {
            true => count("detections_per_class", Some(BOXES_OF_A_CLASS))?,
            false => 0,
        };
        let per_box = count("max_classes_per_detection", Some(1))?.min(classes);
        if !regular && per_box > 1 {
            return Err(site
                .error("several classes for a box are not supported")
                .expected("the option max_classes_per_detection of 1, or use_regular_nms")
                .found(per_box)
                .help("export the model again with one of them; with neither, the reference kernel writes beside its outputs"));
        }
        let most_overlap = real("nms_iou_threshold")?;
        if !(most_overlap > 0.0 && most_overlap <= 1.0) {
            return Err(option(
                site,
                "nms_iou_threshold",
                "above 0 and at most 1",
                Some(most_overlap),
            ));
        }
        let mut outputs = Vec::new();
        for (position, len) in [4 * most, most, most, 1].into_iter().enumerate() {
            let y = choosing.activation(site.output_id(position)?)?;
            if y.len != len {
                return Err(site
                    .tensor_error(
                        site.output_id(position)?,
                        "the output's size does not follow from max_detections",
                    )
                    .expected(len)
                    .found(y.len));
            }
            outputs.push(y);
        }
        let kernel = kernels::PostProcess {
            encoding,
            background,
            classes,
            scales: [
                real("y_scale")?,
                real("x_scale")?,
                real("h_scale")?,
                real("w_scale")?,
            ],
            least_score: real("nms_score_threshold")?,
            most_overlap,
            per_class,
        };
        let mut operands = Vec::new();
        for position in 0..3 {
            operands.push(choosing.tensor(site.input_id(position)?)?);
        }
        operands.push(choosing.scratch(ElementType::F32, 4 * boxes));
        operands.push(choosing.scratch(ElementType::F32, boxes));
        operands.extend(outputs);
        choosing.call(kernel, operands);
        Ok(())
    }
}

fn unfit(site: &Site<'_>) -> Diagnostic {
    let shapes = (0..3).filter_map(|i| Some(format!("{:?}", site.input(i).ok()?.shape)));
    site.error("boxes, scores and anchors do not fit each other")
        .expected("[1, boxes, 4 or more], [1, boxes, num_classes and one more for a background], [boxes, 4]")
        .found(shapes.collect::<Vec<_>>().join(", "))
}

fn option<T: std::fmt::Display>(
    site: &Site<'_>,
    key: &str,
    expected: &str,
    found: Option<T>,
) -> Diagnostic {
    let d = site
        .error(format!("the option {key} is not valid"))
        .expected(expected);
    match found {
        Some(found) => d.found(found),
        None => d.found("none"),
    }
}
