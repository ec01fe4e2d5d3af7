"""Models whose constants, options, sizes or scales an operator does not take, and some on the right side of the
border: tests/data/operands.

    python3 operand_models.py OUT_DIR

What TFLM's interpreter says of each is in tests/data/tflm_verdicts.json. Those whose recorded shape TFLM goes by have goldens
of LiteRT's reference kernels, which do not.
"""
import pathlib
import sys

import numpy as np

from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_builder import Graph, opt

MODELS = {}


def x(*shape, dtype="f32", **more):
    """A tensor that is computed."""
    return dict(shape=shape, dtype=dtype, **more)


def c(values, dtype="i32", shape=None, **more):
    """A constant."""
    data = np.asarray(values)
    return dict(shape=data.shape if shape is None else shape, dtype=dtype, data=data, **more)


def q(*shape, scale=0.1, zp=0, dtype="i8", **more):
    """A quantised tensor."""
    return dict(shape=shape, dtype=dtype, scale=scale, zp=zp, **more)


def model(name, op, inputs, outputs, options=None, version=1):
    g = Graph()
    add = lambda i, t: g.t(f"t{i}", t.pop("shape"), t.pop("dtype"), **t)
    ins = [-1 if t is None else add(i, dict(t)) for i, t in enumerate(inputs)]
    outs = [add(f"y{i}", dict(t)) for i, t in enumerate(outputs)]
    g.op(op, ins, outs, options, version)
    entered = [i for i, t in zip(ins, inputs) if t and "data" not in t and not t.get("var")]
    assert name not in MODELS, name
    MODELS[name] = g.io(entered, outs).build()


# Axes.
for name, axis in [("beyond", 2), ("before", -3)]:
    model(f"arg_max_axis_{name}", "ARG_MAX", [x(2, 3), c(axis)], [x(2, dtype="i32")], opt("ArgMax", outputType=2))
    model(f"concatenation_axis_{name}", "CONCATENATION", [x(2, 2), x(2, 2)], [x(2, 4)], opt("Concatenation", axis=axis))
    model(f"split_axis_{name}", "SPLIT", [c(axis), x(2, 4)], [x(2, 2), x(2, 2)], opt("Split", numSplits=2))
    model(f"mean_axis_{name}", "MEAN", [x(2, 3), c([axis])], [x(2)], opt("Reducer"))
    model(f"reduce_max_axis_{name}", "REDUCE_MAX", [x(2, 3), c([axis])], [x(2)], opt("Reducer"))
    model(f"gather_axis_{name}", "GATHER", [x(2, 3), c([0, 1])], [x(2, 2)], opt("Gather", axis=axis))
    model(f"unpack_axis_{name}", "UNPACK", [x(2, 3)], [x(3), x(3)], opt("Unpack", num=2, axis=axis))
    model(f"reverse_axis_{name}", "REVERSE_V2", [x(2, 3), c([axis])], [x(2, 3)])
    model(f"cumsum_axis_{name}", "CUMSUM", [x(2, 3), c(axis)], [x(2, 3)], opt("Cumsum"))
for name, axis in [("beyond", 3), ("before", -4)]:
    model(f"pack_axis_{name}", "PACK", [x(2, 2), x(2, 2)], [x(2, 2, 2)], opt("Pack", valuesCount=2, axis=axis))
    model(f"expand_dims_axis_{name}", "EXPAND_DIMS", [x(2, 3), c(axis)], [x(2, 3, 1)])
