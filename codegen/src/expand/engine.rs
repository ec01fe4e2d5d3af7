//! What computes the model.

use std::fmt::Display;
use std::str::FromStr;

use super::call::{Call, Result, Value};
use crate::Passes;
use crate::compile::{Bytes, CompileOptions, EngineName, Macs, SectionName, Settings};
use crate::emit::rust::{self, KenningServer};
use crate::ident::{Language, identifier};
use crate::program::{FirmwareOps, OpBuffer};
use crate::target::{Isa, Optimize};

/// What computes the model.
pub(super) enum Engine {
    /// castiron's kernels.
    Compiled(Box<CompileOptions>),
    /// TFLM's.
    Tflm(Built),
}

/// What the build script has compiled.
pub(super) struct Built {
    /// The prefix of the C interface.
    pub(super) prefix: String,
    /// The file of its bindings in `OUT_DIR`.
    pub(super) bindings: String,
}

/// Options that TFLM's kernels have not, and why.
const NOT_OF_TFLM: [(&str, &str); 15] = [
    (
        "shape",
        "`shape` is for castiron's kernels, and TFLM's go by the shapes in the file; convert the model with fixed shapes",
    ),
    (
        "without_pass",
        "`without_pass` is for castiron's kernels, and TFLM's run the operators as they are in the file; leave it out",
    ),
    (
        "ops",
        "`ops` is for castiron's engine, and this model uses TFLM's kernels, which take custom operators from its interpreter alone",
    ),
    (
        "optimize",
        "`optimize` chooses between castiron's kernels, but this model uses TFLM's; set their optimisation in the build script: castiron_build::Model::new(…).tflm(…).opt_level(…)",
    ),
    (
        "isa",
        "`isa` is for castiron's kernels, but this model uses TFLM's; set their processor in the build script: castiron_build::Model::new(…).tflm(…).cpu(…)",
    ),
    (
        "max_arena",
        "`max_arena` is for castiron's kernels, but this model uses TFLM's, which compute whole tensors",
    ),
    (
        "max_flash",
        "`max_flash` is compared with what castiron's kernels take, but this model uses TFLM's; `castiron lib --engine tflm` counts those",
    ),
    (
        "max_macs",
        "`max_macs` is compared with what castiron's kernels compute, but this model uses TFLM's",
    ),
    (
        "memories",
        "`memories` is for castiron's kernels, but this model uses TFLM's, whose interpreter has one arena",
    ),
    (
        "input_by",
        "`input_by` is for castiron's kernels, but this model uses TFLM's, which compute whole tensors",
    ),
    (
        "buffers",
        "`buffers` is for castiron's kernels, but this model uses TFLM's, whose interpreter has inputs and outputs in its arena",
    ),
    (
        "server",
        "`server` is for castiron's engine, and this model uses TFLM's kernels",
    ),
    (
        "steps",
        "`steps` is for castiron's kernels, but this model uses TFLM's, whose interpreter runs as a whole",
    ),
    (
        "verify",
        "`verify` is for castiron's engine, and TFLM's kernels compute this model from the file's own bytes; leave it out",
    ),
    (
        "section",
        "set the section of TFLM's weights in the build script: castiron_build::Tflm::new(…).model(…).section(…)",
    ),
];

/// The engine that is wanted for a model of this name, by what the call says and what the file says of it besides.
pub(super) fn of(call: Call<'_>, model: &str, settings: &Settings) -> Result<Engine> {
    match settings.engine.unwrap_or_default() {
        EngineName::Tflm => {
            let mut given =
                (NOT_OF_TFLM.iter()).filter_map(|(name, problem)| Some((call.one(name)?, problem)));
            match given.next() {
                Some((option, problem)) => Err(option.wrong(problem)),
                None => {
                    built(call, call.one("engine").unwrap_or(call.path()), model).map(Engine::Tflm)
                }
            }
        }
        _ => {
            let mut options = settings.options(target(call)?);
            options.custom = firmware_ops(call)?;
            Ok(Engine::Compiled(Box::new(options)))
        }
    }
}

