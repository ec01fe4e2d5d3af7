//! Builds the measuring firmware with whichever toolchain can.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use castiron_build::toolchain::{Purpose, Toolchain, errors};
use castiron_codegen::target::Optimize;
use clap::ValueEnum;

use crate::cores::Core;

/// How the firmware is optimised.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OptLevel {
    /// opt-level 3.
    #[value(name = "3")]
    Speed,
    /// opt-level "s".
    #[value(name = "s")]
    Size,
}

impl OptLevel {
    /// The cargo profile of the firmware workspace, which is also the directory cargo builds into.
    fn profile(self) -> &'static str {
        match self {
            Self::Speed => "release",
            Self::Size => "small",
        }
    }
}

impl fmt::Display for OptLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Speed => "3",
            Self::Size => "s",
        })
    }
}

/// How the measuring firmware plans its model's memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// As without options.
    Default,
    /// An arena of so many bytes at most.
    Within(u64),
    /// The least arena that computes nothing twice.
    Least,
    /// The same with an input that comes row by row.
    Rows,
    /// As without options, with inputs and outputs in two buffers each, which change places from run to run.
    Buffers,
    /// The least arena that computes nothing twice, and each run in as many parts as there can be.
    Parts,
}

impl Plan {
    /// Those of every model whose RAM is the model's alone: the firmware's buffers are not.
    pub(crate) const ALL: [Self; 3] = [Self::Default, Self::Least, Self::Rows];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Within(_) => "within the target, input whole",
            Self::Least => "least, input whole",
            Self::Rows => "least, input by rows",
            Self::Buffers => "default, with buffers",
            Self::Parts => "least, in parts",
        }
    }

    /// Variables that the firmware's build script reads, and their values.
    fn variables(self) -> [(&'static str, Option<String>); 4] {
        let max_arena = match self {
            Self::Default | Self::Buffers => None,
            Self::Within(bytes) => Some(bytes),
            Self::Least | Self::Rows | Self::Parts => Some(0),
        };
        let of = |plan, value: &str| (self == plan).then(|| value.to_owned());
        [
            (
                "CASTIRON_MAX_ARENA",
                max_arena.map(|bytes| bytes.to_string()),
            ),
            ("CASTIRON_INPUT_BY", of(Self::Rows, "rows")),
            ("CASTIRON_BUFFERS", of(Self::Buffers, "caller")),
            ("CASTIRON_STEPS", of(Self::Parts, "1")),
        ]
    }
}

/// What the measuring firmware has in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// The model.
    Model,
    /// The model, and a run of it that counts each operator's instructions.
    Traced,
    /// The model's inputs and outputs alone.
    Empty,
}

/// A variable whose value is handed over as a path is.
fn of_path<'a>(
    (name, value): &'a (&'static str, Option<String>),
) -> (&'static str, Option<&'a Path>) {
    (name, value.as_deref().map(Path::new))
}

/// A compiler that can produce code for a processor.
pub(crate) fn toolchain(core: Core) -> Result<Toolchain> {
    Ok(Toolchain::detect(Some(core.target()), Purpose::Program)?)
}

/// Builds firmware, all of it into one target directory, so that dependencies are compiled once.
#[derive(Clone)]
pub(crate) struct Builder<'a> {
    toolchain: &'a Toolchain,
    pub(crate) core: Core,
    opt: OptLevel,
    optimize: Option<Optimize>,
    plan: Option<Plan>,
    /// The pass that is left out; several by `all`.
    without: Option<String>,
    workspace: PathBuf,
    target_dir: PathBuf,
}

impl<'a> Builder<'a> {
    /// A builder of the firmware in the repository at `root`.
    pub(crate) fn new(root: &Path, toolchain: &'a Toolchain, core: Core, opt: OptLevel) -> Self {
        Self {
            toolchain,
            core,
            opt,
            optimize: None,
            plan: None,
            without: None,
            workspace: root.join("examples/cortex-m"),
            target_dir: root.join("target/firmware"),
        }
    }

    /// The same with what matters where time costs flash.
    pub(crate) fn optimize(mut self, optimize: Optimize) -> Self {
        self.optimize = Some(optimize);
        self
    }

    /// The same with a plan; without, the environment decides.
    pub(crate) fn plan(mut self, plan: Plan) -> Self {
        self.plan = Some(plan);
        self
    }

