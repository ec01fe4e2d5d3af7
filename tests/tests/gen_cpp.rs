//! C++ on TFLM's kernels against TFLM's interpreter, both built from one tree with the host's
//! compiler: the same inputs have to give the same bytes.
//!
//! `CASTIRON_TFLM` names the tree. Its objects are kept in the target folder, so that only the
//! first run takes minutes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use castiron_cases::Recording;
use castiron_codegen::emit::cpp::{CppOptions, cpp};
use castiron_codegen::emit::resolver::{Resolver, ResolverOptions};
use castiron_codegen::graph::DType;
use castiron_codegen::tflm::direct::{Direct, DirectOptions, OWN_HEADER, Place};
use castiron_test_tools::{folder, run};
use castiron_tests::goldens::{Golden, find, read};
use castiron_tests::{reference_folder, workspace};

/// Models of the repository: several inputs and outputs, floats, constants and inputs as outputs.
const SHIPPED: &[&str] = &[
    "kws_dscnn_int8",
    "sine_int8",
    "vae",
    "vae_int8",
    "conv1d_f32",
    "multi_io_int8",
    "passthrough_edges_int8",
    "resnet8_int8",
    "two_signatures_f32",
];
const REFERENCE: &[&str] = &[
    "hello_world_int8",
    "micro_speech_quantized",
    "mlperf_ad",
    "mlperf_kws",
];
/// Models with state whose operators call subgraphs or share variables; of their folder's goldens
/// only the inputs.
const CALLS: &[&str] = &[
    "if_branch_f32",
    "if_i8_0",
    "nested_f32",
    "stateful_counter_f32",
    "variable_i8_1",
    "while_i8_0",
    "while_loop_f32",
];
/// Sources of kernels for the operators of these models, without those that `_common` adds.
const KERNELS: &[&str] = &[
    "activations",
    "add",
    "assign_variable",
    "call_once",
    "comparisons",
    "concatenation",
    "conv",
    "depthwise_conv",
    "fully_connected",
    "if",
    "logical",
    "logistic",
    "maximum_minimum",
    "mul",
    "pooling",
    "read_variable",
    "reduce",
    "reshape",
    "softmax",
    "tanh",
    "var_handle",
    "while",
    "kernel_util",
    "micro_tensor_utils",
];
const MICRO: &str = "tensorflow/lite/micro";
const FLAGS: &[&str] = &[
    "-std=c++17",
    "-O0",
    "-fno-rtti",
    "-fno-exceptions",
    "-DTF_LITE_STATIC_MEMORY",
    "-DTF_LITE_DISABLE_X86_NEON",
];

/// A tree of tflite-micro, and where its objects are kept.
struct Tflm {
    tree: PathBuf,
    objects: PathBuf,
}

impl Tflm {
    fn from_environment() -> Option<Self> {
        let tree = folder("CASTIRON_TFLM")?;
        let tree = tree.canonicalize().unwrap();
        let objects = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tflm");
        fs::create_dir_all(&objects).unwrap();
        Some(Self { tree, objects })
    }

    fn compiler(&self) -> Command {
        let mut command = Command::new("g++");
        let downloads = self.tree.join(MICRO).join("tools/make/downloads");
        command.args(FLAGS).arg("-I").arg(&self.tree);
        for folder in ["flatbuffers/include", "gemmlowp", "ruy"] {
            command.arg("-I").arg(downloads.join(folder));
        }
        command
    }

