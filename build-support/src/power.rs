//! A recording of a board's current, and what of it an inference takes.
//!
//! Programs for Joulescope, Power Profiler Kit II and Otii write a line for each sample, below a line with names and units:
//!
//! | from | first line |
//! |---|---|
//! | Joulescope | `#time (s),current (A),voltage (V)` |
//! | Power Profiler Kit II | `Timestamp(ms),Current(uA),D0-D7` |
//! | Otii | names with units, such as `Timestamp (s),Main current (A)` |

use castiron_codegen::error::{Diagnostic, Error, Result};
use serde::Serialize;

/// How to tell an inference from what is around it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Marker {
    /// A digital channel that is high meanwhile: the name of a column, or `D0` to `D7` of a Power Profiler Kit.
    Channel(String),
    /// The current, in ampere, that an inference is above.
    Above(f64),
}

/// What a recording lacks.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// What tells an inference from what is around it.
    pub marker: Marker,
    /// The supply's voltage, where the recording has none.
    pub voltage: Option<f64>,
}

impl Settings {
    /// Without a voltage.
    pub fn new(marker: Marker) -> Self {
        Self {
            marker,
            voltage: None,
        }
    }
}

/// An inference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Inference {
    /// When it began, in seconds.
    pub start: f64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The mean current, in ampere.
    pub current: f64,
    /// Its energy, in joule.
    pub energy: f64,
}

/// What was found in a recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Power {
    /// Samples read.
    pub samples: usize,
    /// Inferences that the recording has as a whole.
    pub inferences: Vec<Inference>,
    /// Those that it begins or ends in.
    pub cut: usize,
    /// The mean current between inferences, in ampere.
    pub idle_current: Option<f64>,
}

impl Power {
    /// The mean of something over all inferences.
    pub fn mean(&self, of: impl Fn(&Inference) -> f64) -> f64 {
        self.inferences.iter().map(of).sum::<f64>() / self.inferences.len() as f64
    }
}

/// Where things are in a line.
struct Columns {
    time: (usize, f64),
    current: (usize, f64),
    voltage: Option<(usize, f64)>,
    /// The column, and which character of it.
    marker: Option<(usize, Option<usize>)>,
    count: usize,
}

struct Sample {
    time: f64,
    current: f64,
    voltage: f64,
    is_marked: bool,
}

/// Reads a recording.
///
/// # Errors
/// What is wrong with it, with line and column, and if no inference is in it as a whole.
pub fn read(text: &str, settings: &Settings) -> Result<Power> {
    let mut lines = text.lines().enumerate();
    let (row, names) = lines
        .find(|(_, line)| !line.trim().is_empty())
        .ok_or_else(|| Diagnostic::new("the recording is empty"))?;
    let separator = [';', '\t']
        .into_iter()
        .find(|c| names.contains(*c))
        .unwrap_or(',');
    let columns = Columns::of(names, separator, row, settings)?;
    let mut power = Power {
        samples: 0,
        inferences: Vec::new(),
        cut: 0,
        idle_current: None,
    };
    let (mut idle, mut idle_seconds) = (0.0, 0.0);
    let mut before: Option<Sample> = None;
    // The inference that is going on, and whether its beginning was seen.
    let mut now: Option<(Inference, bool)> = None;
    for (row, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let sample = columns.sample(line, separator, row, settings)?;
        power.samples += 1;
        if let Some(before) = &before {
            let seconds = sample.time - before.time;
            // Times are rounded, so that two samples may have the same.
            if seconds < 0.0 {
                return Err(at(row, columns.time.0, "time does not go on")
                    .found(format!("{} s after {} s", sample.time, before.time))
                    .into());
            }
            // A sample holds until the next one.
            let charge = before.current * seconds;
            match &mut now {
                Some((inference, _)) => {
                    inference.seconds += seconds;
                    inference.current += charge;
                    inference.energy += charge * before.voltage;
                }
                None => {
                    idle += charge;
                    idle_seconds += seconds;
                }
            }
        }
        match (&now, sample.is_marked) {
            (None, true) => {
                let start = sample.time;
                let inference = Inference {
                    start,
                    seconds: 0.0,
                    current: 0.0,
                    energy: 0.0,
                };
                now = Some((inference, before.is_some()));
            }
            (Some((inference, is_whole)), false) => {
                match is_whole {
                    true if inference.seconds > 0.0 => power.inferences.push(Inference {
                        current: inference.current / inference.seconds,
                        ..*inference
                    }),
                    _ => power.cut += 1,
                }
                now = None;
            }
            _ => {}
        }
        before = Some(sample);
    }
    power.cut += usize::from(now.is_some());
    power.idle_current = (idle_seconds > 0.0).then(|| idle / idle_seconds);
    match power.inferences.is_empty() {
        false => Ok(power),
        true => Err(nothing(&power, settings)),
    }
}

