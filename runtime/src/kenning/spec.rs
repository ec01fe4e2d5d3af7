//! Kenning's `model_spec_t`: types and shapes of a model's inputs and outputs.

/// Bytes of the packed struct.
pub const SPEC_BYTES: usize = 356;

/// Where a side of it is, and how much it holds.
#[derive(Clone, Copy)]
struct Side {
    name: &'static str,
    count: usize,
    dims: usize,
    shapes: usize,
    types: usize,
    most: usize,
}

const SIDES: [Side; 2] = [
    Side {
        name: "input",
        count: 0,
        dims: 4,
        shapes: 12,
        types: 44,
        most: 2,
    },
    Side {
        name: "output",
        count: 48,
        dims: 52,
        shapes: 100,
        types: 292,
        most: 12,
    },
];
const MOST_DIMS: usize = 4;

/// What two specifications say otherwise of a model.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// How many inputs or outputs there are.
    Count(&'static str, u32, u32),
    /// An element's type.
    Type(&'static str, u32),
    /// How many elements there are.
    Elements(&'static str, u32, u32, u32),
}

/// The first difference between a specification and the model's own. Shapes count by their elements: a model of 1x128x3 is fed as one of 128x3 is.
pub(super) fn difference(theirs: &[u8; SPEC_BYTES], ours: &[u8; SPEC_BYTES]) -> Option<Difference> {
    SIDES.iter().find_map(|side| side.difference(theirs, ours))
}

impl Side {
    fn difference(self, theirs: &[u8; SPEC_BYTES], ours: &[u8; SPEC_BYTES]) -> Option<Difference> {
        let [count, own] = [theirs, ours].map(|spec| word(spec, self.count));
        if count != own {
            return Some(Difference::Count(self.name, count, own));
        }
        (0..self.most.min(own as usize)).find_map(|tensor| {
            let type_of = |spec: &[u8; SPEC_BYTES]| {
                let at = self.types.wrapping_add(tensor.wrapping_mul(2));
                [spec.get(at).copied(), spec.get(at.wrapping_add(1)).copied()]
            };
            if type_of(theirs) != type_of(ours) {
                return Some(Difference::Type(self.name, tensor as u32));
            }
            let own = self.elements(ours, tensor, true);
            // Kenning's client writes rows of fewer than four sizes one behind the other.
            let found = [true, false].map(|by_rows| self.elements(theirs, tensor, by_rows));
            let [first, _] = found;
            (!found.contains(&own)).then_some(Difference::Elements(
                self.name,
                tensor as u32,
                first,
                own,
            ))
        })
    }

    /// The product of a tensor's sizes, which lie in a row of four, or behind those of the tensors before.
    fn elements(self, spec: &[u8; SPEC_BYTES], tensor: usize, by_rows: bool) -> u32 {
        let dims = |tensor: usize| {
            let dims = word(spec, self.dims.wrapping_add(tensor.wrapping_mul(4)));
            (dims as usize).min(MOST_DIMS)
        };
        let first = match by_rows {
            true => tensor.wrapping_mul(MOST_DIMS),
            false => (0..tensor).map(dims).fold(0, usize::wrapping_add),
        };
        (0..dims(tensor))
            .map(|dim| {
                word(
                    spec,
                    self.shapes
                        .wrapping_add(first.wrapping_add(dim).wrapping_mul(4)),
                )
            })
            .fold(1, u32::wrapping_mul)
    }
}

/// The number at a place.
fn word(spec: &[u8; SPEC_BYTES], at: usize) -> u32 {
    let bytes = spec.get(at..).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}
