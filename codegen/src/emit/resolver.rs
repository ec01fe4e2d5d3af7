//! `ops_resolver.h`: TFLM's operator resolver with the operators models use and no others.

use std::collections::{BTreeMap, BTreeSet};

use castiron_templates::OPS_RESOLVER_H;
use serde::Serialize;

use crate::error::{Diagnostic, Error, Result};
use crate::graph::{Model, OpKind};
use crate::tflm::arena::{ArenaNeed, Kernels};
use crate::tflm::{self, TFLM_REVISION, TflmOp};

use super::arena::ArenaValues;
use super::literal::{c_comment, c_string, shortened};
use crate::ident::{Language, identifier};

/// A custom operator the application brings: its name in the model and the function that
/// returns its registration, declared in the global namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CustomOp {
    /// The custom operator's name in the model.
    pub name: String,
    /// A C++ function `TFLMRegistration *function()`.
    pub function: String,
}

/// What to register besides the models' operators. The default is nothing.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ResolverOptions {
    /// Operators by TFLM's method (`Conv2D`, `AddConv2D`) or the schema's name (`CONV_2D`).
    pub ops: Vec<String>,
    /// Operators the application implements; registered where a model uses them.
    pub custom: Vec<CustomOp>,
    /// The models' arenas, to be named; all of them for the same kernels and processor.
    pub arenas: Vec<ArenaNeed>,
}

/// The operators to register, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolver {
    ops: BTreeMap<&'static str, &'static TflmOp>,
    custom: BTreeSet<CustomOp>,
    models: BTreeSet<String>,
    arenas: Vec<ArenaNeed>,
}

#[derive(Serialize)]
struct Values {
    models: Vec<String>,
    revision: &'static str,
    size: usize,
    ops: Vec<&'static str>,
    custom: Vec<CustomValues>,
    functions: BTreeSet<String>,
    arenas: Vec<ModelArena>,
    /// The largest.
    arena: Option<ArenaValues>,
}

#[derive(Serialize)]
struct ModelArena {
    name: String,
    bytes: Option<usize>,
    reason: String,
}

#[derive(Serialize)]
struct CustomValues {
    name: String,
    function: String,
}

impl Resolver {
    /// What `models` (all their subgraphs) and `options` need. Every operator TFLM does not have
    /// and every unknown name is reported, at the first place it stands.
    pub fn new<'m>(
        models: impl IntoIterator<Item = &'m Model>,
        options: &ResolverOptions,
    ) -> Result<Self> {
        let mut resolver = Self {
            arenas: options.arenas.clone(),
            ..Self::default()
        };
        // The order that models are named in makes no difference.
        resolver
            .arenas
            .sort_by(|a, b| (&a.model, a.bytes).cmp(&(&b.model, b.bytes)));
        let mut found: Vec<Diagnostic> = Vec::new();
        for name in &options.ops {
            match TflmOp::for_name(name.trim()) {
                Some(op) => resolver.add(op),
                None => found.push(unknown_name(name)),
            }
        }
        for op in &options.custom {
            if op.function.is_empty() || identifier(&op.function, Language::C) != op.function {
                found.push(
                    Diagnostic::new("a registration function's name cannot be used")
                        .expected("a C identifier")
                        .found(format!("\"{}\"", op.function.escape_debug())),
                );
            }
        }
        let mut reported = BTreeSet::new();
        for model in models {
            resolver.models.insert(model.stem().to_owned());
            let verdict = tflm::verdict(model, Kernels::Reference);
            for (g, graph) in model.graphs.iter().enumerate() {
                for (i, operator) in graph.operators.iter().enumerate() {
                    let kind = &operator.kind;
                    if let Some(op) = options.custom.iter().find(|c| is_custom(kind, &c.name)) {
                        resolver.custom.insert(op.clone());
                    } else if let Some(op) = TflmOp::for_kind(kind) {
                        resolver.add(op);
                    } else if reported.insert((model.file.clone(), kind.clone())) {
                        let mut d = missing(kind).in_subgraph(g).at_operator(i, kind.name());
                        d.place.file = Some(model.file.clone());
                        found.push(d);
                    }
                }
            }
            // A resolver with a kernel that refuses its operator is of no use.
            found.extend(verdict.refused);
        }
        match Error::from_many(found) {
            Some(error) => Err(error),
            None => Ok(resolver),
        }
    }

    fn add(&mut self, op: &'static TflmOp) {
        self.ops.insert(op.method, op);
    }

    /// TFLM's operators to register, sorted by method.
    pub fn ops(&self) -> impl ExactSizeIterator<Item = &'static TflmOp> {
        self.ops.values().copied()
    }

    /// How many operators are registered.
    pub fn count(&self) -> usize {
        self.ops.len() + self.custom.len()
    }

    /// The text of `ops_resolver.h`: `TFLITE_RESOLVER_SIZE`, `g_tflite_resolver` and
    /// `tflite_initialize_resolver()`, as Kenning Zephyr Runtime wants them.
    pub fn to_header(&self) -> Result<String> {
        let values = Values {
            models: self
                .models
                .iter()
                .map(|m| c_comment(&shortened(m)))
                .collect(),
            revision: TFLM_REVISION,
            // C++ has no arrays of no elements, so a resolver of nothing has one free place.
            size: self.count().max(1),
            ops: self.ops.keys().copied().collect(),
            custom: (self.custom.iter())
                .map(|c| CustomValues {
                    name: c_string(&c.name),
                    function: c.function.clone(),
                })
                .collect(),
            functions: self.custom.iter().map(|c| c.function.clone()).collect(),
            arenas: self.model_arenas(),
            arena: self.largest(),
        };
        Ok(OPS_RESOLVER_H.render(&values)?)
    }
}

