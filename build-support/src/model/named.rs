//! A model's file, and what the build script and `castiron.toml` say of it.

use std::path::PathBuf;

use castiron_codegen::compile::{Config, EngineName, Settings};
use castiron_codegen::error::{Diagnostic, Result};

use super::Model;

/// A model with all that is said of it.
pub(super) struct Named {
    pub(super) path: PathBuf,
    /// What its outputs are called, unless it is as its file.
    pub(super) stem: Option<String>,
    pub(super) settings: Settings,
}

impl Model {
    /// Fails if castiron.toml asks for kernels whose sources nobody names.
    fn check_sources(&self, settings: &Settings, model: &str) -> Result<(), Diagnostic> {
        if settings.engine != Some(EngineName::Tflm) || self.tflm.is_some() {
            return Ok(());
        }
        let problem = Diagnostic::new(format!(
            "castiron.toml says that TensorFlow Lite Micro's kernels compute {model:?}, and the script names no sources of them"
        ));
        Err(problem.help("say `.tflm(Tflm::new(\"path/to/tflite-micro\"))`"))
    }

    /// The model's file, and all that is said of it.
    pub(super) fn named(&self, config: &Config) -> Result<Named> {
        let mut own = self.settings.clone();
        own.engine = self.tflm.as_ref().map(|_| EngineName::Tflm);
        for (name, size) in &self.memories {
            own.memories.push(format!("{name}={size}").parse()?);
        }
        let name = self.path.to_str().filter(|name| Config::is_name(name));
        let Some(entry) = name.and_then(|name| config.find(name)) else {
            if let Some(name) = name.filter(|_| !self.path.exists()) {
                return Err(config.missing(name).into());
            }
            let settings = own.clone().or(&config.defaults_for(own.engine));
            let path = self.path.clone();
            self.check_sources(&settings, &path.display().to_string())?;
            return Ok(Named {
                path,
                stem: None,
                settings,
            });
        };
        let engine = own.engine;
        let settings = own.or(&config.settings(entry, engine)?);
        self.check_sources(&settings, &entry.name)
            .map_err(|problem| entry.file.wrong(problem))?;
        Ok(Named {
            path: entry.file.value.clone(),
            stem: Some(entry.name.clone()),
            settings,
        })
    }
}

/// Tells cargo what the files are made from. Of a build that fails cargo runs the script again
/// in any case.
pub(super) fn announce(config: &Config, model: &PathBuf, settings: &Settings) {
    let paths = [
        config.file.as_ref(),
        Some(model),
        settings.labels.as_ref().map(|file| &file.value),
        settings.io_spec.as_ref().map(|file| &file.value),
    ];
    for path in paths.into_iter().flatten() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}
