//! Operators that run row by row, each of which reads the one before it.
//!
//! What an operator does with a row is what its family does with an image of one output row: a copy of the operator in a graph of its own, whose
//! input is as high as the window. So no family and no kernel knows of rows. Padding above and below is gone there, because the line
//! buffer has it; padding to the left and right stays.

use castiron_runtime::kernels::{AddRow, AverageOfSums, Fill, Flow, Progress, StageRows};

use super::{Site, choose as choose_operator, is_elementwise};
use crate::error::Diagnostic;
use crate::graph::{
    Border, BuiltinOperator, DType, Graph, OpKind, Operator, Options, Padding, Pool2dOptions,
    Tensor, TensorId,
};
use crate::program::{
    Action, Argument, Call, Choice, Choosing, ElementType, Moves, Place, Purpose, Rows, Stage,
    Stream,
};

/// Rows of an image at most, those of padding among them: whether a stream is of use is found by following all its rows.
const MOST_ROWS: usize = 2048;
/// Where working buffers of stages begin: a multiple of this.
const ALIGNMENT: usize = 16;

/// An operator that can run row by row: [1, height, width, channels] in, and as many dimensions out.
#[derive(Debug, Clone)]
pub(crate) struct Rowwise {
    /// The tensor whose rows it reads.
    pub(crate) input: TensorId,
    /// The tensor whose rows it writes.
    pub(crate) output: TensorId,
    /// What it reads, in a line buffer at 0.
    pub(crate) rows: StageRows,
    /// Whether a row beyond its input's is ever read.
    pads: bool,
    /// Rows of its output.
    pub(crate) made: usize,
    /// Bytes of a row of its output.
    pub(crate) made_bytes: usize,
    kind: Kind,
}

