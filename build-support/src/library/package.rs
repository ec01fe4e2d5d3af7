//! The cargo package that is compiled: the model's module, its C interface, and the runtime's own
//! sources, so that nothing of castiron has to be fetched.

use std::fs;
use std::path::Path;

use castiron_codegen::cortex::Cortex;
use castiron_codegen::emit::c_api;
use castiron_codegen::emit::custom::Role;
use castiron_codegen::emit::rust::{self, RustOptions, accessors};
use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::plan::Buffers;
use castiron_codegen::program::Program;
use castiron_runtime::source;

use super::Options;
use super::cache::Folder;
use crate::OptLevel;
use crate::process::errors;
use crate::toolchain::Toolchain;

/// The one dependency of the runtime, as the registry has it.
pub(super) const LIBM: (&str, &str) = (
    "0.2.16",
    "b6d2cec3eae94f9f509c767b45932f1ada8350c4bdb85af2fcab4a3c14807981",
);

/// Processors to schedule for unless a user names one: what is right for it runs on every other of
/// the target, and makes int8 kernels some 10 % faster on it.
const PROCESSORS: [(&str, &str); 2] = [
    ("thumbv7em-none-eabi", "cortex-m4"),
    ("thumbv7em-none-eabihf", "cortex-m4"),
];

/// The type that hands custom operators to C.
const FIRMWARE: &str = "crate::Firmware";

/// Name of the compiled crate: its object in the archive is known by it.
pub(super) fn crate_name(interface: &c_api::Library) -> String {
    format!("castiron_lib_{}", interface.prefix)
}

/// Compiles the library; the archive as cargo makes it.
pub(super) fn compile(
    interface: &c_api::Library,
    program: &Program,
    toolchain: &Toolchain,
    options: &Options<'_>,
) -> Result<Vec<u8>> {
    let folder = Folder::open(options.build_dir.as_deref())?;
    write(&folder, interface, program, options)?;
    let target_dir = folder.path().join("target");
    let mut command = toolchain.cargo(&folder.path().join("package"));
    command
        .args(["build", "--release", "--locked", "--target-dir"])
        .arg(&target_dir);
    if options.offline {
        command.arg("--offline");
    }
    toolchain.options(&mut command);
    if let Some(processor) = processor(toolchain, options.cpu.as_deref())? {
        let target = toolchain.target();
        // Other compilers name what a processor does not have behind it, as `cortex-m55+nomve`.
        let mut parts = processor.split("+no");
        let name = parts.next().unwrap_or_default();
        let mut flags = vec![format!("\"-Ctarget-cpu={name}\"")];
        flags.extend(parts.map(|part| format!("\"-Ctarget-feature=-{part}\"")));
        let flags = flags.join(",");
        command.arg(format!("--config=target.{target}.rustflags=[{flags}]"));
    }
    let output = command
        .output()
        .map_err(|e| Diagnostic::new(format!("cannot start cargo: {e}")))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let network = stderr.contains("failed to download") || stderr.contains("--offline");
        return Err(Diagnostic::new(format!(
            "cargo could not compile the library for {}",
            toolchain.target()
        ))
        .found(errors(&stderr))
        .help(match network {
            true => "the library needs the crate libm: build once with network access to fetch it from the registry",
            false => "please report this, with the model",
        })
        .into());
    }
    let path = target_dir
        .join(toolchain.target())
        .join("release")
        .join(format!("lib{}.a", crate_name(interface)));
    fs::read(&path)
        .map_err(|e| Diagnostic::new(format!("cannot read {}: {e}", path.display())).into())
}

/// The processor to compile for, if not just any of the target.
fn processor<'a>(toolchain: &Toolchain, wanted: Option<&'a str>) -> Result<Option<&'a str>> {
    let Some(wanted) = wanted else {
        let usual = PROCESSORS.iter().find(|(t, _)| *t == toolchain.target());
        return Ok(usual.map(|(_, processor)| *processor));
    };
    let known = toolchain.processors();
    // The compiler itself would warn, and go on with another.
    let name = match Cortex::of_cpu(wanted) {
        Some(cortex) => cortex.name,
        None => wanted,
    };
    if name == "native" || known.iter().any(|known| known == name) {
        return Ok(Some(wanted));
    }
    let target = toolchain.target();
    let help = match Cortex::of_cpu(wanted) {
        Some(cortex) => format!(
            "name the target of that processor with --target: {}",
            cortex
                .architecture
                .targets()
                .join(", or with a floating-point unit ")
        ),
        None => format!("`rustc --print target-cpus --target {target}` prints them"),
    };
    let problem = Diagnostic::new(format!("{target} has no processor {wanted:?}"));
    Err(problem.help(help).into())
}

