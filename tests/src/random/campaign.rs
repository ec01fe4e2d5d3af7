//! Many models, one after the other.

use std::collections::BTreeMap;
use std::io;

use castiron_codegen::graph::{BuiltinOperator, Model, OpKind};
use castiron_codegen::tflite;
use castiron_codegen::tflm::arena::{Arena, ArenaOptions, Kernels};
use castiron_codegen::tflm::{self, TflmOp};
use serde::Serialize;

use super::compare::{Difference, difference};
use super::oracle::{self, Fault, Outputs};
use super::reference::{Answer, Engine, References};
use super::{MOST_ROWS, Sample, bytes, explained};

/// Which models, and who is asked.
#[derive(Debug)]
pub struct Campaign {
    /// Of all models.
    pub seed: u64,
    /// Operators that models are made of; all where there are none.
    pub operators: Vec<String>,
    /// Who else is asked, if anybody.
    pub references: Option<References>,
}

/// What became of models.
#[derive(Debug, Default, Serialize)]
pub struct Tally {
    /// How many there were.
    pub models: usize,
    /// Operators in them, by name.
    pub operators: BTreeMap<String, usize>,
    /// Models that an engine agreed on.
    pub agreed: BTreeMap<Engine, usize>,
    /// Models that some engine was asked about and gave outputs for.
    pub compared: usize,
    /// Models of which that holds for their first rows alone.
    pub parts: usize,
    /// Models whose arena was predicted.
    pub arenas: usize,
    /// Models that an engine was not asked about, or gave nothing for, by the reason.
    pub unasked: BTreeMap<String, usize>,
    /// Differences that are known, by their reasons.
    pub explained: BTreeMap<String, usize>,
    /// Those that are not.
    pub found: Vec<Found>,
}

/// A difference.
#[derive(Debug, Serialize)]
pub struct Found {
    /// The campaign's.
    pub seed: u64,
    /// The model's.
    pub number: u64,
    /// How many rows of it are enough.
    pub rows: usize,
    /// The last operator of these.
    pub line: String,
    /// What differs.
    pub what: String,
    /// The model of these rows.
    #[serde(skip)]
    pub sample: Option<Sample>,
}

/// What is wrong with a model.
enum Wrong {
    Castiron(Fault),
    Engine(Engine, Difference),
}

impl Wrong {
    fn text(&self) -> String {
        match self {
            Self::Castiron(fault) => fault.to_string(),
            Self::Engine(engine, how) => format!("{}: {}", engine.name(), how.what),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Castiron(a), Self::Castiron(b)) => {
                matches!(a, Fault::Refused(_)) == matches!(b, Fault::Refused(_))
            }
            (Self::Engine(a, _), Self::Engine(b, _)) => a == b,
            _ => false,
        }
    }
}

impl Campaign {
    /// The model of a number.
    pub fn sample(&self, number: u64) -> Sample {
        self.cut(number, MOST_ROWS)
    }

    fn cut(&self, number: u64, rows: usize) -> Sample {
        let wanted = Some(&self.operators[..]).filter(|names| !names.is_empty());
        Sample::cut(&bytes(self.seed, number), rows, wanted)
    }

    /// Asks everybody about a model.
    ///
    /// # Errors
    /// If the process of the references fails.
    pub fn take(&mut self, number: u64, tally: &mut Tally) -> io::Result<()> {
        let sample = self.sample(number);
        tally.models += 1;
        for line in &sample.lines {
            let name = line.split(' ').next().unwrap_or_default().to_owned();
            *tally.operators.entry(name).or_default() += 1;
        }
        let asked = self.ask(&sample)?;
        for reason in &asked.unasked {
            *tally.unasked.entry(reason.clone()).or_default() += 1;
        }
        let is_compared = asked.is_compared;
        tally.compared += usize::from(is_compared);
        self.count(number, sample.rows, asked, tally)?;
        if is_compared || self.references.is_none() {
            return Ok(());
        }
        // One operator is enough for an engine to refuse the whole.
        for quarters in (0..4).rev() {
            let rows = sample.rows * quarters / 4;
            let asked = self.ask(&self.cut(number, rows.max(1)))?;
            if asked.is_compared {
                tally.parts += 1;
                return self.count(number, rows.max(1), asked, tally);
            }
        }
        Ok(())
    }

    /// Counts what was said of the first rows of a model.
    fn count(
        &mut self,
        number: u64,
        rows: usize,
        asked: Asked,
        tally: &mut Tally,
    ) -> io::Result<()> {
        tally.arenas += usize::from(asked.arena);
        for engine in asked.agreed {
            *tally.agreed.entry(engine).or_default() += 1;
        }
        for wrong in asked.wrong {
            self.explain(number, rows, wrong, tally)?;
        }
        Ok(())
    }

