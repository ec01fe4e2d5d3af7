//! Text for people: tables, numbers, and model names made safe for a terminal.

use std::fmt::Display;
use std::io::Write;

use anstyle::Style;
use castiron_codegen::error::{Diagnostic, by_kind};
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use crate::failure::{Failure, Result};
use crate::streams;

const BOLD: Style = Style::new().bold();

/// Nothing but a line below the header.
const RULED: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Columns of the terminal on standard output; `None` where there is none.
pub(crate) fn terminal_width() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size()?;
    Some(usize::from(width.0))
}

/// A table with a header line. Columns whose names begin with `>` are aligned right.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(RULED)
        .set_header(header.iter().map(|name| name.trim_start_matches('>')));
    if let Some(width) = terminal_width() {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width.try_into().unwrap_or(u16::MAX));
    }
    table.add_rows(rows.into_iter().map(|row| row.into_iter().map(cell)));
    for (index, name) in header.iter().enumerate() {
        let Some(column) = table.column_mut(index) else {
            continue;
        };
        column.set_padding((0, 2));
        if name.starts_with('>') {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A cell as a table takes it. All cells of a column are as wide as the widest line, so one of any length
/// would be as much text as that in every row; `--json` has all of it.
fn cell(text: String) -> String {
    const MOST: usize = 160;
    let cut = |line: &str| match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    };
    text.split('\n').map(cut).collect::<Vec<_>>().join("\n")
}

/// A heading, bold where colours are on.
pub(crate) fn heading(text: impl Display) -> String {
    format!("{BOLD}{text}{BOLD:#}\n")
}

/// Prints a text with styles, which are left out where colours are off.
pub(crate) fn print(text: &str) -> Result<()> {
    if streams::is_held() {
        // Styles are for terminals.
        let plain = anstream::adapter::strip_str(text).to_string();
        return print_bytes(plain.as_bytes());
    }
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|e| Failure::stdout(&e))
}

/// Prints bytes as they are.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<()> {
    let written = streams::write(|out| out.write_all(bytes).and_then(|()| out.flush()));
    written.map_err(|e| Failure::stdout(&e))
}

/// Diagnostics as a list.
pub(crate) fn problems(diagnostics: &[Diagnostic]) -> String {
    let kinds = by_kind(diagnostics);
    kinds.iter().map(|d| format!("- {d}\n")).collect()
}

/// A number with thousands separators.
pub(crate) fn grouped(number: impl Display) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes.
pub(crate) fn bytes(number: usize) -> String {
    match number {
        1 => "1 byte".to_owned(),
        _ => format!("{} bytes", grouped(number)),
    }
}

/// A name from a model: what a terminal would act on, and what hides in print, is escaped.
pub(crate) fn name(text: &str) -> String {
    let mut clean = String::new();
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => clean.push(c),
            _ => clean.extend(c.escape_debug()),
        }
    }
    clean
}

/// A tensor's name for a table. Converters join the names of fused operators to hundreds of
/// characters; the first tell them apart, and `--json` has them whole.
pub(crate) fn short_name(text: &str) -> String {
    const MOST: usize = 48;
    let name = name(text);
    match name.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    }
}

/// The ends of paths that tell them apart: file names, with folders before them where two are alike.
pub(crate) fn short_paths<'a>(paths: &[&'a str]) -> Vec<&'a str> {
    let end = |path: &'a str, parts: usize| {
        let starts = path.rmatch_indices(std::path::is_separator);
        let start = starts.map(|(i, _)| i + 1).nth(parts - 1);
        start.map_or(path, |start| &path[start..])
    };
    let shortest = |path: &&'a str| {
        let alone = |short: &&str| {
            let parts = short.split(std::path::is_separator).count();
            let others = paths.iter().filter(|other| *other != path);
            !others.into_iter().any(|other| end(other, parts) == *short)
        };
        let parts = path.split(std::path::is_separator).count();
        (1..=parts).map(|n| end(path, n)).find(alone)
    };
    paths
        .iter()
        .map(|path| shortest(path).unwrap_or(path))
        .collect()
}

/// A shape as `1×28×28×1`; a scalar has none.
pub(crate) fn shape(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "scalar".to_owned();
    }
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    sizes.join("×")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1234567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn names_cannot_drive_the_terminal() {
        assert_eq!(name("a\u{1b}[2J\n\"b\"\\"), "a\\u{1b}[2J\\n\"b\"\\");
        assert_eq!(name("\u{202e}né"), "\\u{202e}né");
    }

    #[test]
    fn long_names_are_cut_in_tables() {
        assert_eq!(short_name("dense/BiasAdd"), "dense/BiasAdd");
        assert_eq!(short_name(&"é".repeat(49)), format!("{}…", "é".repeat(48)));
    }

    #[test]
    fn paths_are_as_short_as_tells_them_apart() {
        let paths = ["/a/b/kws.tflite", "/a/b/kws.tflite", "/a/c/vad.tflite", ""];
        let short = ["kws.tflite", "kws.tflite", "vad.tflite", ""];
        assert_eq!(short_paths(&paths), short);
        let alike = ["/a/b/m.tflite", "/a/c/m.tflite", "m.tflite", "/m.tflite"];
        let short = ["b/m.tflite", "c/m.tflite", "m.tflite", "/m.tflite"];
        assert_eq!(short_paths(&alike), short);
    }

    #[test]
    fn tables_align() {
        let rows = [
            vec!["a".to_owned(), "1".to_owned()],
            vec!["bcd".to_owned(), "1,000".to_owned()],
        ];
        insta::assert_snapshot!(table(&["name", ">bytes"], rows));
    }
}
