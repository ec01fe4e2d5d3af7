//! Writes `subject.rs`: the model to measure, and its golden cases.
//!
//! `CASTIRON_MODEL` names the model, `CASTIRON_GOLDEN` the file or directory of its golden cases. With `CASTIRON_EMPTY` the subject has the
//! model's inputs and outputs but computes nothing: what that image takes is the harness, to be
//! subtracted. With `CASTIRON_TRACED` it shows where each operator ends, too. `CASTIRON_OPTIMIZE` is the macro's `optimize`, `CASTIRON_ISA` its `isa`,
//! `CASTIRON_MAX_ARENA` its `max_arena`, `CASTIRON_WITHOUT_PASS` its `without_pass`. With `CASTIRON_INPUT_BY=rows` the model takes its input row
//! by row, and with `CASTIRON_BUFFERS=caller` inputs and outputs in two buffers each, which change places from run to run. With `CASTIRON_STEPS` it runs
//! in parts, of so many operations.
//!
//! `CASTIRON_BATCH` names a file of models, goldens and options instead, with tabs between them: each line is a case of the subject, the first one of its
//! model. Options are words: `optimize=size`, `max_arena=0`, `input_by=rows`.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{env, fs};

use castiron_cases::{Interface, Recording};
use castiron_codegen::compile::{self, CompileOptions, Input};
use castiron_codegen::emit::rust::{self, RustOptions, accessors};
use castiron_codegen::plan::Buffers;
use castiron_codegen::program::Port;
use castiron_codegen::target::{Isa, Optimize, Target};
use castiron_codegen::tflite;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// For a plain `cargo build` of everything.
const DEFAULT_MODEL: &str = "../../models/sine_int8.tflite";
const DEFAULT_GOLDEN: &str = "../../models/golden/sine_int8.safetensors";

