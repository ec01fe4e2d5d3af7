//! What is in firmware that castiron made, as a bill of materials: CycloneDX, JSON.
//!
//! Whatever says the same has the same bytes: the serial number follows from the content, and there is no time but what the caller
//! gives.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use castiron_codegen::Model;
use castiron_codegen::graph::{Graph, Tensor, TensorId};
use castiron_codegen::program::Program;
use castiron_codegen::target::Target;
use castiron_codegen::tflm::TflmOp;
use castiron_codegen::tflm::arena::Kernels;
use castiron_codegen::tflm::revision::TFLM_COMMIT;
use castiron_codegen::tflm::sources::{Caller, SourceFile, Sources};
use serde_json::{Value, json};

use crate::digest::{Hashing, sha256};
use crate::draft::Source;
use crate::markdown::shape;

/// The version of CycloneDX.
const SPECIFICATION: &str = "1.6";
const SCHEMA: &str = "http://cyclonedx.org/schema/bom-1.6.schema.json";
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");
const VERSION: &str = env!("CARGO_PKG_VERSION");
const OUR_LICENCE: &str = env!("CARGO_PKG_LICENSE");

/// What castiron made.
#[derive(Debug)]
pub struct Made<'a> {
    /// Its name: that of a library or module.
    pub name: &'a str,
    /// The model.
    pub model: Source<'a>,
    /// What computes it.
    pub by: ComputedBy<'a>,
    /// The files that were made.
    pub files: Vec<File>,
    /// When, in seconds since 1970; left out by default, so that the same input gives the same bytes.
    pub time: Option<u64>,
}

/// What computes a model.
#[derive(Debug)]
pub enum ComputedBy<'a> {
    /// castiron's kernels.
    Castiron {
        /// What calls them.
        program: &'a Program,
        /// What they were chosen for.
        target: Target,
        /// What castiron linked to them by itself; the firmware's own build does if it did not.
        linked: Option<Linked<'a>>,
    },
    /// TensorFlow Lite Micro's kernels.
    Tflm {
        /// Which ones.
        kernels: Kernels,
        /// What shows that the sources are of another revision than castiron's tables.
        other_revision: Option<&'a str>,
    },
    /// An engine that is the application's own: castiron gives it the model.
    Application,
}

/// What castiron links to its kernels.
#[derive(Debug, Clone, Copy)]
pub struct Linked<'a> {
    /// The version of libm.
    pub libm: &'a str,
    /// The compiler, whose core library it is.
    pub toolchain: &'a str,
}

/// A file with its hash.
#[derive(Debug, Clone)]
pub struct File {
    /// Its name, without a folder.
    pub name: String,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

impl File {
    /// A file by what writes it.
    ///
    /// # Errors
    /// If that fails.
    pub fn written(
        name: String,
        write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
    ) -> std::io::Result<Self> {
        let mut hashing = Hashing::default();
        write(&mut hashing)?;
        let sha256 = hashing.finish();
        Ok(Self { name, sha256 })
    }
}

/// The bill of materials, as text.
#[must_use]
pub fn sbom(made: &Made<'_>) -> String {
    let parts = made.by.components(made.model.model);
    let references: Vec<Value> = parts.iter().map(|part| part["bom-ref"].clone()).collect();
    // The first of them calls the others.
    let (first, others) = references.split_at(references.len().min(1));
    let mut dependencies = vec![depends(&json!(MADE), &[&[json!(MODEL)], first].concat())];
    dependencies.extend(first.iter().map(|first| depends(first, others)));
    let components: Vec<Value> = std::iter::once(model(&made.model)).chain(parts).collect();
    let mut bom = json!({
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "version": 1,
        "metadata": {
            "lifecycles": [{ "phase": "build" }],
            "tools": { "components": [ours("application", "castiron")] },
            "component": component_made(made),
        },
        "dependencies": dependencies,
        "components": components,
    });
    if let Some(seconds) = made.time {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        bom["metadata"]["timestamp"] = humantime::format_rfc3339_seconds(time).to_string().into();
    }
    // Numbers of UUID's version 8 are up to whoever makes them.
    bom["serialNumber"] = uuid(&sha256(bom.to_string().as_bytes())).into();
    format!("{bom:#}\n")
}

/// What the model is to others in the file.
const MODEL: &str = "model";
/// What is made.
const MADE: &str = "made";

fn depends(who: &Value, on: &[Value]) -> Value {
    json!({ "ref": who, "dependsOn": on })
}

/// A package of castiron's.
fn ours(kind: &str, name: &str) -> Value {
    json!({
        "type": kind,
        "bom-ref": name,
        "name": name,
        "version": VERSION,
        "licenses": licences(OUR_LICENCE),
        "externalReferences": [{ "type": "vcs", "url": REPOSITORY }],
    })
}

fn licences(expression: &str) -> Value {
    json!([{ "expression": expression }])
}

fn hashes(sha256: &str) -> Value {
    json!([{ "alg": "SHA-256", "content": sha256 }])
}

fn component_made(made: &Made<'_>) -> Value {
    let files = made.files.iter();
    let files = files
        .map(|file| json!({ "type": "file", "name": file.name, "hashes": hashes(&file.sha256) }));
    json!({
        "type": "library",
        "bom-ref": MADE,
        "name": made.name,
        "components": files.collect::<Vec<_>>(),
    })
}

/// Its licence is its author's: the file does not say it.
fn model(source: &Source<'_>) -> Value {
    let graph = source.model.graphs.first();
    let ports = |of: fn(&Graph) -> &[TensorId]| -> Vec<Value> {
        let ids = graph.map(|graph| of(graph).iter().map(|id| graph.tensor(*id)));
        let ports = ids.into_iter().flatten();
        let format = |tensor: &Tensor| format!("{} {}", tensor.dtype.name(), shape(&tensor.shape));
        ports
            .map(|tensor| json!({ "format": format(tensor) }))
            .collect()
    };
    json!({
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": source.name,
        "hashes": hashes(&sha256(source.bytes)),
        "modelCard": {
            "modelParameters": {
                "inputs": ports(|graph| &graph.inputs),
                "outputs": ports(|graph| &graph.outputs),
            },
        },
        "properties": [property("castiron:bytes", source.bytes.len())],
    })
}

fn property(name: &str, value: impl ToString) -> Value {
    json!({ "name": name, "value": value.to_string() })
}

impl ComputedBy<'_> {
    /// What is linked, what calls the others first.
    fn components(&self, model: &Model) -> Vec<Value> {
        match self {
            Self::Castiron {
                program,
                target,
                linked,
            } => castiron(program, *target, *linked),
            Self::Tflm {
                kernels,
                other_revision,
            } => tflm(model, *kernels, *other_revision),
            Self::Application => Vec::new(),
        }
    }
}

