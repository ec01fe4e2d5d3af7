//! The expansion passes in a crate that refuses nearly everything.
#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, missing_docs, dead_code, unused, unreachable_pub, clippy::all)]

castiron::include_model!("../../../../tests/data/models/multi_io_f32.tflite");
castiron::include_model!(pub mod named = "../../../../tests/data/models/two_signatures_int8.tflite");
castiron::include_model!(mod labelled = "../../../../examples/models/sine_int8.tflite", labels = "../../../../tests/data/labels.txt");
castiron::include_model!(mod from_manifest = "../../../../tests/data/models/multi_io_int8.tflite");

fn main() {
    let mut model = named::Model::new();
    let _ = model.predict(&[0; 4]);
    let _ = labelled::LABELS;
    let mut model = multi_io_f32::Model::new();
    let _ = model.predict(&[0.0; 5], &[0.0; 256]);
    let _ = from_manifest::Model::default();
}