    /// Finds the first row with which something is wrong.
    fn explain(
        &mut self,
        number: u64,
        rows: usize,
        wrong: Wrong,
        tally: &mut Tally,
    ) -> io::Result<()> {
        let mut found = None;
        for rows in 1..=rows {
            let sample = self.cut(number, rows);
            let asked = self.ask(&sample)?;
            if let Some(same) = asked.wrong.into_iter().find(|other| other.is_like(&wrong)) {
                found = Some((rows, sample, same));
                break;
            }
        }
        let (rows, sample, wrong) = found.unwrap_or_else(|| (rows, self.cut(number, rows), wrong));
        let line = sample.lines.last().cloned().unwrap_or_default();
        let reason = match &wrong {
            Wrong::Castiron(fault) => explained::of_fault(&sample, fault),
            Wrong::Engine(engine, how) => explained::of_difference(*engine, &sample, how),
        };
        if let Some(reason) = reason {
            let name = line.split(' ').next().unwrap_or_default();
            let key = format!("{name}: {reason}");
            *tally.explained.entry(key).or_default() += 1;
            return Ok(());
        }
        tally.found.push(Found {
            seed: self.seed,
            number,
            rows,
            line,
            what: wrong.text(),
            sample: Some(sample),
        });
        Ok(())
    }

    /// What everybody says of a model.
    fn ask(&mut self, sample: &Sample) -> io::Result<Asked> {
        let mut asked = Asked::default();
        let model = match tflite::read("random.tflite", &sample.file) {
            Ok(model) => model,
            Err(error) => {
                let fault = Fault::Refused(error.to_string());
                asked.wrong.push(Wrong::Castiron(fault));
                return Ok(asked);
            }
        };
        let mut expected: Option<Result<Outputs, Fault>> = None;
        for engine in Engine::ALL {
            let Some(references) = &mut self.references else {
                break;
            };
            if !references.engines.contains(&engine) {
                continue;
            }
            if let Some(reason) = explained::unsafe_for(engine, sample) {
                asked.unasked.push(format!("{}: {reason}", engine.name()));
                continue;
            }
            if engine == Engine::Tflm {
                if let Some(name) = without_kernel(&model) {
                    asked.unasked.push(format!("TFLM: it has no {name}"));
                    continue;
                }
                let verdict = tflm::verdict(&model, Kernels::Reference);
                if let Some(said) = verdict.refused.first() {
                    let name = said.place.operator.as_ref().map(|(_, name)| name.as_str());
                    let name = name.unwrap_or_default();
                    asked
                        .unasked
                        .push(format!("TFLM: {}: {name}", said.message));
                    continue;
                }
                if let Some(said) = verdict.differs.first() {
                    asked.unasked.push(format!("TFLM: {}", said.message));
                    continue;
                }
            }
            references.send(engine, sample)?;
            // The references compute in the meantime.
            let mine = expected.get_or_insert_with(|| oracle::check(sample));
            let answer = references.receive()?;
            match (&answer.error, mine) {
                // What was judged to run has to run.
                (Some(error), _) if engine == Engine::Tflm => {
                    let how = format!("it gives nothing: {error}");
                    asked.wrong.push(Wrong::Engine(engine, how.into()));
                }
                (Some(error), _) => {
                    let words = error.split("Node number").next().unwrap_or_default();
                    let words: String = words.chars().take(70).collect();
                    asked.unasked.push(format!("{}: {words}", engine.name()));
                }
                (None, Ok(mine)) => {
                    asked.compare(engine, sample, &model, mine, &answer);
                }
                (None, Err(_)) => {}
            }
        }
        let mine = expected.unwrap_or_else(|| oracle::check(sample));
        asked.wrong.extend(mine.err().map(Wrong::Castiron));
        Ok(asked)
    }
}

/// What everybody says of a model.
#[derive(Default)]
struct Asked {
    wrong: Vec<Wrong>,
    agreed: Vec<Engine>,
    is_compared: bool,
    arena: bool,
    unasked: Vec<String>,
}

impl Asked {
    fn compare(
        &mut self,
        engine: Engine,
        sample: &Sample,
        model: &Model,
        mine: &Outputs,
        answer: &Answer,
    ) {
        self.is_compared = true;
        match difference(sample, model, mine, &answer.outputs) {
            Some(how) => self.wrong.push(Wrong::Engine(engine, how)),
            None => self.agreed.push(engine),
        }
        if engine == Engine::Tflm && !has_pointers(model) {
            match arena(model, answer.head) {
                Ok(()) => self.arena = true,
                Err(how) => self.wrong.push(Wrong::Engine(engine, how.into())),
            }
        }
    }
}

/// An operator that TFLM has no kernel for.
fn without_kernel(model: &Model) -> Option<&str> {
    let mut operators = model.graphs.iter().flat_map(|graph| &graph.operators);
    let missing = operators.find(|o| TflmOp::for_kind(&o.kind).is_none());
    missing.map(|o| o.kind.name())
}

/// Whether working memory in the head holds pointers, which have twice the bytes of a 32-bit processor's on a PC.
fn has_pointers(model: &Model) -> bool {
    let mut operators = model.graphs.iter().flat_map(|graph| &graph.operators);
    operators.any(|o| o.kind == OpKind::Builtin(BuiltinOperator::AddN))
}

/// Whether the head of TFLM's arena is as predicted.
fn arena(model: &Model, head: Option<usize>) -> Result<(), String> {
    let Some(head) = head else {
        return Err("it says no head of its arena".to_owned());
    };
    let predicted = Arena::new(model, &ArenaOptions::default());
    let predicted = predicted.map_err(|e| format!("no arena is predicted: {e}"))?;
    match predicted.head_bytes == head {
        true => Ok(()),
        false => Err(format!(
            "the arena's head has {head} bytes, {} are predicted",
            predicted.head_bytes
        )),
    }
}
