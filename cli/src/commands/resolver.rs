//! `castiron gen-resolver`.

use std::path::PathBuf;

use castiron_codegen::emit::resolver::{CustomOp, Resolver, ResolverOptions};
use clap::Args;

use super::arena::Interpreter;
use crate::args::{Depfile, General};
use crate::failure::Result;
use crate::input;
use crate::output::Outputs;
use crate::project::Project;

const EXAMPLES: &str = "\
Examples:
  castiron gen-resolver vae.tflite -o ops_resolver.h
  castiron gen-resolver kws.tflite vad.tflite --ops Softmax,CONV_2D -o ops_resolver.h
  castiron gen-resolver model.tflite --custom MyOp=register_my_op -o -

The header names each model's arena (TFLITE_ARENA_BYTES_KWS) and the largest (TFLITE_ARENA_BYTES),
and has TFLITE_CHECK_ARENA(arena), which compiles only if the array is large enough. If a size is
unknown, a comment gives the reason; with --kernels or --cpu that is an error.";

/// Write a TensorFlow Lite Micro resolver with only the operators of these models
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The models, with all of their subgraphs
    #[arg(value_name = "MODEL", required_unless_present = "ops")]
    models: Vec<PathBuf>,
    /// More operators, by the resolver's method (Conv2D) or the model's name (CONV_2D)
    #[arg(long, value_name = "OP,…", value_delimiter = ',')]
    ops: Vec<String>,
    #[command(flatten)]
    custom: CustomOps,
    /// The header to write; - for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    interpreter: Interpreter,
    #[command(flatten)]
    project: Project,
    #[command(flatten)]
    depfile: Depfile,
}

/// Operators that the application brings, for commands that write a resolver.
#[derive(Debug, Args)]
pub(super) struct CustomOps {
    /// A custom operator and the C++ function that returns its registration
    #[arg(long, value_name = "OP=FUNCTION", value_parser = custom)]
    pub(super) custom: Vec<CustomOp>,
}

fn custom(text: &str) -> Result<CustomOp, String> {
    match text.rsplit_once('=') {
        Some((name, function)) if !name.is_empty() && !function.is_empty() => Ok(CustomOp {
            name: name.to_owned(),
            function: function.to_owned(),
        }),
        _ => Err("write OP=FUNCTION, for example MyOp=register_my_op".to_owned()),
    }
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    arguments.interpreter.check()?;
    let paths = arguments.project.paths(&arguments.models)?;
    let models = paths.iter().map(|path| input::model(path));
    let models = models.collect::<Result<Vec<_>>>()?;
    let arenas = models.iter().map(|m| arguments.interpreter.need(&m.model));
    let arenas = arenas.collect::<Result<Vec<_>>>()?;
    let mut options = ResolverOptions::default();
    options.arenas = arenas.clone();
    options.ops = arguments.ops.clone();
    options.custom = arguments.custom.custom.clone();
    let header = Resolver::new(models.iter().map(|m| &m.model), &options)?.to_header()?;
    let sources: Vec<PathBuf> = paths.into_iter().chain(arguments.project.file()).collect();
    let mut outputs = Outputs::default();
    outputs.add_bytes("TFLM resolver", &arguments.output, header);
    let warnings: Vec<_> = (models.iter())
        .flat_map(|model| arguments.interpreter.warnings(&model.model))
        .collect();
    super::write_with_warnings(
        outputs,
        &arguments.depfile,
        &sources,
        &arenas,
        &warnings,
        general,
    )
}
