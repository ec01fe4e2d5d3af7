//! A command that cargo builds from the checkout. A script stands in for cargo: what it is asked for is
//! what matters here.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;

use super::{Project, SINE, castiron, define, fails, shipped, succeeds, without};

#[test]
fn cargo_builds_it_when_there_is_none() {
    for (generator, tool) in [("Ninja", "ninja"), ("Unix Makefiles", "make")] {
        if without(&["cmake", tool, "cc"]) {
            continue;
        }
        let project = Project::new(
            "# No castiron of this machine's.
set(CMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH OFF)
set(CMAKE_FIND_USE_CMAKE_SYSTEM_PATH OFF)
add_executable(app main.c)
castiron_gen_header(app MODEL m.tflite OUTPUT m.h)
castiron_gen_resolver(app MODELS m.tflite OUTPUT ops.h)
add_subdirectory(beside)
",
        );
        project.write(
            "beside/CMakeLists.txt",
            "add_library(beside STATIC ../main.c)
castiron_gen_header(beside MODEL ../m.tflite OUTPUT m.h)
",
        );
        project.take(SINE, "m.tflite");
        project.write("source.rs", "");
        let folder = project.folder.path().display();
        let cargo = format!(
            "#!/bin/sh
echo \"$PWD: $* flags:$RUSTFLAGS$CARGO_BUILD_TARGET\" >> '{folder}/asked'
test -s '{folder}/source.rs' && {{ echo 'error: no' >&2; exit 101; }}
mkdir -p '{folder}/target/release'
cp '{}' '{folder}/target/release/castiron'
echo '{folder}/target/release/castiron: {folder}/source.rs' | sed 's/a project /a\\\\ project\\\\ /g' \
  > '{folder}/target/release/castiron.d'
",
            castiron().display()
        );
        project.write("cargo", cargo);
        let everyone = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(project.path("cargo"), everyone).unwrap();

        let mut configuring = project.configuring(generator);
        configuring
            .arg("-DCASTIRON_EXECUTABLE=")
            .arg(define("CASTIRON_CARGO", project.path("cargo")))
            .arg(define("CASTIRON_TARGET_DIR", project.path("target")));
        let text = succeeds(&mut configuring);
        assert!(
            text.contains("castiron was not found on PATH: it is built from"),
            "{text}"
        );
        let build = |arguments: &[&str]| {
            let mut building = project.building(arguments);
            building
                .env("RUSTFLAGS", "-Cwrong")
                .env("CARGO_BUILD_TARGET", "z80");
            building
        };
        let asked = || String::from_utf8(project.read("asked")).unwrap();
        succeeds(&mut build(&["-j", "4"]));
        let checkout = shipped("").canonicalize().unwrap().display().to_string();
        assert_eq!(
            asked(),
            format!(
                "{checkout}: build --release --locked --quiet --package castiron-cli --manifest-path \
                 {checkout}/Cargo.toml --target-dir {folder}/target flags:\n"
            ),
            "{generator}"
        );
        project.is_built();

        // Its sources are cargo's to name.
        project.touch("source.rs");
        succeeds(&mut build(&[]));
        assert_eq!(asked().lines().count(), 2, "{generator}");
        project.is_built();
        project.write("source.rs", "no");
        let text = fails(&mut build(&[]));
        assert!(text.contains("error: no"), "{text}");
        project.write("source.rs", "");
        succeeds(&mut build(&[]));
        project.is_built();
    }
}
