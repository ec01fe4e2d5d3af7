"""Small models that castiron's passes change, at least one for each pass.

    python3 pass_models.py OUT_DIR [PART]

writes those whose names have the part, by default all, as `<name>.tflite` and `golden/<name>/`, with outputs of TFLM's
interpreter where it takes the model, and of LiteRT's reference kernels otherwise.
"""
import os
import sys
import zlib
from pathlib import Path

import numpy as np
from reduction_models import answer, with_litert, with_tflm
from tflite_builder import NP, Graph, opt

CASES = 2
SAME, VALID = 0, 1
NONE, RELU = 0, 1


class Chain:
    """A graph that grows at its end. Every tensor has the quantisation of the first one, unless another one is said."""

    def __init__(self, name, shape, dtype, scale=0.05, zp=-3):
        self.random = np.random.default_rng(zlib.crc32(name.encode()))
        self.graph, self.dtype = Graph(), dtype
        self.q = dict(scale=scale, zp=0 if dtype == "i16" else zp) if dtype != "f32" else {}
        self.first = self.last = self.tensor(shape)
        self.shape = list(shape)

    def tensor(self, shape, dtype=None, **q):
        number = len(self.graph.sg.tensors)
        return self.graph.t(f"t{number}", shape, dtype or self.dtype, **(q or self.q))

    def ints(self, values):
        values = np.int32(values)
        return self.graph.t(f"c{len(self.graph.sg.tensors)}", values.shape, "i32", data=values)

    def constant(self, shape, low=-1.0, high=1.0, **q):
        real = self.random.uniform(low, high, shape)
        data = np.float32(real) if self.dtype == "f32" else self.random.integers(-120, 121, shape)
        return self.graph.t(f"c{len(self.graph.sg.tensors)}", shape, self.dtype, data=data, **(q or self.q))

    def op(self, kind, shape=None, more=(), options=None, version=1, x=None, dtype=None, **q):
        """Adds an operator of the last tensor, or of `x`, and gives its output."""
        y = self.tensor(self.shape if shape is None else shape, dtype, **q)
        self.graph.op(kind, [self.last if x is None else x, *more], [y], options, version=version)
        self.last, self.shape = y, list(self.shape if shape is None else shape)
        return y

    def transpose(self, order, x=None, shape=None):
        shape = self.shape if shape is None else shape
        return self.op("TRANSPOSE", [shape[a] for a in order], [self.ints(order)], x=x)

    def pad(self, *paddings, value=None):
        shape = [n + a + b for n, (a, b) in zip(self.shape, paddings)]
        more = [self.ints(paddings)]
        if value is not None:
            more.append(self.graph.t("value", (1,), self.dtype, data=NP[self.dtype]([value]), **self.q))
        return self.op("PAD" if value is None else "PADV2", shape, more, opt("Pad" if value is None else "PadV2"), 2)

    def window(self, filter, stride, padding):
        sizes = self.shape[1:3]
        same = [-(-n // stride) for n in sizes]
        return same if padding == SAME else [-(-(n - f + 1) // stride) for n, f in zip(sizes, filter)]

    def weights(self, shape, channels, axis, silent=(), unread=(), bias=None):
        if self.dtype == "f32":
            return [self.constant(shape), self.constant((channels,))]
        scales = self.random.uniform(0.01, 0.03, channels).astype(np.float32)
        w = self.random.integers(-127, 128, shape)
        np.moveaxis(w, axis, 0)[list(silent)] = 0
        w[..., list(unread)] = 0
        b = self.random.integers(-500, 501, channels)
        for channel, value in (bias or {}).items():
            b[channel] = value
        weights = self.graph.t("w", shape, "i8", scale=scales, axis=axis, data=w)
        b_type = "i64" if self.dtype == "i16" else "i32"
        bias = self.graph.t("b", (channels,), b_type, scale=np.float32(self.q["scale"]) * scales, data=b)
        return [weights, bias]

    def conv(self, channels, filter=(3, 3), stride=1, padding=VALID, activation=NONE, **weights):
        shape = [self.shape[0], *self.window(filter, stride, padding), channels]
        more = self.weights((channels, *filter, self.shape[3]), channels, 0, **weights)
        options = opt("Conv2D", padding=padding, strideH=stride, strideW=stride, dilationHFactor=1, dilationWFactor=1,
                      fusedActivationFunction=activation)
        return self.op("CONV_2D", shape, more, options, 3)

    def depthwise(self, filter=(3, 3), stride=1, padding=VALID, activation=NONE, **weights):
        channels = self.shape[3]
        shape = [self.shape[0], *self.window(filter, stride, padding), channels]
        more = self.weights((1, *filter, channels), channels, 3, **weights)
        options = opt("DepthwiseConv2D", padding=padding, strideH=stride, strideW=stride, depthMultiplier=1,
                      dilationHFactor=1, dilationWFactor=1, fusedActivationFunction=activation)
        return self.op("DEPTHWISE_CONV_2D", shape, more, options, 3)

    def dense(self, outputs, **weights):
        more = self.weights((outputs, self.shape[-1]), outputs, 0, **weights)
        if self.dtype != "f32":
            # One scale for all weights.
            w, b = (self.graph.sg.tensors[i].quantization for i in more)
            w.scale, w.zeroPoint, w.quantizedDimension = w.scale[:1], [0], 0
            b.scale, b.zeroPoint, b.quantizedDimension = b.scale[:1], [0], 0
        return self.op("FULLY_CONNECTED", [*self.shape[:-1], outputs], more, opt("FullyConnected", keepNumDims=True), 4)

    def max_pool(self, filter, stride, padding=VALID):
        shape = [self.shape[0], *self.window(filter, stride, padding), self.shape[3]]
        options = opt("Pool2D", padding=padding, strideH=stride, strideW=stride, filterHeight=filter[0],
                      filterWidth=filter[1])
        return self.op("MAX_POOL_2D", shape, (), options, 2)

    def done(self):
        return self.graph.io([self.first], [self.last])


def identities(name, dtype):
    """What moves nothing, pads by nothing and casts to the same type; one operator that nobody reads."""
    chain = Chain(name, (1, 4, 3, 2), dtype)
    start = chain.last
    chain.op("NEG" if dtype == "f32" else "ABS", x=start)
    chain.last = start
    chain.transpose([0, 1, 2, 3])
    chain.op("LOGISTIC" if dtype == "f32" else "LEAKY_RELU", options=None if dtype == "f32" else opt("LeakyRelu", alpha=0.1))
    chain.pad((0, 0), (0, 0), (0, 0), (0, 0))
    if dtype != "f32":
        chain.op("QUANTIZE", version=2)
    chain.op("CONCATENATION", options=opt("Concatenation", axis=1), version=2)
    return chain.done()


def padding(name, dtype):
    """PAD before convolutions with padding of their own or none, with strides."""
    chain = Chain(name, (2, 6, 5, 2), dtype)
    chain.pad((0, 0), (1, 1), (1, 1), (0, 0))
    chain.conv(4, stride=2)
    chain.pad((0, 0), (0, 1), (1, 0), (0, 0))
    chain.depthwise(stride=2, padding=SAME, activation=RELU)
    # More than a window: left as it is.
    chain.pad((0, 0), (3, 0), (0, 3), (0, 0))
    chain.conv(3)
    return chain.done()


def greatest(name, dtype):
    """PADV2 by the least value before MAX_POOL_2D, and PAD behind RELU."""
    chain = Chain(name, (1, 6, 7, 3), dtype, zp=-128)
    chain.pad((0, 0), (1, 0), (1, 1), (0, 0), value=-np.inf if dtype == "f32" else -128)
    chain.max_pool((3, 3), 2)
    chain.conv(3, filter=(1, 1), activation=RELU)
    chain.pad((0, 0), (1, 1), (0, 1), (0, 0))
    chain.max_pool((2, 2), 1)
    return chain.done()


def activations(name, dtype):
    """RELUs of their own behind what clamps, in one scale."""
    chain = Chain(name, (1, 5, 4, 2), dtype, zp=-20)
    chain.conv(3)
    chain.op("RELU6", version=2)
    chain.depthwise(filter=(2, 2), activation=RELU)
    chain.op("RELU", version=2)
    other = chain.constant((1, 1, 1, 3))
    chain.op("ADD", more=[other], options=opt("Add"), version=2)
    chain.op("RELU", version=2)
    chain.dense(5)
    chain.op("RELU", version=2)
    return chain.done()


def quantization(name, dtype):
    """DEQUANTIZE and QUANTIZE back; to the other type of bytes and back."""
    chain = Chain(name, (1, 64), dtype, scale=0.037, zp=5 if dtype == "i8" else 133)
    chain.op("DEQUANTIZE", version=2, dtype="f32", scale=None)
    chain.op("QUANTIZE", version=1)
    other, zp = ("u8", 133) if dtype == "i8" else ("i8", 5)
    chain.op("QUANTIZE", version=2, dtype=other, scale=0.037, zp=zp)
    chain.op("QUANTIZE", version=2)
    chain.op("TANH", version=2, scale=1 / 128, zp=0 if dtype == "i8" else 128)
    return chain.done()


def tables(name, dtype):
    """Functions of bytes behind each other, one of which two operators read."""
    chain = Chain(name, (1, 8, 9), dtype, scale=0.04, zp=7 if dtype == "i8" else 135)
    if dtype == "i8":
        chain.op("LEAKY_RELU", options=opt("LeakyRelu", alpha=0.2), scale=0.06, zp=-11)
    else:
        chain.op("RELU6", version=2, scale=0.03, zp=0)
    shared = chain.op("MUL", more=[chain.constant((1,), scale=0.01, zp=3)], options=opt("Mul"), version=2)
    chain.op("QUANTIZE", version=2, scale=0.05, zp=0 if dtype == "i8" else 120)
    bent = chain.op("TANH", version=2, scale=1 / 128, zp=0 if dtype == "i8" else 128)
    chain.op("ADD", more=[shared], x=bent, options=opt("Add"), version=2)
    return chain.done()


def transposes(name, dtype):
    """An element-wise network in channels-first order, as converters from PyTorch leave it."""
    chain = Chain(name, (1, 4, 5, 3), dtype)
    chain.conv(3, filter=(1, 1))
    trunk, shape = chain.last, chain.shape
    left = chain.transpose([0, 3, 1, 2])
    first_shape = chain.shape
    scaled = chain.op("MUL", more=[chain.constant((1, 3, 1, 1))], options=opt("Mul"), version=2)
    right = chain.transpose([0, 3, 1, 2], x=trunk, shape=shape)
    relu = chain.op("RELU", x=right, version=2)
    chain.shape = first_shape
    summed = chain.op("ADD", x=scaled, more=[relu], options=opt("Add"), version=2)
    joined = [1, 6, *first_shape[2:]]
    chain.op("CONCATENATION", joined, [left], opt("Concatenation", axis=1), 2, x=summed)
    chain.transpose([0, 2, 3, 1])
    chain.conv(2, filter=(1, 1))
    return chain.done()


def sandwiches(name, dtype):
    """A channels-first network whose operators all compute as well with channels last."""
    chain = Chain(name, (2, 4, 5, 3), dtype)
    chain.conv(6, filter=(1, 1))
    chain.transpose([0, 3, 1, 2])
    chain.op("ADD", more=[chain.constant((6, 4, 5))], options=opt("Add"), version=2)
    chain.op("MUL", more=[chain.constant((1, 6, 1, 5))], options=opt("Mul"), version=2)
    chain.pad((0, 0), (1, 0), (0, 2), (1, 0))
    # Channels in groups, and their rows and columns as one.
    n, c, h, w = chain.shape
    chain.op("RESHAPE", [n, c, h * w], [chain.ints([n, c, h * w])], opt("Reshape", newShape=[n, c, h * w]))
    chain.op("CONCATENATION", [n, c + 1, h * w], [chain.constant((n, 1, h * w))], opt("Concatenation", axis=1), 2)
    chain.op("RESHAPE", [n, 2, 4, h, w], [chain.ints([n, 2, 4, h, w])], opt("Reshape", newShape=[n, 2, 4, h, w]))
    chain.op("ABS" if dtype == "f32" else "LEAKY_RELU", options=None if dtype == "f32" else opt("LeakyRelu", alpha=0.1))
    chain.op("RESHAPE", [n, 8, h, w], [chain.ints([n, 8, h, w])], opt("Reshape", newShape=[n, 8, h, w]))
    chain.op("SLICE", [n, 7, h, 4], [chain.ints([0, 1, 0, 2]), chain.ints([n, 7, h, 4])], opt("Slice"), 2)
    chain.transpose([0, 2, 3, 1])
    chain.conv(3)
    return chain.done()


def excitation(name, dtype):
    """Squeeze and excitation in channels-first order: means without their dimensions, and with them."""
    chain = Chain(name, (1, 5, 4, 3), dtype)
    chain.conv(6, filter=(2, 2))
    trunk = chain.transpose([0, 3, 1, 2])
    shape = chain.shape
    chain.op("MEAN", [1, 6], [chain.ints([2, 3])], opt("Reducer", keepDims=False), 2)
    chain.dense(4)
    chain.dense(6)
    chain.op("LOGISTIC", version=2, **({} if dtype == "f32" else dict(scale=1 / 256, zp=-128)))
    q = dict(chain.q)
    if dtype != "f32":
        chain.q = dict(scale=1 / 256, zp=-128)
    gate = chain.op("RESHAPE", [1, 6, 1, 1], [chain.ints([1, 6, 1, 1])], opt("Reshape", newShape=[1, 6, 1, 1]))
    chain.q = q
    chain.op("MUL", shape, [gate], opt("Mul"), 2, x=trunk)
    chain.transpose([0, 2, 3, 1])
    chain.conv(2, filter=(1, 1))
    # What remains is read through another order, and by the caller.
    chain.transpose([0, 3, 1, 2])
    chain.op("RELU", version=2)
    chain.op("REDUCE_MAX", [1, 2, 1, 3], [chain.ints([2])], opt("Reducer", keepDims=True), 2)
    chain.transpose([0, 2, 3, 1])
    return chain.done()


def normalisation(name, dtype):
    """Layer normalisation as PyTorch exports it, a residual behind it, and a masked score of attention."""
    chain = Chain(name, (2, 6, 16), dtype)
    x, shape, rows = chain.last, chain.shape, [2, 6, 1]
    mean = chain.op("MEAN", rows, [chain.ints([-1])], opt("Reducer", keepDims=True), 2)
    apart = chain.op("SUB", shape, [mean], opt("Sub"), 2, x=x)
    chain.op("SQUARED_DIFFERENCE", shape, [mean], opt("SquaredDifference"), 2, x=x)
    chain.op("MEAN", rows, [chain.ints([2])], opt("Reducer", keepDims=True), 2)
    chain.op("ADD", more=[chain.constant((1,), 1e-5, 1e-4)], options=opt("Add"), version=2)
    factor = chain.op("RSQRT" if dtype == "f32" else "LOGISTIC", version=2,
                      **({} if dtype == "f32" else dict(scale=1 / 256, zp=-128)))
    chain.op("MUL", shape, [factor], opt("Mul"), 2, x=apart)
    chain.op("MUL", more=[chain.constant((16,))], options=opt("Mul"), version=2)
    chain.op("ADD", more=[chain.constant((16,))], options=opt("Add", fusedActivationFunction=RELU), version=2)
    normal = chain.op("ADD", more=[x], options=opt("Add"), version=2)
    # The value is what is subtracted, and then what others are compared with.
    chain.op("SUB", x=chain.constant((1, 1, 16)), more=[normal], options=opt("Sub"), version=2)
    chain.op("MAXIMUM", more=[apart], options=opt("MaximumMinimum"), version=2)
    scores = opt("BatchMatMul", adjX=False, adjY=True)
    chain.op("BATCH_MATMUL", [2, 6, 6], [normal], scores, version=4)
    chain.op("MUL", more=[chain.constant((1, 1, 6))], options=opt("Mul"), version=2)
    chain.op("ADD", more=[chain.constant((6,))], options=opt("Add"), version=2)
    out = {} if dtype == "f32" else dict(scale=1 / 256, zp=-128)
    chain.op("SOFTMAX", options=opt("Softmax", beta=1.0), version=2, **out)
    return chain.done()


def keras_normalisation(name, dtype):
    """Layer normalisation as Keras exports it: a row's factor and a column's are one for each element, which two products take."""
    chain = Chain(name, (2, 6, 16), dtype)
    x, shape, rows = chain.last, chain.shape, [2, 6, 1]
    mean = chain.op("MEAN", rows, [chain.ints([2])], opt("Reducer", keepDims=True), 2)
    chain.op("SQUARED_DIFFERENCE", shape, [mean], opt("SquaredDifference"), 2, x=x)
    chain.op("MEAN", rows, [chain.ints([2])], opt("Reducer", keepDims=True), 2)
    chain.op("ADD", more=[chain.constant((1,), 1e-3, 1e-2)], options=opt("Add"), version=2)
    chain.op("RSQRT" if dtype == "f32" else "LOGISTIC", version=2,
             **({} if dtype == "f32" else dict(scale=1 / 256, zp=-128)))
    factor = chain.op("MUL", shape, [chain.constant((16,), 0.5, 1.5)], opt("Mul"), 2)
    product = chain.op("MUL", shape, [factor], opt("Mul"), 2, x=x)
    chain.op("MUL", shape, [factor], opt("Mul"), 2, x=mean)
    chain.op("SUB", x=chain.constant((16,)), more=[chain.last], options=opt("Sub"), version=2)
    chain.op("ADD", more=[product], options=opt("Add"), version=2)
    return chain.done()


def scales(name, dtype):
    """What is left of batch normalisation behind products."""
    chain = Chain(name, (1, 5, 4, 3), dtype)
    chain.conv(4)
    chain.op("MUL", more=[chain.constant((4,), 0.5, 2.0)], options=opt("Mul"))
    chain.op("ADD", more=[chain.constant((1, 1, 1, 4))], options=opt("Add", fusedActivationFunction=RELU))
    chain.depthwise(filter=(2, 1))
    chain.op("MUL", more=[chain.constant((1, 1, 4), -2.0, 2.0)], options=opt("Mul"))
    chain.dense(6)
    chain.op("ADD", more=[chain.constant((1,))], options=opt("Add"))
    chain.op("MUL", more=[chain.constant((6,))], options=opt("Mul"))
    chain.op("RELU")
    # Behind a range, it is the next product's.
    chain.op("MUL", more=[chain.constant((6,))], options=opt("Mul"))
    chain.op("ADD", more=[chain.constant((6,))], options=opt("Add"))
    chain.dense(4)
    return chain.done()


def channels(name, dtype):
    """Filters of zeros, ranges that let one value through, and inputs that nobody reads; a sum over two of them, and flat ones."""
    chain = Chain(name, (1, 6, 5, 3), dtype)
    far = 1 << 24
    # 0 and 1 are 0, 2 and 3 are more and less than there is.
    chain.conv(8, padding=SAME, activation=RELU, silent=[0, 1, 4, 6], bias={0: 0, 1: -9, 2: far, 3: -far, 4: -1, 6: 0})
    # At the border channel 2 is another constant; 5 is read by nobody.
    first = chain.depthwise(padding=SAME, activation=RELU, bias={0: 0, 1: -3, 3: -5, 4: 0, 6: -2})
    chain.conv(8, (1, 1), activation=RELU, silent=[0, 3, 4, 6], unread=[5], bias={0: 0, 3: 0, 4: -7, 6: 0})
    chain.op("ADD", more=[first], options=opt("Add", fusedActivationFunction=NONE), version=3 if dtype == "i16" else 2)
    # The padding is 0, too, as the constants are that have come this far.
    chain.conv(12, padding=SAME, silent=[2, 5, 6, 7, 9, 11], unread=[4, 5], bias={2: 77, 5: 0, 6: -77, 7: 0, 9: 5, 11: 6})
    chain.max_pool((2, 2), 2)
    chain.op("RESHAPE", [1, 72], [chain.ints([1, 72])], opt("Reshape", newShape=[1, 72]))
    chain.dense(3)
    return chain.done()


MODELS = {
    "pass_channels": (channels, ["i8", "i16"]),
    "pass_identities": (identities, ["f32", "i8"]),
    "pass_padding": (padding, ["f32", "i8"]),
    "pass_greatest": (greatest, ["f32", "i8"]),
    "pass_activations": (activations, ["f32", "i8"]),
    "pass_quantization": (quantization, ["i8", "u8"]),
    "pass_tables": (tables, ["i8", "u8"]),
    "pass_transposes": (transposes, ["f32", "i8"]),
    "pass_sandwiches": (sandwiches, ["f32", "i8"]),
    "pass_excitation": (excitation, ["f32", "i8"]),
    "pass_normalisation": (normalisation, ["f32", "i8"]),
    "pass_keras_normalisation": (keras_normalisation, ["f32", "i8"]),
    "pass_scales": (scales, ["f32"]),
}


def inputs(random, shape, dtype):
    if dtype == "f32":
        return np.float32(random.uniform(-4, 4, shape))
    limits = np.iinfo(NP[dtype])
    return random.integers(limits.min, limits.max + 1, shape).astype(NP[dtype])


def main(folder, only=""):
    if not os.environ.get("LOUD"):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for stem, (make, dtypes) in MODELS.items():
        for dtype in dtypes if only in stem else []:
            name = f"{stem}_{dtype}"
            graph = make(name, dtype)
            model = graph.build()
            shape = graph.sg.tensors[graph.sg.inputs[0]].shape
            random = np.random.default_rng(zlib.crc32(name.encode()) + 1)
            cases = [[inputs(random, shape, dtype)] for _ in range(CASES)]
            lite, micro = answer(with_litert, model, cases), answer(with_tflm, model, cases)
            assert lite is not None or micro is not None, name
            alike = lite is None or micro is None or all(
                np.allclose(a.ravel(), b.ravel(), atol=1e-5 if dtype == "f32" else 0) for a, b in zip(lite, micro))
            assert alike, name
            golden = folder / "golden" / name
            golden.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.tflite").write_bytes(model)
            for case, ([value], output) in enumerate(zip(cases, micro if micro is not None else lite)):
                value.tofile(golden / f"in_{case}_0.bin")
                np.ascontiguousarray(output).tofile(golden / f"out_{case}_0.bin")
            who = [w for w, a in (("LiteRT", lite), ("TFLM", micro)) if a is not None]
            print(name, len(model), *who)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
