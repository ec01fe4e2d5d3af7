//! What an AutoML run of Kenning leaves beside its models: scenarios, measurements, statistics.

use std::fmt;
use std::marker::PhantomData;

use castiron_board::yaml::{self, Node};
use castiron_codegen::error::{Diagnostic, Result};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::data::{Fact, Quality, Run, Time};
use crate::draft::Measured;

/// The file of statistics.
pub(crate) const STATISTICS: &str = "automl_statistics.json";

/// Whether a file is the scenario of a candidate.
pub(crate) fn is_scenario(name: &str) -> bool {
    name.starts_with("automl_conf_") && (name.ends_with(".yml") || name.ends_with(".yaml"))
}

/// The scenario of a candidate.
#[derive(Debug, Default)]
pub(crate) struct Scenario {
    /// The file that it was read from.
    pub(crate) file: String,
    /// The name of the model that the last optimiser wrote.
    pub(crate) compiled: Option<String>,
    /// The name of the framework's own model.
    model: Option<String>,
    /// The board.
    pub(crate) platform: Option<String>,
    /// The application around the model, in bytes.
    pub(crate) application_bytes: Option<u64>,
}

/// Keys of Kenning's scenarios.
const KEYS: [&str; 11] = [
    "automl",
    "dataconverter",
    "dataset",
    "model_wrapper",
    "name",
    "optimizers",
    "platform",
    "protocol",
    "report",
    "runtime",
    "runtime_builder",
];

impl Scenario {
    /// Reads a scenario; with what is doubtful about it.
    pub(crate) fn parse(file: &str, text: &str) -> Result<(Self, Vec<Diagnostic>)> {
        let yaml = yaml::load(text)?;
        let Some(root) = yaml.documents.first() else {
            let empty =
                Diagnostic::new("the configuration is empty").expected("a scenario of Kenning's");
            return Err(empty.into());
        };
        let yaml::Value::Mapping(pairs) = &root.value else {
            let other =
                Diagnostic::new("this is no scenario of Kenning's").expected("keys and values");
            return Err(other.at_line(root.line, root.column + 1).into());
        };
        let unknown = pairs
            .iter()
            .filter(|(key, _)| !key.text().is_some_and(|text| KEYS.contains(&text)));
        let doubt = |problem: Diagnostic, node: &Node| {
            let mut problem = problem
                .found(format_args!("{:?}", node.text().unwrap_or("no text")))
                .at_line(node.line, node.column + 1);
            problem.place.file = Some(file.to_owned());
            problem
        };
        let unknown = unknown.map(|(key, _)| {
            let problem = Diagnostic::new("the configuration has an unknown key")
                .expected(KEYS.join(", "))
                .help("castiron passes over it; check the spelling");
            doubt(problem, key)
        });
        let mut doubts: Vec<Diagnostic> = unknown.collect();
        let parameter = |of: &str, name: &str| get(get(get(Some(root), of), "parameters"), name);
        let optimizers = match get(Some(root), "optimizers").map(|node| &node.value) {
            Some(yaml::Value::Sequence(items)) => &items[..],
            _ => &[],
        };
        let compiled = get(get(optimizers.last(), "parameters"), "compiled_model_path");
        let size = parameter("automl", "application_size").filter(|size| !size.is_null());
        let application_bytes = size.and_then(Node::text).and_then(bytes_of_kilobytes);
        if let (Some(size), None) = (size, application_bytes) {
            let problem = Diagnostic::new("the application's size is no number of KB")
                .expected("a number, such as 75.5")
                .help("castiron passes over it; --application-size says it, too");
            doubts.push(doubt(problem, size));
        }
        let scenario = Self {
            file: file.to_owned(),
            compiled: compiled.and_then(Node::text).map(file_name),
            model: parameter("model_wrapper", "model_path")
                .and_then(Node::text)
                .map(file_name),
            platform: parameter("platform", "name")
                .and_then(Node::text)
                .map(str::to_owned),
            application_bytes,
        };
        Ok((scenario, doubts))
    }
}

fn bytes_of_kilobytes(text: &str) -> Option<u64> {
    let kilobytes: f64 = text.parse().ok()?;
    (kilobytes.is_finite() && kilobytes >= 0.0).then_some((kilobytes * 1024.0) as u64)
}

