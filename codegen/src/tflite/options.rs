//! Operators' options, from the schema's option tables to the graph's types.

use flatbuffers::{ForwardsUOffset, Verifiable, Verifier};

use super::schema::{Operator, options as raw};
use super::table::{Check, Place, Table};
use super::tensor::dtype;
use crate::error::Diagnostic;
use crate::graph::{
    Activation, BatchMatmulOptions, BinaryOptions, Border, BuiltinOperator as Op, CallOnceOptions,
    ConcatenationOptions, Conv2dOptions, DepthwiseConv2dOptions, FullyConnectedOptions, IfOptions,
    OptionValue, Options, Padding, Pool2dOptions, ReducerOptions, ReshapeOptions,
    SequenceLstmOptions, SoftmaxOptions, SqueezeOptions, TransposeConvOptions, VarHandleOptions,
    WeightsFormat, WhileOptions,
};

/// Reads a builtin operator's options.
pub(super) fn read(
    op: Op,
    operator: Operator<'_>,
    verifier: &mut Verifier,
) -> Result<Options, Diagnostic> {
    let mut source = Source { operator, verifier };
    source.types(op)?;
    Ok(match op {
        Op::Conv2d => match source.get::<raw::Conv2d>(1)? {
            Some(o) => Options::Conv2d(Conv2dOptions {
                padding: padding(o.padding())?,
                border: Border::default(),
                stride: pair("stride", o.stride_h(), o.stride_w())?,
                dilation: pair("dilation", o.dilation_h(), o.dilation_w())?,
                activation: activation(o.activation())?,
                bias_type: o.bias_type(),
            }),
            None => return Err(missing()),
        },
        Op::DepthwiseConv2d => match source.get::<raw::DepthwiseConv2d>(2)? {
            Some(o) => Options::DepthwiseConv2d(DepthwiseConv2dOptions {
                padding: padding(o.padding())?,
                border: Border::default(),
                stride: pair("stride", o.stride_h(), o.stride_w())?,
                dilation: pair("dilation", o.dilation_h(), o.dilation_w())?,
                activation: activation(o.activation())?,
                depth_multiplier: o.depth_multiplier(),
            }),
            None => return Err(missing()),
        },
        Op::AveragePool2d | Op::MaxPool2d | Op::L2Pool2d => match source.get::<raw::Pool2d>(5)? {
            Some(o) => Options::Pool2d(Pool2dOptions {
                padding: padding(o.padding())?,
                border: Border::default(),
                stride: pair("stride", o.stride_h(), o.stride_w())?,
                filter: pair("filter size", o.filter_height(), o.filter_width())?,
                activation: activation(o.activation())?,
            }),
            None => return Err(missing()),
        },
        Op::FullyConnected => match source.get::<raw::FullyConnected>(8)? {
            Some(o) => Options::FullyConnected(FullyConnectedOptions {
                activation: activation(o.activation())?,
                weights_format: weights_format(o.weights_format())?,
                keep_num_dims: o.keep_num_dims(),
                asymmetric_quantize_inputs: o.asymmetric_quantize_inputs(),
                bias_type: o.bias_type(),
            }),
            None => Options::FullyConnected(FullyConnectedOptions::default()),
        },
        Op::Add | Op::Sub | Op::Mul | Op::Div => {
            let (tag, reads_pot) = match op {
                Op::Add => (11, true),
                Op::Sub => (28, true),
                Op::Mul => (21, false),
                _ => (29, false),
            };
            let o = source.get::<raw::Binary>(tag)?;
            Options::Binary(BinaryOptions {
                activation: o.map_or(Ok(Activation::None), |o| activation(o.activation()))?,
                pot_scale_int16: reads_pot && o.is_none_or(raw::Binary::pot_scale_int16),
            })
        }
        Op::Concatenation => {
            Options::Concatenation(match source.get::<raw::Concatenation>(10)? {
                Some(o) => ConcatenationOptions {
                    axis: o.axis(),
                    activation: activation(o.activation())?,
                },
                None => ConcatenationOptions::default(),
            })
        }
        Op::Reshape => {
            let o = source.get::<raw::Reshape>(17)?;
            Options::Reshape(ReshapeOptions {
                new_shape: o.map(|o| o.new_shape().to_vec()).unwrap_or_default(),
            })
        }
        Op::Squeeze => {
            let o = source.get::<raw::Squeeze>(30)?;
            Options::Squeeze(SqueezeOptions {
                dims: o.map(|o| o.dims().to_vec()).unwrap_or_default(),
            })
        }
        Op::Softmax => {
            let beta = source
                .get::<raw::Softmax>(9)?
                .map_or(0.0, raw::Softmax::beta);
            if !beta.is_finite() {
                return Err(Diagnostic::new("SOFTMAX's beta is not a number")
                    .expected("a finite factor, usually 1")
                    .found(beta)
                    .help("the file is damaged or was edited; convert the model again"));
            }
            Options::Softmax(SoftmaxOptions { beta })
        }
        Op::Mean
        | Op::Sum
        | Op::ReduceProd
        | Op::ReduceMax
        | Op::ReduceMin
        | Op::ReduceAny
        | Op::ReduceAll => {
            let o = source.get::<raw::Reducer>(27)?;
            Options::Reducer(ReducerOptions {
                keep_dims: o.is_some_and(raw::Reducer::keep_dims),
            })
        }
        Op::BatchMatmul => {
            let o = source.get::<raw::BatchMatmul>(101)?;
            Options::BatchMatmul(BatchMatmulOptions {
                adj_x: o.is_some_and(raw::BatchMatmul::adj_x),
                adj_y: o.is_some_and(raw::BatchMatmul::adj_y),
                asymmetric_quantize_inputs: o
                    .is_some_and(raw::BatchMatmul::asymmetric_quantize_inputs),
            })
        }
        Op::TransposeConv => match source.get::<raw::TransposeConv>(49)? {
            Some(o) => Options::TransposeConv(TransposeConvOptions {
                padding: padding(o.padding())?,
                stride: pair("stride", o.stride_h(), o.stride_w())?,
                activation: activation(o.activation())?,
            }),
            None => return Err(missing()),
        },
        Op::UnidirectionalSequenceLstm => {
            Options::SequenceLstm(match source.get::<raw::SequenceLstm>(71)? {
                Some(o) => SequenceLstmOptions {
                    activation: activation(o.activation())?,
                    cell_clip: finite("cell_clip", o.cell_clip())?,
                    proj_clip: finite("proj_clip", o.proj_clip())?,
                    time_major: o.time_major(),
                    asymmetric_quantize_inputs: o.asymmetric_quantize_inputs(),
                },
                None => SequenceLstmOptions::default(),
            })
        }
        Op::VarHandle => {
            let o = source.get::<raw::VarHandle>(111)?;
            let text = |of: fn(raw::VarHandle<'_>) -> String| o.map(of).unwrap_or_default();
            Options::VarHandle(VarHandleOptions {
                container: text(|o| o.container().text().into_owned()),
                shared_name: text(|o| o.shared_name().text().into_owned()),
            })
        }
        Op::If => match source.get::<raw::If>(92)? {
            Some(o) => Options::If(IfOptions {
                then_graph: graph(o.then_subgraph())?,
                else_graph: graph(o.else_subgraph())?,
            }),
            None => return Err(missing()),
        },
        Op::While => match source.get::<raw::While>(93)? {
            Some(o) => Options::While(WhileOptions {
                cond_graph: graph(o.cond_subgraph())?,
                body_graph: graph(o.body_subgraph())?,
            }),
            None => return Err(missing()),
        },
        Op::CallOnce => match source.get::<raw::CallOnce>(103)? {
            Some(o) => Options::CallOnce(CallOnceOptions {
                init_graph: graph(o.init_subgraph())?,
            }),
            None => return Err(missing()),
        },
        _ => match source.listed(op)? {
            Some(options) => Options::Listed(options),
            None => match (operator.options_type(), operator.options_2_type()) {
                (0, 0) => Options::None,
                (0, tag) | (tag, _) => Options::Unread(tag),
            },
        },
    })
}

/// An operator's union of options.
struct Source<'a, 'v, 'opts, 'buf> {
    operator: Operator<'a>,
    verifier: &'v mut Verifier<'opts, 'buf>,
}

impl<'a> Source<'a, '_, '_, '_> {
    /// The options of the tag that belongs to the operator; `None` if the file leaves them out.
    fn get<T: Table<'a> + Verifiable>(&mut self, tag: u8) -> Result<Option<T>, Diagnostic> {
        let place = self.place(tag, <ForwardsUOffset<T>>::run_verifier)?;
        Ok(place.map(T::at))
    }

    fn place(&mut self, tag: u8, check: Check) -> Result<Option<Place<'a>>, Diagnostic> {
        match self.operator.options_type() {
            0 => Ok(None),
            found if found == tag => self.operator.options(self.verifier, check).map_err(|_| {
                Diagnostic::new("the operator's options are damaged")
                    .expected("a sound table of options")
                    .found("one that leaves the file")
                    .help("copy or convert the model again")
            }),
            found => Err(Diagnostic::new("the options are another operator's")
                .expected(format_args!("options of type {tag}"))
                .found(format_args!("type {found}"))
                .help("the file is damaged or was edited; convert the model again")),
        }
    }
}

