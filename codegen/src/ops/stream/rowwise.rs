//! Operators that can run row by row.
//!
//! What such an operator does with a row is what its family does with an image of one output row: a copy of the operator in a graph of its
//! own, whose input is as high as the window. So no family and no kernel knows of rows. Padding above and below is gone there, because the line
//! buffer has it; padding to the left and right stays.
//!
//! An image of one row, as one-dimensional convolutions have it, is taken as a column: its pixels are the rows.

use super::super::is_elementwise;
use super::image::Image;
use super::lines::Overwritten;
use super::window::{Window, Windows};
use crate::graph::operands::Operands;
use crate::graph::{
    Border, BuiltinOperator, DType, Graph, OpKind, Operator, Options, Padding, Pool2dOptions,
    Tensor, TensorId,
};
use crate::plan::{OpMemory, OutputMemory};

/// An operator that can run row by row: [1, height, width, channels] or [1, time, channels] in.
#[derive(Debug, Clone)]
pub(crate) struct Rowwise {
    /// The tensors whose rows it reads: one, or two of one shape.
    pub(crate) inputs: Vec<TensorId>,
    /// The tensor whose rows it writes.
    pub(crate) output: TensorId,
    /// Rows that it reads at once; no fewer than its stride.
    pub(super) window: usize,
    /// How many rows further its next window begins.
    pub(super) stride: usize,
    /// Rows of padding before its input's first.
    pub(super) top: usize,
    /// Each byte of a row of padding.
    pub(super) padding: i8,
    /// Whether a row beyond its input's is ever read.
    pub(super) pads: bool,
    /// Rows of its inputs.
    pub(super) rows: usize,
    /// Bytes of a row of its first input.
    pub(super) row_bytes: usize,
    /// Rows of its output, and how many of them it computes at a turn.
    pub(crate) made: usize,
    pub(crate) at_once: usize,
    /// Bytes of a row of its output.
    pub(crate) made_bytes: usize,
    pub(super) kind: Kind,
    /// The axes along which rows of its input and output follow each other.
    pub(super) axes: [usize; 2],
    /// How its windows lie along the width; nothing of one that cannot compute a part of a row by itself.
    pub(super) across: Option<Across>,
}

/// How windows lie along the width.
#[derive(Debug, Clone, Copy)]
pub(super) struct Across {
    /// Columns that one covers.
    pub(super) window: usize,
    /// How many columns further the next one begins.
    pub(super) stride: usize,
    /// Columns of padding before the image.
    pub(super) left: usize,
    /// Columns of the image.
    pub(super) columns: usize,
    /// Columns of the output.
    pub(super) made: usize,
}

/// How an operator computes a row.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// As it does an image of one row, with these options.
    Row(Options),
    /// Its one row is the average of all pixels, from sums of rows.
    Average,
    /// It computes nothing: its rows are those that it reads.
    View,
}

impl Rowwise {
    /// How an operator runs row by row; `None` for those that do not.
    pub(crate) fn of(graph: &Graph, operator: &Operator) -> Option<Self> {
        let [output] = operator.outputs[..] else {
            return None;
        };
        let OpKind::Builtin(kind) = operator.kind else {
            return None;
        };
        match (kind, &operator.options) {
            (BuiltinOperator::Conv2d, Options::Conv2d(o)) => {
                let windows = |filter| Windows {
                    filter,
                    stride: o.stride,
                    dilation: o.dilation,
                    padding: o.padding,
                    border: o.border,
                };
                let (x, window, padding) = convolution(graph, operator, windows)?;
                let mut options = *o;
                (options.padding, options.border) = (Padding::Valid, window.border);
                Self::sliding(graph, &x, window, padding, output, Options::Conv2d(options))
            }
            (BuiltinOperator::DepthwiseConv2d, Options::DepthwiseConv2d(o)) => {
                let windows = |filter| Windows {
                    filter,
                    stride: o.stride,
                    dilation: o.dilation,
                    padding: o.padding,
                    border: o.border,
                };
                let (x, window, padding) = convolution(graph, operator, windows)?;
                let mut options = *o;
                (options.padding, options.border) = (Padding::Valid, window.border);
                let options = Options::DepthwiseConv2d(options);
                Self::sliding(graph, &x, window, padding, output, options)
            }
            (BuiltinOperator::AveragePool2d, Options::Pool2d(o)) => {
                Self::average(graph, operator, output, o)
                    .or_else(|| Self::pool(graph, operator, output, o))
            }
            (BuiltinOperator::MaxPool2d, Options::Pool2d(o)) => {
                Self::pool(graph, operator, output, o)
            }
            (BuiltinOperator::Mean, Options::Reducer(_)) => Self::mean(graph, operator, output),
            (
                BuiltinOperator::Reshape | BuiltinOperator::ExpandDims | BuiltinOperator::Squeeze,
                _,
            ) => Self::view(graph, operator, output),
            (_, Options::Chained(_) | Options::Streamed(_)) => None,
            _ if is_elementwise(&operator.kind) => Self::elementwise(graph, operator, output),
            _ => None,
        }
    }