fn write(
    folder: &Folder,
    interface: &c_api::Library,
    program: &Program,
    options: &Options<'_>,
) -> Result<()> {
    let mut module = RustOptions::default();
    module.section = options.section.clone();
    module.constants_file = Some("weights.bin".to_owned());
    module.traced = options.traced;
    module.server = options.server;
    module.verify = options.verify;
    module.ops = FIRMWARE.parse().ok();
    for (file, text) in [
        ("Cargo.toml", manifest(interface, options)),
        ("Cargo.lock", lock(interface)),
        ("src/lib.rs", glue(interface, program, options)),
        ("src/model.rs", rust::file(program, &module)),
        ("runtime/Cargo.toml", runtime_manifest()),
    ] {
        folder.write(Path::new("package").join(file), text.as_bytes())?;
    }
    folder.write("package/src/weights.bin", program.constants.bytes())?;
    let runtime = Path::new("package/runtime/src");
    write_all(folder, runtime, &source::SOURCE)
}

fn write_all(folder: &Folder, to: &Path, from: &include_dir::Dir<'_>) -> Result<()> {
    for file in from.files() {
        folder.write(to.join(file.path()), file.contents())?;
    }
    from.dirs().try_for_each(|dir| write_all(folder, to, dir))
}

fn manifest(interface: &c_api::Library, options: &Options<'_>) -> String {
    let name = crate_name(interface);
    let features = if options.guards { "\"guards\"" } else { "" };
    // Cargo takes digits only as a number.
    let level = match options.opt_level.unwrap_or(OptLevel::COMPILED) {
        OptLevel::Size => "\"s\"",
        digit => digit.name(),
    };
    format!(
        r#"[package]
name = "{name}"
version = "0.0.0"
edition = "2024"

[lib]
crate-type = ["staticlib"]

[dependencies]
castiron = {{ package = "castiron-runtime", path = "runtime", features = [{features}] }}

[profile.release]
opt-level = {level}
lto = "fat"
codegen-units = 1
panic = "abort"
debug = false

[workspace]
"#
    )
}

fn runtime_manifest() -> String {
    let version = source::VERSION;
    format!(
        r#"[package]
name = "castiron-runtime"
version = "{version}"
edition = "2024"

[features]
guards = []
host = []
models = []
source = []

[dependencies]
libm = "{}"
"#,
        LIBM.0
    )
}

fn lock(interface: &c_api::Library) -> String {
    let (libm, checksum) = LIBM;
    let packages = [
        (
            crate_name(interface),
            "0.0.0",
            String::from("dependencies = [\n \"castiron-runtime\",\n]\n"),
        ),
        (
            "castiron-runtime".to_owned(),
            source::VERSION,
            String::from("dependencies = [\n \"libm\",\n]\n"),
        ),
        (
            "libm".to_owned(),
            libm,
            format!(
                "source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{checksum}\"\n"
            ),
        ),
    ];
    let mut packages = packages.map(|(name, version, rest)| {
        format!("\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{rest}")
    });
    packages.sort();
    format!("version = 4\n{}", packages.concat())
}

