//! examples/zephyr-app in a real Zephyr build, on an emulated board.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use castiron_test_tools::{run, skipped};

use super::simulator::Simulator;
use super::{BOARD, CASTIRON, definition, done, missing, module, required, text, workspace};

/// How castiron's example says that it computes what it should.
const GOLDEN: &str = "golden check: passed";

/// A copy of the application, whose model can be changed, and its build.
struct App {
    folder: tempfile::TempDir,
}

impl App {
    fn new() -> Self {
        let app = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let example = workspace().join("examples/zephyr-app");
        for file in ["CMakeLists.txt", "prj.conf", "src/main.c"] {
            let to = app.source().join(file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(example.join(file), to).unwrap();
        }
        app.take_model("kws_dscnn_int8");
        app
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("app")
    }

    fn build(&self) -> PathBuf {
        self.folder.path().join("build")
    }

    /// Where the example's prj.conf has its model.
    fn model(&self) -> PathBuf {
        self.folder.path().join("models/kws_dscnn_int8.tflite")
    }

    fn take_model(&self, name: &str) {
        fs::create_dir_all(self.folder.path().join("models")).unwrap();
        let model = workspace().join(format!("examples/models/{name}.tflite"));
        fs::write(self.model(), fs::read(model).unwrap()).unwrap();
    }

    fn configure(&self, further: &[&str]) -> Output {
        self.configuring(BOARD).args(further).output().unwrap()
    }

    fn configuring(&self, board: &str) -> Command {
        let modules = workspace();
        let mut command = super::cmake(&self.build(), &self.source(), board, &[modules.as_ref()]);
        command.arg(definition("CASTIRON_EXECUTABLE", CASTIRON.as_ref()));
        command
    }

    fn ninja(&self, target: &str) -> Output {
        let mut command = Command::new("ninja");
        command
            .arg("-C")
            .arg(self.build())
            .arg(target)
            .output()
            .unwrap()
    }

    fn elf(&self) -> PathBuf {
        self.build().join("zephyr/zephyr.elf")
    }

    /// What the firmware says until it has said `until`.
    fn boot(&self, until: &str) -> String {
        Simulator::qemu(&self.elf()).read_until(until)
    }
}

#[test]
fn the_example_runs_and_rebuilds_what_depends_on_the_model() {
    if missing(&[]) {
        return;
    }
    let app = App::new();
    done(&app.configure(&[]));
    done(&app.ninja("all"));
    let said = app.boot(" ms each");
    assert!(said.contains(GOLDEN), "{said}");
    println!("{}", said.trim_end());

    // The platform of the build's devicetree, under Kenning's name.
    done(&app.ninja("board-repl"));
    let repl = fs::read_to_string(app.build().join("mps2.repl")).unwrap();
    assert!(repl.contains("CPU.CortexM"), "{repl}");

    for target in ["all", "board-repl"] {
        let said = done(&app.ninja(target));
        assert!(said.contains("no work to do"), "{said}");
    }

    app.take_model("sine_int8");
    let said = done(&app.ninja("all"));
    for step in [
        "casting kws_dscnn_int8.tflite",
        "header of",
        "src/main.c.obj",
        "zephyr.elf",
    ] {
        assert!(said.contains(step), "{said}");
    }
    assert!(
        !said.contains("zephyr/kernel"),
        "the kernel does not depend on the model: {said}"
    );
    assert!(!said.contains("Renode platform"), "{said}");
    let said = app.boot(" ms each");
    assert!(
        said.contains(GOLDEN) && said.contains("input 1x1"),
        "{said}"
    );

    fs::write(app.model(), b"TFL3?").unwrap();
    // Three commands read the model.
    let said = one_error(&app.ninja("all"));
    assert!(said.contains("kws_dscnn_int8.tflite"), "{said}");
}

/// A program of this machine, which has 32 bits unless 64 are asked for.
#[test]
fn the_example_runs_on_native_sim() {
    if missing(&[]) {
        return;
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        skipped("no x86-64 with Linux", false);
        return;
    }
    for (board, option, target) in [
        ("native_sim", "-m32", "i686-unknown-linux-gnu"),
        ("native_sim/native/64", "-m64", "x86_64-unknown-linux-gnu"),
    ] {
        // Without the library the compiler gives the bare name back.
        let library = run(Command::new("gcc").args([option, "-print-file-name=libc.so"]));
        if library.trim() == "libc.so" {
            skipped(
                &format!("no C library for gcc {option} on this machine"),
                required(),
            );
            continue;
        }
        let app = App::new();
        let mut configuring = app.configuring(board);
        configuring
            .env("ZEPHYR_TOOLCHAIN_VARIANT", "host")
            .env_remove("CROSS_COMPILE");
        done(&configuring.output().unwrap());
        let arguments = app.build().join("castiron/app_model.stamp.arguments");
        let arguments = fs::read_to_string(arguments).unwrap();
        assert!(
            arguments.contains(&format!("--target\n{target}\n")),
            "{board}: {arguments}"
        );
        let built = app.ninja("all");
        if text(&built).contains("no installed Rust toolchain can build for") {
            skipped(&format!("no Rust for {target} on this machine"), required());
            continue;
        }
        done(&built);
        let mut program = Command::new(app.build().join("zephyr/zephyr.exe"));
        let said = Simulator::start(&mut program).read_until(" iterations");
        assert!(said.contains(GOLDEN), "{board}: {said}");
        println!("{board}:\n{}", said.trim_end());
    }
}

/// Zephyr's module tflite-micro is of another revision than castiron's tables: refused with what a Zephyr build
/// sets to take it, and right where it is taken.
#[test]
fn zephyrs_own_tflite_micro_computes_what_it_should() {
    if missing(&["ZEPHYR_MODULES"]) {
        return;
    }
    let Some(tree) = module("tflite-micro").filter(|tree| tree.join("third_party_static").is_dir())
    else {
        skipped("ZEPHYR_MODULES has no tflite-micro of Zephyr's", false);
        return;
    };
    let app = App::new();
    app.take_model("sine_int8");
    let tree = definition("CASTIRON_TFLM", tree.as_os_str());
    let engine = ["-DCONFIG_CASTIRON_ENGINE_TFLM=y", tree.to_str().unwrap()];
    for (option, cause, remedy) in [
        (
            "-DCONFIG_CASTIRON_TFLM_CMSIS_NN=y",
            "castiron does not know this revision of TFLM's sources",
            "with CONFIG_CASTIRON_TFLM_ALLOW_REVISION=y or ALLOW_REVISION",
        ),
        (
            "-DCONFIG_CASTIRON_TFLM_ALLOW_REVISION=y",
            "the tree lacks cmsis_nn and cmsis",
            "take the other kernels: CONFIG_CASTIRON_TFLM_CMSIS_NN=n or KERNELS reference",
        ),
    ] {
        done(&app.configure(&[engine[0], engine[1], option]));
        let said = one_error(&app.ninja("castiron_app_model_library"));
        for part in [cause, remedy] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    done(&app.configure(&["-DCONFIG_CASTIRON_TFLM_CMSIS_NN=n"]));
    done(&app.ninja("all"));
    let said = app.boot(" ms each");
    for part in [
        GOLDEN,
        "tflite-micro of another revision",
        "sizes of the arena are those of",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    println!("{}", said.trim_end());
}

/// The memory of the build's devicetree, in the section that Zephyr's linker script has for it.
#[test]
fn a_model_works_in_memories_of_the_devicetree() {
    if missing(&[]) {
        return;
    }
    let app = App::new();
    let overlay =
        "/ { psram0: memory@21000000 { compatible = \"zephyr,memory-region\", \"mmio-sram\";
        reg = <0x21000000 0x1000000>; zephyr,memory-region = \"PSRAM\"; }; };\n";
    fs::write(app.source().join("app.overlay"), overlay).unwrap();
    let lists = app.source().join("CMakeLists.txt");
    let calls = fs::read_to_string(&lists).unwrap();
    let calls = calls.replace("SELF_TEST", "SELF_TEST MEMORIES devicetree sram0=12k");
    fs::write(&lists, calls).unwrap();
    done(&app.configure(&[]));
    done(&app.ninja("all"));
    let bytes = fs::read(app.elf()).unwrap();
    let elf = object::File::parse(&*bytes).unwrap();
    let section = object::Object::section_by_name(&elf, "PSRAM").expect("the region's section");
    let place = [&section].map(|s| {
        (
            object::ObjectSection::address(s),
            object::ObjectSection::size(s),
        )
    });
    assert!(place[0].0 == 0x2100_0000 && place[0].1 > 1000, "{place:?}");
    let said = app.boot(" ms each");
    assert!(said.contains(GOLDEN), "{said}");
    println!("{:#x?}\n{}", place[0], said.trim_end());
}

/// What a build that fails says, which is one thing.
#[track_caller]
fn one_error(failed: &Output) -> String {
    let said = text(failed);
    assert!(!failed.status.success(), "{said}");
    // The build system's own are CMake's, once, and ninja's FAILED.
    let errors = said.matches("error: ").count() + said.matches("CMake Error at").count();
    assert_eq!(errors, 1, "{said}");
    assert!(said.contains("help: "), "{said}");
    said
}

#[test]
fn a_model_that_does_not_fit_fails_the_build() {
    if missing(&[]) {
        return;
    }
    let app = App::new();
    done(&app.configure(&["-DCONFIG_CASTIRON_FIT_APP_RAM=4090"]));
    let said = one_error(&app.ninja("all"));
    assert!(said.contains("RAM"), "{said}");
    assert!(!app.elf().exists());
}

#[test]
fn configuration_says_what_is_wrong() {
    if missing(&[]) {
        return;
    }
    for (option, cause) in [
        (
            "-DCONFIG_KENNING_MODEL_PATH=\"nothing.tflite\"",
            "there is no model ",
        ),
        (
            "-DCONFIG_KENNING_MODEL_PATH=\"\"",
            "castiron_add_model() needs MODEL",
        ),
        (
            "-DCASTIRON_EXECUTABLE=/nowhere/castiron",
            "CASTIRON_EXECUTABLE is /nowhere/castiron",
        ),
    ] {
        let said = one_error(&App::new().configure(&[option]));
        assert!(said.contains(cause), "{option}: {said}");
    }
    let app = App::new();
    let lists = app.source().join("CMakeLists.txt");
    let calls = fs::read_to_string(&lists).unwrap();
    fs::write(&lists, calls.replace("SELF_TEST", "SELFTEST")).unwrap();
    let said = one_error(&app.configure(&[]));
    for part in [
        "castiron_add_model() does not know SELFTEST",
        "did you mean SELF_TEST?",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn the_resolver_has_kennings_further_operators() {
    if missing(&[]) {
        return;
    }
    let app = App::new();
    let lists = app.source().join("CMakeLists.txt");
    let mut text = fs::read_to_string(&lists).unwrap();
    text += "castiron_gen_resolver(app OUTPUT generated/ops_resolver.h)\n";
    fs::write(lists, text).unwrap();
    done(&app.configure(&["-DCONFIG_KENNING_TFLITE_OPS=\"Svdf,ADD\""]));
    done(&app.ninja("castiron_resolver"));
    let resolver = fs::read_to_string(app.build().join("generated/ops_resolver.h")).unwrap();
    for operator in ["AddConv2D", "AddDepthwiseConv2D", "AddSvdf", "AddAdd("] {
        assert!(resolver.contains(operator), "{operator}: {resolver}");
    }
    assert!(!resolver.contains("AddLogistic"), "{resolver}");
}

#[test]
fn the_example_runs_in_renode() {
    if missing(&[]) {
        return;
    }
    let Some(renode) = std::env::var_os("RENODE") else {
        skipped("RENODE is not set", false);
        return;
    };
    let app = App::new();
    done(&app.configure(&[definition("RENODE", &renode).to_str().unwrap()]));
    done(&app.ninja("all"));
    let mut run = Command::new("ninja");
    let said =
        Simulator::start(run.arg("-C").arg(app.build()).arg("run_renode")).read_until(" ms each");
    assert!(said.contains(GOLDEN), "{said}");
    println!("{}", said.trim_end());
}
