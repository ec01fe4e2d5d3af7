//! Boards: platforms for Renode and Kenning, what fits, overlays.

use crate::support::{Ends as _, Folder, castiron, failure, json, repository, sine, stdout, vae};

fn dts(name: &str) -> String {
    repository(&format!("board/tests/data/dts/{name}.dts"))
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
    assert_eq!(report["platform"]["console"], "usbd");
    assert_eq!(report["platform"]["console_is_chosen"], true);
    assert_eq!(report["platform"]["renode"], "1.16.1");
    let notes = report["platform"]["notes"].as_array().expect("notes");
    assert!(
        notes
            .iter()
            .any(|note| note["outcome"] == "tagged" && note["compatible"] == "nordic,nrf-ficr")
    );
}

#[test]
fn a_missing_console_is_said() {
    let folder = Folder::new();
    let (repl, resc) = (folder.path("board.repl"), folder.path("board.resc"));
    let command = |dts: &str, more: &[&str]| {
        let words = ["board-repl", dts, "-o", &repl, "--resc", &resc];
        stdout(&[&words[..], more].concat())
    };
    let summary = command(&dts("nrf52"), &["--renode-version", "1.15.3"]);
    let said =
        "(zephyr,cdc-acm-uart): Renode 1.15.3 has no USB.NRF_USBD. sysbus.uart0 is shown instead.";
    assert!(summary.contains(said), "{summary}");
    let script = folder.read("board.resc");
    assert!(
        script.contains("# The console has no model: /soc/usbd"),
        "{script}"
    );
    assert!(script.contains("showAnalyzer sysbus.uart0"), "{script}");
    let summary = command(&dts("arm64"), &[]);
    assert!(
        summary.contains("Nothing shows what firmware prints."),
        "{summary}"
    );
    assert!(!folder.read("board.resc").contains("showAnalyzer"));
}

#[test]
fn classes_follow_the_version_of_renode() {
    let new = stdout(&["board-repl", &dts("nrf52")]);
    let old = stdout(&["board-repl", &dts("nrf52"), "--renode-version", "1.15.3"]);
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

/// What commands say, with their exit codes, in a form that does not depend on where it runs.
fn said(folder: &Folder, commands: &[&[&str]]) -> String {
    let mut said = String::new();
    for command in commands {
        let (code, text) = failure(command);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines.len(),
            2,
            "{command:?}: one line of cause, one of remedy: {text}"
        );
        assert!(lines[0].starts_with("error: "), "{command:?}: {text}");
        assert!(lines[1].starts_with("  help: "), "{command:?}: {text}");
        let lines = [command.join(" "), format!("{code}: {text}")].join("\n");
        said += &lines
            .replace(&folder.path(""), "")
            .replace(&repository("board/tests/data/dts/"), "")
            .replace(&repository("examples/models/"), "");
        said.push('\n');
    }
    said
}

