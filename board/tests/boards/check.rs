//! Reads platform descriptions as far as castiron writes them, and checks every word of them.

use std::collections::BTreeMap;

use castiron_board::rules::{Class, Types};

/// An entry as the text has it.
#[derive(Default)]
struct Entry<'t> {
    class: &'t str,
    at: &'t str,
    properties: Vec<(&'t str, &'t str)>,
    connections: Vec<(&'t str, &'t str)>,
}

/// Whether a platform description reads as one, and uses only what its Renode has.
pub(super) fn check(text: &str, types: &Types) -> Result<(), String> {
    let entries = read(text)?;
    for (name, entry) in &entries {
        let inside = |what: &str| format!("{name}: {what}");
        let class = types
            .class(entry.class)
            .ok_or_else(|| inside(entry.class))?;
        registration(entry.at, &entries, types).map_err(|e| inside(&e))?;
        let given = entry.properties.iter().map(|(name, _)| *name);
        let mut outputs = Vec::new();
        for (output, targets) in &entry.connections {
            let range = numbers(output).ok_or_else(|| inside(output))?;
            for target in targets.split(" | ") {
                let (to, inputs) = target.split_once('@').ok_or_else(|| inside(target))?;
                // `gic#0@30`: of an entry with several groups of inputs.
                let (to, group) = to
                    .split_once('#')
                    .map_or((to, "0"), |(to, group)| (to, group));
                let inputs = numbers(inputs).ok_or_else(|| inside(target))?;
                let known = entries.contains_key(to)
                    && group.parse::<u32>().is_ok()
                    && inputs.iter().all(|input| input.parse::<u32>().is_ok())
                    && inputs.len() == range.len();
                known.then_some(()).ok_or_else(|| inside(target))?;
            }
            outputs.extend(range);
        }
        let outputs = outputs.iter().map(String::as_str);
        if let Some(reason) = types.refuses(entry.class, given, outputs) {
            return Err(inside(&reason));
        }
        for (property, value) in &entry.properties {
            check_value(property, value, class, &entries).map_err(|e| inside(&e))?;
        }
    }
    Ok(())
}

/// What `[4-6]` stands for; one name or number stands for itself.
fn numbers(text: &str) -> Option<Vec<String>> {
    let Some(inner) = text.strip_prefix('[') else {
        return Some(vec![text.to_owned()]);
    };
    let (from, until) = inner.strip_suffix(']')?.split_once('-')?;
    let (from, until): (u32, u32) = (from.parse().ok()?, until.parse().ok()?);
    (from < until).then(|| (from..=until).map(|number| number.to_string()).collect())
}

fn read(text: &str) -> Result<BTreeMap<&str, Entry<'_>>, String> {
    let mut entries: BTreeMap<&str, Entry<'_>> = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        let trimmed = line.trim();
        let indent = line.len() - line.trim_start().len();
        if trimmed.is_empty() || trimmed.starts_with("//") {
            continue;
        }
        let wrong = || format!("not understood: {line}");
        match indent {
            0 if line == "sysbus:" => current = Some("sysbus"),
            0 => {
                let (name, rest) = line.split_once(": ").ok_or_else(wrong)?;
                let (class, at) = rest.split_once(" @ ").ok_or_else(wrong)?;
                let lower = name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
                let entry = Entry {
                    class,
                    at,
                    ..Entry::default()
                };
                if !lower || entries.insert(name, entry).is_some() {
                    return Err(wrong());
                }
                current = Some(name);
            }
            4 if current == Some("sysbus") && trimmed == "init:" => {}
            8 if current == Some("sysbus") => tag(trimmed).ok_or_else(wrong)?,
            4 => {
                let entry = current
                    .and_then(|name| entries.get_mut(name))
                    .ok_or_else(wrong)?;
                // A text may have an arrow in it; an interrupt's line has no colon.
                match (trimmed.split_once(": "), trimmed.split_once(" -> ")) {
                    (Some(property), _) => entry.properties.push(property),
                    (None, Some(connection)) => entry.connections.push(connection),
                    (None, None) => return Err(wrong()),
                }
            }
            _ => return Err(wrong()),
        }
    }
    Ok(entries)
}

fn tag(line: &str) -> Option<()> {
    let (range, name) = line.strip_prefix("Tag <")?.split_once("> ")?;
    let (address, size) = range.split_once(' ')?;
    let size = hex(size)?;
    hex(address)?.checked_add(size)?;
    (size > 0 && name.starts_with('"') && name.len() > 2).then_some(())
}

