use castiron_board::yaml::{MOST_NODES, Node, load};

fn documents(text: &str) -> Vec<Node> {
    load(text)
        .unwrap_or_else(|e| panic!("{text:?}: {e}"))
        .documents
}

#[test]
fn nodes_are_equal_by_what_they_mean() {
    for (one, other) in [
        ("a: 1", "a:   1 # comment"),
        ("a: [x, y]", "a:\n- x\n- y\n"),
        ("a: \"x\"", "a: 'x'"),
        ("&b {x: *b}", "&c\nx: *c"),
    ] {
        assert_eq!(documents(one), documents(other), "{one:?}, {other:?}");
    }
    for (one, other) in [
        ("a: 1", "a: \"1\""),
        ("a: |\n  x\n", "a: |-\n  x\n"),
        ("a: x", "a: !t x"),
        ("[a, b]", "[b, a]"),
    ] {
        assert_ne!(documents(one), documents(other), "{one:?}, {other:?}");
    }
}

#[test]
fn numbers_are_written_without_quotes() {
    let number = |text: &str| documents(text)[0].number();
    assert_eq!(number("320"), Some(320));
    assert_eq!(number("0x140"), Some(320));
    assert_eq!(number("0"), Some(0));
    for text in ["\"320\"", "0500", "320 KB", "-1", "1.5", "{}"] {
        assert_eq!(number(text), None, "{text}");
    }
    assert!(documents("~")[0].is_null() && documents("a:")[0] == documents("a:")[0]);
    assert!(!documents("\"\"")[0].is_null());
}

#[test]
fn what_would_cost_too_much_is_an_error_at_once() {
    let laughs = (1..26).fold("a0: &a0 {x: 1}\n".to_owned(), |text, n| {
        text + &format!("a{n}: &a{n} {{x: *a{0}, y: *a{0}}}\n", n - 1)
    });
    // Aliases cost nothing as long as nobody follows them.
    assert_eq!(load(&laughs).expect("YAML").referred.len(), 25);
    let deep = [
        "[".repeat(100_000),
        "- ".repeat(100_000),
        "{a: ".repeat(100_000),
    ];
    for text in deep {
        let error = load(&text).map(drop).expect_err("too deep").to_string();
        assert!(
            error.contains("64 levels") || error.contains("limit"),
            "{error}"
        );
    }
    let error = load(&"- a\n".repeat(MOST_NODES + 1)).map(drop);
    let error = error.expect_err("too many").to_string();
    assert!(error.contains("100000 values"), "{error}");
}

#[test]
fn a_key_has_one_value() {
    let error = load("a:\n  x: 1\nb: 2\na:\n  y: 1\n").map(drop);
    let error = error.expect_err("a key twice").to_string();
    assert!(error.contains("first in line 1"), "{error}");
}
