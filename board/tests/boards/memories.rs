//! Memories are read in one way: what a platform has is what a build links to, what fits, and what
//! Kenning is told.

use castiron_board::dts::Devicetree;
use castiron_board::facts;
use castiron_board::renode::{Group, Platform, PlatformOptions, Registration, Value};
use castiron_board::rules::Rules;

fn tree(chosen: &str, nodes: &str) -> Devicetree {
    let text = format!(
        "/dts-v1/;\n/ {{ #address-cells = <1>; #size-cells = <1>; chosen {{ {chosen} }};
        cpus {{ #address-cells = <1>; #size-cells = <0>;
            cpu@0 {{ compatible = \"riscv\"; reg = <0>; riscv,isa = \"rv32imc\"; }}; }};
        sram0: memory@20000000 {{ compatible = \"mmio-sram\"; reg = <0x20000000 0x8000>; }}; {nodes} }};\n"
    );
    Devicetree::parse(&text).expect("a devicetree")
}

fn platform(tree: &Devicetree) -> Result<Platform, String> {
    let rules = Rules::shipped(None).expect("rules");
    Platform::new(tree, &rules, &PlatformOptions::default()).map_err(|e| e.to_string())
}

/// Address and size of the memory that stands for a node of `/chosen`.
fn memory(tree: &Devicetree, chosen: &str) -> Option<(u64, u64)> {
    let path = tree.chosen(chosen)?.path();
    let platform = platform(tree).expect("a platform");
    let mut entries = platform.entries.iter();
    let entry = entries.find(|e| e.group == Group::Memories && e.node.as_ref() == Some(&path))?;
    match (&entry.at, &entry.properties[..]) {
        (Registration::Address(address), [(_, Value::Hex(size)), ..]) => Some((*address, *size)),
        _ => None,
    }
}

const SWITCHED_OFF: &str = "flash-controller@400e0a00 { compatible = \"acme,flash-controller\";
    reg = <0x400e0a00 0x200>; status = \"disabled\"; #address-cells = <1>; #size-cells = <1>;
    flash0: flash@80000 { compatible = \"soc-nv-flash\"; reg = <0x80000 0x80000>; }; };";

const ON_SPI: &str = "spi@10014000 { compatible = \"acme,spi\"; reg = <0x10014000 0x1000>, <0x20400000 0xc00000>;
    status = \"disabled\"; #address-cells = <1>; #size-cells = <0>;
    flash0: flash@0 { compatible = \"acme,hyperflash\"; reg = <0>; size = <0x8000000>; status = \"disabled\"; }; };";

#[test]
fn what_a_build_links_to_is_there() {
    let chosen = "zephyr,sram = &sram0; zephyr,flash = &flash0;";
    for (nodes, region) in [
        (SWITCHED_OFF, (0x80000, 0x80000)),
        // The chip has 16 MB, of which the controller shows 12.
        (ON_SPI, (0x2040_0000, 0xc0_0000)),
    ] {
        let tree = tree(chosen, nodes);
        assert_eq!(memory(&tree, "zephyr,flash"), Some(region));
        assert_eq!(memory(&tree, "zephyr,sram"), Some((0x2000_0000, 0x8000)));
        let facts = facts(&tree).expect("facts");
        assert_eq!(facts.memory.flash, Some(region.1));
        assert_eq!(facts.memory.sram, Some(0x8000));
    }
    // What nobody chose and is switched off is not there.
    let tree = tree("zephyr,sram = &sram0;", SWITCHED_OFF);
    assert!(
        platform(&tree)
            .expect("a platform")
            .entries
            .iter()
            .all(|e| e.name != "flash0")
    );
}

#[test]
fn a_chosen_memory_that_is_missing_is_an_error() {
    let chosen = "zephyr,sram = &sram0; zephyr,flash = &flash0;";
    let of_nothing = "flash0: flash { compatible = \"soc-nv-flash\"; };";
    let of_size_0 = "flash0: flash@80000 { compatible = \"soc-nv-flash\"; reg = <0x80000 0>; };";
    let sizeless = "spi@0 { reg = <0 4>; #address-cells = <1>; #size-cells = <0>; flash0: flash@0 { reg = <0>; }; };";
    let mut lines = Vec::new();
    for nodes in [of_nothing, of_size_0, sizeless] {
        let tree = tree(chosen, nodes);
        let error = platform(&tree).expect_err("an error");
        // All who ask get the same answer.
        assert_eq!(facts(&tree).expect_err("an error").to_string(), error);
        lines.push(error);
    }
    let nowhere = tree("zephyr,sram = &sram0; zephyr,flash = \"/nowhere\";", "");
    lines.push(platform(&nowhere).expect_err("an error"));
    // Without a window, a chip has a size and no address: a build can not run from it.
    let hidden = ON_SPI.replace(", <0x20400000 0xc00000>", "");
    let hidden = tree(chosen, &hidden);
    assert_eq!(facts(&hidden).expect("facts").memory.flash, Some(16 << 20));
    lines.push(platform(&hidden).expect_err("an error"));
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn platforms_have_the_memory_that_facts_state() {
    let mut count = 0;
    for path in super::all() {
        let tree = super::tree(&path);
        let facts = facts(&tree).expect("facts");
        for (chosen, size) in [
            ("zephyr,sram", facts.memory.sram),
            ("zephyr,flash", facts.memory.flash),
        ] {
            let Some(size) = size else { continue };
            let platform = platform(&tree).expect("a platform");
            let holds = platform.entries.iter().any(|entry| {
                let of_node = |node: &String| tree.at(node).is_some();
                let size_of = entry
                    .properties
                    .iter()
                    .find_map(|(name, value)| match value {
                        Value::Hex(size) if name == "size" => Some(*size),
                        _ => None,
                    });
                // Memories that share addresses are one.
                entry.group == Group::Memories
                    && entry.node.as_ref().is_some_and(of_node)
                    && size_of.is_some_and(|has| has >= size)
            });
            assert!(holds, "{}: {chosen} of {size} bytes", path.display());
            count += 1;
        }
    }
    println!("{count} chosen memories are in platforms");
}

/// Each with its kind: the RAM of the build without a section, the others with that of Zephyr's linker script.
#[test]
fn a_model_may_have_the_ram_that_is_described() {
    let nodes = "
        dtcm: memory@20010000 { compatible = \"zephyr,memory-region\", \"arm,dtcm\";
            reg = <0x20010000 0x4000>; zephyr,memory-region = \"DTCM\"; };
        sram_2: memory@30000000 { compatible = \"zephyr,memory-region\", \"mmio-sram\";
            reg = <0x30000000 0x8000>; zephyr,memory-region = \"SRAM 2\"; };
        input: sdram@c0000000 { compatible = \"zephyr,memory-region\"; device_type = \"memory\";
            reg = <0xc0000000 0x800000>; zephyr,memory-region = \"SDRAM1\"; zephyr,memory-attr = <0x100000>; };
        shared: memory@20007000 { compatible = \"zephyr,memory-region\", \"mmio-sram\";
            reg = <0x20007000 0x1000>; zephyr,memory-region = \"SHM\"; };
        itcm: memory@0 { compatible = \"zephyr,memory-region\", \"arm,itcm\";
            reg = <0x0 0x4000>; zephyr,memory-region = \"ITCM\"; };
        off: memory@31000000 { compatible = \"zephyr,memory-region\", \"mmio-sram\"; status = \"disabled\";
            reg = <0x31000000 0x4000>; zephyr,memory-region = \"OFF\"; };
        window: memory@90000000 { compatible = \"zephyr,memory-region\", \"mmio-sram\";
            reg = <0x90000000 0x4000000>; zephyr,memory-region = \"QSPI\"; zephyr,memory-attr = <0x2000000>; };
        other: memory@38000000 { compatible = \"zephyr,memory-region\";
            reg = <0x38000000 0x1000>; zephyr,memory-region = \"OTHER\"; };";
    let chosen = "zephyr,sram = &sram0;";
    let rams = castiron_board::rams(&tree(chosen, nodes)).expect("memories");
    let said: Vec<String> = (rams.iter())
        .map(|ram| {
            let section = ram.section.as_deref().unwrap_or("-");
            format!("{} {} {} {section}", ram.name, ram.bytes, ram.speed)
        })
        .collect();
    let expected = [
        "sram0 32768 normal -",
        "dtcm 16384 fast DTCM",
        "sram2 32768 normal SRAM_2",
        // The name would be another's in the generated code.
        "ram_input 8388608 slow SDRAM1",
    ];
    assert_eq!(said, expected);

    let twice = "sram_0: memory@30000000 { compatible = \"zephyr,memory-region\", \"mmio-sram\";
        reg = <0x30000000 0x8000>; zephyr,memory-region = \"S\"; };";
    let error = castiron_board::rams(&tree(chosen, twice)).unwrap_err();
    assert!(error.to_string().contains("have one name"), "{error}");
    let error = castiron_board::rams(&tree("", nodes)).unwrap_err();
    assert!(error.to_string().contains("zephyr,sram"), "{error}");
}
