//! What every command says of every model there is, in one table: no engine is named that refuses
//! the model, no command succeeds with a malformed file, and none takes more than it may.
//!
//! `CASTIRON_COMMAND` names a release build of the command, which `.ci/run` makes: five commands on each of hundreds of
//! models take a build without optimisation half a minute. With it, and with the folder that `CASTIRON_SHARED` names, all
//! models are asked and time and memory are held to their limits. Run this test alone then: to the system, memory that
//! this program had when it started the command is the command's. `CASTIRON_UPDATE_VERDICTS=1` writes the table again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use castiron_test_tools::{MOST_TIME, most_memory};
use serde_json::Value;
use wait4::Wait4 as _;

use crate::support::{Folder, repository};

/// Models that TFLM's interpreter refuses or does not end with, and castiron names TFLM for, with the reason.
const REASONS: &[(&str, &str)] = &[
    (
        "npu_scratch.tflite",
        "the interpreter on a PC has no accelerator to hand the operator to",
    ),
    (
        "if_chain_40.tflite",
        "the interpreter prepares each branch again for each call, and would end after days",
    ),
];

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/verdicts.tsv");
const COLUMNS: [&str; 7] = [
    "model", "engines", "run", "generate", "arena", "gen-cpp", "TFLM",
];

/// Machines differ and are loaded, so the test fails at so many times the most time; what it was is printed.
const MACHINES: u32 = 5;

/// A model, with the name that it has in the table.
struct Asked {
    name: String,
    path: PathBuf,
    malformed: bool,
}

/// What the commands say of a model.
struct Verdict {
    /// Which engines take all operators, by `inspect`.
    engines: String,
    /// How `run`, `generate`, `arena` and `gen-cpp` end.
    ends: [String; 4],
    /// What breaks a rule.
    faults: Vec<String>,
    /// The most time and memory that a command took.
    most: (Duration, u64),
}

/// The most memory that this process had so far, in bytes; 0 where the system does not say.
fn own_peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[test]
fn every_command_tells_the_truth_of_every_model() {
    let named = |variable| std::env::var_os(variable).is_some();
    if cfg!(debug_assertions) && !named("CASTIRON_COMMAND") && !named("CASTIRON_UPDATE_VERDICTS") {
        castiron_test_tools::skipped("CASTIRON_COMMAND names no release build", false);
        return;
    }
    let models = models();
    let recorded = Recorded::read();
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(model) = models.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = Verdict::of(model);
                    rows.lock().expect("no panic").insert(&*model.name, verdict);
                }
            });
        }
    });
    let rows = rows.into_inner().expect("no panic");
    let mut faults = Vec::new();
    for model in &models {
        let verdict = &rows[&*model.name];
        let tflm = recorded.tflm(&model.name);
        let all = verdict.faults.iter().cloned();
        faults.extend(
            all.chain(verdict.against_tflm(&model.name, tflm))
                .map(|fault| format!("{}: {fault}", model.name)),
        );
    }
    say_the_most(&rows);
    faults.extend(recorded.compare(&rows));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The models of the repository; those of the reference folder, if there are one and a command
/// that is fast enough.
fn models() -> Vec<Asked> {
    let mut all = Vec::new();
    let root = PathBuf::from(repository("."));
    for folder in [
        "codegen/tests/data/bad",
        "tests/data/models",
        "tests/data/calls",
        "tests/data/tflm",
    ] {
        collect(&root.join(folder), folder, &mut all);
    }
    match (
        std::env::var_os("CASTIRON_SHARED"),
        std::env::var_os("CASTIRON_COMMAND"),
    ) {
        (Some(folder), Some(_)) => collect(Path::new(&folder), "reference", &mut all),
        (None, _) => castiron_test_tools::skipped("CASTIRON_SHARED names no folder of them", false),
        (_, None) => castiron_test_tools::skipped("CASTIRON_COMMAND names no release build", false),
    }
    all
}

/// All models below a folder, in the order of their names.
fn collect(folder: &Path, name: &str, all: &mut Vec<Asked>) {
    let verdicts = fs::read_to_string(folder.join("manifest.json")).unwrap_or_default();
    let verdicts: Value = serde_json::from_str(&verdicts).unwrap_or_default();
    let rejected = |file: &str| {
        let mut entries = verdicts.as_array().into_iter().flatten();
        entries.any(|e| e["file"] == file && e["expect"] == "reject")
    };
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut entries: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let inner = format!("{name}/{file}");
        if path.is_dir() {
            collect(&path, &inner, all);
        } else if file.ends_with(".tflite") {
            let malformed = rejected(&file);
            all.push(Asked {
                name: inner,
                path,
                malformed,
            });
        }
    }
}