    fn sliding(
        graph: &Graph,
        x: &Image,
        window: Window,
        padding: i8,
        output: TensorId,
        options: Options,
    ) -> Option<Self> {
        let y = Image::along(graph, output, x.axis)?;
        let [wide, stride] = window.across;
        Some(Self {
            across: Some(Across {
                window: wide,
                stride,
                left: window.border.left,
                columns: x.columns,
                made: y.columns,
            }),
            inputs: vec![x.tensor],
            output,
            window: window.window,
            stride: window.stride,
            top: window.top,
            padding,
            pads: window.pads,
            rows: x.rows,
            row_bytes: x.row_bytes,
            made: y.rows,
            at_once: 1,
            made_bytes: y.row_bytes,
            axes: [x.axis, y.axis],
            kind: Kind::Row(options),
        })
    }

    /// Rows one by one.
    fn single(inputs: Vec<TensorId>, x: &Image, y: &Image, kind: Kind) -> Self {
        Self {
            inputs,
            output: y.tensor,
            window: 1,
            stride: 1,
            top: 0,
            padding: 0,
            pads: false,
            rows: x.rows,
            row_bytes: x.row_bytes,
            made: y.rows,
            at_once: 1,
            made_bytes: y.row_bytes,
            axes: [x.axis, y.axis],
            across: Some(Across {
                window: 1,
                stride: 1,
                left: 0,
                columns: x.columns,
                made: x.columns,
            }),
            kind,
        }
    }

    /// An operator of one or two images of the output's shape; what else it reads is broadcast along the height.
    fn elementwise(graph: &Graph, operator: &Operator, output: TensorId) -> Option<Self> {
        let y = Image::of(graph, output)?;
        let shape = &graph.tensor(output).shape;
        // What a constant has along an axis of the output.
        let along = |id: TensorId, axis: usize| {
            let own = &graph.tensor(id).shape;
            let at = (own.len() + axis).checked_sub(shape.len());
            at.and_then(|at| own.get(at)).copied().unwrap_or(1)
        };
        let mut inputs: Vec<TensorId> = Vec::new();
        let mut is_wide = false;
        for id in operator.inputs.iter().flatten() {
            match graph.tensor(*id).is_constant() {
                true if along(*id, y.axis) != 1 => return None,
                true => is_wide |= y.columns > 1 && along(*id, y.axis + 1) != 1,
                false if !inputs.contains(id) => inputs.push(*id),
                false => {}
            }
        }
        let same = |id: &TensorId| graph.tensor(*id).shape == *shape;
        if inputs.len() > 2 || !inputs.iter().all(same) {
            return None;
        }
        let images: Option<Vec<Image>> = inputs.iter().map(|id| Image::of(graph, *id)).collect();
        let kind = Kind::Row(operator.options.clone());
        let x = images?.into_iter().next()?;
        let of_patches = inputs.len() == 1 && !is_wide;
        let mut single = Self::single(inputs, &x, &y, kind);
        single.across = single.across.filter(|_| of_patches);
        Some(single)
    }

