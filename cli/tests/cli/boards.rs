//! Boards: platforms for Renode and Kenning, what fits, overlays.

use crate::support::{Folder, castiron, failure, json, repository, sine, stdout, vae};

fn dts(name: &str) -> String {
    repository(&format!("codegen/tests/data/dts/{name}.dts"))
}

#[test]
fn a_platform_and_its_script_are_written() {
    let folder = Folder::new();
    let arguments = [
        "board-repl",
        &dts("stm32f4"),
        "-o",
        &folder.path("board.repl"),
        "--resc",
        &folder.path("board.resc"),
        "--elf",
        &folder.path("zephyr.elf"),
        "--depfile",
        &folder.path("board.d"),
    ];
    let summary = stdout(&arguments);
    assert!(
        summary.contains("The console is sysbus.usart2."),
        "{summary}"
    );
    assert!(summary.contains("ti,tca9538"), "{summary}");
    assert!(
        folder
            .read("board.repl")
            .contains("usart2: UART.STM32_UART")
    );
    let script = folder.read("board.resc");
    assert!(
        script.contains(&format!("$elf?=@{}", folder.path("zephyr.elf"))),
        "{script}"
    );
    assert!(script.contains("showAnalyzer sysbus.usart2"), "{script}");
    assert!(folder.read("board.d").contains("stm32f4.dts"));
    // Written again, nothing changes.
    let again = stdout(&arguments);
    assert_eq!(again.matches("unchanged").count(), 3, "{again}");
}

#[test]
fn the_platform_is_json_too() {
    let folder = Folder::new();
    let report = json(&[
        "board-repl",
        &dts("nrf52"),
        "-o",
        &folder.path("board.repl"),
        "--json",
    ]);
    assert_eq!(report["platform"]["console"], "uart0");
    assert_eq!(report["platform"]["console_is_chosen"], false);
    assert_eq!(report["platform"]["renode"], "1.16.1");
    let notes = report["platform"]["notes"].as_array().expect("notes");
    assert!(
        notes
            .iter()
            .any(|note| note["outcome"] == "tagged" && note["compatible"] == "nordic,nrf-ficr")
    );
}

#[test]
fn classes_follow_the_version_of_renode() {
    let new = stdout(&["board-repl", &dts("nrf52")]);
    let old = stdout(&["board-repl", &dts("nrf52"), "--renode", "1.15.3"]);
    assert!(new.contains("Miscellaneous.NRF_CLOCK"), "{new}");
    assert!(old.contains("Miscellaneous.NRF52840_CLOCK"), "{old}");
    assert!(old.contains("Renode 1.15.3 has no USB.NRF_USBD"), "{old}");
}

#[test]
fn rules_of_a_user_count() {
    let folder = Folder::new();
    let rules = folder.write(
        "mine.toml",
        "[[device]]\ncompatible = \"arm,cmsdk-timer\"\nclass = \"Timers.Mine\"\n",
    );
    let text = stdout(&["board-repl", &dts("an385"), "--rules", &rules]);
    assert!(
        text.contains("timer0: Timers.Mine @ sysbus <0x40000000, +0x1000>"),
        "{text}"
    );
}