impl Verdict {
    fn of(model: &Asked) -> Self {
        let folder = Folder::new();
        let path = model.path.display().to_string();
        let size = fs::metadata(&model.path).expect("the model").len();
        let mut faults = Vec::new();
        let mut most = (Duration::ZERO, 0);
        let mut ask = |arguments: &[String]| {
            let answer = Answer::of(arguments);
            faults.extend(
                answer
                    .faults(size)
                    .map(|f| format!("{}: {f}", arguments[0])),
            );
            most = (most.0.max(answer.time), most.1.max(answer.memory));
            answer
        };
        let inspected = ask(&["inspect", &path, "--json"].map(str::to_owned));
        let report: Value = serde_json::from_slice(&inspected.stdout).unwrap_or_default();
        let mut run = vec!["run".to_owned(), path.clone()];
        run.extend(["--out-dir".to_owned(), folder.path("run")]);
        let inputs = zeros(&report, &folder);
        if !inputs.is_empty() {
            run.push("--input".to_owned());
            run.extend(inputs);
        }
        let commands = [
            run,
            ["generate", &path, "--out-dir", &folder.path("generate")]
                .map(str::to_owned)
                .into(),
            ["arena", &path].map(str::to_owned).into(),
            ["gen-cpp", &path, "--out-dir", &folder.path("cpp")]
                .map(str::to_owned)
                .into(),
        ];
        let ends = commands.map(|arguments| ask(&arguments).end);
        let engines = match inspected.end == "ok" {
            true => engines(&report),
            false => inspected.end,
        };
        if model.malformed && (engines != "error" || ends.iter().any(|end| end == "ok")) {
            faults.push(format!(
                "a command takes a malformed file: {engines}, {ends:?}"
            ));
        }
        if (ends[0] == "ok") != engines.contains("castiron") {
            faults.push(format!(
                "inspect names \"{engines}\", and run says {}",
                ends[0]
            ));
        }
        Self {
            engines,
            ends,
            faults,
            most,
        }
    }

    /// What the interpreter contradicts.
    fn against_tflm(&self, name: &str, tflm: &str) -> Option<String> {
        let refuses = matches!(tflm, "refuses" | "fails" | "crashes");
        // gen-cpp calls kernels without the interpreter, which refuses LSTMs with calibrated intermediates.
        let [_, _, arena, _] = &self.ends;
        let named = self.engines.contains("tflm") || arena == "ok";
        if !(refuses && named) {
            return None;
        }
        if let Some((_, reason)) = REASONS.iter().find(|(file, _)| name.ends_with(file)) {
            println!("{name}: {reason}");
            return None;
        }
        let engines = &self.engines;
        Some(format!(
            "TFLM {tflm}; inspect names \"{engines}\", arena: {arena}"
        ))
    }

    fn row(&self, name: &str, tflm: &str) -> String {
        let [run, generate, arena, cpp] = &self.ends;
        [name, &self.engines, run, generate, arena, cpp, tflm].join("\t")
    }
}

/// The engines that take every operator of a model.
fn engines(report: &Value) -> String {
    let all = |key: &str| {
        let graphs = report["subgraphs"].as_array().into_iter().flatten();
        graphs
            .flat_map(|graph| graph["operators"].as_array().into_iter().flatten())
            .all(|operator| operator[key] == true)
    };
    let compiled = all("compiled") && report["compiled"]["ok"] == true;
    match (compiled, all("tflm")) {
        (true, true) => "castiron, tflm",
        (true, false) => "castiron",
        (false, true) => "tflm",
        (false, false) => "none",
    }
    .to_owned()
}

/// A file of zeros for each input of the first subgraph.
fn zeros(report: &Value, folder: &Folder) -> Vec<String> {
    let inputs = report["subgraphs"][0]["inputs"].as_array();
    (inputs.into_iter().flatten().enumerate())
        .map(|(index, input)| {
            let bytes = input["bytes"].as_u64().unwrap_or_default();
            folder.write(&format!("in_{index}.bin"), vec![0; bytes as usize])
        })
        .collect()
}

/// What one call of the command did.
struct Answer {
    /// `ok`, or the word for an exit code.
    end: String,
    stdout: Vec<u8>,
    time: Duration,
    memory: u64,
}

