use castiron_codegen::passes::list::*;

#[test]
fn names_are_passes() {
    for pass in Pass::ALL {
        let named: Passes = pass.name().parse().expect("a name");
        assert_eq!(named.iter().collect::<Vec<_>>(), [*pass]);
    }
    assert_eq!("all".parse(), Ok(Passes::ALL));
    assert_eq!(Passes::ALL.iter().count(), Pass::ALL.len());
}

#[test]
fn an_unknown_name_is_told_the_list_and_the_nearest() {
    for (wrong, near) in [
        ("fuse-paddings", "fuse-padding"),
        ("remove_dead", "remove-dead"),
        ("al", ""),
        ("nope", ""),
        ("", ""),
    ] {
        let error = wrong.parse::<Passes>().expect_err(wrong).to_string();
        for pass in Pass::ALL {
            assert!(error.contains(pass.name()), "{error}");
        }
        let said = error.contains("did you mean");
        assert_eq!(said, !near.is_empty(), "{error}");
        let asked = error.contains(&format!("did you mean {near}?"));
        assert!(asked || near.is_empty(), "{error}");
    }
}
