//! RISC-V's instruction sets: what devicetrees name, and what a Renode takes of it.

use crate::rules::Types;

/// What every one of Renode's processors has.
const ALWAYS: [&str; 2] = ["zicsr", "zifencei"];

/// An instruction set for `cpuType`.
#[derive(Debug, PartialEq, Eq)]
pub struct Isa {
    pub text: String,
    /// Extensions that are left out.
    pub unknown: Vec<String>,
}

impl Isa {
    /// What a Renode takes of an instruction set such as `rv32imac_zba`. Versions of extensions
    /// (`rv32i2p0`) are not Renode's matter.
    pub fn known(text: &str, types: &Types) -> Self {
        let text = text.to_lowercase();
        let mut parts = text.split('_').filter(|part| !part.is_empty());
        let first = parts.next().unwrap_or_default();
        let (width, letters) = first.split_at_checked(4).unwrap_or((first, ""));
        let mut isa = Self {
            text: width.to_owned(),
            unknown: Vec::new(),
        };
        for letter in without_versions(letters).chars() {
            if types.isa_letters.contains(letter) {
                isa.text.push(letter);
            } else if letter == 'e' {
                // The same instructions, on half of the registers.
                isa.text.push('i');
                isa.unknown.push("e".to_owned());
            } else {
                isa.unknown.push(letter.to_string());
            }
        }
        let mut words: Vec<&str> = Vec::new();
        for word in parts {
            match types.isa_extensions.iter().any(|known| known == word) {
                true => words.push(word),
                false => isa.unknown.push(word.to_owned()),
            }
        }
        for word in ALWAYS {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        for word in words {
            isa.text.push('_');
            isa.text += word;
        }
        isa
    }
}

/// The letters of `i2p0m2p0`: a version is a number, or two with a `p` between.
fn without_versions(letters: &str) -> String {
    let mut kept = String::new();
    let mut in_version = false;
    let mut chars = letters.chars().peekable();
    while let Some(c) = chars.next() {
        let number_follows = chars.peek().is_some_and(char::is_ascii_digit);
        in_version = c.is_ascii_digit() || (c == 'p' && in_version && number_follows);
        if !in_version {
            kept.push(c);
        }
    }
    kept
}
