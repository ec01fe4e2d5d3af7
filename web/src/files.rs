//! The files that `castiron generate` writes, one by one.

use std::io;

use castiron_codegen::Model;
use castiron_codegen::compile::{self, CompileOptions, Examined};
use castiron_codegen::emit::c_header::{CFile, HeaderOptions, HeaderStyle, c_header};
use castiron_codegen::emit::facts::GraphFacts;
use castiron_codegen::emit::resolver::{Resolver, ResolverOptions};
use castiron_codegen::emit::rust::{self, RustOptions};
use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::plan::Plan;
use castiron_codegen::tflm::arena::{ArenaNeed, ArenaOptions};

use crate::session::pretty;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Header,
    Source,
    KenningHeader,
    Resolver,
    Module,
    Weights,
    /// Of a subgraph.
    Picture(usize),
    /// Of a subgraph.
    Plan(usize),
}

impl Kind {
    /// All of a model, with a plan for each subgraph that a user can run.
    pub(crate) fn all(model: &Model) -> Vec<Self> {
        let mut all = vec![
            Self::Header,
            Self::Source,
            Self::KenningHeader,
            Self::Resolver,
            Self::Module,
            Self::Weights,
        ];
        let plans = model.entry_graphs().into_iter();
        all.extend(plans.flat_map(|graph| [Self::Picture(graph), Self::Plan(graph)]));
        all
    }

    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Header => "C header: shapes, quantisation, TFLM's arena",
            Self::Source => "C source: the model's bytes",
            Self::KenningHeader => "header for Kenning Zephyr Runtime",
            Self::Resolver => "TFLM's operators and arena",
            Self::Module => "Rust module of castiron's engine",
            Self::Weights => "packed weights of that module",
            Self::Picture(_) => "picture of the plan",
            Self::Plan(_) => "the plan as data",
        }
    }
}

/// What files are made from.
#[derive(Clone, Copy)]
pub(crate) struct Maker<'a> {
    pub(crate) model: &'a Model,
    pub(crate) bytes: &'a [u8],
    pub(crate) options: &'a CompileOptions,
}

impl Maker<'_> {
    /// What the file is called.
    pub(crate) fn name(&self, kind: Kind) -> String {
        let module = self.module_name();
        match kind {
            Kind::Header => format!("{module}_model.h"),
            Kind::Source => format!("{module}_model.c"),
            Kind::KenningHeader => "model_data.h".to_owned(),
            Kind::Resolver => "ops_resolver.h".to_owned(),
            Kind::Module => format!("{module}.rs"),
            Kind::Weights => format!("{module}.weights.bin"),
            Kind::Picture(graph) => format!("{}.svg", Plan::file_stem(graph)),
            Kind::Plan(graph) => format!("{}.json", Plan::file_stem(graph)),
        }
    }

    fn module_name(&self) -> String {
        rust::module_name(self.model.stem())
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// Why castiron cannot make it.
    pub(crate) fn make(&self, kind: Kind) -> Result<Vec<u8>> {
        match kind {
            Kind::Header | Kind::Source | Kind::KenningHeader => self.header(kind),
            Kind::Resolver => {
                let mut options = ResolverOptions::default();
                options.arenas = vec![self.arena()];
                let resolver = Resolver::new([self.model], &options)?;
                Ok(resolver.to_header()?.into_bytes())
            }
            Kind::Module | Kind::Weights => self.module(kind),
            Kind::Picture(graph) => {
                let plan = self.plan(graph)?;
                Ok(plan.to_svg_file(self.model.stem(), graph).into_bytes())
            }
            Kind::Plan(graph) => Ok(pretty(&self.plan(graph)?).into_bytes()),
        }
    }

    fn arena(&self) -> ArenaNeed {
        ArenaNeed::if_known(self.model, &ArenaOptions::default())
    }

    fn header(&self, kind: Kind) -> Result<Vec<u8>> {
        let mut options = HeaderOptions::default();
        if kind == Kind::KenningHeader {
            options.style = HeaderStyle::Kenning;
        } else {
            options.name = Some(self.module_name());
            options.arena = Some(self.arena());
        }
        let made = c_header(self.model, self.bytes, &options)?;
        let file: Option<CFile<'_>> = match kind {
            Kind::Source => made.source,
            _ => Some(made.header),
        };
        let mut out = Vec::new();
        let written = file.map(|file| file.write_to(&mut out)).transpose();
        written.map_err(|e: io::Error| Diagnostic::fault(e))?;
        Ok(out)
    }

    fn examined(&self) -> Examined {
        compile::examine(self.model, self.options)
    }

    fn module(&self, kind: Kind) -> Result<Vec<u8>> {
        let examined = self.examined();
        examined.check_limits()?;
        let program = examined.program?;
        rust::check_operators(&program)?;
        if kind == Kind::Weights {
            return Ok(program.constants.bytes().to_vec());
        }
        let facts = GraphFacts::of_model(self.model, None, None)?;
        let first = facts.outputs.into_iter().next();
        let mut options = RustOptions::default();
        options.labels = first.map(|output| output.labels).unwrap_or_default();
        options.constants_file = Some(self.name(Kind::Weights));
        Ok(rust::file(&program, &options).into_bytes())
    }

    fn plan(&self, graph: usize) -> Result<Plan> {
        let examined = self.examined();
        let plan = examined.plan(graph).cloned();
        plan.map_err(|error| error.in_file(&self.model.file))
    }
}
