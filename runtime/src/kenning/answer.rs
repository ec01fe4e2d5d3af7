//! What goes back.

use super::log::Line;
use super::port::Port;
use super::wire::{Encoded, Form, Kind, Outcome};

/// Sends a message whose payload is known before it is sent, as its checksum stands in front: `payload` gives it in parts, twice.
pub(super) fn send(
    port: &mut impl Port,
    form: Form,
    kind: Kind,
    outcome: Outcome,
    size: u32,
    payload: impl Fn(&mut dyn FnMut(&[u8])),
) {
    let mut xor = 0;
    payload(&mut |bytes| xor = bytes.iter().fold(xor, |xor, byte| xor ^ byte));
    port.write(Encoded::new(form, kind, outcome, size, xor).bytes());
    payload(&mut |bytes| port.write(bytes));
}

/// Sends a message without a payload.
pub(super) fn send_empty(port: &mut impl Port, form: Form, kind: Kind, outcome: Outcome) {
    port.write(Encoded::new(form, kind, outcome, 0, 0).bytes());
}

/// Sends a line for the client's log.
pub(super) fn send_log(port: &mut impl Port, form: Form, line: &Line) {
    let text = line.bytes();
    let len = text.len() as u8;
    let size = u32::from(len).wrapping_add(1);
    send(port, form, Kind::Logs, Outcome::Pushed, size, |to| {
        to(&[len]);
        to(text);
    });
}
