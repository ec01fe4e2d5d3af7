//! What the device has measured.

use super::Served;

/// Records of 48 bytes: a name of 32, and what kind of number follows, and the number.
const NAME: usize = 32;
pub(super) const RECORD: u32 = 48;

/// What a number is, for Kenning.
#[derive(Clone, Copy)]
enum Unit {
    Plain = 0,
    Bytes = 1,
    Nanoseconds = 2,
}

/// Times of runs since a session began, in nanoseconds.
#[derive(Debug)]
pub(super) struct Statistics<T> {
    runs: u64,
    sum: u64,
    least: u64,
    most: u64,
    /// The sum for each operator.
    operators: T,
}

impl<T: AsRef<[u64]> + AsMut<[u64]>> Statistics<T> {
    pub(super) const fn new(operators: T) -> Self {
        Self {
            runs: 0,
            sum: 0,
            least: 0,
            most: 0,
            operators,
        }
    }

    pub(super) fn add_run(&mut self, time: u64) {
        self.least = match self.runs {
            0 => time,
            _ => self.least.min(time),
        };
        self.most = self.most.max(time);
        self.sum = self.sum.wrapping_add(time);
        self.runs = self.runs.wrapping_add(1);
    }

    pub(super) fn add_operator(&mut self, position: usize, time: u64) {
        if let Some(sum) = self.operators.as_mut().get_mut(position) {
            *sum = sum.wrapping_add(time);
        }
    }

    /// How many bytes there are.
    pub(super) fn size<M: Served>() -> u32 {
        RECORD.wrapping_mul(7_u32.wrapping_add(M::OPERATORS.len() as u32))
    }

    /// All of them, in parts.
    pub(super) fn write<M: Served>(&self, mut to: impl FnMut(&[u8])) {
        let mean = |sum: u64| sum.checked_div(self.runs).unwrap_or(0);
        let bytes = |bytes: usize| bytes as u64;
        let state = bytes(M::STATE_BYTES);
        let arena = bytes(M::ARENA_BYTES);
        let mut record = |name: &str, unit: Unit, value: u64| {
            let mut text = [0; NAME];
            // A terminator stays.
            let bytes = name.bytes().take(NAME - 1);
            text.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
            to(&text);
            to(&(unit as u64).to_le_bytes());
            to(&value.to_le_bytes());
        };
        // The names that Kenning Zephyr Runtime has.
        record("peak_allocated", Unit::Bytes, arena.wrapping_add(state));
        record("arena", Unit::Bytes, arena);
        record("state", Unit::Bytes, state);
        record("target_inference_step", Unit::Nanoseconds, mean(self.sum));
        record("target_inference_step_min", Unit::Nanoseconds, self.least);
        record("target_inference_step_max", Unit::Nanoseconds, self.most);
        record("inferences", Unit::Plain, self.runs);
        let operators = M::OPERATORS.iter().zip(self.operators.as_ref());
        operators.for_each(|((_, name), sum)| record(name, Unit::Nanoseconds, mean(*sum)));
    }
}
