//! What computes the model.

use std::path::Path;

use castiron_codegen::Passes;
use castiron_codegen::compile::{Bytes, CompileOptions, Config, Input};
use castiron_codegen::emit::rust;
use castiron_codegen::error::Diagnostic;
use castiron_codegen::ident::{Language, identifier};
use castiron_codegen::program::{FirmwareOps, OpBuffer};
use castiron_codegen::target::{Isa, Optimize, Target};
use syn::{Error, LitStr, Result};

use crate::arguments::Arguments;

/// What computes the model.
pub(crate) enum Engine<'a> {
    /// castiron's kernels.
    Compiled(CompileOptions),
    /// TFLM's; the option, for errors.
    Tflm(&'a LitStr),
}

/// The engine that is wanted.
pub(crate) fn of<'a>(arguments: &'a Arguments, config: &Config) -> Result<Engine<'a>> {
    let compiled = || compile_options(arguments, config).map(Engine::Compiled);
    let Some(literal) = &arguments.engine else {
        return compiled();
    };
    match literal.value().as_str() {
        "compiled" => compiled(),
        "tflm" if !arguments.shapes.is_empty() => Err(Error::new(
            arguments.shapes[0].span(),
            "`shape` is for castiron's kernels, and TFLM's go by the shapes in the file; convert the model with fixed \
             shapes",
        )),
        "tflm" if !arguments.without.is_empty() => Err(Error::new(
            arguments.without[0].span(),
            "`without_pass` is for castiron's kernels, and TFLM's run the operators as they are in the file; leave it out",
        )),
        "tflm" if arguments.ops.is_some() => Err(Error::new(
            literal.span(),
            "`ops` is for castiron's engine, and this model uses TFLM's kernels, which take custom operators from its \
             interpreter alone",
        )),
        "tflm" if arguments.optimize.is_some() => Err(Error::new(
            literal.span(),
            "`optimize` chooses between castiron's kernels, but this model uses TFLM's; set their optimisation in the build script: castiron_build::Model::new(…).tflm(…).opt_level(…)",
        )),
        "tflm" if arguments.isa_literal.is_some() => Err(Error::new(
            literal.span(),
            "`isa` is for castiron's kernels, but this model uses TFLM's; set their processor in the build script: castiron_build::Model::new(…).tflm(…).cpu(…)",
        )),
        "tflm" if arguments.max_arena.is_some() => Err(Error::new(
            literal.span(),
            "`max_arena` is for castiron's kernels, but this model uses TFLM's, which compute whole tensors",
        )),
        "tflm" if !arguments.memories.is_empty() => Err(Error::new(
            literal.span(),
            "`memories` is for castiron's kernels, but this model uses TFLM's, whose interpreter has one arena",
        )),
        "tflm" if arguments.input_by.is_some() => Err(Error::new(
            literal.span(),
            "`input_by` is for castiron's kernels, but this model uses TFLM's, which compute whole tensors",
        )),
        "tflm" if arguments.section.is_some() => Err(Error::new(
            literal.span(),
            "set the section of TFLM's weights in the build script: castiron_build::Tflm::new(…).model(…).section(…)",
        )),
        "tflm" => Ok(Engine::Tflm(literal)),
        _ => Err(Error::new(
            literal.span(),
            "unknown engine; use \"compiled\" or \"tflm\"",
        )),
    }
}

/// How castiron compiles the model.
fn compile_options(arguments: &Arguments, config: &Config) -> Result<CompileOptions> {
    let mut without = Passes::NONE;
    for literal in &arguments.without {
        let named = literal.value().parse::<Passes>();
        let named = named.map_err(|unknown| Error::new(literal.span(), unknown))?;
        without = without | named;
    }
    let target = Target::new(isa(arguments)?, Optimize::default());
    let mut options = CompileOptions::for_target(target).without(without);
    options.custom = firmware_ops(arguments)?;
    options.max_arena = max_arena(arguments)?;
    options.memories.clone_from(&arguments.memories);
    options.input = input(arguments)?;
    config.complete(&mut options, optimize(arguments)?);
    Ok(options)
}

