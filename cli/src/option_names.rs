//! Names of options in messages, as whoever started the command knows them.

use castiron_codegen::error::Diagnostic;

/// A build system's name for an option: `cases=CASES`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OptionName {
    option: String,
    name: String,
}

impl OptionName {
    pub(crate) fn new(option: &str, name: &str) -> Self {
        Self {
            option: option.to_owned(),
            name: name.to_owned(),
        }
    }
}

impl std::str::FromStr for OptionName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (option, name) = text.split_once('=').ok_or("expected option=name")?;
        Ok(Self::new(option, name))
    }
}

/// The diagnostic with these names for options.
pub(crate) fn renamed(diagnostic: &Diagnostic, names: &[OptionName]) -> Diagnostic {
    let mut diagnostic = diagnostic.clone();
    let Diagnostic {
        message,
        expected,
        found,
        help,
        ..
    } = &mut diagnostic;
    let texts = [
        Some(message),
        expected.as_mut(),
        found.as_mut(),
        help.as_mut(),
    ];
    for text in texts.into_iter().flatten() {
        *text = rename(text, names);
    }
    diagnostic
}

/// What stands between backticks is for a shell, and stays.
fn rename(text: &str, names: &[OptionName]) -> String {
    let parts = text.split('`').enumerate().map(|(i, part)| match i % 2 {
        0 => rename_all(part, names),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("`")
}

fn rename_all(text: &str, names: &[OptionName]) -> String {
    let mut pieces = text.split("--");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_lowercase() && c != '-');
        let (option, rest) = piece.split_at(end.unwrap_or(piece.len()));
        match names.iter().find(|name| name.option == option) {
            Some(name) => out += &name.name,
            None => out += &format!("--{option}"),
        }
        out += rest;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_the_names_of_the_build_system() {
        let names = ["cases=CASES", "target=RUST_TARGET"].map(|name| name.parse().unwrap());
        for (text, expected) in [
            ("leave --cases out", "leave CASES out"),
            ("--case-bytes allows more", "--case-bytes allows more"),
            ("with --target, --cases", "with RUST_TARGET, CASES"),
            (
                "`rustc --print x --target y` for --target",
                "`rustc --print x --target y` for RUST_TARGET",
            ),
            ("a -- b", "a -- b"),
        ] {
            assert_eq!(rename(text, &names), expected);
        }
        assert!("cases".parse::<OptionName>().is_err());
    }

    #[test]
    fn every_part_of_a_diagnostic_is_renamed() {
        let names = ["cases=CASES".parse().unwrap()];
        let diagnostic = Diagnostic::new("1 --cases")
            .expected("2 --cases")
            .found("3 --cases")
            .help("4 --cases");
        let text = renamed(&diagnostic, &names).to_string();
        assert_eq!(text.matches(" CASES").count(), 4, "{text}");
        assert!(!text.contains("--"), "{text}");
    }
}
