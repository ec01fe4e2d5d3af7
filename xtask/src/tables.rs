//! `cargo xtask bench`: which tables there are, of which processors.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use castiron_build::toolchain::Toolchain;

use crate::bench::{self, Extra};
use crate::cores::{self, Core};
use crate::firmware::{self, Builder, OptLevel};
use crate::tflm::Figures;
use crate::{
    Run, cycles, modes, operator_code, print_changes, qemu, ram, report, subjects, switches,
    verdict,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) run: Run,
    #[command(flatten)]
    table: TableOptions,
    /// Measure every table of docs/benchmarks.md and docs/operator-code.md, one after the other: some 20 minutes.
    #[arg(long, conflicts_with_all = ["ops", "by_operator", "modes", "ram", "switches", "json", "core", "opt"])]
    pub(crate) all: bool,
    /// Measure each operator of the models, too.
    #[arg(long)]
    by_operator: bool,
    /// Print JSON instead of tables; of networks, with what each operator takes.
    #[arg(long)]
    json: bool,
    /// Write the tables into docs/benchmarks.md and the README; with --ops, into docs/operator-code.md.
    #[arg(long, conflicts_with = "filter")]
    update_docs: bool,
}

#[derive(clap::Args)]
struct TableOptions {
    /// Measure a small model for every operator and the types that it is tested with, instead of networks;
    /// --filter takes names of operators, too.
    #[arg(long, conflicts_with = "models")]
    ops: bool,
    /// Measure instructions and flash of networks in each of the three modes of `optimize`.
    #[arg(long, conflicts_with_all = ["ops", "by_operator", "json"])]
    modes: bool,
    /// Measure how little RAM models can take, where there are targets for it: row by row, and with the input row by row.
    #[arg(long, conflicts_with_all = ["ops", "by_operator", "modes", "json"])]
    ram: bool,
    /// Run the networks that people run without each pass that does something for them, and without any, as they are and in the least
    /// memory; fail where outputs are not their goldens'.
    #[arg(long, conflicts_with_all = ["ops", "by_operator", "modes", "ram", "json", "update_docs"])]
    switches: bool,
}

/// A kind of table.
#[derive(Debug, Clone, Copy)]
enum Table {
    Networks,
    Modes,
    Ram,
    Operators,
    Switches,
}

impl TableOptions {
    fn table(&self) -> Table {
        match self {
            Self { ops: true, .. } => Table::Operators,
            Self { modes: true, .. } => Table::Modes,
            Self { ram: true, .. } => Table::Ram,
            Self { switches: true, .. } => Table::Switches,
            _ => Table::Networks,
        }
    }
}

/// The tables that documents have.
const DOCUMENTED: [(Table, Core, OptLevel); 9] = [
    (Table::Networks, Core::M4, OptLevel::Speed),
    (Table::Networks, Core::M4, OptLevel::Size),
    (Table::Ram, Core::M4, OptLevel::Speed),
    (Table::Modes, Core::M4, OptLevel::Speed),
    (Table::Networks, Core::M55, OptLevel::Speed),
    (Table::Networks, Core::M3, OptLevel::Speed),
    (Table::Networks, Core::M0plus, OptLevel::Speed),
    (Table::Networks, Core::Rv32imc, OptLevel::Speed),
    (Table::Operators, Core::M4, OptLevel::Speed),
];

/// Measures all tables that documents have.
pub(crate) fn measure_all(root: &Path, options: &Options) -> Result<ExitCode> {
    let mut ended = ExitCode::SUCCESS;
    for (table, core, opt) in DOCUMENTED {
        let toolchain = firmware::toolchain(core)?;
        qemu::check(core)?;
        println!("{table:?}, {}, opt-level {opt}", core.title());
        let run = Run {
            selection: options.run.selection.clone(),
            core,
            opt,
        };
        let code = Measuring {
            root,
            toolchain: &toolchain,
            run,
            by_operator: false,
            json: false,
            update_docs: options.update_docs,
        }
        .measure(table)?;
        if code != ExitCode::SUCCESS {
            ended = code;
        }
    }
    Ok(ended)
}

