//! `castiron run`.

use std::path::{Path, PathBuf};

use castiron_cases::npy;
use castiron_codegen::compile;
use castiron_codegen::emit::facts::GraphFacts;
use castiron_codegen::error::{Diagnostic, Error, FrontEnd};
use castiron_codegen::exec::Machine;
use castiron_codegen::program::{Entry, Port, Program};
use clap::Args;
use serde::Serialize;

use super::run_cases;
use crate::args::{Companions, Compiled, Depfile, General};
use crate::failure::{Failure, Result};
use crate::input::{self, Extras, ModelFile};
use crate::output::{Outputs, Written};
use crate::progress;
use crate::project::Named;
use crate::text::{self, heading, table};
use crate::values::Values;

const EXAMPLES: &str = "\
Give one input file per input, in the subgraph's order (see `castiron inspect`), with the model's
element type: .npy, whose type and shape castiron checks, or raw little-endian bytes. The firmware
gives the same results: it runs the same kernels with the same parameters.

castiron prints all values of small outputs and the greatest values of others, as real numbers and
as stored. With --json it prints all values. --out-dir also writes them to files.

Examples:
  castiron run kws.tflite --input features.npy --labels labels.txt
  castiron run vae.tflite --input image.npy --out-dir out --npy
  castiron run two.tflite --input left.bin right.bin --out-dir out
  castiron run vae.tflite --signature encode --input image.bin --out-dir out
  castiron run wake_word.tflite --cases recorded.safetensors";

/// Run a model on this machine with the kernels that the firmware calls
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The model
    model: PathBuf,
    /// One file for each input
    #[arg(short, long, value_name = "FILE", num_args = 1..)]
    input: Vec<PathBuf>,
    /// Run all recorded cases in a .safetensors file or a folder, and compare the outputs
    ///
    /// A file has tensors in_<case>_<i> and out_<case>_<i>. A folder has files of these names: .npy, or .bin with raw
    /// little-endian values. If the model keeps state, cases are successive runs, of which one that ends early has no outputs; where there is meta in the file's metadata,
    /// or meta.json in the folder, it has to say so (golden.stateful). The exit code is 1 if values differ.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["input", "out_dir", "labels", "io_spec"])]
    cases: Option<PathBuf>,
    /// Also write the outputs to this folder, as out_0.bin, out_1.bin, …
    #[arg(long, value_name = "DIR")]
    out_dir: Option<PathBuf>,
    /// Write out_0.npy, out_1.npy, … instead
    #[arg(long, requires = "out_dir")]
    npy: bool,
    /// The entry point to run, by its name [default: the first subgraph]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["labels", "io_spec"])]
    signature: Option<String>,
    #[command(flatten)]
    compiled: Compiled,
    #[command(flatten)]
    companions: Companions,
    #[command(flatten)]
    depfile: Depfile,
}

impl Arguments {
    /// The model, with what is said of it.
    pub(super) fn named(&self) -> Result<Named> {
        self.compiled.one(&self.model, None)
    }

    /// The entry that is to run.
    pub(super) fn entry<'a>(&self, program: &'a Program) -> Result<&'a Entry, Diagnostic> {
        entry(program, self.signature.as_deref())
    }

    /// Refuses options about files where inputs and outputs are in memory.
    pub(super) fn check_no_files(&self) -> Result<()> {
        let Companions {
            io_spec,
            no_io_spec: _,
            labels,
        } = &self.companions;
        let given = [
            ("--input", !self.input.is_empty()),
            ("--cases", self.cases.is_some()),
            ("--out-dir", self.out_dir.is_some()),
            ("--io-spec", io_spec.is_some()),
            ("--labels", labels.is_some()),
            ("--depfile", self.depfile.depfile.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((option, _)) => Err(Failure::usage(
                format!("{option} is for files, but inputs and outputs are arrays"),
                format!("omit {option}, or use `castiron run`"),
            )),
        }
    }
}

