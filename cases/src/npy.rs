//! Tensors in NumPy's .npy files.

use std::path::Path;

use castiron_codegen::error::Diagnostic;
use castiron_codegen::graph::DType;
use winnow::ascii::{dec_uint, multispace0};
use winnow::combinator::{alt, delimited, opt, separated, separated_pair, terminated};
use winnow::error::{ContextError, ErrMode};
use winnow::prelude::*;
use winnow::token::take_till;

use crate::Wanted;

/// Whether a file is of .npy, by its name.
#[must_use]
pub fn is_npy(path: &Path) -> bool {
    let extension = path.extension();
    extension.is_some_and(|e| e.eq_ignore_ascii_case("npy"))
}

/// The tensor's little-endian bytes, if type and shape are the model's.
///
/// # Errors
/// If they are not, or the file is damaged.
pub fn read(bytes: &[u8], wanted: &Wanted<'_>) -> Result<Vec<u8>, Diagnostic> {
    let damaged = |what| Diagnostic::new(format!("the .npy file is damaged: {what}"));
    let (text, data) = split(bytes).ok_or_else(|| damaged("it ends within its header"))?;
    let header = header(text)
        .ok_or_else(|| damaged("its header cannot be read").found(text.escape_debug()))?;
    let descr = descr(wanted.dtype);
    // The byte order comes first: `<`, `>`, or `|` for single bytes.
    if descr.is_none() || header.descr.get(1..) != descr.and_then(|d| d.get(1..)) {
        return Err(mismatch(wanted, "type")
            .found(header.descr.escape_debug())
            .help("convert it with numpy's astype, after quantising if the model is quantised"));
    }
    if header.shape != wanted.shape {
        return Err(mismatch(wanted, "shape")
            .found(format_args!("{:?}", header.shape))
            .help("give it the model's shape with numpy's reshape"));
    }
    if header.fortran_order && header.shape.len() > 1 {
        return Err(mismatch(wanted, "order of elements")
            .found("Fortran order")
            .help("store it in C order with numpy's ascontiguousarray"));
    }
    let mut data = data.to_vec();
    if header.descr.starts_with('>') {
        let size = wanted.dtype.bits() / 8;
        data.chunks_mut(size.max(1)).for_each(<[u8]>::reverse);
    }
    Ok(data)
}

/// How files begin.
const MAGIC: &[u8] = b"\x93NUMPY";

/// The header's text, and the elements.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (version, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
    let (len, rest) = match version {
        [1, _] => {
            let (len, rest) = rest.split_first_chunk()?;
            (u16::from_le_bytes(*len).into(), rest)
        }
        [2 | 3, _] => {
            let (len, rest) = rest.split_first_chunk()?;
            (u32::from_le_bytes(*len), rest)
        }
        _ => return None,
    };
    let (header, elements) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    Some((std::str::from_utf8(header).ok()?.trim_ascii_end(), elements))
}

/// What a header says.
struct Header<'a> {
    descr: &'a str,
    fortran_order: bool,
    shape: Vec<usize>,
}

/// A header is a dictionary as Python writes it.
fn header(text: &str) -> Option<Header<'_>> {
    let entry = separated_pair(quoted, (multispace0, ':', multispace0), value);
    let comma = || (multispace0, ',', multispace0);
    let entries: Vec<(&str, Value<'_>)> = delimited(
        ('{', multispace0),
        terminated(separated(0.., entry, comma()), opt(comma())),
        (multispace0, '}'),
    )
    .parse(text)
    .ok()?;
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    for (key, value) in entries {
        match (key, value) {
            ("descr", Value::Text(text)) => descr = Some(text),
            ("fortran_order", Value::Truth(truth)) => fortran_order = Some(truth),
            ("shape", Value::Sizes(sizes)) => shape = Some(sizes),
            _ => return None,
        }
    }
    Some(Header {
        descr: descr?,
        fortran_order: fortran_order?,
        shape: shape?,
    })
}

/// Values that headers have.
#[derive(Clone)]
enum Value<'a> {
    /// A string without its quotes, or the list of a type with fields.
    Text(&'a str),
    Truth(bool),
    Sizes(Vec<usize>),
}

fn value<'a>(input: &mut &'a str) -> ModalResult<Value<'a>> {
    let comma = || (multispace0, ',', multispace0);
    let sizes = terminated(
        separated(0.., dec_uint::<_, usize, _>, comma()),
        opt(comma()),
    );
    alt((
        quoted.map(Value::Text),
        fields.map(Value::Text),
        "True".value(Value::Truth(true)),
        "False".value(Value::Truth(false)),
        delimited(('(', multispace0), sizes, (multispace0, ')')).map(Value::Sizes),
    ))
    .parse_next(input)
}

fn quoted<'a>(input: &mut &'a str) -> ModalResult<&'a str> {
    let between = |quote| delimited(quote, take_till(0.., quote), quote);
    alt((between('\''), between('"'))).parse_next(input)
}

/// A list with all lists within. It is not looked into: no model has such a type.
fn fields<'a>(input: &mut &'a str) -> ModalResult<&'a str> {
    let mut depth = 0usize;
    let end = input.find(|c| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    });
    match end {
        Some(end) if input.starts_with('[') => Ok(input.next_slice(end + 1)),
        _ => Err(ErrMode::Backtrack(ContextError::new())),
    }
}

fn mismatch(wanted: &Wanted<'_>, what: &str) -> Diagnostic {
    let name = wanted.name.escape_debug();
    Diagnostic::new(format!("the {what} is not that of \"{name}\"")).expected(format_args!(
        "{} {:?}, in C order",
        wanted.dtype, wanted.shape
    ))
}

