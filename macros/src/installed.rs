//! The generator as an installed command, which answers as the one that is compiled in.
//!
//! A call is arguments, not standard input: to write to a command that has ended would end the compiler, which does not ignore SIGPIPE.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Command, Output, Stdio};

use proc_macro2::TokenStream;
use syn::Ident;

use crate::call::Field;

/// Names the command.
const VARIABLE: &str = "CASTIRON";
/// The version of all crates of castiron: Cargo.toml pins them.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A model's module.
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) items: TokenStream,
}

/// What is wrong with a field of a call.
pub(crate) struct Problem {
    pub(crate) field: usize,
    pub(crate) message: String,
}

/// What the command says of a call.
pub(crate) fn expand(fields: &[Field]) -> Result<Module, Problem> {
    let command = Installed::of_environment();
    let fields = fields.iter();
    let fields = fields.flat_map(|(name, value)| [name.as_ref(), value.as_os_str()]);
    let output = command
        .run([OsStr::new("include-model")].into_iter().chain(fields))
        .map_err(|error| command.is_another("cannot be started", &error.to_string()))?;
    let answer = output.status.success().then(|| answer(&output.stdout));
    answer
        .flatten()
        .unwrap_or_else(|| Err(command.misfit(&output)))
}

/// `castiron VERSION`, then `module NAME` and its items, or `error FIELD` and a message; `None` if it is anything else.
fn answer(stdout: &[u8]) -> Option<Result<Module, Problem>> {
    let text = str::from_utf8(stdout).ok()?;
    let (first, text) = text.split_once('\n')?;
    let (kind, text) = text.split_once('\n')?;
    match kind.split_once(' ')? {
        _ if first != expected() => None,
        ("module", name) => {
            syn::parse_str::<Ident>(name).ok()?;
            let (name, items) = (name.to_owned(), text.parse().ok()?);
            Some(Ok(Module { name, items }))
        }
        ("error", field) => {
            let (field, message) = (field.parse().ok()?, text.to_owned());
            Some(Err(Problem { field, message }))
        }
        _ => None,
    }
}

/// What the command calls itself.
fn expected() -> String {
    format!("castiron {VERSION}")
}

struct Installed {
    program: OsString,
    /// Who says so.
    origin: &'static str,
}

impl Installed {
    fn of_environment() -> Self {
        match env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            Some(program) => Self {
                program,
                origin: "which the environment variable CASTIRON names",
            },
            None => Self {
                program: "castiron".into(),
                origin: "looked for on PATH",
            },
        }
    }

    fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a OsStr>) -> io::Result<Output> {
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::null()).output()
    }

    /// Why the command gave no answer.
    fn misfit(&self, output: &Output) -> Problem {
        let version = self.run(["--version".as_ref()]);
        let version = version.ok().filter(|output| output.status.success());
        let version = version.map(|output| shown(&output.stdout));
        match version.as_deref() {
            Some(version) if version == expected() => self.gave_no_answer(output),
            Some(version) if version.starts_with("castiron ") => {
                self.is_another("is of another version", version)
            }
            Some(other) => {
                let line = other.lines().next().unwrap_or_default();
                self.is_another("is not castiron", &format!("--version says {line:?}"))
            }
            None => self.is_another("is not castiron", "it has no --version"),
        }
    }

    fn is_another(&self, problem: &str, found: &str) -> Problem {
        let help = format!(
            "install castiron-cli {VERSION} from where the crate castiron comes from, with `cargo install`"
        );
        self.problem(problem, &expected(), found, &help)
    }

    fn gave_no_answer(&self, output: &Output) -> Problem {
        let said = [&output.stdout, &output.stderr].map(|stream| shown(stream));
        let said = said.iter().flat_map(|text| text.lines());
        let said: String = said.map(|line| format!("\n         {line}")).collect();
        self.problem(
            "gave no answer",
            "a module, or what is wrong with this call",
            &format!("{}{said}", output.status),
            "install it from the same commit as the crate castiron; where it is, report this, with the model",
        )
    }

    /// An error at the first field.
    fn problem(&self, problem: &str, expected: &str, found: &str, help: &str) -> Problem {
        let (program, origin) = (self.program.display(), self.origin);
        let message = format!(
            "the command `{program}`, {origin}, {problem}\n  expected: {expected}\n  found: {found}\n  help: {help}; or turn on \
             the default feature `generator` of the crate castiron, and the macro has a generator of its own"
        );
        Problem { field: 0, message }
    }
}

/// The beginning of an output, for people.
fn shown(output: &[u8]) -> String {
    const MOST: usize = 2000;
    let text = String::from_utf8_lossy(&output[..output.len().min(MOST)]);
    text.trim().to_owned()
}
