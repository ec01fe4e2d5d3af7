//! Instructions and cycles that runs took, from files that `castiron validate` and `cargo xtask bench` write.

use std::collections::BTreeMap;

use castiron_codegen::error::{Diagnostic, Error, Result};
use csv::ReaderBuilder;
use serde::Deserialize;

use crate::data::{MeasuredRun, Model};

/// A file of measurements.
#[derive(Debug)]
pub struct Measurements {
    file: String,
    models: Vec<Row>,
}

/// What it says of a model.
#[derive(Debug)]
struct Row {
    of: Of,
    took: Took,
    operators: Vec<OfOperator>,
}

/// What something took, as far as it was counted.
#[derive(Debug, Clone, Copy)]
struct Took {
    instructions: Option<u64>,
    cycles: Option<u64>,
}

impl Took {
    fn is_known(self) -> bool {
        self.instructions.or(self.cycles).is_some()
    }
}

/// Which model it is of.
#[derive(Debug)]
enum Of {
    /// The file with this hash.
    Hash(String),
    /// A file of this name, with or without the ending.
    Name(String),
    /// That which the measurements are called like, or the only one.
    Unsaid,
}

/// What it says of an operator.
#[derive(Debug)]
struct OfOperator {
    subgraph: usize,
    index: usize,
    /// What it is, if that is said.
    name: Option<String>,
    took: Took,
}

impl Measurements {
    /// Reads what `castiron validate --json`, `castiron validate --csv` or `cargo xtask bench --json` wrote.
    ///
    /// # Errors
    /// If it is none of these.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self> {
        let models = match bytes.trim_ascii_start() {
            [b'[', ..] => serde_json::from_slice(bytes)
                .map(|models: Vec<Benched>| models.into_iter().map(Row::from).collect())
                .map_err(|e| unread(e.to_string())),
            [b'{', ..] => serde_json::from_slice(bytes)
                .map(|model: Validated| vec![Row::from(model)])
                .map_err(|e| unread(e.to_string())),
            _ => of_csv(bytes).map(|row| vec![row]),
        };
        let models = models.map_err(|problem| Error::from(problem).in_file(file))?;
        Ok(Self {
            file: file.to_owned(),
            models,
        })
    }

    /// Adds to models what the file says of them; and says what of it is of nothing there.
    pub(crate) fn add_to(&self, models: &mut [Model]) -> Vec<Diagnostic> {
        let alone = models.len() == 1;
        let mut problems = Vec::new();
        let mut is_used = false;
        for model in models {
            let Some(row) = self.models.iter().find(|row| row.is_of(model, self, alone)) else {
                continue;
            };
            is_used = true;
            // What was given before counts.
            if model.measured.is_none() {
                problems.extend(row.unknown(model));
                row.add_to(model, &self.file);
            }
        }
        if !is_used {
            let problem = Diagnostic::new("the measurements are of no model of this report")
                .found(self.names())
                .help("name the model, too; of --csv, give the file the model's name: MODEL.csv");
            problems.push(problem);
        }
        for problem in &mut problems {
            problem.place.file = Some(self.file.clone());
        }
        problems
    }

    /// Which models it names.
    fn names(&self) -> String {
        let names = self.models.iter().filter_map(|row| match &row.of {
            Of::Name(name) | Of::Hash(name) => Some(&name[..]),
            Of::Unsaid => None,
        });
        let names: Vec<&str> = names.take(3).collect();
        match (&names[..], self.models.len() - names.len()) {
            ([], _) => "a table of operators, which names no model".to_owned(),
            (names, 0) => format!("those of {}", names.join(", ")),
            (names, more) => format!("those of {} and {more} more", names.join(", ")),
        }
    }

    /// The name of the file without folders and its last ending.
    fn stem(&self) -> &str {
        stem(&self.file)
    }
}

