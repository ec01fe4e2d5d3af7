use castiron_codegen::emit::c_api::operators::snake;

#[test]
fn words_are_apart() {
    for (name, expected) in [
        ("MyScale", "my_scale"),
        ("my_scale", "my_scale"),
        ("MFCC", "mfcc"),
        ("ethos-u", "ethos-u"),
    ] {
        assert_eq!(snake(name), expected);
    }
}
