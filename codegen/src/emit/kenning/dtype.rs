//! Kenning's names of element types: a kind and the bits of one element, as in `float32`.

use crate::graph::DType;

/// The kinds and their codes, which are DLPack's. As of kenning c5ee79e (2026-06-25).
const KINDS: [(&str, u8); 18] = [
    ("int", 0),
    ("uint", 1),
    ("float", 2),
    ("opaque_handle", 3),
    ("bfloat", 4),
    ("complex", 5),
    ("bool", 6),
    ("e3m4_float", 7),
    ("e4m3_float", 8),
    ("e4m3b11fnuz_float", 9),
    ("e4m3fn_float", 10),
    ("e4m3fnuz_float", 11),
    ("e5m2_float", 12),
    ("e5m2fnuz_float", 13),
    ("e8m0fnu_float", 14),
    ("e2m3fn_float", 15),
    ("e3m2fn_float", 16),
    ("e2m1fn_float", 17),
];

/// The code and the bits of a name.
///
/// # Errors
/// What a name has to be like, if this one is not.
pub fn code(name: &str) -> Result<(u8, u8), &'static str> {
    let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let bits = name.get(kind.len()..).unwrap_or_default();
    let Some((_, code)) = KINDS.iter().find(|(known, _)| *known == kind) else {
        return Err("one of Kenning's types, for example float32, int8, uint8 or bool8");
    };
    match bits.parse::<u8>() {
        // model_load_struct() refuses parts of bytes.
        Ok(bits) if bits > 0 && bits % 8 == 0 => Ok((*code, bits)),
        _ => Err(
            "the type's name and its bits, 8 to 248 in whole bytes, for example float32 or bool8",
        ),
    }
}

/// Kenning's names of an element type, the preferred one first; none for types it has no name for.
pub fn names(dtype: DType) -> &'static [&'static str] {
    match dtype {
        DType::Float32 => &["float32"],
        DType::Float16 => &["float16"],
        DType::Float64 => &["float64"],
        DType::Bfloat16 => &["bfloat16"],
        DType::Int4 => &["int4"],
        DType::Int8 => &["int8"],
        DType::Int16 => &["int16"],
        DType::Int32 => &["int32"],
        DType::Int64 => &["int64"],
        DType::Uint4 => &["uint4"],
        DType::Uint8 => &["uint8"],
        DType::Uint16 => &["uint16"],
        DType::Uint32 => &["uint32"],
        DType::Uint64 => &["uint64"],
        DType::Bool => &["bool8", "bool"],
        DType::Complex64 => &["complex64"],
        DType::Complex128 => &["complex128"],
        DType::Int2 => &["int2"],
        DType::Float8E4M3Fn => &["e4m3fn_float8"],
        DType::Float8E5M2 => &["e5m2_float8"],
        DType::String | DType::Resource | DType::Variant => &[],
    }
}