model("split_v_axis_beyond", "SPLIT_V", [x(2, 4), c([2, 2]), c(2)], [x(2, 2), x(2, 2)], opt("SplitV", numSplits=2))
model("split_v_axis_from_last", "SPLIT_V", [x(2, 4), c([2, 2]), c(-1)], [x(2, 2), x(2, 2)], opt("SplitV", numSplits=2))
model("squeeze_of_two", "SQUEEZE", [x(1, 2, 3)], [x(2, 3)], opt("Squeeze", squeezeDims=[1]))
model("squeeze_axis_beyond", "SQUEEZE", [x(1, 2, 3)], [x(2, 3)], opt("Squeeze", squeezeDims=[3]))
model("reverse_axes_apart", "REVERSE_V2", [x(2, 3, 4), c([0, 2])], [x(2, 3, 4)])
model("mean_axis_twice", "MEAN", [x(2, 3), c([1, 1])], [x(2)], opt("Reducer"))
model("sum_without_axes", "SUM", [x(2, 3), c(np.zeros(0), shape=[0])], [x(2, 3)], opt("Reducer"))
model("mean_keeps_other_sizes", "MEAN", [x(2, 3), c([1])], [x(1, 2)], opt("Reducer", keepDims=True))

# Permutations.
model("transpose_beyond", "TRANSPOSE", [x(2, 3), c([0, 2])], [x(2, 3)])
model("transpose_twice", "TRANSPOSE", [x(2, 2), c([0, 0])], [x(2, 2)])
model("transpose_from_last", "TRANSPOSE", [x(2, 3), c([-1, 0])], [x(3, 2)])
model("transpose_short", "TRANSPOSE", [x(2, 3), c([0])], [x(2, 3)])
model("transpose_of_other_sizes", "TRANSPOSE", [x(2, 3), c([1, 0])], [x(2, 3)])

# Indices.
for name, index in [("beyond", 3), ("before", -1)]:
    model(f"gather_{name}", "GATHER", [x(3, 2), c([0, index])], [x(2, 2)], opt("Gather", axis=0))
    model(f"gather_nd_{name}", "GATHER_ND", [x(3, 2), c([[0], [index]])], [x(2, 2)], opt("GatherNd"))
    model(f"embedding_{name}", "EMBEDDING_LOOKUP", [c([0, index]), c(np.ones((3, 2)), "f32")], [x(2, 2)])
model("gather_batch_dims_beyond_axis", "GATHER", [x(2, 3), c([[0], [1]])], [x(2, 1)], opt("Gather", axis=0, batchDims=1))
model("gather_batch_of_other_size", "GATHER", [x(2, 3), c([[0], [1], [0]])], [x(2, 1)], opt("Gather", axis=1, batchDims=1))
model("gather_of_other_sizes", "GATHER", [x(3, 2), c([0, 1])], [x(3, 2)], opt("Gather", axis=0))
model("gather_nd_of_too_many", "GATHER_ND", [x(3, 2), c([[0, 0, 0]])], [x(1)], opt("GatherNd"))
model("gather_nd_of_other_sizes", "GATHER_ND", [x(3, 2), c([[0], [1]])], [x(3, 2)], opt("GatherNd"))
model("embedding_of_other_sizes", "EMBEDDING_LOOKUP", [c([0, 1]), c(np.ones((3, 2)), "f32")], [x(1, 2)])