impl Source<'_, '_, '_, '_> {
    /// Element types that options name. Tensors have their own, so nobody goes by these, but interpreters refuse one that is none.
    fn types(&mut self, op: Op) -> Result<(), Diagnostic> {
        let codes = match op {
            Op::ArgMax => [self.get::<raw::TypeOf>(40)?.map(raw::TypeOf::dtype), None],
            Op::ArgMin => [self.get::<raw::TypeOf>(57)?.map(raw::TypeOf::dtype), None],
            Op::Shape => [self.get::<raw::TypeOf>(55)?.map(raw::TypeOf::dtype), None],
            Op::Cast => match self.get::<raw::Cast>(37)? {
                Some(o) => [Some(o.from()), Some(o.to())],
                None => [None; 2],
            },
            Op::Conv2d => [
                self.get::<raw::Conv2d>(1)?.map(raw::Conv2d::bias_type),
                None,
            ],
            Op::FullyConnected => {
                let o = self.get::<raw::FullyConnected>(8)?;
                [o.map(raw::FullyConnected::bias_type), None]
            }
            Op::TransposeConv => {
                let o = self.get::<raw::TransposeConv>(49)?;
                [o.map(raw::TransposeConv::bias_type), None]
            }
            _ => return Ok(()),
        };
        codes
            .into_iter()
            .flatten()
            .try_for_each(|code| dtype(code).map(|_| ()))
    }

