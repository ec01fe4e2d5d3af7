use castiron_codegen::emit::rust::names::*;

#[test]
fn any_text_gives_a_module() {
    assert_eq!(module_name("vae"), "vae");
    assert_eq!(module_name("My-Model v2"), "my_model_v2");
    assert_eq!(module_name("2nd"), "m2nd");
    assert_eq!(module_name("Match"), "match_model");
    assert_eq!(module_name("*/ }"), "model");
}

#[test]
fn equal_names_stay_apart() {
    assert_eq!(
        port_names(["x", "x", "", "X"].into_iter()),
        ["x", "x_2", "2", "x_3"]
    );
}
