use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::*;

fn write(path: &Path, text: &str) -> bool {
    let mut outputs = Outputs::default();
    outputs.add_bytes("test", path, text);
    outputs.write(&[]).unwrap()[0].changed
}

/// What is wrong with an output at this path.
fn refusal(path: &Path, inputs: &[PathBuf]) -> String {
    let mut outputs = Outputs::default();
    outputs.add_bytes("test", path, "new");
    let failure = outputs.write(inputs).unwrap_err();
    failure.diagnostics()[0].message.clone()
}

#[test]
fn only_changes_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/file.txt");
    assert!(write(&path, "one"));
    assert!(!write(&path, "one"));
    for other in ["two", "on", "one more", ""] {
        assert!(write(&path, other), "{other}");
        assert_eq!(fs::read_to_string(&path).unwrap(), other);
    }
    assert!(!write(&path, ""));
}

#[test]
fn a_failure_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.txt");
    fs::write(&good, "old").unwrap();
    let mut outputs = Outputs::default();
    outputs.add_bytes("good", &good, "new");
    outputs.add_bytes("new", folder.path().join("a/b/new.txt"), "new");
    outputs.add("bad", folder.path().join("bad.txt"), |out| {
        out.write_all(b"half")?;
        Err(io::Error::other("no more"))
    });
    assert!(matches!(outputs.write(&[]), Err(Failure::Io(_))));
    assert_eq!(fs::read_to_string(&good).unwrap(), "old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_cannot_get_its_name_takes_the_others_back() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new, bad] = ["old", "new", "bad"].map(|name| folder.path().join(name));
    fs::write(&old, "old").unwrap();
    let mut outputs = Outputs::default();
    outputs.add_bytes("old", &old, "other");
    outputs.add_bytes("new", &new, "new");
    outputs.add("bad", &bad, |out| {
        // Somebody makes a folder of that name meanwhile.
        fs::create_dir_all(bad.join("folder"))?;
        out.write_all(b"bad")
    });
    assert!(matches!(outputs.write(&[]), Err(Failure::Io(_))));
    assert_eq!(fs::read_to_string(&old).unwrap(), "old");
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["bad", "old"]);
}

#[test]
fn two_outputs_need_two_places() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let refused = |one: PathBuf, other: PathBuf| {
        let mut outputs = Outputs::default();
        outputs.add_bytes("a", one, "a");
        outputs.add_bytes("b", other, "b");
        matches!(outputs.write(&[]), Err(Failure::Usage(_)))
    };
    assert!(refused(path("same"), path("same")));
    assert!(refused(path("same"), path("./new/../same")));
    assert!(refused("-".into(), "/dev/stdout".into()));
    fs::write(path("there"), "").unwrap();
    fs::hard_link(path("there"), path("too")).unwrap();
    assert!(refused(path("there"), path("too")));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("missing", path("link")).unwrap();
        assert!(refused(path("missing"), path("link")));
        assert!(!refused("/dev/null".into(), "/dev/null".into()));
    }
    assert!(!refused(path("one"), path("other")));
}

#[test]
fn an_input_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let model = path("model");
    fs::write(&model, "model").unwrap();
    fs::hard_link(&model, path("hard")).unwrap();
    fs::create_dir(path("in")).unwrap();
    let mut names = vec![
        path("model"),
        path("./model"),
        path("in/../model"),
        path("hard"),
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("model", path("soft")).unwrap();
        names.push(path("soft"));
    }
    for name in &names {
        let message = refusal(name, &[path("nothing"), model.clone()]);
        assert!(message.contains("would replace its own input"), "{message}");
        // Whichever name is whose.
        refusal(&model, std::slice::from_ref(name));
    }
    assert_eq!(fs::read_to_string(&model).unwrap(), "model");
}

#[cfg(unix)]
#[test]
fn links_and_permissions_are_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let [file, link, new] = ["file", "link", "new"].map(|name| folder.path().join(name));
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("file", &link).unwrap();
    assert!(write(&link, "new"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);

    // Of a link to nothing, that becomes something.
    fs::remove_file(&link).unwrap();
    symlink("new", &link).unwrap();
    assert!(write(&link, "text"));
    assert_eq!(fs::read_to_string(&new).unwrap(), "text");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    assert!(!write(&file, "new"), "the same may be there already");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o444)).unwrap();
    let message = refusal(&new, &[]);
    assert!(message.contains("read-only"), "{message}");
    assert_eq!(fs::read_to_string(&new).unwrap(), "text");
}

#[cfg(unix)]
#[test]
fn standard_output_has_many_names() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/dev/stdout", &link).unwrap();
    for name in ["-", "/dev/stdout", "/dev/fd/1"]
        .map(Path::new)
        .into_iter()
        .chain([link.as_path()])
    {
        assert!(is_stdout(name) && !is_file(name), "{}", name.display());
    }
    let ring = folder.path().join("ring");
    std::os::unix::fs::symlink("ring", &ring).unwrap();
    for name in ["/dev/stderr", "/dev/null", "file"]
        .map(Path::new)
        .into_iter()
        .chain([ring.as_path()])
    {
        assert!(!is_stdout(name), "{}", name.display());
    }
}

#[test]
fn what_somebody_else_made_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("main.c");
    let write = |text: &str, force: bool| {
        let mut outputs = Outputs::default();
        outputs.add_bytes("example", &path, text);
        outputs.named_by_us(0);
        outputs.force = force;
        outputs.write(&[]).is_ok()
    };
    assert!(write("/* Generated by castiron; */ 1", false));
    assert!(write("/* Generated by castiron; */ 2", false));
    fs::write(&path, "mine").unwrap();
    assert!(!write("/* Generated by castiron; */ 3", false));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(write("/* Generated by castiron; */ 3", true));
}