/// How an operator computes a row.
#[derive(Debug, Clone)]
enum Kind {
    /// As it does an image of one row, with these options.
    Row(Options),
    /// Its one row is the average of all pixels, from sums of rows.
    Average,
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
                let window =
                    Window::new(graph, operator, o.padding, o.border, o.stride, o.dilation)?;
                let mut options = *o;
                (options.padding, options.border) = (Padding::Valid, window.border);
                window.rowwise(graph, output, Options::Conv2d(options))
            }
            (BuiltinOperator::DepthwiseConv2d, Options::DepthwiseConv2d(o)) => {
                let window =
                    Window::new(graph, operator, o.padding, o.border, o.stride, o.dilation)?;
                let mut options = *o;
                (options.padding, options.border) = (Padding::Valid, window.border);
                window.rowwise(graph, output, Options::DepthwiseConv2d(options))
            }
            (BuiltinOperator::AveragePool2d, Options::Pool2d(o)) => {
                Self::average(graph, operator, output, o)
            }
            (_, Options::Chained(_) | Options::Streamed(_)) => None,
            _ if is_elementwise(&operator.kind) => Self::elementwise(graph, operator, output),
            _ => None,
        }
    }

    /// An operator of one value that broadcasts nothing along the height.
    fn elementwise(graph: &Graph, operator: &Operator, output: TensorId) -> Option<Self> {
        let mut input = None;
        for id in operator.inputs.iter().flatten() {
            let tensor = graph.tensor(*id);
            let height = tensor.shape.len().checked_sub(3).map(|at| tensor.shape[at]);
            match tensor.is_constant() {
                true if height.is_some_and(|height| height != 1) => return None,
                true => {}
                false if input.is_some() => return None,
                false => input = Some(*id),
            }
        }
        let input = input?;
        let (x, y) = (graph.tensor(input), graph.tensor(output));
        if x.shape != y.shape {
            return None;
        }
        let rows = StageRows {
            window: 1,
            stride: 1,
            top: 0,
            rows: image(x)?[1],
            row_bytes: row_bytes(x)?,
            lines: Some(0),
            padding: 0,
        };
        Some(Self {
            input,
            output,
            made: rows.rows,
            made_bytes: row_bytes(y)?,
            rows,
            pads: false,
            kind: Kind::Row(operator.options.clone()),
        })
    }

    /// An average of all pixels of an image.
    fn average(
        graph: &Graph,
        operator: &Operator,
        output: TensorId,
        options: &Pool2dOptions,
    ) -> Option<Self> {
        let input = (*operator.inputs.first()?)?;
        let (x, y) = (graph.tensor(input), graph.tensor(output));
        let [_, height, width, channels] = image(x)?;
        let is_whole = image(y)? == [1, 1, 1, channels]
            && options.filter == (height, width)
            && options.border == Border::default()
            // One window that pads nothing.
            && (options.padding == Padding::Valid || (options.stride.0 >= height && options.stride.1 >= width));
        let is_int8 = [x, y].iter().all(|tensor| tensor.dtype == DType::Int8);
        if !is_whole || !is_int8 {
            return None;
        }
        Some(Self {
            input,
            output,
            rows: StageRows {
                window: 1,
                stride: 1,
                top: 0,
                rows: height,
                row_bytes: row_bytes(x)?,
                lines: Some(0),
                padding: 0,
            },
            pads: false,
            made: 1,
            made_bytes: row_bytes(y)?,
            kind: Kind::Average,
        })
    }

    /// The stages that compute it, without the places of line buffers.
    fn stages(&self) -> impl Iterator<Item = StageRows> + use<> {
        // Rows that are sums take no memory of their own: the buffer has the sums.
        let finish = matches!(self.kind, Kind::Average).then_some(StageRows {
            window: self.rows.rows,
            stride: self.rows.rows,
            row_bytes: 0,
            ..self.rows
        });
        [Some(self.rows), finish].into_iter().flatten()
    }

    /// Rows that its first stage is given, those of padding among them.
    pub(crate) fn given(&self) -> usize {
        self.rows.window + (self.made_turns() - 1) * self.rows.stride
    }

    /// How often its first stage runs.
    fn made_turns(&self) -> usize {
        match self.kind {
            Kind::Row(_) => self.made,
            Kind::Average => self.rows.rows,
        }
    }

    /// Bytes of the sums of an average.
    fn sums(&self) -> usize {
        self.made_bytes * size_of::<i32>()
    }

    /// The same operator for one row of output, alone in a graph: its input, its output, and constants behind both.
    fn alone(&self, graph: &Graph, operator: &Operator, options: &Options) -> Graph {
        let of_height = |id: TensorId, height: usize| {
            let mut tensor = graph.tensor(id).clone();
            if let Some(size) = tensor.shape.get_mut(1) {
                *size = height;
            }
            tensor
        };
        let mut tensors = vec![
            of_height(self.input, self.rows.window),
            of_height(self.output, 1),
        ];
        let mut alone = operator.clone();
        alone.options = options.clone();
        alone.outputs = vec![OUTPUT];
        for input in alone.inputs.iter_mut().flatten() {
            *input = match *input == self.input {
                true => INPUT,
                false => {
                    tensors.push(graph.tensor(*input).clone());
                    TensorId((tensors.len() - 1) as u32)
                }
            };
        }
        Graph {
            name: String::new(),
            tensors,
            operators: vec![alone],
            inputs: vec![INPUT],
            outputs: vec![OUTPUT],
        }
    }
}

const INPUT: TensorId = TensorId(0);
const OUTPUT: TensorId = TensorId(1);

/// Sizes of an image.
fn image(tensor: &Tensor) -> Option<[usize; 4]> {
    let shape = <[usize; 4]>::try_from(&tensor.shape[..]).ok()?;
    (shape[0] == 1 && shape[1] <= MOST_ROWS && !tensor.is_variable && !tensor.is_constant())
        .then_some(shape)
}

/// Bytes of a row of an image.
fn row_bytes(tensor: &Tensor) -> Option<usize> {
    let [_, height, width, channels] = image(tensor)?;
    let element = ElementType::of(tensor.dtype)?;
    (height > 0 && width * channels > 0).then_some(width * channels * element.bytes())
}

/// A window that slides over the rows of an image.
struct Window {
    input: TensorId,
    rows: StageRows,
    pads: bool,
    /// To the left and right.
    border: Border,
}

