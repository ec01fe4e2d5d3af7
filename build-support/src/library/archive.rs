//! From cargo's archive to one that a C project can link beside others.
//!
//! Fat link-time optimisation leaves one object with everything of castiron in it, and the
//! compiler's run-time functions in further ones. Those are left out: every C toolchain links its own
//! (libgcc, compiler-rt), and two libraries would bring them twice.

use std::collections::BTreeSet;
use std::io::Cursor;

use castiron_codegen::emit::c_api;
use castiron_codegen::error::{Diagnostic, Result};
use object::build::elf::{Builder, SectionData};
use object::read::archive::ArchiveFile;
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags, SectionKind, elf};
use serde::Serialize;

use super::package::crate_name;

/// A finished archive.
#[derive(Debug)]
pub(crate) struct Archive {
    pub(crate) bytes: Vec<u8>,
    pub(crate) sizes: Sizes,
    pub(crate) undefined: Vec<String>,
}

/// Bytes of an archive's sections; what a program does not use of them, its linker leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Code.
    pub text: u64,
    /// Constants, weights among them.
    pub rodata: u64,
    /// Initialised data, none in what castiron generates.
    pub data: u64,
    /// Memory that is zero or uninitialised at first: the built-in instance.
    pub bss: u64,
}

/// What the object may need from outside: functions of the C library, and functions of the
/// compiler's run-time library by how their names begin (Arm's run-time ABI, GCC's names).
const C_LIBRARY: [&str; 5] = ["memcpy", "memmove", "memset", "memcmp", "bcmp"];
const COMPILER: [&str; 2] = ["__aeabi_", "_GLOBAL_OFFSET_TABLE_"];
/// Endings of GCC's names for arithmetic that a processor lacks: `__muldi3`, `__fixsfdi`.
const COMPILER_TYPES: [&str; 6] = ["si", "di", "ti", "sf", "df", "2"];

/// What the archive is for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options<'a> {
    /// The target has no operating system.
    pub(crate) bare: bool,
    /// Section of the built-in instance.
    pub(crate) arena_sections: &'a [String],
}

/// Parts of the names, in either mangling, of what all panics of Rust end in.
const PANICS: [&str; 2] = ["9panicking", "rust_begin_unwind"];

/// Makes the archive.
pub(super) fn finish(
    cargos: &[u8],
    interface: &c_api::Library,
    options: Options<'_>,
) -> Result<Archive> {
    let archive = ArchiveFile::parse(cargos).map_err(|e| not_understood(&e))?;
    let ours = crate_name(interface);
    let mut members = Vec::new();
    for member in archive.members() {
        let member = member.map_err(|e| not_understood(&e))?;
        let name = String::from_utf8_lossy(member.name()).into_owned();
        if name.starts_with(&format!("{ours}-")) || name.starts_with(&format!("{ours}.")) {
            members.push(member.data(cargos).map_err(|e| not_understood(&e))?);
        }
    }
    let [object] = members[..] else {
        let count = format!("{} objects of {ours}", members.len());
        return Err(not_understood(&count).into());
    };
    let archive = finish_object(object, interface, options)?;
    let lines = interface.server_functions();
    let by_program = |name: &str| {
        interface.operators.iter().any(|o| o.name == name) || lines.iter().any(|line| line == name)
    };
    let mut strange = archive.undefined.iter();
    if let Some(strange) = strange.find(|name| !is_expected(name) && !by_program(name)) {
        // A function of Rust's that can panic would need more of Rust than there is.
        return Err(Diagnostic::fault(format_args!(
            "the compiled library needs {strange}, which C lacks"
        ))
        .into());
    }
    Ok(archive)
}

/// Makes the archive of one object that has all there is.
pub(crate) fn finish_object(
    object: &[u8],
    interface: &c_api::Library,
    options: Options<'_>,
) -> Result<Archive> {
    let symbols: BTreeSet<String> = interface.symbols().into_iter().collect();
    // Other formats (Mach-O, COFF) stay as they are.
    let is_elf = object.starts_with(&elf::ELFMAG);
    let finished = match is_elf {
        true => rewrite(object, &symbols, options).map_err(|e| not_understood(&e))?,
        false => object.to_vec(),
    };
    let file = object::File::parse(&*finished).map_err(|e| not_understood(&e))?;
    let undefined = check(&file, &symbols)?;
    let sizes = Sizes::of(&file);
    drop(file);
    Ok(Archive {
        bytes: pack(&finished, &format!("{}.o", interface.prefix))
            .map_err(|e| not_understood(&e))?,
        sizes,
        undefined,
    })
}

fn not_understood(what: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic::new(format!("cannot parse the compiled library: {what}"))
        .help("please report this, with the target and the compiler's version")
}

