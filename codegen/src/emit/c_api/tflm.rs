//! The C interface of a model on TFLM's kernels, in C++: an instance is the generated class in the
//! bytes that the caller gives.

use castiron_templates::LIBRARY_TFLM_CC;
use serde::Serialize;

use super::Library;
use crate::emit::literal::{c_comment, c_string, shortened};
use crate::error::Result;
use crate::tflm::direct::Direct;

/// Alignment of an instance.
const ALIGNMENT: usize = 16;

#[derive(Serialize)]
struct Values<'a> {
    prefix: &'a str,
    upper: String,
    header: String,
    model: String,
    namespace: &'a str,
    cpp_header: String,
    section: Option<String>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    traced: bool,
}

/// The source that defines the functions of the header. `namespace` is that of the C++.
///
/// # Errors
/// None that a user can cause.
pub fn shim(library: &Library, namespace: &str, arena_section: Option<&str>) -> Result<String> {
    Ok(LIBRARY_TFLM_CC.render(&values(library, namespace, arena_section))?)
}

/// Bytes of an instance on a target with pointers of so many bytes: the generated class (arena, an
/// address for each call, one of its own), then an address and a word of the shim's. The shim asserts
/// that it is enough.
#[must_use]
pub fn instance_bytes(direct: &Direct, pointer_bytes: usize) -> usize {
    let arena = arena_bytes(direct, pointer_bytes).max(1);
    let addresses = direct.calls.len().max(1) + 1;
    let class = arena.next_multiple_of(pointer_bytes) + addresses * pointer_bytes;
    (class.next_multiple_of(ALIGNMENT) + pointer_bytes + size_of::<u32>())
        .next_multiple_of(ALIGNMENT)
}

/// Bytes of the arena on such a target: what kernels keep holds addresses.
#[must_use]
pub fn arena_bytes(direct: &Direct, pointer_bytes: usize) -> usize {
    direct.head_bytes + direct.persistent_bytes * (pointer_bytes / size_of::<u32>())
}

fn values<'a>(library: &'a Library, namespace: &'a str, arena_section: Option<&str>) -> Values<'a> {
    let accessors = |role: &str, count: usize| (0..count).map(|i| format!("{role}{i}")).collect();
    Values {
        prefix: &library.prefix,
        upper: library.upper(),
        header: library.header_name(),
        model: c_comment(&shortened(&library.model)),
        namespace,
        cpp_header: format!("{namespace}_tflm.h"),
        section: arena_section.map(c_string),
        inputs: accessors("input", library.facts.inputs.len()),
        outputs: accessors("output", library.facts.outputs.len()),
        traced: library.traced,
    }
}
