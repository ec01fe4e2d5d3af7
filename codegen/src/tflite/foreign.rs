//! What a file is that is no `.tflite` model, and how one becomes of it.

/// What a file is, and the step from it to a model.
pub struct Foreign {
    pub what: String,
    pub help: &'static str,
}

/// As much of a file as is searched for names: of archives, these stand at the beginning of each
/// member and again at the end of the file.
const SEARCHED: usize = 1 << 16;

/// Names what the bytes are, where that is known.
pub fn identify(bytes: &[u8]) -> Option<Foreign> {
    let known = |what: &str, help| {
        let what = what.to_owned();
        Some(Foreign { what, help })
    };
    match bytes {
        [0x1f, 0x8b, ..] => known("a gzip archive", "unpack it with `gunzip`"),
        [b'P', b'K', ..] => zip(bytes),
        [0x89, b'H', b'D', b'F', ..] => known(
            "an HDF5 file, perhaps a Keras model",
            "convert it: `tf.lite.TFLiteConverter.from_keras_model(tf.keras.models.load_model(\"model.h5\"))`",
        ),
        // Protocol buffers: field 1 is a version, and the field after it tells of which format.
        [0x08, 0x01, 0x12, ..] => known(
            "a TensorFlow graph, perhaps the saved_model.pb of a SavedModel",
            "convert its folder: `tf.lite.TFLiteConverter.from_saved_model(\"folder\")`",
        ),
        [
            0x08,
            2..=32,
            0x12 | 0x1a | 0x22 | 0x2a | 0x32 | 0x3a | 0x42,
            ..,
        ] => known(
            "an ONNX model",
            "convert it, for example with onnx2tf: `onnx2tf -i model.onnx`",
        ),
        [0x80, 2..=5, ..] => known("a Python pickle, perhaps a PyTorch model", PYTORCH),
        _ => text(bytes),
    }
}

const PYTORCH: &str = "convert it, for example with litert-torch: `litert_torch.convert(model, inputs).export(\"model.tflite\")`";

fn zip(bytes: &[u8]) -> Option<Foreign> {
    let (head, tail) = (
        &bytes[..bytes.len().min(SEARCHED)],
        &bytes[bytes.len().saturating_sub(SEARCHED)..],
    );
    let has = |name: &str| contains(head, name) || contains(tail, name);
    let (what, help) = if has("model.weights.h5") {
        (
            "a Keras model (.keras, a zip archive)",
            "convert it: `tf.lite.TFLiteConverter.from_keras_model(tf.keras.models.load_model(\"model.keras\"))`",
        )
    } else if has("data.pkl") {
        ("a PyTorch model (a zip archive)", PYTORCH)
    } else if has("saved_model.pb") {
        (
            "a zip archive with a SavedModel",
            "unpack it and convert the folder: `tf.lite.TFLiteConverter.from_saved_model(\"folder\")`",
        )
    } else {
        ("a zip archive", "unpack it with `unzip`")
    };
    let what = what.to_owned();
    Some(Foreign { what, help })
}

fn text(bytes: &[u8]) -> Option<Foreign> {
    let head = &bytes[..bytes.len().min(SEARCHED)];
    let beginning = &head[..head.len().min(64)];
    if !(beginning.iter()).all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) {
        return None;
    }
    if let Some(name) = c_array(&String::from_utf8_lossy(head)) {
        return Some(Foreign {
            what: format!("C source with the array {name}"),
            help: "give the .tflite file of the array; the array's name often contains its name",
        });
    }
    if contains(head, "git-lfs") {
        return Some(Foreign {
            what: "a pointer of Git LFS".to_owned(),
            help: "fetch the file itself: `git lfs pull`",
        });
    }
    Some(Foreign {
        what: "text".to_owned(),
        help: "check that it is not an error page of a failed download",
    })
}

/// The name of the first array of bytes in C source, as `xxd -i` writes it.
fn c_array(text: &str) -> Option<&str> {
    let start = ["unsigned char ", "uint8_t ", "int8_t "]
        .iter()
        .filter_map(|ty| Some(text.find(ty)? + ty.len()))
        .min()?;
    let rest = &text[start..];
    let (declaration, values) = rest.split_once('{')?;
    let (name, _) = declaration.split_once('[')?;
    let name = name.rsplit([' ', '*']).next()?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let first = values.trim_start();
    (is_name && first.starts_with(|c: char| c.is_ascii_digit())).then_some(name)
}

fn contains(bytes: &[u8], name: &str) -> bool {
    bytes
        .windows(name.len())
        .any(|part| part == name.as_bytes())
}