impl Window {
    fn new(
        graph: &Graph,
        operator: &Operator,
        padding: Padding,
        border: Border,
        stride: (usize, usize),
        dilation: (usize, usize),
    ) -> Option<Self> {
        let [Some(input), Some(filter), ..] = operator.inputs[..] else {
            return None;
        };
        let (x, filter) = (graph.tensor(input), graph.tensor(filter));
        let y = graph.tensor(*operator.outputs.first()?);
        let [_, filter_h, filter_w, _] = <[usize; 4]>::try_from(&filter.shape[..]).ok()?;
        let is_int8 = [x, filter, y].iter().all(|t| t.dtype == DType::Int8);
        if !is_int8 || !filter.is_constant() {
            return None;
        }
        let (_, zero_point) = x.quantization.as_ref()?.per_tensor()?;
        let [_, height, width, _] = image(x)?;
        let (above, left) = (border.top, border.left);
        let size = [above + height + border.bottom, left + width + border.right];
        let (made, top) = padding.windows(size[0], filter_h, stride.0, dilation.0);
        let (columns, more) = padding.windows(size[1], filter_w, stride.1, dilation.1);
        let extent = |filter: usize, dilation: usize| {
            filter.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)
        };
        let (high, wide) = (extent(filter_h, dilation.0)?, extent(filter_w, dilation.1)?);
        let (top, left) = (above + top, left + more);
        let reach = |count: usize, stride: usize, extent: usize| {
            count
                .checked_sub(1)?
                .checked_mul(stride)?
                .checked_add(extent)
        };
        let (below, right) = (
            reach(made, stride.0, high)?,
            reach(columns, stride.1, wide)?,
        );
        let rows = StageRows {
            window: high.max(stride.0),
            stride: stride.0,
            top,
            rows: height,
            row_bytes: row_bytes(x)?,
            lines: Some(0),
            padding: i8::try_from(zero_point).ok()?,
        };
        if rows.window.max(below) > MOST_ROWS {
            return None;
        }
        Some(Self {
            input,
            pads: top > 0 || below > height || rows.window + (made - 1) * stride.0 > height,
            rows,
            border: Border {
                left,
                right: right.saturating_sub(left + width),
                ..Border::default()
            },
        })
    }

    fn rowwise(self, graph: &Graph, output: TensorId, options: Options) -> Option<Rowwise> {
        let y = graph.tensor(output);
        Some(Rowwise {
            input: self.input,
            output,
            rows: self.rows,
            pads: self.pads,
            made: image(y)?[1],
            made_bytes: row_bytes(y)?,
            kind: Kind::Row(options),
        })
    }
}

/// The stages of operators, with line buffers from 0, and the bytes of all of these.
///
/// A stage that reads one row at a time runs as soon as it has it. So all such share two buffers, of which one is read while the other is
/// written.
pub(crate) fn with_lines(operators: &[Rowwise]) -> (Vec<StageRows>, usize) {
    let mut stages = Vec::new();
    for (position, operator) in operators.iter().enumerate() {
        for (part, rows) in operator.stages().enumerate() {
            let reads_input = position == 0 && part == 0 && !operator.pads;
            let bytes = match part {
                _ if reads_input => None,
                0 => Some(rows.window * rows.row_bytes),
                _ => Some(operator.sums()),
            };
            stages.push((rows, bytes));
        }
    }
    let is_single = |rows: &StageRows| rows.window == 1 && rows.row_bytes > 0;
    let mut single = [0; 2];
    for (position, (rows, bytes)) in stages.iter().enumerate() {
        if is_single(rows) {
            let largest = &mut single[position % 2];
            *largest = bytes.unwrap_or(0).next_multiple_of(ALIGNMENT).max(*largest);
        }
    }
    let mut end = single[0] + single[1];
    let placed = stages
        .into_iter()
        .enumerate()
        .map(|(position, (rows, bytes))| {
            let lines = bytes.map(|bytes| match is_single(&rows) {
                true => (position % 2) * single[0],
                false => {
                    let start = end;
                    end = (end + bytes).next_multiple_of(ALIGNMENT);
                    start
                }
            });
            StageRows { lines, ..rows }
        });
    (placed.collect(), end)
}

