//! What is wrong is said when the build is configured, with the remedy.

use std::process::Command;

use super::{HEAD, KWS, Project, SINE, define, fails, shipped, succeeds, without};

/// The message of a project that cannot be configured, without CMake's line breaks.
fn message(command: &mut Command) -> String {
    let text = fails(command);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join(" ")
}

fn refused(lists: &str, expected: &[&str]) {
    let project = Project::new(lists);
    project.take(SINE, "m.tflite");
    let text = message(&mut project.configuring("Ninja"));
    for part in expected {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn mistakes_come_with_the_remedy() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    let app = "add_executable(app main.c)\n";
    for (call, cause, remedy) in [
        (
            "castiron_add_model(app MODEL none.tflite)",
            "there is no model",
            "help: name one that exists",
        ),
        (
            "castiron_add_model(app MODEL m.tflite LABELS none.txt)",
            "there is no file of labels",
            "help: name one that exists",
        ),
        (
            "castiron_add_model(app MODEL m.tflite CASES none)",
            "there is no file or folder of cases",
            "help: name one that exists",
        ),
        (
            "castiron_add_model(app MODEL m.tflite FASTER)",
            "castiron_add_model() does not know FASTER",
            "help: its keywords are SELF_TEST, TRACE, VERIFY, GUARDS, ALLOW_REVISION, MODEL, ENGINE, NAME, LABELS",
        ),
        (
            "castiron_add_model(app MODEL m.tflite selftest LABEL l.txt)",
            "castiron_add_model() does not know selftest, LABEL, l.txt",
            "help: did you mean SELF_TEST, LABELS? Otherwise its keywords are",
        ),
        (
            "castiron_gen_header(app MODEL m.tflite OUTPUT m.h LABLES l.txt)",
            "castiron_gen_header() does not know LABLES, l.txt",
            "help: did you mean LABELS? Otherwise its keywords are MODEL, OUTPUT, STYLE",
        ),
        (
            "castiron_gen_resolver(app MODEL m.tflite OUTPUT r.h)",
            "castiron_gen_resolver() does not know MODEL, m.tflite",
            "help: did you mean MODELS? Otherwise its keywords are OUTPUT, KERNELS, CPU",
        ),
        (
            "castiron_fit_check(app NOCODE MODELS m.tflite)",
            "castiron_fit_check() does not know NOCODE",
            "help: did you mean NO_CODE? Otherwise its keywords are NO_CODE, DTS, BOARD",
        ),
        (
            "castiron_add_renode_target(ELFS app)",
            "castiron_add_renode_target() does not know ELFS, app",
            "help: did you mean ELF? Otherwise its keywords are DTS, ELF",
        ),
        (
            "kenning_gen_model_header(model_data.h STYLE kenning)",
            "kenning_gen_model_header() does not know STYLE, kenning",
            "help: it takes no keywords",
        ),
        (
            "kenning_add_board_repl_target(RENODE_VERSION 1.16.1)",
            "kenning_add_board_repl_target() does not know RENODE_VERSION",
            "help: it takes no keywords",
        ),
        (
            "castiron_add_model(app MODEL)",
            "has no value for MODEL",
            "help: give it one",
        ),
        (
            "castiron_add_model(app)",
            "needs MODEL",
            "help: call it with MODEL",
        ),
        (
            "castiron_add_model(app MODEL m.tflite)\ncastiron_add_model(app MODEL m.tflite)",
            "there are two models of the name m",
            "help: give one another with NAME",
        ),
        (
            "castiron_add_model(app MODEL m.tflite ENGINE onnx)",
            "ENGINE cannot be onnx",
            "help: it is one of compiled, tflm",
        ),
        (
            "castiron_add_model(app MODEL m.tflite OPT_LEVEL 4)",
            "OPT_LEVEL cannot be 4",
            "help: it is one of 1, 2, 3, s",
        ),
        (
            "castiron_add_model(app MODEL m.tflite BUFFERS mine)",
            "BUFFERS cannot be mine",
            "help: it is one of model, caller, inputs, outputs",
        ),
        (
            "castiron_gen_header(app MODEL m.tflite OUTPUT m.h STYLE keening)",
            "STYLE cannot be keening",
            "help: did you mean kenning? Otherwise it is one of standalone, kenning",
        ),
        (
            "castiron_gen_resolver(app MODELS m.tflite OUTPUT m.h KERNELS cmsis_nn)",
            "KERNELS cannot be cmsis_nn",
            "help: did you mean cmsis-nn? Otherwise it is one of reference, cmsis-nn",
        ),
        (
            "castiron_add_model(app MODEL m.tflite ENGINE tflm)",
            "their sources were not named",
            "help: name a checkout of tflite-micro with TFLM",
        ),
        (
            "castiron_add_model(nothing MODEL m.tflite)",
            "which is no target with sources",
            "help: call it after add_executable()",
        ),
        (
            "add_library(face INTERFACE)\ncastiron_gen_resolver(face OUTPUT r.h)",
            "which is no target with sources",
            "help: call it after add_executable()",
        ),
        (
            "castiron_gen_header(app MODEL m.tflite)",
            "castiron_gen_header() needs OUTPUT",
            "help: call it with OUTPUT",
        ),
        (
            "castiron_gen_header(app MODEL m.tflite OUTPUT main.h)",
            "would go to main.c, which is a source of the project's",
            "help: name another OUTPUT, for example generated/main.h",
        ),
        (
            "castiron_gen_resolver(app MODELS m.tflite none.tflite OUTPUT r.h)",
            "there is no model",
            "none.tflite",
        ),
        (
            "castiron_fit_check(app BOARD nucleo_f401re)",
            "has no models to check",
            "help: name them with MODELS",
        ),
        (
            "castiron_fit_check(app MODELS m.tflite)",
            "does not know the board",
            "help: name it with BOARD",
        ),
        (
            "castiron_add_renode_target(DTS m.tflite)",
            "does not know the firmware",
            "help: name its target or file with ELF",
        ),
        (
            "castiron_add_renode_target(ELF app)",
            "the board's devicetree is not known",
            "help: name a flattened one with DTS",
        ),
        (
            "castiron_add_renode_target(ELF app DTS none.dts)",
            "there is no devicetree",
            "help: name one that exists",
        ),
        (
            "kenning_gen_model_header(model_data.h)",
            "CONFIG_KENNING_MODEL_PATH is empty",
            "help: set it in prj.conf",
        ),
    ] {
        refused(&format!("{app}{call}\n"), &["castiron: ", cause, remedy]);
    }
}

/// A model that three commands read is refused by one of them, in the words of CMake, without a screen of
/// arguments before.
#[test]
fn a_mistake_is_said_once() {
    if without(&["cmake", "ninja", "make", "cc"]) {
        return;
    }
    let lists = "add_executable(app main.c)
castiron_add_model(app MODEL m.tflite SELF_TEST)
castiron_gen_resolver(app MODELS m.tflite OUTPUT generated/ops.h)
castiron_gen_header(app MODEL m.tflite OUTPUT generated/m_model.h)
castiron_fit_check(app BOARD nucleo_f401re APP_FLASH 500)
";
    for generator in ["Ninja", "Unix Makefiles"] {
        let project = Project::new(lists);
        project.take(SINE, "m.tflite");
        project.configure(generator);
        for (model, cause) in [
            (&b"TFL3?"[..], "m.tflite: "),
            (
                &std::fs::read(shipped("tests/data/models/unsupported.tflite")).unwrap(),
                "",
            ),
            (&std::fs::read(shipped(KWS)).unwrap(), "does not fit"),
        ] {
            project.write("m.tflite", model);
            let text = fails(&mut project.building(&["-j", "4"]));
            assert_eq!(text.matches("error: ").count(), 1, "{generator}: {text}");
            assert!(text.contains(cause), "{generator}: {text}");
            assert!(!text.contains("--out-dir"), "{generator}: {text}");
        }
    }
}

#[test]
fn the_command_speaks_of_arguments_of_cmake() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    let project = Project::new(
        "add_executable(app main.c)
castiron_fit_check(app MODELS m.tflite BOARD nucleo_f401rx)
",
    );
    project.take(SINE, "m.tflite");
    project.configure("Ninja");
    let text = fails(&mut project.building(&[]));
    let remedy = "give the board's devicetree with DTS build/zephyr/zephyr.dts";
    assert!(text.contains(remedy), "{text}");
}

