//! The tables of Renode's classes against what reflection found in Renode itself.

use std::fs;

use castiron_board::rules::Rules;
use castiron_test_tools::{folder, skipped};

#[test]
fn classes_are_as_renode_has_them() {
    let Some(shared) = folder("CASTIRON_SHARED") else {
        return;
    };
    for version in Rules::versions() {
        let path = shared.join(format!("facts/renode_types_{version}.tsv"));
        let Ok(text) = fs::read_to_string(&path) else {
            let reason = format!("{} is not there", path.display());
            skipped(&reason, false);
            continue;
        };
        let types = Rules::shipped(Some(version)).expect("rules").types;
        let mut count = 0;
        for (name, class) in types.classes() {
            let row = text
                .lines()
                .find(|line| line.split('\t').next() == Some(name));
            let row = row.unwrap_or_else(|| panic!("Renode {version} has no {name}"));
            let columns: Vec<&str> = row.split('\t').collect();
            for parameter in &class.parameters {
                let all: String = columns[1].chars().filter(|c| *c != ' ').collect();
                let start = format!("{}:", parameter.name);
                let at = all
                    .find(&start)
                    .unwrap_or_else(|| panic!("{name}.{}", parameter.name));
                let kind = parameter.kind.split('(').next().expect("a type");
                let kind_at = all[at..].find(kind);
                assert!(
                    kind_at.is_some_and(|n| n < 40),
                    "{name}.{}: {kind}",
                    parameter.name
                );
            }
            // Parameters that are neither given by Renode nor in the table would be forgotten.
            let constructor = columns[1].split(" || ").find(|c| !c.contains("source:"));
            let constructor = constructor.unwrap_or_default();
            let given = [": IMachine", ": Machine"].map(|by_renode| constructor.matches(by_renode));
            let given: usize = given.into_iter().map(Iterator::count).sum();
            let theirs = constructor.matches(": ").count() - given;
            assert_eq!(theirs, class.parameters.len(), "{name} of Renode {version}");
            let mut outputs: Vec<&str> = columns[2]
                .split(',')
                .map(|o| o.trim_end_matches('*'))
                .filter(|o| !o.is_empty())
                .collect();
            let mut ours: Vec<&str> = class.outputs.iter().map(String::as_str).collect();
            outputs.sort_unstable();
            ours.sort_unstable();
            assert_eq!(ours, outputs, "{name} of Renode {version}");
            assert_eq!(class.sized, columns[3].contains("IKnownSize"), "{name}");
            assert_eq!(
                class.numbered,
                columns[3].contains("INumberedGPIOOutput"),
                "{name}"
            );
            count += 1;
        }
        println!("{count} classes of Renode {version} are as reflection found them");
    }
}