/// Bytes from the output's first byte to the input's, at least: what is written then lies over rows that nobody reads any more.
pub(crate) fn distance(stages: &[Rowwise]) -> usize {
    let (Some(first), Some(last)) = (stages.first(), stages.last()) else {
        return 0;
    };
    let (rows, _) = with_lines(stages);
    let mut progress = vec![Progress::default(); rows.len()];
    let mut flow = Flow::new(&rows, &mut progress, 0, last.made);
    let mut least = 0;
    while let Some(turn) = flow.turn(&[]) {
        if turn.stage + 1 == rows.len() {
            // While the row is written, its window in the input is read.
            let read = match (turn.stage, rows[0].lines) {
                (0, None) => turn.from,
                _ => flow.read(),
            };
            let written = (turn.to + 1) * last.made_bytes;
            least = least.max(written.saturating_sub(read * first.rows.row_bytes));
        }
        flow.made(&[]);
    }
    least
}

/// One operator for several, each of which reads the one before it.
pub(crate) fn stream(graph: &Graph, positions: &[usize]) -> Option<Operator> {
    let all: Vec<Operator> = (positions.iter())
        .map(|position| {
            let mut operator = graph.operators[*position].clone();
            operator.origin = graph.parts(*position);
            operator
        })
        .collect();
    let mut operator = all.last()?.clone();
    let between: Vec<TensorId> = all.iter().flat_map(|o| o.outputs.clone()).collect();
    let mut inputs = vec![Some(Rowwise::of(graph, all.first()?)?.input)];
    for input in all.iter().flat_map(|operator| &operator.inputs).flatten() {
        if !between.contains(input) && !inputs.contains(&Some(*input)) {
            inputs.push(Some(*input));
        }
    }
    operator.inputs = inputs;
    operator.origin = all.iter().flat_map(|o| o.origin.clone()).collect();
    operator.options = Options::Streamed(all);
    Some(operator)
}

