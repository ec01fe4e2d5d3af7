"""Small models of int16 activations and int8 weights: sums of 64 and of 32 bits.

    python3 int16_models.py ../data/ops

writes `<name>.tflite` and `golden/<name>/`. Outputs are those of TFLM's interpreter; where LiteRT's reference kernels
give others, the script stops.
"""
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from tflite_builder import Graph, opt
from tolerance_models import litert, tflm

CASES = 2
X, Y = 0.0007, 0.0019
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
NONE, RELU, RELU6 = (getattr(schema.ActivationFunctionType, name) for name in ("NONE", "RELU", "RELU6"))
INT32 = schema.TensorType.INT32


def scales(random, channels, per_channel):
    return np.float32(random.uniform(0.002, 0.02, channels if per_channel else 1))


def biases(graph, random, channels, scale, dtype):
    if dtype is None:
        return []
    limit = 2**30 if dtype == "i32" else 2**34
    data = random.integers(-limit, limit, channels) // random.integers(1, 2**16, channels)
    return [graph.t("b", (channels,), dtype, scale * np.float32(X), 0, data=data)]


def window(padding, stride, dilation, activation):
    return dict(padding=padding, strideH=stride, strideW=stride, dilationHFactor=dilation, dilationWFactor=dilation,
                fusedActivationFunction=activation)


def conv(x, filter, y, bias="i64", per_channel=True, padding=VALID, stride=1, dilation=1, activation=NONE, **options):
    def make(random):
        graph = Graph()
        scale = scales(random, filter[0], per_channel)
        tensors = [graph.t("x", x, "i16", X, 0),
                   graph.t("w", filter, "i8", scale, 0, data=random.integers(-127, 128, filter))]
        tensors += biases(graph, random, filter[0], scale, bias)
        out = graph.t("y", y, "i16", Y, 0)
        how = opt("Conv2D", **window(padding, stride, dilation, activation), **options)
        graph.op("CONV_2D", tensors, [out], how, version=4)
        return graph.io(tensors[:1], [out])

    return make


def depthwise(x, filter, y, multiplier, per_channel=True, padding=VALID, stride=1, dilation=1, activation=NONE):
    def make(random):
        graph = Graph()
        scale = scales(random, filter[3], per_channel)
        tensors = [graph.t("x", x, "i16", X, 0),
                   graph.t("w", filter, "i8", scale, 0, axis=3, data=random.integers(-127, 128, filter))]
        tensors += biases(graph, random, filter[3], scale, "i64")
        out = graph.t("y", y, "i16", Y, 0)
        how = opt("DepthwiseConv2D", **window(padding, stride, dilation, activation), depthMultiplier=multiplier)
        graph.op("DEPTHWISE_CONV_2D", tensors, [out], how, version=4)
        return graph.io(tensors[:1], [out])

    return make


def fully_connected(rows, inputs, outputs, bias="i64", per_channel=True, activation=NONE, **options):
    def make(random):
        graph = Graph()
        scale = scales(random, outputs, per_channel)
        tensors = [graph.t("x", (rows, inputs), "i16", X, 0),
                   graph.t("w", (outputs, inputs), "i8", scale, 0, data=random.integers(-127, 128, (outputs, inputs)))]
        tensors += biases(graph, random, outputs, scale, bias)
        out = graph.t("y", (rows, outputs), "i16", Y, 0)
        how = opt("FullyConnected", fusedActivationFunction=activation, **options)
        graph.op("FULLY_CONNECTED", tensors, [out], how, version=9)
        return graph.io(tensors[:1], [out])

    return make


MODELS = {
    "conv2d_i16_same": conv((2, 5, 4, 3), (6, 3, 2, 3), (2, 3, 2, 6), padding=SAME, stride=2, activation=RELU6),
    "conv2d_i16_dilated": conv((1, 7, 6, 2), (5, 3, 3, 2), (1, 7, 6, 5), padding=SAME, dilation=2, per_channel=False),
    "conv2d_i16_grouped": conv((1, 4, 4, 4), (6, 2, 2, 2), (1, 3, 3, 6), activation=RELU),
    "conv2d_i16_bias32": conv((1, 4, 5, 3), (5, 3, 3, 3), (1, 4, 5, 5), bias="i32", padding=SAME,
                              quantizedBiasType=INT32),
    "conv2d_i16_no_bias": conv((1, 3, 3, 8), (4, 1, 1, 8), (1, 3, 3, 4), bias=None),
    "conv2d_i16_no_bias32": conv((1, 3, 3, 8), (4, 1, 1, 8), (1, 3, 3, 4), bias=None, quantizedBiasType=INT32),
    "depthwise_conv2d_i16_same": depthwise((2, 5, 6, 4), (1, 3, 3, 4), (2, 5, 6, 4), 1, padding=SAME, activation=RELU),
    "depthwise_conv2d_i16_multiplier": depthwise((1, 6, 5, 3), (1, 2, 3, 6), (1, 2, 1, 6), 2, stride=2, dilation=2,
                                                 padding=VALID, per_channel=False),
    "depthwise_conv2d_i16_one_channel": depthwise((1, 5, 5, 1), (1, 3, 3, 5), (1, 5, 5, 5), 5, padding=SAME),
    "fully_connected_i16_bias32": fully_connected(3, 9, 6, bias="i32", activation=RELU, quantizedBiasType=INT32),
    "fully_connected_i16_bias32_per_tensor": fully_connected(1, 16, 4, bias="i32", per_channel=False, quantizedBiasType=INT32),
    "fully_connected_i16_no_bias": fully_connected(2, 7, 5, bias=None, per_channel=False),
    "fully_connected_i16_no_bias32": fully_connected(2, 7, 5, bias=None, quantizedBiasType=INT32),
    "fully_connected_i16_long": fully_connected(1, 700, 2),
}

# Of FULLY_CONNECTED without a bias, LiteRT keeps sums in 32 bits; of CONV_2D it wants one.
TFLM_ALONE = ["fully_connected_i16_no_bias", "conv2d_i16_no_bias", "conv2d_i16_no_bias32"]


def write(folder, name, graph, random):
    data = graph.build()
    golden = folder / "golden" / name
    golden.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.tflite").write_bytes(data)
    shape = graph.sg.tensors[0].shape
    for case in range(CASES):
        # Full range, and what saturates in every channel.
        x = random.integers(-32768, 32768, shape) if case == 0 else random.choice([-32768, 32767, 0, 1, -1], shape)
        x = x.astype(np.int16)
        (y,) = tflm(data, [x], 1)
        if name not in TFLM_ALONE:
            assert np.array_equal(y, litert(data, [x])[0]), name
        x.tofile(golden / f"in_{case}_0.bin")
        y.tofile(golden / f"out_{case}_0.bin")


def main():
    folder = Path(sys.argv[1])
    for seed, (name, make) in enumerate(MODELS.items()):
        random = np.random.default_rng(seed)
        write(folder, name, make(random), random)


if __name__ == "__main__":
    main()