# Parts.
model("slice_beyond", "SLICE", [x(2, 4), c([0, 2]), c([2, 3])], [x(2, 3)])
model("slice_before", "SLICE", [x(2, 4), c([0, -1]), c([2, 3])], [x(2, 3)])
model("slice_short", "SLICE", [x(2, 4), c([0]), c([2])], [x(2, 4)])
model("slice_of_other_sizes", "SLICE", [x(2, 4), c([0, 0]), c([2, 3])], [x(2, 2)])
model("slice_computed_of_other_sizes", "SLICE", [x(2, 4), x(2, dtype="i32"), c([2, 3])], [x(2, 2)])
model("slice_computed_of_other_rest", "SLICE", [x(2, 4), x(2, dtype="i32"), c([-1, 3])], [x(2, 2)])
model("slice_computed_too_large", "SLICE", [x(2, 4), x(2, dtype="i32"), c([2, 5])], [x(2, 5)])
model("slice_computed_short", "SLICE", [x(2, 4), x(2, dtype="i32"), c([2])], [x(2, 4)])
model("slice_of_other_shape", "SLICE", [x(2, 4), c([0, 0]), c([2, 3])], [x(3, 2)])
STRIDED = lambda **k: opt("StridedSlice", **k)
model("strided_slice_stride_0", "STRIDED_SLICE", [x(2, 4), c([0, 0]), c([2, 4]), c([1, 0])], [x(2, 4)], STRIDED())
model("strided_slice_short", "STRIDED_SLICE", [x(2, 4), c([0]), c([1]), c([1])], [x(1, 4)], STRIDED())
model("strided_slice_long", "STRIDED_SLICE", [x(4), c([0, 0]), c([4, 4]), c([1, 1])], [x(4)], STRIDED())
model("strided_slice_unequal", "STRIDED_SLICE", [x(2, 4), c([0, 0]), c([2]), c([1, 1])], [x(2, 4)], STRIDED())
model("strided_slice_of_other_sizes", "STRIDED_SLICE", [x(2, 4), c([0, 0]), c([2, 4]), c([1, 2])], [x(2, 3)], STRIDED())
model("strided_slice_shrinks_not", "STRIDED_SLICE", [x(2, 4), c([0, 0]), c([1, 4]), c([1, 1])], [x(1, 4)], STRIDED(shrinkAxisMask=1))
model("strided_slice_beyond", "STRIDED_SLICE", [x(2, 4), c([5, 0]), c([6, 4]), c([1, 1])], [x(4)], STRIDED(shrinkAxisMask=1))
model("strided_slice_offset", "STRIDED_SLICE", [x(2, 4), c([0, 1]), c([2, 2]), c([1, 1])], [x(2, 2)], STRIDED(offset=True))
model("update_slice_too_large", "DYNAMIC_UPDATE_SLICE", [x(2, 4), x(3, 1), c([0, 0])], [x(2, 4)])
model("update_slice_short", "DYNAMIC_UPDATE_SLICE", [x(2, 4), x(1, 1), c([0])], [x(2, 4)])
model("split_of_other_count", "SPLIT", [c(1), x(2, 4)], [x(2, 2), x(2, 2)], opt("Split", numSplits=4))
model("split_unevenly", "SPLIT", [c(1), x(2, 4)], [x(2, 1), x(2, 3)], opt("Split", numSplits=2))
model("split_into_three", "SPLIT", [c(1), x(2, 4)], [x(2, 2), x(2, 1), x(2, 1)], opt("Split", numSplits=3))
model("split_v_of_other_sum", "SPLIT_V", [x(2, 4), c([2, 1]), c(1)], [x(2, 2), x(2, 2)], opt("SplitV", numSplits=2))
model("split_v_of_other_sizes", "SPLIT_V", [x(2, 4), c([1, 3]), c(1)], [x(2, 2), x(2, 2)], opt("SplitV", numSplits=2))
model("pack_of_other_count", "PACK", [x(2), x(2)], [x(2, 2)], opt("Pack", valuesCount=3, axis=0))
model("pack_of_fewer", "PACK", [x(2), x(2)], [x(2, 2)], opt("Pack", valuesCount=1, axis=0))
model("pack_of_unequal", "PACK", [x(3), x(1)], [x(2, 2)], opt("Pack", valuesCount=2, axis=0))
model("unpack_of_other_count", "UNPACK", [x(2, 3)], [x(3), x(3)], opt("Unpack", num=3, axis=0))
model("unpack_unevenly", "UNPACK", [x(2, 3)], [x(2), x(4)], opt("Unpack", num=2, axis=0))
model("concatenation_of_unequal", "CONCATENATION", [x(2, 2), x(1, 4)], [x(2, 4)], opt("Concatenation", axis=1))
model("concatenation_of_other_axis", "CONCATENATION", [x(2, 2), x(2, 2)], [x(4, 2)], opt("Concatenation", axis=1))

