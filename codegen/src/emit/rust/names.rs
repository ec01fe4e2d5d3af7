//! Rust identifiers from a model's free text.

use std::collections::HashSet;

/// A module name from a file's stem: `my-model v2` → `my_model_v2`.
pub fn module_name(stem: &str) -> String {
    identifier(stem).unwrap_or_else(|| "model".to_owned())
}

/// Snake case out of any text; `None` where nothing usable is left.
pub(super) fn identifier(text: &str) -> Option<String> {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    if name.is_empty() {
        return None;
    }
    let name = if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("m_{name}")
    } else {
        name.to_owned()
    };
    // Keywords are no identifiers; a trailing underscore makes them one.
    Some(match syn::parse_str::<syn::Ident>(&name) {
        Ok(_) => name,
        Err(_) => format!("{name}_"),
    })
}

/// Distinct identifiers for texts, falling back to their position where a text gives none or one
/// that is taken.
pub(super) fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken = HashSet::new();
    texts
        .enumerate()
        .map(|(i, text)| {
            let wish = identifier(text).unwrap_or_else(|| i.to_string());
            let name = if taken.contains(&wish) {
                format!("{wish}_{i}")
            } else {
                wish
            };
            taken.insert(name.clone());
            name
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_gives_an_identifier() {
        assert_eq!(module_name("vae"), "vae");
        assert_eq!(module_name("My-Model v2"), "my_model_v2");
        assert_eq!(module_name("2nd"), "m_2nd");
        assert_eq!(module_name("match"), "match_");
        assert_eq!(module_name("*/ }"), "model");
    }

    #[test]
    fn equal_texts_stay_apart() {
        let names = distinct(["x", "x", "", "X"].into_iter());
        assert_eq!(names, ["x", "x_1", "2", "x_3"]);
    }
}
