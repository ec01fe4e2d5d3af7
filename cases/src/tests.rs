use super::*;

const INPUT: Wanted<'_> = Wanted {
    name: "x",
    dtype: DType::Int16,
    shape: &[1, 2],
};
const OUTPUT: Wanted<'_> = Wanted {
    name: "y",
    dtype: DType::Int8,
    shape: &[2],
};

fn interface() -> Interface<'static> {
    Interface {
        inputs: vec![INPUT],
        outputs: vec![OUTPUT],
    }
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// A file of these tensors.
fn file(tensors: &[(&str, safetensors::Dtype, &[usize], &[u8])], meta: &str) -> tempfile::TempDir {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        let view = safetensors::tensor::TensorView::new(*dtype, shape.to_vec(), bytes);
        (*name, view.unwrap())
    });
    let meta = std::collections::HashMap::from([(file::META.to_owned(), meta.to_owned())]);
    let bytes = safetensors::serialize(views, Some(meta)).unwrap();
    folder(&[("c.safetensors", &bytes)])
}

fn message(path: &Path) -> String {
    let cases = Recording::open(path).and_then(|found| found.cases(&interface()));
    let folder = path.parent().unwrap().display().to_string();
    cases.unwrap_err().to_string().replace(&folder, "FOLDER")
}

