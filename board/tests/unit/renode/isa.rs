use castiron_board::renode::isa::Isa;
use castiron_board::rules::Rules;

fn isa(text: &str, renode: &str) -> (String, Vec<String>) {
    let rules = Rules::shipped(Some(renode)).expect("rules");
    let isa = Isa::known(text, &rules.types);
    (isa.text, isa.unknown)
}

#[test]
fn what_renode_does_not_know_is_left_out() {
    let known = "_zicsr_zifencei";
    for (text, expected, unknown) in [
        ("rv32imac", "rv32imac", &[] as &[&str]),
        ("RV64GC", "rv64gc", &[]),
        ("rv32imafdch_zve9_zicsr", "rv32imafdc", &["h", "zve9"]),
        ("rv32i2p0m2p0a2p0c", "rv32imac", &[]),
        ("rv64imacp", "rv64imac", &["p"]),
        ("rv32", "rv32", &[]),
    ] {
        let unknown: Vec<String> = unknown.iter().map(|&u| u.to_owned()).collect();
        for renode in ["1.15.3", "1.16.1"] {
            let made = isa(text, renode);
            assert_eq!(
                made,
                (format!("{expected}{known}"), unknown.clone()),
                "{text}"
            );
        }
    }
    let (old, left_out) = isa("rv32emc", "1.15.3");
    assert_eq!(old, "rv32imc_zicsr_zifencei");
    assert_eq!(left_out, ["e"]);
    let (new, left_out) = isa("rv32emc", "1.16.1");
    assert_eq!(new, "rv32emc_zicsr_zifencei");
    assert!(left_out.is_empty());
}