/// Measures the table that is asked for.
pub(crate) fn measure(root: &Path, toolchain: &Toolchain, options: Options) -> Result<ExitCode> {
    let table = options.table.table();
    Measuring {
        root,
        toolchain,
        run: options.run,
        by_operator: options.by_operator,
        json: options.json,
        update_docs: options.update_docs,
    }
    .measure(table)
}

struct Measuring<'a> {
    root: &'a Path,
    toolchain: &'a Toolchain,
    run: Run,
    by_operator: bool,
    json: bool,
    update_docs: bool,
}

impl Measuring<'_> {
    fn measure(self, table: Table) -> Result<ExitCode> {
        let core = self.run.core;
        match table {
            Table::Networks => return self.networks(),
            Table::Operators => {
                self.documents_m4_alone()?;
                return self.operators();
            }
            Table::Modes => {
                self.documents_m4_alone()?;
                self.modes()?;
            }
            Table::Ram => {
                ensure!(
                    core == Core::M4,
                    "there are targets for the RAM of the Cortex-M4 alone"
                );
                self.ram()?;
            }
            Table::Switches => {
                let Run { opt, selection, .. } = self.run;
                switches::check(self.root, self.toolchain, core, opt, selection)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn documents_m4_alone(&self) -> Result<()> {
        ensure!(
            !self.update_docs || self.run.core == Core::M4,
            "--update-docs writes this table of the Cortex-M4 alone, not of the {}",
            self.run.core.title()
        );
        Ok(())
    }

    fn builder(&self) -> Builder<'_> {
        Builder::new(self.root, self.toolchain, self.run.core, self.run.opt)
    }

    fn operators(&self) -> Result<ExitCode> {
        let found = operator_code::find(self.root, &self.run.selection)?;
        for note in &found.notes {
            eprintln!("{note}");
        }
        let extra = Extra {
            operators: self.by_operator,
            ..Extra::default()
        };
        let entries = bench::run(&self.builder(), &found.subjects, extra);
        let figures = Figures::load()?;
        if self.json {
            let rows = operator_code::rows(&found.cases, &entries, &figures);
            println!("{}", serde_json::to_string_pretty(&rows)?);
        } else {
            println!("{}", operator_code::terminal(&found.cases, &entries));
        }
        if self.update_docs {
            let page = operator_code::update_docs(self.root, self.run.opt, &found.cases, &entries)?;
            eprintln!("wrote {}", page.display());
        }
        // JSON says of each model what went wrong.
        if self.json {
            return Ok(ExitCode::SUCCESS);
        }
        Ok(verdict(self.run.core, &entries, &figures))
    }

    fn modes(&self) -> Result<()> {
        let Run {
            core,
            opt,
            selection,
        } = &self.run;
        let found = subjects(self.root, selection)?;
        let modes = modes::measure(self.root, self.toolchain, *core, *opt, &found);
        println!("{}", modes::terminal(*core, &modes)?);
        match self.update_docs {
            true => modes::update_docs(self.root, *core, *opt, &modes),
            false => Ok(()),
        }
    }

    fn ram(self) -> Result<()> {
        let opt = self.run.opt;
        let ways = ram::measure(self.root, self.toolchain, opt, self.run.selection)?;
        println!("{}", ram::terminal(&ways)?);
        match self.update_docs {
            true => ram::update_docs(self.root, opt, &ways),
            false => Ok(()),
        }
    }

    fn networks(&self) -> Result<ExitCode> {
        let Run { core, opt, .. } = self.run;
        let extra = Extra {
            operators: self.by_operator || self.json,
            cycles: core == Core::M4 && cycles::available(),
        };
        let mut selection = self.run.selection.clone();
        if self.update_docs && core != Core::M4 {
            selection.only(&cores::DOCUMENTED);
        }
        let (figures, entries) = crate::measure(self.root, &self.builder(), &selection, extra)?;
        if self.json {
            let rows = report::rows(&entries, &figures);
            println!("{}", serde_json::to_string_pretty(&rows)?);
        } else {
            println!("{}", report::terminal(core, &entries, &figures));
            print_changes(self.root, core, opt, &entries)?;
        }
        if self.update_docs {
            match core {
                Core::M4 => report::update_docs(self.root, opt, &entries, &figures)?,
                _ => report::update_core(self.root, core, &entries, &figures)?,
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