# Blocks and margins.
for kind in ["SPACE_TO_DEPTH", "DEPTH_TO_SPACE"]:
    options = kind.title().replace("_", "").replace("To", "To")
    name = kind.lower()
    shape, result = (([1, 4, 4, 1], [1, 2, 2, 4]), ([1, 2, 2, 4], [1, 4, 4, 1]))[kind.startswith("DEPTH")]
    model(f"{name}_block_0", kind, [x(*shape)], [x(*result)], opt(options, blockSize=0))
    model(f"{name}_block_3", kind, [x(*shape)], [x(*result)], opt(options, blockSize=3))
    model(f"{name}_of_other_sizes", kind, [x(*shape)], [x(1, 1, 1, 16)], opt(options, blockSize=2))
BATCH = ("SPACE_TO_BATCH_ND", [1, 4, 4, 1], [4, 2, 2, 1], "space_to_batch")
SPACE = ("BATCH_TO_SPACE_ND", [4, 2, 2, 1], [1, 4, 4, 1], "batch_to_space")
NONE = [[0, 0], [0, 0]]
for op, shape, result, name in [BATCH, SPACE]:
    model(f"{name}_block_0", op, [x(*shape), c([2, 0]), c(NONE)], [x(*result)])
    model(f"{name}_block_3", op, [x(*shape), c([3, 2]), c(NONE)], [x(*result)])
    model(f"{name}_one_block", op, [x(*shape), c([2]), c([[0, 0]])], [x(*result)])
    model(f"{name}_short_margins", op, [x(*shape), c([2, 2]), c([[0, 0]])], [x(*result)])
    model(f"{name}_negative_margin", op, [x(*shape), c([2, 2]), c([[-1, 1], [0, 0]])], [x(*result)])
    model(f"{name}_of_other_sizes", op, [x(*shape), c([2, 2]), c(NONE)], [x(2, 2, 4, 1)])
model("batch_to_space_crops_all", "BATCH_TO_SPACE_ND", [x(4, 2, 2, 1), c([2, 2]), c([[3, 2], [0, 0]])], [x(1, 4, 4, 1)])
model("pad_negative", "PAD", [x(2, 4), c([[0, 0], [-1, 0]])], [x(2, 3)])
model("pad_short", "PAD", [x(2, 4), c([[1, 1]])], [x(4, 4)])
model("mirror_pad_too_wide", "MIRROR_PAD", [x(2, 3), c([[0, 0], [3, 0]])], [x(2, 6)], opt("MirrorPad", mode=0))
model("mirror_pad_of_other_rank", "MIRROR_PAD", [x(2, 3), c([[0, 0]])], [x(2, 3)], opt("MirrorPad", mode=0))

# Sizes.
for op in ["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"]:
    options = "ResizeBilinear" if op.endswith("BILINEAR") else "ResizeNearestNeighbor"
    name = op.lower()
    model(f"{name}_of_three_sizes", op, [x(1, 2, 2, 1), c([4, 4, 1])], [x(1, 4, 4, 1)], opt(options))
    model(f"{name}_of_other_sizes", op, [x(1, 2, 2, 1), c([4, 4])], [x(1, 2, 8, 1)], opt(options))
    model(f"{name}_to_0", op, [x(1, 2, 2, 1), c([0, 4])], [x(1, 0, 4, 1)], opt(options))
model("broadcast_to_never", "BROADCAST_TO", [x(2, 3), c([2, 4])], [x(2, 4)])
model("broadcast_to_fewer", "BROADCAST_TO", [x(2, 3), c([3])], [x(3)])
model("broadcast_to_of_other_shape", "BROADCAST_TO", [x(1, 3), c([2, 3])], [x(3, 2)])
model("fill_of_other_shape", "FILL", [c([2, 3]), c(1.0, "f32")], [x(3, 2)])
model("broadcast_args_never", "BROADCAST_ARGS", [c([2, 3]), c([2, 4])], [x(2, dtype="i32")])
model("expand_dims_of_other_axis", "EXPAND_DIMS", [x(2, 3), c(0)], [x(2, 3, 1)])
model("reshape_of_other_sizes", "RESHAPE", [x(2, 3), c([3, 2])], [x(6)], opt("Reshape", newShape=[3, 2]))
for op, options in [("ADD", opt("Add")), ("MUL", opt("Mul")), ("MAXIMUM", opt("MaximumMinimum")), ("FLOOR_DIV", None)]:
    name = op.lower()
    model(f"{name}_never", op, [x(2, 3), x(2, 4)], [x(2, 4)], options)
    model(f"{name}_of_other_shape", op, [x(2, 3), x(2, 3)], [x(3, 2)], options)
