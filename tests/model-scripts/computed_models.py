"""Models of operators whose weights, biases, places or values are computed at run time, where converters nearly always write constants.

    python3 computed_models.py OUT_DIR [COUNT]

writes `<name>.tflite` and `golden/<name>/`, with TFLM's interpreter; given a count, as many models of random sizes.
"""
import sys
import zlib
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from tflite_builder import NP, TYPES, Graph, opt
from tflite_micro.python.tflite_micro import runtime

CASES = 3
ACTIVATIONS = [schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU, schema.ActivationFunctionType.RELU6]


class Product:
    """A model of one operator, of which `computed` are inputs."""

    def __init__(self, random, dtype, computed):
        self.random, self.dtype, self.computed = random, dtype, computed
        self.graph, self.inputs = Graph(), []

    def q(self, symmetric=False, factor=1.0):
        """A quantisation; floats have none."""
        if self.dtype == "f32":
            return {}
        zero = 0 if symmetric else int(self.random.integers(-128, 128))
        return dict(scale=float(np.float32(factor * self.random.uniform(0.01, 0.1))), zp=zero)

    def add(self, role, shape, dtype, **q):
        data = None
        if role not in self.computed:
            lowest, most = (-1, 1) if dtype == "f32" else (-127, 128)
            data = self.random.uniform(lowest, most, shape) if dtype == "f32" else self.random.integers(lowest, most, shape)
        at = self.graph.t(role, shape, dtype, data=data, **q)
        if data is None:
            self.inputs.append(at)
        return at

    def operator(self, kind, x_shape, w_shape, y_shape, options, channels, axis=0):
        matrix = kind == "FULLY_CONNECTED"
        xq, wq = self.q(), self.q(symmetric=not matrix or "weights" not in self.computed)
        biases = "f32" if self.dtype == "f32" else "i32"
        bq = {} if self.dtype == "f32" else dict(scale=float(np.float32(xq["scale"]) * np.float32(wq["scale"])), zp=0)
        x = self.add("x", x_shape, self.dtype, **xq)
        weights = self.add("weights", w_shape, self.dtype, axis=axis, **wq)
        operands = [x, weights]
        if "no bias" not in self.computed:
            operands.append(self.add("bias", [channels], biases, **bq))
        y = self.graph.t("y", y_shape, self.dtype, **self.q(factor=20.0))
        self.graph.op(kind, operands, [y], options, version=3)
        return self.graph.io(self.inputs, [y])


def fully_connected(random, dtype, computed):
    rows, inputs, outputs = random.integers(1, 5), random.integers(1, 20), random.integers(1, 9)
    options = opt("FullyConnected", fusedActivationFunction=random.choice(ACTIVATIONS))
    model = Product(random, dtype, computed)
    return model.operator("FULLY_CONNECTED", [rows, inputs], [outputs, inputs], [rows, outputs], options, outputs)


