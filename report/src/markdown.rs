//! The report as Markdown, for a pull request or a terminal.

use std::fmt::Write as _;

use crate::data::{Difference, Finding, Model, Problem, Report, RunCost, Subgraph};

/// A line of Markdown. Writing into a text cannot fail.
macro_rules! line {
    ($out:expr, $($text:tt)*) => {{ let _ = writeln!($out, $($text)*); }};
}

/// The report as text.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    match &report.models[..] {
        [] => out += "# No model\n",
        [model] => of_one(&mut out, report, model),
        several => of_several(&mut out, report, several),
    }
    if let (Some(processor), [_, ..]) = (report.supposed, &report.models[..]) {
        line!(
            out,
            "\nSizes are those on a {processor}, and so is the first estimate: no board and no instructions are named."
        );
    }
    if !report.problems.is_empty() {
        out += "\n## Problems\n\n";
        report.problems.iter().for_each(|p| problem(&mut out, p));
    }
    out
}

/// A column of the table of models: its name, and what it has of a model.
type Column = (&'static str, fn(&Model) -> String);

fn of_several(out: &mut String, report: &Report, models: &[Model]) {
    line!(out, "# {} models\n", models.len());
    if let Some(choice) = &report.choice {
        match choice.model.and_then(|index| models.get(index)) {
            Some(best) => line!(
                out,
                "The best is **{}**: {}.\n",
                text(&best.name),
                text(&choice.reason)
            ),
            None => line!(out, "{}.\n", text(&choice.reason)),
        }
    }
    let fits = !report.boards.is_empty();
    let several_boards = report.boards.len() > 1;
    let quality = models.iter().any(|model| model.quality.is_some());
    let time = models.iter().any(|model| model.time.is_some());
    let mut columns: Vec<Column> = vec![("Model", |m| text(&m.name))];
    if fits {
        columns.push(("Fits", |m| yes(m.fit.as_ref().map(|fit| fit.fits))));
    }
    if several_boards {
        columns.push(("Board", |m| m.board.as_deref().map_or_else(dash, text)));
    }
    if models.iter().any(is_beyond) {
        columns.push(("Keeps its limits", |m| yes(Some(!is_beyond(m)))));
    }
    if quality {
        columns.push((">Quality", |m| {
            let quality = m.quality.as_ref();
            quality.map_or_else(dash, |q| format!("{} {:.4}", text(&q.metric), q.value))
        }));
    }
    if time {
        columns.push((">Time, s", seconds));
    }
    let estimate = estimated_first(models);
    if let Some((name, of)) = estimate {
        columns.push((name, of));
    }
    if models.iter().any(|model| measured(model).is_some()) {
        columns.push((">Measured instructions", |m| number(measured(m))));
    }
    if models.iter().any(|model| measured_cycles(model).is_some()) {
        columns.push((">Measured cycles", |m| number(measured_cycles(m))));
    }
    columns.extend::<[Column; 5]>([
        (">Flash, B", |m| number(m.compiled.flash_bytes())),
        (">RAM, B", |m| number(m.compiled.ram_bytes)),
        (">TFLM's arena, B", |m| number(m.tflm.arena_bytes)),
        (">MACs", |m| number(Some(m.macs))),
        ("Arithmetic", |m| m.arithmetic.name().to_owned()),
    ]);
    let header: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    table(
        out,
        &header,
        models
            .iter()
            .map(|model| columns.iter().map(|(_, of)| of(model)).collect()),
    );
    if report.pairs.is_empty() {
        return;
    }
    out.push_str("\n## Float and integers\n\n");
    let rows = report.pairs.iter().map(|pair| {
        let (float, integer) = (&models[pair.float], &models[pair.integer]);
        let both = |of: fn(&Model) -> String| format!("{} → {}", of(float), of(integer));
        let differences = match (&pair.differences, &pair.problem) {
            (Some(differences), _) => differences
                .outputs
                .iter()
                .map(difference)
                .collect::<Vec<_>>()
                .join("; "),
            (None, Some(problem)) => text(problem),
            (None, None) => dash(),
        };
        vec![
            text(&float.name),
            text(&integer.name),
            both(|m| number(Some(m.file_bytes))),
            both(|m| number(m.compiled.flash_bytes())),
            both(|m| number(m.compiled.ram_bytes)),
            both(seconds),
            differences,
        ]
    });
    let header = [
        "float32",
        "Integers",
        ">File, B",
        ">Flash, B",
        ">RAM, B",
        ">Time, s",
        "Outputs differ by",
    ];
    table(out, &header, rows);
}

fn is_beyond(model: &Model) -> bool {
    !model.compiled.beyond_limits.is_empty()
}

fn measured(model: &Model) -> Option<u64> {
    model.measured.as_ref()?.instructions
}

fn measured_cycles(model: &Model) -> Option<u64> {
    model.measured.as_ref()?.cycles
}

fn seconds(model: &Model) -> String {
    let time = model.time.as_ref();
    time.map_or_else(dash, |time| format!("{:.6}", time.seconds))
}

/// The most that estimates say of the processor that sizes are of: time, else cycles, else instructions.
fn estimated_first(models: &[Model]) -> Option<Column> {
    let any = |known: fn(&RunCost) -> bool| {
        models
            .iter()
            .filter_map(|model| model.costs.first())
            .any(known)
    };
    if any(|cost| cost.milliseconds.is_some()) {
        return Some((">Estimated time, ms", |m| {
            let cost = m.costs.first();
            cost.and_then(|cost| cost.milliseconds)
                .map_or_else(dash, |value| value.to_string())
        }));
    }
    any(|cost| cost.instructions.is_some()).then_some((">Estimated instructions", |m| {
        number(m.costs.first().and_then(|cost| cost.instructions))
    }))
}

/// What a run takes on each processor.
fn costs(out: &mut String, model: &Model) {
    if model.costs.is_empty() {
        return;
    }
    let optimize = model.costs.first().map_or("", |cost| cost.optimize);
    line!(out, "\n## A run with optimize = {optimize}, estimated\n");
    let percent = |error: Option<f64>| error.map_or_else(dash, |error| format!("{error} %"));
    let rows = model.costs.iter().map(|cost| {
        vec![
            cost.processor
                .as_deref()
                .map_or_else(|| text(cost.isa), text),
            number(cost.instructions),
            percent(cost.instructions_error_percent),
            number(cost.cycles),
            percent(cost.cycles_error_percent),
            cost.milliseconds
                .map_or_else(dash, |value| value.to_string()),
            match (&cost.reason, &cost.cycles_note) {
                (Some(reason), _) => format!("no estimate: {}", text(reason)),
                (None, Some(note)) => text(note),
                (None, None) => String::new(),
            },
        ]
    });
    let header = [
        "Processor",
        ">Instructions",
        ">Error",
        ">Cycles",
        ">Error",
        ">ms",
        "",
    ];
    table(out, &header, rows);
    out.push_str("\nErrors are medians of networks that the estimates were not made from. Cycles are for memory without wait states.\n");
}

fn difference(difference: &Difference) -> String {
    format!(
        "at most {:.4}, on average {:.4}, of a range of {:.4}",
        difference.greatest, difference.mean, difference.range
    )
}

fn of_one(out: &mut String, report: &Report, model: &Model) {
    line!(out, "# {}\n", text(&model.name));
    let compiled = &model.compiled;
    let mut facts = vec![
        (
            "Flash, weights and estimated code",
            number(compiled.flash_bytes()),
        ),
        ("RAM", number(compiled.ram_bytes)),
        (
            "Arena of the file as it is",
            number(model.memory.before.as_ref().map(|plan| plan.peak_bytes)),
        ),
        ("TFLM's arena", number(model.tflm.arena_bytes)),
        ("File", number(Some(model.file_bytes))),
    ];
    let held = (compiled.all_ram_bytes().zip(compiled.ram_bytes))
        .map(|(all, own)| all - own)
        .filter(|held| *held > 0);
    facts.extend(held.map(|held| ("Inputs and outputs in your buffers", number(Some(held)))));
    facts.extend(
        compiled
            .weight_bytes
            .map(|bytes| ("Packed weights", number(Some(bytes)))),
    );
    table(
        out,
        &["", ">Bytes"],
        facts
            .into_iter()
            .map(|(name, value)| vec![name.to_owned(), value]),
    );
    if let (Some(fit), Some(board)) = (&model.fit, report.board_of(model)) {
        let verdict = if fit.fits {
            "It fits"
        } else {
            "It does not fit"
        };
        let reason = fit
            .reason
            .as_ref()
            .map(|reason| format!(": {}", text(reason)));
        line!(
            out,
            "\n{verdict} on {}{}.",
            text(&board.name),
            reason.unwrap_or_default()
        );
    }
    costs(out, model);
    if let Some(run) = &model.measured {
        let of = |count: Option<u64>, what: &str| {
            count.map(|count| format!("A run took {} {what}. ", number(Some(count))))
        };
        line!(
            out,
            "\n{}{}Measured: {}.",
            of(run.instructions, "instructions").unwrap_or_default(),
            of(run.cycles, "cycles").unwrap_or_default(),
            text(&run.source)
        );
    }
    if is_beyond(model) {
        out.push_str("\n## Limits that it does not keep\n\n");
        compiled.beyond_limits.iter().for_each(|p| problem(out, p));
    }
    if !compiled.problems.is_empty() {
        out.push_str("\n## What castiron's engine does not take\n\n");
        compiled.problems.iter().for_each(|p| problem(out, p));
    }
    for (index, graph) in model.subgraphs.iter().enumerate() {
        let which = match model.subgraphs.len() {
            1 => String::new(),
            _ => format!(" of subgraph {index}"),
        };
        line!(out, "\n## Inputs and outputs{which}\n");
        ports(out, graph);
        line!(out, "\n## Operators{which}\n");
        operators(out, graph);
    }
    if !model.advice.is_empty() {
        out.push_str("\n## Advice\n");
    }
    for advice in &model.advice {
        line!(
            out,
            "\n**{}.** {} {}\n",
            advice.rule,
            advice.reason,
            advice.remedy
        );
        for finding in &advice.findings {
            line!(out, "- {}{}", text(&finding.finding), place(model, finding));
        }
    }
}

fn place(model: &Model, finding: &Finding) -> String {
    let graph = model.subgraphs.get(finding.subgraph.unwrap_or_default());
    let named = finding.operators.iter().filter_map(|index| {
        let operator = graph?.operators.get(*index)?;
        Some(format!("{index} {}", text(&operator.name)))
    });
    let named: Vec<String> = named.take(8).collect();
    match named.is_empty() {
        true => String::new(),
        false => format!(" ({})", named.join(", ")),
    }
}

fn ports(out: &mut String, graph: &Subgraph) {
    let row = |role: &str, at: usize, index: usize| {
        let tensor = &graph.tensors[index];
        let quantization = tensor.quantization.as_ref().filter(|q| q.scales == 1);
        let quantization =
            quantization.map(|q| format!("scale {}, zero point {}", q.scale, q.zero_point));
        vec![
            format!("{role} {at}"),
            text(&tensor.name),
            tensor.dtype.to_owned(),
            shape(&tensor.shape),
            quantization.unwrap_or_default(),
        ]
    };
    let inputs = graph
        .inputs
        .iter()
        .enumerate()
        .map(|(at, index)| row("input", at, *index));
    let outputs = graph
        .outputs
        .iter()
        .enumerate()
        .map(|(at, index)| row("output", at, *index));
    table(
        out,
        &["", "Tensor", "Type", "Shape", "Quantisation"],
        inputs.chain(outputs),
    );
}

fn operators(out: &mut String, graph: &Subgraph) {
    let all = || graph.operators.iter();
    let has_measured = all().any(|o| o.measured_instructions.is_some());
    let has_cycles = all().any(|o| o.measured_cycles.is_some());
    let rows = graph.operators.iter().enumerate().map(|(index, operator)| {
        let output = operator
            .outputs
            .first()
            .and_then(|index| graph.tensors.get(*index));
        let mut row = vec![
            index.to_string(),
            text(&operator.name),
            output.map_or_else(dash, |tensor| {
                format!("{} {}", shape(&tensor.shape), tensor.dtype)
            }),
            number(operator.macs),
            number(Some(operator.weight_bytes)),
            number(Some(operator.activation_bytes)),
            number(operator.live_bytes),
            number(
                operator
                    .costs
                    .first()
                    .and_then(Option::as_ref)
                    .map(|cost| cost.instructions),
            ),
        ];
        if has_measured {
            row.push(number(operator.measured_instructions));
        }
        if has_cycles {
            row.push(number(operator.measured_cycles));
        }
        row
    });
    let mut header = vec![
        ">#",
        "Operator",
        "Output",
        ">MACs",
        ">Weights, B",
        ">Activations, B",
        ">Arena, B",
        ">Instructions, estimated",
    ];
    if has_measured {
        header.push(">measured");
    }
    if has_cycles {
        header.push(">Cycles, measured");
    }
    table(out, &header, rows);
}

fn problem(out: &mut String, problem: &Problem) {
    let part = |word: &str, part: &Option<String>| {
        part.as_ref()
            .map(|p| format!("; {word} {}", text(p)))
            .unwrap_or_default()
    };
    let place = match problem.place.is_empty() {
        true => String::new(),
        false => format!("**{}**: ", text(&problem.place)),
    };
    line!(
        out,
        "- {place}{}{}{}.",
        text(&problem.message),
        part("expected", &problem.expected),
        part("found", &problem.found)
    );
}

/// A table; columns whose names begin with `>` are aligned right.
pub(crate) fn table(out: &mut String, header: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let names: Vec<&str> = header
        .iter()
        .map(|name| name.trim_start_matches('>'))
        .collect();
    line!(out, "| {} |", names.join(" | "));
    let rules = header
        .iter()
        .map(|name| if name.starts_with('>') { "--:" } else { "---" });
    line!(out, "|{}|", rules.collect::<Vec<_>>().join("|"));
    for row in rows {
        line!(out, "| {} |", row.join(" | "));
    }
}

fn yes(flag: Option<bool>) -> String {
    match flag {
        Some(true) => "yes".to_owned(),
        Some(false) => "no".to_owned(),
        None => dash(),
    }
}

fn dash() -> String {
    "–".to_owned()
}

fn number(value: Option<impl ToString>) -> String {
    value.map_or_else(dash, grouped)
}

/// A number with its thousands set apart.
pub(crate) fn grouped(number: impl ToString) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

pub(crate) fn plural(count: usize, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    }
}

pub(crate) fn shape(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    match sizes.is_empty() {
        true => "scalar".to_owned(),
        false => sizes.join("×"),
    }
}

/// Any text, without what Markdown, HTML or a terminal would act on.
pub(crate) fn text(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '!' | '~' => out.extend(['\\', c]),
            '"' | '\'' => out.push(c),
            c => out.extend(c.escape_debug()),
        }
    }
    out
}
