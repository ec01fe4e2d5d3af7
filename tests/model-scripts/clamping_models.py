"""One-operator models of the clamping activations that converters rarely leave in a graph.

    python3 clamping_models.py ../data/ops

writes `<name>.tflite` and `golden/<name>/`: RELU_N1_TO_1 and RELU_0_TO_1 as operators, and RELU_N1_TO_1 fused into
others, with outputs of LiteRT's reference kernels for full-range random inputs.
"""
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_builder import Graph, opt

CASES = 2
FUSED = schema.ActivationFunctionType.RELU_N1_TO_1
SHAPE = (1, 5, 4, 3)
X = dict(scale=0.031, zp=-7)
Y = dict(scale=0.013, zp=11)
# Pooling keeps the input's quantisation.
SAME = dict(scale=0.021, zp=3)


def tensors(graph, dtype, inputs, x, y):
    quantised = dtype == "i8"
    ins = [graph.t(name, SHAPE, dtype, **(x if quantised else {})) for name in "ab"[:inputs]]
    return ins, graph.t("y", SHAPE, dtype, **(y if quantised else {}))


def unary(kind, dtype):
    graph = Graph()
    ins, y = tensors(graph, dtype, 1, X, Y)
    graph.op(kind, ins, [y])
    return graph.io(ins, [y])


def binary(kind, options, dtype):
    graph = Graph()
    ins, y = tensors(graph, dtype, 2, X, Y)
    graph.op(kind, ins, [y], opt(options, fusedActivationFunction=FUSED))
    return graph.io(ins, [y])


def pool(kind, dtype):
    graph = Graph()
    ins, y = tensors(graph, dtype, 1, SAME, SAME)
    window = dict(strideH=1, strideW=1, filterHeight=2, filterWidth=2, padding=schema.Padding.SAME)
    graph.op(kind, ins, [y], opt("Pool2D", fusedActivationFunction=FUSED, **window))
    return graph.io(ins, [y])


def convolution(dtype, random):
    graph = Graph()
    ins, y = tensors(graph, dtype, 1, X, Y)
    if dtype == "i8":
        scales = np.float32([0.01, 0.004, 0.02])
        weights = random.integers(-127, 128, (3, 3, 3, 3))
        w = graph.t("w", weights.shape, "i8", scales, 0, data=weights)
        bias = random.integers(-2000, 2000, 3)
        b = graph.t("b", bias.shape, "i32", scales * np.float32(X["scale"]), 0, data=bias)
    else:
        weights = random.normal(0, 0.3, (3, 3, 3, 3))
        w = graph.t("w", weights.shape, "f32", data=weights)
        bias = random.normal(0, 0.3, 3)
        b = graph.t("b", bias.shape, "f32", data=bias)
    window = dict(strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, padding=schema.Padding.SAME)
    graph.op("CONV_2D", [*ins, w, b], [y], opt("Conv2D", fusedActivationFunction=FUSED, **window), version=3)
    return graph.io(ins, [y])


def store(folder, name, graph, random):
    model = graph.build()
    (folder / f"{name}.tflite").write_bytes(model)
    golden = folder / "golden" / name
    golden.mkdir(parents=True, exist_ok=True)
    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    for case in range(CASES):
        for i, detail in enumerate(interpreter.get_input_details()):
            if detail["dtype"] == np.int8:
                value = random.integers(-128, 128, detail["shape"], np.int8)
            else:
                value = random.normal(0, 2, detail["shape"]).astype(np.float32)
            interpreter.set_tensor(detail["index"], value)
            (golden / f"in_{case}_{i}.bin").write_bytes(value.tobytes())
        interpreter.invoke()
        for i, detail in enumerate(interpreter.get_output_details()):
            value = interpreter.get_tensor(detail["index"])
            (golden / f"out_{case}_{i}.bin").write_bytes(value.tobytes())


def main():
    folder = Path(sys.argv[1])
    for dtype in ("i8", "f32"):
        random = np.random.default_rng(20)
        models = {
            "relu_n1_to_1": unary("RELU_N1_TO_1", dtype),
            "relu_0_to_1": unary("RELU_0_TO_1", dtype),
            "fused_n1_to_1_add": binary("ADD", "Add", dtype),
            "fused_n1_to_1_sub": binary("SUB", "Sub", dtype),
            "fused_n1_to_1_mul": binary("MUL", "Mul", dtype),
            "fused_n1_to_1_average_pool2d": pool("AVERAGE_POOL_2D", dtype),
            "fused_n1_to_1_max_pool2d": pool("MAX_POOL_2D", dtype),
            "fused_n1_to_1_conv2d": convolution(dtype, random),
        }
        for name, graph in models.items():
            store(folder, f"{name}_{dtype}", graph, random)


if __name__ == "__main__":
    main()