fn main() -> Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);

    // In this order: GNU ld resolves the INSERT of one script in what a later one defines.
    let is_riscv = env::var("CARGO_CFG_TARGET_ARCH")? == "riscv32";
    let is_mps3 = env::var("TARGET")?.starts_with("thumbv8m.main-");
    println!("cargo:rustc-check-cfg=cfg(mps3)");
    if is_mps3 {
        println!("cargo:rustc-cfg=mps3");
    }
    let scripts: &[&str] = match (is_riscv, is_mps3) {
        (true, _) => &["virt.x"],
        (false, true) => &["mps3.x", "../memory.x"],
        (false, false) => &["golden.x", "../memory.x"],
    };
    let arguments: &[&str] = match (is_riscv, is_mps3) {
        (true, _) => &["virt.x"],
        (false, true) => &["mps3.x", "link.x"],
        (false, false) => &["golden.x", "link.x"],
    };
    for script in scripts {
        let path = here.join(script);
        fs::copy(&path, out.join(path.file_name().unwrap_or_default()))?;
        println!("cargo:rerun-if-changed={script}");
    }
    println!("cargo:rustc-link-search={}", out.display());
    for script in arguments {
        println!("cargo:rustc-link-arg=-T{script}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CASTIRON_BATCH");
    println!("cargo:rerun-if-env-changed=CASTIRON_STEPS");
    println!("cargo:rerun-if-env-changed=CASTIRON_MAX_ARENA");
    let steps = value::<u64>("CASTIRON_STEPS")?;
    if let Some(list) = env::var_os("CASTIRON_BATCH") {
        fs::write(out.join("subject.rs"), batch(Path::new(&list), steps)?)?;
        return Ok(());
    }

    let file = |variable: &str, default: &str| {
        println!("cargo:rerun-if-env-changed={variable}");
        let path = env::var_os(variable).map_or_else(|| here.join(default), PathBuf::from);
        println!("cargo:rerun-if-changed={}", path.display());
        path.canonicalize()
            .map_err(|e| format!("{}: {e}", path.display()))
    };
    let model = file("CASTIRON_MODEL", DEFAULT_MODEL)?;
    let golden = Golden::read(&model, &file("CASTIRON_GOLDEN", DEFAULT_GOLDEN)?)?;
    println!("cargo:rerun-if-env-changed=CASTIRON_EMPTY");
    let option = |variable: &str, name: &str| {
        println!("cargo:rerun-if-env-changed={variable}");
        let value = env::var(variable).ok();
        value.map_or_else(String::new, |value| format!(", {name} = {value:?}"))
    };
    let optimize = option("CASTIRON_OPTIMIZE", "optimize");
    let isa = option("CASTIRON_ISA", "isa");
    let max_arena = option("CASTIRON_MAX_ARENA", "max_arena");
    let without = option("CASTIRON_WITHOUT_PASS", "without_pass");
    let steps = steps.filter(|_| env::var_os("CASTIRON_EMPTY").is_none());
    let in_parts = if steps.is_some() {
        ", steps = true"
    } else {
        ""
    };
    let options = format!("{optimize}{isa}{max_arena}{without}{in_parts}");
    println!("cargo:rerun-if-env-changed=CASTIRON_TRACED");
    let traced = env::var_os("CASTIRON_TRACED").is_some();
    println!("cargo:rerun-if-env-changed=CASTIRON_INPUT_BY");
    let by_rows = value::<Input>("CASTIRON_INPUT_BY")? == Some(Input::Rows);
    if by_rows && traced {
        return Err("a model that takes its input row by row shows no operators".into());
    }
    println!("cargo:rerun-if-env-changed=CASTIRON_BUFFERS");
    let is_empty = env::var_os("CASTIRON_EMPTY").is_some();
    let is_held = match value::<Buffers>("CASTIRON_BUFFERS")?.unwrap_or_default() {
        Buffers::Model => false,
        Buffers::Caller => !is_empty,
        other => return Err(format!("CASTIRON_BUFFERS is model or caller, not {other}").into()),
    };
    if is_held && (traced || by_rows) {
        return Err(
            "a model with the caller's buffers shows no operators, and takes no rows".into(),
        );
    }
    let mut source = match env::var_os("CASTIRON_EMPTY") {
        None if by_rows => model_of_rows(&model, &golden, &options)?,
        None if is_held => model_with_buffers(&model, &golden, &options)?,
        None if traced => traced_model(&model, &environment()?)?,
        None => format!("castiron::include_model!(pub mod model = {model:?}{options});\n"),
        Some(_) => empty_model(&golden)?,
    };
    let run = parts("model", steps);
    writeln!(source, "pub fn run(model: &mut model::Model) {{ {run} }}")?;
    if !traced {
        source += NO_TRACE;
    }
    if by_rows && !is_empty {
        for tensor in &golden.outputs {
            table(&mut source, tensor)?;
        }
        checks(&mut source, &golden, false)?;
        fs::write(out.join("subject.rs"), source)?;
        return Ok(());
    }
    for tensor in golden.inputs.iter().chain(&golden.outputs) {
        table(&mut source, tensor)?;
    }
    loads(&mut source, &golden, is_held)?;
    checks(&mut source, &golden, is_held)?;
    fs::write(out.join("subject.rs"), source)?;
    Ok(())
}

