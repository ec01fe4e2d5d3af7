//! Writes `subject.rs`: the model to measure, and its golden cases.
//!
//! `CASTIRON_GOLDEN` names a directory of golden cases: `meta.json` with names and element types of the
//! tensors, and `in_<case>_<tensor>.bin`, `out_<case>_<tensor>.bin`. `CASTIRON_MODEL` names the model. Without
//! a model the subject is one that computes nothing, with the inputs and outputs of the goldens: what
//! that image takes is the harness, to be subtracted.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// For a plain `cargo build` of everything.
const DEFAULT_GOLDEN: &str = "../../models/golden/sine_int8";

fn main() -> Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);

    for script in ["golden.x", "../memory.x"] {
        let path = here.join(script);
        fs::copy(&path, out.join(path.file_name().unwrap_or_default()))?;
        println!("cargo:rerun-if-changed={script}");
    }
    println!("cargo:rustc-link-search={}", out.display());
    // In this order: GNU ld resolves the INSERT of one script in what a later one defines.
    println!("cargo:rustc-link-arg=-Tgolden.x");
    println!("cargo:rustc-link-arg=-Tlink.x");
    println!("cargo:rerun-if-changed=build.rs");

    let golden =
        env::var_os("CASTIRON_GOLDEN").map_or_else(|| here.join(DEFAULT_GOLDEN), PathBuf::from);
    let model = env::var_os("CASTIRON_MODEL").map(PathBuf::from);
    println!("cargo:rerun-if-env-changed=CASTIRON_GOLDEN");
    println!("cargo:rerun-if-env-changed=CASTIRON_MODEL");
    println!("cargo:rerun-if-changed={}", golden.display());

    let golden = Golden::read(
        &golden
            .canonicalize()
            .map_err(|e| format!("{}: {e}", golden.display()))?,
    )?;
    let mut source = match model {
        Some(path) => format!("castiron::include_model!(pub mod model = {path:?});\n"),
        None => empty_model(&golden)?,
    };
    for tensor in golden.inputs.iter().chain(&golden.outputs) {
        table(&mut source, tensor)?;
    }
    functions(&mut source, &golden)?;
    fs::write(out.join("subject.rs"), source)?;
    Ok(())
}

/// The golden cases of a model.
struct Golden {
    cases: usize,
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
    /// Its file in every case.
    files: Vec<PathBuf>,
}

impl Golden {
    fn read(directory: &Path) -> Result<Self> {
        let meta = directory.join("meta.json");
        let text = fs::read_to_string(&meta).map_err(|e| format!("{}: {e}", meta.display()))?;
        let meta: serde_json::Value = serde_json::from_str(&text)?;
        let cases = (0..)
            .take_while(|case| directory.join(format!("in_{case}_0.bin")).exists())
            .count();
        if cases == 0 {
            return Err(format!("{}: no golden case (in_0_0.bin)", directory.display()).into());
        }
        let inputs = tensors(directory, &meta["inputs"], cases, "in", "input", "_mut")?;
        let outputs = tensors(directory, &meta["outputs"], cases, "out", "output", "")?;
        Ok(Self {
            cases,
            inputs,
            outputs,
        })
    }
}

fn tensors(
    directory: &Path,
    list: &serde_json::Value,
    cases: usize,
    file: &str,
    accessor: &str,
    suffix: &str,
) -> Result<Vec<Tensor>> {
    let list = list.as_array().filter(|list| !list.is_empty());
    let list =
        list.ok_or_else(|| format!("{}/meta.json: lists no {accessor}", directory.display()))?;
    let mut tensors = Vec::new();
    for (index, (meta, name)) in list.iter().zip(identifiers(list)).enumerate() {
        let files: Vec<PathBuf> = (0..cases)
            .map(|case| directory.join(format!("{file}_{case}_{index}.bin")))
            .collect();
        let mut bytes = None;
        for file in &files {
            let found = fs::metadata(file)
                .map_err(|e| format!("{}: {e}", file.display()))?
                .len();
            let expected = *bytes.get_or_insert(found);
            if found != expected {
                return Err(format!(
                    "{}: {found} bytes, but case 0 has {expected}",
                    file.display()
                )
                .into());
            }
        }
        tensors.push(Tensor {
            table: format!("{}_{index}", file.to_uppercase()),
            // With several, each has its name in the method's.
            accessor: match list.len() {
                1 => format!("{accessor}{suffix}"),
                _ => format!("{accessor}_{name}{suffix}"),
            },
            element: element(meta["dtype"].as_str().unwrap_or_default())?,
            bytes: usize::try_from(bytes.unwrap_or(0))?,
            files,
        });
    }
    Ok(tensors)
}

/// The names of tensors as the model's methods spell them: distinct identifiers.
fn identifiers(list: &[serde_json::Value]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (index, meta) in list.iter().enumerate() {
        let name = meta["name"].as_str().unwrap_or_default().to_lowercase();
        let words = name
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty());
        let name = words.collect::<Vec<_>>().join("_");
        names.push(match name.as_str() {
            "" => index.to_string(),
            _ if names.contains(&name) => format!("{name}_{index}"),
            _ => name,
        });
    }
    names
}

/// The Rust type of a TFLite element type, and its size.
fn element(dtype: &str) -> Result<(&'static str, usize)> {
    Ok(match dtype.to_lowercase().as_str() {
        "int8" => ("i8", 1),
        "uint8" => ("u8", 1),
        "bool" => ("bool", 1),
        "int16" => ("i16", 2),
        "uint16" => ("u16", 2),
        "int32" => ("i32", 4),
        "uint32" => ("u32", 4),
        "float32" => ("f32", 4),
        "int64" => ("i64", 8),
        _ => {
            return Err(
                format!("meta.json: no golden check for elements of type {dtype:?}").into(),
            );
        }
    })
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
            let zero = match *element {
                "f32" => "0.0",
                "bool" => "false",
                _ => "0",
            };
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
        files,
        ..
    } = tensor;
    writeln!(
        source,
        "#[allow(unsafe_code)]\n#[unsafe(link_section = \".golden\")]"
    )?;
    writeln!(
        source,
        "static {table}: [[u8; {bytes}]; {}] = [",
        files.len()
    )?;
    for file in files {
        writeln!(source, "    *include_bytes!({file:?}),")?;
    }
    writeln!(source, "];")?;
    Ok(())
}

/// `load` and `check`. The tables pass through `black_box`, or their contents would shape the code.
fn functions(source: &mut String, golden: &Golden) -> Result<()> {
    writeln!(source, "pub const CASES: usize = {};", golden.cases)?;
    writeln!(
        source,
        "pub fn load(model: &mut model::Model, case: usize) {{"
    )?;
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
    writeln!(source, "}}")?;
    Ok(())
}
