"""One-operator models at the edges of what converters write.

    python3 edge_models.py ../data/ops

writes `<name>.tflite` and `golden/<name>/`: RESHAPE, SQUEEZE and EXPAND_DIMS from and into variables, and int8 operators
whose requantisation multiplies by 2^17 and more, where the reference kernels' shift to the left leaves 32 bits. Outputs
are those of TFLM's interpreter; LiteRT's reference kernels have to give the same.
"""
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_builder import Graph, opt
from tflite_micro.python.tflite_micro import runtime

CASES = 2
SAME = schema.Padding.SAME


def of_variable(kind, shape, extra=(), options=None):
    """ADD writes a variable, and the operator gives it another shape."""
    graph = Graph()
    x = graph.t("x", [4], "f32")
    one = graph.t("one", [4], "f32", data=[1, 2, 3, 4])
    state = graph.t("state", [4], "f32", var=True)
    y = graph.t("y", shape, "f32")
    graph.op("ADD", [x, one], [state], opt("Add"))
    graph.op(kind, [state, *(graph.t("how", [len(extra)], "i32", data=extra) for _ in extra[:1])], [y], options)
    return graph.io([x], [y])


def into_variable(kind, before, after, extra=(), options=None):
    """The operator gives an input another shape as a variable, which ADD reads."""
    graph = Graph()
    x = graph.t("x", before, "f32")
    one = graph.t("one", after, "f32", data=np.arange(1, 5).reshape(after))
    state = graph.t("state", after, "f32", var=True)
    y = graph.t("y", after, "f32")
    graph.op(kind, [x, *(graph.t("how", [len(extra)], "i32", data=extra) for _ in extra[:1])], [state], options)
    graph.op("ADD", [state, one], [y], opt("Add"))
    return graph.io([x], [y])


def large(kind, shift, random):
    """An int8 operator that multiplies by about 2^shift."""
    graph = Graph()
    x_scale, y_scale = 0.5, float(np.float32(0.5 * 0.7 / 2.0**shift))
    x = graph.t("x", [1, 3, 3, 4], "i8", x_scale, 3)
    inputs, out = [x], [1, 3, 3, 4]
    window = dict(strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, padding=SAME)
    if kind == "MUL":
        operands, options = [x, graph.t("b", [1, 3, 3, 4], "i8", 1.0, -7)], opt("Mul")
        inputs = operands
    elif kind == "MEAN":
        operands, options = [x, graph.t("axes", [2], "i32", data=[1, 2])], opt("Reducer", keepDims=True)
        out = [1, 1, 1, 4]
    elif kind in ("RELU", "QUANTIZE"):
        operands, options = [x], None
    else:
        shape = {"CONV_2D": (2, 2, 2, 4), "DEPTHWISE_CONV_2D": (1, 2, 2, 4), "FULLY_CONNECTED": (2, 36)}[kind]
        axis = 3 if kind == "DEPTHWISE_CONV_2D" else 0
        channels = shape[axis]
        w = graph.t("w", shape, "i8", 1.0, 0, data=random.integers(-127, 128, shape))
        b = graph.t("b", [channels], "i32", x_scale, 0, data=random.integers(-1000, 1000, channels))
        operands = [x, w, b]
        out = [1, 3, 3, channels]
        if kind == "CONV_2D":
            options = opt("Conv2D", **window)
        elif kind == "DEPTHWISE_CONV_2D":
            options = opt("DepthwiseConv2D", depthMultiplier=1, **window)
        else:
            options, out = opt("FullyConnected"), [1, 2]
    y = graph.t("y", out, "i8", y_scale, 5)
    graph.op(kind, operands, [y], options, version=2 if kind in ("MUL", "MEAN", "RELU", "QUANTIZE") else 3)
    return graph.io(inputs, [y])


def tflm(model, values):
    interpreter = runtime.Interpreter.from_bytes(model)
    for i, value in enumerate(values):
        interpreter.set_input(value, i)
    interpreter.invoke()
    return interpreter.get_output(0)


def litert(model, values):
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), values):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def store(folder, name, graph, random, compares):
    model = graph.build()
    (folder / f"{name}.tflite").write_bytes(model)
    golden = folder / "golden" / name
    golden.mkdir(parents=True, exist_ok=True)
    types = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.INT8: np.int8}
    for case in range(CASES):
        values = []
        for index in graph.sg.inputs:
            tensor = graph.sg.tensors[index]
            value = random.integers(-128, 128, tensor.shape)
            values.append(value.astype(types[tensor.type]))
        found = tflm(model, values)
        if compares:
            np.testing.assert_array_equal(found, litert(model, values), name)
        for i, value in enumerate(values):
            (golden / f"in_{case}_{i}.bin").write_bytes(value.tobytes())
        (golden / f"out_{case}_0.bin").write_bytes(found.tobytes())


def main():
    folder = Path(sys.argv[1])
    random = np.random.default_rng(9)
    for kind, shape, extra, options in (
        ("RESHAPE", [2, 2], (), opt("Reshape", newShape=[2, 2])),
        ("SQUEEZE", [2, 2], (), opt("Squeeze", squeezeDims=[0])),
        ("EXPAND_DIMS", [1, 4], (0,), None),
    ):
        name = kind.lower()
        if kind != "SQUEEZE":
            store(folder, f"{name}_of_variable_f32", of_variable(kind, shape, extra, options), random, True)
        before = {"RESHAPE": [4], "SQUEEZE": [1, 2, 2], "EXPAND_DIMS": [4]}[kind]
        graph = into_variable(kind, before, shape, extra, options)
        store(folder, f"{name}_into_variable_f32", graph, random, True)
    kinds = ("MUL", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MEAN", "RELU", "QUANTIZE")
    for kind in kinds:
        name = f"large_factor_{kind.lower().replace('_2d', '2d')}_i8"
        # LiteRT's FULLY_CONNECTED rounds in another way.
        store(folder, name, large(kind, 18, random), random, kind != "FULLY_CONNECTED")


if __name__ == "__main__":
    main()