fn registration(
    at: &str,
    entries: &BTreeMap<&str, Entry<'_>>,
    types: &Types,
) -> Result<(), String> {
    let wrong = || format!("registered at {at}");
    if let Some(places) = at.strip_prefix("{ ") {
        let places = places.strip_suffix(" }").ok_or_else(wrong)?;
        return places
            .split("; sysbus ")
            .try_for_each(|one| place(one, entries).ok_or_else(wrong));
    }
    let rest = match at.split_once(' ') {
        None if at == "sysbus" => return Ok(()),
        Some(("sysbus", rest)) => rest,
        _ => {
            let (parent, place) = at.split_once(' ').map_or((at, None), |(p, n)| (p, Some(n)));
            let parent = entries.get(parent).ok_or_else(wrong)?;
            let class = types.class(parent.class).ok_or_else(wrong)?;
            let number = place
                .map(str::parse::<u32>)
                .transpose()
                .map_err(|_| wrong())?;
            let fits = class
                .attaches
                .iter()
                .any(|a| a.ends_with('#') == number.is_some());
            return fits.then_some(()).ok_or_else(wrong);
        }
    };
    if let Some(inner) = rest.strip_prefix("new Bus.BusPointRegistration { address: ") {
        let (address, cpu) = inner.split_once("; cpu: ").ok_or_else(wrong)?;
        let cpu = cpu.strip_suffix(" }").ok_or_else(wrong)?;
        hex(address).ok_or_else(wrong)?;
        return entries.contains_key(cpu).then_some(()).ok_or_else(wrong);
    }
    if let Some(range) = rest.strip_prefix('<') {
        let (address, size) = range.split_once(", +").ok_or_else(wrong)?;
        let size = size.strip_suffix('>').and_then(hex).ok_or_else(wrong)?;
        let end = hex(address).and_then(|address| address.checked_add(size));
        return end.filter(|_| size > 0).map(|_| ()).ok_or_else(wrong);
    }
    hex(rest).map(|_| ()).ok_or_else(wrong)
}

/// One of several places of an entry.
fn place(text: &str, entries: &BTreeMap<&str, Entry<'_>>) -> Option<()> {
    let text = text.strip_prefix("sysbus ").unwrap_or(text);
    let (class, values) = text.strip_prefix("new ")?.split_once(" { ")?;
    let values: Option<BTreeMap<&str, &str>> = values
        .strip_suffix(" }")?
        .split("; ")
        .map(|value| value.split_once(": "))
        .collect();
    let values = values?;
    hex(values.get("address")?)?;
    let named = match class {
        "Bus.BusMultiRegistration" => {
            hex(values.get("size")?)?;
            ["\"distributor\"", "\"cpuInterface\""].contains(values.get("region")?)
        }
        "IRQControllers.ArmGicRedistributorRegistration" => {
            entries.contains_key(values.get("attachedCPU")?)
        }
        _ => false,
    };
    named.then_some(())
}

fn check_value(
    name: &str,
    value: &str,
    class: &Class,
    entries: &BTreeMap<&str, Entry<'_>>,
) -> Result<(), String> {
    let parameter = class.parameters.iter().find(|p| p.name == name);
    let kind = &parameter
        .ok_or_else(|| format!("no parameter {name}"))?
        .kind;
    let fits = match kind.as_str() {
        "String" => value.len() >= 2 && value.starts_with('"') && value.ends_with('"'),
        "Boolean" => value == "true" || value == "false",
        kind if is_number(kind) => value.parse::<u64>().is_ok() || hex(value).is_some(),
        kind if kind.contains('(') => is_member(value, kind),
        _ => entries.contains_key(value),
    };
    fits.then_some(())
        .ok_or_else(|| format!("{name} is a {kind}, not {value}"))
}

/// Whether a value is a member of an enumeration, written as `Name(A|B)`.
pub(super) fn is_member(value: &str, kind: &str) -> bool {
    let inside = || {
        let (name, members) = kind.strip_suffix(')')?.split_once('(')?;
        let (of, member) = value.split_once('.')?;
        Some(of == name && members.split('|').any(|m| m == member))
    };
    inside().unwrap_or(false)
}

/// Whether a type is a number.
pub(super) fn is_number(kind: &str) -> bool {
    matches!(
        kind,
        "Byte" | "Int16" | "UInt16" | "Int32" | "UInt32" | "Int64" | "UInt64"
    )
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}
