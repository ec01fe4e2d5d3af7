"""Models with custom operators that firmware computes: tests/data/custom.

    python3 custom_models.py OUT_DIR

`relu_i8` has the custom operator MyRelu twice, of two shapes, between builtin ones. Its outputs are those of TFLM's
interpreter for the same model with RELU instead. `delay_i16` gives each input in the run after; its outputs follow from that.
`odd_names_i8` has operators whose names are no identifiers, which give what they get; `same_words_i8` two whose names give one.
"""
import json
import pathlib
import sys

import numpy as np
from ai_edge_litert import schema_py_generated as S
from tflite_builder import Graph, opt
from tflite_micro.python.tflite_micro import runtime

CASES = 4
out = pathlib.Path(sys.argv[1])
random = np.random.default_rng(5)


def relu(custom):
    rng = np.random.default_rng(3)
    g = Graph()
    x = g.t("image", (1, 6, 6, 1), "i8", 0.05, -3)
    weights = g.t("weights", (2, 3, 3, 1), "i8", (0.02, 0.03), 0, 0, data=rng.integers(-127, 128, (2, 3, 3, 1)))
    bias = g.t("bias", (2,), "i32", (0.001, 0.0015), 0, 0, data=rng.integers(-900, 900, 2))
    a = g.t("conv", (1, 4, 4, 2), "i8", 0.11, 5)
    g.op("CONV_2D", [x, weights, bias], [a], opt("Conv2D", strideH=1, strideW=1, padding=S.Padding.VALID), 3)

    def bend(name, before, shape, scale, zero):
        after = g.t(name, shape, "i8", scale, zero)
        if custom:
            g.op("CUSTOM", [before], [after], custom="MyRelu", custom_options=b"\0" if name == "first" else None)
        else:
            g.op("RELU", [before], [after], version=2)
        return after

    a = bend("first", a, (1, 4, 4, 2), 0.11, 5)
    dense = g.t("dense", (5, 32), "i8", 0.001, 0, data=rng.integers(-127, 128, (5, 32)))
    b = g.t("full", (1, 5), "i8", 0.05, -10)
    shape = g.t("shape", (2,), "i32", data=np.asarray((1, 32)))
    flat = g.t("flat", (1, 32), "i8", 0.11, 5)
    g.op("RESHAPE", [a, shape], [flat], opt("Reshape", newShape=[1, 32]))
    g.op("FULLY_CONNECTED", [flat, dense, -1], [b], opt("FullyConnected"), 4)
    b = bend("second", b, (1, 5), 0.05, -10)
    y = g.t("scores", (1, 5), "i8", 1 / 256, -128)
    g.op("SOFTMAX", [b], [y], opt("Softmax", beta=1.0), 2)
    return g.io([x], [y]).build()


def delay():
    g = Graph()
    x = g.t("x", (1, 6), "i16", 0.5, 0)
    y = g.t("y", (1, 6), "i16", 0.5, 0)
    g.op("CUSTOM", [x], [y], custom="acme/delay", custom_options=b"acme")
    return g.io([x], [y]).build()


def chain(*names):
    g = Graph()
    x = at = g.t("x", (1, 6), "i8", 0.5, 0)
    for i, name in enumerate(names):
        after = g.t(f"y{i}", (1, 6), "i8", 0.5, 0)
        g.op("CUSTOM", [at], [after], custom=name)
        at = after
    return g.io([x], [at]).build()


def write(name, model, cases, stateful):
    (out / f"{name}.tflite").write_bytes(model)
    folder = out / "golden" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "meta.json").write_text(json.dumps(dict(golden=dict(stateful=stateful))))
    for case, (x, y) in enumerate(cases):
        (folder / f"in_{case}_0.bin").write_bytes(x.tobytes())
        (folder / f"out_{case}_0.bin").write_bytes(y.tobytes())


interpreter = runtime.Interpreter.from_bytes(relu(custom=False))
cases = []
for _ in range(CASES):
    x = random.integers(-128, 128, (1, 6, 6, 1)).astype(np.int8)
    interpreter.set_input(x, 0)
    interpreter.invoke()
    cases.append((x, interpreter.get_output(0)))
write("relu_i8", relu(custom=True), cases, False)

inputs = [random.integers(-32768, 32768, (1, 6)).astype(np.int16) for _ in range(CASES)]
write("delay_i16", delay(), list(zip(inputs, [np.zeros((1, 6), np.int16), *inputs])), True)

inputs = [random.integers(-128, 128, (1, 6)).astype(np.int8) for _ in range(CASES)]
write("odd_names_i8", chain('top "k"=3', "2 norm (v2.0) */ {x}", "größer"), list(zip(inputs, inputs)), False)
(out / "same_words_i8.tflite").write_bytes(chain("my scale", "my-scale"))