model("add_of_other_broadcast", "ADD", [x(2, 3), x(3)], [x(3, 2)], opt("Add"))
model("equal_never", "EQUAL", [x(2, 3), x(2, 4)], [x(2, 4, dtype="bool")])
model("logical_and_of_other_shape", "LOGICAL_AND", [x(2, 3, dtype="bool"), x(2, 3, dtype="bool")], [x(3, 2, dtype="bool")])
model("select_of_other_shape", "SELECT_V2", [x(2, 3, dtype="bool"), x(3), x(2, 3)], [x(3, 2)])
model("select_never", "SELECT_V2", [x(2, 3, dtype="bool"), x(4), x(2, 3)], [x(2, 3)])
model("prelu_of_other_shape", "PRELU", [x(2, 3), c([1, 2], "f32")], [x(2, 3)])
model("add_n_of_other_shape", "ADD_N", [x(2, 3), x(2, 3)], [x(3, 2)])
model("relu_of_other_shape", "RELU", [x(2, 3)], [x(3, 2)])
model("cast_of_other_shape", "CAST", [x(2, 3)], [x(3, 2, dtype="i32")])
model("softmax_of_other_shape", "SOFTMAX", [x(2, 3)], [x(3, 2)], opt("Softmax", beta=1.0))
model("quantize_of_other_shape", "QUANTIZE", [x(2, 3)], [q(3, 2)])
model("dequantize_of_other_shape", "DEQUANTIZE", [q(2, 3)], [x(3, 2)])
BMM = lambda **k: opt("BatchMatMul", **k)
model("batch_matmul_depths", "BATCH_MATMUL", [x(2, 3), x(2, 4)], [x(2, 4)], BMM())
model("batch_matmul_batches", "BATCH_MATMUL", [x(2, 1, 3), x(3, 3, 1)], [x(2, 1, 1)], BMM())
model("batch_matmul_of_other_sizes", "BATCH_MATMUL", [x(2, 3), x(3, 4)], [x(4, 4)], BMM())
model("batch_matmul_of_other_shape", "BATCH_MATMUL", [x(2, 3), x(3, 4)], [x(4, 2)], BMM())
model("batch_matmul_of_fewer_dimensions", "BATCH_MATMUL", [x(1, 2, 3), x(3, 4)], [x(2, 4)], BMM())
model("batch_matmul_adjoint", "BATCH_MATMUL", [x(2, 3), x(3, 4)], [x(2, 4)], BMM(adjY=True))

