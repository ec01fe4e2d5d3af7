//! The example that speaks MLPerf Tiny's serial protocol, asked by a client of our own as the benchmark's runner asks.

mod board;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use castiron_cases::{Case, Interface, Recording};
use castiron_codegen::compile::{self, CompileOptions};
use castiron_codegen::program::{Entry, Port};
use castiron_codegen::tflite;
use castiron_test_tools::say;
use castiron_tests::{reference_folder, workspace};

use board::{Board, Firmware};

/// A model for each task but one, and how many of its cases are taken. That of the autoencoder has one value.
const OWN: [(&str, &str, usize); 3] = [
    ("kws", "examples/models/kws_dscnn_int8", 4),
    ("ic", "tests/data/models/resnet8_int8", 2),
    ("ad", "examples/models/sine_int8", 8),
];
/// The benchmark's own.
const REFERENCE: [(&str, &str, usize); 4] = [
    ("kws", "mlperf_kws", 8),
    ("vww", "mlperf_vww", 3),
    ("ic", "mlperf_ic", 8),
    ("ad", "mlperf_ad", 8),
];

/// What the emulator says where the pin falls.
const FALL: &str = "write (size 4, offset 0x004, value 0x00000000)";

/// A model with recorded cases.
struct Subject {
    task: &'static str,
    path: PathBuf,
    input: Quantisation,
    output: Quantisation,
    cases: Vec<Case>,
}

#[derive(Clone, Copy)]
struct Quantisation {
    scale: f32,
    zero_point: i32,
}

impl Quantisation {
    fn of(port: &Port) -> Self {
        let quantisation = port.quantization.as_ref().expect("an int8 model");
        Self {
            scale: quantisation.scale[0],
            zero_point: quantisation.zero_point[0],
        }
    }

    fn real(self, byte: u8) -> f32 {
        (i32::from(byte.cast_signed()) - self.zero_point) as f32 * self.scale
    }
}

impl Subject {
    fn read(task: &'static str, path: PathBuf, most: usize) -> Self {
        let bytes = std::fs::read(&path).unwrap();
        let model = tflite::read(&path.display().to_string(), &bytes).unwrap();
        let program = compile::compile(&model, &CompileOptions::default()).unwrap();
        let entry: &Entry = &program.entries[0];
        let name = path.file_stem().unwrap().to_str().unwrap();
        let golden = castiron_cases::find(&path.with_file_name("golden"), name).unwrap();
        let recording = Recording::open(&golden).unwrap();
        let mut cases = recording.cases(&Interface::from(entry)).unwrap();
        cases.truncate(most);
        Self {
            task,
            input: Quantisation::of(&entry.inputs[0]),
            output: Quantisation::of(&entry.outputs[0]),
            cases,
            path,
        }
    }

    /// What the runner sends of a case, and what it reads then.
    fn sent(&self, case: &Case) -> (Vec<u8>, String) {
        let (input, output) = (&case.inputs[0], case.outputs[0].as_deref().unwrap());
        let scores = output.iter().map(|byte| self.output.real(*byte));
        if self.task != "ad" {
            let pixels = matches!(self.task, "vww" | "ic");
            let shift = if pixels { 128 } else { 0 };
            let input = input.iter().map(|byte| byte.wrapping_add(shift)).collect();
            let scores: Vec<String> = scores.map(|score| format!("{score:.3}")).collect();
            return (input, scores.join(","));
        }
        // A quarter of a step beside what the model takes, which is the nearest.
        let (own, quarter) = (self.input, self.input.scale / 4.0);
        let sent: Vec<f32> = input.iter().map(|byte| own.real(*byte) + quarter).collect();
        let squares = scores
            .zip(&sent)
            .map(|(score, sent)| (score - sent).powi(2));
        let error = squares.sum::<f32>() / sent.len() as f32;
        let bytes = sent.iter().flat_map(|value| value.to_le_bytes());
        (bytes.collect(), format!("{error:.3}"))
    }
}

fn microseconds(line: &str) -> u64 {
    let digits = line.strip_prefix("m-lap-us-").expect(line);
    digits.parse().expect(line)
}

