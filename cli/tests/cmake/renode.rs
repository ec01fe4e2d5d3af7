//! The target that simulates the firmware. Renode itself is a program of this test's.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;

use super::{Project, SINE, define, fails, shipped, steps, succeeds, without};

/// Renode's scripts cannot name paths with spaces, which castiron says.
fn project() -> Project {
    let project = Project::new(
        "add_executable(app main.c)
castiron_add_renode_target(DTS board.dts ELF app RULES mine.toml ARGUMENTS --disable-xwt)
set(BOARD my_board)
set(ZEPHYR_DTS ${CMAKE_CURRENT_SOURCE_DIR}/board.dts)
kenning_add_board_repl_target()
",
    );
    project.take("board/tests/data/dts/stm32f4.dts", "board.dts");
    project.write("mine.toml", "");
    project.take(SINE, "m.tflite");
    project
}

#[test]
fn the_platform_follows_the_devicetree() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    let project = project();
    let build = tempfile::Builder::new()
        .prefix("castiron-build-")
        .tempdir()
        .unwrap();
    let folder = build.path();
    let script = "#!/bin/sh\necho \"renode $*\"\ncat \"$2\"\n";
    project.write("fake", script);
    let everyone = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(project.path("fake"), everyone).unwrap();
    let configuring = |renode: &std::path::Path| {
        let mut command = project.configuring("Ninja");
        command.arg("-B").arg(folder).arg(define("RENODE", renode));
        command
    };
    let target = |name: &str| {
        let mut command = super::cmake();
        command.arg("--build").arg(folder).args(["--target", name]);
        command
    };
    succeeds(&mut configuring(&project.path("fake")));

    // It builds the firmware, writes platform and script, and starts the program with it.
    let text = succeeds(&mut target("run_renode"));
    assert!(
        steps(&text).contains(&"Linking C executable app".to_owned()),
        "{text}"
    );
    let script = folder.join("castiron/run_renode.resc");
    assert!(
        text.contains(&format!("renode --disable-xwt {}", script.display())),
        "{text}"
    );
    assert!(
        text.contains(&format!("@{}", folder.join("app").display())),
        "{text}"
    );
    let platform = || std::fs::read_to_string(folder.join("castiron/run_renode.repl")).unwrap();
    assert!(platform().contains("cpu0: CPU.CortexM"), "{}", platform());
    let again = succeeds(&mut target("run_renode"));
    assert!(!again.contains("Renode platform"), "{again}");

    let board = String::from_utf8(project.read("board.dts")).unwrap();
    project.write("board.dts", board.replace("0x18000", "0x24000"));
    let before = platform();
    let text = succeeds(&mut target("run_renode"));
    assert!(text.contains("castiron: Renode platform"), "{text}");
    assert_ne!(before, platform());
    project.write("mine.toml", "nonsense");
    let text = fails(&mut target("run_renode"));
    assert!(text.contains("mine.toml"), "{text}");
    assert!(!text.contains("renode --disable-xwt"), "{text}");
    project.write("mine.toml", "");

    // Kenning's target.
    assert!(!folder.join("my_board.repl").exists());
    succeeds(&mut target("board-repl"));
    let repl = || std::fs::read_to_string(folder.join("my_board.repl")).unwrap();
    assert!(repl().contains("0x24000"), "{}", repl());
    let text = succeeds(&mut target("board-repl"));
    assert!(text.contains("no work to do"), "{text}");
    project.write("board.dts", board);
    succeeds(&mut target("board-repl"));
    assert!(!repl().contains("0x24000"), "{}", repl());
    project.write("board.dts", "/dts-v1/; / {");
    let text = fails(&mut target("board-repl"));
    assert!(
        text.contains("error: ") && text.contains("board.dts"),
        "{text}"
    );
    assert!(folder.join("my_board.repl").exists());

    // Without Renode only the target that needs it fails.
    project.take("board/tests/data/dts/stm32f4.dts", "board.dts");
    succeeds(
        configuring(std::path::Path::new("")).arg("-DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=OFF"),
    );
    succeeds(&mut target("all"));
    let text = fails(&mut target("run_renode"));
    assert!(
        text.contains("castiron: Renode was not found on PATH"),
        "{text}"
    );
    assert!(
        text.contains("help: install it from https://renode.io and configure the build again, or give its path with -DRENODE=…"),
        "{text}"
    );
}

/// Renode's scripts cannot name such paths.
#[test]
fn a_path_with_a_space_is_refused() {
    if without(&["cmake", "ninja", "cc"]) {
        return;
    }
    let project = project();
    project.configure("Ninja");
    let text = fails(&mut project.building(&["--target", "run_renode"]));
    assert!(text.contains("Renode's scripts cannot name"), "{text}");
    assert!(
        text.contains("help: choose a path without spaces"),
        "{text}"
    );
    assert!(shipped("zephyr-module").exists());
}