/// The golden cases of a model.
struct Golden {
    cases: usize,
    /// Whether they are successive runs of a model that keeps state.
    successive: bool,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

/// An input or output of a model.
struct Tensor {
    /// Name of the static that holds its bytes in every case.
    table: String,
    /// Method of the model that gives it.
    accessor: String,
    /// Rust element type, and bytes of one.
    element: (&'static str, usize),
    /// Bytes of the tensor.
    bytes: usize,
    /// Its bytes in every case.
    cases: Vec<Vec<u8>>,
}

impl Golden {
    fn read(model: &Path, golden: &Path) -> Result<Self> {
        let model = tflite::read(&model.display().to_string(), &fs::read(model)?)?;
        let program = compile::compile(&model, &CompileOptions::default())?;
        let entry = program
            .entries
            .first()
            .ok_or("the model has no entry point")?;
        let recording = Recording::open(golden)?;
        let cases = recording.cases(&Interface::from(entry))?;
        let [inputs, outputs] = accessors(entry);
        Ok(Self {
            cases: cases.len(),
            successive: recording.successive(program.state_bytes > 0),
            inputs: tensors("in", &entry.inputs, inputs, |i| {
                cases
                    .iter()
                    .map(|case| Some(case.inputs[i].clone()))
                    .collect()
            })?,
            outputs: tensors("out", &entry.outputs, outputs, |i| {
                cases.iter().map(|case| case.outputs[i].clone()).collect()
            })?,
        })
    }
}

impl Golden {
    /// The same without all cases but the first.
    fn of_first_case(mut self) -> Self {
        self.cases = self.cases.min(1);
        for tensor in self.inputs.iter_mut().chain(&mut self.outputs) {
            tensor.cases.truncate(1);
        }
        self
    }
}

fn tensors(
    role: &str,
    ports: &[Port],
    accessors: Vec<String>,
    cases: impl Fn(usize) -> Option<Vec<Vec<u8>>>,
) -> Result<Vec<Tensor>> {
    let mut tensors = Vec::new();
    for (index, (port, accessor)) in ports.iter().zip(accessors).enumerate() {
        let element = port.operand.element;
        let cases = cases(index).ok_or_else(|| format!("a case has no {role}put {index}"))?;
        tensors.push(Tensor {
            table: format!("{}_{index}", role.to_uppercase()),
            accessor,
            element: (element.rust_name(), element.bytes()),
            bytes: port.operand.range().len(),
            cases,
        });
    }
    Ok(tensors)
}

/// What runs a model, in parts of so many operations or as a whole.
fn parts(model: &str, budget: Option<u64>) -> String {
    match budget {
        None => format!("{model}.run();"),
        Some(budget) => {
            format!("let mut steps = {model}.steps(); while steps.run({budget}) {{}}")
        }
    }
}

/// A model without a trace.
const NO_TRACE: &str = "pub const OPERATORS: usize = 0;
pub fn trace(_: &mut model::Model, _: &mut crate::measure::Profile<OPERATORS>) {}
";

/// A model, and a run of it that shows where each operator of its first subgraph ends.
fn traced_model(path: &Path, options: &CompileOptions) -> Result<String> {
    let (items, operators) = items(path, "model", options, None)?;
    Ok(format!(
        "{items}
pub const OPERATORS: usize = {operators};
pub fn trace(model: &mut model::Model, profile: &mut crate::measure::Profile<OPERATORS>) {{
    model.run_traced(|operator, _, _| profile.ended(operator));
}}
"
    ))
}

/// How variables say that models are compiled.
fn environment() -> Result<CompileOptions> {
    let triple = env::var("TARGET").ok();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").ok();
    let mut options = CompileOptions::for_target(Target::new(
        value("CASTIRON_ISA")?
            .unwrap_or_else(|| Isa::of_build(triple.as_deref(), flags.as_deref())),
        value("CASTIRON_OPTIMIZE")?.unwrap_or_default(),
    ));
    options.max_arena = value("CASTIRON_MAX_ARENA")?;
    Ok(options)
}

/// The same with what words say.
fn with_words(mut options: CompileOptions, words: &str) -> Result<CompileOptions> {
    for word in words.split_whitespace() {
        let (name, value) = word.split_once('=').ok_or("an option without a value")?;
        match name {
            "optimize" => options.target.optimize = value.parse().map_err(text)?,
            "max_arena" => options.max_arena = Some(value.parse()?),
            "input_by" => options.input = value.parse().map_err(text)?,
            _ => return Err(format!("there is no option {name}").into()),
        }
    }
    Ok(options)
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

/// The module of a model, whose run can be traced unless its input comes row by row or it runs in parts, and how many operators its first subgraph
/// then has.
fn items(
    path: &Path,
    module: &str,
    options: &CompileOptions,
    steps: Option<u64>,
) -> Result<(String, usize)> {
    let model = tflite::read(&path.display().to_string(), &fs::read(path)?)?;
    let program = compile::compile(&model, options)?;
    let mut rust = RustOptions::default();
    rust.traced = options.input == Input::Whole && steps.is_none();
    rust.steps = steps.is_some();
    let entry = program
        .entries
        .first()
        .and_then(|entry| model.graphs.get(entry.graph));
    let operators = entry.filter(|_| steps.is_none());
    let operators = operators.map_or(0, |graph| graph.operators.len());
    let items = rust::items(&program, &rust);
    let module = format!(
        "#[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)] pub mod {module} {{ {items} }}"
    );
    Ok((module, operators))
}

/// Several models as one subject, whose case is the first case of each. Traces number their operators one after the other. Little stack is painted:
/// whoever follows the emulator step by step would wait for that most of the time.
fn batch(list: &Path, steps: Option<u64>) -> Result<String> {
    println!("cargo:rerun-if-changed={}", list.display());
    let (mut source, mut operators, mut count) = (String::new(), 0, 0);
    let [mut members, mut values, mut resets, mut runs] = [const { String::new() }; 4];
    let [mut loaded, mut checked, mut traces] = [const { String::new() }; 3];
    for (index, line) in fs::read_to_string(list)?.lines().enumerate() {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[model, golden, words] = &fields[..] else {
            return Err("a line without goldens or options".into());
        };
        let (model, golden) = (Path::new(model), Path::new(golden));
        let golden = Golden::read(model, golden)?.of_first_case();
        let options = with_words(environment()?, words)?;
        let by_rows = options.input == Input::Rows;
        let module = if by_rows { "by_rows" } else { "model" };
        let (items, own) = items(model, module, &options, steps)?;
        writeln!(source, "pub mod subject_{index} {{\n{items}")?;
        match by_rows {
            true => source += &given_by_rows(model, &golden)?,
            false => {
                for tensor in &golden.inputs {
                    table(&mut source, tensor)?;
                }
                loads(&mut source, &golden, false)?;
            }
        }
        for tensor in &golden.outputs {
            table(&mut source, tensor)?;
        }
        checks(&mut source, &golden, false)?;
        source += "}\n";
        writeln!(
            members,
            "        pub m{index}: super::subject_{index}::model::Model,"
        )?;
        writeln!(
            values,
            "            m{index}: super::subject_{index}::model::Model::new(),"
        )?;
        writeln!(resets, "            self.m{index}.reset();")?;
        let run = parts(&format!("self.m{index}"), steps);
        writeln!(runs, "            {index} => {{ {run} }}")?;
        writeln!(
            loaded,
            "        {index} => subject_{index}::load(&mut model.m{index}, 0),"
        )?;
        writeln!(
            checked,
            "        {index} => subject_{index}::check(&model.m{index}, 0, tally),"
        )?;
        let run = match by_rows {
            true => "run()".to_owned(),
            false => {
                format!("run_traced(|operator, _, _| profile.ended({operators} + operator))")
            }
        };
        if steps.is_none() {
            writeln!(
                traces,
                "        {index} => {{ let _ = model.m{index}.{run}; }}"
            )?;
        }
        operators += own;
        count += 1;
    }
    Ok(format!(
        "{source}
#[allow(unused_must_use, let_underscore_drop, clippy::let_unit_value)]
pub mod model {{
    pub const ARENA_BYTES: usize = 0;
    pub const WEIGHT_BYTES: usize = 0;
    pub const MACS: u64 = 0;
    pub struct Model {{
        pub turn: usize,
{members}    }}
    impl Model {{
        pub const fn new() -> Self {{ Self {{
            turn: 0,
{values}        }} }}
        pub fn reset(&mut self) {{
{resets}        }}
        pub fn run(&mut self) {{ match self.turn {{
{runs}            _ => {{}}
        }} }}
    }}
}}
pub const CASES: usize = {count};
pub const STACK_LIMIT: u32 = 16 * 1024;
pub const SUCCESSIVE: bool = false;
pub const OPERATORS: usize = {operators};
pub fn run(model: &mut model::Model) {{ model.run(); }}
pub fn load(model: &mut model::Model, case: usize) {{
    model.turn = case;
    match case {{
{loaded}        _ => {{}}
    }}
}}
pub fn check(model: &model::Model, case: usize, tally: &mut crate::tally::Tally) {{
    match case {{
{checked}        _ => {{}}
    }}
}}
#[allow(clippy::let_unit_value)]
pub fn trace(model: &mut model::Model, profile: &mut crate::measure::Profile<OPERATORS>) {{
    match model.turn {{
{traces}        _ => {{}}
    }}
}}
"
    ))
}

/// What a variable says, if it is there.
fn value<T: FromStr<Err: ToString>>(variable: &str) -> Result<Option<T>> {
    let value = env::var(variable).ok().map(|value| value.parse::<T>());
    value.transpose().map_err(|error| error.to_string().into())
}

/// A model that is given its rows where they lie.
fn model_of_rows(path: &Path, golden: &Golden, options: &str) -> Result<String> {
    let given = given_by_rows(path, golden)?;
    Ok(format!(
        "castiron::include_model!(pub mod by_rows = {path:?}, input_by = \"rows\"{options});\n{given}"
    ))
}

/// The model around one that takes rows, and the rows: neither the case nor they count as the model's.
fn given_by_rows(path: &Path, golden: &Golden) -> Result<String> {
    let model = tflite::read(&path.display().to_string(), &fs::read(path)?)?;
    let mut compiled = CompileOptions::default();
    compiled.input = Input::Rows;
    let program = compile::compile(&model, &compiled)?;
    let rows = program.entries.first().and_then(|entry| entry.input_rows());
    let rows = rows.ok_or("the model takes no rows")?;
    let (count, elements) = (rows.count, rows.elements);
    let input = golden.inputs.first().ok_or("the model has no input")?;
    let (element, size) = input.element;
    let value = |bytes: &[u8]| {
        let digits: String = bytes
            .iter()
            .rev()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        match element {
            "f32" => format!("f32::from_bits(0x{digits})"),
            _ => format!("0x{digits}_u{} as {element}", size * 8),
        }
    };
    let values = |bytes: &[u8]| -> String {
        let values: Vec<String> = bytes.chunks(size).map(value).collect();
        format!("[{}]", values.join(", "))
    };
    let mut tables = String::new();
    for case in &input.cases {
        let rows: Vec<String> = case.chunks(elements * size).map(values).collect();
        writeln!(tables, "    [{}],", rows.join(", "))?;
    }
    let outputs = golden.outputs.iter().map(|output| {
        let (accessor, (element, size)) = (&output.accessor, output.element);
        let (zero, len) = (zero(element), output.bytes / size);
        format!(
            "        pub fn {accessor}(&self) -> &[{element}] {{ self.0.{accessor}().map_or(&[{zero}; {len}], |values| values) }}\n"
        )
    });
    Ok(format!(
        "pub mod model {{
    pub use super::by_rows::{{ARENA_BYTES, MACS, WEIGHT_BYTES}};
    pub struct Model(super::by_rows::Model);
    impl Model {{
        pub const fn new() -> Self {{ Self(super::by_rows::Model::new()) }}
        pub fn reset(&mut self) {{ self.0.reset(); }}
        pub fn run(&mut self) {{
            let case = super::CASE.load(core::sync::atomic::Ordering::Relaxed);
            for row in core::hint::black_box(&super::ROWS).get(case).into_iter().flatten() {{
                self.0.push_row(row);
            }}
        }}
{outputs}    }}
}}
#[allow(unsafe_code)]
#[unsafe(link_section = \".golden\")]
static CASE: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);
#[allow(unsafe_code)]
#[unsafe(link_section = \".golden\")]
static ROWS: [[[{element}; {elements}]; {count}]; {cases}] = [
{tables}];
pub fn load(_: &mut model::Model, case: usize) {{ CASE.store(case, core::sync::atomic::Ordering::Relaxed) }}
",
        outputs = outputs.collect::<String>(),
        cases = golden.cases,
    ))
}