    /// A pooling whose windows all lie in the image.
    fn pool(
        graph: &Graph,
        operator: &Operator,
        output: TensorId,
        options: &Pool2dOptions,
    ) -> Option<Self> {
        let x = Image::of(graph, (*operator.inputs.first()?)?)?;
        let windows = Windows {
            filter: options.filter,
            stride: options.stride,
            dilation: (1, 1),
            padding: options.padding,
            border: options.border,
        };
        let window = Window::new(&x, &windows)?;
        if window.pads || window.border != Border::default() || options.border != Border::default()
        {
            return None;
        }
        let mut options = *options;
        options.padding = Padding::Valid;
        Self::sliding(graph, &x, window, 0, output, Options::Pool2d(options))
    }

    /// An average of all pixels of an image.
    fn average(
        graph: &Graph,
        operator: &Operator,
        output: TensorId,
        options: &Pool2dOptions,
    ) -> Option<Self> {
        let input = (*operator.inputs.first()?)?;
        let [_, height, width, channels] =
            <[usize; 4]>::try_from(&graph.tensor(input).shape[..]).ok()?;
        let is_whole = graph.tensor(output).shape == [1, 1, 1, channels]
            && options.filter == (height, width)
            && options.border == Border::default()
            // One window that pads nothing.
            && (options.padding == Padding::Valid || (options.stride.0 >= height && options.stride.1 >= width));
        is_whole
            .then(|| Self::of_all(graph, input, output))
            .flatten()
    }

    /// A mean of all pixels of an image.
    fn mean(graph: &Graph, operator: &Operator, output: TensorId) -> Option<Self> {
        let input = (*operator.inputs.first()?)?;
        let rank = graph.tensor(input).shape.len();
        let axes = Operands::new(graph, operator).integers(1)?;
        let reduces = |axis: usize| {
            let from_end = axis as i64 - rank as i64;
            axes.iter().any(|own| [axis as i64, from_end].contains(own))
        };
        let is_of_all = (0..rank).all(|axis| reduces(axis) == (1..rank - 1).contains(&axis));
        is_of_all
            .then(|| Self::of_all(graph, input, output))
            .flatten()
    }

    fn of_all(graph: &Graph, input: TensorId, output: TensorId) -> Option<Self> {
        let x = Image::of(graph, input)?;
        let y = Image::pixel(graph, output, x.channels)?;
        let of_int8 = |id: TensorId| graph.tensor(id).dtype == DType::Int8;
        (of_int8(input) && of_int8(output))
            .then(|| Self::single(vec![input], &x, &y, Kind::Average))
    }

    /// What gives the rows of an image another shape.
    fn view(graph: &Graph, operator: &Operator, output: TensorId) -> Option<Self> {
        let x = Image::of(graph, (*operator.inputs.first()?)?)?;
        let y = Image::of(graph, output)?;
        let of_type = |id: TensorId| (graph.tensor(id).dtype, &graph.tensor(id).quantization);
        let rows = |image: &Image| (image.rows, image.columns, image.channels);
        (rows(&x) == rows(&y) && of_type(x.tensor) == of_type(y.tensor))
            .then(|| Self::single(vec![x.tensor], &x, &y, Kind::View))
    }

    /// The same with so many rows of its output at a turn, which are a part of all; `None` for what computes no rows.
    pub(crate) fn at_once(&self, count: usize) -> Option<Self> {
        let is_part = count > 0 && self.made.is_multiple_of(count);
        let is_row = matches!(self.kind, Kind::Row(_));
        (count == 1 || is_row && is_part).then(|| Self {
            window: self.window + (count - 1) * self.stride,
            stride: count * self.stride,
            at_once: count,
            ..self.clone()
        })
    }