fn get<'n>(node: Option<&'n Node>, key: &str) -> Option<&'n Node> {
    let yaml::Value::Mapping(pairs) = &node?.value else {
        return None;
    };
    let found = pairs.iter().find(|(name, _)| name.text() == Some(key));
    found.map(|(_, value)| value)
}

/// The last part of a path, which is relative to where Kenning ran.
fn file_name(path: &str) -> String {
    path.rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// A name without its last ending.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// Where the measurements of a model may be: Kenning names them after the framework's own model.
pub(crate) fn measurements(model: &str, scenario: Option<&Scenario>) -> Vec<String> {
    let own = scenario.and_then(|scenario| scenario.model.as_deref());
    let names = own.into_iter().chain([model]);
    names
        .map(|name| format!("{}{MEASUREMENTS}", stem(name)))
        .collect()
}

/// The end of the names of measurements.
const MEASUREMENTS: &str = ".measurements.json";

/// Whether a file has measurements of a model that a folder may have. Kenning writes some of models that were not optimised beside them, and its
/// name for these is spelt so.
pub(crate) fn is_measurements(name: &str) -> bool {
    name.ends_with(MEASUREMENTS) && !name.starts_with("unoptmized_")
}

/// The model that a file of measurements is of, by its name.
pub(crate) fn measured_model(name: &str) -> String {
    format!("{}.tflite", name.strip_suffix(MEASUREMENTS).unwrap_or(name))
}

/// What a file of measurements says; and what in it cannot be.
pub(crate) fn measured(
    json: &Value,
    file: &str,
    metric: Option<&str>,
    measured: &mut Measured,
) -> Vec<Diagnostic> {
    let times = ["target_inference_step", "protocol_inference_step"];
    let time = times.iter().find_map(|key| median(json.get(key)?));
    let matrix = json.get("eval_confusion_matrix");
    let quality = matrix.and_then(Matrix::of);
    let is_empty = |value: &&Value| value.as_array().is_some_and(Vec::is_empty);
    let mut problems = Vec::new();
    if matrix.filter(|matrix| !is_empty(matrix)).is_some() && quality.is_none() {
        let problem = Diagnostic::new("the confusion matrix is none, and does not count");
        problems
            .push(problem.expected("as many columns as rows, of numbers that are not negative"));
    }
    for key in times {
        let given = json.get(key).filter(|times| !is_empty(times));
        if given.is_some_and(|times| median(times).is_none()) {
            let problem = Diagnostic::new(format!("the times of {key} do not count"));
            problems.push(problem.expected("numbers that are not negative"));
        }
    }
    let quality = quality.and_then(|matrix| {
        let wanted = metric.map(plain);
        let found = wanted.and_then(|wanted| Some((matrix.metric(&wanted)?, wanted)));
        let accuracy = || Some((matrix.metric("accuracy")?, "accuracy".to_owned()));
        found.or_else(accuracy)
    });
    measured.quality = quality.map(|(value, metric)| Quality {
        metric,
        value,
        source: file.to_owned(),
    });
    measured.time = time.map(|(seconds, runs)| Time {
        seconds,
        runs,
        source: file.to_owned(),
    });
    problems
}

/// A metric's name as code has it: `F1 score` is `f1_score`.
fn plain(metric: &str) -> String {
    metric.trim().to_lowercase().replace([' ', '-'], "_")
}

/// The median of a list of times, and how many there are.
fn median(times: &Value) -> Option<(f64, usize)> {
    // No run takes less than nothing; a list with such a time is no measurement.
    let times = times.as_array()?.iter().filter_map(Value::as_f64);
    let mut times: Vec<f64> = times.collect();
    if times.iter().any(|time| *time < 0.0) {
        return None;
    }
    times.sort_by(f64::total_cmp);
    let middle = times.get(times.len() / 2)?;
    Some((*middle, times.len()))
}

/// A confusion matrix: rows are the truth, columns what was predicted.
struct Matrix {
    rows: Vec<Vec<f64>>,
}

impl Matrix {
    fn of(json: &Value) -> Option<Self> {
        let numbers = |row: &Value| {
            row.as_array()?
                .iter()
                .map(Value::as_f64)
                .collect::<Option<Vec<f64>>>()
        };
        let rows: Vec<Vec<f64>> = json
            .as_array()?
            .iter()
            .map(numbers)
            .collect::<Option<_>>()?;
        let size = rows.len();
        let is_row = |row: &Vec<f64>| row.len() == size && row.iter().all(|count| *count >= 0.0);
        rows.iter().all(is_row).then_some(Self { rows })
    }

    /// A metric that the matrix gives; none for others.
    fn metric(&self, name: &str) -> Option<f64> {
        let correct: f64 = (0..self.rows.len()).map(|i| self.rows[i][i]).sum();
        let all: f64 = self.rows.iter().flatten().sum();
        // JSON has no infinite numbers, but sums may be.
        let ratio =
            |part: f64, all: f64| Some(part / all).filter(|ratio| all > 0.0 && ratio.is_finite());
        if name == "accuracy" {
            return ratio(correct, all);
        }
        // Of two classes, the second is the one that is looked for.
        let [[_, false_positive], [false_negative, positive]] = [self.pair(0)?, self.pair(1)?];
        match name {
            "precision" => ratio(positive, positive + false_positive),
            "recall" | "sensitivity" => ratio(positive, positive + false_negative),
            "f1" | "f1_score" => ratio(
                2.0 * positive,
                2.0 * positive + false_positive + false_negative,
            ),
            _ => None,
        }
    }

    fn pair(&self, row: usize) -> Option<[f64; 2]> {
        let row = (self.rows.len() == 2).then(|| &self.rows[row][..])?;
        row.try_into().ok()
    }
}

/// Pairs of a JSON object in the file's order.
struct InOrder<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for InOrder<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
            type Value = InOrder<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names with values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(InOrder(pairs))
            }
        }

        deserializer.deserialize_map(Pairs(PhantomData))
    }
}