/// A model that is given one of two buffers for each input and output, now this, now that. Before each case it is given one that is not aligned,
/// which it has to refuse.
fn model_with_buffers(path: &Path, golden: &Golden, options: &str) -> Result<String> {
    let (mut fields, mut values, mut methods) = (String::new(), String::new(), String::new());
    let mut arguments: Vec<String> = Vec::new();
    for (tensors, is_input) in [(&golden.inputs, true), (&golden.outputs, false)] {
        for tensor in tensors {
            let (element, size) = tensor.element;
            let (field, accessor) = (tensor.table.to_lowercase(), &tensor.accessor);
            let (zero, len) = (zero(element), tensor.bytes / size);
            let array = format!("[{element}; {len}]");
            writeln!(fields, "        {field}: [Buffer<{array}>; 2],")?;
            writeln!(values, "            {field}: [Buffer([{zero}; {len}]); 2],")?;
            let buffer = format!("self.{field}[self.turn & 1].0");
            arguments.push(format!("&mut {buffer}"));
            match is_input {
                true => writeln!(
                    methods,
                    "        pub fn {accessor}(&mut self) -> &mut {array} {{ &mut {buffer} }}
        pub fn {field}(&self) -> &{array} {{ &{buffer} }}"
                )?,
                false => writeln!(
                    methods,
                    "        pub fn {accessor}(&self) -> &{array} {{ &{buffer} }}"
                )?,
            }
        }
    }
    let tensors = golden.inputs.iter().chain(&golden.outputs);
    let first = tensors
        .into_iter()
        .next()
        .ok_or("the model has no input or output")?;
    let (element, size) = first.element;
    let odd = first.bytes / size + 1;
    let given = arguments.first_mut().ok_or("nothing to hand over")?;
    let first_buffer = std::mem::replace(given, "first".to_owned());
    let (zero, arguments) = (zero(element), arguments.join(", "));
    Ok(format!(
        "castiron::include_model!(pub mod held = {path:?}, buffers = \"caller\"{options});
pub mod model {{
    use castiron::Buffer;
    pub use super::held::{{ARENA_BYTES, MACS, WEIGHT_BYTES}};
    pub struct Model {{
        own: super::held::Model,
        turn: usize,
        wrong: bool,
        odd: Buffer<[{element}; {odd}]>,
{fields}    }}
    impl Model {{
        pub const fn new() -> Self {{ Self {{
            own: super::held::Model::new(),
            turn: 0,
            wrong: false,
            odd: Buffer([{zero}; {odd}]),
{values}        }} }}
        pub fn reset(&mut self) {{ self.own.reset(); }}
        pub fn is_wrong(&self) -> bool {{ self.wrong }}
        // One call, so that the model's code is there once.
        #[inline(never)]
        fn run_with(&mut self, is_odd: bool) -> Result<(), castiron::RunError> {{
            let [_, odd @ ..] = &mut self.odd.0;
            let first = match is_odd {{
                true => odd,
                false => {first_buffer},
            }};
            self.own.run_with({arguments})
        }}
        pub fn exchange(&mut self) {{
            self.turn = self.turn.wrapping_add(1);
            self.wrong |= self.run_with(true) != Err(castiron::RunError::Unaligned);
        }}
        pub fn run(&mut self) {{ self.wrong |= self.run_with(false).is_err(); }}
{methods}    }}
}}
"
    ))
}

