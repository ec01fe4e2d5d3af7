//! Devicetrees to Renode platforms: goldens, checks of every word against the tables of Renode's
//! classes, and Renode itself where it is installed.

mod check;
mod consoles;
mod facts;
mod memories;
mod renode;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use castiron_board::dts::Devicetree;
use castiron_board::renode::{Platform, PlatformOptions};
use castiron_board::repl::{RescOptions, repl, resc};
use castiron_board::rules::{InterruptRule, PropertyRule, Rules};
use castiron_test_tools::{folder, skipped};
use cpu_time::ThreadTime;

/// Boards of this repository.
fn own() -> Vec<PathBuf> {
    in_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dts"))
}

/// Boards of this repository and, if there, those of the shared folder.
fn all() -> Vec<PathBuf> {
    let mut files = own();
    if let Some(shared) = folder("CASTIRON_SHARED") {
        match shared.join("dts") {
            dts if dts.is_dir() => files.extend(in_folder(&dts)),
            dts => skipped(&format!("{} is not there", dts.display()), false),
        }
    }
    files
}

fn in_folder(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of devicetrees");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = paths
        .filter(|p| p.extension().is_some_and(|e| e == "dts"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} has devicetrees", folder.display());
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .expect("a name")
        .to_string_lossy()
        .into_owned()
}

fn tree(path: &Path) -> Devicetree {
    let text = fs::read_to_string(path).expect("a devicetree");
    Devicetree::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn platform(path: &Path, rules: &Rules) -> Platform {
    Platform::new(&tree(path), rules, &PlatformOptions::default())
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn platforms_are_as_before() {
    let rules = Rules::shipped(None).expect("rules");
    for path in own() {
        let text = repl(&platform(&path, &rules)).expect("a platform");
        insta::assert_snapshot!(stem(&path), text);
    }
}

#[test]
fn every_board_converts_for_every_renode() {
    let paths = all();
    for version in Rules::versions() {
        let rules = Rules::shipped(Some(version)).expect("rules");
        for path in &paths {
            let platform = platform(path, &rules);
            let text = repl(&platform).expect("a platform");
            check::check(&text, &rules.types)
                .unwrap_or_else(|e| panic!("{} for Renode {version}: {e}", path.display()));
            assert!(
                !text.contains("://"),
                "{} fetches something",
                path.display()
            );
            assert_eq!(text, repl(&platform).expect("a platform"), "the same twice");
        }
        println!(
            "{} devicetrees for Renode {version}: all convert and check",
            paths.len()
        );
    }
}

#[test]
fn every_node_has_a_place() {
    let rules = Rules::shipped(None).expect("rules");
    for path in all() {
        let tree = tree(&path);
        let platform = platform(&path, &rules);
        let entries = platform
            .entries
            .iter()
            .filter_map(|entry| entry.node.clone());
        let notes = platform.notes.iter().map(|note| note.node.clone());
        let named: BTreeSet<String> = entries.chain(notes).collect();
        for node in tree.nodes() {
            let is_device = node.has("reg") && node.has("compatible") && node.is_enabled();
            if is_device && !named.contains(&node.path()) {
                panic!(
                    "{}: {} is neither emitted nor listed",
                    path.display(),
                    node.path()
                );
            }
        }
    }
}

#[test]
fn rules_name_what_renode_has() {
    let mut found = BTreeSet::new();
    let mut wanted = BTreeSet::new();
    for version in Rules::versions() {
        let Rules { all, types } = Rules::shipped(Some(version)).expect("rules");
        for rule in &all.device {
            wanted.insert((rule.compatible.clone(), rule.class.clone()));
            let parameters = rule.properties.keys().map(String::as_str);
            if types
                .refuses(&rule.class, parameters, rule.interrupts.outputs())
                .is_some()
            {
                continue;
            }
            found.insert((rule.compatible.clone(), rule.class.clone()));
            let class = types.class(&rule.class).expect("a class");
            for (name, value) in &rule.properties {
                let parameter = class.parameters.iter().find(|p| p.name == *name);
                let kind = &parameter.expect("a parameter").kind;
                let fits = match value {
                    PropertyRule::Flag(_) => kind == "Boolean",
                    PropertyRule::Text(_) => kind == "String",
                    PropertyRule::Raw { raw } => check::is_member(raw, kind),
                    PropertyRule::Node { .. } | PropertyRule::Label { .. } => {
                        !check::is_number(kind) && kind != "String" && kind != "Boolean"
                    }
                    _ => check::is_number(kind),
                };
                assert!(
                    fits,
                    "{}.{name} of Renode {version} is a {kind}",
                    rule.class
                );
            }
            if let InterruptRule::Word(_) = rule.interrupts {
                assert!(
                    class.numbered || rule.interrupts.outputs().is_empty(),
                    "{}",
                    rule.class
                );
            }
        }
        for selector in all.pins.iter().filter_map(|rule| rule.selector.as_ref()) {
            let refused = types.refuses(&selector.class, [], ["0"]);
            assert!(refused.is_none(), "{refused:?}");
        }
        for rule in &all.controller {
            let Some(class) = &rule.class else { continue };
            let class = types.class(class).expect("a class");
            for name in rule.properties.keys() {
                assert!(class.parameters.iter().any(|p| p.name == *name), "{name}");
            }
        }
        for rule in &all.cpu {
            for class in [Some(&rule.class), rule.class64.as_ref()]
                .into_iter()
                .flatten()
            {
                assert!(
                    types.class(class).is_some(),
                    "Renode {version} has no {class}"
                );
            }
        }
    }
    let nowhere: Vec<_> = wanted.difference(&found).collect();
    assert!(
        nowhere.is_empty(),
        "rules that hold in no Renode: {nowhere:?}"
    );
}

#[test]
fn a_users_rules_come_first() {
    let path = own()
        .into_iter()
        .find(|path| stem(path) == "max32")
        .expect("a devicetree");
    let mut rules = Rules::shipped(None).expect("rules");
    rules
        .extend(
            r#"
            [[device]]
            compatible = "adi,max32-flash-controller"
            class = "MTD.MyFlash"
            properties.flash = { label = "flash0" }

            [[device]]
            compatible = "adi,max32-uart"
            class = "UART.MyUart"

            [class."UART.MyUart"]
            parameters = "frequency:UInt32?"
            outputs = "IRQ"
            sized = true
            "#,
        )
        .expect("rules");
    let text = repl(&platform(&path, &rules)).expect("a platform");
    assert!(
        text.contains("uart2: UART.MyUart @ sysbus 0x40044000\n    IRQ -> nvic0@34\n"),
        "{text}"
    );
    assert!(
        text.contains("flc0: MTD.MyFlash @ sysbus <0x40029000, +0x400>\n    flash: flash0\n"),
        "{text}"
    );
    assert!(text.contains("MTD.MyFlash is accepted unchecked"), "{text}");
}

#[test]
fn wrong_rules_are_refused_with_their_place() {
    let mut rules = Rules::shipped(None).expect("rules");
    for text in [
        "[[device]\n",
        "[[device]]\nclass = 1\n",
        "[[device]]\ncompatible = \"a\"\nclas = \"b\"\n",
    ] {
        let error = rules.extend(text).expect_err("no rules");
        let diagnostic = &error.diagnostics()[0];
        assert!(diagnostic.place.position.is_some(), "{error}");
        assert!(diagnostic.help.is_some(), "{error}");
    }
    let error = Rules::shipped(Some("1.2.3")).expect_err("no such Renode");
    assert_eq!(
        error.diagnostics()[0].expected.as_deref(),
        Some("1.15.3 or 1.16.1")
    );
}

#[test]
fn scripts_are_as_before() {
    let rules = Rules::shipped(None).expect("rules");
    for (name, elf) in [("an385", Some("/build/zephyr.elf")), ("nrf52", None)] {
        let path = own()
            .into_iter()
            .find(|path| stem(path) == name)
            .expect("a devicetree");
        let options = RescOptions {
            name: name.to_owned(),
            repl: "/build/board.repl".to_owned(),
            elf: elf.map(str::to_owned),
        };
        let script = resc(&platform(&path, &rules), &options).expect("a script");
        insta::assert_snapshot!(format!("{name}_resc"), script);
    }
}

/// What takes the square of a devicetree's nodes takes minutes with these; counted is the processor's time.
#[test]
fn large_devicetrees_take_time_in_proportion() {
    let rules = Rules::shipped(None).expect("rules");
    for (name, make) in castiron_test_tools::large::DEVICETREES {
        let source = make(2_000);
        let start = ThreadTime::now();
        let tree = Devicetree::parse(&source).unwrap_or_else(|e| panic!("{name}: {e}"));
        let platform = Platform::new(&tree, &rules, &PlatformOptions::default());
        repl(&platform.unwrap_or_else(|e| panic!("{name}: {e}"))).expect("a description");
        let taken = start.elapsed();
        println!("{name}: {:.2} s", taken.as_secs_f64());
        assert!(taken < Duration::from_secs(5), "{name}: {taken:?}");
    }
}

#[test]
fn paths_of_nodes_have_an_end() {
    let name = "n".repeat(600);
    let source = format!("/ {{ {name} {{ {name} {{ }}; }}; }};");
    let error = Devicetree::parse(&source).expect_err("a path of 1,200 bytes");
    assert!(error.to_string().contains("path is longer"), "{error}");
}