# Recorded shapes that differ in dimensions of 1.
model("gather_of_fewer_dimensions", "GATHER", [x(1, 3, 2), c([0, 1])], [x(2, 2)], opt("Gather", axis=1))
model("gather_nd_of_fewer_dimensions", "GATHER_ND", [x(3, 1, 2), c([[0], [1]])], [x(2, 2)], opt("GatherNd"))
model("embedding_of_fewer_dimensions", "EMBEDDING_LOOKUP", [c([1]), c(np.ones((3, 2)), "f32")], [x(2)])
model("concatenation_of_fewer_dimensions", "CONCATENATION", [x(1, 2), x(1, 2)], [x(4)], opt("Concatenation", axis=1))
model("concatenation_from_last_of_more", "CONCATENATION", [x(2, 2), x(2, 2)], [x(2, 4, 1)], opt("Concatenation", axis=-1))
model("split_of_fewer_dimensions", "SPLIT", [c(1), x(1, 4)], [x(2), x(2)], opt("Split", numSplits=2))
model("split_v_of_fewer_dimensions", "SPLIT_V", [x(1, 4), c([2, 2]), c(1)], [x(2), x(2)], opt("SplitV", numSplits=2))
model("pack_into_fewer_dimensions", "PACK", [x(1, 2), x(1, 2)], [x(2, 2)], opt("Pack", valuesCount=2, axis=2))
model("unpack_into_more_dimensions", "UNPACK", [x(2, 3)], [x(3, 1), x(3, 1)], opt("Unpack", num=2, axis=0))
model("add_into_more_dimensions", "ADD", [x(2, 3), x(3)], [x(2, 1, 3)], opt("Add"))
model("add_into_a_batch", "ADD", [x(2, 3), x(3)], [x(1, 2, 3)], opt("Add"))
model("less_into_more_dimensions", "LESS", [x(2, 3), x(3)], [x(2, 1, 3, dtype="bool")])
model("select_into_a_batch", "SELECT_V2", [x(2, 3, dtype="bool"), x(3), x(2, 3)], [x(1, 2, 3)])
model("resize_into_other_dimensions", "RESIZE_NEAREST_NEIGHBOR", [x(1, 2, 2, 1), c([4, 4])], [x(4, 4, 1, 1)], opt("ResizeNearestNeighbor"))
model("svdf_output_turned", "SVDF", [x(1, 3), c(np.ones((2, 3)), "f32"), c(np.ones((2, 4)), "f32"), c(np.ones(2), "f32"), x(1, 8, var=True)], [x(2, 1)], opt("SVDF", rank=1))
model("fill_of_more_dimensions", "FILL", [c([2, 3]), c(1.0, "f32")], [x(1, 2, 3)])
model("broadcast_to_more_dimensions", "BROADCAST_TO", [x(1, 3), c([2, 3])], [x(1, 2, 3)])
model("slice_of_fewer_dimensions", "SLICE", [x(2, 4), c([0, 0]), c([1, 3])], [x(3)])
model("strided_slice_of_fewer_dimensions", "STRIDED_SLICE", [x(2, 4), c([0, 0]), c([1, 3]), c([1, 1])], [x(3)], STRIDED())
model("transpose_of_fewer_dimensions", "TRANSPOSE", [x(1, 4), c([1, 0])], [x(4)])
model("batch_to_space_of_fewer_dimensions", "BATCH_TO_SPACE_ND", [x(4, 2, 2, 1), c([2, 2]), c(NONE)], [x(4, 4, 1)])
model("mean_of_fewer_dimensions", "MEAN", [x(1, 2, 2, 3), c([1, 2])], [x(3)], opt("Reducer", keepDims=True))
model("conv_of_groups", "CONV_2D", [x(1, 2, 2, 4), c(np.ones((3, 1, 1, 2)), "f32")], [x(1, 2, 2, 3)], opt("Conv2D", strideH=1, strideW=1))


def svdf(name, rank=1, features=(2, 3), time=(2, 4), bias=(2,), state=(1, 8), out=(1, 2)):
    ones = lambda shape: c(np.ones(shape), "f32")
    model(name, "SVDF", [x(1, 3), ones(features), ones(time), ones(bias), x(*state, var=True)], [x(*out)], opt("SVDF", rank=rank))


svdf("svdf_rank_0", rank=0)
svdf("svdf_rank_3", rank=3)
svdf("svdf_features", features=(2, 4))
svdf("svdf_time", time=(3, 4))
svdf("svdf_bias", bias=(3,))
svdf("svdf_state", state=(1, 7))
svdf("svdf_output", out=(1, 3))