#[test]
fn board_errors_have_cause_and_remedy() {
    let folder = Folder::new();
    let rules = folder.write("wrong.toml", "[[device]]\nclass = 1\n");
    let cut = folder.write("cut.dts", "/dts-v1/;\n/ {\n\tchosen {\n");
    let no_sram = folder.write("no_sram.dts", "/dts-v1/;\n/ { chosen { }; };\n");
    let yaml = folder.write("platforms.yml", "one:\n  ram_size_kb: 64\n");
    let dts = dts("an385");
    let (model, repl) = (sine(), folder.path("a b.repl"));
    let resc = folder.path("x.resc");
    let cases: [(&[&str], i32, &str); 11] = [
        (
            &["fit", &model, "--board", "nucleo_f401"],
            1,
            "there is no such board",
        ),
        (
            &["fit", &model, "--board", "two", "--platforms", &yaml],
            1,
            "there is no such board",
        ),
        (
            &["fit", &model, "--board", "mps2/an385", "--app-ram", "5000"],
            1,
            "does not fit on mps2/an385",
        ),
        (
            &["fit", &model, "--dts", &no_sram],
            1,
            "the size of the board's RAM is not known",
        ),
        (
            &["memory-overlay", &no_sram, "--sram-kb", "64"],
            1,
            "says nothing of the board's SRAM",
        ),
        (
            &["platforms", &no_sram],
            1,
            "says nothing of the board's SRAM",
        ),
        (
            &["board-repl", &no_sram],
            1,
            "no processor that Renode can simulate",
        ),
        (&["board-repl", &cut], 1, "the file ends within a node"),
        (
            &["board-repl", &dts, "--rules", &rules],
            1,
            "these are no rules",
        ),
        (
            &["board-repl", &dts, "--renode", "1.0"],
            1,
            "does not know the classes of this Renode",
        ),
        (
            &["board-repl", &dts, "-o", &repl, "--resc", &resc],
            2,
            "scripts cannot name",
        ),
    ];
    for (arguments, wanted, cause) in cases {
        let (code, text) = failure(arguments);
        assert_eq!(code, wanted, "{arguments:?}: {text}");
        assert!(text.contains(cause), "{arguments:?}: {text}");
        assert!(text.contains("\n  help: "), "{arguments:?}: {text}");
    }
    let (code, text) = failure(&["board-repl", &dts, "--rules", "no/such.toml"]);
    assert_eq!(code, 3);
    assert!(text.contains("no/such.toml: cannot read"), "{text}");
    // What failed left nothing behind.
    assert_eq!(
        folder.files(),
        ["cut.dts", "no_sram.dts", "platforms.yml", "wrong.toml"]
    );
}

#[test]
fn fitting_is_the_exit_code() {
    let fit = json(&[
        "fit",
        &sine(),
        &vae(),
        "--board",
        "nucleo_f401re",
        "--app-flash",
        "64",
        "--json",
    ]);
    assert_eq!(fit["fits"], true);
    assert_eq!(fit["flash"]["has"], 512 * 1024);
    let items = fit["items"].as_array().expect("items");
    assert_eq!(items.len(), 5);
    let table = stdout(&[
        "fit",
        &sine(),
        "--board",
        "nucleo_f401re",
        "--engine",
        "tflm",
    ]);
    assert!(table.contains("tensor arena"), "{table}");
    let output = castiron(&["fit", &sine(), "--dts", &dts("max32"), "--app-ram", "128"])
        .assert()
        .code(1);
    // The table comes all the same.
    let table = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(
        table.contains("It does not fit on Test board MAX32"),
        "{table}"
    );
}

#[test]
fn platforms_are_merged() {
    let folder = Folder::new();
    let file = folder.write("platforms.yml", "# by hand\nan385:\n  display_name: Mine\n");
    let printed = stdout(&["platforms", &dts("an385")]);
    insta::assert_snapshot!(printed);
    let summary = stdout(&["platforms", &dts("an385"), &dts("imxrt"), "-o", &file]);
    assert!(summary.contains("Added: imxrt."), "{summary}");
    let text = folder.read("platforms.yml");
    assert!(text.starts_with("# by hand\nan385:\n"), "{text}");
    assert!(text.contains("  display_name: Mine\n"), "{text}");
    assert!(text.contains("\nimxrt:\n"), "{text}");
    let fit = json(&[
        "fit",
        &sine(),
        "--board",
        "imxrt",
        "--platforms",
        &file,
        "--json",
    ]);
    assert_eq!(fit["ram"]["has"], 128 * 1024);
}

#[test]
fn the_builds_own_name_of_the_board_is_taken() {
    let folder = Folder::new();
    folder.write(
        ".config",
        "CONFIG_BOARD=\"mps2\"\nCONFIG_BOARD_TARGET=\"mps2/an385\"\n",
    );
    let source = std::fs::read_to_string(dts("an385")).expect("a devicetree");
    let dts = folder.write("zephyr.dts", source);
    assert!(stdout(&["platforms", &dts]).starts_with("mps2/an385:\n"));
}

#[test]
fn an_overlay_enlarges_the_sram() {
    let text = stdout(&["memory-overlay", &dts("an385"), "--sram-kb", "8192"]);
    assert!(
        text.contains("&sram0 {\n\treg = < 0x20000000 0x800000 >;\n};"),
        "{text}"
    );
    let text = stdout(&["memory-overlay", &dts("riscv64"), "--sram-kb", "8388608"]);
    assert!(text.contains("reg = < 0x0 0x80000000 0x2 0x0 >;"), "{text}");
    let (code, text) = failure(&["memory-overlay", &dts("max32"), "--sram-kb", "256"]);
    assert_eq!(code, 1);
    assert!(text.contains("expected: at most 128 KB"), "{text}");
}
