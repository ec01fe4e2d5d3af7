//! The rows of a tensor.

use crate::graph::{Graph, TensorId};
use crate::program::ElementType;

/// Rows of an image at most, those of padding among them: whether a stream is of use is found by following all its rows.
pub(super) const MOST_ROWS: usize = 2048;

/// Rows of a tensor, 0 of one that has none.
pub(crate) fn rows_of(graph: &Graph, id: TensorId) -> usize {
    Image::of(graph, id).map_or(0, |image| image.rows)
}

/// A tensor that has rows.
pub(super) struct Image {
    pub(super) tensor: TensorId,
    /// The axis along which rows follow each other.
    pub(super) axis: usize,
    pub(super) rows: usize,
    /// Pixels of a row.
    pub(super) columns: usize,
    pub(super) channels: usize,
    pub(super) row_bytes: usize,
}

impl Image {
    /// [1, height, width, channels] or [1, time, channels]. The pixels of an image of one row are its rows: they follow each other in memory, as
    /// rows do.
    pub(super) fn of(graph: &Graph, id: TensorId) -> Option<Self> {
        match graph.tensor(id).shape[..] {
            [_, 1, width, _] if width > 1 => Self::along(graph, id, 2),
            _ => Self::along(graph, id, 1),
        }
    }

    /// The same with rows along an axis.
    pub(super) fn along(graph: &Graph, id: TensorId, axis: usize) -> Option<Self> {
        match (axis, &graph.tensor(id).shape[..]) {
            (1, [1, height, width, channels]) => {
                Self::new(graph, id, axis, [*height, *width, *channels])
            }
            (2, [1, 1, width, channels]) => Self::new(graph, id, axis, [*width, 1, *channels]),
            (1, [1, time, channels]) => Self::new(graph, id, axis, [*time, 1, *channels]),
            _ => None,
        }
    }

    /// A single pixel, of any rank.
    pub(super) fn pixel(graph: &Graph, id: TensorId, channels: usize) -> Option<Self> {
        let [ones @ .., own] = &graph.tensor(id).shape[..] else {
            return None;
        };
        let is_pixel = ones.iter().all(|size| *size == 1) && *own == channels;
        is_pixel
            .then(|| Self::new(graph, id, 1, [1, 1, channels]))
            .flatten()
    }

    fn new(
        graph: &Graph,
        id: TensorId,
        axis: usize,
        [rows, columns, channels]: [usize; 3],
    ) -> Option<Self> {
        let tensor = graph.tensor(id);
        let pixels = columns * channels;
        let fits = (1..=MOST_ROWS).contains(&rows) && pixels > 0;
        let element = ElementType::of(tensor.dtype)?;
        (fits && !tensor.is_variable && !tensor.is_constant()).then(|| Self {
            tensor: id,
            axis,
            rows,
            columns,
            channels,
            row_bytes: pixels * element.bytes(),
        })
    }
}
