//! The `castiron` command as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = castiron_build::tflm::build_apart() {
        return code;
    }
    ExitCode::from(castiron_cli::main(std::env::args_os().collect()))
}
