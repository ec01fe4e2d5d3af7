//! TensorFlow Lite Micro's interpreter and LiteRT's reference kernels, in a process of Python that outlives their crashes.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};

use super::{RUNS, Sample};

/// The program that runs there.
const PROGRAM: &str = include_str!("references.py");

/// Another interpreter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// TensorFlow Lite Micro's.
    Tflm,
    /// LiteRT's with its reference kernels.
    LiteRt,
}

impl Engine {
    /// All.
    pub const ALL: [Self; 2] = [Self::Tflm, Self::LiteRt];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tflm => "TFLM",
            Self::LiteRt => "LiteRT",
        }
    }
}

/// What an engine makes of a model.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Answer {
    /// What it says, where it gives nothing.
    #[serde(default)]
    pub(super) error: Option<String>,
    /// The head of TFLM's arena.
    #[serde(default)]
    pub(super) head: Option<usize>,
    /// Sizes of the outputs, run by run.
    #[serde(default)]
    sizes: Vec<Vec<usize>>,
    #[serde(skip)]
    pub(super) outputs: Vec<Vec<Vec<u8>>>,
}

#[derive(Serialize)]
struct Request {
    engine: Engine,
    model: usize,
    inputs: Vec<Vec<usize>>,
    outputs: usize,
}

/// The process.
#[derive(Debug)]
pub struct References {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    /// The engines that are installed there.
    pub engines: Vec<Engine>,
}

impl References {
    /// Starts a Python that has one of the engines.
    ///
    /// # Errors
    /// If there is none.
    pub fn start(python: &Path) -> io::Result<Self> {
        let mut child = Command::new(python)
            .args(["-u", "-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let missing = || io::Error::other("the process has no pipes");
        let to = child.stdin.take().ok_or_else(missing)?;
        let from = child.stdout.take().ok_or_else(missing)?;
        let mut from = BufReader::new(from);
        let mut line = String::new();
        from.read_line(&mut line)?;
        let names: Vec<String> = serde_json::from_str(&line)?;
        let engines = Engine::ALL.into_iter().filter(|engine| {
            let name = engine.name().to_lowercase();
            names.contains(&name)
        });
        Ok(Self {
            child,
            to: Some(to),
            from,
            engines: engines.collect(),
        })
    }

    /// Asks an engine. The answer is [received](Self::receive) later.
    pub(super) fn send(&mut self, engine: Engine, sample: &Sample) -> io::Result<()> {
        let inputs: Vec<Vec<Vec<u8>>> = (0..RUNS).map(|run| sample.inputs(run)).collect();
        let sizes = |run: &Vec<Vec<u8>>| run.iter().map(Vec::len).collect();
        let request = Request {
            engine,
            model: sample.file.len(),
            inputs: inputs.iter().map(sizes).collect(),
            outputs: sample.outputs.len(),
        };
        let mut bytes = serde_json::to_vec(&request)?;
        bytes.push(b'\n');
        bytes.extend(&sample.file);
        bytes.extend(inputs.iter().flatten().flatten());
        let to = self
            .to
            .as_mut()
            .ok_or_else(|| io::Error::other("it has ended"))?;
        to.write_all(&bytes)?;
        to.flush()
    }

    /// The answer to what was asked.
    pub(super) fn receive(&mut self) -> io::Result<Answer> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            return Err(io::Error::other("the process of the references has ended"));
        }
        let mut answer: Answer = serde_json::from_str(&line)?;
        for run in &answer.sizes {
            let mut outputs = Vec::new();
            for size in run {
                let mut bytes = vec![0; *size];
                self.from.read_exact(&mut bytes)?;
                outputs.push(bytes);
            }
            answer.outputs.push(outputs);
        }
        Ok(answer)
    }
}

impl Drop for References {
    fn drop(&mut self) {
        // It ends with its input.
        self.to = None;
        let _ = self.child.wait();
    }
}
