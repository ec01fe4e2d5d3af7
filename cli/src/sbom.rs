//! The bill of materials of what a command generates.

use std::path::PathBuf;

use castiron_report::Source;
use castiron_report::sbom::{ComputedBy, Made, sbom};
use clap::Args;

use crate::failure::{Failure, Result};
use crate::input::ModelFile;
use crate::output::{Outputs, is_stdout};

/// Where it goes.
#[derive(Debug, Default, Args)]
pub(crate) struct Sbom {
    /// Write what the result consists of as a bill of materials, CycloneDX 1.6 in JSON: model, castiron, kernels, licences
    #[arg(long, value_name = "FILE")]
    sbom: Option<PathBuf>,
}

impl Sbom {
    /// Adds it to the outputs, of which it has all that are there by now.
    pub(crate) fn add(
        &self,
        outputs: &mut Outputs<'_>,
        name: &str,
        input: &ModelFile,
        by: ComputedBy<'_>,
    ) -> Result<()> {
        let Some(path) = &self.sbom else {
            return Ok(());
        };
        if is_stdout(path) {
            return Err(Failure::usage(
                "the bill of materials needs a file: standard output has the result",
                "name one: --sbom model.cdx.json",
            ));
        }
        // Of a path, what is on another machine, too.
        let file = input.path.file_name().map(|name| name.to_string_lossy());
        let made = Made {
            name,
            model: Source {
                name: file.as_deref().unwrap_or_default(),
                model: &input.model,
                bytes: &input.bytes,
            },
            by,
            files: outputs.hashed(|what| !FOR_PEOPLE.contains(&what))?,
            time: time()?,
        };
        outputs.add_bytes("bill of materials", path, sbom(&made));
        Ok(())
    }
}

/// Outputs that no firmware is built from; some of them have the model's path.
const FOR_PEOPLE: [&str; 3] = ["plan", "picture of the plan", "report"];

/// Seconds until the end of the year 9999, behind which dates have another form.
const LAST: u64 = 253_402_300_799;

/// The time that is to be stated, if any: what is made of the same files is the same to the byte.
fn time() -> Result<Option<u64>> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let Some(text) = std::env::var_os(NAME) else {
        return Ok(None);
    };
    // Digits alone, as its specification has it; what is malformed, an empty text too, is to fail.
    let digits = text.to_str();
    let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = digits.and_then(|text| text.parse().ok());
    match seconds.filter(|seconds| *seconds <= LAST) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(Failure::usage(
            format!("{NAME} in the environment is no time: {text:?}"),
            "give it seconds since 1970, or unset it",
        )),
    }
}
