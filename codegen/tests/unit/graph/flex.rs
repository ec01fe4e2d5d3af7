use castiron_codegen::graph::flex::number;

/// `{ "a": -2, "bc": 300 }`, values two bytes wide.
const MAP: &[u8] = &[
    b'a', 0, b'b', b'c', 0, // keys
    2, 6, 5, // two keys, back from where each is written
    0, // to an even place
    3, 0, 1, 0, 2, 0, // keys: where, width; values: how many
    0xfe, 0xff, 0x2c, 0x01, // -2, 300
    5, 5, // both signed, of two bytes
    6, 0x25, 1, // the map, at the root
];

#[test]
fn numbers_are_found_by_key() {
    assert_eq!(number(MAP, "a"), Some(-2));
    assert_eq!(number(MAP, "bc"), Some(300));
    assert_eq!(number(MAP, "b"), None);
}

#[test]
fn no_bytes_are_too_odd() {
    for end in 0..MAP.len() {
        number(&MAP[..end], "bc");
    }
    for at in 0..MAP.len() {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut map = MAP.to_vec();
            map[at] = byte;
            number(&map, "bc");
        }
    }
}
