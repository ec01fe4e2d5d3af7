//! What a literal stands for.

use proc_macro2::Literal;

/// The value of a string literal, raw or not; `None` of any other.
pub(crate) fn string(literal: &Literal) -> Option<String> {
    let text = literal.to_string();
    if let Some(raw) = text.strip_prefix('r') {
        let quoted = raw.trim_matches('#');
        return Some(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned());
    }
    unescaped(text.strip_prefix('"')?.strip_suffix('"')?)
}

/// The text that `concat!` makes of a literal; `None` where it makes none.
pub(crate) fn text(literal: &Literal) -> Option<String> {
    if let Some(text) = string(literal) {
        return Some(text);
    }
    let text = literal.to_string();
    if let Some(character) = text.strip_prefix('\'') {
        return unescaped(character.strip_suffix('\'')?);
    }
    whole(&text)
}

/// A whole number in decimal.
fn whole(text: &str) -> Option<String> {
    let text = text.replace('_', "");
    let (digits, radix) = match text.split_at_checked(2) {
        Some(("0x", digits)) => (digits, 16),
        Some(("0o", digits)) => (digits, 8),
        Some(("0b", digits)) => (digits, 2),
        _ => (&*text, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(radix));
    let (digits, suffix) = digits.split_at(end.unwrap_or(digits.len()));
    let is_whole = suffix.is_empty() || suffix.starts_with(['i', 'u']);
    let number = u128::from_str_radix(digits, radix).ok()?;
    is_whole.then(|| number.to_string())
}

/// The text that escapes in a string or character stand for.
fn unescaped(text: &str) -> Option<String> {
    let mut value = String::new();
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        if next != '\\' {
            value.push(next);
            continue;
        }
        value.push(match rest.next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '0' => '\0',
            'x' => {
                let digits: String = rest.by_ref().take(2).collect();
                char::from(u8::from_str_radix(&digits, 16).ok()?)
            }
            'u' => {
                let digits = rest.by_ref().skip(1).take_while(|c| *c != '}');
                let digits: String = digits.filter(|c| *c != '_').collect();
                char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
            }
            // The line goes on with the next one's first word.
            '\n' => {
                rest = rest.as_str().trim_start().chars();
                continue;
            }
            itself => itself,
        });
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Literal {
        text.parse().expect("a literal")
    }

    #[test]
    fn strings_are_what_the_compiler_makes_of_them() {
        macro_rules! same {
            ($($literal:literal)*) => {$(
                assert_eq!(string(&literal(stringify!($literal))).as_deref(), Some($literal));
            )*};
        }
        same! { "" "a/b.tflite" "\\ \" \' \n\r\t\0 \x41 \u{1F980} \u{e_9} é" r"C:\models" r#"a "b""# r##"a"#b"## "a\
        b" }
        for other in ["b\"bytes\"", "c\"text\"", "'a'", "1", "br\"x\""] {
            assert_eq!(string(&literal(other)), None, "{other}");
        }
    }

    #[test]
    fn concat_takes_characters_and_whole_numbers() {
        for (written, wanted) in [
            ("'a'", Some("a")),
            (r"'\''", Some("'")),
            ("1_000usize", Some("1000")),
            ("0xff", Some("255")),
            ("0b11u8", Some("3")),
            ("\"b\"", Some("b")),
            ("1.5", None),
            ("2f32", None),
            ("b'a'", None),
        ] {
            assert_eq!(text(&literal(written)).as_deref(), wanted, "{written}");
        }
    }
}