/// The last part of a path, without its ending.
fn stem(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

impl Row {
    fn is_of(&self, model: &Model, file: &Measurements, alone: bool) -> bool {
        let is_called = |name: &str| stem(&model.file) == stem(name) || model.name == name;
        match &self.of {
            Of::Hash(sha256) => model.sha256 == *sha256,
            Of::Name(name) => is_called(name),
            Of::Unsaid => alone || is_called(file.stem()),
        }
    }

    /// The operators that a model does not have, as what is wrong.
    fn unknown(&self, model: &Model) -> Option<Diagnostic> {
        let there = |own: &OfOperator| {
            let graph = model.subgraphs.get(own.subgraph);
            let operator = graph.and_then(|graph| graph.operators.get(own.index));
            operator.is_some_and(|there| own.name.as_ref().is_none_or(|name| *name == there.name))
        };
        let mut unknown = self.operators.iter().filter(|own| !there(own));
        let first = unknown.next()?;
        let name = first.name.as_deref().unwrap_or_default();
        let more = match unknown.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let problem =
            Diagnostic::new("the measurements are of operators that the model does not have")
                .expected(format_args!("those of {}", model.name))
                .found(format!("{} {name}", first.index).trim_end().to_owned() + &more)
                .help("measure this file again");
        Some(problem)
    }

    fn add_to(&self, model: &mut Model, file: &str) {
        model.measured = Some(MeasuredRun {
            instructions: self.took.instructions,
            cycles: self.took.cycles,
            source: file.to_owned(),
        });
        for own in &self.operators {
            let graph = model.subgraphs.get_mut(own.subgraph);
            let operator = graph.and_then(|graph| graph.operators.get_mut(own.index));
            let Some(operator) = operator else { continue };
            if own.name.as_ref().is_none_or(|name| *name == operator.name) {
                // Each of several outputs was waited for after the one before it.
                let add = |sum: &mut Option<u64>, more: Option<u64>| {
                    *sum = more.map_or(*sum, |more| Some(sum.unwrap_or(0).saturating_add(more)));
                };
                add(&mut operator.measured_instructions, own.took.instructions);
                add(&mut operator.measured_cycles, own.took.cycles);
            }
        }
    }
}

fn unread(why: String) -> Diagnostic {
    Diagnostic::new("these are no measurements that castiron reads")
        .expected(
            "what `castiron validate --json` or `--csv`, or `cargo xtask bench --json`, wrote",
        )
        .found(why)
}

/// A model of `cargo xtask bench --json`.
#[derive(Deserialize)]
struct Benched {
    name: String,
    sha256: Option<String>,
    instructions_median: Option<u64>,
    #[serde(default)]
    operators: Vec<BenchedOperator>,
}

#[derive(Deserialize)]
struct BenchedOperator {
    operator: usize,
    instructions: u64,
}

impl From<Benched> for Row {
    fn from(model: Benched) -> Self {
        let operators = model.operators.into_iter().map(|own| OfOperator {
            subgraph: 0,
            index: own.operator,
            name: None,
            took: Took {
                instructions: Some(own.instructions),
                cycles: None,
            },
        });
        Self {
            of: model.sha256.map_or(Of::Name(model.name), Of::Hash),
            took: Took {
                instructions: model.instructions_median,
                cycles: None,
            },
            operators: operators.collect(),
        }
    }
}

/// What `castiron validate --json` wrote.
#[derive(Deserialize)]
struct Validated {
    model: String,
    #[serde(flatten)]
    counted: Counted,
    operators: Vec<ValidatedOperator>,
}

/// What it says of a run, or of an operator.
#[derive(Deserialize)]
struct Counted {
    instructions: Option<u64>,
    #[serde(default)]
    counters: BTreeMap<String, Counter>,
}

#[derive(Deserialize)]
struct Counter {
    first: Option<u64>,
    steady: Option<u64>,
}

impl From<Counted> for Took {
    fn from(counted: Counted) -> Self {
        let cycles = counted.counters.get("cycles");
        Self {
            instructions: counted.instructions,
            cycles: cycles.and_then(|cycles| cycles.steady.or(cycles.first)),
        }
    }
}

#[derive(Deserialize)]
struct ValidatedOperator {
    operator: Named,
    #[serde(flatten)]
    counted: Counted,
}

#[derive(Deserialize)]
struct Named {
    index: usize,
    name: String,
}

impl From<Validated> for Row {
    fn from(model: Validated) -> Self {
        let operators = model.operators.into_iter().map(|own| OfOperator {
            subgraph: 0,
            index: own.operator.index,
            name: Some(own.operator.name),
            took: own.counted.into(),
        });
        Self {
            of: Of::Name(model.model),
            took: model.counted.into(),
            operators: operators.filter(|own| own.took.is_known()).collect(),
        }
    }
}

/// A line of `castiron validate --csv`.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "Event")]
    index: usize,
    #[serde(rename = "Tag")]
    name: String,
    #[serde(rename = "INSTRUCTIONS")]
    instructions: Option<u64>,
    #[serde(rename = "CYCLES", default)]
    cycles: Option<u64>,
    #[serde(rename = "CYCLES_FIRST", default)]
    cycles_first: Option<u64>,
    #[serde(rename = "SUBGRAPH")]
    subgraph: usize,
}

/// What `castiron validate --csv` wrote.
fn of_csv(bytes: &[u8]) -> Result<Row, Diagnostic> {
    let mut operators = Vec::new();
    for line in ReaderBuilder::new().from_reader(bytes).deserialize() {
        let line: Line = line.map_err(|e| unread(e.to_string()))?;
        let took = Took {
            instructions: line.instructions,
            cycles: line.cycles.or(line.cycles_first),
        };
        // Those that run as a part of others took nothing by themselves.
        if took.is_known() {
            operators.push(OfOperator {
                subgraph: line.subgraph,
                index: line.index,
                name: Some(line.name),
                took,
            });
        }
    }
    if operators.is_empty() {
        let why = "a table without instructions or cycles of any operator";
        return Err(unread(why.to_owned()));
    }
    Ok(Row {
        of: Of::Unsaid,
        took: Took {
            instructions: None,
            cycles: None,
        },
        operators,
    })
}
