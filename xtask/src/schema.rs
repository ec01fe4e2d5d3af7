//! The schema of reports, which docs/ publishes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use castiron_report::data::Report;

/// Where it is published.
const PLACE: &str = "docs/report.schema.json";

/// Writes the schema; its file.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn update(root: &Path) -> Result<PathBuf> {
    let path = root.join(PLACE);
    fs::write(&path, text()?).with_context(|| path.display().to_string())?;
    Ok(path)
}

fn text() -> Result<String> {
    Ok(serde_json::to_string_pretty(&Report::schema())? + "\n")
}

#[cfg(test)]
mod tests {
    use castiron_board::fit::Board;
    use castiron_codegen::error::Diagnostic;
    use castiron_codegen::program::FirmwareOps;
    use castiron_report::data::{Quality, Run, Time};
    use castiron_report::{Draft, Measured, Place, Settings, Source};

    use super::*;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    #[test]
    fn the_published_schema_is_current() {
        let published = fs::read_to_string(root().join(PLACE)).unwrap();
        assert!(
            published == text().unwrap(),
            "{PLACE} is not current: run `cargo xtask docs`"
        );
    }

    fn models(folder: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let models = paths.filter(|path| path.extension().is_some_and(|e| e == "tflite"));
        let mut models: Vec<PathBuf> = models.collect();
        models.sort();
        models
    }

    /// Everything that a report may have, of every small model that there is.
    #[test]
    fn reports_are_of_the_schema() {
        let schema: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(root().join(PLACE)).unwrap()).unwrap();
        let schema = jsonschema::validator_for(&schema).unwrap();
        let mut settings = Settings {
            goldens: Some(root().join("tests/data/models/golden")),
            place: Some(Place {
                board: Board::known("nucleo_f401re").unwrap(),
                application_flash: 1 << 14,
                application_ram: 1 << 14,
            }),
            ..Settings::default()
        };
        settings.compile.custom = FirmwareOps::all();
        let measured = Measured {
            quality: Some(Quality {
                metric: "accuracy".to_owned(),
                value: 0.5,
                source: "m.json".to_owned(),
            }),
            time: Some(Time {
                seconds: 0.25,
                runs: 3,
                source: "m.json".to_owned(),
            }),
            rank: Some(0),
        };
        let folders = [
            "examples/models",
            "tests/data/models",
            "tests/data/custom",
            "tests/data/ops",
            "codegen/tests/data/bad",
        ];
        let mut checked = 0;
        for folder in folders {
            let mut draft = Draft::default();
            draft.problem(&Diagnostic::new("wrong").at_line(3, 4).found("this"));
            for path in models(folder) {
                let bytes = fs::read(&path).unwrap();
                // Those of millions of products take seconds to run.
                if bytes.len() > 64 << 10 {
                    continue;
                }
                let name = path.file_name().unwrap().to_string_lossy();
                match castiron_codegen::read(&name, &bytes) {
                    Ok(model) => {
                        let source = Source {
                            name: &name,
                            model: &model,
                            bytes: &bytes,
                        };
                        draft.add(&source, &settings, measured.clone()).unwrap();
                        checked += 1;
                    }
                    Err(error) => error.diagnostics().iter().for_each(|d| draft.problem(d)),
                }
            }
            let report = draft.finish(&settings, Some(Run::default()));
            let json = serde_json::to_value(&report).unwrap();
            let wrong: Vec<String> = schema
                .iter_errors(&json)
                .map(|e| format!("{}: {e}", e.instance_path()))
                .collect();
            assert!(wrong.is_empty(), "{folder}: {wrong:#?}");
            // The schema says something.
            let mut other = json;
            other["models"][0]["macs"] = "many".into();
            assert!(!schema.is_valid(&other), "{folder}");
        }
        assert!(checked > 100, "{checked} models");
    }
}
