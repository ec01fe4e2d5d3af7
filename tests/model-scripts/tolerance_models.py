"""Small models that both TensorFlow Lite and TFLM run although something in them is not quite as the rules have it.

    python3 tolerance_models.py ../data/ops

writes `<name>.tflite` and `golden/<name>/`. Outputs are those of LiteRT's reference kernels; where TFLM's differ, the
script stops.
"""
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_builder import Graph, opt
from tflite_micro.python.tflite_micro import runtime

CASES = 2
X = dict(scale=0.031, zp=-7)
Y = dict(scale=0.05, zp=4)
WINDOW = dict(strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, padding=schema.Padding.VALID)


def conv(graph, x, y, weights, scales, bias, dimension=0):
    w = graph.t("w", weights.shape, "i8", scales, 0, axis=dimension, data=weights)
    graph.op("CONV_2D", [x, w, bias], [y], opt("Conv2D", **WINDOW), version=3)


def bias_scale(random):
    """The bias' scale is 15 % off input scale × weight scale: 0.9 % of the output's scale."""
    graph = Graph()
    x = graph.t("x", (1, 3, 3, 2), "i8", **X)
    y = graph.t("y", (1, 3, 3, 4), "i8", **Y)
    b = graph.t("b", (4,), "i32", 0.1 * X["scale"] * 0.85, 0, data=random.integers(-40, 40, 4))
    conv(graph, x, y, random.integers(-127, 128, (4, 1, 1, 2)), 0.1, b)
    return graph.io([x], [y])


def zero_bias(random):
    """Two convolutions share a bias of zeros, whose scale fits neither."""
    graph = Graph()
    x = graph.t("x", (1, 3, 3, 4), "i8", **X)
    z = graph.t("z", (1, 3, 3, 4), "i8", **Y)
    y = graph.t("y", (1, 3, 3, 4), "i8", scale=0.2, zp=-3)
    b = graph.t("b", (4,), "i32", 0.7, 0, data=np.zeros(4))
    conv(graph, x, z, random.integers(-127, 128, (4, 1, 1, 4)), 0.01, b)
    conv(graph, z, y, random.integers(-127, 128, (4, 1, 1, 4)), 0.02, b)
    return graph.io([x], [y])


def quantized_dimension(random):
    """Scales of output channels, of which the file says that they run along the input channels."""
    graph = Graph()
    x = graph.t("x", (1, 3, 3, 3), "i8", **X)
    y = graph.t("y", (1, 3, 3, 3), "i8", **Y)
    scales = np.float32([0.01, 0.004, 0.02])
    b = graph.t("b", (3,), "i32", scales * np.float32(X["scale"]), 0, data=random.integers(-2000, 2000, 3))
    conv(graph, x, y, random.integers(-127, 128, (3, 1, 1, 3)), scales, b, dimension=3)
    return graph.io([x], [y])


def weights_zero_point(random):
    """Weights of FULLY_CONNECTED with a zero point. Of int4 weights, LiteRT refuses one."""
    graph = Graph()
    x = graph.t("x", (2, 6), "i8", **X)
    y = graph.t("y", (2, 3), "i8", **Y)
    w = graph.t("w", (3, 6), "i8", 0.02, 5, data=random.integers(-120, 120, (3, 6)))
    b = graph.t("b", (3,), "i32", X["scale"] * 0.02, 0, data=random.integers(-500, 500, 3))
    graph.op("FULLY_CONNECTED", [x, w, b], [y], opt("FullyConnected"), version=4)
    return graph.io([x], [y])


def input_twice(_):
    """The subgraph lists an input twice."""
    graph = Graph()
    a, b = (graph.t(name, (1, 5), "i8", **X) for name in "ab")
    y = graph.t("y", (1, 5), "i8", **Y)
    graph.op("ADD", [a, b], [y], opt("Add"), version=2)
    return graph.io([a, a, b], [y])


def litert(data, inputs):
    it = Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    it.allocate_tensors()
    for detail, value in zip(it.get_input_details(), inputs):
        it.set_tensor(detail["index"], value)
    it.invoke()
    return [it.get_tensor(d["index"]) for d in it.get_output_details()]


def tflm(data, inputs, outputs):
    it = runtime.Interpreter.from_bytes(data)
    for i, value in enumerate(inputs):
        it.set_input(value, i)
    it.invoke()
    return [it.get_output(i) for i in range(outputs)]


def write(folder, name, graph, random):
    data = graph.build()
    (folder / f"{name}.tflite").write_bytes(data)
    golden = folder / "golden" / name
    golden.mkdir(parents=True, exist_ok=True)
    details = Interpreter(model_content=data).get_input_details()
    for case in range(CASES):
        values = {d["index"]: random.integers(-128, 128, d["shape"]).astype(np.int8) for d in details}
        inputs = [values[d["index"]] for d in details]
        outputs = litert(data, inputs)
        for ours, theirs in zip(outputs, tflm(data, inputs, len(outputs))):
            assert np.array_equal(ours, theirs), (name, ours, theirs)
        for role, tensors in (("in", inputs), ("out", outputs)):
            for i, value in enumerate(tensors):
                value.tofile(golden / f"{role}_{case}_{i}.bin")


def main():
    folder = Path(sys.argv[1])
    models = {
        "conv2d_i8_bias_scale": bias_scale,
        "conv2d_i8_zero_bias": zero_bias,
        "conv2d_i8_quantized_dimension": quantized_dimension,
        "fully_connected_i8_zero_point": weights_zero_point,
        "add_i8_input_twice": input_twice,
    }
    for seed, (name, make) in enumerate(models.items()):
        random = np.random.default_rng(seed)
        write(folder, name, make(random), random)


if __name__ == "__main__":
    main()