#[test]
fn errors_of_fit_have_cause_and_remedy() {
    let folder = Folder::new();
    let no_sram = folder.write("no_sram.dts", "/dts-v1/;\n/ { chosen { }; };\n");
    let nowhere = "/dts-v1/;\n/ { chosen { zephyr,sram = &sram0; }; };\n";
    let nowhere = folder.write("nowhere.dts", nowhere);
    let sizeless = "/dts-v1/;\n/ { chosen { zephyr,sram = &s; }; s: memory { }; };\n";
    let sizeless = folder.write("sizeless.dts", sizeless);
    let yaml = "one/soc:\n  flash_size_kb: 64\ntwo/soc:\n  ram_size_kb: much\n";
    let yaml = folder.write("platforms.yml", yaml);
    let list = folder.write("list.yml", "- one\n");
    let no_yaml = folder.write("no.yml", "a: [\n");
    let (missing, sine, vae) = (folder.path("none"), sine(), vae());
    let with_dts = |dts| ["fit", &sine, "--dts", dts];
    let on = |board, more: &[&'static str]| {
        let words = ["fit", &sine, "--board", board].map(str::to_owned);
        let more = more.iter().map(|word| (*word).to_owned());
        words.into_iter().chain(more).collect::<Vec<String>>()
    };
    let listed = |board, file| ["fit", &sine, "--board", board, "--platforms", file];
    let on_boards = [
        on("nosuch", &[]),
        on("nucleo_f401", &[]),
        on("hifive_unmatched", &[]),
        on("mps2/an385", &["--app-ram", "5000"]),
        on("nucleo_f401re", &["--app-flash", "512"]),
        on("nucleo_f401re", &["--app-flash", "511"]),
        on("nucleo_f401re", &["--app-flash", "600", "--app-ram", "100"]),
        on("nucleo_f401re", &["--engine", "tflm", "--app-ram", "95"]),
    ];
    let on_boards: Vec<Vec<&str>> = (on_boards.iter())
        .map(|words| words.iter().map(String::as_str).collect())
        .collect();
    let mut commands: Vec<&[&str]> = on_boards.iter().map(Vec::as_slice).collect();
    let others: [&[&str]; 11] = [
        &[
            "fit",
            &sine,
            &vae,
            "--board",
            "nucleo_f401re",
            "--app-ram",
            "96",
        ],
        &listed("onne", &yaml),
        &listed("zzz", &yaml),
        &listed("one", &yaml),
        &listed("two", &yaml),
        &listed("one", &list),
        &listed("one", &no_yaml),
        &with_dts(&no_sram),
        &with_dts(&nowhere),
        &with_dts(&sizeless),
        &with_dts(&missing),
    ];
    commands.extend(others);
    insta::assert_snapshot!(said(&folder, &commands));
}

#[test]
fn errors_about_devicetrees_have_cause_and_remedy() {
    let folder = Folder::new();
    let no_sram = folder.write("no_sram.dts", "/dts-v1/;\n/ { chosen { }; };\n");
    let cut = folder.write("cut.dts", "/dts-v1/;\n/ {\n\tchosen {\n");
    let include = folder.write("include.dts", "/dts-v1/;\n#include <soc.dtsi>\n");
    let macros = folder.write("macro.dts", "/dts-v1/;\n/ { reg = <BASE 4>; };\n");
    let reference = "/dts-v1/;\n/ { };\n&uart0 { status = \"okay\"; };\n";
    let reference = folder.write("reference.dts", reference);
    let empty = folder.write("empty.dts", "");
    let binary = folder.write("binary.dts", [0xd0, 0x0d, 0xfe, 0xed]);
    let (missing, no_yaml) = (folder.path("none"), folder.write("no.yml", "a: [\n"));
    let (an385, repl, resc) = (dts("an385"), folder.path("a b.repl"), folder.path("x.resc"));
    let commands: [&[&str]; 14] = [
        &["memory-overlay", &no_sram, "--sram-kb", "64"],
        &["memory-overlay", &an385, "--sram-kb", "0"],
        &["memory-overlay", &an385, "--sram-kb", "1000000"],
        &["platforms", &no_sram],
        &["platforms", &an385, "-o", &no_yaml],
        &["board-repl", &no_sram],
        &["board-repl", &cut],
        &["board-repl", &include],
        &["board-repl", &macros],
        &["platforms", &reference],
        &["memory-overlay", &empty, "--sram-kb", "64"],
        &["board-repl", &binary],
        &["board-repl", &missing],
        &["board-repl", &an385, "-o", &repl, "--resc", &resc],
    ];
    insta::assert_snapshot!(said(&folder, &commands));
    // What failed wrote nothing.
    assert_eq!(folder.files().len(), 8);
}