/// As `infer` has to answer, but for the time; and the time between the two marks.
fn infer(board: &mut Board, runs: u32, warmups: u32, results: &str) -> u64 {
    let said = board.ask(&format!("infer {runs} {warmups}"));
    let [before @ .., start, end, done, seen] = &*said else {
        panic!("{said:?}");
    };
    let expected = [
        format!("m-warmup-start-{warmups}"),
        "m-warmup-done".to_owned(),
        format!("m-infer-start-{runs}"),
    ];
    assert_eq!(before, expected);
    assert_eq!(done, "m-infer-done");
    assert_eq!(*seen, format!("m-results-[{results}]"));
    assert_eq!(board.ask("results"), std::slice::from_ref(seen));
    microseconds(end) - microseconds(start)
}

#[test]
fn every_task_scores_as_recorded_and_every_command_is_answered() {
    let Some(toolchain) = board::toolchain() else {
        return;
    };
    let subjects: Vec<Subject> = match reference_folder() {
        Some(folder) => (REFERENCE.into_iter())
            .map(|(task, name, most)| {
                let path = folder.join("models").join(name);
                Subject::read(task, path.with_extension("tflite"), most)
            })
            .collect(),
        None => (OWN.into_iter())
            .map(|(task, path, most)| {
                let path = workspace().join(path).with_extension("tflite");
                Subject::read(task, path, most)
            })
            .collect(),
    };
    for subject in subjects {
        let firmware = Firmware::build(&toolchain, subject.task, &subject.path, "performance");
        if subject.task == "kws" {
            answers(&firmware, &subject);
        }
        let mut board = Board::start(&firmware);
        board.answer();
        let profile = board.ask("profile");
        assert_eq!(profile[1], format!("m-model-[{}01]", subject.task));
        for case in &subject.cases {
            let (input, results) = subject.sent(case);
            board.load(&input);
            infer(&mut board, 1, 0, &results);
        }
        say(format!(
            "MLPerf Tiny, {}: {} cases through the serial port have the recorded outputs",
            subject.path.file_stem().unwrap().display(),
            subject.cases.len()
        ));
    }
}

