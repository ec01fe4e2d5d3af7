//! What a firmware image holds: section sizes, weights, and code that must not be there.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use rustc_demangle::demangle;
use serde::Serialize;

/// Functions of `core`, `alloc` and C that are linked only if something can panic or allocate.
const PANICS: [&str; 7] = [
    "core::panicking::",
    "core::slice::index::slice_",
    "core::option::unwrap_failed",
    "core::option::expect_failed",
    "core::result::unwrap_failed",
    "core::str::slice_error_fail",
    "rust_begin_unwind",
];
const ALLOCATES: [&str; 9] = [
    "alloc::",
    "__rust_alloc",
    "__rust_realloc",
    "__rust_dealloc",
    "__rust_no_alloc_shim",
    "__rg_alloc",
    "malloc",
    "calloc",
    "realloc",
];

/// Sizes of the sections of an image, in bytes.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct Sections {
    /// `.text`.
    pub(crate) text: u64,
    /// `.rodata`.
    pub(crate) rodata: u64,
    /// `.data`, which takes flash and RAM.
    pub(crate) data: u64,
    /// `.bss`.
    pub(crate) bss: u64,
}

/// The contents of an image.
#[derive(Debug, Default)]
pub(crate) struct Image {
    /// Section sizes.
    pub(crate) sections: Sections,
    /// Of `.rodata`, the bytes of statics named `WEIGHTS`.
    pub(crate) weights: u64,
    /// Demangled names of functions that panic or allocate.
    pub(crate) offenders: Vec<String>,
}

impl Image {
    /// Reads a linked ELF file with symbols.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let file =
            object::File::parse(bytes.as_slice()).with_context(|| path.display().to_string())?;
        let size = |name| {
            file.section_by_name(name)
                .map_or(0, |section| section.size())
        };
        let mut image = Self {
            sections: Sections {
                text: size(".text"),
                rodata: size(".rodata"),
                data: size(".data"),
                bss: size(".bss"),
            },
            ..Self::default()
        };
        for symbol in file.symbols() {
            let name = format!("{:#}", demangle(symbol.name().unwrap_or_default()));
            if is_weights(&name) {
                image.weights += symbol.size();
            }
            if offends(&name) {
                image.offenders.push(name);
            }
        }
        image.offenders.sort();
        image.offenders.dedup();
        Ok(image)
    }

    /// What may be behind a firmware that does not run to its end.
    pub(crate) fn suspects(&self) -> String {
        if self.offenders.is_empty() {
            return "it cannot panic".to_owned();
        }
        format!("it can panic or allocate ({})", self.offenders.join(", "))
    }

    /// Flash for code and constants other than weights.
    pub(crate) fn code(&self) -> u64 {
        let Sections {
            text, rodata, data, ..
        } = self.sections;
        (text + rodata + data).saturating_sub(self.weights)
    }

    /// RAM but for the stack.
    pub(crate) fn ram(&self) -> u64 {
        self.sections.data + self.sections.bss
    }
}

/// Addresses and type of a section.
pub(crate) fn section(image: &Path, name: &str) -> Result<Range<u64>> {
    let bytes = std::fs::read(image).with_context(|| image.display().to_string())?;
    let file =
        object::File::parse(bytes.as_slice()).with_context(|| image.display().to_string())?;
    let section = file.section_by_name(name);
    let section = section.with_context(|| format!("{} has no {name}", image.display()))?;
    let from = section.address();
    Ok(from..from + section.size())
}

/// The addresses of the function whose path ends so.
pub(crate) fn function(image: &Path, path: &str) -> Result<Range<u32>> {
    let bytes = std::fs::read(image).with_context(|| image.display().to_string())?;
    let file =
        object::File::parse(bytes.as_slice()).with_context(|| image.display().to_string())?;
    let mut symbols = file.symbols();
    let symbol = symbols.find(|symbol| {
        format!("{:#}", demangle(symbol.name().unwrap_or_default())).ends_with(path)
    });
    let symbol = symbol.with_context(|| format!("{}: no function {path}", image.display()))?;
    // The lowest bit of an address says that it is Thumb code.
    let start = u32::try_from(symbol.address())? & !1;
    Ok(start..start + u32::try_from(symbol.size())?)
}

/// Whether a static holds weights, or is a part that the compiler split off one.
fn is_weights(name: &str) -> bool {
    let path = name.split('.').next().unwrap_or_default();
    path.rsplit("::").next() == Some("WEIGHTS")
}

fn offends(name: &str) -> bool {
    // Methods of a foreign trait read `<type as path>::method`.
    let plain = name.trim_start_matches(['<', '_']);
    PANICS.iter().any(|panic| name.contains(panic))
        || ALLOCATES.iter().any(|alloc| {
            name == *alloc || plain.starts_with("alloc::") || {
                // Shims of the allocator carry a crate prefix in newer compilers.
                alloc.starts_with("__r") && name.ends_with(alloc)
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_offenders_by_name() {
        for name in [
            "core::panicking::panic_bounds_check",
            "core::slice::index::slice_index_fail",
            "__rustc::rust_begin_unwind",
            "rust_begin_unwind",
            "__rustc::__rust_alloc",
            "alloc::vec::Vec<T>::push",
            "<alloc::string::String as core::fmt::Write>::write_str",
            "malloc",
        ] {
            assert!(offends(name), "{name}");
        }
        for name in [
            "main",
            "castiron_runtime::kernels::conv2d",
            "memcpy",
            "app::alloc_free",
            "",
        ] {
            assert!(!offends(name), "{name}");
        }
    }

    #[test]
    fn tells_weights_by_name() {
        for name in [
            "golden::subject::model::WEIGHTS",
            "WEIGHTS",
            "kws::WEIGHTS.0",
        ] {
            assert!(is_weights(name), "{name}");
        }
        for name in ["kws::WEIGHTS_SHIFT", "kws::CONV_0", ""] {
            assert!(!is_weights(name), "{name}");
        }
    }
}
