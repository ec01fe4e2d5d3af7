"""Models of int8 activations and int4 weights.

    python3 narrow_models.py OUT_DIR

writes `<name>.tflite` and `golden/<name>/`, with outputs of TFLM's interpreter.
"""
import sys
import zlib
from pathlib import Path

import numpy as np
from tflite_builder import Graph, opt
from tflite_micro.python.tflite_micro import runtime

CASES = 2
SAME = 0
RELU = 1


def weights(graph, random, shape, scales, axis=0):
    scale = random.uniform(0.01, 0.05, scales).astype(np.float32)
    w = graph.t("w", shape, "i4", scale, 0, axis, data=random.integers(-8, 8, shape))
    channels = shape[axis]
    b = graph.t("b", (channels,), "i32", np.float32(0.02) * scale, 0, data=random.integers(-900, 900, channels))
    return [w, b]


def conv(random):
    graph = Graph()
    x = graph.t("x", (1, 6, 5, 3), "i8", 0.02, 7)
    y = graph.t("y", (1, 3, 3, 6), "i8", 0.03, -90)
    how = opt("Conv2D", padding=SAME, strideH=2, strideW=2, dilationHFactor=1, dilationWFactor=1,
              fusedActivationFunction=RELU)
    graph.op("CONV_2D", [x, *weights(graph, random, (6, 3, 2, 3), 6)], [y], how, version=7)
    return graph.io([x], [y])


def depthwise(random):
    graph = Graph()
    x = graph.t("x", (1, 6, 5, 4), "i8", 0.02, 7)
    y = graph.t("y", (1, 6, 5, 4), "i8", 0.03, -20)
    how = opt("DepthwiseConv2D", padding=SAME, strideH=1, strideW=1, depthMultiplier=1, dilationHFactor=1,
              dilationWFactor=1)
    graph.op("DEPTHWISE_CONV_2D", [x, *weights(graph, random, (1, 3, 3, 4), 4, 3)], [y], how, version=7)
    return graph.io([x], [y])


def dense(random):
    graph = Graph()
    x, y = graph.t("x", (3, 10), "i8", 0.02, -3), graph.t("y", (3, 7), "i8", 0.05, 4)
    graph.op("FULLY_CONNECTED", [x, *weights(graph, random, (7, 10), 1)], [y], opt("FullyConnected"), version=7)
    return graph.io([x], [y])


MODELS = {"conv2d_narrow_i4": conv, "depthwise_conv2d_narrow_i4": depthwise, "fully_connected_narrow_i4": dense}


def main(folder):
    for name, make in MODELS.items():
        random = np.random.default_rng(zlib.crc32(name.encode()))
        graph = make(random)
        data = graph.build()
        golden = folder / "golden" / name
        golden.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.tflite").write_bytes(data)
        it = runtime.Interpreter.from_bytes(data)
        for case in range(CASES):
            x = random.integers(-128, 128, graph.sg.tensors[graph.sg.inputs[0]].shape).astype(np.int8)
            it.set_input(x, 0)
            it.invoke()
            x.tofile(golden / f"in_{case}_0.bin")
            it.get_output(0).tofile(golden / f"out_{case}_0.bin")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