impl Resolver {
    /// A constant for each model. Models of one name get a number behind it.
    fn model_arenas(&self) -> Vec<ModelArena> {
        let mut taken = BTreeSet::new();
        let arenas = self.arenas.iter().map(|need| {
            let model = identifier(&need.model, Language::C).to_ascii_uppercase();
            let plain = format!("TFLITE_ARENA_BYTES_{model}");
            let numbered = (2..).map(|n| format!("{plain}_{n}"));
            let mut names = std::iter::once(plain.clone()).chain(numbered);
            let name = names.find(|name| taken.insert(name.clone()));
            ModelArena {
                name: name.unwrap_or(plain),
                bytes: need.bytes,
                reason: c_comment(&shortened(need.reason.as_deref().unwrap_or_default())),
            }
        });
        arenas.collect()
    }

    /// The arena that serves all models, one after the other; without bytes if one's are not
    /// known.
    fn largest(&self) -> Option<ArenaValues> {
        let mut all = self.arenas.iter();
        let unknown = all.find(|need| need.bytes.is_none());
        let largest = self.arenas.iter().max_by_key(|need| need.bytes);
        let need = unknown.or(largest)?;
        Some(ArenaValues::new(
            need,
            "TFLITE".to_owned(),
            "tflite".to_owned(),
        ))
    }
}

fn is_custom(kind: &OpKind, name: &str) -> bool {
    matches!(kind, OpKind::Custom(theirs) if theirs == name)
}

fn unknown_name(name: &str) -> Diagnostic {
    let d = Diagnostic::new("TFLM has no operator of this name")
        .found(format!("\"{}\"", name.escape_debug()));
    match &TflmOp::suggestions(name.trim())[..] {
        [] => d.help("give TFLM's method (Conv2D) or the schema's name (CONV_2D)"),
        near => d.help(format!("did you mean {}?", near.join(" or "))),
    }
}

fn missing(kind: &OpKind) -> Diagnostic {
    let d = Diagnostic::new(format!("TFLM has no kernel for {kind}"))
        .expected(format!("an operator of TFLM {TFLM_REVISION}"));
    match kind {
        OpKind::Custom(name) if name.starts_with("Flex") => {
            d.help("convert the model without SELECT_TF_OPS: TFLM runs no TensorFlow operators")
        }
        OpKind::Custom(name) => d.help(format!(
            "name the function that returns its registration, `castiron gen-resolver --custom \
             {name}=FUNCTION`, or convert the model without it"
        )),
        OpKind::Builtin(_) => {
            d.help("replace the layer that the converter turns into this operator")
        }
    }
}
