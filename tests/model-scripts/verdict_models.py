"""Models that TFLM's kernels refuse, one of a kind: tests/data/tflm, those that no converter wrote.

    python3 verdict_models.py OUT_DIR
"""
import pathlib
import sys

import numpy as np

from tflite_builder import Graph, opt


def conv_of_rank_3():
    g = Graph()
    x = g.t("x", [1, 4, 2], "f32")
    w = g.t("w", [1, 1, 2], "f32", data=np.ones(2))
    b = g.t("b", [1], "f32", data=np.zeros(1))
    y = g.t("y", [1, 4, 1], "f32")
    g.op("CONV_2D", [x, w, b], [y], opt("Conv2D", strideH=1, strideW=1))
    return g.io([x], [y])


def softmax_beta_0():
    g = Graph()
    x = g.t("x", [1, 4], "i8", 0.1, 0)
    y = g.t("y", [1, 4], "i8", 1 / 256, -128)
    g.op("SOFTMAX", [x], [y], opt("Softmax", beta=0.0))
    return g.io([x], [y])


def relu_of_unequal_sizes():
    g = Graph()
    x = g.t("x", [1, 4], "f32")
    y = g.t("y", [1, 8], "f32")
    g.op("RELU", [x], [y])
    return g.io([x], [y])


def quantize_of_two():
    g = Graph()
    x = g.t("x", [1, 4], "f32")
    z = g.t("z", [1, 4], "f32")
    y = g.t("y", [1, 4], "i8", 0.1, 0)
    g.op("QUANTIZE", [x, z], [y])
    return g.io([x, z], [y])


def concatenation_of_11():
    g = Graph()
    xs = [g.t(f"x{i}", [1, 2], "f32") for i in range(11)]
    y = g.t("y", [1, 22], "f32")
    g.op("CONCATENATION", xs, [y], opt("Concatenation", axis=1))
    return g.io(xs, [y])


def fill_of_computed_sizes():
    g = Graph()
    d = g.t("d", [2], "i32")
    v = g.t("v", [], "f32", data=np.array(1.0))
    y = g.t("y", [1, 4], "f32")
    g.op("FILL", [d, v], [y])
    return g.io([d], [y])


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1])
    for build in [conv_of_rank_3, softmax_beta_0, relu_of_unequal_sizes, quantize_of_two,
                  concatenation_of_11, fill_of_computed_sizes]:
        (out / f"{build.__name__}.tflite").write_bytes(build().build())
