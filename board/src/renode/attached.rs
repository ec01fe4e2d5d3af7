//! Devices that hang off other devices: LEDs and buttons on pins, chips on I2C and SPI.

use std::collections::BTreeSet;

use super::builder::Builder;
use super::{Connection, Entry, Group, Outcome, Registration, Value};
use crate::dts::{Cell, NodeRef};

/// The flag of a pin that is on when it is low.
const ACTIVE_LOW: u64 = 1;

impl<'t> Builder<'t> {
    /// Emits what `gpio-leds` and `gpio-keys` list.
    pub(super) fn leds_and_buttons(&mut self) {
        let mut taken = BTreeSet::new();
        for group in self.tree.nodes() {
            let leds = group.is_compatible("gpio-leds");
            if !(leds || group.is_compatible("gpio-keys")) || !group.is_enabled() {
                continue;
            }
            for node in group.children().filter(|node| node.is_enabled()) {
                let pin = match self.pin(node) {
                    Ok(pin) => pin,
                    Err(reason) => {
                        self.note(node, Outcome::Dropped, reason);
                        continue;
                    }
                };
                if !taken.insert((pin.port.clone(), pin.number)) {
                    self.note(node, Outcome::Dropped, "something else is at its pin");
                    continue;
                }
                self.at_pin(node, leds, pin);
            }
        }
    }

    fn at_pin(&mut self, node: NodeRef<'t>, led: bool, pin: Pin) {
        let class = match led {
            true => "Miscellaneous.LED",
            false => "Miscellaneous.Button",
        };
        let at = Registration::On {
            parent: pin.port.clone(),
            place: Some(pin.number),
        };
        let mut entry = self.entry(node, Group::Attached, class, at);
        if pin.active_low {
            entry
                .properties
                .push(("invert".to_owned(), Value::Flag(true)));
        }
        if led {
            // Where numbered outputs are interrupts too, one goes to both.
            self.connect(&pin.port, pin.number, format!("{}@0", entry.name));
        } else {
            entry.connections.push(Connection {
                output: "IRQ".to_owned(),
                to: vec![format!("{}@{}", pin.port, pin.number)],
            });
        }
        self.push(node, entry);
    }

    /// The pin that `gpios` names, if its port has a model that takes something there.
    fn pin(&self, node: NodeRef<'t>) -> Result<Pin, String> {
        let port = node.reference("gpios").ok_or("it names no pin")?;
        let cells = node.cells("gpios");
        let number = |index: usize| match cells.get(index) {
            Some(Cell::Number(number)) => Some(*number),
            _ => None,
        };
        let pin = number(1).ok_or("it names no pin")?;
        let Some(model) = self.place_of(port).map(|place| &self.entries[place]) else {
            let what = port.compatibles().next().unwrap_or(port.name());
            return Err(format!("its port, {what}, has no model"));
        };
        let class = self.rules.types.class(&model.class);
        let takes = class.is_none_or(|class| class.attaches.iter().any(|a| a == "IGPIOReceiver#"));
        if !takes {
            return Err(format!("{} accepts nothing at its pins", model.class));
        }
        Ok(Pin {
            port: model.name.clone(),
            number: pin,
            active_low: number(2).is_some_and(|flags| flags & ACTIVE_LOW != 0),
        })
    }

    /// Emits chips on I2C and SPI that have a model.
    pub(super) fn on_buses(&mut self) {
        let mut taken = BTreeSet::new();
        for node in self.tree.nodes() {
            let Some(bus) = node.parent().filter(|parent| parent.is_bus_without_sizes()) else {
                continue;
            };
            let skip = self.done.contains(&node.key())
                || node.compatibles().next().is_none()
                || bus.path() == "/cpus"
                || !node.is_enabled();
            if skip {
                continue;
            }
            match self.on_bus(node, bus) {
                Err(reason) => self.note(node, Outcome::Dropped, reason),
                Ok(entry) => match taken.insert(format!("{:?}", entry.at)) {
                    true => self.push(node, entry),
                    false => {
                        self.note(node, Outcome::Dropped, "something else is at its place");
                    }
                },
            }
        }
    }

    fn on_bus(&mut self, node: NodeRef<'t>, bus: NodeRef<'t>) -> Result<Entry, String> {
        let i2c = self.device_rule(node, Some("i2c"))?;
        let rule = match i2c {
            Some(rule) => Some(rule),
            None => self.device_rule(node, Some("spi"))?,
        };
        let rule = rule.ok_or("no rule has a model for it")?;
        let model = self.place_of(bus).map(|place| &self.entries[place]);
        let model = model.ok_or("its bus has no model")?;
        let (single, several) = match rule.bus.as_deref() {
            Some("spi") => ("ISPIPeripheral", "ISPIPeripheral#"),
            _ => ("II2CPeripheral", "II2CPeripheral#"),
        };
        let class = self.rules.types.class(&model.class);
        let attaches =
            |what: &str| class.is_some_and(|class| class.attaches.iter().any(|a| a == what));
        let place = match (attaches(several), attaches(single)) {
            (true, _) => node.local_registers().first().map(|region| region.address),
            (false, true) => None,
            (false, false) => return Err(format!("{} does not accept such a device", model.class)),
        };
        let at = Registration::On {
            parent: model.name.clone(),
            place,
        };
        let mut properties = Vec::new();
        for (name, value) in &rule.properties {
            properties.push((name.clone(), self.value(node, value)?));
        }
        self.about_rule(node, rule);
        let entry = self.entry(node, Group::Attached, &rule.class, at);
        Ok(Entry {
            properties,
            ..entry
        })
    }
}

struct Pin {
    port: String,
    number: u64,
    active_low: bool,
}
