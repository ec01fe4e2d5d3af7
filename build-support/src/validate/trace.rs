//! What the firmware sends back.

use std::collections::BTreeMap;

use castiron_codegen::error::{Diagnostic, Result};

/// The results of one case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trace {
    /// Outputs of operators, by operator and position, in the order they came.
    pub(super) operators: Vec<Event>,
    /// The model's outputs.
    pub(super) outputs: BTreeMap<usize, Vec<u8>>,
    /// Instructions of the whole run, where it was measured as a whole.
    pub(super) instructions: Option<u64>,
    /// What the processor's counters say of the whole run, likewise.
    pub(super) counts: Counts,
}

/// The processor's counters, as `harness/counters.c` numbers them.
pub(super) const COUNTERS: [&str; 4] = [
    "cycles",
    "stalls",
    "vector_instructions",
    "vector_multiplications",
];

/// What they counted, where they are.
pub(super) type Counts = [Option<u64>; COUNTERS.len()];

/// An output of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) operator: usize,
    pub(super) output: usize,
    pub(super) bytes: Vec<u8>,
    pub(super) instructions: Option<u64>,
    pub(super) counts: Counts,
}

pub(super) const HEADER: usize = 32;
const MAGIC: u32 = 0x3154_5243;
const UNKNOWN: u64 = u64::MAX;

/// Kinds of records, as the harness numbers them.
const OPERATOR: u32 = 0;
const OUTPUT: u32 = 1;
const RUN: u32 = 2;
const END: u32 = 3;
const FAILED: u32 = 4;
const FAULT: u32 = 5;
const COUNTS: u32 = 6;

/// Whether results may begin so: with a record.
pub(super) fn may_be(stream: &[u8]) -> bool {
    stream
        .iter()
        .zip(MAGIC.to_le_bytes())
        .all(|(byte, wanted)| *byte == wanted)
}

/// Whether the last record is there, and nothing more will come.
pub(super) fn is_complete(stream: &[u8]) -> bool {
    last(stream).is_some()
}

/// Whether every case ran.
pub(super) fn all_ran(stream: &[u8]) -> bool {
    last(stream) == Some(END)
}

/// The kind of the last record, if it is there.
fn last(stream: &[u8]) -> Option<u32> {
    let mut rest = stream;
    while let Some(record) = Record::take(&mut rest) {
        if [END, FAILED, FAULT].contains(&record.kind) {
            return Some(record.kind);
        }
    }
    None
}

/// The results of so many cases.
pub(super) fn parse(stream: &[u8], cases: usize) -> Result<Vec<Trace>> {
    let mut traces = vec![Trace::default(); cases];
    let mut rest = stream;
    let mut last = "before the first case".to_owned();
    while let Some(record) = Record::take(&mut rest) {
        let run = record.run as usize;
        let stopped = |what: &str| Diagnostic::new(what).found(last.clone());
        match record.kind {
            END => return Ok(traces),
            FAILED => {
                return Err(stopped("the library refused to run on the target")
                    .help(format!("its status code is {}", record.index))
                    .into());
            }
            FAULT => {
                return Err(stopped("the firmware ran into a processor fault").into());
            }
            _ => {}
        }
        let Some(trace) = traces.get_mut(run) else {
            return Err(stopped("the target returned a case that does not exist").into());
        };
        let index = record.index as usize;
        last = match record.kind {
            OPERATOR => format!("the last result is from operator {index} of case {run}"),
            _ => format!("the last result is from case {run}"),
        };
        match record.kind {
            OPERATOR => trace.operators.push(Event {
                operator: index,
                output: record.output as usize,
                bytes: record.data.to_vec(),
                instructions: record.instructions,
                counts: Counts::default(),
            }),
            OUTPUT => {
                trace.outputs.insert(index, record.data.to_vec());
            }
            RUN => trace.instructions = record.instructions,
            COUNTS => match trace.operators.last_mut() {
                Some(event) => event.counts = counts(record.data),
                None => trace.counts = counts(record.data),
            },
            _ => {}
        }
    }
    Err(
        Diagnostic::new("the firmware stopped before it ran all cases")
            .found(last)
            .into(),
    )
}

fn counts(data: &[u8]) -> Counts {
    let (values, _) = data.as_chunks::<8>();
    let value =
        |bytes: &[u8; 8]| Some(u64::from_le_bytes(*bytes)).filter(|value| *value != UNKNOWN);
    std::array::from_fn(|counter| values.get(counter).and_then(value))
}

struct Record<'a> {
    kind: u32,
    run: u32,
    index: u32,
    output: u32,
    instructions: Option<u64>,
    data: &'a [u8],
}

impl<'a> Record<'a> {
    /// The next record, if all of it is there.
    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let (header, after) = rest.split_first_chunk::<HEADER>()?;
        let (words, _) = header.as_chunks::<4>();
        let words: Vec<u32> = words.iter().map(|w| u32::from_le_bytes(*w)).collect();
        let [magic, kind, run, index, output, bytes, low, high] = words[..] else {
            return None;
        };
        let instructions = u64::from(low) | u64::from(high) << 32;
        if magic != MAGIC || after.len() < bytes as usize {
            return None;
        }
        let (data, after) = after.split_at(bytes as usize);
        *rest = after;
        Some(Self {
            kind,
            run,
            index,
            output,
            instructions: (instructions != UNKNOWN).then_some(instructions),
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u32, run: u32, index: u32, instructions: u64, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let words = [MAGIC, kind, run, index, 0, data.len() as u32];
        bytes.extend(words.iter().flat_map(|w| w.to_le_bytes()));
        bytes.extend(instructions.to_le_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn records_become_traces() {
        let stream = [
            record(OPERATOR, 0, 3, 1 << 40, &[1, 2]),
            record(OUTPUT, 0, 0, UNKNOWN, &[1, 2]),
            record(RUN, 1, 0, 7, &[]),
            record(OUTPUT, 1, 0, UNKNOWN, &[9]),
        ]
        .concat();
        assert!(!is_complete(&stream));
        let whole = [stream.clone(), record(END, 2, 0, UNKNOWN, &[])].concat();
        assert!(is_complete(&whole));
        let traces = parse(&whole, 2).expect("whole");
        assert_eq!(traces[0].operators[0].operator, 3);
        assert_eq!(traces[0].operators[0].instructions, Some(1 << 40));
        assert_eq!(traces[0].outputs[&0], [1, 2]);
        assert_eq!(traces[1].instructions, Some(7));
        let message = parse(&stream, 2).expect_err("no end").to_string();
        assert!(message.contains("case 1"), "{message}");
    }

    #[test]
    fn an_end_before_its_time_says_where() {
        let fault = [
            record(OPERATOR, 0, 4, 1, &[0]),
            record(FAULT, 0, 0, UNKNOWN, &[]),
        ]
        .concat();
        let message = parse(&fault, 1).expect_err("a fault").to_string();
        assert!(
            message.contains("fault") && message.contains("operator 4"),
            "{message}"
        );
        for garbage in [&b""[..], b"not a record at all, but a longer text"] {
            assert!(!is_complete(garbage));
            assert!(parse(garbage, 1).is_err());
        }
    }
}
