//! What models should take at most, beside what they take.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use comfy_table::TableStyle;
use serde::Deserialize;

use crate::bench::{Entry, Measured, Outcome};
use crate::cores::Core;
use crate::report;
use crate::tflm::{Figures, Model};

const DATA: &str = include_str!("../data/targets.toml");

/// The whole table; its header says what the figures mean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Targets {
    target: Vec<Target>,
}

/// Targets of one processor for one figure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    core: String,
    figure: Of,
    /// By model, in the order of the file's names.
    most: BTreeMap<String, f64>,
    /// By model: bytes of arena with which it is met in fewer instructions than with the least.
    #[serde(default)]
    within: BTreeMap<String, u64>,
    /// By model.
    #[serde(default)]
    missed: BTreeMap<String, String>,
}

/// What a target is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Of {
    Instructions,
    Flash,
    /// In the mode `size`.
    FlashInSize,
    /// With the whole input held.
    Ram,
    /// With the input row by row.
    RamByRows,
}

impl Of {
    fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Flash => "flash",
            Self::FlashInSize => "flash, size",
            Self::Ram => "RAM",
            Self::RamByRows => "RAM, input by rows",
        }
    }

    /// The share of TFLM's, where that is known.
    fn share(
        self,
        core: Core,
        entry: &Entry,
        measured: &Measured,
        figures: &Figures,
    ) -> Option<f64> {
        let tflm = figures.of(&entry.sha256)?;
        match self {
            Self::Instructions => {
                let instructions = measured.run.median_instructions();
                Some(instructions as f64 / core.baseline(tflm, figures)? as f64)
            }
            Self::Flash | Self::FlashInSize => flash_share(entry, measured, tflm),
            Self::Ram | Self::RamByRows => Some(ram_share(measured, tflm)),
        }
    }
}

/// Arena, state and stack; bytes.
pub(crate) fn ram(measured: &Measured) -> u64 {
    measured.run.arena + measured.state() + measured.run.deepest_stack()
}

/// The same, as a share of TFLM's smallest arena with CMSIS-NN.
pub(crate) fn ram_share(measured: &Measured, tflm: &Model) -> f64 {
    ram(measured) as f64 / tflm.cmsis_nn.min_arena as f64
}

/// Code and weights, as a share of TFLM's code with CMSIS-NN and the model file.
pub(crate) fn flash_share(entry: &Entry, measured: &Measured, tflm: &Model) -> Option<f64> {
    let theirs = tflm.cmsis_nn.code_flash? + entry.file;
    Some((measured.code + measured.weights) as f64 / theirs as f64)
}

impl Targets {
    /// The table in this repository.
    pub(crate) fn load() -> Result<Self> {
        toml::from_str(DATA).context("xtask/data/targets.toml")
    }

    /// Models that have a target of a processor.
    pub(crate) fn models(&self, core: Core, figure: Of) -> impl Iterator<Item = &str> {
        let targets = self.target.iter();
        let meant = targets.filter(move |t| t.core == core.name() && t.figure == figure);
        meant.flat_map(|target| target.most.keys().map(String::as_str))
    }

    /// The bounds of the arena with which models meet the target for their RAM.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = (&str, u64)> {
        let bounds = self.target.iter().flat_map(|target| &target.within);
        bounds.map(|(model, bytes)| (model.as_str(), *bytes))
    }

    /// A table of a processor's targets for some figures, and a paragraph for each that is missed.
    ///
    /// # Errors
    /// If there is no reason for one that is missed.
    pub(crate) fn section(
        &self,
        core: Core,
        of: &[Of],
        entries: &[Entry],
        figures: &Figures,
        style: TableStyle,
    ) -> Result<String> {
        let mut table = report::table(
            style,
            &[
                "target for",
                "share of TFLM's",
                "at most",
                "measured",
                "missed by",
            ],
        );
        let mut missed = String::new();
        for target in self
            .target
            .iter()
            .filter(|target| target.core == core.name() && of.contains(&target.figure))
        {
            for (model, most) in &target.most {
                let found = entries.iter().find(|entry| entry.name == *model);
                let Some((entry, Outcome::Measured(measured))) =
                    found.map(|entry| (entry, &entry.outcome))
                else {
                    continue;
                };
                let Some(share) = target.figure.share(core, entry, measured, figures) else {
                    continue;
                };
                let is_missed = share > *most;
                table.add_row(vec![
                    model.clone(),
                    target.figure.name().to_owned(),
                    format!("{most:.2}"),
                    format!("{share:.3}"),
                    match is_missed {
                        true => format!("{:.1} %", (share / most - 1.0) * 100.0),
                        false => "–".to_owned(),
                    },
                ]);
                if is_missed {
                    let figure = target.figure.name();
                    let reason = target.missed.get(model).map(|reason| reason.trim());
                    let reason = reason.filter(|reason| !reason.is_empty());
                    let reason = reason.with_context(|| {
                        format!("xtask/data/targets.toml does not say why {model} misses its {figure} on {}", target.core)
                    })?;
                    let _ = write!(missed, "\n\n{model}, {figure}: {reason}");
                }
            }
        }
        Ok(match table.is_empty() {
            true => String::new(),
            false => format!("{table}{missed}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn the_table_names_processors_and_models() {
        let targets = Targets::load().unwrap();
        let figures = Figures::load().unwrap();
        for target in &targets.target {
            for model in target.most.keys() {
                let mut known = figures.names();
                assert!(known.any(|name| name == model), "{model}");
            }
            assert!(
                Core::from_str(&target.core, false).is_ok(),
                "{}",
                target.core
            );
            for model in target.missed.keys().chain(target.within.keys()) {
                assert!(target.most.contains_key(model), "{model}");
            }
        }
    }
}