fn zero(element: &str) -> &'static str {
    match element {
        "f32" => "0.0",
        _ => "0",
    }
}

/// A model that computes nothing.
fn empty_model(golden: &Golden) -> Result<String> {
    let mut fields = String::new();
    let mut values = String::new();
    let mut methods = String::new();
    for (tensors, reference) in [(&golden.inputs, "&mut "), (&golden.outputs, "&")] {
        for Tensor {
            table,
            accessor,
            element: (element, size),
            bytes,
            ..
        } in tensors
        {
            let (field, array) = (
                table.to_lowercase(),
                format!("[{element}; {}]", bytes / size),
            );
            let zero = zero(element);
            writeln!(fields, "        {field}: {array},")?;
            writeln!(values, "            {field}: [{zero}; {}],", bytes / size)?;
            writeln!(
                methods,
                "        pub fn {accessor}({reference}self) -> {reference}{array} {{ {reference}self.{field} }}"
            )?;
        }
    }
    Ok(format!(
        "pub mod model {{
    pub const ARENA_BYTES: usize = 0;
    pub const WEIGHT_BYTES: usize = 0;
    pub const MACS: u64 = 0;
    pub struct Model {{
{fields}    }}
    impl Model {{
        pub const fn new() -> Self {{ Self {{
{values}        }} }}
{methods}        pub fn run(&mut self) {{ core::hint::black_box(self); }}
        pub fn reset(&mut self) {{}}
    }}
}}
"
    ))
}

