"""Small models of float32 activations and weights of fewer bits: hybrid operators, weights behind a DEQUANTIZE, and weights in a
sparse format.

    python3 hybrid_models.py ../data/ops            # those of the repository
    python3 hybrid_models.py FOLDER COUNT [SEED]    # as many random ones, each in a folder of its own

writes models and outputs of LiteRT's reference kernels.
"""
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_builder import Graph, opt

CASES = 2
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
NONE, RELU, RELU6, N1 = (getattr(schema.ActivationFunctionType, n) for n in ("NONE", "RELU", "RELU6", "RELU_N1_TO_1"))
LIMIT = {"i8": 128, "i4": 8}


def litert(data, inputs, resolver=OpResolverType.BUILTIN_REF):
    interpreter = Interpreter(model_content=data, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    for detail, x in zip(interpreter.get_input_details(), inputs):
        interpreter.set_tensor(detail["index"], x)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def scales(random, channels, kind):
    """Of a tensor, of channels, or of channels that are all alike, which CONV_2D takes for one of a tensor."""
    if kind == "tensor":
        return np.float32([random.uniform(0.002, 0.02)])
    if kind == "alike":
        return np.float32([random.uniform(0.002, 0.02)] * channels)
    return np.float32(random.uniform(0.002, 0.02, channels))


def weights(graph, random, shape, dtype, kind, axis, behind=False):
    """Weights, or the output of a DEQUANTIZE of them."""
    if dtype == "f16":
        # Some of them subnormal, as float16.
        data = random.normal(0, 0.3, shape) * np.where(random.random(shape) < 0.2, 1e-5, 1)
        w = graph.t("w", shape, dtype, data=data)
        real = graph.t("w_real", shape, "f32")
        graph.op("DEQUANTIZE", [w], [real], opt("Dequantize"), version=3)
        return real
    limit = LIMIT[dtype]
    data = random.integers(-limit + (dtype == "i8"), limit, shape)
    w = graph.t("w", shape, dtype, scales(random, shape[axis], kind), 0, axis=axis, data=data)
    if not behind:
        return w
    real = graph.t("w_real", shape, "f32")
    graph.op("DEQUANTIZE", [w], [real], opt("Dequantize"), version=6)
    return real


def biases(graph, random, channels, bias):
    return [graph.t("b", (channels,), "f32", data=random.normal(0, 1, channels))] if bias else []


def output(size, window, stride, dilation, padding):
    reach = (window - 1) * dilation + 1
    return -(-size // stride) if padding == SAME else (size - reach) // stride + 1


def window_options(padding, stride, dilation, activation):
    return dict(padding=padding, strideH=stride, strideW=stride, dilationHFactor=dilation, dilationWFactor=dilation,
                fusedActivationFunction=activation)


def conv(x, filter, dtype="i8", kind="channels", padding=VALID, stride=1, dilation=1, activation=NONE, behind=False):
    def make(random):
        graph = Graph()
        size = [output(x[n], filter[n], stride, dilation, padding) for n in (1, 2)]
        tensors = [graph.t("x", x, "f32"), weights(graph, random, filter, dtype, kind, 0, behind)]
        tensors += biases(graph, random, filter[0], True)
        y = graph.t("y", (x[0], *size, filter[0]), "f32")
        graph.op("CONV_2D", tensors, [y], opt("Conv2D", **window_options(padding, stride, dilation, activation)), version=5)
        return graph.io(tensors[:1], [y])

    return make


def depthwise(x, filter, dtype="i8", kind="channels", padding=VALID, stride=1, dilation=1, activation=NONE, behind=False,
              bias=True):
    def make(random):
        graph = Graph()
        size = [output(x[n], filter[n], stride, dilation, padding) for n in (1, 2)]
        tensors = [graph.t("x", x, "f32"), weights(graph, random, filter, dtype, kind, 3, behind)]
        tensors += biases(graph, random, filter[3], bias)
        y = graph.t("y", (x[0], *size, filter[3]), "f32")
        how = opt("DepthwiseConv2D", **window_options(padding, stride, dilation, activation), depthMultiplier=filter[3] // x[3])
        graph.op("DEPTHWISE_CONV_2D", tensors, [y], how, version=6)
        return graph.io(tensors[:1], [y])

    return make


def fully_connected(x, outputs, dtype="i8", kind="channels", asymmetric=False, activation=NONE, bias=True, behind=False):
    def make(random):
        graph = Graph()
        tensors = [graph.t("x", x, "f32"), weights(graph, random, (outputs, x[-1]), dtype, kind, 0, behind)]
        tensors += biases(graph, random, outputs, bias)
        y = graph.t("y", (*x[:-1], outputs), "f32")
        how = opt("FullyConnected", fusedActivationFunction=activation, asymmetricQuantizeInputs=asymmetric,
                  keepNumDims=True)
        graph.op("FULLY_CONNECTED", tensors, [y], how, version=9)
        return graph.io(tensors[:1], [y])

    return make


def batch_matmul(x, columns, adj_y=True, asymmetric=False, adj_x=False, batches=(), kind="tensor"):
    def make(random):
        graph = Graph()
        rows, depth = (x[-1], x[-2]) if adj_x else x[-2:]
        shape = (*batches, columns, depth) if adj_y else (*batches, depth, columns)
        axis = 0 if kind == "tensor" else len(shape) - (2 if adj_y else 1)
        tensors = [graph.t("x", x, "f32"), weights(graph, random, shape, "i8", kind, axis)]
        y = graph.t("y", (*np.broadcast_shapes(x[:-2], batches), rows, columns), "f32")
        how = opt("BatchMatMul", adjX=adj_x, adjY=adj_y, asymmetricQuantizeInputs=asymmetric)
        graph.op("BATCH_MATMUL", tensors, [y], how, version=4)
        return graph.io(tensors[:1], [y])

    return make


def embedding(rows, row, places, dtype="i8", kind="channels"):
    def make(random):
        graph = Graph()
        x = graph.t("x", (places,), "i32")
        table = weights(graph, random, (rows, *row), dtype, kind, 0)
        y = graph.t("y", (places, *row), "f32")
        graph.op("EMBEDDING_LOOKUP", [x, table], [y], version=4)
        graph.io([x], [y])
        graph.places = rows
        return graph

    return make


def in_blocks(graph, random, shape, size):
    """int4 weights with a scale of float16 for each block of a row."""
    count = (*shape[:-1], shape[-1] // size)
    s = graph.t("s", count, "f16", data=random.uniform(0.002, 0.02, count))
    w = graph.t("w", shape, "i4", data=random.integers(-8, 8, shape))
    quantization = schema.QuantizationParametersT()
    quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
    quantization.details = schema.BlockwiseQuantizationT()
    quantization.details.scales, quantization.details.zeroPoints, quantization.details.blockSize = s, -1, size
    graph.sg.tensors[w].quantization = quantization
    return w


def fully_connected_in_blocks(rows, inputs, outputs, size, bias=True):
    def make(random):
        graph = Graph()
        # Only LiteRT's optimised kernel knows blocks; it leaves activations out.
        graph.resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        tensors = [graph.t("x", (rows, inputs), "f32"), in_blocks(graph, random, (outputs, inputs), size)]
        tensors += biases(graph, random, outputs, bias)
        y = graph.t("y", (rows, outputs), "f32")
        graph.op("FULLY_CONNECTED", tensors, [y], opt("FullyConnected"), version=12)
        return graph.io(tensors[:1], [y])

    return make


def embedding_in_blocks(rows, row, places, size):
    def make(random):
        graph = Graph()
        x = graph.t("x", (places,), "i32")
        table = in_blocks(graph, random, (rows, row), size)
        y = graph.t("y", (places, row), "f32")
        graph.op("EMBEDDING_LOOKUP", [x, table], [y], version=4)
        graph.io([x], [y])
        graph.places = rows
        return graph

    return make


def vector(values, bits):
    table, tag = {8: (schema.Uint8VectorT, 3), 16: (schema.Uint16VectorT, 2), 32: (schema.Int32VectorT, 1)}[bits]
    vector = table()
    vector.values = np.array(values, {8: np.uint8, 16: np.uint16, 32: np.int32}[bits])
    return vector, tag


def sparse(tensor, model, dense, order, block=(), bits=32):
    """Keeps of a tensor the rows' elements, or blocks, that are not zero: the last dimension of `order` is sparse."""
    dense = np.ascontiguousarray(dense)
    shape, rank = dense.shape, dense.ndim
    size = [1] * rank
    for dimension, length in block:
        size[dimension] = length
    grid = [n // s for n, s in zip(shape, size)]
    segments, indices, stored = [0], [], []
    for outer in np.ndindex(*[grid[d] for d in order[:-1]]):
        for last in range(grid[order[-1]]):
            place = dict(zip(order, (*outer, last)))
            part = dense[tuple(slice(place[d] * size[d], (place[d] + 1) * size[d]) for d in range(rank))]
            if np.any(part != 0):
                indices.append(last)
                # Within a block, in the order of the dimensions that have blocks.
                stored.append(np.transpose(part, [d for d, _ in block] + [d for d in range(rank) if size[d] == 1]).reshape(-1))
        segments.append(len(indices))
    levels = []
    for n, dimension in enumerate(order):
        level = schema.DimensionMetadataT()
        level.format = int(n == rank - 1)
        if level.format:
            level.arraySegments, level.arraySegmentsType = vector(segments, bits)
            level.arrayIndices, level.arrayIndicesType = vector(indices, bits)
        else:
            level.denseSize = grid[dimension]
        levels.append(level)
    for _, length in block:
        level = schema.DimensionMetadataT()
        level.format, level.denseSize = 0, length
        levels.append(level)
    sparsity = schema.SparsityParametersT()
    sparsity.traversalOrder = [*order, *range(rank, rank + len(block))]
    sparsity.blockMap = [dimension for dimension, _ in block] or None
    sparsity.dimMetadata = levels
    tensor.sparsity = sparsity
    data = np.concatenate(stored).astype(dense.dtype) if stored else np.zeros(0, dense.dtype)
    tensor.buffer = model.buffer(data.tobytes())


def pruned(random, shape, block, keep=0.4):
    """Random signs and magnitudes, of which most blocks are left out."""
    size = [1] * len(shape)
    for dimension, length in block:
        size[dimension] = length
    mask = random.random([n // s for n, s in zip(shape, size)]) < keep
    for axis, length in enumerate(size):
        mask = np.repeat(mask, length, axis)
    return random.integers(1, 100, shape) * random.choice([-1, 1], shape) * mask


def densified(inputs, outputs, dtype, order=(0, 1), block=(), bits=32, kind="channels", direct=False):
    """FULLY_CONNECTED of weights that a DENSIFY, and for other types than float32 a DEQUANTIZE, makes of sparse ones; or of
    the sparse ones."""
    def make(random):
        graph = Graph()
        shape = (outputs, inputs)
        dense = pruned(random, shape, block)
        scale = scales(random, outputs, kind) if dtype == "i8" else None
        w = graph.t("w", shape, dtype, scale, None if scale is None else 0)
        dense = dense.astype(np.int8) if dtype == "i8" else (dense / 64).astype(np.float16 if dtype == "f16" else np.float32)
        sparse(graph.sg.tensors[w], graph.model, dense, order, block, bits)
        last = w
        if not direct:
            last = graph.t("w_dense", shape, dtype, scale, None if scale is None else 0)
            graph.op("DENSIFY", [w], [last], opt("Densify"))
        if dtype != "f32" and not direct:
            real = graph.t("w_real", shape, "f32")
            graph.op("DEQUANTIZE", [last], [real], opt("Dequantize"), version=6)
            last = real
        x, y = graph.t("x", (2, inputs), "f32"), graph.t("y", (2, outputs), "f32")
        graph.op("FULLY_CONNECTED", [x, last, *biases(graph, random, outputs, True)], [y], opt("FullyConnected"), version=9)
        return graph.io([x], [y])

    return make


def sparse_conv(x, filter, order, block=(), bits=8):
    def make(random):
        graph = Graph()
        w = graph.t("w", filter, "f32")
        dense = (pruned(random, filter, block) / 64).astype(np.float32)
        sparse(graph.sg.tensors[w], graph.model, dense, order, block, bits)
        last = graph.t("w_dense", filter, "f32")
        graph.op("DENSIFY", [w], [last], opt("Densify"))
        tensors = [graph.t("x", x, "f32"), last, *biases(graph, random, filter[0], True)]
        y = graph.t("y", (x[0], x[1] - filter[1] + 1, x[2] - filter[2] + 1, filter[0]), "f32")
        graph.op("CONV_2D", tensors, [y], opt("Conv2D", **window_options(VALID, 1, 1, NONE)), version=5)
        return graph.io(tensors[:1], [y])

    return make


MODELS = {
    "conv2d_hybrid_channels": conv((2, 5, 4, 3), (6, 3, 2, 3), padding=SAME, stride=2, activation=RELU6),
    "conv2d_hybrid_tensor": conv((2, 6, 5, 2), (5, 3, 3, 2), kind="tensor", padding=SAME, dilation=2),
    "conv2d_hybrid_alike": conv((1, 4, 4, 3), (4, 1, 1, 3), kind="alike", activation=RELU),
    "conv2d_hybrid_grouped": conv((1, 4, 4, 4), (6, 2, 2, 2), padding=SAME),
    "conv2d_hybrid_pointwise": conv((2, 3, 3, 8), (5, 1, 1, 8)),
    "conv2d_hybrid_i4": conv((1, 5, 5, 3), (4, 3, 3, 3), "i4", padding=SAME),
    "depthwise_conv2d_hybrid_channels": depthwise((2, 5, 6, 4), (1, 3, 3, 4), padding=SAME, activation=RELU),
    "depthwise_conv2d_hybrid_multiplier": depthwise((1, 6, 5, 3), (1, 2, 3, 6), stride=2),
    "depthwise_conv2d_hybrid_one_channel": depthwise((1, 5, 5, 1), (1, 3, 3, 5), padding=SAME, bias=False),
    "fully_connected_hybrid_channels": fully_connected((3, 9), 6, activation=RELU),
    "fully_connected_hybrid_tensor": fully_connected((2, 2, 7), 5, kind="tensor", bias=False),
    "fully_connected_hybrid_asymmetric": fully_connected((3, 16), 5, asymmetric=True),
    "fully_connected_hybrid_asymmetric_tensor": fully_connected((2, 9), 4, kind="tensor", asymmetric=True, activation=N1),
    "fully_connected_hybrid_i4": fully_connected((2, 9), 6, "i4"),
    "fully_connected_hybrid_i4_tensor": fully_connected((2, 8), 4, "i4", kind="tensor", asymmetric=True),
    "embedding_lookup_hybrid_rows": embedding(7, (2, 3), 5),
    "embedding_lookup_hybrid_i4": embedding(6, (4,), 5, "i4"),
    "embedding_lookup_hybrid_i4_tensor": embedding(5, (6,), 4, "i4", kind="tensor"),
    "conv2d_weight_only_i8": conv((1, 5, 5, 3), (6, 3, 3, 3), padding=SAME, activation=RELU, behind=True),
    "conv2d_weight_only_i4": conv((2, 4, 4, 2), (5, 2, 2, 2), "i4", kind="tensor", behind=True),
    "depthwise_conv2d_weight_only_i8": depthwise((1, 5, 5, 4), (1, 3, 3, 8), padding=SAME, behind=True),
    "fully_connected_weight_only_i8": fully_connected((3, 9), 5, behind=True, activation=RELU6),
    "fully_connected_weight_only_i4": fully_connected((2, 7), 4, "i4", behind=True, bias=False),
    "fully_connected_hybrid_blocks": fully_connected_in_blocks(3, 64, 6, 32),
    "fully_connected_hybrid_one_block": fully_connected_in_blocks(1, 32, 5, 32, bias=False),
    "embedding_lookup_hybrid_blocks": embedding_in_blocks(5, 16, 4, 8),
    "fully_connected_sparse_f32": densified(12, 5, "f32"),
    "fully_connected_sparse_f16": densified(12, 5, "f16", bits=16),
    "fully_connected_sparse_i8": densified(16, 6, "i8", block=((1, 4),), bits=8),
    "fully_connected_sparse_direct": densified(12, 6, "f32", block=((1, 4),), direct=True),
    "conv2d_sparse_f32": sparse_conv((1, 4, 4, 4), (3, 2, 2, 4), (0, 1, 2, 3)),
    "conv2d_weight_only_f16": conv((1, 5, 5, 3), (6, 3, 3, 3), "f16", padding=SAME, activation=RELU),
    "depthwise_conv2d_weight_only_f16": depthwise((1, 5, 5, 4), (1, 3, 3, 8), "f16", padding=SAME),
    "fully_connected_weight_only_f16": fully_connected((3, 9), 5, "f16", activation=RELU6),
    "batch_matmul_hybrid": batch_matmul((2, 3, 7), 5),
    "batch_matmul_hybrid_asymmetric": batch_matmul((3, 9), 4, False, True),
    "depthwise_conv2d_weight_only_i4": depthwise((1, 5, 5, 4), (1, 3, 3, 8), "i4", padding=SAME, behind=True),
    "batch_matmul_hybrid_batches": batch_matmul((3, 2, 7), 5, batches=(3,)),
    "batch_matmul_hybrid_transposed": batch_matmul((3, 7, 2), 5, False, True, True, batches=(3,)),
    "batch_matmul_hybrid_repeated": batch_matmul((1, 3, 6), 4, asymmetric=True, batches=(2,), kind="channels"),
    "batch_matmul_hybrid_channels": batch_matmul((2, 3, 6), 4, False, kind="channels"),
}


def random_model(random):
    pick = lambda *values: values[random.integers(len(values))]
    dtype, kind = pick("i8", "i8", "i4"), pick("channels", "channels", "tensor", "alike")
    how = dict(padding=pick(SAME, VALID), stride=int(pick(1, 1, 2, 3)), dilation=int(pick(1, 1, 2)),
               activation=pick(NONE, NONE, RELU, RELU6, N1))
    if how["dilation"] > 1:
        how["stride"] = 1
    batch, depth, behind = int(random.integers(1, 4)), int(random.integers(1, 10)), random.random() < 0.3
    size = [int(n) for n in random.integers(5, 11, 2)]
    window = [int(n) for n in random.integers(1, 4, 2)]
    family = pick("fc", "fc", "conv", "conv", "depthwise", "embedding", "sparse", "blocks")
    if family == "fc":
        x = (*[int(n) for n in random.integers(1, 4, random.integers(0, 3))], batch, int(random.integers(1, 70)))
        return fully_connected(x, int(random.integers(1, 20)), dtype, kind, random.random() < 0.5, how["activation"],
                               random.random() < 0.7, behind)
    if family == "conv":
        groups = pick(1, 1, 1, 2)
        return conv((batch, *size, depth * groups), (int(random.integers(1, 9)) * groups, *window, depth), dtype, kind, **how,
                    behind=behind and groups == 1)
    if family == "depthwise":
        multiplier = pick(1, 1, 2, 4)
        # LiteRT's hybrid kernel takes int8 alone, and one scale for each channel alone.
        return depthwise((batch, *size, depth), (1, *window, depth * multiplier), dtype if behind else "i8",
                         kind if behind or kind == "alike" else "channels", **how, behind=behind)
    if family == "blocks":
        size = 2 ** int(random.integers(2, 6))
        if random.random() < 0.3:
            return embedding_in_blocks(int(random.integers(1, 9)), size * int(random.integers(1, 4)), int(random.integers(1, 7)), size)
        return fully_connected_in_blocks(batch, max(32, size * int(random.integers(1, 5))), int(random.integers(4, 20)), size,
                                         random.random() < 0.7)
    if family == "embedding":
        row = [int(n) for n in random.integers(1, 6, random.integers(1, 3))]
        if dtype == "i4":
            row[-1] *= 2
        return embedding(int(random.integers(1, 9)), row, int(random.integers(1, 7)), dtype, pick("channels", "tensor"))
    # LiteRT takes blocks along dimensions in their order alone.
    block = pick((), (), ((1, 4),), ((1, 2),), ((0, 2), (1, 2)))
    return densified(4 * int(random.integers(1, 6)), 2 * int(random.integers(1, 6)), pick("f32", "f32", "f16", "i8"),
                     pick((0, 1), (1, 0)), block, pick(8, 16, 32), pick("channels", "tensor"))


def inputs(graph, random, case):
    shape = graph.sg.tensors[graph.sg.inputs[0]].shape
    if hasattr(graph, "places"):
        return random.integers(0, graph.places, shape).astype(np.int32)
    # Around zero; and of one sign, with a row of zeros.
    x = random.normal(0, 3, shape).astype(np.float32) if case == 0 else np.abs(random.normal(2, 1, shape)).astype(np.float32)
    if case == 1 and shape[0] > 1:
        x[-1] = 0
    return x


def write(graph, model, golden, random):
    data = graph.build()
    golden.mkdir(parents=True, exist_ok=True)
    model.write_bytes(data)
    for case in range(CASES):
        x = inputs(graph, random, case)
        (y,) = litert(data, [x], getattr(graph, "resolver", OpResolverType.BUILTIN_REF))
        x.tofile(golden / f"in_{case}_0.bin")
        y.tofile(golden / f"out_{case}_0.bin")


def main():
    folder = Path(sys.argv[1])
    if len(sys.argv) == 2:
        for seed, (name, make) in enumerate(MODELS.items()):
            random = np.random.default_rng(seed)
            write(make(random), folder / f"{name}.tflite", folder / "golden" / name, random)
        return
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    for seed in range(first, first + int(sys.argv[2])):
        random = np.random.default_rng(1000 + seed)
        graph = random_model(random)(random)
        own = folder / str(seed)
        own.mkdir(parents=True, exist_ok=True)
        try:
            write(graph, own / "model.tflite", own, random)
        except (RuntimeError, ValueError) as e:
            print(f"{seed}: LiteRT refuses it: {str(e).splitlines()[0]}")
            (own / "in_0_0.bin").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
