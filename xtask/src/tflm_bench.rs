//! Models on TFLM's kernels without its interpreter, beside the interpreter's figures.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use castiron_build::library::{Cases, Library, Options};
use castiron_build::{Kernels, Tflm, tflm};
use castiron_codegen::tflite;
use comfy_table::{Table, presets};

use crate::cores::Core;
use crate::models::Subject;
use crate::qemu;
use crate::report::{self, grouped};
use crate::tflm::{Figures, Kernels as Interpreter};

/// Names the tree of TFLM's sources.
pub(crate) const TREE: &str = "CASTIRON_TFLM";
const TARGET: &str = "thumbv7em-none-eabihf";
const SETS: [(Kernels, &str); 2] = [
    (Kernels::Reference, "reference"),
    (Kernels::CmsisNn, "cmsis-nn"),
];

/// One model with one kernel set.
pub(crate) struct Row {
    model: String,
    kernels: &'static str,
    /// Bytes of the model file, which the interpreter needs in flash.
    file: u64,
    interpreter: Interpreter,
    library: Bytes,
    instructions: u64,
}

/// What the library takes; bytes.
struct Bytes {
    /// Code, weights and other constants.
    flash: u64,
    ram: u64,
}

/// Builds a library of every subject that the interpreter has been measured with, and runs its example.
pub(crate) fn run(
    root: &Path,
    tree: &Path,
    subjects: &[Subject],
    figures: &Figures,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for subject in subjects {
        let Some(measured) = figures.of(&subject.sha256) else {
            continue;
        };
        for (kernels, name) in SETS {
            let interpreter = match kernels {
                Kernels::CmsisNn => measured.cmsis_nn.clone(),
                _ => measured.reference.clone(),
            };
            if interpreter.code_flash.is_none() {
                continue;
            }
            eprintln!("{}, {name}", subject.name);
            let tree = Tflm::new(tree).kernels(kernels).check()?;
            let bytes = std::fs::read(&subject.model)?;
            let model = tflite::read(&subject.model.display().to_string(), &bytes)?;
            let mut options = Options::default();
            options.target = Some(TARGET.to_owned());
            options.cases = Cases::Recorded(subject.golden.clone());
            options.case_bytes = Some(1 << 20);
            options.build_dir = Some(root.join("target/tflm"));
            let library = tflm::build(&model, &tree, &tflm::Settings::default(), &options)?;
            let folder = root
                .join("target/tflm-bench")
                .join(format!("{}-{name}", subject.name));
            rows.push(Row {
                model: subject.name.clone(),
                kernels: name,
                file: bytes.len() as u64,
                interpreter,
                instructions: example(&folder, &library).context(subject.name.clone())?,
                library: Bytes::of(&library),
            });
        }
    }
    ensure!(
        !rows.is_empty(),
        "none of the models has figures of TFLM's interpreter; xtask/data/tflm-cortex-m4.toml has them by hash"
    );
    Ok(rows)
}

impl Bytes {
    fn of(library: &Library) -> Self {
        let sizes = library.sizes;
        Self {
            flash: sizes.text + sizes.rodata + sizes.data,
            ram: sizes.bss + sizes.data,
        }
    }
}

/// Links the library's example and runs it; the instructions of a run, which its self-test must have passed.
fn example(folder: &Path, library: &Library) -> Result<u64> {
    std::fs::create_dir_all(folder)?;
    for file in &library.files {
        std::fs::write(folder.join(&file.name), &file.bytes)?;
    }
    let made = Command::new("make")
        .arg("-B")
        .current_dir(folder)
        .output()
        .context("starting make")?;
    if !made.status.success() {
        bail!("does not link\n{}", String::from_utf8_lossy(&made.stderr));
    }
    let image: PathBuf = folder.join(format!("{}_example.elf", library.interface.prefix));
    let (output, _) = qemu::run(Core::M4, &image)?;
    ensure!(
        output.contains("self-test passed"),
        "the self-test failed:\n{output}"
    );
    let instructions = output
        .lines()
        .find_map(|line| line.strip_prefix("instructions per run: "));
    instructions
        .and_then(|number| number.trim().parse().ok())
        .with_context(|| format!("no instructions in what it printed:\n{output}"))
}

/// The rows as a table, for the terminal or for the documentation.
pub(crate) fn table(rows: &[Row], markdown: bool) -> Table {
    let style = match markdown {
        true => presets::ASCII_MARKDOWN,
        false => presets::UTF8_BORDERS_ONLY,
    };
    let mut table = report::table(
        style,
        &[
            "model",
            "kernels",
            "RAM, interpreter",
            "RAM, library",
            "flash, interpreter",
            "flash, library",
            "instructions, interpreter",
            "instructions, library",
        ],
    );
    for row in rows {
        let Bytes { flash, ram } = row.library;
        let code = row.interpreter.code_flash.unwrap_or(0);
        let numbers = [
            row.interpreter.min_arena,
            ram,
            code + row.file,
            flash,
            row.interpreter.instructions,
            row.instructions,
        ];
        let names = [row.model.clone(), row.kernels.to_owned()];
        table.add_row(names.into_iter().chain(numbers.map(grouped)));
    }
    table
}

/// Puts the table into docs/tflm.md.
pub(crate) fn update_docs(root: &Path, rows: &[Row]) -> Result<PathBuf> {
    let path = root.join("docs/tflm.md");
    let old = std::fs::read_to_string(&path)?;
    let table = format!("{}\n", table(rows, true));
    std::fs::write(&path, report::replace_section(&old, "tflm-bench", &table))?;
    Ok(path)
}
