//! The schemas of reports and of comparisons, which docs/ publishes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use castiron_report::data::Report;
use castiron_report::diff::Diff;
use serde_json::Value;

/// Where a schema is published, and what it is.
type Published = (&'static str, fn() -> Value);

const REPORT: &str = "docs/report.schema.json";
const DIFF: &str = "docs/diff.schema.json";
const ALL: [Published; 2] = [(REPORT, Report::schema), (DIFF, Diff::schema)];

/// Writes the schemas; their files.
///
/// # Errors
/// If one cannot be written.
pub(crate) fn update(root: &Path) -> Result<Vec<PathBuf>> {
    let write = |(place, schema): Published| {
        let path = root.join(place);
        fs::write(&path, text(schema)?).with_context(|| path.display().to_string())?;
        Ok(path)
    };
    ALL.into_iter().map(write).collect()
}

fn text(schema: fn() -> Value) -> Result<String> {
    Ok(serde_json::to_string_pretty(&schema())? + "\n")
}

#[cfg(test)]
mod tests {
    use castiron_board::fit::Board;
    use castiron_codegen::error::Diagnostic;
    use castiron_codegen::program::FirmwareOps;
    use castiron_report::data::{Quality, Run, Time};
    use castiron_report::diff::{Limit, Side};
    use castiron_report::{Draft, Measured, Place, Settings, Source};

    use super::*;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    #[test]
    fn the_published_schemas_are_current() {
        for (place, schema) in ALL {
            let published = fs::read_to_string(root().join(place)).unwrap();
            assert!(
                published == text(schema).unwrap(),
                "{place} is not current: run `cargo xtask docs`"
            );
        }
    }

    fn published(place: &str) -> jsonschema::Validator {
        let text = fs::read_to_string(root().join(place)).unwrap();
        jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
    }

    fn check(schema: &jsonschema::Validator, json: &Value, of: &str) {
        let wrong = schema.iter_errors(json);
        let wrong: Vec<String> = wrong
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{of}: {wrong:#?}");
    }

    fn models(folder: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let models = paths.filter(|path| path.extension().is_some_and(|e| e == "tflite"));
        let mut models: Vec<PathBuf> = models.collect();
        models.sort();
        models
    }

    /// Comparisons of each model with the next, which have little in common.
    fn check_diffs(report: &Value) {
        let mut others = report.clone();
        let models = others["models"].as_array_mut().unwrap();
        let mut names: Vec<Value> = models.iter().map(|m| m["name"].clone()).collect();
        names.rotate_left(1);
        for (model, name) in models.iter_mut().zip(names) {
            model["name"] = name;
        }
        let sides = [report, &others]
            .map(|json| Side::parse("report.json", json.to_string().as_bytes()).unwrap());
        let mut diff = Diff::new(&sides[0], &sides[1]);
        let limit: Limit = "file=0".parse().unwrap();
        assert_eq!(diff.hold(&[limit]), []);
        assert!(!diff.breaches.is_empty());
        check(
            &published(DIFF),
            &serde_json::to_value(&diff).unwrap(),
            "a comparison",
        );
    }

    /// Everything that a report may have, of every small model that there is.
    #[test]
    fn reports_are_of_the_schema() {
        let schema = published(REPORT);
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
            check(&schema, &json, folder);
            if folder == "tests/data/models" {
                check_diffs(&json);
            }
            // The schema says something.
            let mut other = json;
            other["models"][0]["macs"] = "many".into();
            assert!(!schema.is_valid(&other), "{folder}");
        }
        assert!(checked > 100, "{checked} models");
    }
}
