//! TFLite's post-processing of detections.

use super::site::product;
use super::{Requests, dim};
use crate::error::Diagnostic;
use crate::graph::{Options, flex};

/// `TFLite_Detection_PostProcess`.
pub(super) fn post_process(r: &mut Requests<'_>) -> Result<(), Diagnostic> {
    let option = |key| match r.site.options() {
        Options::Custom(bytes) => flex::number(bytes, key)
            .and_then(|n| usize::try_from(n).ok())
            .ok_or_else(|| r.site.unfit(&format!("the option {key:?}"))),
        _ => Err(r.site.unfit("custom options")),
    };
    let (most, classes) = (option("max_detections")?, option("num_classes")?);
    let boxes = dim(r.site.input(0)?, 1)?;
    let scores = r.site.input(1)?;
    let scores = product([dim(scores, 1)?, dim(scores, 2)?]);
    for bytes in [
        boxes,
        4 * 4 * boxes,
        4 * scores,
        4 * boxes,
        4 * boxes,
        product([4, most, boxes]),
        product([4, most, boxes]),
        4 * boxes,
        product([4, most, boxes]),
        product([4, classes.max(most), boxes]),
        product([4, boxes.min(most), boxes]),
    ] {
        r.scratch(bytes);
    }
    Ok(())
}