/// The crate's root: the module, and the call that gives its methods C names.
fn glue(interface: &c_api::Library, program: &Program, options: &Options<'_>) -> String {
    let list = |methods: &[String]| {
        let arms = methods.iter().enumerate();
        let arms: Vec<String> = arms.map(|(i, method)| format!("{i} => {method}")).collect();
        arms.join(", ")
    };
    let [inputs, outputs] = program.entries.first().map(accessors).unwrap_or_default();
    let prefix = &interface.prefix;
    let buffers = interface.buffers;
    let inputs = format!(
        "inputs: {{ inputs: [{}], instance: {prefix}_model_input, built_in: {prefix}_input, }},",
        list(&inputs)
    );
    let outputs = match buffers.holds_outputs() {
        true => String::new(),
        false => format!(
            "\n    outputs: {{ outputs: [{}], instance: {prefix}_model_output, built_in: {prefix}_output, }},",
            list(&outputs)
        ),
    };
    let run = match interface.rows {
        None if buffers != Buffers::Model => {
            let held = rust::held_types(program).into_iter();
            let held = held.map(|(name, kind)| format!("{name}: model::{kind}"));
            format!(
                "{} buffers: [{}], instance: [{prefix}_model_run_with], built_in: [{prefix}_run_with],",
                if buffers.holds_inputs() { "" } else { &inputs },
                held.collect::<Vec<_>>().join(", "),
            )
        }
        None => {
            format!("{inputs} instance: [{prefix}_model_run], built_in: [{prefix}_run],")
        }
        Some(_) => format!(
            "rows: [model::InputRow; model::INPUT_ROWS], instance: [{prefix}_model_push_rows], built_in: [{prefix}_push_rows],",
        ),
    };
    let place = match (&options.arena_section, interface.memories.is_empty()) {
        (None, true) => String::new(),
        (Some(section), true) => format!("section: \"{section}\", "),
        (_, false) => {
            let names = rust::memory_structs(program).into_iter();
            let memories = interface.memories.iter().zip(names).map(|(memory, kind)| {
                let section = super::memory_section(memory, options);
                let bytes = memory.bytes;
                format!("{}: model::{kind}; {bytes} => \"{section}\"", memory.name)
            });
            let memories: Vec<String> = memories.collect();
            format!("memories: [{}], ", memories.join(", "))
        }
    };
    let model = match interface.memories.is_empty() {
        true => "model::Model",
        false => "model::Model<'static>",
    };
    let traced = match interface.traced {
        true => format!("\n    traced: {prefix}_model_run_traced,"),
        false => String::new(),
    };
    let verify = match interface.verify {
        true => format!("\n    verify: [model::verify, {prefix}_verify],"),
        false => String::new(),
    };
    format!(
        "#![no_std]
#![allow(dead_code, non_snake_case)]

mod model;

castiron::c_interface! {{
    model: {model},
    instance_bytes: {bytes},
    init: {{ {place}instance: {prefix}_model_init, built_in: {prefix}_init, }},
    run: {{ {run} }},{outputs}
    reset: [{prefix}_model_reset, {prefix}_reset],{traced}{verify}
}}
{server}{operators}",
        server = server(interface, model),
        operators = operators(interface, program),
        bytes = interface.instance_bytes,
    )
}

/// What serves the built-in instance.
fn server(interface: &c_api::Library, model: &str) -> String {
    if !interface.server {
        return String::new();
    }
    let prefix = &interface.prefix;
    format!(
        "
castiron::c_server! {{
    model: {model},
    poll: {prefix}_server_poll,
    read: {prefix}_server_read,
    write: {prefix}_server_write,
    nanoseconds: {prefix}_server_nanoseconds,
}}
"
    )
}

/// What hands custom operators to C.
fn operators(interface: &c_api::Library, program: &Program) -> String {
    if interface.operators.is_empty() {
        return String::new();
    }
    let mut text = "\nstruct Firmware;\n".to_owned();
    let traits = rust::operator_traits(program);
    for (function, operator) in interface.operators.iter().zip(traits) {
        let parameters = &function.signature.parameters;
        let list = |outputs: bool| {
            let tensors = parameters.iter().filter(|p| p.role.is_tensor());
            let tensors = tensors.filter(|p| (p.role == Role::Output) == outputs);
            let texts = tensors.map(|p| {
                let kind = match p.role {
                    Role::Input => "Tensor",
                    _ => "TensorMut",
                };
                format!(
                    "{}: castiron::{kind}<'_, {}>",
                    p.name,
                    p.element.rust_name()
                )
            });
            texts.collect::<Vec<_>>().join(", ")
        };
        let buffers = parameters.iter().filter(|p| !p.role.is_tensor());
        let buffers = buffers.map(|p| format!("\n    {}: {},", p.name, p.element.rust_name()));
        text += &format!(
            "
castiron::c_operator! {{
    firmware: Firmware,
    operator: model::ops::{operator},
    function: {},
    inputs: [{}],
    outputs: [{}],{}
}}
",
            function.name,
            list(false),
            list(true),
            buffers.collect::<String>(),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Updating libm is one command for the workspace; this list has to follow.
    #[test]
    fn libm_is_the_one_that_is_tested() {
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
        let Ok(lock) = fs::read_to_string(lock) else {
            castiron_test_tools::skipped("no workspace around this package", false);
            return;
        };
        let (version, checksum) = LIBM;
        let entry = format!(
            "name = \"libm\"\nversion = \"{version}\"\nsource = \
             \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{checksum}\"\n"
        );
        assert!(
            lock.contains(&entry),
            "libm of package.rs is not that of Cargo.lock"
        );
    }
}