/// The bytes of one tensor in every case, out of the sections that count as the model's.
fn table(source: &mut String, tensor: &Tensor) -> Result<()> {
    let Tensor {
        table,
        bytes,
        cases,
        ..
    } = tensor;
    writeln!(
        source,
        "#[allow(unsafe_code)]\n#[unsafe(link_section = \".golden\")]"
    )?;
    writeln!(
        source,
        "static {table}: [[u8; {bytes}]; {}] = [",
        cases.len()
    )?;
    for values in cases {
        writeln!(source, "    {values:?},")?;
    }
    writeln!(source, "];")?;
    Ok(())
}

/// `load`. The tables pass through `black_box`, or their contents would shape the code.
fn loads(source: &mut String, golden: &Golden, is_held: bool) -> Result<()> {
    writeln!(
        source,
        "pub fn load(model: &mut model::Model, case: usize) {{"
    )?;
    if is_held {
        writeln!(source, "    model.exchange();")?;
    }
    for Tensor {
        table, accessor, ..
    } in &golden.inputs
    {
        writeln!(
            source,
            "    if let Some(bytes) = core::hint::black_box(&{table}).get(case) {{"
        )?;
        writeln!(
            source,
            "        crate::element::fill(model.{accessor}(), bytes);\n    }}"
        )?;
    }
    writeln!(source, "}}")?;
    Ok(())
}

