//! `west castiron`, in a workspace that west makes, with build directories made by hand.

mod build;
#[cfg(unix)]
mod executable;
mod passing;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use castiron_test_tools::{skipped, starts};

/// A manifest with castiron as one of its projects, as users write it.
const MANIFEST: &str = "manifest:
  projects:
    - name: castiron
      url: ORIGIN
      revision: main
      path: modules/castiron
      west-commands: zephyr-module/west/west-commands.yml
  self:
    path: app
";

struct West {
    /// The workspace's folder.
    top: PathBuf,
    /// castiron's executable.
    cli: PathBuf,
}

/// What a command said and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// The workspace. Where there is no west that is a failure if CASTIRON_REQUIRE_WEST says so.
fn west() -> Option<&'static West> {
    static MADE: OnceLock<West> = OnceLock::new();
    let absent = ["git", "west"].into_iter().find(|tool| !starts(tool));
    if let Some(tool) = absent {
        let required = std::env::var_os("CASTIRON_REQUIRE_WEST").is_some();
        skipped(&format!("no {tool} on this machine"), required);
        return None;
    }
    Some(MADE.get_or_init(West::new))
}

impl West {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("west");
        if root.exists() {
            fs::remove_dir_all(&root).unwrap();
        }
        let origin = root.join("origin");
        let module = "zephyr-module/west";
        for file in ["west-commands.yml", "castiron_command.py"] {
            let bytes = fs::read(workspace().join(module).join(file)).unwrap();
            write(&origin.join(module).join(file), bytes);
        }
        let made = Self {
            top: root.join("ws"),
            cli: env!("CARGO_BIN_EXE_castiron").into(),
        };
        let identity = [
            "-c",
            "user.name=castiron",
            "-c",
            "user.email=castiron@localhost",
        ];
        for arguments in [
            &["init", "-q"] as &[&str],
            &["add", "."],
            &["commit", "-q", "-m", "castiron"],
            &["branch", "-M", "main"],
        ] {
            let mut git = made.isolated("git");
            git.current_dir(&origin).args(identity).args(arguments);
            succeed(&mut git);
        }
        let manifest = MANIFEST.replace("ORIGIN", &origin.display().to_string());
        write(&made.top.join("app/west.yml"), manifest);
        for arguments in [&["init", "-l", "app"] as &[&str], &["update"]] {
            succeed(made.isolated("west").current_dir(&made.top).args(arguments));
        }
        made
    }

    /// A command that no configuration of whoever tests has a say in.
    fn isolated(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let none = self.top.with_file_name("no configuration");
        for name in [
            "WEST_CONFIG_SYSTEM",
            "WEST_CONFIG_GLOBAL",
            "GIT_CONFIG_GLOBAL",
        ] {
            command.env(name, &none);
        }
        for name in ["ZEPHYR_BASE", "CASTIRON_EXECUTABLE"] {
            command.env_remove(name);
        }
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("NO_COLOR", "1");
        command
    }

    /// `west castiron …`, without an executable to run.
    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = self.isolated("west");
        command.current_dir(folder).arg("castiron").args(arguments);
        command
    }

    /// What `west castiron …` says.
    fn castiron(&self, folder: &Path, arguments: &[&str]) -> Said {
        let mut command = self.command(folder, arguments);
        said(command.env("CASTIRON_EXECUTABLE", &self.cli))
    }

    /// What castiron's own command says.
    fn own(&self, folder: &Path, arguments: &[&str]) -> Said {
        said(Command::new(&self.cli).current_dir(folder).args(arguments))
    }

    /// A folder of a test's own in the workspace.
    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.top.join("tests").join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }
}

/// The folder with everything.
fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap().to_owned()
}

fn said(command: &mut Command) -> Said {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let [out, err] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    Said {
        code: status.code(),
        out,
        err,
    }
}

fn succeed(command: &mut Command) {
    let said = said(command);
    assert_eq!(said.code, Some(0), "{command:?}\n{}{}", said.out, said.err);
}

/// Writes a file, with the folders that it is in.
fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// One of the example models, as text for a command line.
fn model(name: &str) -> String {
    let path = workspace().join("examples/models").join(name);
    path.display().to_string()
}
