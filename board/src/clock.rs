//! How fast a board's processor runs.

use std::str::FromStr;

use serde::Serialize;

use castiron_codegen::error::Diagnostic;

/// A processor's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// How often it ticks in a second.
    pub hz: u64,
    /// Who says so.
    pub source: &'static str,
}

impl Clock {
    pub(crate) fn of_zephyr(mhz: u64) -> Self {
        Self {
            hz: mhz.saturating_mul(1_000_000),
            source: "what Zephyr 4.1 sets it to",
        }
    }

    pub(crate) fn of_devicetree(hz: u64) -> Self {
        Self {
            hz,
            source: "the devicetree",
        }
    }

    /// For people: `168 MHz`.
    #[must_use]
    pub fn text(&self) -> String {
        match self.hz {
            hz if hz >= 1_000_000 => format!("{} MHz", hz as f64 / 1e6),
            hz => format!("{hz} Hz"),
        }
    }
}

/// As users write it: `168M`, `168 MHz`, `32.768k`, `64000000`.
impl FromStr for Clock {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let wrong = || {
            Diagnostic::new("the clock is no frequency of a processor")
                .expected("1 kHz or more, as 168M, 32.768k or 64000000")
                .found(format_args!("\"{}\"", text.escape_debug()))
        };
        let plain = text.trim().to_ascii_lowercase();
        let plain = plain.strip_suffix("hz").unwrap_or(&plain);
        let units = [("k", 1e3), ("m", 1e6), ("g", 1e9)];
        let found = units
            .into_iter()
            .find_map(|(unit, size)| Some((plain.strip_suffix(unit)?, size)));
        let (number, size) = found.unwrap_or((plain, 1.0));
        let number = number.trim_end();
        let is_plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let value: f64 = number.parse().ok().filter(|_| is_plain).ok_or_else(wrong)?;
        let hz = (value * size).round();
        if !(1e3..=1e12).contains(&hz) {
            return Err(wrong());
        }
        Ok(Self {
            hz: hz as u64,
            source: "--clock",
        })
    }
}