fn nothing(power: &Power, settings: &Settings) -> Error {
    let found = format!(
        "{} samples, {} inferences that are cut off",
        power.samples, power.cut
    );
    let problem = Diagnostic::new("no whole inference is in the recording").found(found);
    match &settings.marker {
        Marker::Channel(name) => problem.help(format_args!(
            "check that the channel {name} is connected to the pin that board_mark sets, and that the firmware ran meanwhile"
        )),
        Marker::Above(_) => problem.help("choose a --threshold between the current of an inference and that of waiting"),
    }
    .into()
}

/// Something wrong in a line and column, which count from zero here.
fn at(row: usize, column: usize, what: &str) -> Diagnostic {
    Diagnostic::new(format!("line {}, column {}: {what}", row + 1, column + 1))
}

/// The factor of a unit in brackets: `Current(uA)`.
fn scale(name: &str, unit: char) -> Option<f64> {
    let inner = name
        .split(['(', '['])
        .nth(1)?
        .split([')', ']'])
        .next()?
        .trim();
    match inner.strip_suffix(unit)? {
        "" => Some(1.0),
        "m" => Some(1e-3),
        "u" | "µ" | "μ" => Some(1e-6),
        "n" => Some(1e-9),
        _ => None,
    }
}

impl Columns {
    fn of(line: &str, separator: char, row: usize, settings: &Settings) -> Result<Self> {
        let line = line.trim_start_matches(['\u{feff}', '#', ' ']);
        let names: Vec<&str> = line.split(separator).map(clean).collect();
        let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        let position = |word: &str| lower.iter().position(|name| name.contains(word));
        let wanted = |what: &str, example: &str| {
            at(row, 0, &format!("no column has the {what}"))
                .expected(format_args!(
                    "a first line with names and units, such as {example}"
                ))
                .found(names.join(", "))
        };
        let time = position("time").ok_or_else(|| wanted("time", "Timestamp(ms)"))?;
        let current = position("current").ok_or_else(|| wanted("current", "Current(uA)"))?;
        let unit = |column: usize, what: char| {
            scale(names[column], what).ok_or_else(|| {
                at(row, column, "the column has no unit that is known")
                    .found(names[column])
                    .expected(match what {
                        's' => "s, ms or us in brackets",
                        'A' => "A, mA, uA or nA in brackets",
                        _ => "V or mV in brackets",
                    })
            })
        };
        let voltage =
            position("voltage").map(|column| Ok::<_, Diagnostic>((column, unit(column, 'V')?)));
        let voltage = voltage.transpose()?;
        if voltage.is_none() && settings.voltage.is_none() {
            return Err(wanted("voltage", "voltage (V)")
                .help("say it with --voltage, such as 3.0 for a supply of 3 V")
                .into());
        }
        let marker = match &settings.marker {
            Marker::Above(_) => None,
            Marker::Channel(name) => {
                let wanted = name.to_lowercase();
                // A Power Profiler Kit's channels are one text, the first of them first.
                let digit = || {
                    wanted
                        .strip_prefix('d')?
                        .parse()
                        .ok()
                        .filter(|digit| *digit < 8)
                };
                let column = lower
                    .iter()
                    .position(|name| *name == wanted)
                    .map(|column| (column, None));
                let found = column.or_else(|| Some((position("d0-d7")?, Some(digit()?))));
                Some(found.ok_or_else(|| {
                    at(row, 0, &format!("no column is named {name:?}"))
                        .found(names.join(", "))
                        .help("name one of them with --marker, or take --threshold")
                })?)
            }
        };
        Ok(Self {
            time: (time, unit(time, 's')?),
            current: (current, unit(current, 'A')?),
            voltage,
            marker,
            count: names.len(),
        })
    }