#[test]
fn a_language_that_is_missing_is_named() {
    if without(&["cmake", "ninja", "c++"]) {
        return;
    }
    let project = Project::of(&format!(
        "{}add_executable(app main.cpp)\ncastiron_add_model(app MODEL m.tflite SELF_TEST)\n",
        HEAD.replace("LANGUAGES C", "LANGUAGES CXX")
    ));
    project.write("main.cpp", "int main() {}\n");
    project.take(SINE, "m.tflite");
    let text = message(&mut project.configuring("Ninja"));
    assert!(
        text.contains("a self-test is in C, which this project does not compile"),
        "{text}"
    );
    assert!(text.contains("help: add it: project("), "{text}");
}

#[test]
fn a_command_that_is_missing_is_named() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    let project = Project::new(
        "add_executable(app main.c)\ncastiron_gen_header(app MODEL m.tflite OUTPUT m.h)\n",
    );
    project.take(SINE, "m.tflite");
    for wrong in [
        "/nowhere/castiron",
        "no-such-castiron",
        env!("CARGO_MANIFEST_DIR"),
    ] {
        let command = define("CASTIRON_EXECUTABLE", wrong);
        let text = message(project.configuring("Ninja").arg(command));
        assert!(
            text.contains(&format!("CASTIRON_EXECUTABLE is {wrong}")),
            "{text}"
        );
        assert!(
            text.contains("help: give its path with -DCASTIRON_EXECUTABLE="),
            "{text}"
        );
    }
    // Neither castiron nor cargo. CMake's own folders are searched as well, so this says where not to.
    let mut command = project.configuring("Ninja");
    command
        .args([
            "-DCASTIRON_EXECUTABLE=",
            "-DCASTIRON_CARGO=CASTIRON_CARGO-NOTFOUND",
        ])
        .args([
            "-DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=OFF",
            "-DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF",
        ])
        .env("HOME", project.path("home"))
        .env("CARGO_HOME", project.path("home"));
    let text = message(&mut command);
    assert!(
        text.contains("the castiron command was not found, and neither was cargo"),
        "{text}"
    );
    assert!(
        text.contains("help: install it with `cargo install --git https://github.com/castiron-ml/castiron castiron-cli`"),
        "{text}"
    );
    // What was not found then is looked for again.
    project.configure("Ninja");
    project.build();
}

/// All uses of target_link_libraries() for a target have to be of one kind; this is none of them.
#[test]
fn links_of_either_signature_are_left_alone() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    for signature in ["", "PRIVATE"] {
        let project = Project::new(&format!(
            "add_executable(app main.c)
target_link_libraries(app {signature} m)
castiron_add_model(app MODEL m.tflite NAME model OPT_LEVEL s)
target_link_libraries(app {signature} m)
"
        ));
        project.take(SINE, "m.tflite");
        project.write(
            "main.c",
            "#include \"model.h\"\nint main(void) { return model_init() != MODEL_OK; }\n",
        );
        project.configure("Ninja");
        project.build();
        succeeds(&mut Command::new(project.path("build/app")));
    }
}