#[test]
fn cases_of_a_folder_are_in_the_order_of_their_numbers() {
    let folder = folder(&[
        ("in_10_0.bin", &[1, 2, 3, 4]),
        ("out_10_0.bin", &[5, 6]),
        ("in_2_0.bin", &[9, 0, 8, 0]),
        ("in_02_0.bin", &[0]),
        ("notes.txt", b"other"),
        ("meta.json", br#"{"golden": {"stateful": false}}"#),
        ("sig_other/in_0_0.bin", &[7]),
    ]);
    let found = Recording::open(folder.path()).unwrap();
    let cases = found.cases(&interface()).unwrap();
    assert_eq!(cases[0].name, "2");
    assert_eq!(cases[0].inputs, [[9, 0, 8, 0]]);
    assert_eq!(cases[0].outputs, [None]);
    assert_eq!(cases[1].outputs, [Some(vec![5, 6])]);
    assert!(!found.successive(true) && !found.successive(false));
    let other = found.of_signature("other").expect("cases of its own");
    assert!(
        !other.successive(true),
        "what is said of all is said of it, too"
    );
    assert!(found.of_signature("main").is_none());
    assert!(found.of_named("other", false).is_ok());
    let main = found.of_named("main", true).expect("those of no name");
    assert_eq!(main.cases(&interface()).unwrap(), cases);
    let text = found.of_named("main", false).unwrap_err().to_string();
    assert!(text.contains("sig_main/in_<case>_<i>"), "{text}");
    let files = ["", "in_10_0.bin", "in_2_0.bin", "out_10_0.bin"];
    assert_eq!(found.files(), files.map(|name| folder.path().join(name)));
}

#[cfg(feature = "npy")]
#[test]
fn numpys_files_are_cases_too() {
    let values = npy::write(&INPUT, &[9, 0, 8, 0]).unwrap();
    let folder = folder(&[("in_2_0.npy", &values), ("in_3_0.npy", b"none")]);
    let found = Recording::open(folder.path()).unwrap();
    let text = found.cases(&interface()).unwrap_err().to_string();
    assert!(
        text.contains("in_3_0.npy") && text.contains("damaged"),
        "{text}"
    );
    fs::remove_file(folder.path().join("in_3_0.npy")).unwrap();
    let found = Recording::open(folder.path()).unwrap();
    assert_eq!(found.cases(&interface()).unwrap()[0].inputs, [[9, 0, 8, 0]]);
}

#[test]
fn a_file_has_what_the_folder_had() {
    use safetensors::Dtype;
    let folder = file(
        &[
            ("in_0_0", Dtype::I16, &[1, 2], &[1, 2, 3, 4]),
            ("out_0_0", Dtype::I8, &[2], &[5, 6]),
            ("sig_a/b/in_0_0", Dtype::I8, &[1], &[7]),
            ("other", Dtype::I8, &[1], &[0]),
        ],
        r#"{"golden": {"stateful": true}}"#,
    );
    let path = folder.path().join("c.safetensors");
    let found = Recording::open(&path).unwrap();
    let cases = found.cases(&interface()).unwrap();
    assert_eq!(cases[0].inputs, [[1, 2, 3, 4]]);
    assert_eq!(cases[0].outputs, [Some(vec![5, 6])]);
    assert!(found.successive(true) && !found.successive(false));
    assert!(found.of_signature("a/b").is_some());
    assert_eq!(found.files(), [&*path]);

    let unpacked = folder.path().join("unpacked");
    Recording::open(&path).unwrap().unpack(&unpacked).unwrap();
    let again = Recording::open(&unpacked).unwrap();
    assert_eq!(again.cases(&interface()).unwrap(), cases);
    assert!(again.successive(true));
}

#[test]
fn cases_of_a_model_with_state_are_successive_unless_what_is_said_of_them_is_not() {
    let silent = folder(&[("in_0_0.bin", &[1])]);
    let found = Recording::open(silent.path()).unwrap();
    assert!(found.successive(true) && !found.successive(false));
    let otherwise = folder(&[("in_0_0.bin", &[1]), ("meta.json", br#"{"cases": 1}"#)]);
    assert!(!Recording::open(otherwise.path()).unwrap().successive(true));
}

#[test]
fn a_file_is_found_before_its_folder() {
    let folder = folder(&[("m/out_0_0.bin", &[1]), ("n/meta.json", b"{}")]);
    assert_eq!(find(folder.path(), "m"), Some(folder.path().join("m")));
    assert_eq!(find(folder.path(), "n"), None);
    let path = folder.path().join("m.safetensors");
    fs::write(&path, "").unwrap();
    assert_eq!(find(folder.path(), "m"), Some(path));
}

#[test]
fn what_does_not_fit_is_named() {
    use safetensors::Dtype;
    let tensor = |name, dtype, shape: &[usize]| {
        let folder = file(&[(name, dtype, shape, &[0; 4])], "{}");
        message(&folder.path().join("c.safetensors"))
    };
    for (text, parts) in [
        (
            tensor("in_7_0", Dtype::I8, &[4]),
            ["in_7_0", "INT16 [1, 2]", "INT8 [4]", "\"x\""],
        ),
        (
            tensor("in_7_0", Dtype::I16, &[2, 1]),
            ["in_7_0", "INT16 [1, 2]", "INT16 [2, 1]", "input 0"],
        ),
        (
            tensor("in_7_1", Dtype::I8, &[4]),
            ["no input 1", "1 inputs", "in_7_1", "FOLDER/c.safetensors"],
        ),
        (
            tensor("out_7_0", Dtype::I16, &[2]),
            [
                "case 7 has no input 0",
                "in_7_0",
                "INT16 [1, 2]",
                "FOLDER/c.safetensors",
            ],
        ),
        (
            tensor("input", Dtype::I8, &[4]),
            [
                "there is no case",
                "in_<case>_<i>",
                ".safetensors",
                "a folder",
            ],
        ),
    ] {
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    let raw = folder(&[("c/in_3_0.bin", &[0; 3])]);
    let text = message(&raw.path().join("c"));
    for part in [
        "FOLDER/c/in_3_0.bin",
        "4 bytes: INT16 [1, 2]",
        "3 bytes",
        "input 0",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let wrong = folder(&[
        ("c.safetensors", b"none"),
        ("d/meta.json", b"{"),
        ("d/in_0_0.bin", &[0; 4]),
    ]);
    assert!(message(&wrong.path().join("c.safetensors")).contains("not a .safetensors file"));
    assert!(message(&wrong.path().join("d")).contains("golden.stateful"));
    assert!(message(&wrong.path().join("none")).contains("there is no case in FOLDER/none"));
}
