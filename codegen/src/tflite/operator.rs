//! Operator codes and operators.

use flatbuffers::Verifier;

use super::constants::Constants;
use super::{options, schema, versions};
use crate::error::{Diagnostic, printed};
use crate::graph::{BuiltinOperator, OpKind, Operator, Options, TensorId};

const CUSTOM: i32 = 32;
/// What writers put in the old one-byte field for a code that does not fit it.
const PLACEHOLDER: i32 = 127;
/// Long enough for any name that someone registers by hand.
const LONGEST_NAME: usize = 128;

const NEWER: &str = "the file is damaged, or newer than this release of castiron";

/// What a code stands for, as far as anybody knows.
pub(super) fn name(raw: schema::OperatorCode<'_>) -> &'static str {
    match BuiltinOperator::from_code(number(raw)) {
        _ if number(raw) == CUSTOM => "CUSTOM",
        Some(operator) => operator.name(),
        None => "?",
    }
}

/// Old writers only know the first field; new ones fill it with the placeholder when needed.
fn number(raw: schema::OperatorCode<'_>) -> i32 {
    i32::from(raw.deprecated_builtin_code()).max(raw.builtin_code())
}

/// Reads an operator code: what it computes, and the version.
pub(super) fn code(raw: schema::OperatorCode<'_>) -> Result<(OpKind, u32), Diagnostic> {
    let code = number(raw);
    let kind = match BuiltinOperator::from_code(code) {
        _ if code == CUSTOM => OpKind::Custom(custom_name(raw)?),
        Some(op) if code != PLACEHOLDER && raw.deprecated_builtin_code() >= 0 => {
            OpKind::Builtin(op)
        }
        _ => {
            let deprecated = raw.deprecated_builtin_code();
            return Err(Diagnostic::new("unknown builtin operator")
                .expected("a builtin operator of schema version 3")
                .found(format_args!(
                    "code {}",
                    if deprecated < 0 {
                        deprecated.into()
                    } else {
                        code
                    }
                ))
                .help(NEWER));
        }
    };
    let greatest = match kind {
        OpKind::Builtin(op) => versions::greatest(op),
        OpKind::Custom(_) => u32::MAX,
    };
    match u32::try_from(raw.version()) {
        Ok(version) if (1..=greatest).contains(&version) => Ok((kind, version)),
        _ => Err(Diagnostic::new(format!("unknown version of {kind}"))
            .expected(match kind {
                OpKind::Builtin(_) => format!("version 1 to {greatest}"),
                OpKind::Custom(_) => "a version of at least 1".to_owned(),
            })
            .found(format_args!("version {}", raw.version()))
            .help("convert the model with an older converter, or update castiron")),
    }
}

/// A custom operator's name. TensorFlow Lite takes any text, and what castiron writes has it within quotes or as an identifier that is made of
/// it. What cannot be printed is no name that anybody gave: it would end a line, or drive a terminal.
fn custom_name(raw: schema::OperatorCode<'_>) -> Result<String, Diagnostic> {
    let name = raw.custom_code().text();
    if name.is_empty() {
        return Err(Diagnostic::new("the custom operator has no name")
            .expected("the name under which its kernel is registered")
            .found("none")
            .help("convert the model again"));
    }
    if name.len() > LONGEST_NAME || printed(&name) != name {
        let shown: String = name.chars().take(LONGEST_NAME).collect();
        return Err(Diagnostic::new("the custom operator's name is not usable")
            .expected(format_args!(
                "up to {LONGEST_NAME} bytes of characters that can be printed"
            ))
            .found(format_args!("{shown:?}"))
            .help("rename the operator in the model's source"));
    }
    Ok(name.into_owned())
}

/// Reads the indices of an operator's tensors and its options. Finds everything wrong with it.
pub(super) fn read(
    raw: schema::Operator<'_>,
    (kind, version): &(OpKind, u32),
    tensors: usize,
    constants: &mut Constants<'_>,
    verifier: &mut Verifier,
) -> Result<Operator, Vec<Diagnostic>> {
    let mut found = Vec::new();
    let mut inputs = Vec::with_capacity(raw.inputs().len());
    for (position, index) in raw.inputs().iter().enumerate() {
        match index {
            -1 => inputs.push(None),
            _ => match tensor_id(index, tensors, format_args!("input {position}")) {
                Ok(id) => inputs.push(Some(id)),
                Err(d) => found.push(d),
            },
        }
    }
    let mut outputs = Vec::with_capacity(raw.outputs().len());
    for (position, index) in raw.outputs().iter().enumerate() {
        match tensor_id(index, tensors, format_args!("output {position}")) {
            Ok(id) => outputs.push(id),
            Err(d) => found.push(d),
        }
    }
    // Nothing is computed with them, so one that is not there is left out.
    let intermediates = raw.intermediates();
    let intermediates = intermediates.iter().filter_map(|index| {
        let id = u32::try_from(index).ok()?;
        ((id as usize) < tensors).then_some(TensorId(id))
    });
    let intermediates = intermediates.collect();
    let options = match kind {
        OpKind::Builtin(op) => options::read(*op, raw, verifier),
        OpKind::Custom(_) => custom_options(raw, constants),
    };
    match options {
        Ok(options) if found.is_empty() => Ok(Operator {
            kind: kind.clone(),
            version: *version,
            inputs,
            outputs,
            intermediates,
            options,
            origin: Vec::new(),
        }),
        Ok(_) => Err(found),
        Err(d) => {
            found.push(d);
            Err(found)
        }
    }
}

/// The tensor of an index that the file gives for `what`.
pub(super) fn tensor_id(
    index: impl TryInto<u32> + Copy + std::fmt::Display,
    tensors: usize,
    what: impl std::fmt::Display,
) -> Result<TensorId, Diagnostic> {
    match index.try_into() {
        Ok(id) if (id as usize) < tensors => Ok(TensorId(id)),
        _ => Err(Diagnostic::new(format!("{what} is not a tensor"))
            .expected(format_args!("an index below {tensors}"))
            .found(index)
            .help("the file is damaged or was edited; convert the model again")),
    }
}

fn custom_options(
    raw: schema::Operator<'_>,
    constants: &mut Constants<'_>,
) -> Result<Options, Diagnostic> {
    let bytes = match raw.large_custom_options_offset() {
        0 | 1 => raw.custom_options().as_slice(),
        offset => constants.external(offset, raw.large_custom_options_size())?,
    };
    constants.copy(bytes).map(Options::Custom)
}