/// An output with its file.
#[derive(Serialize)]
struct OutputReport<'a> {
    index: usize,
    name: &'a str,
    dtype: &'static str,
    shape: &'a [usize],
    #[serde(flatten)]
    file: Option<&'a Written>,
    /// Where no file has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<&'a Values>,
}

/// What the model has computed.
struct Computed<'a> {
    port: &'a Port,
    bytes: &'a [u8],
    values: Option<Values>,
    labels: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, general: &General) -> Result<()> {
    let named = arguments.named()?;
    let (input, program) = compiled(&named, general)?;
    let in_file = |e: Error| e.in_file(&input.model.file);
    let entry = arguments.entry(&program).map_err(|d| in_file(d.into()))?;
    if let Some(path) = &arguments.cases {
        let recording = input::recording(path)?;
        let is_first = (program.entries.first()).is_some_and(|first| first.graph == entry.graph);
        let cases = match &arguments.signature {
            Some(name) => recording.of_named(name, is_first)?,
            None => &recording,
        };
        return run_cases::run(&input.model, &program, entry, cases, general);
    }
    let files = "--input files";
    check_count(entry, arguments.input.len(), files).map_err(|d| {
        let help = "give --input one file for each input: .npy, or raw values of the input's type";
        in_file(d.help(help).into())
    })?;
    let (labels, companions) = labels(&input, &named, arguments)?;

    let mut machine = Machine::new(&program, entry);
    for (position, (path, port)) in arguments.input.iter().zip(&entry.inputs).enumerate() {
        let bytes = input::tensor(path, port)?;
        let named = |e: Error| e.in_file(&path.display().to_string());
        machine.set_input(position, &bytes).map_err(named)?;
    }
    progress::during("running the model", general, || machine.run()).map_err(in_file)?;

    if machine.ended_early() {
        let problem = waits_for_more().help("give successive inputs with --cases");
        return Err(Failure::Model(in_file(problem.into())));
    }
    let computed: Vec<Computed<'_>> = (entry.outputs.iter().enumerate())
        .map(|(position, port)| {
            let bytes = machine.output(position).unwrap_or_default();
            Computed {
                port,
                bytes,
                values: Values::new(port, bytes),
                // Of another number, they are not those of the elements.
                labels: (labels.get(position).cloned())
                    .filter(|labels| port.shape.last() == Some(&labels.len()))
                    .unwrap_or_default(),
            }
        })
        .collect();
    let mut outputs = Outputs::default();
    if let Some(folder) = &arguments.out_dir {
        add_files(&mut outputs, &computed, folder, arguments.npy)?;
    }
    let mut sources = vec![input.path.clone()];
    sources.extend(arguments.input.iter().cloned().chain(companions));
    outputs.add_depfile(&arguments.depfile, &sources)?;
    let written = outputs.write(&sources)?;
    show(&computed, &written, general)
}

/// The model, and what castiron makes of it to run it here.
pub(super) fn compiled(named: &Named, general: &General) -> Result<(ModelFile, Program)> {
    let input = named.read()?;
    let options = named.options()?;
    let program = progress::during("compiling the model", general, || {
        compile::compile(&input.model, &options)
    });
    Ok((input, program.map_err(|e| e.for_front_end(FrontEnd::Host))?))
}

/// Labels of every output, and the files that they are from; only those of the first subgraph have any.
fn labels(
    input: &ModelFile,
    named: &Named,
    arguments: &Arguments,
) -> Result<(Vec<Vec<String>>, Vec<PathBuf>)> {
    if arguments.signature.is_some() {
        return Ok((Vec::new(), Vec::new()));
    }
    let extras = Extras::read(named, &arguments.companions)?;
    let facts = GraphFacts::of_model(&input.model, extras.io_spec(), extras.labels.as_deref())?;
    let labels = facts.outputs.into_iter().map(|output| output.labels);
    Ok((labels.collect(), extras.files))
}

