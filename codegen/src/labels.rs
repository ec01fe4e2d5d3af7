//! Class names as text files have them.

/// One label per line; blank lines at the end are left out.
pub fn parse(text: &str) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.trim_end().lines();
    lines.map(|line| line.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_labels() {
        assert_eq!(
            parse("\u{feff}no\r\n yes \n\nmaybe\n\n"),
            ["no", "yes", "", "maybe"]
        );
        assert!(parse("").is_empty());
    }
}
