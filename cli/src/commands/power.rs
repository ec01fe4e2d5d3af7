//! `castiron power`.

use std::path::{Path, PathBuf};

use castiron_build::power::{self, Marker, Power, Settings};
use castiron_codegen::error::Error;
use clap::Args;

use super::Answer;
use crate::args::{Destination, General};
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::Outputs;
use crate::text::{grouped, heading, table};

const EXAMPLES: &str = "\
The recording is a CSV file of Joulescope, Power Profiler Kit II or Otii, whose first line has names and
units. A pin tells inferences from what is around them: the firmware of `castiron validate --on serial`
calls board_mark(), which sets it. Without a pin, --threshold takes what is above a current.

Examples:
  castiron power ppk2.csv --marker D0 --voltage 3.0
  castiron power joulescope.csv --threshold 0.005 --json";

/// Gather energy, current and time of each inference from a recording of a board's current
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The recording, a CSV file
    recording: PathBuf,
    #[command(flatten)]
    telling: Telling,
    #[command(flatten)]
    to: Destination,
}

/// What tells an inference from what is around it, and what the recording lacks.
#[derive(Debug, Args)]
pub(crate) struct Telling {
    /// The column of the digital channel that is high during an inference; D0 to D7 of a Power Profiler Kit
    #[arg(long, value_name = "COLUMN", conflicts_with = "threshold")]
    pub(crate) marker: Option<String>,
    /// The current that an inference is above, in ampere
    #[arg(long, value_name = "AMPERE", value_parser = positive)]
    pub(crate) threshold: Option<f64>,
    /// The supply's voltage, where the recording has none
    #[arg(long, value_name = "VOLT", value_parser = positive)]
    pub(crate) voltage: Option<f64>,
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    let number = number.filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "a number above 0, such as 3.0, is expected".to_owned())
}

impl Telling {
    /// Whether anything was said.
    pub(crate) fn is_any(&self) -> bool {
        self.marker.is_some() || self.threshold.is_some() || self.voltage.is_some()
    }
}

/// Far more than an hour at the highest rate that anybody exports.
const MOST_BYTES: u64 = 8 << 30;

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let found = read(&arguments.recording, &arguments.telling)?;
    let file = arguments.recording.display().to_string();
    let answer = Answer {
        what: "power",
        text: describe(&file, &found),
        json: &found,
    };
    let sources = [arguments.recording.clone()];
    super::answer(
        Outputs::default(),
        &answer,
        &arguments.to,
        &sources,
        general,
    )
}

/// The inferences of a recording.
pub(crate) fn read(recording: &Path, telling: &Telling) -> Result<Power> {
    let marker = match (&telling.marker, telling.threshold) {
        (Some(name), _) => Marker::Channel(name.clone()),
        (None, Some(current)) => Marker::Above(current),
        (None, None) => {
            return Err(Failure::usage(
                "nobody says what tells an inference from what is around it",
                "name the column of the pin that board_mark() sets with --marker, or a current with --threshold",
            ));
        }
    };
    let mut settings = Settings::new(marker);
    settings.voltage = telling.voltage;
    let bytes = input::bytes(recording, MOST_BYTES)?;
    let found = power::read(&String::from_utf8_lossy(&bytes), &settings);
    found.map_err(|e: Error| Failure::from(e.in_file(&recording.display().to_string())))
}

pub(crate) fn describe(file: &str, power: &Power) -> String {
    let mut out = heading(format_args!(
        "{file}: {} samples, {} whole inferences, {} cut off",
        grouped(power.samples),
        grouped(power.inferences.len()),
        power.cut
    ));
    let row = |name: &str, of: fn(&power::Inference) -> f64| {
        let values = power.inferences.iter().map(of);
        let [least, most] = [
            values.clone().fold(f64::INFINITY, f64::min),
            values.fold(0.0, f64::max),
        ];
        let mut row = vec![name.to_owned()];
        row.extend([power.mean(of), least, most].map(|value| format!("{:.6}", value * 1e3)));
        row
    };
    out += &table(
        &["Of an inference", ">Mean", ">Least", ">Most"],
        [
            row("energy, mJ", |i| i.energy),
            row("mean current, mA", |i| i.current),
            row("time, ms", |i| i.seconds),
        ],
    );
    if let Some(current) = power.idle_current {
        out += &format!(
            "Mean current between inferences: {:.6} mA.\n",
            current * 1e3
        );
    }
    out
}
