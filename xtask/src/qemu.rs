//! Runs a firmware image on an emulated processor and reads what it reports.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use wait_timeout::ChildExt as _;

use crate::cores::Core;

/// Far more than the largest model takes; what runs into it hangs.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What the firmware says about one model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Instructions of each case.
    pub(crate) instructions: Vec<u64>,
    /// Stack bytes of each case.
    pub(crate) stack: Vec<u64>,
    /// The most stack that could have been seen.
    pub(crate) stack_limit: u64,
    /// The model's `ARENA_BYTES`.
    pub(crate) arena: u64,
    /// Size of the model's value, in RAM.
    pub(crate) ram: u64,
    /// The model's `WEIGHT_BYTES`.
    pub(crate) weights: u64,
    /// The model's `MACS`.
    pub(crate) macs: u64,
    /// Output values compared.
    pub(crate) values: u64,
    /// Those that differ from the reference.
    pub(crate) mismatches: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first: Option<Mismatch>,
    /// Instructions of each operator of the file, in all cases; none unless the firmware was built to count them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) operators: Vec<u64>,
}

/// One wrong value, as bits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mismatch {
    /// Golden case.
    pub(crate) case: usize,
    /// Position among the outputs.
    pub(crate) output: usize,
    /// Position in the tensor.
    pub(crate) index: usize,
    /// Rust element type.
    #[serde(rename = "type")]
    pub(crate) element: String,
    /// What the model computed.
    pub(crate) got: u64,
    /// What the reference computed.
    pub(crate) want: u64,
}

impl Mismatch {
    /// A value of this element type, in decimal.
    pub(crate) fn show(&self, bits: u64) -> String {
        match self.element.as_str() {
            "i8" => (bits as i8).to_string(),
            "i16" => (bits as i16).to_string(),
            "i32" => (bits as i32).to_string(),
            "i64" => (bits as i64).to_string(),
            "f32" => f32::from_bits(bits as u32).to_string(),
            "bool" => (bits != 0).to_string(),
            _ => bits.to_string(),
        }
    }
}

impl Run {
    /// Instructions of the middle case.
    pub(crate) fn median_instructions(&self) -> u64 {
        let case = self.instructions.get(self.median_case());
        case.copied().unwrap_or(0)
    }

    /// The middle case.
    pub(crate) fn median_case(&self) -> usize {
        let mut cases: Vec<usize> = (0..self.instructions.len()).collect();
        cases.sort_by_key(|case| self.instructions.get(*case));
        cases.get(cases.len() / 2).copied().unwrap_or(0)
    }

    /// The deepest case.
    pub(crate) fn deepest_stack(&self) -> u64 {
        self.stack.iter().copied().max().unwrap_or(0)
    }
}

/// Fails, with the remedy, where there is no emulator.
pub(crate) fn check(core: Core) -> Result<()> {
    let emulator = core.emulator();
    let started = Command::new(emulator)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    if started.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    bail!(
        "{emulator} does not start\n  on Debian: apt-get install {}\n  on macOS:  brew install qemu",
        core.package()
    )
}

/// Runs the measuring firmware.
pub(crate) fn measure(core: Core, image: &Path) -> Result<Run> {
    // Its exit status says whether all values are right, and so does what it prints.
    let (output, status) = run(core, image)?;
    let Some(line) = output.lines().find(|line| line.starts_with('{')) else {
        bail!(
            "faulted or panicked before it reported anything ({}: {status})",
            core.emulator()
        );
    };
    let run: Run =
        serde_json::from_str(line).with_context(|| format!("reading its report: {line}"))?;
    if run.deepest_stack() >= run.stack_limit {
        bail!(
            "uses more stack than the {} bytes that are watched",
            run.stack_limit
        );
    }
    Ok(run)
}

/// Runs any firmware to its end; what it printed and its exit status.
pub(crate) fn run(core: Core, image: &Path) -> Result<(String, ExitStatus)> {
    let mut child = (core.machine())
        .arg(image)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .with_context(|| format!("starting {}", core.emulator()))?;
    let Some(status) = child.wait_timeout(TIMEOUT)? else {
        child.kill()?;
        child.wait()?;
        bail!("still running after {} s", TIMEOUT.as_secs());
    };
    // No firmware here prints more than a pipe holds, so it is all there once the emulator has ended.
    let mut output = String::new();
    if let Some(mut stdout) = child.stdout {
        stdout.read_to_string(&mut output)?;
    }
    Ok((output, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_report() {
        let line = r#"{"instructions":[30,10,20],"stack":[8,24,16],"stack_limit":64,"arena":5,"ram":8,"weights":6,
            "macs":7,"values":3,"mismatches":1,
            "first":{"case":0,"output":1,"index":2,"type":"i8","got":255,"want":1}}"#;
        let run: Run = serde_json::from_str(line).unwrap();
        assert_eq!((run.median_instructions(), run.deepest_stack()), (20, 24));
        let first = run.first.unwrap();
        assert_eq!(
            (first.show(first.got), first.show(first.want)),
            ("-1".into(), "1".into())
        );
    }
}
