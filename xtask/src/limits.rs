//! What the command takes for files that are large in one way each.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use castiron_codegen::files::MOST_OF_A_TEXT;
use castiron_test_tools::{MOST_TIME, large, most_memory};

/// The processor time at which a call is given up.
const DEADLINE: Duration = Duration::from_secs(20);
/// How often a call's memory is looked at.
const INTERVAL: Duration = Duration::from_millis(2);

/// Calls on a model; `{}` is the file and `OUT` a folder to write to, with an input and a devicetree.
const ON_MODELS: &[&str] = &[
    "inspect {}",
    "inspect {} --json --csv OUT/operators.csv",
    "report {} -q -o OUT/report.html",
    "report {} --format md",
    "plan {} --json",
    "plan {} --svg OUT/plan.svg",
    "plan {} --embed -o OUT/planned.tflite",
    "arena {}",
    "arena {} --json",
    "gen-header {} -o OUT/model.h",
    "gen-header {} --style kenning -o OUT/model_data.h",
    "gen-resolver {} -o OUT/resolver.h",
    "gen-cpp {} --out-dir OUT/cpp",
    "generate {} --out-dir OUT/all",
    "run {} -i OUT/input.bin -o OUT/run",
    "align {} -o OUT/aligned.tflite",
    "fit {} --dts OUT/board.dts",
];

/// Nodes that a devicetree may have, less those that each has.
const MOST_NODES: usize = 16_000;

/// Calls on a devicetree.
const ON_DEVICETREES: &[&str] = &[
    "board-repl {} -o OUT/board.repl",
    "board-repl {} --json",
    "platforms {}",
    "memory-overlay {} --sram-kb 65",
    "fit OUT/model.tflite --dts {}",
];

/// Elements of the model's output: with so many labels, a text of the greatest size has a letter for each.
const CLASSES: usize = MOST_OF_A_TEXT as usize / 2;

/// Calls the command on every family whose name has `only` in it, and prints what each call took.
///
/// # Errors
/// If a call takes more than it may, or ends by a signal.
pub(crate) fn measure(
    root: &Path,
    only: Option<&str>,
    size: usize,
    command: Option<&Path>,
    keep: Option<&Path>,
) -> Result<()> {
    let command = match command {
        Some(command) => command.to_owned(),
        None => build(root)?,
    };
    let folder = tempfile::tempdir()?;
    let folder = keep.unwrap_or(folder.path());
    fs::create_dir_all(folder.join("out"))?;
    fs::write(folder.join("out/input.bin"), [0; 16])?;
    let (_, board) = large::DEVICETREES[0];
    fs::write(folder.join("out/board.dts"), board(1))?;
    fs::write(folder.join("out/model.tflite"), large::classifier(CLASSES))?;
    let wanted = |name: &str| only.is_none_or(|only| name.contains(only));
    let mut files: Vec<(PathBuf, &[&str])> = Vec::new();
    for (name, make) in large::MODELS.iter().filter(|(name, _)| wanted(name)) {
        let path = folder.join(name.replace(' ', "_")).with_extension("tflite");
        fs::write(&path, make(size))?;
        files.push((path, ON_MODELS));
    }
    for (name, make) in large::DEVICETREES.iter().filter(|(name, _)| wanted(name)) {
        let path = folder.join(name.replace(' ', "_")).with_extension("dts");
        // As large as devicetrees may be.
        let size = size.min(MOST_NODES);
        let most = usize::try_from(MOST_OF_A_TEXT)?;
        let size = size.min(size * most / make(size).len());
        fs::write(&path, make(size))?;
        files.push((path, ON_DEVICETREES));
    }
    for (name, family, calls) in large::TEXTS.iter().filter(|(name, ..)| wanted(name)) {
        // As long as texts may be.
        let bytes = usize::try_from(MOST_OF_A_TEXT)?;
        let path = folder.join(name.replace(' ', "_")).with_extension("txt");
        fs::write(&path, large::text(*family, bytes))?;
        files.push((path, calls));
    }
    let mut over = 0;
    for (path, calls) in files {
        let bytes = fs::metadata(&path)?.len();
        println!("{}, {bytes} bytes", path.display());
        for call in calls {
            let taken = Taken::by(&command, call, &path, &folder.join("out"))?;
            let verdict = taken.verdict(bytes);
            over += usize::from(verdict.is_some());
            println!(
                "  {:>6.2} s {:>6} MB  exit {:<4} {call}{}",
                taken.seconds,
                taken.bytes >> 20,
                taken
                    .exit
                    .map_or("none".to_owned(), |code| code.to_string()),
                verdict.map_or(String::new(), |what| format!("  <- {what}")),
            );
        }
    }
    ensure!(over == 0, "{over} calls take more than they may");
    Ok(())
}

fn build(root: &Path) -> Result<PathBuf> {
    let cargo = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["build", "--quiet", "--release", "-p", "castiron-cli"])
        .status()
        .context("starting cargo")?;
    ensure!(cargo.success(), "the command does not build");
    Ok(root.join("target/release/castiron"))
}

/// What a call took, as far as Linux tells.
struct Taken {
    /// Of processor time, which does not grow with what else the machine does.
    seconds: f64,
    /// The most bytes in memory at once.
    bytes: u64,
    /// `None` where it was ended by a signal.
    exit: Option<i32>,
}

impl Taken {
    fn by(command: &Path, call: &str, file: &Path, out: &Path) -> Result<Self> {
        let arguments = call.split(' ').map(|word| match word {
            "{}" => file.display().to_string(),
            _ => word.replace("OUT", &out.display().to_string()),
        });
        let mut child = Command::new(command)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| command.display().to_string())?;
        let process = PathBuf::from(format!("/proc/{}", child.id()));
        let (mut bytes, mut seconds) = (0, 0.0);
        loop {
            bytes = peak(&process).unwrap_or(bytes);
            seconds = time(&process).unwrap_or(seconds);
            if let Some(ended) = child.try_wait()? {
                let exit = ended.code().filter(|_| ended.signal().is_none());
                return Ok(Self {
                    seconds,
                    bytes,
                    exit,
                });
            }
            if seconds > DEADLINE.as_secs_f64() {
                child.kill()?;
            }
            std::thread::sleep(INTERVAL);
        }
    }

    /// What it takes too much of, if anything.
    fn verdict(&self, file: u64) -> Option<&'static str> {
        if self.exit.is_none() {
            return Some("ended by a signal, or given up");
        }
        if self.seconds > MOST_TIME.as_secs_f64() {
            return Some("over a second");
        }
        (self.bytes > most_memory(file)).then_some("over 10 times the file and 64 MB")
    }
}

/// The seconds of processor time that a running process took so far.
fn time(process: &Path) -> Option<f64> {
    const TICKS: f64 = 100.0;
    let state = fs::read_to_string(process.join("stat")).ok()?;
    // Behind the program's name: the state, ten numbers, and the ticks of the program and of the system.
    let (_, fields) = state.rsplit_once(") ")?;
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks: u64 = ticks.map_while(|field| field.parse::<u64>().ok()).sum();
    Some(ticks as f64 / TICKS)
}

/// The most memory that a running process had so far.
fn peak(process: &Path) -> Option<u64> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes * 1024)
}