fn castiron(program: &Program, target: Target, linked: Option<Linked<'_>>) -> Vec<Value> {
    let kernels: BTreeSet<String> = program.calls().map(|call| call.kernel.name()).collect();
    let firmware: BTreeSet<&str> = (program.custom_calls())
        .map(|call| &call.origin.name[..])
        .collect();
    let mut properties = vec![
        property("castiron:isa", target.isa.name()),
        property("castiron:optimize", target.optimize.name()),
    ];
    properties.extend(kernels.iter().map(|name| property("castiron:kernel", name)));
    properties.extend(
        firmware
            .iter()
            .map(|name| property("castiron:firmware-operator", name)),
    );
    let mut runtime = ours("library", "castiron-runtime");
    runtime["purl"] = format!("pkg:cargo/castiron-runtime@{VERSION}").into();
    runtime["properties"] = properties.into();
    let mut math = json!({
        "type": "library",
        "bom-ref": "libm",
        "name": "libm",
        "licenses": licences("MIT"),
        "purl": "pkg:cargo/libm",
    });
    let Some(Linked { libm, toolchain }) = linked else {
        math["description"] = "of the version that the firmware's Cargo.lock has".into();
        return vec![runtime, math];
    };
    math["version"] = libm.into();
    math["purl"] = format!("pkg:cargo/libm@{libm}").into();
    let core = json!({
        "type": "library",
        "bom-ref": "core",
        "name": "core",
        "description": format!("Rust's core library, of {toolchain}"),
        "licenses": licences("MIT OR Apache-2.0"),
    });
    vec![runtime, math, core]
}

/// What TensorFlow Lite Micro takes from others: name, licence.
const FLATBUFFERS: (&str, &str) = ("flatbuffers", "Apache-2.0");
const GEMMLOWP: (&str, &str) = ("gemmlowp", "Apache-2.0");
const RUY: (&str, &str) = ("ruy", "Apache-2.0");
const KISSFFT: (&str, &str) = ("kissfft", "BSD-3-Clause");
const CMSIS_NN: (&str, &str) = ("cmsis-nn", "Apache-2.0");

fn tflm(model: &Model, kernels: Kernels, other_revision: Option<&str>) -> Vec<Value> {
    let operators = model.graphs.iter().flat_map(|graph| &graph.operators);
    let ops: BTreeSet<&str> = operators
        .filter_map(|operator| Some(TflmOp::for_kind(&operator.kind)?.method))
        .collect();
    let called = ops.iter().filter_map(|name| TflmOp::for_name(name));
    let files = Sources::new().closure(called, kernels, Caller::Direct);
    let mut properties = vec![property("castiron:kernels", kernels)];
    properties.extend(ops.iter().map(|name| property("castiron:kernel", name)));
    let mut interpreter = json!({
        "type": "library",
        "bom-ref": "tflite-micro",
        "name": "tflite-micro",
        "licenses": licences("Apache-2.0"),
        "externalReferences": [{ "type": "vcs", "url": "https://github.com/tensorflow/tflite-micro" }],
    });
    match other_revision {
        None => {
            interpreter["version"] = TFLM_COMMIT.into();
            interpreter["purl"] =
                format!("pkg:github/tensorflow/tflite-micro@{TFLM_COMMIT}").into();
        }
        Some(found) => properties.push(property("castiron:other-revision", found)),
    }
    interpreter["properties"] = properties.into();
    let uses = |file: fn(&SourceFile) -> bool| files.iter().any(file);
    let mut others = vec![FLATBUFFERS, GEMMLOWP, RUY];
    if uses(|file| file.path.contains("kiss_fft")) {
        others.push(KISSFFT);
    }
    if uses(SourceFile::calls_cmsis_nn) {
        others.push(CMSIS_NN);
    }
    let others = others.into_iter().map(|(name, licence)| {
        json!({ "type": "library", "bom-ref": name, "name": name, "licenses": licences(licence) })
    });
    std::iter::once(interpreter).chain(others).collect()
}

/// A number that follows from a digest.
fn uuid(digest: &str) -> String {
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    // Two bits of the variant, 10, and two of the digest.
    let variant = match part(16, 17) {
        "0" | "4" | "8" | "c" => '8',
        "1" | "5" | "9" | "d" => '9',
        "2" | "6" | "a" | "e" => 'a',
        _ => 'b',
    };
    format!(
        "urn:uuid:{}-{}-8{}-{variant}{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}
