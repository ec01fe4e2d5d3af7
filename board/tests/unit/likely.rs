use castiron_board::likely::{likely, one_of};

#[test]
fn the_likeliest_is_first() {
    let names = ["mps2/an385", "mps2/an521/cpu0", "nucleo_f401re", "one/soc"];
    assert_eq!(likely("Nucleo_F401", names), ["nucleo_f401re"]);
    assert_eq!(likely("onne", names), ["one/soc"]);
    assert_eq!(likely("mps2/an386", names)[0], "mps2/an385");
    assert!(likely("zzz", names).is_empty());
    assert_eq!(one_of(&["a", "b", "c"]), "a, b or c");
}
