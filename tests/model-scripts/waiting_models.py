"""A model whose runs may end before there are outputs: tests/data/waiting.

    python3 waiting_models.py OUT_DIR

`waiting_i8` has two buffers with a convolution behind each: the first goes on in every second run, the second in every third of those. The
outputs are those of successive runs of TFLM's interpreter; a run that it ends has none.
"""
import json
import pathlib
import sys

import numpy as np
from ai_edge_litert import schema_py_generated as S
from flatbuffers import flexbuffers
from tflite_builder import Graph, opt
from tflite_micro.python.tflite_micro import runtime

CASES = 13
out = pathlib.Path(sys.argv[1])
random = np.random.default_rng(7)


def stage(g, x, number, slots, channels, cycles):
    scale = 0.05 * number
    kept = g.t(f"kept{number}", (1, slots, 1, channels), "i8", scale, 0, var=True)
    g.op("CUSTOM", [x], [kept], custom="CIRCULAR_BUFFER", custom_options=flexbuffers.Dumps({"cycles_max": cycles}))
    weights = g.t(f"weights{number}", (3, slots, 1, channels), "i8", (0.02,) * 3, (0,) * 3, 0,
                  data=random.integers(-127, 128, (3, slots, 1, channels)))
    bias = g.t(f"bias{number}", (3,), "i32", (0.02 * scale,) * 3, (0,) * 3, 0, data=random.integers(-900, 900, 3))
    y = g.t(f"conv{number}", (1, 1, 1, 3), "i8", 0.05 * (number + 1), 0)
    g.op("CONV_2D", [kept, weights, bias], [y], opt("Conv2D", strideH=1, strideW=1, padding=S.Padding.VALID), 3)
    return y


g = Graph()
x = g.t("x", (1, 1, 1, 4), "i8", 0.05, 0)
y = stage(g, x, 1, 4, 4, 2)
y = stage(g, y, 2, 3, 3, 3)
model = g.io([x], [y]).build()
out.mkdir(parents=True, exist_ok=True)
(out / "waiting_i8.tflite").write_bytes(model)
folder = out / "golden" / "waiting_i8"
folder.mkdir(parents=True)
it = runtime.Interpreter.from_bytes(model, arena_size=1 << 16)
for case in range(CASES):
    values = random.integers(-128, 128, (1, 1, 1, 4)).astype(np.int8)
    it.set_input(values, 0)
    status = it.invoke()
    values.tofile(folder / f"in_{case}_0.bin")
    if status == 0:
        np.asarray(it.get_output(0)).tofile(folder / f"out_{case}_0.bin")
    print(case, status)
(folder / "meta.json").write_text(json.dumps({"golden": {"kernels": "tflite_micro", "stateful": True}}, indent=1) + "\n")