    fn sample(
        &self,
        line: &str,
        separator: char,
        row: usize,
        settings: &Settings,
    ) -> Result<Sample> {
        let fields: Vec<&str> = line.split(separator).map(clean).collect();
        if fields.len() != self.count {
            return Err(at(
                row,
                fields.len().min(self.count),
                "the line has another number of fields than the first",
            )
            .expected(self.count)
            .found(fields.len())
            .into());
        }
        let number = |(column, scale): (usize, f64)| -> Result<f64> {
            let decimal = match separator {
                ',' => fields[column].to_owned(),
                // As spreadsheets of many countries write numbers.
                _ => fields[column].replace(',', "."),
            };
            let value: Option<f64> = decimal.parse().ok();
            let value = value.filter(|value| value.is_finite());
            Ok(scale
                * value.ok_or_else(|| {
                    at(row, column, "this is no number").found(format!("{:?}", fields[column]))
                })?)
        };
        let current = number(self.current)?;
        let is_marked = match (&settings.marker, self.marker) {
            (Marker::Above(threshold), _) => current > *threshold,
            (Marker::Channel(_), Some((column, Some(digit)))) => {
                match fields[column].as_bytes().get(digit) {
                    Some(b'1') => true,
                    Some(b'0') => false,
                    _ => {
                        let found = format!("{:?}", fields[column]);
                        return Err(at(row, column, "these are no channels")
                            .expected("eight digits, 0 or 1")
                            .found(found)
                            .into());
                    }
                }
            }
            (Marker::Channel(_), Some((column, None))) => number((column, 1.0))? >= 0.5,
            (Marker::Channel(_), None) => false,
        };
        Ok(Sample {
            time: number(self.time)?,
            current,
            voltage: match self.voltage {
                Some(column) => number(column)?,
                None => settings.voltage.unwrap_or_default(),
            },
            is_marked,
        })
    }
}

