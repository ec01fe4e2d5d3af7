use castiron_codegen::labels::*;

#[test]
fn lines_are_labels() {
    assert_eq!(
        parse("\u{feff}no\r\n yes \n\nmaybe\n\n"),
        ["no", "yes", "", "maybe"]
    );
    assert!(parse("").is_empty());
}

#[test]
fn there_is_an_end_to_labels() {
    let misfit = |count| misfit(&[1, count], count);
    assert!(misfit(MOST).is_none());
    let too_many = misfit(MOST + 1).expect("an error").to_string();
    assert!(too_many.contains("at most 65536 labels"), "{too_many}");
}

#[test]
fn a_flat_output_has_one_label_per_element() {
    for (shape, count) in [
        (&[1, 3][..], 3),
        (&[3], 3),
        (&[], 1),
        (&[1, 1], 2),
        (&[1, 2, 4], 9),
    ] {
        assert!(fit(shape, count), "{shape:?} {count}");
        assert!(misfit(shape, count).is_none());
    }
    for (shape, count) in [(&[1, 3][..], 2), (&[3], 0), (&[1, 1], 3)] {
        assert!(!fit(shape, count), "{shape:?} {count}");
    }
}
