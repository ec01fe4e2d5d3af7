use castiron_codegen::cortex::*;

#[test]
fn every_name_of_a_processor_finds_it() {
    for cortex in CORTEX_M {
        let compatible = format!("arm,{}", cortex.name.replace("plus", "+"));
        for name in [compatible.clone(), compatible + "f"] {
            assert_eq!(Cortex::of_compatible(&name), Some(cortex), "{name}");
        }
        assert_eq!(Cortex::named(cortex.name), Some(cortex));
    }
    for other in ["arm,cortex-a9", "arm,cortex-r5f", "riscv", "cortex-m4", ""] {
        assert_eq!(Cortex::of_compatible(other), None, "{other}");
    }
}

#[test]
fn titles_are_as_people_write_them() {
    let title = |name| Cortex::named(name).expect("a processor").title();
    for (name, wanted) in [
        ("cortex-m0plus", "Cortex-M0+"),
        ("cortex-m4", "Cortex-M4"),
        ("cortex-m35p", "Cortex-M35P"),
    ] {
        assert_eq!(title(name), wanted);
    }
}

#[cfg(feature = "text")]
#[test]
fn boards_of_targets_have_processors_of_their_architecture() {
    for triple in [
        "thumbv6m-none-eabi",
        "thumbv7m-none-eabi",
        "thumbv7em-none-eabi",
        "thumbv7em-none-eabihf",
        "thumbv8m.base-none-eabi",
        "thumbv8m.main-none-eabi",
        "thumbv8m.main-none-eabihf",
    ] {
        let board = castiron_codegen::emit::c_api::Board::of(triple).expect("a board");
        let cpu = board.flags.iter().find_map(|f| f.strip_prefix("-mcpu="));
        let cortex = Cortex::named(cpu.expect("-mcpu")).expect("a processor");
        assert_eq!(
            Some(cortex.architecture),
            Architecture::of_target(triple),
            "{triple}"
        );
        // That of the simulated machine is at least as able.
        assert!(Cortex::named(board.cpu).is_some(), "{}", board.cpu);
    }
}
