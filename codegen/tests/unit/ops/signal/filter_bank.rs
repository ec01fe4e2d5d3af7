use castiron_codegen::ops::signal::filter_bank::bends;

#[test]
fn the_table_of_logarithms_is_the_references() {
    let table = bends();
    for (i, entry) in [
        (0, 0),
        (1, 224),
        (36, 5001),
        (57, 5641),
        (127, 142),
        (128, 0),
    ] {
        assert_eq!(table[i], entry, "{i}");
    }
    assert_eq!(table.len(), 129);
}