/// Chooses for an operator that [`stream`] made.
pub(super) fn choose(
    site: &Site<'_>,
    choosing: &mut Choosing<'_>,
    all: &[Operator],
    purpose: Purpose<'_>,
) -> Result<(), Diagnostic> {
    let fault = || Diagnostic::fault("a stream has an operator that does not run row by row");
    let graph = site.graph;
    let stages: Option<Vec<Rowwise>> = all.iter().map(|o| Rowwise::of(graph, o)).collect();
    let stages = stages.ok_or_else(fault)?;
    let (rows, bytes) = with_lines(&stages);
    let input = choosing.activation(site.input_id(0)?)?;
    let output = choosing.activation(site.output_id(0)?)?;
    let lines = (bytes > 0).then(|| choosing.scratch(ElementType::U8, bytes));
    let mut most = 0;
    let mut calls: Vec<(usize, Choice, Call, Vec<usize>)> = Vec::new();
    for (position, (operator, stage)) in all.iter().zip(&stages).enumerate() {
        let options = match &stage.kind {
            Kind::Row(options) => options,
            Kind::Average => {
                for call in average(site, operator, stage)? {
                    calls.push((position, Choice::default(), call, Vec::new()));
                }
                continue;
            }
        };
        let alone = stage.alone(graph, operator, options);
        let (mut choice, verdict) = choose_operator(&alone, 0, purpose);
        verdict?;
        let is_kept = !choice.memory.kept.is_empty();
        let (Some(Action::Call(call)), true, false) =
            (choice.actions.pop(), choice.actions.is_empty(), is_kept)
        else {
            return Err(fault());
        };
        let mut end = 0;
        let buffers = choice.memory.scratch.iter().map(|bytes| {
            let start = end;
            end = (end + bytes).next_multiple_of(ALIGNMENT);
            start
        });
        let buffers: Vec<usize> = buffers.collect();
        most = most.max(end);
        calls.push((position, choice, call, buffers));
    }
    let buffer = (most > 0).then(|| choosing.scratch(ElementType::U8, most));
    let line = |at: usize| {
        let (rows, sums) = (rows.get(at)?, calls.get(at)?.0);
        let len = match rows.row_bytes {
            0 => stages[sums].sums(),
            bytes => rows.window * bytes,
        };
        Some(Argument {
            offset: rows.lines?,
            len,
            ..lines?
        })
    };
    let lines: Vec<Option<Argument>> = (0..calls.len()).map(line).collect();
    let mut made = Vec::new();
    for (at, (operator, choice, mut call, buffers)) in calls.into_iter().enumerate() {
        let stage = &stages[operator];
        let next = lines.get(at + 1).copied().flatten();
        // Sums, which are the buffer of the next stage, stay where they are.
        let next_rows = rows.get(at + 1).copied();
        let mut moves = Vec::new();
        for argument in &mut call.arguments {
            let of_rows = |bytes: usize, last: usize| Rows {
                elements: bytes / argument.element.bytes(),
                last,
            };
            let bytes = argument.len * argument.element.bytes();
            let (to, moved) = match argument.place {
                Place::Tensor(INPUT) => match lines[at] {
                    Some(line) => (line, Moves::Not),
                    None => {
                        let last = (stage.made_turns() - 1) * stage.rows.stride;
                        (input, Moves::From(of_rows(stage.rows.row_bytes, last)))
                    }
                },
                Place::Tensor(OUTPUT) => match (next, next_rows) {
                    (Some(line), Some(rows)) if rows.row_bytes == 0 => (line, Moves::Not),
                    (Some(line), Some(rows)) => {
                        (line, Moves::To(of_rows(stage.made_bytes, rows.window - 1)))
                    }
                    _ => (output, Moves::To(of_rows(stage.made_bytes, stage.made - 1))),
                },
                Place::Scratch(at) => {
                    let (at, buffer) = buffers.get(at).zip(buffer).ok_or_else(fault)?;
                    let buffer = Argument {
                        offset: *at,
                        ..buffer
                    };
                    (buffer, Moves::Not)
                }
                Place::Constant(_) => (choosing.adopt(&choice, *argument), Moves::Not),
                _ => return Err(fault()),
            };
            // What stays in a buffer of several must not reach into the next one.
            let is_line = matches!(argument.place, Place::Tensor(INPUT) if lines[at].is_some());
            if is_line && argument.offset + bytes > to.len {
                return Err(fault());
            }
            if let Place::Constant(_) = argument.place {
                *argument = to;
            } else {
                argument.place = to.place;
                argument.offset += to.offset;
            }
            moves.push(moved);
        }
        made.push(Stage {
            operator,
            call,
            moves,
            rows: rows[at],
            lines: lines[at],
        });
    }
    // Sums begin at zeros.
    let sums = made.iter().filter(|stage| stage.rows.row_bytes == 0);
    for sums in sums.filter_map(|stage| stage.lines) {
        choosing.call(Fill { pattern: [0; 8] }, [sums]);
    }
    choosing.overlap(distance(&stages), 1);
    choosing.act(Action::Stream(Stream {
        input: input.as_bytes(),
        rows: stages.last().map_or(0, |last| last.made),
        stages: made,
    }));
    Ok(())
}

/// The calls of an average over all pixels: for each row, and at the end.
fn average(site: &Site<'_>, operator: &Operator, stage: &Rowwise) -> Result<[Call; 2], Diagnostic> {
    let own = Site { operator, ..*site };
    let Options::Pool2d(options) = &operator.options else {
        return Err(own.error("the operator has no options"));
    };
    own.same_quantization(stage.input, stage.output)?;
    let (min, max) = own.integer_range(options.activation, stage.output)?;
    let (channels, bytes) = (stage.made_bytes, stage.rows.row_bytes);
    let argument = |id, element, len| Argument {
        place: Place::Tensor(id),
        element,
        offset: 0,
        len,
    };
    let pixels = bytes / channels;
    let row = AddRow { pixels };
    let all = AverageOfSums {
        count: pixels * stage.rows.rows,
        min,
        max,
    };
    Ok([
        Call {
            kernel: Box::new(row),
            arguments: vec![
                argument(INPUT, ElementType::I8, bytes),
                argument(OUTPUT, ElementType::I32, channels),
            ],
        },
        Call {
            kernel: Box::new(all),
            arguments: vec![
                argument(INPUT, ElementType::I32, channels),
                argument(OUTPUT, ElementType::I8, channels),
            ],
        },
    ])
}
