//! Constants of which the file only has the elements that are not zero, made dense.
//!
//! The format goes through the dimensions in an order of its own, and then through those of blocks, if elements are kept or
//! left out in blocks. Each level is dense, or says for each place of the level above which indices it has.

use super::schema::{DimensionMetadata, SparsityParameters};
use super::table::List;
use crate::error::Diagnostic;
use crate::graph::Tensor;
use crate::sorted;

/// One dimension of the traversal.
pub struct Level {
    /// How many indices there are in the dense tensor.
    pub extent: usize,
    /// Elements of the dense tensor from one index to the next.
    pub step: usize,
    /// The indices of each place of the level above; all of them, unless it says which.
    pub chosen: Option<Chosen>,
}

/// Which indices there are: place *p* of the level above has those from `segments[p]` to `segments[p + 1]`.
pub struct Chosen {
    pub segments: Vec<usize>,
    pub indices: Vec<usize>,
}

/// A tensor's dense bytes, of those that the file has. The tensor has been checked to be of a size that may be made.
pub(super) fn dense(
    raw: SparsityParameters<'_>,
    tensor: &Tensor,
    stored: &[u8],
) -> Result<Vec<u8>, Diagnostic> {
    let bits = tensor.dtype.bits();
    if bits == 0 || !bits.is_multiple_of(8) {
        return Err(Diagnostic::new("the sparse tensor's type is not supported")
            .expected("elements of whole bytes")
            .found(tensor.dtype)
            .help("convert the model without sparsity"));
    }
    let levels = levels(raw, &tensor.shape)?;
    let size = bits / 8;
    // All that follows is as long as what is in the file.
    let count = count(&levels)?;
    if count.checked_mul(size) != Some(stored.len()) {
        return Err(wrong(
            format!("{} bytes of elements", count.saturating_mul(size)),
            stored.len(),
        ));
    }
    let mut places = vec![0];
    for level in &levels {
        places = level.places(&places);
    }
    let mut dense = vec![0; tensor.bytes()];
    for (place, element) in places.into_iter().zip(stored.chunks_exact(size)) {
        dense[place * size..][..size].copy_from_slice(element);
    }
    Ok(dense)
}

fn wrong(expected: impl std::fmt::Display, found: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::new("the sparse tensor does not fit its description")
        .expected(expected)
        .found(found)
        .help("the file is damaged or was edited; convert the model again")
}

fn levels(raw: SparsityParameters<'_>, shape: &[usize]) -> Result<Vec<Level>, Diagnostic> {
    let (order, blocks) = (raw.traversal_order().to_vec(), raw.block_map().to_vec());
    let dimensions: Vec<DimensionMetadata<'_>> = raw.dim_metadata().to_vec();
    let rank = shape.len();
    let found = format!("the order {order:?}, blocks along {blocks:?}");
    let (outer, inner) = order.split_at(rank.min(order.len()));
    let is_right = dimensions.len() == order.len()
        && is_permutation(outer, 0, rank)
        && is_permutation(inner, rank, blocks.len())
        && (0..blocks.len()).all(|b| !blocks[..b].contains(&blocks[b]))
        && blocks
            .iter()
            .all(|d| usize::try_from(*d).is_ok_and(|d| d < rank));
    if !is_right {
        let expected = format!("an order of {rank} dimensions and of blocks along some of them");
        return Err(wrong(expected, found));
    }
    // In the order of the format, of which the dimensions that have blocks are told by number.
    let at = |dimension: usize| order.iter().position(|d| *d as usize == dimension);
    let block = |dimension: usize| -> Option<usize> {
        let number = blocks.iter().position(|d| *d as usize == dimension)?;
        usize::try_from(dimensions[at(rank + number)?].dense_size()).ok()
    };
    let stride = |dimension: usize| shape[dimension + 1..].iter().product::<usize>();
    let levels = std::iter::zip(&order, &dimensions).map(|(place, metadata)| {
        let place = *place as usize;
        let (extent, step) = match place.checked_sub(rank) {
            Some(number) => {
                let dimension = blocks[number] as usize;
                (block(dimension).unwrap_or(0), stride(dimension))
            }
            None => {
                let block = block(place).unwrap_or(1);
                let extent = shape[place].checked_div(block).unwrap_or(0);
                if extent * block != shape[place] {
                    return Err(wrong(format!("blocks that divide {}", shape[place]), block));
                }
                (extent, stride(place) * block)
            }
        };
        let chosen = match metadata.format() {
            0 if usize::try_from(metadata.dense_size()) == Ok(extent) => None,
            1 if place < rank => Some(Chosen {
                segments: metadata.segments()?,
                indices: metadata.indices()?,
            }),
            0 => return Err(wrong(format!("{extent} indices"), metadata.dense_size())),
            _ => return Err(wrong("blocks that are dense", "sparse ones")),
        };
        Ok(Level {
            extent,
            step,
            chosen,
        })
    });
    levels.collect()
}

