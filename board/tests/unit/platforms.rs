use castiron_board::platforms::{Entry, Field, merge, sizes, to_yaml};

fn entry(key: &str) -> Entry {
    Entry {
        key: key.to_owned(),
        fields: vec![
            ("display_name", Field::Text("A: board".to_owned())),
            ("ram_size_kb", Field::Number(256)),
            (
                "default_optimizer",
                Field::List(vec!["TFLiteCompiler".to_owned()]),
            ),
        ],
    }
}

#[test]
fn what_people_wrote_stays() {
    let text = "# mine\none/soc:\n    ram_size_kb: 320 # counted by hand\n    uart_port_wildcard: /dev/tty*\ntwo:\n";
    let merged = merge(text, &[entry("one/soc"), entry("two"), entry("three")]).expect("YAML");
    insta::assert_snapshot!(merged.text);
    assert_eq!(merged.kept, ["one/soc.ram_size_kb"]);
    assert_eq!(merged.added, ["three"]);
    let again = merge(
        &merged.text,
        &[entry("one/soc"), entry("two"), entry("three")],
    );
    let again = again.expect("YAML");
    assert_eq!(again.text, merged.text);
    assert!(again.added.is_empty() && again.completed.is_empty());
}

#[test]
fn an_empty_file_takes_what_comes() {
    let merged = merge("", &[entry("one")]).expect("YAML");
    assert_eq!(merged.text, to_yaml(&[entry("one")]));
    let sizes = sizes(&merged.text, "one").expect("a board");
    assert_eq!(sizes.ram_kb, Some(256));
}

#[test]
fn what_cannot_be_merged_is_an_error() {
    for text in [
        "one: { ram_size_kb: 1 }\n",
        "- one\n",
        "one: two\n",
        "a: [\n",
    ] {
        assert!(merge(text, &[entry("one")]).is_err(), "{text}");
    }
}