def lstm(name, weights=(2, 1), recurrent=(2, 2), bias=(2,), cell=(1, 2), out=(1, 3, 2), activation=4, other=None):
    ones = lambda *shape: c(np.ones(shape), "f32")
    inputs = [x(1, 3, 1), *[ones(2, 1)] * 3, ones(*weights), *[ones(2, 2)] * 3, ones(*recurrent), *[None] * 3, *[ones(2)] * 3, ones(*bias),
              None, None, x(1, 2, var=True), x(*cell, var=True), *[None] * 4]
    for position, shape in (other or {}).items():
        inputs[position] = shape and ones(*shape)
    model(name, "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [x(*out)], opt("UnidirectionalSequenceLSTM", fusedActivationFunction=activation))


lstm("lstm_right")
lstm("lstm_weights", weights=(2, 2))
lstm("lstm_recurrent", recurrent=(2, 3))
lstm("lstm_bias", bias=(3,))
lstm("lstm_cell", cell=(1, 3))
lstm("lstm_output", out=(1, 3, 3))
lstm("lstm_peepholes", other={9: (2,), 10: (2,), 11: (2,)})
lstm("lstm_projection", other={16: (2, 2)})
lstm("lstm_layer_norm", other={20: (2,), 21: (2,), 22: (2,), 23: (2,)})
lstm("lstm_coupled_gates", other={1: None, 5: None, 12: None})
lstm("lstm_relu", activation=1)

# Scales.
FINE = 1e-7
for op, options in [("ADD", opt("Add")), ("SUB", opt("Sub"))]:
    model(f"{op.lower()}_too_fine", op, [q(2), q(2)], [q(2, scale=FINE)], options)
    model(f"{op.lower()}_i16_too_fine", op, [q(2, dtype="i16"), q(2, dtype="i16")], [q(2, scale=1e-6, dtype="i16")], options)
    model(f"{op.lower()}_just_fine", op, [q(2), q(2)], [q(2, scale=0.1 * 2**-18)], options)
model("add_n_too_fine", "ADD_N", [q(2), q(2)], [q(2, scale=FINE)])
model("cumsum_too_fine", "CUMSUM", [q(2), c(0)], [q(2, scale=FINE)], opt("Cumsum"))
model("squared_difference_too_fine", "SQUARED_DIFFERENCE", [q(2), q(2)], [q(2, scale=1e-5)])
model("squared_difference_coarse_inputs", "SQUARED_DIFFERENCE", [q(2, scale=100.0), q(2, scale=100.0)], [q(2, scale=1.0)])
for op in ["EQUAL", "LESS"]:
    model(f"{op.lower()}_scale_1", op, [q(2, scale=1.0), q(2)], [x(2, dtype="bool")])
    model(f"{op.lower()}_without_scale", op, [x(2, dtype="i8"), x(2, dtype="i8")], [x(2, dtype="bool")])
model("relu6_without_room", "RELU6", [q(4, scale=0.01)], [q(4, scale=0.01)])
model("relu_too_fine", "RELU", [q(4, scale=1.0)], [q(4, scale=1e-12)])
model("mul_too_fine", "MUL", [q(4, scale=1.0), q(4, scale=1.0)], [q(4, scale=1e-12)], opt("Mul"))
model("add_without_scale", "ADD", [x(2, dtype="i8"), x(2, dtype="i8")], [x(2, dtype="i8")], opt("Add"))
model("maximum_without_scale", "MAXIMUM", [x(2, dtype="i8"), x(2, dtype="i8")], [x(2, dtype="i8")], opt("MaximumMinimum"))
model("add_i16_without_scale", "ADD", [x(2, dtype="i16"), x(2, dtype="i16")], [x(2, dtype="i16")], opt("Add"))
model("svdf_bias_scale", "SVDF", [q(1, 3), c(np.ones((2, 3)), "i8", scale=0.1), c(np.ones((2, 4)), "i16", scale=0.1),
                                  c(np.ones(2), "i32", scale=0.5), q(1, 8, dtype="i16", var=True)], [q(1, 2)], opt("SVDF", rank=1))

# Types in options.
model("arg_max_of_unknown_type", "ARG_MAX", [x(2, 3), c(1)], [x(2, dtype="i32")], opt("ArgMax", outputType=77))
model("shape_of_unknown_type", "SHAPE", [x(2, 3)], [x(2, dtype="i32")], opt("Shape", outType=77))
model("cast_of_unknown_type", "CAST", [x(2, 3)], [x(2, 3, dtype="i32")], opt("Cast", inDataType=0, outDataType=77))
model("cast_of_other_type", "CAST", [x(2, 3)], [x(2, 3, dtype="i32")], opt("Cast", inDataType=1, outDataType=4))
model("fully_connected_of_unknown_bias", "FULLY_CONNECTED", [x(1, 2), c(np.ones((2, 2)), "f32")], [x(1, 2)], opt("FullyConnected", quantizedBiasType=77))
model("conv_of_unknown_bias", "CONV_2D", [x(1, 2, 2, 1), c(np.ones((1, 1, 1, 1)), "f32")], [x(1, 2, 2, 1)], opt("Conv2D", strideH=1, strideW=1, quantizedBiasType=77))
model("transpose_conv_of_unknown_bias", "TRANSPOSE_CONV", [c([1, 2, 2, 1]), c(np.ones((1, 1, 1, 1)), "f32"), x(1, 2, 2, 1)], [x(1, 2, 2, 1)], opt("TransposeConv", strideH=1, strideW=1, quantizedBiasType=77))
model("transpose_conv_of_other_sizes", "TRANSPOSE_CONV", [c([1, 2, 2, 1]), c(np.ones((1, 1, 1, 1)), "f32"), x(1, 2, 2, 1)], [x(1, 4, 4, 1)], opt("TransposeConv", strideH=1, strideW=1))
model("shape_of_other_rank", "SHAPE", [x(2, 3)], [x(3, dtype="i32")], opt("Shape", outType=2))


def handle(name, ins, outs):
    g = Graph()
    h = g.t("h", [1], "res")
    v = g.t("v", [2], "f32", data=np.ones(2))
    y = g.t("y", [2], "f32")
    z = g.t("z", [2], "f32")
    if not ins:
        g.op("VAR_HANDLE", [], [h], opt("VarHandle", container="", sharedName="v"))
    g.op("ASSIGN_VARIABLE", [h, v], [])
    g.op("READ_VARIABLE", [h], [y])
    MODELS[name] = g.io([h] if ins else [], [h] if outs else [y]).build()


handle("handle_enters", True, False)
handle("handle_leaves", False, True)
handle("handle_inside", False, False)

# Models that need goldens to show that TFLM computes something else.
model("greater_i16", "GREATER", [q(16, dtype="i16"), q(16, dtype="i16")], [x(16, dtype="bool")])
model("pad_i16_zero_point", "PAD", [q(4, dtype="i16", zp=-32768), c([[1, 2]])], [q(7, dtype="i16", zp=-32768)], opt("Pad"))
for op, out in [("LOGISTIC", q(16, scale=1 / 256, zp=-128)), ("TANH", q(16, scale=1 / 128))]:
    model(f"{op.lower()}_scale_8", op, [q(16, scale=8.0)], [out])
    model(f"{op.lower()}_scale_7", op, [q(16, scale=7.0)], [out])
GOLDENS = ["add_into_more_dimensions", "less_into_more_dimensions", "batch_to_space_of_fewer_dimensions", "greater_i16", "pad_i16_zero_point",
           "lstm_relu", "logistic_scale_8", "tanh_scale_8"]


def golden(out, name):
    folder = out / "golden" / name
    folder.mkdir(parents=True, exist_ok=True)
    it = Interpreter(model_content=MODELS[name], experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    it.allocate_tensors()
    rng = np.random.default_rng(7)
    for i, d in enumerate(it.get_input_details()):
        value = rng.uniform(-2, 2, d["shape"]).astype(d["dtype"])
        (folder / f"in_0_{i}.bin").write_bytes(value.tobytes())
        it.set_tensor(d["index"], value)
    it.invoke()
    for i, d in enumerate(it.get_output_details()):
        (folder / f"out_0_{i}.bin").write_bytes(it.get_tensor(d["index"]).tobytes())


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name, data in MODELS.items():
        (out / f"{name}.tflite").write_bytes(data)
    for name in GOLDENS:
        golden(out, name)
