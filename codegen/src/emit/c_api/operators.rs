//! C functions that compute custom operators: declared in the header, defined by the program.

use serde::Serialize;

use super::Library;
use crate::emit::custom::{Role, Signature, clash};
use crate::emit::literal::{c_comment, shortened};
use crate::error::{Diagnostic, Result};
use crate::ident::{Language, Names, identifier};
use crate::program::{ElementType, Program};

/// A function that the program defines.
#[derive(Debug, Clone)]
pub struct OperatorFunction {
    /// Its name in C.
    pub name: String,
    /// What it computes, of what.
    pub signature: Signature,
}

#[derive(Serialize)]
pub(super) struct Values {
    name: String,
    operator_comment: String,
    parameters: Vec<String>,
}

impl OperatorFunction {
    /// Those that a program calls: of the names that are given for operators, or `<prefix>_<operator>`.
    ///
    /// # Errors
    /// If a name that is given is no name of a function, or is one of the library's own.
    pub fn all(
        program: &Program,
        library: &Library,
        given: &[(String, String)],
    ) -> Result<Vec<Self>> {
        let own = library.names();
        let signatures = Signature::all(program);
        let wanted = (signatures.iter())
            .map(|signature| wanted(&signature.operator, library, &own, given))
            .collect::<Result<Vec<String>>>()?;
        let mut names = Names::without(own.iter().map(String::as_str));
        let found: Vec<String> = wanted.iter().map(|name| names.unique(name)).collect();
        if let Some(diagnostic) = clash(&signatures, &wanted, &found) {
            return Err(diagnostic.help(NAME_EACH).into());
        }
        if let Some(name) = found.iter().find(|name| is_type(name, &found, &own)) {
            let message = "the type of a custom operator's function has the name of something else";
            return Err(Diagnostic::new(message)
                .expected("a name for each")
                .found(format_args!("`{}`", function_type(name)))
                .help(NAME_EACH)
                .into());
        }
        let all = std::iter::zip(found, signatures);
        Ok(all
            .map(|(name, signature)| Self { name, signature })
            .collect())
    }

    pub(super) fn values(&self) -> Values {
        let parameters = self.signature.parameters.iter().map(|parameter| {
            let constant = match parameter.role {
                Role::Input => "const ",
                _ => "",
            };
            format!(
                "{constant}{} *{}",
                c_type(parameter.element),
                parameter.name
            )
        });
        Values {
            name: self.name.clone(),
            operator_comment: c_comment(&shortened(&self.signature.operator)),
            parameters: parameters.collect(),
        }
    }
}

/// What users can do about names that meet.
const NAME_EACH: &str = "name the function of each: --custom OP=FUNCTION";

/// The type of a function of this name, as the header has it.
fn function_type(name: &str) -> String {
    format!("{name}_function")
}

/// Whether the type of a function of this name would have the name of another function, or one of the library's own.
fn is_type(name: &str, functions: &[String], own: &[String]) -> bool {
    let of_type = function_type(name);
    functions.iter().chain(own).any(|other| *other == of_type)
}

/// The function of an operator's first form.
fn wanted(
    operator: &str,
    library: &Library,
    own: &[String],
    given: &[(String, String)],
) -> Result<String> {
    match given.iter().rfind(|(of, _)| of == operator) {
        Some((_, name)) if own.contains(name) || identifier(name, Language::C) != *name => Err(
            Diagnostic::new("this cannot be the function of a custom operator")
                .expected("a name in C that the library does not define itself")
                .found(format_args!("{name:?}"))
                .into(),
        ),
        Some((_, name)) => Ok(name.clone()),
        None => {
            let words = match operator.contains(|c: char| c.is_ascii_alphanumeric()) {
                true => identifier(&snake(operator), Language::C),
                false => "operator".to_owned(),
            };
            Ok(format!("{}_{words}", library.prefix))
        }
    }
}

/// `MyScale` as `my_scale`.
pub fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut before = None;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && before.is_some_and(|c: char| c.is_ascii_lowercase()) {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
        before = Some(letter);
    }
    out
}

fn c_type(element: ElementType) -> &'static str {
    match element {
        ElementType::I8 => "int8_t",
        ElementType::U8 => "uint8_t",
        ElementType::I16 => "int16_t",
        ElementType::U16 => "uint16_t",
        ElementType::I32 => "int32_t",
        ElementType::U32 => "uint32_t",
        ElementType::I64 => "int64_t",
        ElementType::U64 => "uint64_t",
        ElementType::F32 => "float",
    }
}
