use castiron_runtime::is_version;

#[test]
fn one_version_alone_is_this_one() {
    assert!(is_version(env!("CARGO_PKG_VERSION")));
    let another = env!("CARGO_PKG_VERSION").replace('0', "7");
    for other in [
        "",
        "0",
        &another,
        concat!(env!("CARGO_PKG_VERSION"), "-rc.1"),
    ] {
        assert!(!is_version(other), "{other}");
    }
}
