//! What is made again when something changes, and what is not.

use object::Object as _;

use super::{KWS, Project, SINE, castiron, define, fails, shipped, succeeds, without};

const NINJA: [&str; 3] = ["cmake", "ninja", "cc"];
const MAKE: [&str; 3] = ["cmake", "make", "cc"];

/// A program with a library, and one that has nothing to do with it.
fn with_library() -> Project {
    let project = Project::new(
        "add_executable(app main.c beside.c)
castiron_add_model(app MODEL model.tflite NAME m LABELS labels.txt CASES golden SELF_TEST OPT_LEVEL ${OPT_LEVEL}
  MEMORIES fast=16:fast rest=1k)
add_executable(other other.c)
",
    );
    project.write(
        "main.c",
        "#include <stdio.h>
#include \"m.h\"
#include \"m_self_test.h\"
static const char *const labels[] = M_OUTPUT_0_LABELS;
extern char both_memories_are_used[M_FAST_BYTES > 0 && M_REST_BYTES > 0 ? 1 : -1];
int main(void) { printf(\"%s %d\\n\", labels[0], m_self_test()); return 0; }
",
    );
    project.write("beside.c", "int beside(void) { return 1; }\n");
    project.write("other.c", "int main(void) { return 0; }\n");
    project.write("labels.txt", "height\n");
    project.take(SINE, "model.tflite");
    let golden = shipped("examples/models/golden/sine_int8.safetensors");
    let recording = castiron_cases::Recording::open(golden.as_ref()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    recording.unpack(folder.path()).unwrap();
    for file in ["in_0_0.bin", "out_0_0.bin", "in_1_0.bin", "out_1_0.bin"] {
        project.write(
            &format!("golden/{file}"),
            std::fs::read(folder.path().join(file)).unwrap(),
        );
    }
    project
}

const CAST: &str = "castiron: casting model.tflite";
const COMPILE_MAIN: &str = "Building C object CMakeFiles/app.dir/main.c.o";
const COMPILE_TEST: &str = "Building C object CMakeFiles/app.dir/castiron/m/m_self_test.c.o";
const LINK: &str = "Linking C executable app";

#[test]
fn a_library_follows_what_it_is_made_from() {
    if without(&NINJA) {
        return;
    }
    let project = with_library();
    succeeds(project.configuring("Ninja").arg("-DOPT_LEVEL=s"));
    assert_eq!(project.build().len(), 7);
    assert_eq!(project.run("app"), "height 0\n");
    project.is_built();

    // castiron looks at it, and that is all there is to do.
    project.touch("model.tflite");
    assert_eq!(project.build(), [CAST]);
    project.is_built();

    project.write("labels.txt", "depth\n");
    let all = project.build();
    assert_eq!(all, [COMPILE_TEST, COMPILE_MAIN, LINK, CAST]);
    assert_eq!(project.run("app"), "depth 0\n");
    project.is_built();

    // A case that changes, and one that goes.
    project.write("golden/out_1_0.bin", [0x55]);
    assert_eq!(project.build(), [COMPILE_TEST, LINK, CAST]);
    assert_eq!(project.run("app"), "depth 1\n");
    for file in ["golden/in_1_0.bin", "golden/out_1_0.bin"] {
        std::fs::remove_file(project.path(file)).unwrap();
    }
    assert_eq!(project.build(), [COMPILE_TEST, COMPILE_MAIN, LINK, CAST]);
    assert_eq!(project.run("app"), "depth 0\n");
    project.is_built();

    // What was built stays when the model cannot be read.
    let before = project.read("build/castiron/m/libm.a");
    project.write("model.tflite", "none");
    for _ in 0..2 {
        let text = fails(&mut project.building(&[]));
        assert!(
            text.contains("the file is too short to be a .tflite model"),
            "{text}"
        );
        assert!(text.contains("help: check that the download"), "{text}");
    }
    assert_eq!(project.read("build/castiron/m/libm.a"), before);
    project.take(SINE, "model.tflite");
    assert_eq!(project.build(), [CAST]);
    project.is_built();

    // Other arguments are other outputs.
    succeeds(project.configuring("Ninja").arg("-DOPT_LEVEL=3"));
    let steps = project.build();
    assert!(
        steps.contains(&CAST.to_owned()) && steps.contains(&LINK.to_owned()),
        "{steps:?}"
    );
    assert!(
        !steps.contains(&"Linking C executable other".to_owned()),
        "{steps:?}"
    );
    assert_ne!(project.read("build/castiron/m/libm.a"), before);
    project.is_built();
}

#[test]
fn a_changed_shape_makes_another_library() {
    if without(&NINJA) {
        return;
    }
    let project = Project::new(
        "add_executable(app main.c)
castiron_add_model(app MODEL model.tflite NAME m SHAPE keras_tensor=${BATCH}x8x8x2)
",
    );
    project.take(
        "tests/data/models/dynamic_batch_flatten.tflite",
        "model.tflite",
    );
    project.write(
        "main.c",
        "#include <stdio.h>
#include \"m.h\"
int main(void) { printf(\"%d %d\\n\", M_INPUT_0_ELEMENTS, M_OUTPUT_0_ELEMENTS); return 0; }
",
    );
    for (batch, printed) in [("1", "128 3\n"), ("4", "512 12\n")] {
        succeeds(project.configuring("Ninja").arg(define("BATCH", batch)));
        project.build();
        assert_eq!(project.run("app"), printed);
    }
}

/// Two programs with a header each: of one model, and of another with an I/O specification.
fn with_headers() -> Project {
    let project = Project::new(
        "add_executable(one one.c)
castiron_gen_header(one MODEL one.tflite OUTPUT one_model.h NAME ${NAME})
add_executable(two two.c)
castiron_gen_header(two MODEL two.tflite OUTPUT generated/two.h IO_SPEC two.json)
",
    );
    project.write(
        "one.c",
        "#include <stdio.h>
#include \"one_model.h\"
int main(void) { printf(\"%u\\n\", (unsigned)a_model_data_len); return 0; }
",
    );
    project.write(
        "two.c",
        "#include <stdio.h>
#include \"two.h\"
int main(void) { printf(\"%s\\n\", TWO_INPUT_0_NAME); return 0; }
",
    );
    project.take(SINE, "one.tflite");
    project.take(SINE, "two.tflite");
    project.write("two.json", io_spec("angle"));
    project
}

fn io_spec(name: &str) -> String {
    format!(
        "{{\"input\": [{{\"name\": \"{name}\", \"shape\": [1, 1], \"dtype\": \"int8\"}}],
\"output\": [{{\"name\": \"sine\", \"shape\": [1, 1], \"dtype\": \"int8\"}}]}}\n"
    )
}

const HEADER_ONE: &str = "castiron: header of one.tflite";
const HEADER_TWO: &str = "castiron: header of two.tflite";

/// All there is to do for one of the programs.
fn all_of(name: &str) -> Vec<String> {
    let generated = match name {
        "two" => "generated/two.c.o",
        _ => "one_model.c.o",
    };
    let mut all = vec![
        format!("Building C object CMakeFiles/{name}.dir/{name}.c.o"),
        format!("Building C object CMakeFiles/{name}.dir/{generated}"),
        format!("Linking C executable {name}"),
        format!("castiron: header of {name}.tflite"),
    ];
    all.sort();
    all
}

#[test]
fn ninja_makes_again_what_has_changed() {
    if without(&NINJA) {
        return;
    }
    headers_follow("Ninja");
}

#[test]
fn make_makes_again_what_has_changed() {
    if without(&MAKE) {
        return;
    }
    headers_follow("Unix Makefiles");
}

fn headers_follow(generator: &str) {
    let project = with_headers();
    succeeds(project.configuring(generator).arg("-DNAME=a"));
    assert_eq!(project.build().len(), 8);
    let sine = project.read("one.tflite").len();
    assert_eq!(project.run("one"), format!("{sine}\n"));
    assert_eq!(project.run("two"), "angle\n");
    project.is_built();

    project.touch("one.tflite");
    assert_eq!(project.build(), [HEADER_ONE]);
    project.is_built();

    project.take(KWS, "one.tflite");
    assert_eq!(project.build(), all_of("one"));
    assert_ne!(project.run("one"), format!("{sine}\n"));
    project.is_built();

    project.write("two.json", io_spec("phase"));
    assert_eq!(project.build(), all_of("two"));
    assert_eq!(project.run("two"), "phase\n");
    project.is_built();

    project.write("two.json", "{");
    let text = fails(&mut project.building(&[]));
    assert!(text.contains("the I/O specification is not JSON"), "{text}");
    assert!(!text.contains("Linking"), "{text}");
    project.write("two.json", io_spec("phase"));
    assert_eq!(project.build(), [HEADER_TWO]);
    project.is_built();

    // An argument, which only this header depends on.
    project.write(
        "one.c",
        "#include \"one_model.h\"\nint main(void) { return B_MODEL_LEN == 0; }\n",
    );
    succeeds(project.configuring(generator).arg("-DNAME=b"));
    assert_eq!(project.build(), all_of("one"));
    project.is_built();
}

/// A specification beside the model, which is found without being named, and goes away again.
#[test]
fn what_only_castiron_knows_of_is_noticed() {
    for (generator, tools) in [("Ninja", &NINJA), ("Unix Makefiles", &MAKE)] {
        if without(tools) {
            continue;
        }
        let project = Project::new(
            "add_executable(app main.c)\ncastiron_gen_header(app MODEL m.tflite OUTPUT m.h)\n",
        );
        project.take(SINE, "m.tflite");
        project.write("m.tflite.json", io_spec("angle"));
        project.configure(generator);
        project.build();
        let header = || String::from_utf8(project.read("build/m.h")).unwrap();
        assert!(header().contains("\"angle\""));
        project.is_built();
        project.write("m.tflite.json", io_spec("phase"));
        assert!(
            project
                .build()
                .contains(&"castiron: header of m.tflite".to_owned())
        );
        assert!(header().contains("\"phase\""));
        std::fs::remove_file(project.path("m.tflite.json")).unwrap();
        assert!(
            project
                .build()
                .contains(&"castiron: header of m.tflite".to_owned())
        );
        assert!(!header().contains("\"phase\""), "{generator}");
        // Of make's dependencies CMake forgets none, and looks for this one every time.
        if generator == "Ninja" {
            project.is_built();
        }
    }
}

/// Libraries are compiled in one folder, by one command at a time.
#[test]
fn models_are_built_side_by_side() {
    if without(&NINJA) {
        return;
    }
    let project = Project::new(
        "add_executable(first first.c)
castiron_add_model(first MODEL sine.tflite NAME one OPT_LEVEL s)
add_executable(second second.c)
castiron_add_model(second MODEL sine.tflite NAME two OPT_LEVEL s
  SECTION .weights ARENA_SECTION .fast TRACE VERIFY GUARDS SERVER kenning CPU native WITHOUT_PASSES fuse-padding remove-dead)
castiron_gen_header(second MODEL sine.tflite OUTPUT data.h)
# A target of its own that uses a library, too.
add_executable(third first.c)
target_link_libraries(third castiron_one)
",
    );
    project.write(
        "first.c",
        "#include \"one.h\"\nint main(void) { return one_init(); }\n",
    );
    project.write(
        "second.c",
        "#include \"two.h\"
static two_model model;
static void seen(void *context, size_t operator_index, size_t output, const void *data, size_t bytes)
{
    (void)operator_index, (void)output, (void)data, (void)bytes;
    ++*(int *)context;
}
int two_server_read(void) { return -1; }
void two_server_write(const uint8_t *bytes, size_t count) { (void)bytes, (void)count; }
uint64_t two_server_nanoseconds(void) { return 0; }
int main(void)
{
    int operators = 0;
    two_model_init(&model);
    return two_verify() || two_init() || two_server_poll() || two_run() || two_model_run_traced(&model, seen, &operators) || operators < 3;
}
",
    );
    project.take(SINE, "sine.tflite");
    project.configure("Ninja");
    for _ in 0..3 {
        assert_eq!(project.build_with(&["-j", "8"]).len(), 10);
        project.is_built();
        for program in ["first", "second", "third"] {
            project.run(program);
        }
        let bytes = project.read("build/second");
        let file = object::File::parse(&*bytes).unwrap();
        for section in [".weights", ".fast"] {
            assert!(file.section_by_name(section).is_some(), "no {section}");
        }
        succeeds(&mut project.building(&["--target", "clean"]));
        assert!(!project.path("build/castiron/one/libone.a").exists());
    }
}

/// A model that the build itself makes, and several configurations in one folder.
#[test]
fn models_can_be_made_by_the_build() {
    if without(&NINJA) {
        return;
    }
    let project = Project::new(
        "add_custom_command(OUTPUT made.tflite DEPENDS source.tflite
  COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_SOURCE_DIR}/source.tflite made.tflite)
add_executable(app main.c)
castiron_gen_header(app MODEL ${CMAKE_CURRENT_BINARY_DIR}/made.tflite OUTPUT made.h)
",
    );
    project.write(
        "main.c",
        "#include <stdio.h>\n#include \"made.h\"\nint main(void) { printf(\"%d\\n\", MADE_MODEL_LEN); return 0; }\n",
    );
    project.take(SINE, "source.tflite");
    project.configure("Ninja Multi-Config");
    project.build_with(&["--config", "Release"]);
    project.build_with(&["--config", "Debug"]);
    let first = project.run("Debug/app");
    assert_eq!(first, project.run("Release/app"));
    project.take(KWS, "source.tflite");
    project.build_with(&["--config", "Debug"]);
    assert_ne!(first, project.run("Debug/app"));
}

/// Another version of the command makes everything again.
#[cfg(unix)]
#[test]
fn the_command_itself_is_a_dependency() {
    use std::os::unix::fs::PermissionsExt;
    if without(&NINJA) {
        return;
    }
    let project = Project::new(
        "add_executable(app main.c)\ncastiron_gen_header(app MODEL m.tflite OUTPUT m.h)\n",
    );
    project.take(SINE, "m.tflite");
    let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", castiron().display());
    project.write("castiron", script);
    let everyone = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(project.path("castiron"), everyone).unwrap();
    let command = define("CASTIRON_EXECUTABLE", project.path("castiron"));
    succeeds(project.configuring("Ninja").arg(command));
    project.build();
    project.is_built();
    project.touch("castiron");
    assert_eq!(project.build(), ["castiron: header of m.tflite"]);
    project.is_built();
}

/// The board's memories decide, and the devicetree is where they come from.
#[test]
fn the_fit_check_follows_the_devicetree() {
    if without(&NINJA) {
        return;
    }
    let project = Project::new(
        "add_executable(app main.c)
castiron_fit_check(app MODELS one.tflite two.tflite DTS board.dts APP_FLASH 60 APP_RAM 40)
",
    );
    project.take(SINE, "one.tflite");
    project.take(KWS, "two.tflite");
    let board = |sram: &str| {
        let dts = std::fs::read_to_string(shipped("board/tests/data/dts/stm32f4.dts")).unwrap();
        let changed = dts.replace(
            "reg = < 0x20000000 0x18000 >",
            &format!("reg = < 0x20000000 {sram} >"),
        );
        assert!(
            changed.contains(sram),
            "the SRAM of stm32f4.dts is not where it was"
        );
        project.write("board.dts", changed);
    };
    board("0x18000");
    project.configure("Ninja");
    let check = "castiron: checking that the models fit on the board";
    assert!(project.build().contains(&check.to_owned()));
    project.is_built();
    let report = String::from_utf8(project.read("build/castiron/castiron_fit_check.txt")).unwrap();
    assert!(report.contains("It fits"), "{report}");

    board("0x4000");
    for _ in 0..2 {
        let text = fails(&mut project.building(&[]));
        assert!(text.contains("error: this does not fit on"), "{text}");
        assert!(
            text.contains("expected at most 16384 bytes of RAM"),
            "{text}"
        );
        assert!(
            text.contains("help: make the application smaller, or use a larger board"),
            "{text}"
        );
    }
    board("0x18000");
    assert_eq!(project.build(), [check]);
    project.is_built();
}

/// With the option of Zephyr's builds, all models of a target are checked together.
#[test]
fn the_fit_check_can_be_left_to_an_option() {
    if without(&NINJA) {
        return;
    }
    let project = Project::new(
        "set(CONFIG_CASTIRON_FIT_CHECK y)
set(CONFIG_CASTIRON_FIT_APP_FLASH 1)
set(CONFIG_CASTIRON_FIT_APP_RAM 1024)
set(ZEPHYR_DTS ${CMAKE_CURRENT_SOURCE_DIR}/board.dts)
add_executable(app main.c)
castiron_add_model(app MODEL one.tflite OPT_LEVEL s)
castiron_add_model(app MODEL one.tflite NAME two OPT_LEVEL s)
",
    );
    project.take(SINE, "one.tflite");
    project.take("board/tests/data/dts/stm32f4.dts", "board.dts");
    project.configure("Ninja");
    let text = fails(&mut project.building(&["--target", "castiron_fit_check"]));
    assert!(text.contains("this does not fit"), "{text}");
    let report = String::from_utf8(project.read("build/castiron/castiron_fit_check.txt")).unwrap();
    assert_eq!(report.matches("packed weights").count(), 2, "{report}");
    assert_eq!(report.matches("code (estimated)").count(), 2, "{report}");

    project
        .configuring("Ninja")
        .arg("-DCONFIG_CASTIRON_FIT_NO_CODE=y")
        .status()
        .unwrap();
    fails(&mut project.building(&["--target", "castiron_fit_check"]));
    let report = String::from_utf8(project.read("build/castiron/castiron_fit_check.txt")).unwrap();
    assert!(!report.contains("code (estimated)"), "{report}");
}

/// Memories with the sections of a Zephyr build, which follow its devicetree.
#[test]
fn memories_follow_the_devicetree() {
    if without(&NINJA) {
        return;
    }
    let project = Project::new(
        "set(ZEPHYR_DTS ${CMAKE_CURRENT_SOURCE_DIR}/board.dts)
add_executable(app main.c)
castiron_add_model(app MODEL model.tflite NAME m OPT_LEVEL s MEMORIES devicetree sram0=64)
",
    );
    project.write(
        "main.c",
        "#include <stdio.h>
#include \"m.h\"
int main(void) { printf(\"%d %d %d\\n\", M_CCM0_BYTES, M_SRAM0_BYTES, m_init()); return 0; }
",
    );
    project.take(SINE, "model.tflite");
    let board = |bytes: &str| {
        let dts = std::fs::read_to_string(shipped("board/tests/data/dts/stm32f4.dts")).unwrap();
        let region = format!("0x10000000 {bytes}");
        project.write("board.dts", dts.replace("0x10000000 0x10000", &region));
    };
    board("16");
    project.configure("Ninja");
    project.build();
    assert_eq!(project.run("app"), "16 16 0\n");
    project.is_built();
    let archive = project.read("build/castiron/m/libm.a");
    let archive = object::read::archive::ArchiveFile::parse(&*archive).unwrap();
    let member = archive.members().next().unwrap().unwrap();
    let library = project.read("build/castiron/m/libm.a");
    let file = object::File::parse(member.data(&*library).unwrap()).unwrap();
    let ccm = file
        .section_by_name("CCM")
        .expect("the section of the linker script");
    assert_eq!(object::ObjectSection::size(&ccm), 16);

    board("1024");
    assert!(project.build().contains(&CAST.to_owned()));
    assert_eq!(project.run("app"), "32 0 0\n");
    project.is_built();
}

/// A model that a project's file names.
const NAMED: &str = "[model.named]\nfile = \"model.tflite\"\nboard = \"nucleo_f401re\"\n";

/// What a project's file says of all its models, which arguments of one replace; and of one that it names.
#[test]
fn a_library_follows_the_file_of_the_project() {
    if without(&NINJA) {
        return;
    }
    let project = Project::new(
        "add_executable(app main.c)
castiron_add_model(app MODEL model.tflite NAME m OPT_LEVEL s)
castiron_add_model(app MODEL model.tflite NAME own OPT_LEVEL s MEMORIES all=1k)
castiron_add_model(app MODEL named OPT_LEVEL s)
castiron_gen_header(app MODEL named NAME bytes OUTPUT named_model.h)
castiron_fit_check(app MODELS named)
",
    );
    project.write(
        "main.c",
        "#include <stdio.h>
#include \"m.h\"
#include \"own.h\"
#include \"named.h\"
#include \"named_model.h\"
int main(void) { printf(\"%d %d\\n\", M_TCM_BYTES, OWN_ALL_BYTES); return 0; }
",
    );
    project.take(SINE, "model.tflite");
    project.write(
        "castiron.toml",
        format!("[memories]\ntcm = \"16 fast\"\nram = \"1k\"\n{NAMED}"),
    );
    project.configure("Ninja");
    project.build();
    assert_eq!(project.run("app"), "16 32\n");
    project.is_built();
    project.write(
        "castiron.toml",
        format!("[memories]\ntcm = \"1k\"\n{NAMED}"),
    );
    assert!(project.build().contains(&CAST.to_owned()));
    assert_eq!(project.run("app"), "32 32\n");
    project.is_built();
    project.write("castiron.toml", format!("{NAMED}max-flash = 512\n"));
    let text = fails(&mut project.building(&[]));
    for part in [
        "model.tflite: the model takes more flash",
        "castiron.toml, line 4, column 13 says",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    project.write("castiron.toml", "memory = 1\n");
    let text = fails(&mut project.building(&[]));
    assert!(
        text.contains("castiron.toml, line 1, column 1: castiron does not know this key"),
        "{text}"
    );
}
