//! What the outputs of all cases amount to.

use crate::element::Element;

/// Compared values, those that differ, and the first of them.
pub(crate) struct Tally {
    /// Values compared.
    pub(crate) values: u64,
    /// Values that differ from the reference.
    pub(crate) mismatches: u64,
    /// The first difference.
    pub(crate) first: Option<Mismatch>,
}

/// One wrong value; `got` and `want` are the bits of the element, zero-extended.
pub(crate) struct Mismatch {
    /// Golden case.
    pub(crate) case: usize,
    /// Position among the model's outputs.
    pub(crate) output: usize,
    /// Position in the tensor.
    pub(crate) index: usize,
    /// Name of the element type.
    pub(crate) element: &'static str,
    /// What the model computed.
    pub(crate) got: u64,
    /// What the reference computed.
    pub(crate) want: u64,
}

impl Tally {
    /// Nothing compared yet.
    pub(crate) fn new() -> Self {
        Self {
            values: 0,
            mismatches: 0,
            first: None,
        }
    }

    /// Compares one output tensor with little-endian reference bytes.
    pub(crate) fn compare<T: Element>(
        &mut self,
        case: usize,
        output: usize,
        got: &[T],
        want: &[u8],
    ) {
        for (index, (&got, want)) in got
            .iter()
            .zip(want.chunks_exact(size_of::<T>()))
            .enumerate()
        {
            let want = T::from_le(want);
            self.values += 1;
            if got.agrees(want) {
                continue;
            }
            self.mismatches += 1;
            self.first.get_or_insert(Mismatch {
                case,
                output,
                index,
                element: T::NAME,
                got: got.bits(),
                want: want.bits(),
            });
        }
    }
}
