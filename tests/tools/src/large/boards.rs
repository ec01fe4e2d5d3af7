//! The families of devicetrees.

use std::fmt::Write as _;

/// The source of a devicetree of about so many nodes.
type Family = fn(usize) -> String;

/// The families of devicetrees, by name.
pub const DEVICETREES: &[(&str, Family)] = &[
    ("nodes without a model", |n| {
        board(n, |i| {
            format!(
                "d{i}: dev@{i:x}000 {{ compatible = \"acme,dev\"; reg = <0x{i:x}000 0x100>; }};"
            )
        })
    }),
    ("nodes at one place", |n| {
        board(n, |i| {
            format!("d{i}: dev@{i} {{ compatible = \"acme,dev\"; reg = <0x1000 0x100>; }};")
        })
    }),
    ("nodes of one name", |n| {
        board(n, |i| {
            format!("uart@{i:x}000 {{ compatible = \"arm,pl011\"; reg = <0x{i:x}000 0x100>; }};")
        })
    }),
    ("memories", |n| {
        board(n, |i| {
            format!(
                "m{i}: mem@{i:x}000 {{ compatible = \"mmio-sram\"; reg = <0x{i:x}000 0x1000>; }}; \
                 u{i}: uart@{i:x}000 {{ compatible = \"arm,pl011\"; reg = <0x{i:x}000 0x100>; }};"
            )
        })
    }),
    ("nodes of nothing", |n| {
        board(n, |i| format!("a{i:x} {{ }};"))
    }),
    ("RAM everywhere", |n| {
        board(n, |i| {
            format!("u@{i:x} {{ compatible = \"mmio-sram\"; reg = <{i} 1>; }};")
        })
    }),
    ("interrupts of one node", |n| {
        let interrupts = "0 0 ".repeat(10 * n);
        board(1, |_| {
            format!(
                "uart@1000 {{ compatible = \"arm,pl011\"; reg = <0x1000 0x100>; \
                 interrupt-parent = <&nvic>; interrupts = <{interrupts}>; }};"
            )
        })
    }),
    ("names of one node", |n| {
        let names = ", \"x\"".repeat(10 * n);
        board(1, |_| {
            format!("dev@1000 {{ compatible = \"acme,dev\"{names}; reg = <0x1000 0x100>; }};")
        })
    }),
    ("labels of one node", |n| {
        let labels: String = (0..n).map(|i| format!("l{i}: ")).collect();
        board(1, |_| {
            format!("{labels} dev@1000 {{ reg = <0x1000 0x100>; }};")
        })
    }),
    ("LEDs", |n| {
        let mut leds = String::from(
            "gpio0: gpio@50000000 { compatible = \"nordic,nrf-gpio\"; reg = <0x50000000 0x1000>; }; \
             leds { compatible = \"gpio-leds\";",
        );
        for i in 0..n {
            let _ = write!(leds, "l{i}: led_{i} {{ gpios = <&gpio0 {i} 0>; }};");
        }
        board(1, |_| format!("{leds} }};"))
    }),
    ("deleted nodes", |n| {
        let deleted: String = (0..n).map(|i| format!("/delete-node/ dev@{i};")).collect();
        let nodes = board(n, |i| format!("d{i}: dev@{i} {{ reg = <{i} 1>; }};"));
        format!("{nodes}\n/ {{ soc {{ {deleted} }}; }};")
    }),
];

/// A Cortex-M4 with `n` nodes below `/soc`.
fn board(n: usize, node: impl Fn(usize) -> String) -> String {
    let nodes: String = (0..n).map(|i| node(i) + "\n").collect();
    format!(
        "/dts-v1/;\n/ {{ model = \"large\"; compatible = \"acme,large\"; #address-cells = <1>; #size-cells = <1>;\n\
         chosen {{ zephyr,sram = &sram0; }};\n\
         cpus {{ #address-cells = <1>; #size-cells = <0>; cpu@0 {{ compatible = \"arm,cortex-m4f\"; reg = <0>; \
         clock-frequency = <64000000>; }}; }};\n\
         soc {{ #address-cells = <1>; #size-cells = <1>; ranges;\n\
         sram0: memory@e0000000 {{ compatible = \"mmio-sram\"; reg = <0xe0000000 0x10000>; }};\n\
         nvic: interrupt-controller@e000e100 {{ compatible = \"arm,v7m-nvic\"; reg = <0xe000e100 0xc00>; \
         interrupt-controller; #interrupt-cells = <2>; }};\n\
         {nodes} }};\n}};\n"
    )
}
