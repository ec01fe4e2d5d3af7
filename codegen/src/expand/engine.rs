//! What computes the model.

use std::str::FromStr;

use super::call::{Call, Result, Value};
use crate::Passes;
use crate::compile::{Bytes, CompileOptions, Config};
use crate::emit::rust;
use crate::ident::{Language, identifier};
use crate::program::{FirmwareOps, OpBuffer};
use crate::target::{Isa, Optimize, Target};

/// What computes the model.
pub(super) enum Engine {
    /// castiron's kernels.
    Compiled(CompileOptions),
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
const NOT_OF_TFLM: [(&str, &str); 10] = [
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
        "section",
        "set the section of TFLM's weights in the build script: castiron_build::Tflm::new(…).model(…).section(…)",
    ),
];

/// The engine that is wanted for a model of this name.
pub(super) fn of(call: Call<'_>, model: &str, config: &Config) -> Result<Engine> {
    let Some(engine) = call.one("engine") else {
        return compile_options(call, config).map(Engine::Compiled);
    };
    match engine.text()? {
        "compiled" => compile_options(call, config).map(Engine::Compiled),
        "tflm" => {
            let mut given =
                (NOT_OF_TFLM.iter()).filter_map(|(name, problem)| Some((call.one(name)?, problem)));
            match given.next() {
                Some((option, problem)) => Err(option.wrong(problem)),
                None => built(call, engine, model).map(Engine::Tflm),
            }
        }
        _ => Err(engine.wrong("unknown engine; use \"compiled\" or \"tflm\"")),
    }
}

/// How castiron compiles the model.
fn compile_options(call: Call<'_>, config: &Config) -> Result<CompileOptions> {
    let mut without = Passes::NONE;
    for passes in call.all("without_pass") {
        without = without | passes.parse()?;
    }
    let target = Target::new(isa(call)?, Optimize::default());
    let mut options = CompileOptions::for_target(target).without(without);
    options.custom = firmware_ops(call)?;
    let most = call.one("max_arena").map(Value::parse).transpose()?;
    options.max_arena = most.map(|Bytes(bytes)| bytes);
    options.memories = call
        .all("memories")
        .map(Value::parse)
        .collect::<Result<_>>()?;
    let input = call.one("input_by").map(Value::parse).transpose()?;
    options.input = input.unwrap_or_default();
    let buffers = call.one("buffers").map(Value::parse).transpose()?;
    options.plan.buffers = buffers.unwrap_or_default();
    let optimize = call.one("optimize");
    let optimize = optimize.map(|v| one_of("optimize", v, &Optimize::ALL.map(Optimize::name)));
    config.complete(&mut options, optimize.transpose()?);
    Ok(options)
}

/// What the user says of the processor, or else the crate `castiron`.
fn isa(call: Call<'_>) -> Result<Isa> {
    let names = Isa::ALL.map(Isa::name);
    let target = call.one("target").map(|v| one_of("target", v, &names));
    let target = target.transpose()?.unwrap_or_default();
    let Some(value) = call.one("isa") else {
        return Ok(target);
    };
    let isa: Isa = one_of("isa", value, &names)?;
    isa.check_for(target)
        .map_err(|problem| value.wrong(problem))?;
    Ok(isa)
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