    /// The same without a pass, or without `all`.
    pub(crate) fn without(mut self, pass: String) -> Self {
        self.without = Some(pass);
        self
    }

    /// Builds the example for users.
    pub(crate) fn example(&self) -> Result<PathBuf> {
        self.build("castiron-cortex-m-example", "sine", &[])
    }

    /// Builds the example of a model in two memories.
    pub(crate) fn memories(&self) -> Result<PathBuf> {
        self.build("castiron-memories-example", "memories", &[])
    }

    /// Builds the example that Kenning evaluates, for this model.
    pub(crate) fn kenning(&self, model: &Path) -> Result<PathBuf> {
        let variables = [("CASTIRON_MODEL", Some(model))];
        self.build("castiron-kenning-example", "kenning", &variables)
    }

    /// Builds the example of a model beside other tasks of an executor.
    pub(crate) fn embassy(&self) -> Result<PathBuf> {
        self.build("castiron-embassy-example", "embassy", &[])
    }

    /// Builds the measuring image for a model and its goldens, and keeps it under `name`.
    pub(crate) fn golden(
        &self,
        name: &str,
        model: &Path,
        golden: &Path,
        content: Content,
    ) -> Result<PathBuf> {
        let with = |other| (content == other).then_some(Path::new("1"));
        let own = self.optimize.map(|optimize| optimize.name().into());
        let optimize = own.or_else(|| std::env::var_os("CASTIRON_OPTIMIZE"));
        let mut variables = vec![
            ("CASTIRON_GOLDEN", Some(golden)),
            ("CASTIRON_MODEL", Some(model)),
            ("CASTIRON_EMPTY", with(Content::Empty)),
            ("CASTIRON_TRACED", with(Content::Traced)),
            ("CASTIRON_OPTIMIZE", optimize.as_deref().map(Path::new)),
            ("CASTIRON_BATCH", None),
        ];
        if let Some(pass) = &self.without {
            variables.push(("CASTIRON_WITHOUT_PASS", Some(Path::new(pass))));
        }
        let plan = self.planned();
        variables.extend(plan.iter().map(of_path));
        self.image(name, &variables)
    }

    /// What the plan's variables say.
    fn planned(&self) -> Vec<(&'static str, Option<String>)> {
        self.plan.into_iter().flat_map(Plan::variables).collect()
    }

    /// The same for several models, of which `list` has a line each: the model, a tab, its goldens. Each is one case.
    pub(crate) fn batch(&self, name: &str, list: &Path) -> Result<PathBuf> {
        let mut variables = vec![("CASTIRON_BATCH", Some(list)), ("CASTIRON_OPTIMIZE", None)];
        let plan = self.planned();
        variables.extend(plan.iter().map(of_path));
        self.image(name, &variables)
    }

    fn image(&self, name: &str, variables: &[(&str, Option<&Path>)]) -> Result<PathBuf> {
        let built = self.build("castiron-bench-firmware", "golden", variables)?;
        let images = self.target_dir.join("images");
        let images = images.join(self.core.target()).join(self.opt.profile());
        std::fs::create_dir_all(&images)?;
        let image = images.join(format!("{name}.elf"));
        std::fs::copy(&built, &image).with_context(|| built.display().to_string())?;
        Ok(image)
    }

    fn build(
        &self,
        package: &str,
        binary: &str,
        environment: &[(&str, Option<&Path>)],
    ) -> Result<PathBuf> {
        let mut command = self.command();
        command.args(["--package", package, "--bin", binary]);
        for (variable, value) in environment {
            match value {
                Some(value) => command.env(variable, value),
                None => command.env_remove(variable),
            };
        }
        let output = command.output().context("starting cargo")?;
        if !output.status.success() {
            bail!(
                "does not build\n{}",
                errors(&String::from_utf8_lossy(&output.stderr))
            );
        }
        Ok(self
            .target_dir
            .join(self.core.target())
            .join(self.opt.profile())
            .join(binary))
    }

    fn command(&self) -> Command {
        let mut command = self.toolchain.cargo(&self.workspace);
        command
            .args(["build", "--profile", self.opt.profile()])
            .arg("--target-dir")
            .arg(&self.target_dir);
        self.toolchain.options(&mut command);
        command
    }
}