impl Answer {
    fn of(arguments: &[String]) -> Self {
        let command = std::env::var_os("CASTIRON_COMMAND")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_castiron").into());
        let folder = Folder::new();
        let (stdout, file) = (folder.path("stdout"), "a file for the output");
        let mut child = Command::new(command)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(fs::File::create(&stdout).expect(file))
            .stderr(Stdio::null())
            .spawn()
            .expect("the command");
        let used = child.wait4().expect("the command's end");
        Self {
            end: match used.status.code() {
                Some(0) => "ok".to_owned(),
                Some(1) => "error".to_owned(),
                Some(code) => format!("exit code {code}"),
                None => format!("{}", used.status),
            },
            stdout: fs::read(&stdout).expect(file),
            time: used.rusage.utime + used.rusage.stime,
            // A process begins as its parent's copy, whose memory the system counts as its own.
            memory: Some(used.rusage.maxrss)
                .filter(|bytes| *bytes > own_peak())
                .unwrap_or(0),
        }
    }

    /// What it may not do with a file of `size` bytes.
    fn faults(&self, size: u64) -> impl Iterator<Item = String> + use<> {
        let release = std::env::var_os("CASTIRON_COMMAND").is_some();
        let ends = !matches!(&*self.end, "ok" | "error");
        let most = most_memory(size);
        [
            ends.then(|| format!("ends with {}", self.end)),
            (release && self.time > MACHINES * MOST_TIME).then(|| format!("takes {:?}", self.time)),
            (release && self.memory > most)
                .then(|| format!("takes {} bytes, more than {most}", self.memory)),
        ]
        .into_iter()
        .flatten()
    }
}

fn say_the_most(rows: &BTreeMap<&str, Verdict>) {
    let slowest = rows.iter().max_by_key(|(_, v)| v.most.0);
    let largest = rows.iter().max_by_key(|(_, v)| v.most.1);
    if let (Some((slow, time)), Some((large, memory))) = (slowest, largest) {
        println!(
            "{} models; the most processor time is {:?} ({slow}), the most memory {} bytes ({large})",
            rows.len(),
            time.most.0,
            memory.most.1
        );
    }
}

/// The table in the repository.
struct Recorded {
    rows: BTreeMap<String, String>,
    /// The interpreter's verdicts of the repository's sound models, which have a record of their own.
    asked: Value,
}

impl Recorded {
    fn read() -> Self {
        let text = fs::read_to_string(TABLE).unwrap_or_default();
        let rows = text.lines().filter(|line| !line.starts_with('#')).skip(1);
        let rows =
            rows.filter_map(|row| Some((row.split_once('\t')?.0.to_owned(), row.to_owned())));
        let asked = fs::read_to_string(repository("tests/data/tflm_verdicts.json"));
        let asked: Value = serde_json::from_str(&asked.expect("recorded verdicts")).expect("JSON");
        Self {
            rows: rows.collect(),
            asked,
        }
    }

    /// What TensorFlow Lite Micro's interpreter did with a model.
    fn tflm(&self, name: &str) -> &str {
        let asked = self.asked["models"][name]["verdict"].as_str();
        let row = self.rows.get(name).and_then(|row| row.rsplit('\t').next());
        asked.or(row).unwrap_or("not asked")
    }

    /// The rows that are not as recorded; or the table written anew.
    fn compare(&self, rows: &BTreeMap<&str, Verdict>) -> Vec<String> {
        let now = rows
            .iter()
            .map(|(name, v)| (*name, v.row(name, self.tflm(name))));
        if std::env::var_os("CASTIRON_UPDATE_VERDICTS").is_some() {
            let mut all = self.rows.clone();
            all.extend(now.map(|(name, row)| (name.to_owned(), row)));
            let mut text = fs::read_to_string(TABLE).unwrap_or_default();
            text = text.lines().take_while(|line| line.starts_with('#')).fold(
                String::new(),
                |mut text, line| {
                    let _ = writeln!(text, "{line}");
                    text
                },
            );
            let _ = writeln!(text, "{}", COLUMNS.join("\t"));
            text.extend(all.values().map(|row| format!("{row}\n")));
            fs::write(TABLE, text).expect("the table");
            return Vec::new();
        }
        now.filter(|(name, row)| self.rows.get(*name) != Some(row))
            .map(|(name, row)| match self.rows.get(name) {
                Some(was) => format!("was {was}\nnow {row}"),
                None => format!("{name} is not in the table: {row}"),
            })
            .collect()
    }
}