/// The number of cases, and `check`. An input in a buffer is an output that nothing wrote to.
fn checks(source: &mut String, golden: &Golden, is_held: bool) -> Result<()> {
    writeln!(source, "pub const CASES: usize = {};", golden.cases)?;
    writeln!(source, "pub const STACK_LIMIT: u32 = 256 * 1024;")?;
    writeln!(
        source,
        "pub const SUCCESSIVE: bool = {};",
        golden.successive
    )?;
    writeln!(
        source,
        "pub fn check(model: &model::Model, case: usize, tally: &mut crate::tally::Tally) {{"
    )?;
    for (
        index,
        Tensor {
            table, accessor, ..
        },
    ) in golden.outputs.iter().enumerate()
    {
        writeln!(
            source,
            "    if let Some(bytes) = core::hint::black_box(&{table}).get(case) {{"
        )?;
        writeln!(
            source,
            "        tally.compare(case, {index}, model.{accessor}(), bytes);\n    }}"
        )?;
    }
    if is_held {
        for (index, Tensor { table, .. }) in (golden.outputs.len()..).zip(&golden.inputs) {
            writeln!(
                source,
                "    if let Some(bytes) = core::hint::black_box(&{table}).get(case) {{
        tally.compare(case, {index}, model.{}(), bytes);\n    }}",
                table.to_lowercase()
            )?;
        }
        writeln!(
            source,
            "    tally.mismatches += u64::from(model.is_wrong());"
        )?;
    }
    writeln!(source, "}}")?;
    Ok(())
}
