//! A report while it is gathered: models come one by one, and some of them fail.

use std::path::PathBuf;

use castiron_board::clock::Clock;
use castiron_board::cost::Processor;
use castiron_codegen::Model;
use castiron_codegen::compile::CompileOptions;
use castiron_codegen::error::{Diagnostic, Error, Result};
use castiron_codegen::target::{Isa, Target};

use crate::compare;
use crate::data::{self, Board, Pair, Problem, Quality, Report, Run, Time, VERSION};
use crate::fit::Place;
use crate::measured::Measurements;
use crate::model;
use crate::run::{self, Runnable};

/// What models are looked at with.
#[derive(Debug, Default)]
pub struct Settings {
    /// How castiron's engine compiles them.
    pub compile: CompileOptions,
    /// Where the next model is to fit.
    pub place: Option<Place>,
    /// The processor's clock, instead of the board's.
    pub clock: Option<Clock>,
    /// A folder of recorded cases, to run models with.
    pub goldens: Option<PathBuf>,
    /// Whether nobody says what models run on, so that they are compiled for [`SUPPOSED`]: runs are estimated for other processors, too.
    pub is_supposed: bool,
}

/// The instructions of the processor that figures are of where nobody says what models run on: a Cortex-M4's with a floating-point unit.
pub const SUPPOSED: Isa = Isa::DspFp;

impl Settings {
    /// What anything says of the processor.
    pub(crate) fn processor(&self) -> Processor<'_> {
        let board = self.place.as_ref().map(|place| &place.board);
        Processor {
            cpu: board.and_then(|board| board.cpu.as_deref()),
            clock: self.clock.or_else(|| board?.clock),
        }
    }
}

/// A model, and what is known besides.
#[derive(Debug, Clone, Copy)]
pub struct Source<'m> {
    /// What tells it from the others.
    pub name: &'m str,
    /// The model.
    pub model: &'m Model,
    /// The bytes that it was read from.
    pub bytes: &'m [u8],
}

/// What measurements say of a model.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// How good its outputs are.
    pub quality: Option<Quality>,
    /// How long a run takes.
    pub time: Option<Time>,
    /// Its place in Kenning's order, the best first.
    pub rank: Option<usize>,
}

/// A report to which models are added.
#[derive(Default)]
pub struct Draft {
    models: Vec<data::Model>,
    /// By position of the model, where there are cases to run it with.
    runnable: Vec<Option<Runnable>>,
    problems: Vec<Problem>,
    /// What each model is compiled for.
    targets: Vec<Target>,
    /// Where models are to fit, each board once.
    boards: Vec<Board>,
    /// Every limit that models do not keep.
    beyond_limits: Vec<Diagnostic>,
    is_supposed: bool,
}

impl Draft {
    /// Adds a model.
    ///
    /// # Errors
    /// If recorded cases do not belong to it, or castiron's own tables are at fault: what else is wrong with a model is part of the report.
    pub fn add(
        &mut self,
        source: &Source<'_>,
        settings: &Settings,
        measured: Measured,
    ) -> Result<()> {
        let model::Examination {
            model: mut found,
            program,
            beyond_limits,
        } = model::examine(source, settings)?;
        self.beyond_limits.extend(beyond_limits);
        found.position = self.models.len();
        self.targets.push(settings.compile.target);
        self.is_supposed |= settings.is_supposed;
        if let Some(place) = &settings.place
            && data::board_of(&self.boards, &found).is_none()
        {
            let mut place = place.clone();
            place.board.clock = settings.processor().clock;
            self.boards.push(Board::from(place));
        }
        // What does not compile is no question of the board.
        let place = settings.place.as_ref().filter(|_| found.compiled.ok);
        found.fit = place.map(|place| place.fit(source, &settings.compile));
        found.quality = measured.quality;
        found.time = measured.time;
        found.rank = measured.rank;
        let runnable = (settings.goldens.as_ref().and(program)).map(|program| Runnable {
            stem: source.model.stem().to_owned(),
            program,
        });
        if let (Some(runnable), Some(goldens)) = (&runnable, &settings.goldens) {
            let recorded = runnable.against_recorded(goldens);
            found.recorded = recorded.map_err(|error| error.in_file(&source.model.file))?;
        }
        self.models.push(found);
        self.runnable.push(runnable);
        Ok(())
    }

    /// Every limit that models do not keep, of those that were added.
    #[must_use]
    pub fn beyond_limits(&self) -> &[Diagnostic] {
        &self.beyond_limits
    }

    /// Adds measured instructions to the models that were added; and says what of them is of nothing there.
    pub fn measure(&mut self, measurements: &[Measurements]) -> Vec<Diagnostic> {
        let files = measurements.iter();
        let problems = files.flat_map(|file| file.add_to(&mut self.models));
        let problems: Vec<Diagnostic> = problems.collect();
        problems.iter().for_each(|problem| self.problem(problem));
        problems
    }

    /// Adds what is wrong with a file.
    pub fn problem(&mut self, diagnostic: &Diagnostic) {
        self.problems.push(Problem::from(diagnostic));
    }

    /// The report, of models in order.
    #[must_use]
    pub fn finish(mut self, settings: &Settings, run: Option<Run>) -> Report {
        let choice = (self.models.len() > 1).then(|| compare::rank(&mut self.models, &self.boards));
        let pairs = self.pairs(settings);
        Report {
            report: VERSION,
            castiron: env!("CARGO_PKG_VERSION"),
            isa: common(self.targets.iter().map(|target| target.isa.name())),
            optimize: common(self.targets.iter().map(|target| target.optimize.name())),
            supposed: self.is_supposed.then_some("Cortex-M4"),
            board: match &self.boards[..] {
                [board] if self.models.iter().all(|model| model.board.is_some()) => {
                    Some(board.clone())
                }
                _ => None,
            },
            boards: self.boards,
            run,
            choice,
            pairs,
            models: self.models,
            problems: self.problems,
        }
    }

    fn pairs(&self, settings: &Settings) -> Vec<Pair> {
        let runnable = |index: usize| self.runnable.get(self.models[index].position)?.as_ref();
        let pairs = compare::pairs(&self.models).into_iter();
        pairs
            .map(|same| {
                let both = runnable(same.float).zip(runnable(same.integer));
                let differences = both
                    .zip(settings.goldens.as_ref())
                    .map(|((float, integer), goldens)| run::compare(float, integer, goldens));
                let (differences, problem) = match differences.transpose() {
                    Ok(differences) => (differences.flatten(), None),
                    Err(error) => (None, first(&error)),
                };
                Pair {
                    float: same.float,
                    integer: same.integer,
                    by: same.by,
                    differences,
                    problem,
                }
            })
            .collect()
    }
}

fn first(error: &Error) -> Option<String> {
    let first = error.diagnostics().first()?;
    Some(first.message.clone())
}

/// What all say, if it is the same.
fn common(mut all: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}
