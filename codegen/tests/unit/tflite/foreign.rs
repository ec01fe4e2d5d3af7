use castiron_codegen::tflite::foreign::identify;

fn what(bytes: &[u8]) -> String {
    identify(bytes).expect("known").what
}

#[test]
fn files_are_named_for_what_they_are() {
    let keras = b"PK\x03\x04\0\0metadata.json{}PK\x03\x04\0\0model.weights.h5";
    for (bytes, expected) in [
        (&b"\x1f\x8b\x08\0\0\0\0\0"[..], "gzip"),
        (keras, "Keras"),
        (b"PK\x03\x04\0\0archive/data.pkl", "PyTorch"),
        (b"PK\x03\x04\0\0x.txt", "a zip archive"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x08\x08\x12\x07pytorch", "ONNX"),
        (b"\x08\x01\x12\xf1\xce\x0a\0\0", "SavedModel"),
        (b"\x80\x02\x8a\x0alF\xf9lj", "pickle"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"<!DOCTYPE html>", "text"),
    ] {
        let what = what(bytes);
        assert!(what.contains(expected), "{what}");
    }
    assert!(identify(b"\0\0\0\0\0\0\0\0").is_none());
}

#[test]
fn arrays_are_told_from_other_text() {
    let xxd =
        "#include \"model.h\"\n\nalignas(8) const unsigned char g_kws_tflite[] = {\n  0x1c, 0x00";
    assert!(what(xxd.as_bytes()).ends_with("g_kws_tflite"));
    let sized = "const uint8_t model[1234] __attribute__((aligned(4))) = {28, 0, 0, 0}";
    assert!(what(sized.as_bytes()).ends_with("model"));
    assert_eq!(what(b"an unsigned char walks into a {bar}"), "text");
}
