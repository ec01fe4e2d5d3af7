//! Whether models fit on a board, by how much, and what takes the room.

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::cost::{Processor, RunCost};
use super::likely::{likely, one_of};
use super::memory::Facts;
use super::platforms::Sizes;
use castiron_codegen::compile::{CodeTable, CompileOptions, Held, compile_beyond_limits};
use castiron_codegen::cortex::{Cortex, Simd};
use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::graph::Model;
use castiron_codegen::program::Program;
use castiron_codegen::target::Isa;
use castiron_codegen::tflm::arena::{Arena, ArenaOptions, Target};
use castiron_codegen::tflm::{self, revision};

const BOARDS: &str = include_str!("../data/boards.toml");

/// A board whose memory is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Board {
    /// The name of Zephyr's board target.
    pub name: String,
    /// The processor's compatible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// The instruction set of a RISC-V processor: `rv32imc_zicsr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub riscv_isa: Option<String>,
    /// Flash in bytes.
    pub flash_bytes: Option<u64>,
    /// The RAM that a build links to, in bytes.
    pub ram_bytes: Option<u64>,
    /// The processor's clock, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
    /// Where the sizes come from.
    pub source: String,
}

/// A board of this crate's own list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all(deserialize = "kebab-case"))]
pub struct KnownBoard {
    /// The name of Zephyr's board target.
    pub name: String,
    /// The processor's compatible.
    pub cpu: Option<String>,
    /// The instruction set of a RISC-V processor: `rv32imc_zicsr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub riscv_isa: Option<String>,
    /// The clock that Zephyr gives the processor, in MHz.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_mhz: Option<u64>,
    /// Where that stands: a file of Zephyr's, or of the chip's maker, and what in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_from: Option<String>,
    /// Flash in KB; none where the devicetree has none.
    pub flash_kb: Option<u64>,
    /// The RAM that a build links to, in KB.
    pub ram_kb: Option<u64>,
    /// All RAM as Kenning counts it, if it is more.
    pub all_ram_kb: Option<u64>,
    /// The console.
    pub console: Option<String>,
}

#[derive(Deserialize)]
struct BoardsFile {
    board: Vec<KnownBoard>,
}

/// The boards of this crate's own list, by name.
///
/// # Errors
/// Only if the list is at fault.
pub fn known_boards() -> Result<Vec<KnownBoard>> {
    let file: BoardsFile = toml::from_str(BOARDS)
        .map_err(|e| Diagnostic::fault(format_args!("its list of boards: {}", e.message())))?;
    Ok(file.board)
}

impl Board {
    /// A board of this crate's own list.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn known(name: &str) -> Result<Self> {
        let boards = known_boards()?;
        let name = find_board(name, boards.iter().map(|board| board.name.as_str()))?;
        let board = boards.iter().find(|board| board.name == name);
        let kilobytes = |number: Option<u64>| number.map(|kb| kb.saturating_mul(1024));
        Ok(Self {
            name: name.to_owned(),
            cpu: board.and_then(|board| board.cpu.clone()),
            riscv_isa: board.and_then(|board| board.riscv_isa.clone()),
            flash_bytes: kilobytes(board.and_then(|board| board.flash_kb)),
            ram_bytes: kilobytes(board.and_then(|board| board.ram_kb)),
            clock: board.and_then(|board| board.clock_mhz.map(Clock::of_zephyr)),
            source: "castiron's list of boards".to_owned(),
        })
    }

    /// A board that a platform file describes.
    pub fn of_platform(name: &str, sizes: &Sizes, source: &str) -> Self {
        // The file does not say which processor it is; castiron's list may.
        let known = Self::known(name).ok();
        Self {
            name: name.to_owned(),
            clock: known.as_ref().and_then(|board| board.clock),
            riscv_isa: known.as_ref().and_then(|board| board.riscv_isa.clone()),
            cpu: known.and_then(|board| board.cpu),
            flash_bytes: sizes.flash_kb.map(|kb| kb.saturating_mul(1024)),
            ram_bytes: sizes.ram_kb.map(|kb| kb.saturating_mul(1024)),
            source: source.to_owned(),
        }
    }

    /// A board that a devicetree describes.
    pub fn of_devicetree(name: Option<&str>, facts: &Facts, source: &str) -> Self {
        Self {
            name: name.unwrap_or(&facts.name).to_owned(),
            cpu: facts.cpu.clone(),
            riscv_isa: facts.riscv_isa.clone(),
            flash_bytes: facts.memory.flash,
            ram_bytes: facts.memory.sram,
            clock: facts.clock_hz.map(Clock::of_devicetree),
            source: source.to_owned(),
        }
    }

    /// The instructions of its processor that castiron's kernels use.
    #[must_use]
    pub fn isa(&self) -> Isa {
        match &self.riscv_isa {
            Some(isa) => Isa::of_riscv(isa),
            None => Isa::of_compatible(self.cpu.as_deref().unwrap_or_default()),
        }
    }

    /// The kind of processor that TFLM's arena is computed for.
    #[doc(hidden)]
    pub fn target(&self) -> Target {
        let cpu = self.cpu.as_deref().unwrap_or_default();
        if !cpu.is_empty() && !cpu.starts_with("arm,") {
            return Target::Riscv32;
        }
        let cortex = Cortex::of_compatible(cpu);
        Target::of_arm(cortex.map_or(Simd::None, |cortex| cortex.simd))
    }
}