    /// Options that only other engines read. Without any, each has the schema's default.
    fn listed(&mut self, op: Op) -> Result<Option<Vec<(&'static str, OptionValue)>>, Diagnostic> {
        use OptionValue::{Bool, Float, Integer};
        // The fields of one table by name, each as a variant of `OptionValue`.
        macro_rules! fields {
            ($tag:literal, $table:ident { $($field:ident: $variant:path = $absent:expr),* $(,)? }) => {{
                let o = self.get::<raw::$table>($tag)?;
                let mut options = Vec::new();
                $(
                    let value = match o {
                        Some(o) => o.$field(),
                        None => $absent,
                    };
                    options.push((stringify!($field), $variant(value)));
                )*
                options
            }};
        }
        Ok(Some(match op {
            Op::Svdf => {
                let o = self.get::<raw::Svdf>(6)?;
                let fused = o.map_or(Ok(Activation::None), |o| activation(o.activation()))?;
                let asymmetric = o.is_some_and(raw::Svdf::asymmetric_quantize_inputs);
                vec![
                    ("rank", Integer(o.map_or(0, raw::Svdf::rank))),
                    ("activation", OptionValue::Activation(fused)),
                    ("asymmetric_quantize_inputs", Bool(asymmetric)),
                ]
            }
            Op::L2Normalization => {
                let o = self.get::<raw::L2Norm>(12)?;
                let fused = o.map_or(Ok(Activation::None), |o| activation(o.activation()))?;
                vec![("activation", OptionValue::Activation(fused))]
            }
            Op::ResizeBilinear => fields!(
                15,
                ResizeBilinear {
                    align_corners: Bool = false,
                    half_pixel_centers: Bool = false,
                }
            ),
            Op::ResizeNearestNeighbor => fields!(
                74,
                ResizeNearestNeighbor {
                    align_corners: Bool = false,
                    half_pixel_centers: Bool = false,
                }
            ),
            Op::SpaceToDepth => fields!(
                19,
                Block {
                    block_size: Integer = 0
                }
            ),
            Op::DepthToSpace => fields!(
                94,
                Block {
                    block_size: Integer = 0
                }
            ),
            Op::Gather => fields!(
                23,
                Gather {
                    axis: Integer = 0,
                    batch_dims: Integer = 0
                }
            ),
            Op::StridedSlice => fields!(
                32,
                StridedSlice {
                    begin_mask: Integer = 0,
                    end_mask: Integer = 0,
                    ellipsis_mask: Integer = 0,
                    new_axis_mask: Integer = 0,
                    shrink_axis_mask: Integer = 0,
                    offset: Bool = false,
                }
            ),
            Op::Split => fields!(
                35,
                Split {
                    num_splits: Integer = 0
                }
            ),
            Op::SplitV => fields!(
                79,
                Split {
                    num_splits: Integer = 0
                }
            ),
            Op::OneHot => fields!(61, OneHot { axis: Integer = 0 }),
            Op::ReverseSequence => fields!(
                87,
                ReverseSequence {
                    seq_dim: Integer = 0,
                    batch_dim: Integer = 0
                }
            ),
            Op::Pack => fields!(
                59,
                Pack {
                    values_count: Integer = 0,
                    axis: Integer = 0
                }
            ),
            Op::Unpack => fields!(
                64,
                Unpack {
                    num: Integer = 0,
                    axis: Integer = 0
                }
            ),
            Op::LeakyRelu => {
                let o = self.get::<raw::LeakyRelu>(75)?;
                let alpha = finite("alpha", o.map_or(0.0, raw::LeakyRelu::alpha))?;
                vec![("alpha", Float(alpha))]
            }
            Op::MirrorPad => {
                let o = self.get::<raw::MirrorPad>(77)?;
                let mode = o.map_or(0, raw::MirrorPad::mode);
                vec![("mode", Integer(mode.into()))]
            }
            Op::Cumsum => fields!(
                102,
                Cumsum {
                    exclusive: Bool = false,
                    reverse: Bool = false
                }
            ),
            _ => return Ok(None),
        }))
    }
}

