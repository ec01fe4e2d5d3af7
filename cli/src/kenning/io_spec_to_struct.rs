//! `io_spec_to_struct.py`: `model_data_struct.h` from an I/O specification.

use std::path::PathBuf;

use castiron_codegen::emit::{IoSpecFile, kenning};
use clap::Parser;

use super::local;
use crate::failure::Result;
use crate::input;
use crate::output::Outputs;

const AFTER_HELP: &str = "\
Example:
  castiron io_spec_to_struct.py --input-path model.tflite.json --output-path model_data_struct.h

Set CONFIG_KENNING_PYTHON_PATH to castiron's path, and Kenning Zephyr Runtime calls it like this.
It appends the model's bytes, and the result is model_data.h.";

/// Write model_spec of an I/O specification as C, in place of Kenning Zephyr Runtime's
/// io_spec_to_struct.py
#[derive(Debug, Parser)]
#[command(bin_name = "castiron io_spec_to_struct.py", after_help = AFTER_HELP)]
#[command(
    max_term_width = 100,
    args_override_self = true,
    infer_long_args = true
)]
#[command(disable_version_flag = true)]
pub(crate) struct Arguments {
    /// The I/O specification, a JSON file
    #[arg(short, long, value_name = "FILE")]
    input_path: PathBuf,
    /// The header to write
    #[arg(short, long, value_name = "FILE")]
    output_path: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let path = local(&arguments.input_path, "give its path")?;
    let text = input::text(path)?;
    let file = path.display().to_string();
    let header = kenning::model_struct(IoSpecFile {
        file: &file,
        text: &text,
    })?;
    let mut outputs = Outputs::default();
    outputs.add_bytes("C header", &arguments.output_path, header);
    outputs.write(&[path.to_owned()]).map(drop)
}