/// The one name among many that a user means: all of it, or the board in front of `/`.
///
/// # Errors
/// If there is none, or more than one; the error names what is like it.
pub fn find_board<'n>(
    wanted: &str,
    names: impl IntoIterator<Item = &'n str> + Clone,
) -> Result<&'n str> {
    if let Some(name) = names.clone().into_iter().find(|name| *name == wanted) {
        return Ok(name);
    }
    // Boards with one system go by their name alone.
    let alone = |name: &&str| !name.contains('/') && wanted.split('/').next() == Some(name);
    if let Some(name) = names.clone().into_iter().find(alone) {
        return Ok(name);
    }
    let of_board = |name: &&str| name.split('/').next() == Some(wanted);
    let variants: Vec<&str> = names.clone().into_iter().filter(of_board).collect();
    match variants[..] {
        [name] => return Ok(name),
        [] => {}
        _ => {
            let diagnostic = Diagnostic::new("the board has several targets")
                .expected(one_of(&variants))
                .found(format!("\"{}\"", wanted.escape_debug()))
                .help("name one of them with --board");
            return Err(diagnostic.into());
        }
    }
    let all: Vec<&str> = names.into_iter().collect();
    let close = likely(wanted, all.iter().copied());
    let remedy = "give the board's devicetree with --dts build/zephyr/zephyr.dts";
    let help = match close.is_empty() {
        true => remedy.to_owned(),
        false => format!("did you mean {}? Otherwise {remedy}", one_of(&close)),
    };
    let diagnostic = Diagnostic::new("unknown board")
        .expected(match all.len() {
            0 => "one in the list, which is empty".to_owned(),
            1..=5 => one_of(&all),
            count => format!("one of {count} known boards"),
        })
        .found(format!("\"{}\"", wanted.escape_debug()))
        .help(help);
    Err(diagnostic.into())
}

/// Which engine runs the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Engine {
    /// castiron's.
    #[default]
    Compiled,
    /// TensorFlow Lite Micro's interpreter.
    Tflm,
}

/// What is asked.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct FitOptions {
    /// The engine.
    pub engine: Engine,
    /// How castiron's engine compiles the models.
    pub compile: CompileOptions,
    /// How it compiles each of them, in their order, where that differs.
    pub each: Vec<CompileOptions>,
    /// Do not count the engine's code.
    pub no_code: bool,
    /// Flash of the application, in bytes: its code and Zephyr's, and the engine's if that is not
    /// counted.
    pub app_flash: u64,
    /// RAM of the application, in bytes: its data, stacks and heaps.
    pub app_ram: u64,
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
pub struct Fit {
    /// The board.
    pub board: Board,
    /// The engine.
    pub engine: Engine,
    /// Whether everything fits.
    pub fits: bool,
    /// Whether all but the estimated code fits: that it does not is an estimate.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub only_by_estimate: bool,
    /// Flash available and used; `None` if the board has no flash and runs from RAM.
    pub flash: Option<Room>,
    /// RAM available and used.
    pub ram: Room,
    /// What takes it, in the order of the models.
    pub items: Vec<Item>,
    /// The code that is estimated, and how well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<EstimatedCode>,
    /// What runs of the models are estimated to take, in their order; none of TFLM's engine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunCost>,
    /// Where TFLM computes something else than a model says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Diagnostic>,
    /// Every limit that models do not keep; those of the board are not among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub beyond_limits: Vec<Diagnostic>,
}

/// How much code is estimated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EstimatedCode {
    /// Bytes of all models.
    pub bytes: u64,
    /// What the estimate was made from.
    pub measured: String,
    /// The mean error in percent, of models that it was not made from.
    pub mean_error_percent: u64,
}