fn finite(what: &str, value: f32) -> Result<f32, Diagnostic> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(
        Diagnostic::new(format!("the option {what} is not a number"))
            .expected("a finite number")
            .found(value)
            .help("the file is damaged or was edited; convert the model again"),
    )
}

fn missing() -> Diagnostic {
    Diagnostic::new("the operator has no options")
        .expected("options: this operator has no useful defaults")
        .found("none")
        .help("the file is damaged or was edited; convert the model again")
}

fn padding(code: i8) -> Result<Padding, Diagnostic> {
    match code {
        0 => Ok(Padding::Same),
        1 => Ok(Padding::Valid),
        _ => Err(unknown("padding", "0 (SAME) or 1 (VALID)", code)),
    }
}

fn activation(code: i8) -> Result<Activation, Diagnostic> {
    Ok(match code {
        0 => Activation::None,
        1 => Activation::Relu,
        2 => Activation::ReluN1To1,
        3 => Activation::Relu6,
        4 => Activation::Tanh,
        5 => Activation::SignBit,
        _ => return Err(unknown("fused activation", "a code of 0 to 5", code)),
    })
}

fn weights_format(code: i8) -> Result<WeightsFormat, Diagnostic> {
    match code {
        0 => Ok(WeightsFormat::Default),
        // Its weights are permuted for one kernel of one architecture; read plainly, they are wrong.
        1 => Err(Diagnostic::new("the weights are shuffled")
            .expected("weights in the DEFAULT format")
            .found("SHUFFLED4x16INT8")
            .help("convert the model again without shuffled weights")),
        _ => Err(unknown("weights format", "0 (DEFAULT)", code)),
    }
}

fn unknown(what: &str, expected: &str, code: i8) -> Diagnostic {
    Diagnostic::new(format!("unknown {what}"))
        .expected(expected)
        .found(code)
        .help("the file is damaged, or newer than this release of castiron")
}

fn pair(what: &str, height: i32, width: i32) -> Result<(usize, usize), Diagnostic> {
    match (usize::try_from(height), usize::try_from(width)) {
        (Ok(h @ 1..), Ok(w @ 1..)) => Ok((h, w)),
        _ => Err(Diagnostic::new(format!("the {what} is not positive"))
            .expected("height and width of at least 1")
            .found(format_args!("{height} × {width}"))
            .help("the file is damaged or was edited; convert the model again")),
    }
}

fn graph(index: i32) -> Result<usize, Diagnostic> {
    usize::try_from(index).map_err(|_| {
        Diagnostic::new("the operator calls a subgraph that does not exist")
            .expected("the index of a subgraph")
            .found(index)
            .help("the file is damaged or was edited; convert the model again")
    })
}