/// Only the interface stays global, and the arena takes no space in an image.
fn rewrite(
    object: &[u8],
    symbols: &BTreeSet<String>,
    options: Options<'_>,
) -> Result<Vec<u8>, object::build::Error> {
    let mut builder = Builder::read(object)?;
    for symbol in &mut builder.symbols {
        let name = String::from_utf8_lossy(&symbol.name);
        if symbol.section.is_some() && !symbols.contains(&*name) {
            symbol.set_st_info(elf::STB_LOCAL, symbol.st_type());
        }
    }
    for section in &mut builder.sections {
        // Says that the stack need not be executable. Where there is no operating system nobody
        // asks, and linkers would warn of every object that says nothing.
        section.delete = options.bare && section.name.as_slice() == b".note.GNU-stack";
        let mut arenas = options.arena_sections.iter();
        let is_arena = arenas.any(|name| section.name.as_slice() == name.as_bytes());
        // A named section counts as data even if it is all zero.
        if let (true, SectionData::Data(data)) = (is_arena, &section.data)
            && data.iter().all(|byte| *byte == 0)
        {
            section.sh_type = elf::SHT_NOBITS;
            section.data = SectionData::UninitializedData(data.len() as u64);
        }
    }
    // LLVM keeps the names of sections among those of symbols, the builder apart.
    let names = |data: &SectionData<'_>| matches!(data, SectionData::SectionString);
    if !builder.sections.iter().any(|section| names(&section.data)) {
        let section = builder.sections.add();
        section.name = b".shstrtab"[..].into();
        section.sh_type = elf::SHT_STRTAB;
        section.sh_addralign = 1;
        section.data = SectionData::SectionString;
    }
    let mut out = Vec::new();
    builder.write(&mut out)?;
    Ok(out)
}

/// What the object needs from outside.
fn check(file: &object::File<'_>, symbols: &BTreeSet<String>) -> Result<Vec<String>> {
    // Mach-O puts an underscore before every name of C.
    let plain = |name: &str| match file.format() {
        object::BinaryFormat::MachO => name.strip_prefix('_').unwrap_or(name).to_owned(),
        _ => name.to_owned(),
    };
    let (undefined, defined): (Vec<_>, Vec<_>) = (file.symbols())
        .filter(|s| s.is_global() || s.is_undefined())
        .filter_map(|s| Some((s.is_undefined(), plain(s.name().ok()?))))
        .filter(|(_, name)| !name.is_empty())
        .partition(|(undefined, _)| *undefined);
    let defined: BTreeSet<String> = defined.into_iter().map(|(_, name)| name).collect();
    if let Some(missing) = symbols.iter().find(|s| !defined.contains(*s)) {
        return Err(Diagnostic::fault(format_args!("the compiled library lacks {missing}")).into());
    }
    let mut names = file.symbols().filter_map(|s| s.name().ok());
    if let Some(panic) = names.find(|name| panics(name)) {
        return Err(Diagnostic::fault(format_args!(
            "the compiled library could panic, by {panic}"
        ))
        .into());
    }
    let undefined: BTreeSet<String> = undefined.into_iter().map(|(_, name)| name).collect();
    Ok(undefined.into_iter().collect())
}

fn panics(name: &str) -> bool {
    PANICS.iter().any(|part| name.contains(part))
}

fn is_expected(name: &str) -> bool {
    let number_ends = |c: char| c.is_ascii_digit();
    C_LIBRARY.contains(&name)
        || COMPILER.iter().any(|prefix| name.starts_with(prefix))
        || (name.starts_with("__")
            && !name.contains("rust")
            && COMPILER_TYPES.iter().any(|ending| {
                name.ends_with(ending) || name.trim_end_matches(number_ends).ends_with(ending)
            }))
}

impl Sizes {
    fn of(file: &object::File<'_>) -> Self {
        let mut sizes = Self::default();
        for section in file.sections() {
            let bytes = section.size();
            let flags = match section.flags() {
                SectionFlags::Elf { sh_flags, .. } => Some(sh_flags),
                _ => None,
            };
            if flags.is_some_and(|flags| flags & u64::from(elf::SHF_ALLOC) == 0) {
                continue;
            }
            let writable = flags.is_some_and(|flags| flags & u64::from(elf::SHF_WRITE) != 0);
            match section.kind() {
                SectionKind::Text => sizes.text += bytes,
                SectionKind::UninitializedData => sizes.bss += bytes,
                SectionKind::ReadOnlyData
                | SectionKind::ReadOnlyString
                | SectionKind::ReadOnlyDataWithRel => sizes.rodata += bytes,
                SectionKind::Data if writable => sizes.data += bytes,
                _ => {}
            }
        }
        sizes
    }
}

fn pack(object: &[u8], name: &str) -> std::io::Result<Vec<u8>> {
    use ar_archive_writer::{
        ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream,
    };
    let kind = match object.starts_with(&elf::ELFMAG) {
        true => ArchiveKind::Gnu,
        false if cfg!(target_os = "macos") => ArchiveKind::Darwin,
        false => ArchiveKind::Coff,
    };
    let member = NewArchiveMember::new(object, &DEFAULT_OBJECT_READER, name.to_owned());
    let mut out = Cursor::new(Vec::new());
    write_archive_to_stream(&mut out, &[member], kind, false, None)?;
    Ok(out.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_are_told_by_name() {
        for name in [
            "_RNvNtCsgEmfK2I1SDS_4core9panicking18panic_bounds_check",
            "_ZN4core9panicking9panic_fmt17h0123456789abcdefE",
            "rust_begin_unwind",
        ] {
            assert!(panics(name), "{name}");
        }
        assert!(!panics("_RNvNtCs1_16castiron_runtime7kernels3dot"));
    }

    #[test]
    fn only_what_c_has_is_expected() {
        for name in [
            "memcpy",
            "__aeabi_uldivmod",
            "__muldi3",
            "__fixsfdi",
            "__udivti3",
            "__floatdisf",
            "__powisf2",
        ] {
            assert!(is_expected(name), "{name}");
        }
        for name in [
            "rust_eh_personality",
            "_ZN4core9panicking5panic",
            "printf",
            "__rust_alloc",
            "",
        ] {
            assert!(!is_expected(name), "{name}");
        }
    }
}
