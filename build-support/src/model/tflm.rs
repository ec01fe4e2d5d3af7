//! A model whose operators TensorFlow Lite Micro's kernels compute.

use std::path::Path;

use castiron_codegen::Passes;
use castiron_codegen::emit::c_api;
use castiron_codegen::emit::facts::GraphFacts;
use castiron_codegen::emit::rust::{RustOptions, TflmModule};
use castiron_codegen::error::{Diagnostic, Result};
use castiron_codegen::graph;

use super::{Generated, Model, warn, write};
use crate::OptLevel;
use crate::cxx::Target;
use crate::tflm::{Job, Tflm, bindings};

/// How to compile TFLM: apart from its sources, so that the order in which a script says both does not matter.
#[derive(Debug, Clone, Default)]
pub(super) struct TflmOptions {
    pub(super) cpu: Option<String>,
    pub(super) opt_level: Option<OptLevel>,
    pub(super) messages: Option<bool>,
}

impl Model {
    /// That nothing is asked of an engine which is not there.
    pub(super) fn check_engine(&self) -> Result<()> {
        if self.tflm.is_none() {
            return self.tflm_options.check_unused();
        }
        let for_ours = [
            (
                self.settings.optimize.is_some(),
                "optimize() chooses between castiron's kernels, but this model uses TensorFlow Lite Micro's kernels",
                "omit it; use opt_level() for TensorFlow Lite Micro",
            ),
            (
                self.settings.isa.is_some(),
                "isa() is for castiron's kernels, but this model uses TensorFlow Lite Micro's kernels",
                "omit it; use cpu() for TensorFlow Lite Micro",
            ),
            (
                self.settings.max_arena.is_some(),
                "max_arena() is for castiron's kernels, but this model uses TensorFlow Lite Micro's, which compute whole tensors",
                "omit it",
            ),
            (
                !self.memories.is_empty(),
                "memory() is for castiron's kernels, but TensorFlow Lite Micro's interpreter has one arena",
                "omit it",
            ),
            (
                self.settings.input_by.is_some(),
                "input_by() is for castiron's kernels, but this model uses TensorFlow Lite Micro's, which compute whole tensors",
                "omit it",
            ),
            (
                self.settings.buffers.is_some(),
                "buffers() is for castiron's kernels, but TensorFlow Lite Micro's interpreter has inputs and outputs in its arena",
                "omit it",
            ),
            (
                self.settings.steps.is_some(),
                "steps() is for castiron's kernels, but TensorFlow Lite Micro's interpreter runs as a whole",
                "omit it",
            ),
            (
                self.settings.verify.is_some(),
                "verify() is for castiron's engine, but this model uses TensorFlow Lite Micro's kernels",
                "omit it",
            ),
            (
                self.settings.without != Passes::NONE,
                "without_pass() is for castiron's kernels, but this model uses TensorFlow Lite Micro's, which run the operators as they are in the file",
                "omit it",
            ),
            (
                !self.settings.shapes.is_empty(),
                "shape() is for castiron's kernels, but this model uses TensorFlow Lite Micro's, which use the shapes in the file",
                "omit it, and convert the model with fixed shapes",
            ),
            (
                self.ops.is_some(),
                "ops() is for castiron's engine, but this model uses TensorFlow Lite Micro's kernels",
                "omit it, or omit tflm()",
            ),
        ];
        match for_ours.into_iter().find(|(given, ..)| *given) {
            Some((_, message, help)) => Err(Diagnostic::new(message).help(help).into()),
            None => Ok(()),
        }
    }
}

impl TflmOptions {
    /// That nothing is asked of an engine which is not there.
    fn check_unused(&self) -> Result<()> {
        let given = [
            ("cpu", self.cpu.is_some()),
            ("opt_level", self.opt_level.is_some()),
            ("messages", self.messages.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(Diagnostic::new(format!(
                "{option}() is for TensorFlow Lite Micro, but this model uses castiron's kernels"
            ))
            .help("name TFLM's sources with tflm(), or omit this: cargo's target and profile apply")
            .into()),
            None => Ok(()),
        }
    }

    pub(super) fn generate(
        &self,
        tflm: &Tflm,
        model: &graph::Model,
        name: &str,
        facts: GraphFacts,
        options: &RustOptions,
        out_dir: &Path,
    ) -> Result<Generated> {
        let target = Target {
            triple: None,
            cpu: self.cpu.clone(),
            opt_level: self.opt_level,
            compiler: None,
        };
        let tree = tflm.check()?;
        let prefix = c_api::prefix(name);
        let job = Job {
            model,
            tree: &tree,
            target: &target,
            messages: self.messages,
            name: Some(&prefix),
            arena_section: None,
            section: options.section.as_deref(),
            traced: false,
            own_abort: target.is_bare_metal(),
            facts,
        };
        let file = format!("{name}_bindings.rs");
        let module = TflmModule::new(model, &prefix, &file)?.file(options);
        let compiled = job.compile(&out_dir.join("tflm"))?;
        for warning in castiron_codegen::tflm::verdict_of_calls(model, tree.kernels()).warnings()? {
            warn(&warning);
        }
        let interface = &compiled.interface;
        let header = c_api::header(interface)?;
        let header = write(out_dir, &interface.header_name(), header.as_bytes())?;
        let bindings = bindings(&header, &prefix, &target.triple(), &compiled.include_dir()?)?;
        write(out_dir, &file, bindings.as_bytes())?;
        let library = write(out_dir, &interface.archive_name(), &compiled.archive.bytes)?;
        println!("cargo::rustc-link-search=native={}", out_dir.display());
        println!("cargo::rustc-link-lib=static={prefix}");
        for line in compiled.link_lines(&target)? {
            println!("{line}");
        }
        for path in &compiled.sources {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        Ok(Generated {
            module: write(out_dir, &format!("{name}.rs"), module.as_bytes())?,
            weights: None,
            library: Some(library),
            header: None,
            resolver: None,
            arena_bytes: interface.arena_bytes,
            state_bytes: interface.state_bytes,
            weight_bytes: interface.weight_bytes,
        })
    }
}