/// What the call says.
pub(super) fn settings(call: Call<'_>) -> Result<Settings> {
    fn parsed<T: FromStr<Err: Display>>(value: Option<Value<'_>>) -> Result<Option<T>> {
        value.map(Value::parse).transpose()
    }
    let engine = call.one("engine").map(|value| {
        let engine = value.text()?.parse();
        engine.map_err(|_| value.wrong("unknown engine; use \"compiled\" or \"tflm\""))
    });
    let optimize = call.one("optimize");
    let optimize = optimize.map(|v| one_of("optimize", v, &Optimize::ALL.map(Optimize::name)));
    let isa = call.one("isa");
    let isa = isa.map(|value| one_of("isa", value, &Isa::ALL.map(Isa::name)));
    let truth = |name| {
        let value = call.one(name);
        let truth = value.map(|value| one_of(name, value, &["true", "false"]));
        truth.transpose()
    };
    let without = call.all("without_pass").map(Value::parse::<Passes>);
    let labels = call.one("labels");
    Ok(Settings {
        engine: engine.transpose()?,
        optimize: optimize.transpose()?,
        isa: isa.transpose()?,
        max_arena: parsed(call.one("max_arena"))?.map(|Bytes(bytes)| bytes.into()),
        max_flash: parsed(call.one("max_flash"))?.map(|Bytes(bytes)| (bytes as u64).into()),
        max_macs: parsed(call.one("max_macs"))?.map(|Macs(macs)| macs.into()),
        memories: (call.all("memories").map(Value::parse)).collect::<Result<_>>()?,
        input_by: parsed(call.one("input_by"))?,
        buffers: parsed(call.one("buffers"))?,
        steps: truth("steps")?,
        without: without.collect::<Result<_>>()?,
        labels: labels.map(|file| file.path().to_owned().into()),
        section: parsed(call.one("section"))?.map(|SectionName(name)| name),
        verify: truth("verify")?,
        ..Settings::default()
    })
}

/// What the model is known by where it is served.
pub(super) fn server(call: Call<'_>, file: &[u8]) -> Result<Option<KenningServer>> {
    let Some(value) = call.one("server") else {
        return Ok(None);
    };
    one_of::<ServerName>("server", value, &["kenning"])?;
    Ok(Some(KenningServer::of(file)))
}

/// Kenning's is the only one.
struct ServerName;

impl FromStr for ServerName {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        (text == "kenning").then_some(Self).ok_or(())
    }
}

/// That the processor which the crate is built for has the instructions.
pub(super) fn check_isa(call: Call<'_>, settings: &Settings) -> Result<()> {
    let value = call.one("isa").unwrap_or(call.path());
    let Some(isa) = settings.isa else {
        return Ok(());
    };
    let checked = isa.check_for(target(call)?);
    checked.map_err(|problem| value.wrong(problem))
}

/// The instructions of what the crate is built for, as the crate `castiron` says.
fn target(call: Call<'_>) -> Result<Isa> {
    let target = call.one("target");
    let target = target.map(|value| one_of("target", value, &Isa::ALL.map(Isa::name)));
    Ok(target.transpose()?.unwrap_or_default())
}

/// A value of an option that has a few.
fn one_of<T: FromStr>(option: &str, value: Value<'_>, names: &[&str]) -> Result<T> {
    value.text()?.parse().map_err(|_| {
        let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
        let there = names.join(", ");
        value.wrong(format_args!(
            "unknown value of `{option}`; the values are {there}"
        ))
    })
}

/// The custom operators that the firmware computes: all, where it names a type that does.
fn firmware_ops(call: Call<'_>) -> Result<FirmwareOps> {
    let memory = call.all("scratch").chain(call.all("state")).next();
    match (call.one("ops"), memory) {
        (None, None) => return Ok(FirmwareOps::default()),
        (None, Some(memory)) => {
            return Err(memory.wrong(
                "this is memory of an operator that the firmware computes; say which type does, with `ops = path`",
            ));
        }
        (Some(_), _) => {}
    }
    let buffers = |name| {
        call.all(name)
            .map(Value::parse)
            .collect::<Result<Vec<OpBuffer>>>()
    };
    let custom = FirmwareOps::all().with_scratch(buffers("scratch")?);
    Ok(custom.with_state(buffers("state")?))
}

/// What the build script has compiled of a model.
fn built(call: Call<'_>, engine: Value<'_>, model: &str) -> Result<Built> {
    let name = rust::module_name(model);
    let bindings = format!("{name}_bindings.rs");
    let help = format!(
        "help: in build.rs, say\n  castiron_build::Tflm::new(\"path/to/tflite-micro\").model(\"{model}.tflite\")\
         .compile().or_exit();"
    );
    let Some(folder) = call.one("out") else {
        return Err(engine.wrong(format_args!(
            "this crate has no build script that compiles TFLM\n{help}"
        )));
    };
    if folder.path().join(&bindings).is_file() {
        let prefix = identifier(&name, Language::C);
        return Ok(Built { prefix, bindings });
    }
    Err(engine.wrong(format_args!(
        "the build script has not compiled {model} for TFLM: there is no {bindings} in OUT_DIR\n{help}"
    )))
}
