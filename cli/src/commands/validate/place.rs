//! `--on`: where firmware runs.

use castiron_build::validate::{Line, Platform};

/// Where firmware runs, and at which port it does.
#[derive(Debug, Clone)]
pub(super) struct On {
    pub(super) platform: Platform,
    pub(super) line: Option<Line>,
    pub(super) chip: Option<String>,
}

impl On {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let simple = [
            Platform::Host,
            Platform::Qemu,
            Platform::Renode,
            Platform::Serial,
        ];
        if let Some(platform) = simple.into_iter().find(|p| p.name() == text) {
            return Ok(Self {
                platform,
                line: None,
                chip: None,
            });
        }
        if let Some(chip) = text.strip_prefix("probe:").filter(|chip| !chip.is_empty()) {
            return Ok(Self {
                platform: Platform::Probe,
                line: None,
                chip: Some(chip.to_owned()),
            });
        }
        let Some(rest) = text.strip_prefix("serial:").filter(|port| !port.is_empty()) else {
            return Err(
                "possible values: host, qemu, renode, serial, serial:PORT[@BAUD], probe:CHIP"
                    .to_owned(),
            );
        };
        // A name may have the sign, too.
        let (port, baud) = match rest.rsplit_once('@') {
            Some((port, baud)) if baud.bytes().all(|b| b.is_ascii_digit()) => (port, Some(baud)),
            _ => (rest, None),
        };
        let mut line = Line::new(port);
        if let Some(baud) = baud {
            line.baud = (baud.parse().ok().filter(|baud| *baud > 0))
                .ok_or_else(|| format!("{baud:?} is no rate; most boards have 115200"))?;
        }
        let platform = Platform::Serial;
        Ok(Self {
            platform,
            line: Some(line),
            chip: None,
        })
    }
}
