use castiron_board::rules::Rules;
use castiron_codegen::error::Result;

fn extended(renode: &str, text: &str) -> Result<Rules> {
    let mut rules = Rules::shipped(Some(renode))?;
    rules.extend(text)?;
    Ok(rules)
}

#[test]
fn the_nearest_version_is_named() {
    let nearest = [
        "1.16", "v1.16.1", "1.16.2", "9.9", "1.15.4", "1.2", "nightly",
    ];
    let nearest = nearest.map(Rules::nearest);
    let [new, old] = ["1.16.1", "1.15.3"];
    assert_eq!(nearest, [new, new, new, new, old, old, new]);
}

#[test]
fn what_another_renode_has_is_no_matter_of_trust() {
    let rule = "[[device]]\ncompatible = \"a,b\"\nclass = \"Miscellaneous.NRF52840_CLOCK\"\n";
    let new = extended("1.16.1", rule).expect("rules");
    assert!(!new.types.is_trusted("Miscellaneous.NRF52840_CLOCK"));
    let mine = rule.replace("NRF52840_CLOCK", "Mine");
    let new = extended("1.16.1", &mine).expect("rules");
    assert!(new.types.is_trusted("Miscellaneous.Mine"));
}

#[test]
fn what_no_renode_has_is_an_error() {
    let rule = |more: &str| {
        format!("[[device]]\ncompatible = \"a,b\"\nclass = \"UART.STM32_UART\"\n{more}\n")
    };
    let error = |more: &str| {
        let error = extended("1.16.1", &rule(more)).expect_err("an error");
        error.to_string()
    };
    assert!(extended("1.16.1", &rule("interrupts = [\"IRQ\"]")).is_ok());
    insta::assert_snapshot!(
        [
            error("properties.frequenzy = 1"),
            error("interrupts = [\"Irq\"]"),
            error("properties.x = { nosuch = 1 }"),
            error("interrupts = 3"),
            error("interupts = \"none\""),
        ]
        .join("\n")
    );
}