    /// Columns of which it can compute some by themselves: those of its output, or those that an average sums up.
    pub(crate) fn columns(&self) -> usize {
        match (&self.across, &self.kind) {
            (None, _) => 0,
            (Some(across), Kind::Row(_)) => across.made,
            (Some(across), Kind::Average) => across.columns,
            (_, Kind::View) => 0,
        }
    }

    /// Bytes of the rows that it reads, if it needs several at once, and else of the one that it reads; with what it writes, both pass at once.
    pub(crate) fn room(&self) -> (usize, usize) {
        let (read, made) = (self.window * self.row_bytes, self.made_bytes);
        match (self.window, &self.kind) {
            (1, Kind::Row(_)) => (0, read + made),
            (1, Kind::Average) => (self.sums(), read),
            (_, Kind::View) => (0, 0),
            _ => (read, made),
        }
    }

    /// Inputs whose rows it may overwrite, by what it needs of memory for so many rows where it reads `inputs`, of which `images` are those that it reads
    /// rows of.
    pub(crate) fn overwritten(
        &self,
        graph: &Graph,
        memory: &OpMemory,
        inputs: &[Option<TensorId>],
        images: &[TensorId],
        rows: usize,
    ) -> Vec<Overwritten> {
        let dtype = |id: TensorId| graph.tensor(id).dtype;
        let is_row = matches!(self.kind, Kind::Row(_)) && (self.window, self.stride) == (1, 1);
        let is_alike = |input: &usize| {
            let own = self.inputs.get(*input);
            is_row && own.is_some_and(|id| dtype(*id) == dtype(self.output))
        };
        let image = |input: usize| {
            let id = inputs.get(input).copied().flatten()?;
            images
                .iter()
                .position(|image| *image == id)
                .filter(is_alike)
        };
        let found = |input: usize, distance: usize| {
            let input = image(input)?;
            Some(Overwritten { input, distance })
        };
        match memory.output(0) {
            OutputMemory::InPlace(all) if self.row_bytes == self.made_bytes => {
                all.iter().filter_map(|input| found(*input, 0)).collect()
            }
            OutputMemory::Overlap {
                input, distance, ..
            } => found(*input, distance.div_ceil(rows.max(1)))
                .into_iter()
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Whether it is a convolution.
    pub(super) fn is_convolution(&self) -> bool {
        let Kind::Row(options) = &self.kind else {
            return false;
        };
        matches!(options, Options::Conv2d(_) | Options::DepthwiseConv2d(_))
    }

    /// Rows that its first stage is given, those of padding among them.
    pub(crate) fn given(&self) -> usize {
        self.window + (self.turns() - 1) * self.stride
    }

    /// How often its last stage runs.
    pub(super) fn ends(&self) -> usize {
        self.made / self.at_once
    }

    /// How often its first stage runs.
    pub(super) fn turns(&self) -> usize {
        match self.kind {
            Kind::Row(_) | Kind::View => self.made / self.at_once,
            Kind::Average => self.rows,
        }
    }

    /// Bytes of the sums of an average.
    pub(super) fn sums(&self) -> usize {
        self.made_bytes * size_of::<i32>()
    }

    /// The same operator for the output of a turn, alone in a graph: its first input, its output, its second input if it has one, and constants.
    pub(super) fn alone(&self, graph: &Graph, operator: &Operator, options: &Options) -> Graph {
        let own = |id: TensorId, axis: usize| match graph.tensor(id).shape.get(axis + 1..) {
            Some([columns, _]) => *columns,
            _ => 1,
        };
        let [read, made] = self.axes;
        let sizes = [
            [self.window, own(self.inputs[0], read)],
            [self.at_once, own(self.output, made)],
        ];
        self.sized(graph, operator, options, sizes)
    }

    /// The same for a patch, whose padding it has already: `sizes` are rows and columns of its input and its output.
    pub(super) fn patch(
        &self,
        graph: &Graph,
        operator: &Operator,
        sizes: [[usize; 2]; 2],
    ) -> Option<Graph> {
        let Kind::Row(options) = &self.kind else {
            return None;
        };
        let mut options = options.clone();
        match &mut options {
            Options::Conv2d(own) => own.border = Border::default(),
            Options::DepthwiseConv2d(own) => own.border = Border::default(),
            _ => {}
        }
        Some(self.sized(graph, operator, &options, sizes))
    }

    fn sized(
        &self,
        graph: &Graph,
        operator: &Operator,
        options: &Options,
        [read, made]: [[usize; 2]; 2],
    ) -> Graph {
        let of_size = |id: TensorId, axis: usize, sizes: [usize; 2]| {
            let mut tensor = graph.tensor(id).clone();
            let channels = tensor.shape.len() - 1;
            for (size, own) in tensor.shape[axis..channels].iter_mut().zip(sizes) {
                *size = own;
            }
            tensor
        };
        let [of_input, of_output] = self.axes;
        let mut tensors = vec![
            of_size(self.inputs[0], of_input, read),
            of_size(self.output, of_output, made),
        ];
        let mut inputs = vec![INPUT];
        if let Some(second) = self.inputs.get(1) {
            tensors.push(of_size(*second, of_input, read));
            inputs.push(SECOND);
        }
        let last = |tensors: &[Tensor]| TensorId((tensors.len() - 1) as u32);
        let mut alone = operator.clone();
        alone.options = options.clone();
        alone.outputs = vec![OUTPUT];
        for input in alone.inputs.iter_mut().flatten() {
            let own = self.inputs.iter().position(|id| id == input);
            *input = match own {
                Some(at) => inputs[at],
                None => {
                    let mut tensor = graph.tensor(*input).clone();
                    // What the file has in its place comes along.
                    tensor.stored = tensor.stored.map(|stored| {
                        tensors.push(graph.tensor(stored).clone());
                        last(&tensors)
                    });
                    tensors.push(tensor);
                    last(&tensors)
                }
            };
        }
        Graph {
            name: String::new(),
            tensors,
            operators: vec![alone],
            inputs,
            outputs: vec![OUTPUT],
        }
    }
}

/// The tensors of an operator that is alone in a graph.
pub(super) const INPUT: TensorId = TensorId(0);
pub(super) const OUTPUT: TensorId = TensorId(1);
pub(super) const SECOND: TensorId = TensorId(2);

/// The image that a convolution reads, its window, and each byte of what pads it.
fn convolution(
    graph: &Graph,
    operator: &Operator,
    windows: impl Fn((usize, usize)) -> Windows,
) -> Option<(Image, Window, i8)> {
    let [Some(input), Some(filter), ..] = operator.inputs[..] else {
        return None;
    };
    let (x, filter) = (graph.tensor(input), graph.tensor(filter));
    let y = graph.tensor(*operator.outputs.first()?);
    let [_, filter_h, filter_w, _] = <[usize; 4]>::try_from(&filter.shape[..]).ok()?;
    let padding = match [x, filter, y].map(|tensor| tensor.dtype) {
        [DType::Int8, DType::Int8, DType::Int8] => {
            i8::try_from(x.quantization.as_ref()?.per_tensor()?.1).ok()?
        }
        [DType::Int16, DType::Int8, DType::Int16] => 0,
        // Where a window crosses a border, kernels leave products with zeros out.
        [DType::Float32, DType::Float32, DType::Float32] if are_finite(filter) => 0,
        _ => return None,
    };
    let image = Image::of(graph, input)?;
    let window = Window::new(&image, &windows((filter_h, filter_w)))?;
    let mut parameters = operator.inputs.iter().skip(1).flatten();
    parameters
        .all(|id| graph.tensor(*id).is_constant())
        .then_some((image, window, padding))
}

/// Whether a product of any weight and zero is zero.
fn are_finite(weights: &Tensor) -> bool {
    let (floats, _) = weights
        .data
        .as_deref()
        .unwrap_or(&[])
        .as_chunks::<{ size_of::<f32>() }>();
    floats
        .iter()
        .all(|bytes| f32::from_le_bytes(*bytes).is_finite())
}
