//! `build_tflite.py`: TFLM's resolver, and the model with its I/O specification, where the build wants them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use castiron_codegen::emit::kenning;
use castiron_codegen::emit::resolver::{Resolver, ResolverOptions};
use castiron_codegen::tflm;
use castiron_codegen::tflm::arena::Kernels;
use clap::Parser;

use super::{given, local};
use crate::args::Companions;
use crate::diagnostics;
use crate::failure::{Failure, Result};
use crate::input::{self, Extras};
use crate::output::Outputs;
use crate::project::Named;

const AFTER_HELP: &str = "\
The I/O specification is MODEL.json beside the model. Where there is none, or it leaves something
open, castiron takes the facts from the model; where it contradicts the model, that is an error.

Example:
  castiron build_tflite.py --model-path kws.tflite --ops-list Softmax \\
    --output-resolver-path ops_resolver.h --output-model-path model.tflite

Set CONFIG_KENNING_PYTHON_PATH to castiron's path, and Kenning Zephyr Runtime calls it like this.";

/// Write what Kenning Zephyr Runtime builds of a .tflite model, in place of its build_tflite.py
#[derive(Debug, Parser)]
#[command(bin_name = "castiron build_tflite.py", after_help = AFTER_HELP, max_term_width = 100)]
#[command(
    args_override_self = true,
    infer_long_args = true,
    disable_version_flag = true
)]
pub(crate) struct Arguments {
    /// The model, a .tflite file
    #[arg(long, value_name = "FILE")]
    model_path: Option<PathBuf>,
    /// More operators for the resolver, or all of them without a model: Conv2D,SOFTMAX
    #[arg(long, value_name = "OP,…", num_args = 0..=1, default_missing_value = "")]
    #[arg(default_value = "", hide_default_value = true)]
    ops_list: String,
    /// The resolver to write, a C++ header
    #[arg(long, value_name = "FILE")]
    output_resolver_path: Option<PathBuf>,
    /// Where to copy the model; its I/O specification goes to FILE.json
    #[arg(long, value_name = "FILE")]
    output_model_path: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let ops = arguments.ops_list.split(',').map(str::trim);
    let mut options = ResolverOptions::default();
    options.ops = ops.filter(|op| !op.is_empty()).map(str::to_owned).collect();
    let resolver = given(arguments.output_resolver_path.as_ref());
    let mut outputs = Outputs::default();
    let mut inputs = Vec::new();
    match given(arguments.model_path.as_ref()) {
        Some(model) => {
            let to = given(arguments.output_model_path.as_ref()).ok_or_else(|| {
                Failure::usage(
                    "--model-path needs --output-model-path",
                    "name the copy of the model with it",
                )
            })?;
            inputs = with_model(model, to, resolver, &options, &mut outputs)?;
        }
        None if options.ops.is_empty() => {
            return Err(Failure::usage(
                "both the model and the list of operators are missing",
                "set CONFIG_KENNING_MODEL_PATH (--model-path) or CONFIG_KENNING_TFLITE_OPS \
                 (--ops-list)",
            ));
        }
        None => {
            let resolver = resolver.ok_or_else(|| {
                Failure::usage(
                    "--ops-list without a model needs --output-resolver-path",
                    "name the resolver's file with it",
                )
            })?;
            let header = Resolver::new([], &options)?.to_header()?;
            outputs.add_bytes("TFLM resolver", resolver, header);
        }
    }
    outputs.write(&inputs).map(drop)
}

/// Adds what is made of a model; the files that were read.
fn with_model(
    path: &Path,
    to: &Path,
    resolver: Option<&Path>,
    options: &ResolverOptions,
    outputs: &mut Outputs<'_>,
) -> Result<Vec<PathBuf>> {
    let path = local(path, "set CONFIG_KENNING_MODEL_PATH to its path")?;
    if !(path.extension()).is_some_and(|e| e.eq_ignore_ascii_case("tflite")) {
        return Err(Failure::usage(
            format!("{} is not a .tflite file", path.display()),
            "convert the model to .tflite first, or let Kenning do so with \
             CONFIG_KENNING_PYTHON_PATH=\"python3\"",
        ));
    }
    let input = input::model(path)?;
    let extras = Extras::read(&Named::file(path), &Companions::default())?;
    let io_spec = kenning::io_spec(&input.model, extras.io_spec())?;
    if let Some(resolver) = resolver {
        diagnostics::warn(&tflm::verdict(&input.model, Kernels::Reference).differs);
        let header = Resolver::new([&input.model], options)?.to_header()?;
        outputs.add_bytes("TFLM resolver", resolver, header);
    }
    outputs.add_bytes("model", to, input.bytes);
    let mut beside = OsString::from(to);
    beside.push(".json");
    outputs.add_bytes("I/O specification", PathBuf::from(beside), io_spec);
    let mut inputs = extras.files.clone();
    inputs.push(input.path);
    Ok(inputs)
}