fn add_files<'a>(
    outputs: &mut Outputs<'a>,
    computed: &[Computed<'a>],
    folder: &Path,
    npy: bool,
) -> Result<()> {
    for (position, output) in computed.iter().enumerate() {
        let suffix = if npy { "npy" } else { "bin" };
        let path = folder.join(format!("out_{position}.{suffix}"));
        if npy {
            let file = npy::write(&output.port.into(), output.bytes);
            let file = file.map_err(|e| Failure::io("write", &path, &e))?;
            outputs.add_bytes("output", path, file);
        } else {
            outputs.add_bytes("output", path, output.bytes);
        }
    }
    Ok(())
}

/// The entry of a signature's name, or the default one.
fn entry<'a>(program: &'a Program, signature: Option<&str>) -> Result<&'a Entry, Diagnostic> {
    let mut entries = program.entries.iter();
    let found = match signature {
        None => entries.next(),
        Some(name) => entries.find(|e| e.signature.as_deref() == Some(name)),
    };
    found.ok_or_else(|| {
        let name = signature.unwrap_or_default().escape_debug();
        let there: Vec<String> = (program.entries.iter())
            .filter_map(|e| e.signature.as_ref())
            .map(|s| format!("\"{}\"", s.escape_debug()))
            .collect();
        let there = match &there[..] {
            [] => "no --signature: the model has none".to_owned(),
            names => names.join(" or "),
        };
        Diagnostic::new(format!("the model has no signature \"{name}\"")).expected(there)
    })
}

/// Why a single run has no outputs.
pub(super) fn waits_for_more() -> Diagnostic {
    Diagnostic::new("the run ended before there were outputs")
        .expected("more runs: a CIRCULAR_BUFFER of the model waits for more inputs")
}

/// Whether there is one thing for each input.
pub(super) fn check_count(entry: &Entry, given: usize, what: &str) -> Result<(), Diagnostic> {
    if entry.inputs.len() == given {
        return Ok(());
    }
    let wanted: Vec<String> = entry.inputs.iter().map(describe).collect();
    Err(Diagnostic::new(format!("wrong number of {what}"))
        .expected(match wanted.len() {
            1 => format!("1: {}", wanted[0]),
            n => format!("{n}: {}", wanted.join(", ")),
        })
        .found(given))
}

pub(super) fn describe(port: &Port) -> String {
    format!(
        "{} ({} {:?})",
        text::name(&port.name),
        port.dtype,
        port.shape
    )
}

fn show(computed: &[Computed<'_>], written: &[Written], general: &General) -> Result<()> {
    // A depfile, if any, comes after the outputs.
    let outputs: Vec<OutputReport<'_>> = (computed.iter().enumerate())
        .map(|(index, Computed { port, values, .. })| OutputReport {
            index,
            name: &port.name,
            dtype: port.dtype.name(),
            shape: &port.shape,
            file: written.get(index),
            values: values.as_ref().filter(|_| written.is_empty()),
        })
        .collect();
    if general.json {
        return text::print(&super::to_json(&serde_json::json!({ "outputs": outputs }))?);
    }
    if general.quiet {
        return Ok(());
    }
    let rows = outputs.iter().map(|output| {
        let file = output.file.map(|file| file.path.clone());
        vec![
            format!("output {}", output.index),
            text::name(output.name),
            output.dtype.to_owned(),
            text::shape(output.shape),
            file.unwrap_or_default(),
        ]
    });
    let header = ["", "Name", "Type", "Shape", "File"];
    let columns = header.len() - usize::from(written.is_empty());
    let rows = rows.map(|row| row.into_iter().take(columns).collect());
    let mut out = table(&header[..columns], rows);
    for (index, output) in computed.iter().enumerate() {
        if let Some(values) = &output.values {
            out.push('\n');
            out += &heading(format_args!("Output {index}, {}", values.about()));
            out += &values.table(&output.labels);
        }
    }
    text::print(&out)
}