def windows(random):
    """Sizes of a convolution along one axis: input, filter, stride, dilation, output, for either padding."""
    padding = random.choice([schema.Padding.SAME, schema.Padding.VALID])
    strides, dilations = random.integers(1, 3, 2), [1, 1]
    if strides.max() == 1:
        dilations = random.integers(1, 3, 2)
    filters = random.integers(1, 4, 2)
    reach = [(int(f) - 1) * int(d) + 1 for f, d in zip(filters, dilations)]
    sizes = [int(random.integers(r, r + 6)) for r in reach]
    fits = [s if padding == schema.Padding.SAME else s - r + 1 for s, r in zip(sizes, reach)]
    outputs = [-(-f // int(s)) for f, s in zip(fits, strides)]
    options = dict(padding=padding, strideH=strides[0], strideW=strides[1], dilationHFactor=dilations[0], dilationWFactor=dilations[1])
    return sizes, filters, outputs, options


def conv(random, dtype, computed):
    sizes, filters, outputs, options = windows(random)
    groups = random.integers(1, 3) if dtype == "i8" else 1
    inputs, channels, batches = groups * random.integers(1, 4), groups * random.integers(1, 5), random.integers(1, 3)
    options = opt("Conv2D", fusedActivationFunction=random.choice(ACTIVATIONS), **options)
    model = Product(random, dtype, computed)
    return model.operator("CONV_2D", [batches, *sizes, inputs], [channels, *filters, inputs // groups],
                          [batches, *outputs, channels], options, channels)


def depthwise(random, dtype, computed):
    sizes, filters, outputs, options = windows(random)
    inputs, multiplier, batches = random.integers(1, 5), random.integers(1, 4), random.integers(1, 3)
    channels = inputs * multiplier
    options = opt("DepthwiseConv2D", fusedActivationFunction=random.choice(ACTIVATIONS), depthMultiplier=multiplier, **options)
    model = Product(random, dtype, computed)
    return model.operator("DEPTHWISE_CONV_2D", [batches, *sizes, inputs], [1, *filters, channels],
                          [batches, *outputs, channels], options, channels, axis=3)


def slice_of(random, dtype, _):
    """The place is an operator's output, so that it stays within the input: the greater of the input and 0, the less of it and what fits."""
    rank = random.integers(1, 5)
    whole = random.integers(1, 6, rank)
    part = [int(random.integers(1, size + 1)) for size in whole]
    graph = Graph()
    q = dict(scale=0.1, zp=3) if dtype == "i8" else {}
    x, begin = graph.t("x", whole, dtype, **q), graph.t("begin", [rank], "i32")
    size = graph.t("size", [rank], "i32", data=part)
    least = graph.t("least", [rank], "i32", data=[0] * rank)
    most = graph.t("most", [rank], "i32", data=[w - p for w, p in zip(whole, part)])
    low, place, y = graph.t("low", [rank], "i32"), graph.t("place", [rank], "i32"), graph.t("y", part, dtype, **q)
    graph.op("MAXIMUM", [begin, least], [low], opt("MaximumMinimum"))
    graph.op("MINIMUM", [low, most], [place], opt("MaximumMinimum"))
    graph.op("SLICE", [x, place, size], [y], opt("Slice"))
    return graph.io([x, begin], [y])


def padded(random, dtype, _):
    rank = random.integers(1, 5)
    sizes, paddings = random.integers(1, 5, rank), random.integers(0, 3, (rank, 2))
    graph = Graph()
    q = dict(scale=0.1, zp=3) if dtype == "i8" else {}
    x, value = graph.t("x", sizes, dtype, **q), graph.t("value", [1], dtype, **q)
    pairs = graph.t("paddings", [rank, 2], "i32", data=paddings)
    y = graph.t("y", sizes + paddings.sum(axis=1), dtype, **q)
    graph.op("PADV2", [x, pairs, value], [y], opt("PadV2"))
    return graph.io([x, value], [y])


MAKERS = {"fully_connected": fully_connected, "conv_2d": conv, "depthwise_conv_2d": depthwise}
ROLES = {"weights": {"x", "weights"}, "bias": {"x", "bias"}, "both": {"x", "weights", "bias"}, "alone": {"weights", "no bias"}}


def models(count):
    makers = [(f"{kind}_computed_{name}_{dtype}", make, dtype, roles)
              for kind, make in MAKERS.items() for name, roles in ROLES.items() for dtype in ("f32", "i8")
              if name != "alone" or kind == "fully_connected"]
    makers += [(f"slice_computed_{dtype}", slice_of, dtype, None) for dtype in ("f32", "i8", "i32")]
    makers += [(f"padv2_computed_{dtype}", padded, dtype, None) for dtype in ("f32", "i8", "i32")]
    for i in range(max(1, -(-count // len(makers)))):
        for name, *maker in makers:
            yield (f"{name}_{i}" if count else name), *maker


def values(random, tensor):
    """Numbers of the whole range; biases and places of the lower part, so that sums stay within theirs."""
    dtype = NP[next(name for name, value in TYPES.items() if value == tensor.type)]
    if dtype is np.float32:
        return random.normal(size=tensor.shape).astype(dtype)
    if dtype is np.int32:
        limits = {b"bias": (-20000, 20000), b"begin": (-2, 6)}.get(tensor.name.encode(), (-(2**31), 2**31))
        return random.integers(*limits, tensor.shape).astype(dtype)
    return random.integers(-128, 128, tensor.shape).astype(dtype)


def main(folder, count):
    for name, make, dtype, roles in models(count):
        random = np.random.default_rng(zlib.crc32(name.encode()))
        graph = make(random, dtype, roles)
        data = graph.build()
        try:
            it = runtime.Interpreter.from_bytes(data)
        except RuntimeError as error:
            print(f"{name}: {error}")
            continue
        golden = folder / "golden" / name
        golden.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.tflite").write_bytes(data)
        for case in range(CASES):
            for i, at in enumerate(graph.sg.inputs):
                x = values(random, graph.sg.tensors[at])
                it.set_input(x, i)
                x.tofile(golden / f"in_{case}_{i}.bin")
            it.invoke()
            np.ascontiguousarray(it.get_output(0)).tofile(golden / f"out_{case}_0.bin")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
