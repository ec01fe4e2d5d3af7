//! The model as a library, linked with the harness.

use std::path::{Path, PathBuf};
use std::process::Command;

use castiron_codegen::emit::c_api;
use castiron_codegen::error::Result;
use castiron_codegen::graph::Model;

use super::platform::{self, Tools, unusable};
use super::{Case, Engine, Settings, tools};
use crate::{library, output, tflm};

/// A static library in the folder, and what a compiler has to know of it.
#[derive(Debug)]
pub(super) struct Library {
    header: String,
    archive: String,
    /// What its functions begin with; `kws` for `kws_run`.
    prefix: String,
    memories: Vec<c_api::PlacedMemory>,
}

const FIRMWARE: &str = "firmware.elf";

/// Makes a model a static library for the target. `case` is one that fits the model.
pub(super) fn library(
    model: &Model,
    case: c_api::Case,
    settings: &Settings,
    folder: &Path,
) -> Result<Library> {
    let options = library::Options {
        target: settings.on.triple().map(str::to_owned),
        traced: settings.traced(),
        optimize: settings.optimize,
        isa: settings.isa,
        max_arena: settings.max_arena,
        memories: settings.memories.clone(),
        without: settings.without,
        opt_level: settings.opt_level,
        // There is no library without a self-test, and it is not used here.
        cases: library::Cases::Given(vec![case]),
        build_dir: settings.build_dir.clone(),
        offline: settings.offline,
        ..library::Options::default()
    };
    let built = match &settings.engine {
        Engine::Compiled => library::build(model, &options)?,
        Engine::Tflm(tree) => tflm::build(model, tree, &tflm::Settings::default(), &options)?,
    };
    let (header, archive) = (
        built.interface.header_name(),
        built.interface.archive_name(),
    );
    for file in built
        .files
        .iter()
        .filter(|f| [&header, &archive].contains(&&f.name))
    {
        let path = folder.join(&file.name);
        output::write(&path, &file.bytes).map_err(|e| unusable(&path, &e))?;
    }
    Ok(Library {
        header,
        archive,
        prefix: built.interface.prefix,
        memories: built.interface.memories,
    })
}

/// Memories of the instance that the harness has, and their addresses as further arguments of its initialisation: none of one where nothing lies.
fn memories(library: &Library) -> [String; 2] {
    let (mut memories, mut arguments) = (String::new(), String::new());
    for (at, memory) in library.memories.iter().enumerate() {
        if memory.bytes == 0 {
            arguments += ", NULL";
            continue;
        }
        memories += &format!("static {}_{} memory_{at};", library.prefix, memory.name);
        arguments += &format!(", &memory_{at}");
    }
    [memories, arguments]
}

/// Compiles the harness and links it with the library; the image.
pub(super) fn link(
    library: &Library,
    tools: &Tools,
    settings: &Settings,
    folder: &Path,
) -> Result<PathBuf> {
    for source in settings.on.sources() {
        let path = folder.join(source.name);
        output::write(&path, source.text.as_bytes()).map_err(|e| unusable(&path, &e))?;
    }
    let prefix = &library.prefix;
    let upper = prefix.to_ascii_uppercase();
    let mut command = Command::new(&tools.compiler);
    command
        .current_dir(folder)
        .args(settings.on.options())
        .args(["-O2", "-std=gnu99", "-Wall", "-Wextra", "-I."])
        .arg(format!("-DMODEL_HEADER=\"{}\"", library.header))
        .arg(format!("-DMODEL(name)={prefix}_##name"))
        .arg(format!("-DINPUT_COUNT={upper}_INPUT_COUNT"))
        .arg(format!("-DOUTPUT_COUNT={upper}_OUTPUT_COUNT"))
        // Nobody defines it where no run does.
        .arg(format!("-DMAY_END_EARLY={upper}_MAY_END_EARLY"))
        .arg(format!("-DNOT_YET={upper}_NOT_YET"));
    let [memories, arguments] = memories(library);
    command
        .arg(format!("-DMEMORIES={memories}"))
        .arg(format!("-DMEMORY_ARGUMENTS={arguments}"));
    if settings.traced() {
        command.arg("-DTRACE");
    }
    let sources = settings.on.sources();
    let compiled = sources.iter().filter(|s| s.name.ends_with(".c"));
    command
        .args(compiled.map(|s| s.name))
        .arg(&library.archive)
        .args(settings.on.linking())
        .args(["-lm", "-o", FIRMWARE]);
    tools::compile(&mut command, "the firmware")?;
    Ok(folder.join(FIRMWARE))
}

/// Writes what the harness reads: the number of cases, and their inputs one after the other.
pub(super) fn write_inputs(folder: &Path, cases: &[Case]) -> Result<()> {
    let mut bytes = (cases.len() as u32).to_le_bytes().to_vec();
    for input in cases.iter().flat_map(|case| &case.inputs) {
        bytes.extend(input);
    }
    let path = folder.join(platform::INPUTS);
    output::write(&path, &bytes).map_err(|e| unusable(&path, &e))?;
    Ok(())
}