/// What the user says of the processor, or else the crate `castiron`.
fn isa(arguments: &Arguments) -> Result<Isa> {
    let Some(literal) = &arguments.isa_literal else {
        return Ok(arguments.isa);
    };
    let isa: Isa = literal.value().parse().map_err(|_| {
        let there = Isa::ALL
            .map(|value| format!("{:?}", value.name()))
            .join(", ");
        let message = format!("unknown value of `isa`; the values are {there}");
        Error::new(literal.span(), message)
    })?;
    let checked = isa.check_for(arguments.isa);
    checked.map_err(|problem| Error::new(literal.span(), problem))?;
    Ok(isa)
}

fn max_arena(arguments: &Arguments) -> Result<Option<usize>> {
    let Some(literal) = &arguments.max_arena else {
        return Ok(None);
    };
    match literal.value().parse::<Bytes>() {
        Ok(Bytes(bytes)) => Ok(Some(bytes)),
        Err(problem) => Err(Error::new(literal.span(), problem)),
    }
}

fn input(arguments: &Arguments) -> Result<Input> {
    let Some(literal) = &arguments.input_by else {
        return Ok(Input::default());
    };
    let parsed = literal.value().parse();
    parsed.map_err(|problem: Diagnostic| Error::new(literal.span(), problem))
}

fn optimize(arguments: &Arguments) -> Result<Option<Optimize>> {
    let Some(literal) = &arguments.optimize else {
        return Ok(None);
    };
    literal.value().parse().map(Some).map_err(|_| {
        let names = Optimize::ALL.map(|value| format!("{:?}", value.name()));
        let there = names.join(", ");
        Error::new(
            literal.span(),
            format!("unknown value of `optimize`; the values are {there}"),
        )
    })
}

/// The custom operators that the firmware computes: all, where it names a type that does.
fn firmware_ops(arguments: &Arguments) -> Result<FirmwareOps> {
    let mut memory = arguments.scratch.iter().chain(&arguments.state);
    match (&arguments.ops, memory.next()) {
        (None, None) => return Ok(FirmwareOps::default()),
        (None, Some(literal)) => {
            return Err(Error::new(
                literal.span(),
                "this is memory of an operator that the firmware computes; say which type does, with `ops = path`",
            ));
        }
        (Some(_), _) => {}
    }
    let [scratch, state] = [&arguments.scratch, &arguments.state].map(|list| buffers(list));
    Ok(FirmwareOps::all().with_scratch(scratch?).with_state(state?))
}

fn buffers(literals: &[LitStr]) -> Result<Vec<OpBuffer>> {
    let buffers = literals.iter().map(|literal| {
        let buffer = literal.value().parse::<OpBuffer>();
        buffer.map_err(|e| Error::new(literal.span(), e))
    });
    buffers.collect()
}

/// The prefix of the C interface that the build script has compiled, and the file of its bindings in
/// `OUT_DIR`.
pub(crate) fn built(literal: &LitStr, stem: &str) -> Result<(String, String)> {
    let name = rust::module_name(stem);
    let file = format!("{name}_bindings.rs");
    let help = format!(
        "help: in build.rs, say\n  castiron_build::Tflm::new(\"path/to/tflite-micro\").model(\"{stem}.tflite\")\
         .compile().or_exit();"
    );
    let Some(folder) = std::env::var_os("OUT_DIR") else {
        return Err(Error::new(
            literal.span(),
            format!("this crate has no build script that compiles TFLM\n{help}"),
        ));
    };
    if Path::new(&folder).join(&file).is_file() {
        return Ok((identifier(&name, Language::C), file));
    }
    Err(Error::new(
        literal.span(),
        format!(
            "the build script has not compiled {stem} for TFLM: there is no {file} in OUT_DIR\n{help}"
        ),
    ))
}