/// NumPy's name of an element type.
fn descr(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::Int8 => "|i1",
        DType::Uint8 => "|u1",
        DType::Bool => "|b1",
        DType::Int16 => "<i2",
        DType::Uint16 => "<u2",
        DType::Int32 => "<i4",
        DType::Uint32 => "<u4",
        DType::Int64 => "<i8",
        DType::Uint64 => "<u8",
        DType::Float16 => "<f2",
        DType::Float32 => "<f4",
        DType::Float64 => "<f8",
        _ => return None,
    })
}

/// The tensor as a .npy file.
///
/// # Errors
/// If NumPy does not have its element type.
pub fn write(wanted: &Wanted<'_>, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let descr = descr(wanted.dtype).ok_or(std::io::ErrorKind::Unsupported)?;
    let sizes: Vec<String> = wanted.shape.iter().map(usize::to_string).collect();
    // Python tells a tuple of one by its comma.
    let comma = if sizes.len() == 1 { "," } else { "" };
    let sizes = sizes.join(", ") + comma;
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}");
    // A new line ends it, and elements begin at a multiple of 64 bytes. Version 2 takes longer headers.
    let before = |wide| MAGIC.len() + if wide { 6 } else { 4 };
    let padded = |wide| (before(wide) + header.len() + 1).next_multiple_of(64) - before(wide);
    let mut file = MAGIC.to_vec();
    let len = match u16::try_from(padded(false)) {
        Ok(len) => {
            file.extend([1, 0]);
            file.extend(len.to_le_bytes());
            padded(false)
        }
        Err(_) => {
            file.extend([2, 0]);
            let len = u32::try_from(padded(true)).map_err(std::io::Error::other)?;
            file.extend(len.to_le_bytes());
            padded(true)
        }
    };
    let text = format!("{header:<width$}\n", width = len - 1);
    file.extend_from_slice(text.as_bytes());
    // The elements are little-endian already, and that is what the header says.
    file.extend_from_slice(bytes);
    Ok(file)
}

#[cfg(test)]
mod tests {
    use castiron_codegen::error::Error;

    use super::*;

    const FLOATS: Wanted<'static> = Wanted {
        name: "x",
        dtype: DType::Float32,
        shape: &[2, 1],
    };

    fn file(header: &str, elements: &[u8]) -> Vec<u8> {
        let len = u16::try_from(header.len()).unwrap().to_le_bytes();
        [MAGIC, &[1, 0], &len, header.as_bytes(), elements].concat()
    }

    /// What numpy.save writes, byte by byte.
    #[test]
    fn files_are_numpys() {
        for (dtype, shape, text) in [
            (
                DType::Float32,
                &[1, 5][..],
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 5), }",
            ),
            (
                DType::Int8,
                &[3],
                "{'descr': '|i1', 'fortran_order': False, 'shape': (3,), }",
            ),
            (
                DType::Bool,
                &[],
                "{'descr': '|b1', 'fortran_order': False, 'shape': (), }",
            ),
        ] {
            let wanted = Wanted {
                name: "x",
                dtype,
                shape,
            };
            let written = write(&wanted, &[1, 2, 3]).unwrap();
            assert_eq!(written, file(&format!("{text:<117}\n"), &[1, 2, 3]));
            assert_eq!(read(&written, &wanted).unwrap(), [1, 2, 3]);
        }
    }

    #[test]
    fn headers_of_other_writers_are_understood() {
        for header in [
            r#"{"shape": (2, 1), "fortran_order": False, "descr": "<f4"}"#,
            "{ 'descr' : '<f4' , 'fortran_order':False,'shape':( 2,1 ) }   ",
        ] {
            assert_eq!(
                read(&file(header, &[1, 2, 3, 4]), &FLOATS).unwrap(),
                [1, 2, 3, 4]
            );
            let len = u32::try_from(header.len()).unwrap().to_le_bytes();
            let second = [MAGIC, &[2, 0], &len, header.as_bytes(), &[5]].concat();
            assert_eq!(read(&second, &FLOATS).unwrap(), [5]);
        }
        let swapped = "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 1), }";
        let read = read(&file(swapped, &[1, 2, 3, 4, 5, 6, 7, 8]), &FLOATS).unwrap();
        assert_eq!(read, [4, 3, 2, 1, 8, 7, 6, 5]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let deep = "[".repeat(60_000);
        for (header, part) in [
            (
                "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1), }",
                "<f8",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }",
                "[1, 2]",
            ),
            (
                "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1), }",
                "Fortran",
            ),
            (
                "{'descr': [('a', '<f4', [1])], 'fortran_order': False, 'shape': (2, 1), }",
                r"[(\'a\', \'<f4\', [1])]",
            ),
            ("{'descr': '<f4', 'fortran_order': False}", "damaged"),
            (
                "{'descr': '<f4', 'fortran_order': 1, 'shape': (2, 1)}",
                "damaged",
            ),
            ("{'descr': '<f4", "damaged"),
            (&deep, "damaged"),
            (&format!("{{'descr': {deep}"), "damaged"),
        ] {
            let error = Error::from(read(&file(header, &[0; 8]), &FLOATS).unwrap_err());
            assert!(error.to_string().contains(part), "{header:.80}: {error}");
        }
        for len in 0..MAGIC.len() + 8 {
            assert!(read(&write(&FLOATS, &[]).unwrap()[..len], &FLOATS).is_err());
        }
    }
}
