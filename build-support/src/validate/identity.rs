//! What firmware on a board says it is.

use std::fmt::Write as _;

use castiron_codegen::error::{Diagnostic, Result};
use serde::Serialize;

use super::Settings;

/// What firmware on a board says it is: lines of text that are in its image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Identity {
    /// SHA-256 of the model's file, in hexadecimal.
    pub model: String,
    /// The version of castiron that made it.
    pub castiron: String,
    /// The target it was compiled for.
    pub target: String,
    /// What computes.
    pub engine: String,
    /// Whether it shows every operator.
    pub layers: bool,
}

/// The first line. Another number is another protocol.
const TITLE: &str = "castiron validate 1";
/// It is one frame.
const MOST_BYTES: usize = 255;

impl Identity {
    /// What firmware of these settings says.
    pub(super) fn of(settings: &Settings) -> Self {
        let plain = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
        let target = settings.target.as_deref().unwrap_or("host");
        Self {
            model: hexadecimal(&settings.model_hash),
            castiron: env!("CARGO_PKG_VERSION").to_owned(),
            target: target.chars().filter(plain).take(48).collect(),
            engine: settings.engine.name().to_owned(),
            layers: settings.traced(),
        }
    }

    /// The text that an image holds.
    pub(super) fn text(&self) -> String {
        let Self {
            model,
            castiron,
            target,
            engine,
            layers,
        } = self;
        let text = format!(
            "{TITLE}\nmodel {model}\ncastiron {castiron}\ntarget {target}\nengine {engine}\nlayers {layers}\n"
        );
        debug_assert!(text.len() <= MOST_BYTES, "{text}");
        text
    }

    pub(super) fn parse(text: &[u8]) -> Result<Self> {
        let text = String::from_utf8_lossy(text);
        let mut lines = text.lines();
        let title = lines.next().unwrap_or_default();
        let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(' ')).collect();
        let field = |name: &str| {
            let found = fields.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let read = || {
            Some(Self {
                model: field("model")?,
                castiron: field("castiron")?,
                target: field("target")?,
                engine: field("engine")?,
                layers: field("layers")? == "true",
            })
        };
        let known = (title == TITLE).then(read).flatten();
        known.ok_or_else(|| {
            Diagnostic::new("the board's firmware is of another castiron")
                .expected(TITLE)
                .found(format!("{:?}", title))
                .help("write it again with --firmware, and flash it")
                .into()
        })
    }

    /// That it is firmware of the model that is validated, and shows what is asked for.
    pub(super) fn check(&self, settings: &Settings) -> Result<()> {
        let wanted = Self::of(settings);
        if self.model != wanted.model {
            return Err(Diagnostic::new("the board runs another model")
                .expected(format_args!("a model with the SHA-256 {}", wanted.model))
                .found(&self.model)
                .help("write the firmware of this model with --firmware and flash it, or name the board's model")
                .into());
        }
        if self.engine != wanted.engine {
            return Err(Diagnostic::new("the board's firmware computes with another engine")
                .expected(&wanted.engine)
                .found(&self.engine)
                .help(format_args!(
                    "name it with --engine {}, or write the firmware with --firmware and flash it",
                    self.engine
                ))
                .into());
        }
        if wanted.layers && !self.layers {
            return Err(Diagnostic::new("the board's firmware does not show its operators")
                .help("write it with --firmware and --layers, and flash it; or omit --layers and --csv here")
                .into());
        }
        Ok(())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
