//! An outcome as tables.

use castiron_build::validate::{Compared, Outcome};

use crate::text::{self, grouped, heading, table};

pub(super) fn describe(model: &str, outcome: &Outcome, layers: bool) -> String {
    let mut out = heading(format_args!(
        "{} on {}, {} engine, {}",
        text::name(model),
        outcome.on,
        outcome.engine,
        count(outcome.cases, "case")
    ));
    let mut rows: Vec<_> = outcome
        .outputs
        .iter()
        .map(|c| output("castiron", c))
        .collect();
    rows.extend(outcome.references.iter().map(|c| output("reference", c)));
    out += &table(
        &[
            "",
            "Tensor",
            "Type",
            "Shape",
            "Against",
            ">Cases",
            ">Values",
            ">Differing",
            ">Greatest difference",
        ],
        rows,
    );
    if layers {
        out.push('\n');
        out += &operators(outcome);
    }
    if let Some(instructions) = outcome.instructions {
        out += &format!(
            "\nInstructions of a run: {}{}.\n",
            grouped(instructions),
            most(outcome.cases)
        );
    }
    if let Some(cycles) = outcome.counters.get("cycles") {
        let known = |count: Option<u64>| count.map_or_else(|| "unknown".to_owned(), grouped);
        out += &format!(
            "\nCycles of a run: {} first, {} later.\n",
            known(cycles.first),
            known(cycles.steady)
        );
    }
    if outcome.agree {
        out += "\nAll values agree.\n";
    }
    out
}

fn most(cases: usize) -> String {
    match cases {
        1 => String::new(),
        n => format!(" (maximum of {n} cases)"),
    }
}

fn count(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{} {what}s", grouped(n)),
    }
}

fn output(against: &str, compared: &Compared) -> Vec<String> {
    let seen = &compared.tensor;
    let mut row = vec![
        format!("output {}", seen.output),
        text::short_name(&seen.name),
        seen.dtype.to_owned(),
        text::shape(&seen.shape),
        against.to_owned(),
        grouped(compared.tally.cases),
    ];
    row.extend(tally(compared));
    row
}

fn tally(compared: &Compared) -> [String; 3] {
    let tally = &compared.tally;
    [
        grouped(tally.values),
        grouped(tally.differing),
        match tally.greatest {
            0.0 => "0".to_owned(),
            small if small < 1e-3 => format!("{small:.1e}"),
            other => format!("{other}"),
        },
    ]
}

fn operators(outcome: &Outcome) -> String {
    let counted = outcome.operators.iter().any(|c| c.instructions.is_some());
    let has_cycles = outcome.counters.contains_key("cycles");
    let rows = outcome.operators.iter().map(|compared| {
        let seen = &compared.tensor;
        let index_of = seen.operator.as_ref().map(|operator| operator.index);
        let (index, name) = match &seen.operator {
            Some(operator) => (operator.index.to_string(), text::name(&operator.name)),
            None => Default::default(),
        };
        let mut row = vec![index, name, seen.dtype.to_owned(), text::shape(&seen.shape)];
        row.extend(tally(compared));
        if counted {
            row.push(compared.instructions.map_or_else(String::new, grouped));
        }
        if has_cycles {
            let cycles = index_of.map(|index| outcome.counted(index, "cycles"));
            let cycles = cycles.and_then(|cycles| cycles.steady.or(cycles.first));
            row.push(cycles.map_or_else(String::new, grouped));
        }
        row
    });
    let mut header = vec![
        ">#",
        "Operator",
        "Type",
        "Shape",
        ">Values",
        ">Differing",
        ">Greatest difference",
    ];
    if counted {
        header.push(">Instructions");
    }
    if has_cycles {
        header.push(">Cycles");
    }
    let mut out = table(&header, rows);
    if !outcome.unseen.is_empty() {
        let indices: Vec<String> = outcome.unseen.iter().map(usize::to_string).collect();
        out += &format!(
            "Operators without a result of their own on the target: {}.\n",
            indices.join(", ")
        );
    }
    out
}