/// That commands are answered, whatever comes.
fn answers(firmware: &Firmware, subject: &Subject) {
    let mut board = Board::start(firmware);
    let greeting = board.answer();
    assert_eq!(greeting[0], "m-timestamp-mode-performance");
    assert_eq!(greeting[2..], ["m-init-done"]);
    assert!(
        firmware.log().contains("set to 115207 "),
        "{}",
        firmware.log()
    );

    // As the older runner's document has it: without a wait.
    board.send(&b"name%".repeat(8));
    for _ in 0..8 {
        assert_eq!(board.answer(), ["m-name-dut-[castiron]"]);
    }
    let profile = [
        "m-profile-[ULPMark for tinyML Firmware V0.0.1]",
        "m-model-[kws01]",
    ];
    assert_eq!(board.ask("profile"), profile);
    assert!(board.ask("help").len() > 5);

    // The board's microseconds are those of this machine.
    let (start, first) = (Instant::now(), microseconds(&board.ask("timestamp")[0]));
    let between = Instant::now();
    std::thread::sleep(Duration::from_millis(100));
    let least = between.elapsed();
    let passed = microseconds(&board.ask("timestamp")[0]) - first;
    let passed = Duration::from_micros(passed);
    let most = start.elapsed() + Duration::from_millis(1);
    assert!(least <= passed + Duration::from_millis(1) && passed <= most);

    // What no command is.
    for (bytes, error) in [
        (&b"nam"[..], "e-[Unknown command: nam]"),
        (b"", "e-[Unknown command: ]"),
        (b"results", "e-[No inference has run]"),
        (b"infer 1 0", "e-[The input has 0 of 490 bytes]"),
        (b"infer 0 0", "e-[Inference iterations must be >0]"),
        (b"infer 1 -1", "e-[Inference warmup must be >=0]"),
        (b"infer 99999999999", "e-[Inference iterations must be >0]"),
        (b"db", "e-[Command 'db' requires a subcommand]"),
        (b"db load", "e-[Command 'db load' requires the # of bytes]"),
        (b"db load 0", "e-[Command 'db load' must be >0 bytes]"),
        (b"db load x", "e-[Command 'db load' must be >0 bytes]"),
        (
            b"db load 491",
            "e-[Supplied buffer size 491 exceeds maximum of 490]",
        ),
        (
            b"db 00",
            "e-[No bytes are expected: 'db load' says how many]",
        ),
        (&[b'x'; 128], "e-[The command is too long]"),
        (&[b'x'; 5000], "e-[The command is too long]"),
        (
            b"na\xffme",
            "e-[The command has characters that are no text]",
        ),
    ] {
        board.send(bytes);
        board.send(b"%");
        let said = board.answer();
        assert_eq!(said, [error], "{}", bytes.escape_ascii());
    }
    // A terminal's ends of lines do no harm.
    assert_eq!(board.ask("\r\nname"), ["m-name-dut-[castiron]"]);

    // A part that is refused changes nothing.
    board.ask("db load 20");
    assert_eq!(board.ask("db 0001020304050607"), [""; 0]);
    assert_eq!(
        board.ask("db 080"),
        ["e-[Insufficent number of hex digits]"]
    );
    assert_eq!(board.ask("db 08g9"), ["e-[Invalid hex digit 'g9']"]);
    assert_eq!(board.ask("db 08fFFf"), [""; 0]);
    let printed = ["m-buffer-00-01-02-03-04-05-06-07", "m-buffer-08-ff-ff"];
    assert_eq!(board.ask("db print"), printed);
    assert_eq!(board.ask("infer"), ["e-[The input has 11 of 490 bytes]"]);

    // After noise, the next command is whole, and so is the input.
    let (input, results) = subject.sent(&subject.cases[0]);
    let mut seed = 1u32;
    let noise = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    });
    let noise: Vec<u8> = noise.filter(|byte| *byte != b'%').take(2000).collect();
    board.send(&noise);
    let said = board.ask("name");
    assert!(said.len() == 1 && said[0].starts_with("e-["), "{said:?}");
    assert_eq!(board.ask("name"), ["m-name-dut-[castiron]"]);

    // More runs take more time. Commands that come while the model runs wait.
    board.load(&input);
    let (start, one) = (Instant::now(), infer(&mut board, 5, 2, &results));
    assert!(one > 0 && Duration::from_micros(one) < start.elapsed());
    board.send(b"infer 20 0%name%profile%");
    assert_eq!(board.answer().len(), 7);
    assert_eq!(board.answer(), ["m-name-dut-[castiron]"]);
    assert_eq!(board.answer(), profile);
    // Ten runs before one, unless the command says otherwise.
    let said = board.ask("infer");
    assert_eq!(said[0], "m-warmup-start-10");
    assert_eq!(said[2], "m-infer-start-1");
    // `db load` forgets the input.
    board.ask("db load 490");
    assert_eq!(board.ask("infer 1 0"), ["e-[The input has 0 of 490 bytes]"]);
}

/// The emulated board has no such pin, and says what firmware writes to it.
#[test]
fn in_energy_mode_a_pin_falls_where_the_time_would_be_printed() {
    let Some(toolchain) = board::toolchain() else {
        return;
    };
    let (task, path, _) = OWN[2];
    let path = workspace().join(path).with_extension("tflite");
    let subject = Subject::read(task, path, 1);
    let firmware = Firmware::build(&toolchain, task, &subject.path, "energy");
    let mut board = Board::start(&firmware);
    let greeting = ["m-timestamp-mode-energy", "m-init-done"];
    assert_eq!(board.answer(), greeting);
    let pulses = || {
        let log = firmware.log();
        let falls = log.lines().filter(|line| line.ends_with(FALL));
        falls.count()
    };
    assert!(
        firmware.log().contains("set to 9600 "),
        "{}",
        firmware.log()
    );
    assert_eq!(pulses(), 1, "{}", firmware.log());
    assert_eq!(board.ask("timestamp"), [""; 0]);
    assert_eq!(pulses(), 2);
    let (input, results) = subject.sent(&subject.cases[0]);
    board.load(&input);
    let said = board.ask("infer 2 1");
    let expected = [
        "m-warmup-start-1",
        "m-warmup-done",
        "m-infer-start-2",
        "m-infer-done",
        &format!("m-results-[{results}]"),
    ];
    assert_eq!(said, expected);
    assert_eq!(pulses(), 4);
}
