//! Kenning Zephyr Runtime's demo application, unmodified and built with castiron where Kenning has Python, in QEMU. The
//! scores that it prints are compared with those of the same models on this machine.
//!
//! `KENNING_ZEPHYR_RUNTIME` names a checkout, `ZEPHYR_BASE` Zephyr, and `ZEPHYR_MODULES` the other modules that Kenning's
//! TFLite runtime needs (cmsis, cmsis-nn, cmsis-dsp, tflite-micro), with semicolons between. With
//! `CASTIRON_REQUIRE_KENNING` a missing one is a failure. `ZEPHYR_CMAKE_ARGUMENTS` are more arguments for CMake, with
//! spaces between, `CASTIRON_EXECUTABLE` is a castiron that is built already.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use castiron_codegen::exec::Machine;
use castiron_codegen::lower::{self, CompileOptions};

const BOARD: &str = "mps2/an385";
const LAST: &str = "inference finished successfully";

/// The classes, in the order of the outputs.
const CLASSES: [&str; 4] = ["wing", "ring", "slope", "negative"];

/// A configuration of the demo application.
struct Demo {
    configuration: &'static str,
    model: &'static str,
    quantized: bool,
}

const DEMOS: [Demo; 2] = [
    Demo {
        configuration: "tflite_int8.conf",
        model: "magic_wand_int8.tflite",
        quantized: true,
    },
    Demo {
        configuration: "tflite.conf",
        model: "magic_wand.tflite",
        quantized: false,
    },
];

/// What the tests need of the machine.
struct Place {
    runtime: PathBuf,
    modules: String,
}

impl Place {
    /// Where everything is; or why it cannot be tested here.
    fn find() -> Result<Self, String> {
        let variable = |name: &str| {
            let value = env::var(name).ok().filter(|v| !v.is_empty());
            value.ok_or(format!("{name} is not set"))
        };
        variable("ZEPHYR_BASE")?;
        let runtime = PathBuf::from(variable("KENNING_ZEPHYR_RUNTIME")?);
        let modules = variable("ZEPHYR_MODULES")?;
        if !runtime.join("demo_app/src/input_data.h").is_file() {
            return Err(format!(
                "{} is no checkout of Kenning Zephyr Runtime",
                runtime.display()
            ));
        }
        for tool in ["cmake", "ninja", "qemu-system-arm", "xxd"] {
            let started = Command::new(tool).arg("--version").output();
            if started.is_err() {
                return Err(format!("no {tool}"));
            }
        }
        Ok(Self { runtime, modules })
    }
}

#[test]
fn demo_app_needs_no_python_of_kenning() {
    let place = match Place::find() {
        Ok(place) => place,
        Err(reason) => {
            let required = env::var_os("CASTIRON_REQUIRE_KENNING").is_some();
            assert!(!required, "{reason}");
            println!("skipped: Kenning's demo application ({reason})");
            return;
        }
    };
    let castiron = castiron();
    let samples = samples(&place.runtime.join("demo_app/src/input_data.h"));
    assert_eq!(samples.len(), 10);
    for demo in DEMOS {
        let elf = build(&place, &demo, &castiron);
        let said = emulate(&elf);
        let got: Vec<[f32; 4]> = said.lines().filter_map(scores).collect();
        let model = place.runtime.join("demo_app/model/tflite").join(demo.model);
        let expected = expected(&model, &samples, demo.quantized);
        assert_eq!(got.len(), expected.len(), "{said}");
        let mut greatest = 0.0_f32;
        for (got, expected) in got.iter().zip(&expected) {
            for (got, expected) in got.iter().zip(expected) {
                greatest = greatest.max((got - expected).abs());
            }
        }
        // printf leaves six digits; floats are added up in another order there.
        let tolerance = if demo.quantized { 1e-6 } else { 1e-5 };
        assert!(greatest <= tolerance, "{got:?}\n{expected:?}");
        println!(
            "{}: {} samples, scores differ by {greatest:e} at most; {LAST}",
            demo.configuration,
            got.len()
        );
    }
}

/// The command, built if it is not.
fn castiron() -> PathBuf {
    if let Some(path) = env::var_os("CASTIRON_EXECUTABLE") {
        return path.into();
    }
    let out = Command::new(env!("CARGO"))
        .args(["build", "-p", "castiron-cli", "--message-format=json"])
        .current_dir(castiron_tests::workspace())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(out.status.success(), "castiron cannot be built");
    let text = String::from_utf8(out.stdout).unwrap();
    let messages = text.lines().map(|l| serde_json::from_str(l).unwrap());
    let mut executables = messages.filter_map(|m: serde_json::Value| {
        let path = m.get("executable")?.as_str()?;
        path.contains("castiron").then(|| PathBuf::from(path))
    });
    executables.next_back().expect("cargo names the executable")
}

