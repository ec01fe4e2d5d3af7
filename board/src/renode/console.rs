//! What shows what firmware prints.

use super::builder::Builder;
use super::{Note, Outcome};
use crate::dts::NodeRef;

/// What `/chosen` says of the console, the first that it has.
const CHOSEN: [&str; 3] = ["zephyr,console", "zephyr,shell-uart", "stdout-path"];

/// The console of a platform.
pub(super) struct Console {
    /// The entry that shows something, if there is one.
    pub(super) entry: Option<String>,
    /// Whether it is a USB device.
    pub(super) is_usb: bool,
    /// Why it is not what the devicetree chose.
    pub(super) missing: Option<String>,
}

impl<'t> Builder<'t> {
    /// The entry that prints what Zephyr's console prints, or what stands in for it and why.
    pub(super) fn console(&mut self) -> Console {
        let property = CHOSEN.iter().find(|name| {
            let chosen = self.tree.at("/chosen");
            chosen.is_some_and(|chosen| chosen.has(name))
        });
        let node = property.and_then(|name| self.tree.chosen(name));
        if let Some((entry, is_usb)) = node.and_then(|node| self.prints(node)) {
            return Console {
                entry: Some(entry),
                is_usb,
                missing: None,
            };
        }
        let missing = match (property, node) {
            (None, _) => "the devicetree chooses no console".to_owned(),
            (Some(name), None) => format!("{name} names no node"),
            (Some(_), Some(node)) => {
                let what = node.compatibles().next().unwrap_or(node.name());
                format!("{} ({what}): {}", node.path(), self.why_not(node))
            }
        };
        let mut entries = self.entries.iter();
        let first = entries.find(|entry| entry.class.starts_with("UART."));
        let first = first.map(|entry| entry.name.clone());
        if let Some(node) = node {
            let reason = match &first {
                Some(name) => {
                    format!("the console has no model in Renode; {name} is shown instead")
                }
                None => "the console has no model in Renode; nothing is shown".to_owned(),
            };
            self.note(node, Outcome::Approximated, reason);
        }
        Console {
            entry: first,
            is_usb: false,
            missing: Some(missing),
        }
    }

    /// The entry that prints for a node, and whether over USB. Some consoles are a part of what has
    /// the model.
    fn prints(&self, node: NodeRef<'t>) -> Option<(String, bool)> {
        let is_usb = node.is_compatible("zephyr,cdc-acm-uart");
        let kind = match is_usb {
            true => "USB.",
            false => "UART.",
        };
        let mut names = node
            .with_ancestors()
            .filter_map(|node| self.by_node.get(&node.key()));
        let entry = names.find_map(|name| {
            let mut entries = self.entries.iter();
            entries.find(|entry| entry.name == *name && entry.class.starts_with(kind))
        })?;
        Some((entry.name.clone(), is_usb))
    }

    /// Why nothing stands for a node that may be a part of another.
    fn why_not(&self, node: NodeRef<'t>) -> String {
        if !node.is_enabled() {
            return "it is switched off".to_owned();
        }
        let notes = node.with_ancestors().filter_map(|node| {
            let path = node.path();
            let listed = |note: &&Note| note.node == path && note.outcome != Outcome::Approximated;
            self.notes().find(listed)
        });
        let notes: Vec<&Note> = notes.collect();
        // Of software on a device without a model, the device's reason counts.
        let tagged = notes.iter().find(|note| note.outcome == Outcome::Tagged);
        match tagged.or(notes.first()) {
            Some(note) => note.reason.clone(),
            None => "no rule has a model for it".to_owned(),
        }
    }
}