    /// Sources of the interpreter and of the kernels.
    fn sources(&self) -> Vec<PathBuf> {
        let mut sources = Vec::new();
        for folder in [
            MICRO,
            "tensorflow/lite/micro/arena_allocator",
            "tensorflow/lite/micro/memory_planner",
            "tensorflow/lite/micro/tflite_bridge",
            "tensorflow/lite/core/api",
            "tensorflow/lite/core/c",
            "tensorflow/lite/kernels",
            "tensorflow/lite/kernels/internal",
            "tensorflow/lite/kernels/internal/reference",
            "tensorflow/compiler/mlir/lite/core/api",
            "tensorflow/compiler/mlir/lite/schema",
        ] {
            let entries = fs::read_dir(self.tree.join(folder)).unwrap();
            sources.extend(entries.map(|entry| entry.unwrap().path()));
        }
        for kernel in KERNELS {
            for end in ["", "_common"] {
                sources.push(self.tree.join(format!("{MICRO}/kernels/{kernel}{end}.cc")));
            }
        }
        sources.retain(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            let helper = ["fake_", "mock_", "test_", "recording_", "hexdump"];
            name.ends_with(".cc")
                && !name.ends_with("_test.cc")
                && !helper.iter().any(|start| name.starts_with(start))
                && path.is_file()
        });
        sources.sort();
        sources
    }

    /// The library of all objects, made where it is not there yet.
    fn library(&self) -> PathBuf {
        let library = self.objects.join("libtflm.a");
        let mut archive = Command::new("ar");
        archive.arg("rcs").arg(&library);
        for source in self.sources() {
            let name = source.strip_prefix(&self.tree).unwrap();
            let name = name.to_string_lossy().replace(['/', '\\'], ".");
            let object = self.objects.join(name).with_extension("o");
            if !object.is_file() {
                // A name of its own first, so that what is interrupted is not taken for done.
                let part = object.with_extension("part");
                let mut compiler = self.compiler();
                run(compiler
                    .args(["-w", "-c"])
                    .arg(&source)
                    .arg("-o")
                    .arg(&part));
                fs::rename(part, &object).unwrap();
            }
            archive.arg(object);
        }
        run(&mut archive);
        library
    }

    /// Compiles our own sources, where no warning is allowed.
    fn compile(&self, folder: &Path, name: &str) -> PathBuf {
        let source = folder.join(name);
        let object = source.with_extension("o");
        let mut compiler = self.compiler();
        compiler.args(["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]);
        compiler.arg("-isystem").arg(&self.tree);
        run(compiler.arg("-c").arg(&source).arg("-o").arg(&object));
        object
    }
}

fn models() -> Vec<Golden> {
    let data = workspace().join("tests/data/models");
    let examples = workspace().join("examples/models");
    let mut found = find(&examples, &examples.join("golden"));
    found.extend(find(&data, &data.join("golden")));
    found.retain(|model| SHIPPED.contains(&&*model.name));
    assert_eq!(found.len(), SHIPPED.len());
    let calls = workspace().join("tests/data/calls");
    let calls = find(&calls, &calls.join("golden"));
    assert_eq!(calls.iter().map(|m| &*m.name).collect::<Vec<_>>(), CALLS);
    found.extend(calls);
    if let Some(folder) = reference_folder() {
        let mut reference = find(&folder.join("models"), &folder.join("models/golden"));
        reference.retain(|model| REFERENCE.contains(&&*model.name));
        assert_eq!(reference.len(), REFERENCE.len());
        found.extend(reference);
    }
    found
}

#[test]
fn outputs_are_the_interpreters() {
    let Some(tflm) = Tflm::from_environment() else {
        return;
    };
    let library = tflm.library();
    let folder = tflm.objects.join("run");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let own = workspace().join("tests/tests/gen_cpp");
    for file in ["driver.h", "driver.cc", "interpreter.cc", "model.cc"] {
        fs::copy(own.join(file), folder.join(file)).unwrap();
    }
    let models = models();
    let graphs: Vec<_> = models.iter().map(|m| read(&m.model).unwrap()).collect();
    let resolver = Resolver::new(&graphs, &ResolverOptions::default()).unwrap();
    let resolver = resolver.to_header().unwrap();
    fs::write(folder.join("ops_resolver.h"), resolver).unwrap();
    let shared = ["driver.cc", "interpreter.cc"].map(|name| tflm.compile(&folder, name));
    let mut runtime = None;
    for (golden, model) in models.iter().zip(&graphs) {
        let direct = Direct::new(model, &DirectOptions::default()).unwrap();
        let mut options = CppOptions::default();
        options.name = Some("net".to_owned());
        for file in cpp(model, &direct, &options).unwrap() {
            let mut out = fs::File::create(folder.join(&file.file_name)).unwrap();
            file.write_to(&mut out).unwrap();
        }
        let mut ports = String::new();
        for n in 0..direct.inputs.len() {
            writeln!(ports, "INPUT({n})").unwrap();
        }
        for n in 0..direct.outputs.len() {
            writeln!(ports, "OUTPUT({n})").unwrap();
        }
        fs::write(folder.join("ports.inc"), ports).unwrap();
        let runtime = runtime.get_or_insert_with(|| tflm.compile(&folder, "castiron_tflm.cc"));
        let objects = ["model.cc", "net_tflm.cc", "net_tflm_weights.cc"];
        let objects = objects.map(|name| tflm.compile(&folder, name));
        let driver = folder.join("driver");
        let mut linker = tflm.compiler();
        linker
            .args(&objects)
            .args(&shared)
            .arg(runtime)
            .arg(&library);
        run(linker.arg("-o").arg(&driver));
        let mut driver = Command::new(&driver);
        let cases = folder.join("cases");
        let _ = fs::remove_dir_all(&cases);
        let recording = Recording::open(&golden.cases).unwrap();
        recording.unpack(&cases).unwrap();
        driver.arg(&golden.model).arg(&cases);
        if CALLS.contains(&&*golden.name) {
            // Any bytes are no condition, and a loop may count for long from any number.
            driver.arg("cases");
        }
        let text = run(&mut driver);
        println!("{}: {}", golden.name, text.trim_end());
    }
}

/// What is live at a call keeps its bytes while the subgraphs run, and so do variables always.
#[test]
fn calls_keep_what_is_live() {
    let folder = workspace().join("tests/data/calls");
    let mut called = 0;
    for name in CALLS {
        let model = read(&folder.join(format!("{name}.tflite"))).unwrap();
        let direct = Direct::new(&model, &DirectOptions::default()).unwrap();
        assert!(direct.subgraphs.len() > 1, "{name}");
        let range = |tensor: &usize| match &direct.tensors[*tensor] {
            // Handles lie where their variable does, and are never written.
            tensor if tensor.dtype == DType::Resource => None,
            tensor => match tensor.place {
                Place::Arena(offset) => Some(offset..offset + tensor.bytes),
                Place::Constant(_) => None,
            },
        };
        let all = |subgraph: usize| {
            let subgraph = &direct.subgraphs[subgraph];
            let calls = direct.calls[subgraph.calls.clone()].iter();
            let used = calls.flat_map(|call| &call.tensors);
            let used = used.chain(&subgraph.inputs).chain(&subgraph.outputs);
            used.copied().collect::<BTreeSet<usize>>()
        };
        let lasting: BTreeSet<usize> = (0..direct.tensors.len())
            .filter(|n| direct.tensors[*n].is_variable)
            .collect();
        let check = |a: &usize, b: &usize| {
            if let (Some(a), Some(b)) = (range(a), range(b)) {
                assert!(a.end <= b.start || b.end <= a.start, "{name}: {a:?} {b:?}");
                assert!(a.end.max(b.end) <= direct.head_bytes, "{name}");
            }
        };
        for call in &direct.calls {
            for tensor in call.callees.iter().flat_map(|callee| all(*callee)) {
                call.tensors.iter().for_each(|own| {
                    check(own, &tensor);
                    called += 1;
                });
            }
        }
        for variable in &lasting {
            for tensor in (0..direct.tensors.len()).filter(|n| n != variable) {
                check(variable, &tensor);
            }
        }
    }
    assert!(called > 0);
}

/// What the tables say of TFLM holds in the tree.
#[test]
fn structs_and_registrations_are_the_trees() {
    let Some(tflm) = Tflm::from_environment() else {
        return;
    };
    let text = |path: &str| fs::read_to_string(tflm.tree.join(path)).unwrap();
    let structs = text("tensorflow/compiler/mlir/lite/core/c/builtin_op_data.h");
    let micro_ops = text("tensorflow/lite/micro/kernels/micro_ops.h");
    let mut seen = [0; 2];
    let mut models = Vec::new();
    for folder in ["tests/data/ops", "tests/data/calls"] {
        let entries = fs::read_dir(workspace().join(folder)).unwrap();
        models.extend(entries.map(|e| e.unwrap().path()));
    }
    models.retain(|path| path.extension().is_some_and(|e| e == "tflite"));
    if let Some(folder) = reference_folder() {
        let further = fs::read_dir(folder.join("ops"))
            .unwrap()
            .map(|e| e.unwrap().path());
        models.extend(further.filter(|path| path.extension().is_some_and(|e| e == "tflite")));
    }
    for path in models {
        let Ok(direct) = read(&path).and_then(|m| Direct::new(&m, &DirectOptions::default()))
        else {
            continue;
        };
        let calls = direct.calls.into_iter();
        for call in calls.filter(|call| call.registration.header != Some(OWN_HEADER)) {
            if let Some(options) = call.options {
                let (before, _) = structs
                    .split_once(&format!("}} {};", options.name))
                    .unwrap();
                let (_, body) = before.rsplit_once("typedef struct {").unwrap();
                assert_eq!(
                    members(body),
                    options.members.iter().map(|m| m.0).collect::<Vec<_>>()
                );
                seen[0] += 1;
            }
            let function = call
                .registration
                .function
                .rsplit("::")
                .next()
                .unwrap()
                .to_owned();
            let header = call.registration.header.map(text);
            let declared = header
                .as_ref()
                .is_none_or(|h| h.contains(&format!("{function}()")));
            assert!(
                declared || micro_ops.contains(&format!("{function}()")),
                "{function}"
            );
            seen[1] += 1;
        }
    }
    println!(
        "{} option structs and {} registrations as in the tree",
        seen[0], seen[1]
    );
    assert!(seen.iter().all(|n| *n > 0));
}

/// Names of a struct's members.
fn members(body: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut names = Vec::new();
    for line in body
        .lines()
        .map(|l| l.split("//").next().unwrap_or("").trim())
    {
        depth += i32::from(line.ends_with('{'));
        depth -= i32::from(line.starts_with('}'));
        if depth == 0 && line.ends_with(';') {
            let name = line
                .trim_end_matches(';')
                .rsplit([' ', '*'])
                .next()
                .unwrap_or("");
            names.push(name.split('[').next().unwrap_or(name));
        }
    }
    names
}