/// The file of statistics.
#[derive(serde::Deserialize)]
pub(crate) struct StatisticsFile {
    general_info: Option<InOrder<Value>>,
    trained_model_metrics: Option<Metrics>,
}

/// Metrics by model, then by stage, in the order in which these were run.
type Metrics = InOrder<InOrder<Value>>;

/// The statistics of a run.
pub(crate) struct Statistics {
    pub(crate) run: Run,
    metrics: Metrics,
}

impl From<StatisticsFile> for Statistics {
    fn from(file: StatisticsFile) -> Self {
        let general = file.general_info.map(|InOrder(pairs)| pairs);
        let facts = general.into_iter().flatten().map(|(name, value)| Fact {
            name,
            value: match value {
                Value::String(text) => text,
                other => other.to_string(),
            },
        });
        let facts: Vec<Fact> = facts.collect();
        let metric = facts
            .iter()
            .find(|fact| plain(&fact.name) == "optimized_metric");
        Self {
            run: Run {
                metric: metric.map(|fact| fact.value.clone()),
                facts,
            },
            metrics: file.trained_model_metrics.unwrap_or(InOrder(Vec::new())),
        }
    }
}

impl Statistics {
    /// The optimised metric of a model, of its last stage.
    pub(crate) fn quality(&self, model: &str, scenario: Option<&Scenario>) -> Option<Quality> {
        let wanted = plain(self.run.metric.as_deref()?);
        let own = scenario.and_then(|scenario| scenario.model.as_deref());
        let names: Vec<&str> = own.into_iter().chain([model]).collect();
        let is_own = |key: &str| {
            let key = file_name(key);
            names.iter().any(|name| key == **name || key == stem(name))
        };
        let mut models = self.metrics.0.iter();
        let (_, InOrder(stages)) = models.find(|(key, _)| is_own(key))?;
        let value = stages.iter().rev().find_map(|(_, stage)| {
            let metrics = stage.as_object()?.iter();
            metrics
                .filter(|(name, _)| plain(name) == wanted)
                .find_map(|(_, value)| value.as_f64())
        });
        Some(Quality {
            metric: wanted,
            value: value?,
            source: STATISTICS.to_owned(),
        })
    }
}
