//! Custom operators besides the signal library's.

use castiron_codegen::graph::DType::{Float32, Int8};
use castiron_test_tools::file::Number::{Integer, Real};
use castiron_test_tools::file::Options;

use super::draw::Draw;
use super::rows::Kind;
use super::spec::Spec;

/// The name of what chooses a detector's boxes.
pub(super) const DETECTION: &str = "TFLite_Detection_PostProcess";

/// The last inputs of a stream.
pub(super) fn circular_buffer(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    if d.is_called() {
        return None;
    }
    let types = match d.coin() {
        true => &[Int8],
        false => d.moved(),
    };
    let dtype = d.choose(types);
    let shape = [1, 1, d.between(1..=6), d.between(1..=6)];
    let scale = d.scale(dtype);
    let x = d.like(&Spec::of(dtype, &shape).scaled(scale));
    if !x.is_exact() {
        return None;
    }
    let slots = d.between(1..=7);
    let y = x.shaped(&[1, slots, shape[2], shape[3]]);
    let cycles = d.choose(&[1, 1, 1, 2, 3]);
    let options = Options::Map(vec![("cycles_max", Integer(cycles))]);
    let y = d.emit_one(kind, &[x.id], y, options)?;
    d.scope().graph.tensors[y.id as usize].is_variable = true;
    Some(())
}

/// A detector's boxes, of which those stay that others do not cover.
pub(super) fn post_process(d: &mut Draw<'_>, kind: Kind) -> Option<()> {
    let (boxes, classes) = (d.between(1..=12), d.between(1..=4));
    let background = usize::from(d.coin());
    let shape = [1, boxes, 4];
    let found = d.find(|v| v.dtype == Float32 && v.shape == shape && v.is_exact() && !v.is_known);
    let encoded = match found {
        Some(value) => value,
        None if d.may_have_input() => {
            let spec = Spec::of(Float32, &shape);
            let range = spec.range();
            d.input(spec, range)
        }
        None => return None,
    };
    // No two scores are the same, or boxes would have no order; and every anchor has an area.
    let count = boxes * (classes + background);
    let mut scores: Vec<f32> = (0..count).map(|i| i as f32 / count as f32).collect();
    for i in (1..count).rev() {
        let other = d.random.usize(0..=i);
        scores.swap(i, other);
    }
    let scores = floats(d, &[1, boxes, classes + background], scores);
    let anchors = (0..boxes * 4).map(|_| 0.1 + d.random.f32()).collect();
    let anchors = floats(d, &[boxes, 4], anchors);
    // Of a box alone for all of its classes, outputs behind the last detection stay as they are: here there are enough.
    let regular = d.coin();
    let most = d.between(1..=if regular { 8 } else { boxes });
    let (least_score, most_overlap) = match regular {
        true => (d.choose(&[0.0, 0.25, 0.5]), d.choose(&[0.25, 0.5, 1.0])),
        false => (-1.0, 1.0),
    };
    let options = Options::Map(vec![
        ("max_detections", Integer(most as i32)),
        ("max_classes_per_detection", Integer(1)),
        ("detections_per_class", Integer(d.between(1..=8) as i32)),
        ("use_regular_nms", Integer(regular.into())),
        ("nms_score_threshold", Real(least_score)),
        ("nms_iou_threshold", Real(most_overlap)),
        ("num_classes", Integer(classes as i32)),
        ("y_scale", Real(10.0)),
        ("x_scale", Real(10.0)),
        ("h_scale", Real(5.0)),
        ("w_scale", Real(5.0)),
    ]);
    let of = |shape: &[usize]| Spec::of(Float32, shape).within(16.0, 1.0e-5);
    let outputs = vec![of(&[1, most, 4]), of(&[1, most]), of(&[1, most]), of(&[1])];
    d.emit(kind, &[encoded.id, scores, anchors], outputs, options)
        .map(drop)
}

/// A constant of these floats.
fn floats(d: &mut Draw<'_>, shape: &[usize], values: Vec<f32>) -> i32 {
    let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let buffer = d.buffer(bytes);
    d.tensor(&Spec::of(Float32, shape), buffer)
}
