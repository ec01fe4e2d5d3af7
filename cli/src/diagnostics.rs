//! Errors for people (graphical on a terminal, plain lines elsewhere) and for machines (JSON).

use std::ffi::OsString;
use std::fmt;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{AutoStream, ColorChoice};
use castiron_codegen::error::{Diagnostic, by_kind};
use miette::{GraphicalReportHandler, GraphicalTheme};
use serde_json::json;

use crate::args::General;
use crate::failure::Failure;
use crate::option_names::renamed;
use crate::text;

/// Shows a failure on standard error and gives the exit code for it.
pub(crate) fn show(failure: &Failure, general: &General) -> u8 {
    let diagnostics = failure.diagnostics().iter();
    let diagnostics: Vec<_> = diagnostics
        .map(|d| renamed(d, &general.option_names))
        .collect();
    match failure {
        Failure::Closed => {}
        _ if general.json => print_json(failure, &diagnostics),
        _ => {
            let mut err = anstream::stderr();
            let kinds = by_kind(&diagnostics);
            let shown = (kinds.iter()).try_for_each(|d| write!(err, "{}", render(d)));
            // With standard error gone, there is nobody left to tell.
            drop(shown);
        }
    }
    failure.exit_code()
}

/// Shows what is wrong with the arguments themselves, or the help that was asked for. There are no
/// options yet, so whether to write JSON is read from the arguments as they stand.
pub(crate) fn show_usage(error: &clap::Error, arguments: &[OsString]) -> u8 {
    let json = arguments
        .iter()
        .skip(1)
        .take_while(|a| *a != "--")
        .any(|a| a == "--json" || a.as_encoded_bytes().starts_with(b"--json="));
    if !json || !error.use_stderr() {
        error.exit();
    }
    let failure = Failure::Usage(of_usage(error));
    print_json(&failure, failure.diagnostics());
    failure.exit_code()
}

/// What is wrong with the arguments.
pub(crate) fn of_usage(error: &clap::Error) -> Diagnostic {
    let text = error.render().to_string();
    let mut parts = text.trim().splitn(2, "\n\n");
    let message = parts.next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let mut diagnostic = Diagnostic::new(message);
    diagnostic.help = parts.next().map(|help| help.trim().to_owned());
    diagnostic
}

/// Whether warnings are unwanted: with `--json`, standard error is for an error that is JSON.
static SILENT: AtomicBool = AtomicBool::new(false);
/// Whether what is only worth knowing is unwanted, too.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Keeps warnings back where options say so.
pub(crate) fn silence(general: &General) {
    SILENT.store(general.json, Ordering::Relaxed);
    QUIET.store(general.json || general.quiet, Ordering::Relaxed);
}

/// Says what is doubtful, on standard error.
pub(crate) fn warn(diagnostics: &[Diagnostic]) {
    if SILENT.load(Ordering::Relaxed) {
        return;
    }
    for diagnostic in &by_kind(diagnostics) {
        // With standard error gone, there is nobody left to tell.
        drop(write!(anstream::stderr(), "{}", diagnostic.line("warning")));
    }
}

/// Says what is worth knowing, on standard error.
pub(crate) fn note(text: impl fmt::Display) {
    if !QUIET.load(Ordering::Relaxed) {
        // With standard error gone, there is nobody left to tell.
        drop(writeln!(anstream::stderr(), "note: {text}"));
    }
}

fn print_json(failure: &Failure, diagnostics: &[Diagnostic]) {
    let error = json!({
        "error": {
            "kind": failure.kind(),
            "exit_code": failure.exit_code(),
            "diagnostics": diagnostics,
        }
    });
    // Nothing gathers what is written there: thousands of errors would be many times as many writes.
    let text = format!("{error:#}\n");
    // With standard error gone, there is nobody left to tell.
    drop(anstream::stderr().write_all(text.as_bytes()));
}

/// One diagnostic as text for standard error.
fn render(diagnostic: &Diagnostic) -> String {
    let color = AutoStream::choice(&std::io::stderr()) != ColorChoice::Never;
    if std::io::stderr().is_terminal() || color {
        graphical(diagnostic, color, text::terminal_width())
    } else {
        plain(diagnostic)
    }
}

/// One line of cause and one of remedy, so that logs can be searched and editors find the place.
fn plain(diagnostic: &Diagnostic) -> String {
    diagnostic.line("error")
}

fn graphical(diagnostic: &Diagnostic, color: bool, width: Option<usize>) -> String {
    let theme = match color {
        true => GraphicalTheme::unicode(),
        false => GraphicalTheme::unicode_nocolor(),
    };
    let mut out = String::new();
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width.unwrap_or(100))
        .with_links(false);
    match handler.render_report(&mut out, &Graphical(diagnostic)) {
        Ok(()) => out + "\n",
        Err(_) => plain(diagnostic),
    }
}

/// A diagnostic as miette shows it: the place below the message, as there is no source text to
/// point into.
#[derive(Debug)]
struct Graphical<'a>(&'a Diagnostic);

impl fmt::Display for Graphical<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic {
            message,
            place,
            expected,
            found,
            ..
        } = self.0;
        write!(f, "{message}")?;
        let place = place.to_string();
        if !place.is_empty() {
            write!(f, "\n   in: {place}")?;
        }
        if let Some(expected) = expected {
            write!(f, "\n   expected: {expected}")?;
        }
        if let Some(found) = found {
            write!(f, "\n   found: {found}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Graphical<'_> {}

impl miette::Diagnostic for Graphical<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.0.help.as_ref()?;
        Some(Box::new(help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Diagnostic {
        let mut diagnostic = Diagnostic::new("the filter's channels do not divide the input's")
            .expected("a divisor of 8")
            .found(3)
            .help("export the model again")
            .in_subgraph(0)
            .at_operator(2, "CONV_2D")
            .at_tensor(7, "filter");
        diagnostic.place.file = Some("kws.tflite".to_owned());
        diagnostic
    }

    #[test]
    fn graphical_has_everything() {
        let text = graphical(&example(), false, Some(80));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn plain_is_a_line_of_cause_and_one_of_remedy() {
        assert_eq!(
            plain(&example()),
            "error: kws.tflite, subgraph 0, operator 2 CONV_2D, tensor 7 \"filter\": the filter's \
             channels do not divide the input's: expected a divisor of 8, found 3\n  \
             help: export the model again\n"
        );
        let long = Diagnostic::new("it does not build").found("a\nb");
        assert_eq!(plain(&long), "error: it does not build\n  found: a\nb\n");
    }

    #[test]
    fn colours_are_a_choice() {
        assert!(graphical(&example(), true, Some(80)).contains('\u{1b}'));
        assert!(!graphical(&example(), false, Some(80)).contains('\u{1b}'));
    }
}
