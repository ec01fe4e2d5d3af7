use castiron_board::dts::*;
use proptest::prelude::*;

const SOURCE: &str = r#"
/dts-v1/;
/memreserve/ 0x0 0x1000;
// A comment, and /* another */
/ {
	#address-cells = <1>;
	#size-cells = <1>;
	model = "a \"board\"\n";
	chosen { zephyr,console = &uart; stdout-path = "/bus@1000/uart@10:115200n8"; };
	aliases { serial = &{/bus@1000/uart@10}; };
	intc: one: controller { interrupt-controller; #interrupt-cells = <2>; phandle = <0x7>; };
	other: other { #interrupt-cells = <0>; };
	bus@1000 {
		#address-cells = <1>;
		#size-cells = <1>;
		ranges = <0x0 0x1000 0x100>;
		interrupt-parent = <7>;
		uart: uart@10 {
			compatible = "best,uart", "good,uart";
			reg = <0x10 0x8>, <0x200 0x8>;
			interrupts = <5 1 6 2>;
			interrupt-names = "rx", "tx";
			bytes = [ 00 fF ];
			letters = <'a' '\n'>;
		};
		off { status = "disabled"; child: child@1 { reg = <1 1>; }; };
	};
	flash-controller@1 {
		#address-cells = <1>;
		#size-cells = <1>;
		flash@8000 { reg = <0x8000 0x1000>; };
	};
	extended {
		interrupts-extended = <&intc 1 0>, <&other>, <&{/controller} 3 0>;
	};
};
&uart { current-speed = <115200>; /delete-property/ bytes; };
/delete-node/ &other;
"#;

#[test]
fn a_tree_answers() {
    let tree = Devicetree::parse(SOURCE).expect("source");
    let uart = tree.labelled("uart").expect("a label");
    assert_eq!(uart.path(), "/bus@1000/uart@10");
    assert_eq!(tree.root().text("model"), Some("a \"board\"\n"));
    assert_eq!(
        uart.compatibles().collect::<Vec<_>>(),
        ["best,uart", "good,uart"]
    );
    assert_eq!(uart.number("current-speed"), Some(115_200));
    assert!(!uart.has("bytes"), "deleted");
    assert_eq!(
        uart.cells("letters"),
        [&Cell::Number(97), &Cell::Number(110)]
    );
    for chosen in [
        tree.chosen("zephyr,console"),
        tree.chosen("stdout-path"),
        tree.alias("serial"),
    ] {
        assert!(chosen == Some(uart));
    }
    assert!(tree.labelled("other").is_none(), "deleted");
    assert!(!tree.labelled("child").expect("a label").is_enabled());
    assert!(uart.is_enabled());
    assert_eq!(
        tree.labelled("intc").map(|n| n.path()),
        tree.labelled("one").map(|n| n.path())
    );
}

#[test]
fn addresses_are_translated() {
    let tree = Devicetree::parse(SOURCE).expect("source");
    let uart = tree.labelled("uart").expect("a label");
    let translated = Region {
        address: 0x1010,
        size: 8,
    };
    // Beyond the range, addresses are the processor's own, as they are without `ranges`.
    let beyond = Region {
        address: 0x200,
        size: 8,
    };
    assert_eq!(uart.registers(), [translated, beyond]);
    let flash = tree.at("/flash-controller@1/flash@8000").expect("a node");
    assert_eq!(
        flash.registers(),
        [Region {
            address: 0x8000,
            size: 0x1000
        }]
    );
}

#[test]
fn interrupts_find_their_controller() {
    let tree = Devicetree::parse(SOURCE).expect("source");
    let shown = |path: &str| -> Vec<_> {
        let node = tree.at(path).expect("a node");
        let interrupts = node.interrupts().into_iter();
        interrupts
            .map(|i| (i.controller.path(), i.cells, i.name.map(str::to_owned)))
            .collect()
    };
    let controller = || "/controller".to_owned();
    assert_eq!(
        shown("/bus@1000/uart@10"),
        [
            (controller(), vec![5, 1], Some("rx".to_owned())),
            (controller(), vec![6, 2], Some("tx".to_owned())),
        ]
    );
    // What points nowhere ends the list: how many cells it takes is not known.
    assert_eq!(shown("/extended"), [(controller(), vec![1, 0], None)]);
}

#[test]
fn errors_have_a_place_and_a_remedy() {
    let cases = [
        ("", "the file has no devicetree", (1, 1)),
        ("/ {\n\ta = <1", "this is not devicetree source", (2, 8)),
        ("/ {\n\ta = <(1 + 2)>;\n};", "an expression", (2, 7)),
        ("#include <x.dtsi>\n/ { };", "is not preprocessed", (1, 1)),
        (
            "/ {\n\tx = \"never ends;\n};",
            "this is not devicetree source",
            (3, 3),
        ),
        (
            "/ {\n\tnode {\n\t};\n",
            "the file ends within a node",
            (4, 1),
        ),
        ("/ {\n};\n};", "the end of a node has no beginning", (3, 1)),
        ("x = <1>;", "a property is outside of all nodes", (1, 1)),
        (
            "/ { };\n&nowhere { };",
            "the extended node does not exist",
            (2, 1),
        ),
        (
            "/ {\n\ta = <99999999999999999999>;\n};",
            "this is not devicetree source",
            (2, 7),
        ),
    ];
    for (source, message, position) in cases {
        let error = Devicetree::parse(source).expect_err(source);
        let diagnostic = &error.diagnostics()[0];
        assert!(diagnostic.message.contains(message), "{source}: {error}");
        assert!(diagnostic.help.is_some(), "{source}: {error}");
        let (line, column) = diagnostic.place.position.expect("a place");
        assert_eq!((line, column), position, "{source}: {error}");
    }
}

#[test]
fn depth_is_bounded() {
    let source = format!("/ {{ {}", "a { ".repeat(100_000));
    let error = Devicetree::parse(&source).expect_err("too deep");
    assert!(error.to_string().contains("nested deeper"), "{error}");
}

#[test]
fn the_number_of_nodes_is_bounded() {
    let nodes = |count: u32| -> String { (0..count).map(|i| format!("n{i} {{ }};")).collect() };
    let error = Devicetree::parse(&format!("/ {{ {} }};", nodes(1 << 14))).expect_err("too many");
    assert!(error.to_string().contains("at most 16384 nodes"), "{error}");
    Devicetree::parse(&format!("/ {{ {} }};", nodes(10_000))).expect("a devicetree");
}

proptest! {
    #![proptest_config(crate::unit::settings())]

    #[test]
    fn damaged_source_does_not_panic(at in 0..SOURCE.len(), len in 0..40_usize, put in "[{}<>;=&\"/a0 \\[\\]*']{0,4}") {
        let end = (at + len).min(SOURCE.len());
        let source = format!("{}{put}{}", &SOURCE[..at], &SOURCE[end..]);
        if let Ok(tree) = Devicetree::parse(&source) {
            for node in tree.nodes() {
                node.registers();
                node.interrupts();
            }
        }
    }
}