/// Whether these are as many numbers from `first` on, in any order.
fn is_permutation(numbers: &[i32], first: usize, count: usize) -> bool {
    let mut sorted: Vec<i32> = numbers.to_vec();
    sorted::by_key(&mut sorted, |number| *number);
    let right = (first..first + count).map(|n| i32::try_from(n).ok());
    sorted.into_iter().map(Some).eq(right)
}

/// How many elements are stored, if all levels fit each other.
pub fn count(levels: &[Level]) -> Result<usize, Diagnostic> {
    let mut places = 1usize;
    for level in levels {
        places = match &level.chosen {
            None => places.saturating_mul(level.extent),
            Some(chosen) => {
                chosen.check(places, level.extent)?;
                chosen.indices.len()
            }
        };
    }
    Ok(places)
}

impl Chosen {
    fn check(&self, places: usize, extent: usize) -> Result<(), Diagnostic> {
        let found = self.segments.len().saturating_sub(1);
        if self.segments.is_empty() || found != places {
            return Err(wrong(format!("{places} segments"), found));
        }
        let ends = (self.segments[0], self.segments[places]);
        if !self.segments.is_sorted() || ends != (0, self.indices.len()) {
            return Err(wrong(
                format!("consecutive segments, of {} indices", self.indices.len()),
                format!("others, from {} to {}", ends.0, ends.1),
            ));
        }
        let rises = |indices: &[usize]| indices.is_sorted_by(|a, b| a < b);
        let mut segments = (0..places).map(|place| self.of(place));
        match segments.find(|indices| !rises(indices) || indices.last() >= Some(&extent)) {
            None => Ok(()),
            Some(indices) => Err(wrong(
                format!("indices that rise, below {extent}"),
                format!("{:?}", &indices[..indices.len().min(8)]),
            )),
        }
    }

    /// The indices of a place of the level above.
    fn of(&self, place: usize) -> &[usize] {
        &self.indices[self.segments[place]..self.segments[place + 1]]
    }
}

impl Level {
    /// Where elements begin, of where those of the level above do.
    pub fn places(&self, above: &[usize]) -> Vec<usize> {
        let mut places = Vec::new();
        for (number, place) in above.iter().enumerate() {
            match &self.chosen {
                None => places.extend((0..self.extent).map(|index| place + index * self.step)),
                Some(chosen) => {
                    let indices = chosen.of(number).iter();
                    places.extend(indices.map(|index| place + index * self.step));
                }
            }
        }
        places
    }
}

impl DimensionMetadata<'_> {
    fn segments(self) -> Result<Vec<usize>, Diagnostic> {
        numbers(self.array_segments_type(), self.array_segments())
    }

    fn indices(self) -> Result<Vec<usize>, Diagnostic> {
        numbers(self.array_indices_type(), self.array_indices())
    }
}

/// A vector of the union's type of elements.
fn numbers(
    tag: u8,
    vector: Option<super::schema::SparseIndexVector<'_>>,
) -> Result<Vec<usize>, Diagnostic> {
    fn sizes<T: TryInto<usize>>(list: impl Iterator<Item = T>) -> Option<Vec<usize>> {
        list.map(|number| number.try_into().ok()).collect()
    }
    let found = vector.and_then(|vector| match tag {
        1 => {
            let numbers: List<'_, i32> = vector.of();
            sizes(numbers.iter())
        }
        2 => {
            let numbers: List<'_, u16> = vector.of();
            sizes(numbers.iter())
        }
        3 => sizes(vector.values().as_slice().iter().copied()),
        _ => None,
    });
    found.ok_or_else(|| wrong("indices of a sparse dimension", "none"))
}
