//! Ways into a project.

use super::{HEAD, Project, SINE, define, fails, shipped, succeeds, without};

const LISTS: &str = "add_executable(app main.c)
castiron_gen_header(app MODEL m.tflite OUTPUT m.h)
";
const PROGRAM: &str = "#include \"m.h\"\nint main(void) { return m_model_data_len == 0; }\n";

fn builds(lists: &str) {
    let project = Project::of(lists);
    project.take(SINE, "m.tflite");
    project.write("main.c", PROGRAM);
    let module = define("MODULE", shipped("zephyr-module"));
    let checkout = define("FETCHCONTENT_SOURCE_DIR_CASTIRON", shipped(""));
    let mut configuring = project.configuring("Ninja");
    succeeds(configuring.args([module, checkout]));
    project.build();
    project.is_built();
    project.run("app");
}

fn with(way: &str) -> String {
    format!("cmake_minimum_required(VERSION 3.20)\nproject(minimal LANGUAGES C)\n{way}\n{LISTS}")
}

#[test]
fn there_are_several_ways_in() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    builds(&with("add_subdirectory(${MODULE} castiron)"));
    // From outside of the folder that has it, and twice.
    builds(&with(
        "add_subdirectory(${MODULE} castiron)\nfind_package(castiron REQUIRED CONFIG)",
    ));
    builds(&with(
        "find_package(castiron REQUIRED CONFIG PATHS ${MODULE}/cmake)",
    ));
    builds(&with(
        "include(FetchContent)
FetchContent_Declare(castiron GIT_REPOSITORY https://example.com/castiron SOURCE_SUBDIR zephyr-module)
FetchContent_MakeAvailable(castiron)",
    ));
    builds(&with("find_package(castiron 0.1 REQUIRED CONFIG)"));
    builds(&with("find_package(castiron 0.1.0 EXACT REQUIRED CONFIG)"));
}

#[test]
fn another_version_is_refused() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    for version in ["9.0", "0.2", "0.0", "1"] {
        let lists = HEAD.replace("castiron REQUIRED", &format!("castiron {version} REQUIRED"));
        let project = Project::of(&lists);
        let text = fails(&mut project.configuring("Ninja"));
        assert!(
            text.contains("castironConfig.cmake, version: 0.1."),
            "{version}: {text}"
        );
    }
}
