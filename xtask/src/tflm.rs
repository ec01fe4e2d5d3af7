//! TensorFlow Lite Micro's figures for models that have been measured with it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

const DATA: &str = include_str!("../data/tflm-cortex-m4.toml");
const OTHER_CORES: &str = include_str!("../data/tflm-cores.toml");

/// The whole table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Figures {
    /// What was measured, and how.
    pub(crate) measured: Measured,
    model: Vec<Model>,
    /// By the processor's name.
    #[serde(skip)]
    cores: BTreeMap<String, Other>,
}

/// Another processor than the Cortex-M4.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Other {
    /// By the model's name.
    instructions: BTreeMap<String, u64>,
}

/// Revisions and flags.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measured {
    /// Revision of TFLM.
    pub(crate) tflm: String,
    /// Revision of CMSIS-NN.
    pub(crate) cmsis_nn: String,
    /// Compiler and flags.
    pub(crate) compiler: String,
    /// What ran it.
    pub(crate) machine: String,
    /// What there is to say of `cmsis_nn_assembly`.
    pub(crate) assembly: String,
}

/// One model; the table's header says what the figures mean.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    /// File name without extension.
    pub(crate) name: String,
    /// Of the model file.
    pub(crate) sha256: String,
    /// With TFLM's portable kernels.
    pub(crate) reference: Kernels,
    /// With CMSIS-NN.
    pub(crate) cmsis_nn: Kernels,
    /// Instructions with CMSIS-NN's requantisation in inline assembly.
    pub(crate) cmsis_nn_assembly: Option<u64>,
    /// The least code TFLM can be brought down to.
    pub(crate) smallest_code: Option<u64>,
}

/// The figures of one kernel set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kernels {
    /// Smallest arena that works.
    pub(crate) min_arena: u64,
    /// Of it, the planned part.
    pub(crate) planned_head: u64,
    /// Of one inference.
    pub(crate) instructions: u64,
    /// Code and constants.
    pub(crate) code_flash: Option<u64>,
}

impl Figures {
    /// The table in this repository.
    pub(crate) fn load() -> Result<Self> {
        let mut figures: Self = toml::from_str(DATA).context("xtask/data/tflm-cortex-m4.toml")?;
        figures.cores = toml::from_str(OTHER_CORES).context("xtask/data/tflm-cores.toml")?;
        Ok(figures)
    }

    /// Instructions of a model on another processor than the Cortex-M4.
    pub(crate) fn on(&self, core: &str, model: &str) -> Option<u64> {
        self.cores.get(core)?.instructions.get(model).copied()
    }

    /// The models that have figures.
    #[cfg(test)]
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.model.iter().map(|model| model.name.as_str())
    }

    /// The figures of the model with this hash.
    pub(crate) fn of(&self, sha256: &str) -> Option<&Model> {
        self.model.iter().find(|model| model.sha256 == sha256)
    }
}

impl Model {
    /// The arena of whichever kernel set needs less.
    pub(crate) fn least_arena(&self) -> u64 {
        self.reference.min_arena.min(self.cmsis_nn.min_arena)
    }

    /// The plan of whichever kernel set needs less.
    pub(crate) fn least_planned(&self) -> u64 {
        self.reference.planned_head.min(self.cmsis_nn.planned_head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_reads_and_has_no_model_twice() {
        let figures = Figures::load().unwrap();
        for model in &figures.model {
            let same = figures
                .model
                .iter()
                .filter(|other| other.sha256 == model.sha256);
            assert_eq!(same.count(), 1, "{}", model.name);
            assert!(
                model.least_planned() <= model.least_arena(),
                "{}",
                model.name
            );
        }
    }
}
