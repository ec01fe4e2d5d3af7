//! `board.repl` and `board.resc`: a platform for Renode and a script that runs firmware on it.

use castiron_templates::{BOARD_REPL, BOARD_RESC};
use serde::Serialize;

use crate::renode::{Connection, Entry, Group, Outcome, Place, Platform, Registration, Value};
use castiron_codegen::error::Result;

#[derive(Serialize)]
struct ReplValues {
    board: String,
    renode: String,
    console: Option<String>,
    console_missing: Option<String>,
    groups: Vec<GroupValues>,
    tags: Vec<String>,
    notes: Vec<NoteValues>,
}

#[derive(Serialize)]
struct GroupValues {
    title: &'static str,
    entries: Vec<EntryValues>,
}

#[derive(Serialize)]
struct EntryValues {
    head: String,
    comment: Option<String>,
    lines: Vec<String>,
}

#[derive(Serialize)]
struct NoteValues {
    title: &'static str,
    lines: Vec<String>,
}

/// The platform description.
///
/// # Errors
/// Only if a template is at fault.
pub fn repl(platform: &Platform) -> Result<String> {
    let groups = [
        (Group::Processors, "Processors"),
        (Group::Controllers, "Interrupt controllers"),
        (Group::Memories, "Memories"),
        (Group::Devices, "Devices"),
        (Group::Attached, "On pins and buses"),
    ];
    let groups = groups.map(|(group, title)| GroupValues {
        title,
        entries: (platform.entries.iter())
            .filter(|entry| entry.group == group)
            .map(entry_values)
            .collect(),
    });
    let outcomes = [
        (Outcome::Approximated, "What differs from the hardware"),
        (Outcome::Tagged, "What has a name and no model"),
        (Outcome::Dropped, "What is left out"),
    ];
    let notes = outcomes.map(|(outcome, title)| NoteValues {
        title,
        lines: (platform.notes.iter())
            .filter(|note| note.outcome == outcome)
            .map(|note| match note.compatible.as_str() {
                "" => plain(&format!("{}: {}", note.node, note.reason)),
                compatible => plain(&format!("{} ({compatible}): {}", note.node, note.reason)),
            })
            .collect(),
    });
    let tags = platform.tags.iter().map(|tag| {
        let (address, size) = (tag.region.address, tag.region.size);
        let value = tag
            .value
            .map(|value| format!(" {value:#x}"))
            .unwrap_or_default();
        format!("Tag <{address:#x} {size:#x}> {}{value}", quoted(&tag.name))
    });
    let values = ReplValues {
        board: plain(&platform.board),
        renode: platform.renode.clone(),
        console: platform.console.clone(),
        console_missing: platform.console_missing.as_deref().map(plain),
        groups: groups
            .into_iter()
            .filter(|group| !group.entries.is_empty())
            .collect(),
        tags: tags.collect(),
        notes: notes
            .into_iter()
            .filter(|note| !note.lines.is_empty())
            .collect(),
    };
    Ok(BOARD_REPL.render(&values)?)
}

fn entry_values(entry: &Entry) -> EntryValues {
    let comment = entry.node.as_ref().map(|node| match &entry.compatible {
        Some(compatible) => plain(&format!("{node} ({compatible})")),
        None => plain(node),
    });
    let properties = entry.properties.iter();
    let mut lines: Vec<String> = properties
        .map(|(name, value)| format!("{name}: {}", value_text(value)))
        .collect();
    lines.extend(connection_lines(&entry.connections));
    EntryValues {
        head: format!("{}: {} @ {}", entry.name, entry.class, place(&entry.at)),
        comment,
        lines,
    }
}

fn place(at: &Registration) -> String {
    match at {
        Registration::Bus => "sysbus".to_owned(),
        Registration::Address(address) => format!("sysbus {address:#x}"),
        Registration::Range(region) => {
            format!("sysbus <{:#x}, +{:#x}>", region.address, region.size)
        }
        Registration::PerProcessor { address, processor } => format!(
            "sysbus new Bus.BusPointRegistration {{ address: {address:#x}; cpu: {processor} }}"
        ),
        Registration::Places(places) => {
            let places = places.iter().map(|place| match place {
                Place::Part { region, name } => format!(
                    "sysbus new Bus.BusMultiRegistration {{ address: {:#x}; size: {:#x}; region: \"{name}\" }}",
                    region.address, region.size
                ),
                Place::Redistributor { address, processor } => format!(
                    "sysbus new IRQControllers.ArmGicRedistributorRegistration {{ attachedCPU: {processor}; \
                     address: {address:#x} }}"
                ),
            });
            format!("{{ {} }}", places.collect::<Vec<_>>().join("; "))
        }
        Registration::On {
            parent,
            place: None,
        } => parent.clone(),
        Registration::On {
            parent,
            place: Some(place),
        } => format!("{parent} {place}"),
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Flag(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Hex(number) => format!("{number:#x}"),
        Value::Text(text) => quoted(text),
        Value::Raw(text) => text.clone(),
    }
}

/// A line for each connection, or for a run of numbered outputs that go to a run of inputs.
fn connection_lines(connections: &[Connection]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = connections;
    while let Some((first, behind)) = rest.split_first() {
        let run = 1 + behind
            .iter()
            .zip(1..)
            .take_while(|(next, distance)| follows(first, next, *distance))
            .count();
        let last = &rest[run - 1];
        lines.push(match (numbered(first), numbered(last)) {
            (Some((from, to, at)), Some((until, _, end))) if run > 1 => {
                format!("[{from}-{until}] -> {to}@[{at}-{end}]")
            }
            _ => format!("{} -> {}", first.output, first.to.join(" | ")),
        });
        rest = &rest[run..];
    }
    lines
}

/// A numbered output that goes to one place: its number, the place, and that one's number.
fn numbered(connection: &Connection) -> Option<(u64, &str, u64)> {
    let [to] = &connection.to[..] else {
        return None;
    };
    let (to, at) = to.rsplit_once('@')?;
    Some((connection.output.parse().ok()?, to, at.parse().ok()?))
}

fn follows(first: &Connection, next: &Connection, distance: u64) -> bool {
    match (numbered(first), numbered(next)) {
        (Some((output, to, at)), Some((next_output, next_to, next_at))) => {
            to == next_to && next_output == output + distance && next_at == at + distance
        }
        _ => false,
    }
}

/// A text in quotes; what a rule or a devicetree has in it stays text.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out + "\""
}

/// A text for one line of a comment.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// What a script for Renode names.
#[derive(Debug, Clone, Serialize)]
pub struct RescOptions {
    /// The machine's name.
    pub name: String,
    /// The platform description, as Renode finds it.
    pub repl: String,
    /// The firmware, if it is known; otherwise whoever runs the script sets `$elf`.
    pub elf: Option<String>,
}

/// A script that loads a platform and firmware, shows the console and starts.
///
/// # Errors
/// Only if a template is at fault.
pub fn resc(platform: &Platform, options: &RescOptions) -> Result<String> {
    #[derive(Serialize)]
    struct Values<'a> {
        board: String,
        renode: &'a str,
        name: String,
        repl: &'a str,
        elf: Option<&'a str>,
        console: Option<&'a str>,
        usb: bool,
        missing: Option<String>,
    }
    let values = Values {
        board: plain(&platform.board),
        renode: &platform.renode,
        name: quoted(&options.name),
        repl: &options.repl,
        elf: options.elf.as_deref(),
        console: platform.console.as_deref(),
        usb: platform.console_is_usb,
        missing: platform.console_missing.as_deref().map(plain),
    };
    Ok(BOARD_RESC.render(&values)?)
}
