//! Rewritten files read as they did before.

use castiron_codegen::graph::Model;
use castiron_codegen::tflite::read;
use castiron_codegen::tflite::rewrite::*;

const VAE: &[u8] = include_bytes!("../../../../examples/models/vae_int8.tflite");
const KWS: &[u8] = include_bytes!("../../../../examples/models/kws_dscnn_int8.tflite");

fn model(bytes: &[u8]) -> Model {
    read("m.tflite", bytes).expect("a model")
}

/// Everything but the file's length and the metadata.
fn facts(mut model: Model) -> String {
    model.file_bytes = 0;
    model.metadata.clear();
    format!("{model:?}")
}

fn misaligned(bytes: &[u8]) -> usize {
    let parts = Parts::of("m.tflite", bytes).expect("parts");
    let data = parts.buffers.iter().filter_map(|t| parts.vector(*t, 0));
    data.filter(|(at, length)| *length > 0 && !at.is_multiple_of(ALIGNMENT))
        .count()
}

#[test]
fn metadata_is_added_once_and_nothing_else_changes() {
    for bytes in [VAE, KWS] {
        let before = model(bytes);
        let once = set_metadata("m.tflite", bytes, "Mine", b"one").expect("rewritten");
        let twice = set_metadata("m.tflite", &once, "Mine", b"other").expect("rewritten");
        let after = model(&twice);
        assert_eq!(after.metadata.len(), before.metadata.len() + 1);
        let mine = after.metadata.iter().find(|m| m.name == "Mine");
        assert_eq!(mine.map(|m| &m.data[..]), Some(&b"other"[..]));
        assert!(before.metadata.iter().all(|m| after.metadata.contains(m)));
        assert_eq!(facts(after), facts(before));
        assert_eq!(misaligned(&twice), misaligned(bytes));
    }
}

#[test]
fn aligned_files_hold_the_same_model_and_hardly_more_bytes() {
    for bytes in [VAE, KWS] {
        assert!(misaligned(bytes) > 0);
        let aligned = align("m.tflite", bytes).expect("rewritten");
        assert_eq!(misaligned(&aligned), 0);
        assert_eq!(model(&aligned).metadata, model(bytes).metadata);
        assert_eq!(facts(model(&aligned)), facts(model(bytes)));
        assert!(aligned.len() < bytes.len() + 2048, "{}", aligned.len());
        assert_eq!(align("m.tflite", &aligned).expect("rewritten"), aligned);
    }
}

#[test]
fn no_change_to_a_file_makes_rewriting_fail_badly() {
    for at in (0..VAE.len()).step_by(29) {
        let mut bytes = VAE.to_vec();
        bytes[at] ^= 0x55;
        if let Ok(aligned) = align("m.tflite", &bytes) {
            read("m.tflite", &aligned).expect("as sound as before");
        }
        set_metadata("m.tflite", &bytes, "Mine", b"data").ok();
    }
}