#[test]
fn errors_about_rules_have_cause_and_remedy() {
    let folder = Folder::new();
    let an385 = dts("an385");
    let device = "[[device]]\ncompatible = \"arm,cmsdk-uart\"\nclass = \"UART.STM32_UART\"\n";
    let files = [
        ("text.toml", "this is text".to_owned()),
        ("key.toml", "[[device]]\nclas = \"UART.X\"\n".to_owned()),
        ("table.toml", "[[devices]]\n".to_owned()),
        (
            "lacking.toml",
            "[[device]]\nclass = \"UART.X\"\n".to_owned(),
        ),
        ("number.toml", "[[device]]\nclass = 1\n".to_owned()),
        ("renode.toml", format!("{device}renode = \"9.9\"\n")),
        (
            "value.toml",
            format!("{device}properties.x = {{ y = 1 }}\n"),
        ),
        (
            "parameter.toml",
            format!("{device}properties.frequenzy = 1\n"),
        ),
        ("output.toml", format!("{device}interrupts = [\"Irq\"]\n")),
        ("words.toml", format!("{device}interrupts = \"all\"\n")),
        (
            "class.toml",
            "[class.\"UART.X\"]\nparameters = \"size\"\n".to_owned(),
        ),
    ];
    let mut paths: Vec<String> = (files.iter())
        .map(|(name, text)| folder.write(name, text))
        .collect();
    paths.push(folder.write("binary.toml", [0xff, 0xfe]));
    paths.push(folder.path("none.toml"));
    let commands: Vec<[&str; 4]> = (paths.iter())
        .map(|path| ["board-repl", &an385, "--rules", path])
        .collect();
    let mut commands: Vec<&[&str]> = commands.iter().map(<[_; 4]>::as_slice).collect();
    let versions =
        ["9.9", "1.16", "1.0"].map(|version| ["board-repl", &an385, "--renode-version", version]);
    commands.extend(versions.iter().map(<[_; 4]>::as_slice));
    insta::assert_snapshot!(said(&folder, &commands));
}

#[test]
fn a_class_on_trust_names_the_one_that_is_like_it() {
    let folder = Folder::new();
    let rule = "[[device]]\ncompatible = \"arm,cmsdk-timer\"\nclass = \"UART.STM32_UARTS\"\n";
    let rules = folder.write("mine.toml", rule);
    let text = stdout(&["board-repl", &dts("an385"), "--rules", &rules]);
    assert!(
        text.contains("does not know its parameters; it knows those of UART.STM32_UART"),
        "{text}"
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
    assert_eq!(items.len(), 7);
    let code = fit["code"]["bytes"].as_u64().expect("an estimate");
    assert!((4000..10000).contains(&code), "{code}");
    let close = [
        "fit",
        &sine(),
        "--board",
        "nucleo_f401re",
        "--app-flash",
        "511",
    ];
    castiron(&close).fails(1);
    stdout(&[&close[..], &["--no-code"]].concat());
    let table = stdout(&[
        "fit",
        &sine(),
        "--board",
        "nucleo_f401re",
        "--engine",
        "tflm",
    ]);
    assert!(table.contains("tensor arena"), "{table}");
    let output = castiron(&["fit", &sine(), "--dts", &dts("max32"), "--app-ram", "128"]).fails(1);
    // The table comes all the same.
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        table.contains("It does not fit on Test board MAX32"),
        "{table}"
    );
}

#[test]
fn an_estimate_for_another_processor_says_so() {
    let other = "castiron has other kernels for a cortex-m3";
    let table = stdout(&["fit", &sine(), "--dts", &dts("an385")]);
    assert!(table.contains(other), "{table}");
    let table = stdout(&["fit", &sine(), "--dts", &dts("an385"), "--no-code"]);
    assert!(!table.contains(other), "{table}");
    let table = stdout(&["fit", &sine(), "--board", "nucleo_f401re"]);
    assert!(!table.contains("other kernels"), "{table}");
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
    assert!(text.contains("expected at most 128 KB"), "{text}");
}

#[test]
fn boards_are_listed() {
    let all = json(&["boards", "--json"]);
    let all = all.as_array().expect("a list");
    assert!(all.len() > 30);
    for board in all.iter().step_by(10) {
        let name = board["name"].as_str().expect("a name");
        assert!(board["ram_kb"].is_u64(), "{name}");
        stdout(&["fit", &sine(), "--board", name]);
    }
    let some = stdout(&["boards", "NUCLEO"]);
    assert!(
        some.contains("nucleo_f401re") && !some.contains("mps2"),
        "{some}"
    );
    assert!(stdout(&["boards", "cortex-m33"]).contains("cortex-m33"));
    let (code, text) = failure(&["boards", "no such board"]);
    assert!(code == 1 && text.contains("--dts"), "{text}");
}
