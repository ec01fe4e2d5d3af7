//! `board.repl` and `board.resc`: a platform for Renode and a script that runs firmware on it.

use serde::Serialize;

use super::template::render;
use crate::board::renode::{Connection, Entry, Group, Outcome, Platform, Registration, Value};
use crate::error::Result;

const REPL: &str = include_str!("../../templates/board.repl.tera");
const RESC: &str = include_str!("../../templates/board.resc.tera");

#[derive(Serialize)]
struct ReplValues {
    board: String,
    renode: String,
    console: Option<String>,
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
    render(
        REPL,
        &ReplValues {
            board: plain(&platform.board),
            renode: platform.renode.clone(),
            console: platform.console.clone(),
            groups: groups
                .into_iter()
                .filter(|group| !group.entries.is_empty())
                .collect(),
            tags: tags.collect(),
            notes: notes
                .into_iter()
                .filter(|note| !note.lines.is_empty())
                .collect(),
        },
    )
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
    lines.extend(entry.connections.iter().map(connection_text));
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

fn connection_text(connection: &Connection) -> String {
    format!("{} -> {}", connection.output, connection.to.join(" | "))
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
        chosen: bool,
    }
    render(
        RESC,
        &Values {
            board: plain(&platform.board),
            renode: &platform.renode,
            name: quoted(&options.name),
            repl: &options.repl,
            elf: options.elf.as_deref(),
            console: platform.console.as_deref(),
            chosen: platform.console_is_chosen,
        },
    )
}
