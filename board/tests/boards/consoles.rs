//! Which boards have their console: what `docs/boards.md` says of them.

use castiron_board::dts::Devicetree;
use castiron_board::renode::{Platform, PlatformOptions};
use castiron_board::repl::{RescOptions, repl, resc};
use castiron_board::rules::Rules;

/// A devicetree of one device, which is the console.
fn one(compatible: &str, soc: &str, more: &str) -> Devicetree {
    let text = format!(
        "/dts-v1/;\n/ {{ #address-cells = <1>; #size-cells = <1>; compatible = \"{soc}\";
        chosen {{ zephyr,console = &con; }};
        cpus {{ #address-cells = <1>; #size-cells = <0>;
            cpu@0 {{ compatible = \"arm,cortex-m4f\"; reg = <0>; }}; }};
        nvic: nvic@e000e100 {{ compatible = \"arm,v7m-nvic\"; reg = <0xe000e100 0xc00>;
            interrupt-controller; #interrupt-cells = <2>; }};
        con: serial@40000000 {{ compatible = \"{compatible}\"; reg = <0x40000000 0x1000>;
            interrupt-parent = <&nvic>; interrupts = <7 1>, <8 1>; interrupt-names = \"rx\", \"tx\";
            {more} }}; }};\n"
    );
    Devicetree::parse(&text).expect("a devicetree")
}

fn of(tree: &Devicetree, renode: &str) -> Platform {
    let rules = Rules::shipped(Some(renode)).expect("rules");
    Platform::new(tree, &rules, &PlatformOptions::default()).expect("a platform")
}

#[test]
fn consoles_have_the_class_of_their_system() {
    let cases = [
        ("atmel,sam-uart", "atmel,sam3x8e", "UART.SAM_USART"),
        ("atmel,sam-usart", "atmel,same70", "UART.SAM_USART"),
        ("atmel,sam0-uart", "atmel,samd20", "UART.SAMD20_UART"),
        ("atmel,sam0-uart", "atmel,same54", "UART.SAMD5_UART"),
        ("ti,cc13xx-cc26xx-uart", "ti,cc1352r", "UART.PL011"),
        (
            "espressif,esp32-uart",
            "espressif,esp32c6",
            "UART.ESP32_UART",
        ),
        ("neorv32-uart", "neorv32", "UART.NEORV32_UART"),
        (
            "lowrisc,opentitan-uart",
            "lowrisc,opentitan-earlgrey",
            "UART.OpenTitan_UART",
        ),
        (
            "silabs,usart-uart",
            "silabs,efr32mg24",
            "UART.EFR32xG22_USART",
        ),
        (
            "silabs,gecko-usart",
            "silabs,efr32mg12p",
            "UART.EFR32_USART",
        ),
        ("nuvoton,numaker-uart", "nuvoton,m46x", "UART.NS16550"),
        ("xlnx,xuartps", "xlnx,zynq7000", "UART.Cadence_UART"),
    ];
    for (compatible, soc, class) in cases {
        for renode in Rules::versions() {
            // A class that came later.
            if class == "UART.ESP32_UART" && renode == "1.15.3" {
                continue;
            }
            let platform = of(&one(compatible, soc, ""), renode);
            let about = format!("{compatible} of {soc} in Renode {renode}");
            assert!(
                platform.console_is_chosen,
                "{about}: {:?}",
                platform.console_missing
            );
            let mut entries = platform.entries.iter();
            let entry = entries.find(|entry| Some(&entry.name) == platform.console.as_ref());
            let entry = entry.expect("the console");
            assert_eq!(entry.class, class, "{about}");
            assert!(!entry.connections.is_empty(), "{about}: no interrupt");
        }
    }
    // Registers of one byte, or of four.
    let wide = |more| repl(&of(&one("ns16550", "x", more), "1.16.1")).expect("a platform");
    assert!(wide("reg-shift = <2>;").contains("wideRegisters: true"));
    assert!(!wide("reg-shift = <0>;").contains("wideRegisters"));
}

#[test]
fn a_missing_console_is_said_with_the_reason() {
    let missing = |tree: &Devicetree| {
        let platform = of(tree, "1.16.1");
        let text = repl(&platform).expect("a platform");
        let reason = platform.console_missing.expect("a reason");
        assert!(
            text.contains(&format!("// The console has no model: {reason}\n")),
            "{text}"
        );
        assert!(!platform.console_is_chosen);
        reason
    };
    let lines = [
        missing(&one("acme,uart", "x", "")),
        missing(&one("arm,pl011", "x", "status = \"disabled\";")),
        missing(&one("silabs,si32-usart", "x", "reg = <0x40000001 0x10>;")),
        missing(&tree("chosen { };")),
        missing(&tree("chosen { zephyr,console = \"/nowhere\"; };")),
        missing(&tree(
            "chosen { stdout-path = \"serial0:115200n8\"; }; aliases { serial0 = &x; }; x: x { };",
        )),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

/// A devicetree of a processor and what else there is.
fn tree(more: &str) -> Devicetree {
    let text = format!(
        "/dts-v1/;\n/ {{ cpus {{ #address-cells = <1>; #size-cells = <0>;
            cpu@0 {{ compatible = \"riscv\"; reg = <0>; riscv,isa = \"rv32imc\"; }}; }}; {more} }};\n"
    );
    Devicetree::parse(&text).expect("a devicetree")
}

#[test]
fn a_console_over_usb_is_shown_at_the_other_end() {
    let text = "/dts-v1/;\n/ { #address-cells = <1>; #size-cells = <1>;
        chosen { zephyr,console = &acm; };
        cpus { #address-cells = <1>; #size-cells = <0>; cpu@0 { compatible = \"riscv\"; reg = <0>;
            riscv,isa = \"rv32imc\"; }; };
        usbd: usbd@40027000 { compatible = \"nordic,nrf-usbd\"; reg = <0x40027000 0x1000>;
            acm: acm { compatible = \"zephyr,cdc-acm-uart\"; }; }; };\n";
    let tree = Devicetree::parse(text).expect("a devicetree");
    let options = RescOptions {
        name: "usb".to_owned(),
        repl: "/board.repl".to_owned(),
        elf: None,
    };
    let script = resc(&of(&tree, "1.16.1"), &options).expect("a script");
    let connect =
        "sysbus.usbd CreateAndAttachCDCToUARTConverter \"console\"\nshowAnalyzer console\n";
    assert!(script.contains(connect), "{script}");
    // Renode 1.15.3 has no such device.
    let old = of(&tree, "1.15.3");
    let reason = old.console_missing.expect("a reason");
    assert!(
        reason.ends_with("Renode 1.15.3 has no USB.NRF_USBD"),
        "{reason}"
    );
}

/// Boards of the folder that `CASTIRON_SHARED` names that lack their console: Renode 1.15.3 has
/// neither UARTs of ESP32 nor USB. A rule that comes takes its line away.
const WITHOUT: [(&str, &str); 3] = [
    ("esp32c3_devkitm", "1.15.3"),
    ("esp32c6_devkitc", "1.15.3"),
    ("xiao_ble_nrf52840", "1.15.3"),
];

#[test]
fn boards_have_their_consoles() {
    let own = super::own();
    let (ours, others): (Vec<_>, Vec<_>) =
        (super::all().into_iter()).partition(|path| own.contains(path));
    for renode in Rules::versions() {
        let rules = Rules::shipped(Some(renode)).expect("rules");
        // Devicetrees of our own are made to lack something.
        for (paths, may_lack) in [(&ours, true), (&others, false)] {
            let mut with = 0;
            for path in paths {
                let platform = super::platform(path, &rules);
                let name = super::stem(path);
                let Some(reason) = platform.console_missing else {
                    with += 1;
                    continue;
                };
                println!("{name} in Renode {renode}: {reason}");
                let known = may_lack || WITHOUT.contains(&(&name, renode));
                assert!(known, "{name} in Renode {renode}: {reason}");
            }
            let what = if may_lack {
                "devicetrees of our own"
            } else {
                "boards"
            };
            println!(
                "{with} of {} {what} have their console in Renode {renode}",
                paths.len()
            );
        }
    }
}
