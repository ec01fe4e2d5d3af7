//! An example that runs the self-test, with what builds it.

use castiron_templates::{
    EXAMPLE_CMAKE, EXAMPLE_LD, EXAMPLE_MAIN_C, EXAMPLE_MAKEFILE, EXAMPLE_STARTUP_C, Template,
};
use serde::Serialize;

use super::header::{BufferValues, RowValues};
use super::{Board, Library};
use crate::emit::literal::{c_comment, c_string, shortened};
use crate::error::Result;

/// File name and template of each file.
const FILES: [(&str, Template); 3] = [
    ("main.c", EXAMPLE_MAIN_C),
    ("Makefile", EXAMPLE_MAKEFILE),
    ("CMakeLists.txt", EXAMPLE_CMAKE),
];
/// Those that only a target with a [`Board`] has.
const BOARD_FILES: [(&str, Template); 2] =
    [("startup.c", EXAMPLE_STARTUP_C), ("example.ld", EXAMPLE_LD)];

/// What the example is for.
#[derive(Debug, Clone, Default)]
pub struct Example<'a> {
    /// The target triple.
    pub target: &'a str,
    /// Whether the target is the machine that builds, so that the program can run there.
    pub native: bool,
    /// Sections that the linker script has to place.
    pub arena_section: Option<&'a str>,
    #[allow(missing_docs)]
    pub section: Option<&'a str>,
    /// Whether the library calls functions of libm.
    pub math: bool,
}

#[derive(Serialize)]
struct Values<'a> {
    prefix: String,
    upper: String,
    header: String,
    library: String,
    program: String,
    model_comment: String,
    title_string: String,
    comments: Vec<String>,
    target: &'a str,
    compiler: &'a str,
    flags: &'a [&'static str],
    cross: bool,
    runs: bool,
    qemu: Option<String>,
    machine: &'a str,
    flash: String,
    ram: String,
    ram_length: String,
    instructions_per_tick: u32,
    arena_section: Option<&'a str>,
    section: Option<&'a str>,
    math: bool,
    operators: bool,
    rows: Option<RowValues>,
    buffers: BufferValues,
    /// How to run the built-in instance.
    run: String,
}

/// Names and texts of the example's files.
///
/// # Errors
/// None that a user can cause.
pub fn example(library: &Library, example: &Example<'_>) -> Result<Vec<(&'static str, String)>> {
    let board = Board::of(example.target).filter(|_| !example.native);
    let runs = example.native || board.is_some();
    let mut comments = vec![
        "make builds it; with CMake: cmake -B build && cmake --build build".to_owned(),
        match (board, runs) {
            (Some(board), _) => format!(
                "make run runs it in QEMU ({}), where printf goes through semihosting.",
                board.machine
            ),
            (None, true) => "make run runs it.".to_owned(),
            (None, false) => format!(
                "castiron has no board for {}: CC and CFLAGS name the compiler and the processor.",
                example.target
            ),
        },
    ];
    if board.is_some() {
        comments.push("startup.c and example.ld are for that; a board has its own.".to_owned());
    }
    let arm = example.target.starts_with("thumb") || example.target.starts_with("arm");
    let values = Values {
        prefix: library.prefix.clone(),
        upper: library.upper(),
        header: library.header_name(),
        library: library.archive_name(),
        program: match board {
            Some(_) => format!("{}_example.elf", library.prefix),
            None => format!("{}_example", library.prefix),
        },
        model_comment: c_comment(&shortened(&library.model)),
        title_string: c_string(&shortened(&format!(
            "{} ({})",
            library.model, library.engine
        ))),
        comments,
        target: example.target,
        compiler: match arm && !example.native && example.target.contains("-none") {
            true => "arm-none-eabi-gcc",
            false => "cc",
        },
        flags: board.map_or(&[], |b| b.flags),
        cross: !example.native,
        runs,
        qemu: board.map(|b| format!("-machine {} -cpu {}", b.machine, b.cpu)),
        machine: board.map_or("", |b| b.machine),
        flash: format!("{:#010x}", board.map_or(0, |b| b.flash)),
        ram: format!("{:#010x}", board.map_or(0, |b| b.ram)),
        ram_length: format!("{}K", board.map_or(0, |b| b.ram_bytes) >> 10),
        instructions_per_tick: board.map_or(0, Board::instructions_per_tick),
        arena_section: example.arena_section,
        section: example.section,
        math: example.math,
        operators: !library.operators.is_empty(),
        rows: RowValues::of(library),
        run: BufferValues::of(library).run(),
        buffers: BufferValues::of(library),
    };
    let board_files = BOARD_FILES.iter().filter(|_| board.is_some());
    (FILES.iter().chain(board_files))
        .map(|(name, template)| Ok((*name, template.render(&values)?)))
        .collect()
}