/// A field without spaces and quotation marks.
fn clean(field: &str) -> &str {
    field.trim().trim_matches('"').trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of a millisecond: three inferences of 20 ms at 10 mA, 30 ms of waiting at 1 mA before each.
    fn samples(line: impl Fn(usize, f64, bool) -> String) -> String {
        (0..160)
            .map(|i| line(i, if i % 50 >= 30 { 10e-3 } else { 1e-3 }, i % 50 >= 30) + "\n")
            .collect()
    }

    fn channel(name: &str) -> Settings {
        Settings::new(Marker::Channel(name.to_owned()))
    }

    fn check(power: &Power, volts: f64) {
        assert_eq!(
            (power.samples, power.inferences.len(), power.cut),
            (160, 3, 0)
        );
        for inference in &power.inferences {
            assert!((inference.seconds - 0.02).abs() < 1e-9, "{inference:?}");
            assert!((inference.current - 10e-3).abs() < 1e-9, "{inference:?}");
            assert!(
                (inference.energy - volts * 10e-3 * 0.02).abs() < 1e-9,
                "{inference:?}"
            );
        }
        assert!((power.idle_current.unwrap() - 1e-3).abs() < 1e-9);
    }

    #[test]
    fn every_format_gives_the_same() {
        let joulescope = "#time (s),current (A),voltage (V)\n".to_owned()
            + &samples(|i, a, _| format!("{:.6},{a:e},1.8", i as f64 * 1e-3));
        let threshold = Settings::new(Marker::Above(5e-3));
        check(&read(&joulescope, &threshold).unwrap(), 1.8);

        let ppk = "Timestamp(ms),Current(uA),D0-D7\n".to_owned()
            + &samples(|i, a, on| format!("{i},{},\"10{}00000\"", a * 1e6, u8::from(on)));
        let mut settings = channel("D2");
        let error = read(&ppk, &settings).unwrap_err().to_string();
        assert!(error.contains("--voltage"), "{error}");
        settings.voltage = Some(3.0);
        check(&read(&ppk, &settings).unwrap(), 3.0);
        // Always high, and never.
        for (name, cut) in [("D0", "1 inferences"), ("D7", "0 inferences")] {
            let error = read(
                &ppk,
                &Settings {
                    marker: channel(name).marker,
                    ..settings.clone()
                },
            );
            let error = error.unwrap_err().to_string();
            assert!(
                error.contains(cut) && error.contains("board_mark"),
                "{error}"
            );
        }

        // Times in whole milliseconds of samples that come more often, and decimal commas.
        let rounded = "Timestamp(ms);Current(mA);GPI1\n".to_owned()
            + &(0..160)
                .flat_map(|i| [i, i])
                .map(|i| {
                    let on = i % 50 >= 30;
                    let current = if on { "10,0" } else { "1,00" };
                    format!("{i};{current};{}\n", u8::from(on))
                })
                .collect::<String>();
        let mut settings = channel("GPI1");
        settings.voltage = Some(3.0);
        let power = read(&rounded, &settings).unwrap();
        check(
            &Power {
                samples: power.samples / 2,
                ..power
            },
            3.0,
        );

        let otii = "\u{feff}Timestamp (s);Main current (mA);Main voltage (mV);GPI1\r\n".to_owned()
            + &samples(|i, a, on| {
                format!("{};{};3300;{}\r", i as f64 / 1e3, a * 1e3, u8::from(on))
            });
        check(&read(&otii, &channel("gpi1")).unwrap(), 3.3);
    }

    #[test]
    fn what_a_recording_cuts_off_does_not_count() {
        let text = "time (s),current (A),voltage (V)\n0,1,1\n1,1,1\n2,0,1\n3,1,1\n5,0,1\n6,1,1\n";
        let power = read(text, &Settings::new(Marker::Above(0.5))).unwrap();
        let inference = Inference {
            start: 3.0,
            seconds: 2.0,
            current: 1.0,
            energy: 2.0,
        };
        assert_eq!((power.inferences, power.cut), (vec![inference], 2));
    }

    #[test]
    fn an_error_has_its_line_and_column() {
        let mut settings = channel("D0");
        settings.voltage = Some(3.0);
        let head = "Timestamp(ms),Current(uA),D0-D7\n0,1,00000000\n";
        for (text, place, part) in [
            ("", "", "empty"),
            ("Timestamp(ms),Power(uW)\n", "line 1", "current"),
            (
                "Timestamp(ms),Current(amps),D0-D7\n",
                "line 1, column 2",
                "unit",
            ),
            ("Timestamp(ms),Current(uA),X\n", "line 1", "\"D0\""),
            (
                &format!("{head}1,x,00000000\n"),
                "line 3, column 2",
                "\"x\"",
            ),
            (
                &format!("{head}1,nan,00000000\n"),
                "line 3, column 2",
                "number",
            ),
            (
                &format!("{head}1,2\n"),
                "line 3, column 3",
                "another number",
            ),
            (
                &format!("{head}1,2,2\n"),
                "line 3, column 3",
                "eight digits",
            ),
            (
                &format!("{head}-1,2,00000000\n"),
                "line 3, column 1",
                "go on",
            ),
        ] {
            let error = read(text, &settings).unwrap_err().to_string();
            assert!(
                error.contains(place) && error.contains(part),
                "{text}: {error}"
            );
        }
    }
}
