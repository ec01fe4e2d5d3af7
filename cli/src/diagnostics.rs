//! Errors for people (graphical on a terminal, plain lines elsewhere) and for machines (JSON).

use std::fmt;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use castiron_codegen::error::Diagnostic;
use miette::{GraphicalReportHandler, GraphicalTheme};
use serde_json::json;

use crate::args::General;
use crate::failure::Failure;
use crate::option_names::renamed;
use crate::text;

/// Shows a failure on standard error and gives the exit code for it.
pub(crate) fn show(failure: &Failure, general: &General) -> ExitCode {
    let mut err = anstream::stderr();
    let diagnostics = failure.diagnostics().iter();
    let diagnostics: Vec<_> = diagnostics
        .map(|d| renamed(d, &general.option_names))
        .collect();
    let shown = if general.json {
        let error = json!({
            "error": {
                "kind": failure.kind(),
                "exit_code": failure.exit_code(),
                "diagnostics": diagnostics,
            }
        });
        match failure {
            Failure::Closed => Ok(()),
            _ => writeln!(err, "{error:#}"),
        }
    } else {
        (diagnostics.iter()).try_for_each(|d| write!(err, "{}", render(d)))
    };
    // With standard error gone, there is nobody left to tell.
    drop(shown);
    ExitCode::from(failure.exit_code())
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
    let Diagnostic {
        message,
        place,
        expected,
        found,
        help,
    } = diagnostic;
    let lines = [expected, found].into_iter().flatten();
    if lines.into_iter().any(|text| text.contains('\n')) {
        // What a compiler says is no part of a line.
        return format!("error: {diagnostic}\n");
    }
    let mut out = "error: ".to_owned();
    let place = place.to_string();
    if !place.is_empty() {
        out += &format!("{place}: ");
    }
    out += message;
    out += &match (expected, found) {
        (Some(expected), Some(found)) => format!(": expected {expected}, found {found}"),
        (Some(expected), None) => format!(": expected {expected}"),
        (None, Some(found)) => format!(": found {found}"),
        (None, None) => String::new(),
    };
    if let Some(help) = help {
        out += &format!("\n  help: {help}");
    }
    out + "\n"
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