/// Builds the demo application. What castiron made of a former build is made again; the rest is kept.
fn build(place: &Place, demo: &Demo, castiron: &Path) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("kenning")
        .join(demo.configuration);
    fs::create_dir_all(&folder).unwrap();
    let made = find(&folder, &|name| {
        [
            "ops_resolver.h",
            "model.tflite",
            "model.tflite.json",
            "model_data_struct.h",
        ]
        .contains(&name)
    });
    for file in made {
        fs::remove_file(file).unwrap();
    }
    let modules = format!("{};{}", place.modules, place.runtime.display());
    run(Command::new("cmake")
        .arg("-GNinja")
        .arg("-B")
        .arg(&folder)
        .arg("-S")
        .arg(place.runtime.join("demo_app"))
        .arg(format!("-DBOARD={BOARD}"))
        .arg(format!("-DZEPHYR_MODULES={modules}"))
        .arg(format!("-DEXTRA_CONF_FILE={}", demo.configuration))
        .arg(format!(
            "-DCONFIG_KENNING_PYTHON_PATH=\"{}\"",
            castiron.display()
        ))
        .args(
            env::var("ZEPHYR_CMAKE_ARGUMENTS")
                .unwrap_or_default()
                .split_whitespace(),
        )
        // Nothing else may stand in for Kenning's Python packages.
        .env_remove("PYTHONPATH"));
    run(Command::new("cmake")
        .arg("--build")
        .arg(&folder)
        .args(["--parallel", "2"]));
    let resolver = find(&folder, &|name| name == "ops_resolver.h");
    let resolver = fs::read_to_string(&resolver[0]).unwrap();
    assert!(resolver.contains("Generated by castiron"), "{resolver}");
    folder.join("zephyr/zephyr.elf")
}

/// Files below a folder by their names.
fn find(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(find(&entry.path(), wanted));
        } else if entry.file_name().to_str().is_some_and(wanted) {
            found.push(entry.path());
        }
    }
    found
}

fn run(command: &mut Command) {
    let out = command.output().unwrap();
    assert!(
        out.status.success(),
        "{command:?}\n{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
}

/// What the firmware prints until it has done its work; Zephyr then idles for ever.
fn emulate(elf: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let console = folder.path().join("console.txt");
    let mut qemu = Command::new("qemu-system-arm")
        .args(["-M", "mps2-an385", "-cpu", "cortex-m3", "-display", "none"])
        .args(["-monitor", "none", "-serial"])
        .arg(format!("file:{}", console.display()))
        .arg("-kernel")
        .arg(elf)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let mut said = String::new();
    while !said.contains(LAST) && start.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(100));
        let bytes = fs::read(&console).unwrap_or_default();
        said = String::from_utf8_lossy(&bytes).into_owned();
    }
    qemu.kill().unwrap();
    qemu.wait().unwrap();
    assert!(said.contains(LAST), "{said}");
    said
}

/// The scores of a line such as `model output: [wing: 0.996094, ring: 0.003906, …]`.
fn scores(line: &str) -> Option<[f32; 4]> {
    let (_, list) = line.split_once("model output: [")?;
    let list = list.trim_end().strip_suffix(']')?;
    let mut scores = [0.0; 4];
    let mut parts = list.split(", ");
    for (class, score) in CLASSES.iter().zip(&mut scores) {
        let text = parts.next()?.strip_prefix(class)?.strip_prefix(": ")?;
        *score = text.parse().ok()?;
    }
    Some(scores)
}

/// The application's samples, from its C source.
fn samples(header: &Path) -> Vec<[f32; 384]> {
    let text = fs::read_to_string(header).unwrap();
    let (_, list) = text.split_once("[128][3] =").unwrap();
    let numbers = list.split(|c: char| !(c.is_ascii_digit() || "+-.e".contains(c)));
    let numbers: Vec<f32> = numbers
        .filter(|n| !n.is_empty())
        .map(|n| n.parse().unwrap())
        .collect();
    let (samples, rest) = numbers.as_chunks();
    assert!(rest.is_empty());
    samples.to_vec()
}

/// The scores of the model here, with the application's conversions around it.
fn expected(model: &Path, samples: &[[f32; 384]], quantized: bool) -> Vec<[f32; 4]> {
    let model = castiron_tests::goldens::read(model).unwrap();
    let program = lower::compile(&model, &CompileOptions::default()).unwrap();
    let mut machine = Machine::new(&program, &program.entries[0]);
    let one = |sample: &[f32; 384]| {
        let input: Vec<u8> = match quantized {
            // As the application's C does it, which cuts off what follows the point.
            true => (sample.iter())
                .map(|x| ((x / 16.0 - 1.0) as i8).to_le_bytes()[0])
                .collect(),
            false => sample.iter().flat_map(|x| x.to_le_bytes()).collect(),
        };
        machine.set_input(0, &input).unwrap();
        machine.run().unwrap();
        let output = machine.output(0).unwrap();
        let mut scores = [0.0; 4];
        for (i, score) in scores.iter_mut().enumerate() {
            *score = match quantized {
                true => (f32::from(i8::from_le_bytes([output[i]])) + 128.0) * 0.003_906_25,
                false => f32::from_le_bytes(*output[4 * i..].first_chunk().unwrap()),
            };
        }
        scores
    };
    samples.iter().map(one).collect()
}
