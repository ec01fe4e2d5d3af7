//! How much figures may grow.

use std::fmt;
use std::str::FromStr;

use castiron_codegen::compile::Bytes;
use castiron_codegen::error::Diagnostic;
use serde_json::Number;

use super::{Breach, Diff, Figure, figures};

/// How much a figure may grow, as `arena=2%` or `flash=1k`.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    figure: &'static str,
    growth: Growth,
    /// As it was given.
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Growth {
    /// By a part of what it was.
    Percent(f64),
    /// By a number.
    Number(f64),
}

impl FromStr for Limit {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let found = format!("{text:?}");
        let Some((name, growth)) = text.split_once('=') else {
            return Err(Diagnostic::new("this is no limit")
                .expected("FIGURE=GROWTH, as arena=2% or flash=1k")
                .found(found));
        };
        let Some(figure) = figures::names().find(|figure| *figure == name.trim()) else {
            let names: Vec<&str> = figures::names().collect();
            return Err(Diagnostic::new("there is no such figure")
                .expected(format_args!("one of {}", names.join(", ")))
                .found(format_args!("{:?}", name.trim())));
        };
        let growth = growth.trim();
        let parsed = match growth.strip_suffix('%') {
            Some(percent) => percent.trim().parse().ok().map(Growth::Percent),
            None => Bytes::from_str(growth)
                .ok()
                .map(|Bytes(bytes)| Growth::Number(bytes as f64)),
        };
        let is_right = |growth: &Growth| match growth {
            Growth::Percent(percent) => percent.is_finite() && *percent >= 0.0,
            Growth::Number(_) => true,
        };
        let growth = parsed.filter(is_right).ok_or_else(|| {
            Diagnostic::new("this is no growth that can be a limit")
                .expected("a part as 2%, or a number as 0, 512, 1k or 1M, where k is 1024")
                .found(found)
        })?;
        Ok(Self {
            figure,
            growth,
            text: text.to_owned(),
        })
    }
}

impl Limit {
    /// Whether a figure grew by more. What was known and is no longer known may be anything.
    fn is_exceeded(&self, figure: &Figure) -> bool {
        let (Some(old), new) = (value(&figure.old), value(&figure.new)) else {
            return false;
        };
        let most = match self.growth {
            Growth::Percent(percent) => old * percent / 100.0,
            Growth::Number(number) => number,
        };
        new.is_none_or(|new| new - old > most)
    }
}

/// A figure's value.
pub(super) fn value(number: &Option<Number>) -> Option<f64> {
    number.as_ref().and_then(Number::as_f64)
}

impl Diff {
    /// Looks for figures that grew by more than limits allow. What is returned are limits that say nothing of a model, because
    /// the figure was not known of it before.
    pub fn hold(&mut self, limits: &[Limit]) -> Vec<Diagnostic> {
        let mut unchecked = Vec::new();
        let both = self.models.iter().map(|model| (&model.new, &model.figures));
        // Of a model that is gone, no figure is known any more.
        let lost = self.lost.iter().map(|(name, figures)| (name, figures));
        for (model, figures) in both.chain(lost) {
            for limit in limits {
                let figure = figures.iter().find(|figure| figure.name == limit.figure);
                let Some((figure, old)) = figure.and_then(|f| Some((f, f.old.clone()?))) else {
                    let mut warning = Diagnostic::new("the growth of a figure was not checked")
                        .found(format_args!(
                            "{}, which is not known of what it was, or is of another processor",
                            limit.text
                        ));
                    warning.place.file = Some(model.clone());
                    if limit.figure == "time" {
                        warning = warning.help(
                            "time needs a clock on both sides: compare reports that were made with --board or --clock, or limit instructions",
                        );
                    }
                    unchecked.push(warning);
                    continue;
                };
                if limit.is_exceeded(figure) {
                    self.breaches.push(Breach {
                        model: model.clone(),
                        figure: limit.figure,
                        old,
                        new: figure.new.clone(),
                        limit: limit.text.clone(),
                    });
                }
            }
        }
        unchecked
    }
}

/// A sentence: which figure, what it was and is, by how much it grew, and what the limit is.
impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let old = super::parts::number(&self.old);
        let (_, limit) = self.limit.split_once('=').unwrap_or_default();
        match &self.new {
            None => write!(f, "{} is not known any more: it was {old}", self.figure),
            Some(new) => write!(
                f,
                "{} grew from {old} to {}, by {}: the limit is {limit}",
                self.figure,
                super::parts::number(new),
                super::parts::growth(&self.old, new).replace('+', "")
            ),
        }
    }
}