/// A kind of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Room {
    /// Bytes that the board has.
    pub has: u64,
    /// Bytes that are taken.
    pub takes: u64,
    /// What is left, or, if it is negative, what is missing.
    pub left: i64,
}

/// Something that takes memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What the model is called; none for what is not a model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it is.
    pub what: &'static str,
    /// Flash bytes.
    pub flash_bytes: u64,
    /// RAM bytes.
    pub ram_bytes: u64,
}

/// A model and the size of its file.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'m> {
    /// The model.
    pub model: &'m Model,
    /// What it is called: its file, or its name in `castiron.toml`.
    pub name: &'m str,
    /// Bytes of its file.
    pub file_bytes: usize,
}

/// Whether models fit on a board, all at once.
///
/// # Errors
/// If the board's sizes are not known, or a model does not run on the engine.
pub fn fit(models: &[Candidate<'_>], board: Board, options: &FitOptions) -> Result<Fit> {
    let has_ram = board.ram_bytes.ok_or_else(|| {
        Diagnostic::new("the size of the board's RAM is unknown")
            .found(format!("{} in {}", board.name, board.source))
            .help("give the zephyr.dts of a build for the board with --dts")
    })?;
    let mut items = Vec::new();
    // Others than Cortex-M, and TFLM's kernels, have not been measured.
    let is_measured = board.cpu.as_deref().is_some_and(CodeTable::is_of);
    let table = match options.engine {
        Engine::Compiled if is_measured && !options.no_code => Some(CodeTable::cortex_m()?),
        _ => None,
    };
    let (mut warnings, mut runs, mut beyond_limits) = (Vec::new(), Vec::new(), Vec::new());
    for (position, candidate) in models.iter().enumerate() {
        match options.engine {
            Engine::Compiled => {
                let own = options.each.get(position).unwrap_or(&options.compile);
                let Held {
                    program, beyond, ..
                } = compile_beyond_limits(candidate.model, own)?;
                beyond_limits.extend(beyond);
                compiled(candidate, &program, own, table.as_ref(), &mut items);
                let processor = Processor {
                    cpu: board.cpu.as_deref(),
                    clock: board.clock,
                };
                runs.push(RunCost::of_program(&program, own.target, processor)?);
            }
            Engine::Tflm => warnings.extend(interpreted(candidate, board.target(), &mut items)?),
        }
    }
    if options.app_flash + options.app_ram > 0 {
        items.push(Item {
            model: None,
            what: "application",
            flash_bytes: options.app_flash,
            ram_bytes: options.app_ram,
        });
    }
    let in_flash = items.iter().map(|item| item.flash_bytes);
    let in_ram = items.iter().map(|item| item.ram_bytes);
    let (flash, ram) = match board.flash_bytes {
        Some(has_flash) => (
            Some(Room::new(has_flash, in_flash)),
            Room::new(has_ram, in_ram),
        ),
        None => (None, Room::new(has_ram, in_ram.chain(in_flash))),
    };
    let fits = flash.is_none_or(|flash| flash.left >= 0) && ram.left >= 0;
    let code = table.map(|table| EstimatedCode {
        bytes: (items.iter().filter(|item| item.what == CODE))
            .map(|item| item.flash_bytes)
            .sum(),
        measured: table.measured,
        mean_error_percent: table.mean_error_percent,
    });
    let estimated = code.as_ref().map_or(0, |code| code.bytes);
    // Without flash, RAM has the code.
    let (of_flash, of_ram) = match flash {
        Some(_) => (estimated, 0),
        None => (0, estimated),
    };
    let without = |room: Room, code: u64| room.takes.saturating_sub(code) <= room.has;
    let fits_without = flash.is_none_or(|flash| without(flash, of_flash)) && without(ram, of_ram);
    Ok(Fit {
        board,
        engine: options.engine,
        fits,
        only_by_estimate: !fits && fits_without,
        code,
        flash,
        ram,
        items,
        runs,
        warnings,
        beyond_limits,
    })
}

/// What [`Item::what`] says of code that is estimated.
#[doc(hidden)]
pub const CODE: &str = "code (estimated)";

fn compiled(
    candidate: &Candidate<'_>,
    program: &Program,
    options: &CompileOptions,
    code: Option<&CodeTable>,
    items: &mut Vec<Item>,
) {
    let model = Some(candidate.name.to_owned());
    items.push(Item {
        model: model.clone(),
        what: "packed weights",
        flash_bytes: program.constants.bytes().len() as u64,
        ram_bytes: 0,
    });
    if let Some(table) = code {
        items.push(Item {
            model: model.clone(),
            what: CODE,
            flash_bytes: table.of_model(candidate.model, options, program),
            ram_bytes: 0,
        });
    }
    items.push(Item {
        model,
        what: "arena",
        flash_bytes: 0,
        ram_bytes: (program.ram_bytes() - program.state_bytes) as u64,
    });
    if program.state_bytes > 0 {
        items.push(Item {
            model: Some(candidate.name.to_owned()),
            what: "state",
            flash_bytes: 0,
            ram_bytes: program.state_bytes as u64,
        });
    }
    // The caller has them in RAM, too, as far as castiron can know.
    if program.held_bytes() > 0 {
        items.push(Item {
            model: Some(candidate.name.to_owned()),
            what: "inputs and outputs of the caller",
            flash_bytes: 0,
            ram_bytes: program.held_bytes() as u64,
        });
    }
}

/// What there is to warn of.
fn interpreted(
    candidate: &Candidate<'_>,
    target: Target,
    items: &mut Vec<Item>,
) -> Result<Vec<Diagnostic>> {
    let options = ArenaOptions {
        target,
        ..ArenaOptions::default()
    };
    let arena = Arena::new(candidate.model, &options)?;
    let rows = [
        ("model file", candidate.file_bytes as u64, 0),
        ("tensor arena", 0, arena.min_arena_bytes as u64),
        ("interpreter", 0, revision::INTERPRETER_BYTES),
        (
            "operator resolver",
            0,
            revision::resolver_bytes(tflm::count(candidate.model)),
        ),
    ];
    items.extend(rows.map(|(what, flash_bytes, ram_bytes)| Item {
        model: Some(candidate.name.to_owned()),
        what,
        flash_bytes,
        ram_bytes,
    }));
    Ok(arena.warnings)
}

impl Room {
    fn new(has: u64, taken: impl Iterator<Item = u64>) -> Self {
        let takes = taken.fold(0, u64::saturating_add);
        let left = i128::from(has) - i128::from(takes);
        Self {
            has,
            takes,
            left: i64::try_from(left).unwrap_or(i64::MIN),
        }
    }
}

impl Fit {
    /// Why it does not fit; `None` if it does.
    pub fn refusal(&self) -> Option<Diagnostic> {
        let rooms = [("flash", self.flash), ("RAM", Some(self.ram))];
        let full: Vec<(&str, Room)> = (rooms.into_iter())
            .filter_map(|(what, room)| Some((what, room.filter(|room| room.left < 0)?)))
            .collect();
        let (what, _) = *full.last()?;
        let listed = |of: fn(&Room) -> u64| {
            let parts = full
                .iter()
                .map(|(what, room)| format!("{} bytes of {what}", of(room)));
            parts.collect::<Vec<_>>().join(" and ")
        };
        // A board without flash has everything in RAM.
        let taken = |item: &&Item| match (what, self.flash) {
            ("flash", _) => item.flash_bytes,
            (_, Some(_)) => item.ram_bytes,
            (_, None) => item.ram_bytes.saturating_add(item.flash_bytes),
        };
        let largest = self.items.iter().max_by_key(taken)?;
        let bytes = taken(&largest);
        let remedy = match &largest.model {
            Some(model) => format!(
                "use a smaller model or a larger board: {bytes} bytes of {what} are the {} of {model}",
                largest.what
            ),
            None => format!(
                "make the application smaller, or use a larger board: the {} uses {bytes} bytes of {what}",
                largest.what
            ),
        };
        let (message, remedy) = match &self.code {
            Some(code) if self.only_by_estimate => (
                format!("by estimate, this does not fit on {}", self.board.name),
                format!(
                    "castiron estimates {} bytes of code, with an average error of {} %: measure the code and give it with --no-code --app-flash, or {remedy}",
                    code.bytes, code.mean_error_percent
                ),
            ),
            _ => (format!("this does not fit on {}", self.board.name), remedy),
        };
        let diagnostic = Diagnostic::new(message)
            .expected(format!("at most {}", listed(|room| room.has)))
            .found(format!(
                "{} ({} too many)",
                listed(|room| room.takes),
                (full
                    .iter()
                    .map(|(_, room)| room.left.unsigned_abs().to_string()))
                .collect::<Vec<_>>()
                .join(" and ")
            ))
            .help(remedy);
        Some(self.about(diagnostic))
    }

    /// Names the model in a diagnostic if there is but one.
    fn about(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        let mut models = self.items.iter().filter_map(|item| item.model.as_ref());
        if let Some(model) = models.next()
            && models.all(|other| other == model)
        {
            diagnostic.place.file = Some(model.clone());
        }
        diagnostic
    }
}
