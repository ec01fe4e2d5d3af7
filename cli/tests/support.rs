//! Running the command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file of the repository.
pub(crate) fn repository(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = fs::canonicalize(root).expect("the crate is in its repository");
    root.join(path).display().to_string()
}

pub(crate) fn vae() -> String {
    repository("examples/models/vae.tflite")
}

pub(crate) fn sine() -> String {
    repository("examples/models/sine_int8.tflite")
}

pub(crate) fn two_signatures() -> String {
    repository("tests/data/models/two_signatures_int8.tflite")
}

/// A model with an operator that no engine has.
pub(crate) fn custom() -> String {
    repository("tests/data/models/unsupported.tflite")
}

/// The command with arguments, in an environment that says nothing about a terminal.
pub(crate) fn castiron<S: AsRef<str>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_castiron"));
    command.args(arguments.iter().map(AsRef::as_ref));
    for name in ["COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

/// How a command has to end.
pub(crate) trait Ends {
    /// With exit code 0.
    fn success(&mut self) -> Output;
    /// With exit code 0 and nothing to say.
    fn quietly(&mut self);
    /// With this exit code.
    fn fails(&mut self, code: i32) -> Output;
}

impl Ends for Command {
    fn success(&mut self) -> Output {
        self.fails(0)
    }

    fn quietly(&mut self) {
        let output = self.success();
        let silent = output.stdout.is_empty() && output.stderr.is_empty();
        assert!(silent, "{self:?} says {output:?}");
    }

    fn fails(&mut self, code: i32) -> Output {
        let output = self.output().expect("it starts");
        assert_eq!(output.status.code(), Some(code), "{self:?}: {output:?}");
        output
    }
}

/// Standard output of a command that has to succeed.
pub(crate) fn stdout<S: AsRef<str>>(arguments: &[S]) -> String {
    let output = castiron(arguments).success();
    String::from_utf8(output.stdout).expect("text")
}

/// Standard output of a command that has to succeed, as JSON.
pub(crate) fn json<S: AsRef<str>>(arguments: &[S]) -> serde_json::Value {
    serde_json::from_str(&stdout(arguments)).expect("JSON")
}

/// Exit code and standard error of a command that has to fail.
pub(crate) fn failure<S: AsRef<str>>(arguments: &[S]) -> (i32, String) {
    let output = castiron(arguments).output().expect("it starts");
    assert!(!output.status.success(), "{output:?}");
    let code = output.status.code().expect("an exit code");
    (code, String::from_utf8(output.stderr).expect("text"))
}

/// A folder for outputs.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), content).expect("a file");
        self.path(name)
    }

    /// Names of all files, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.0.path())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name())
            .map(|name| PathBuf::from(name).display().to_string())
            .collect();
        names.sort();
        names
    }
}

/// A golden's file as a folder of raw values.
pub(crate) fn unpacked(file: &str) -> Folder {
    let folder = Folder::new();
    let recording = castiron_cases::Recording::open(Path::new(&repository(file))).unwrap();
    recording.unpack(Path::new(&folder.path(""))).unwrap();
    folder
}
