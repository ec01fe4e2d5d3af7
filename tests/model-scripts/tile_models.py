"""One-operator models of TILE, which TFLM does not have: those of tests/data/ops named tile_*.

    python3 tile_models.py OUT_DIR

Outputs are those of LiteRT's reference kernels.
"""
import pathlib
import sys

import numpy as np

from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_builder import Graph

CASES = {
    "tile_f32_0": ((2, 3), (2, 2), "f32", np.float32, {}),
    "tile_i32_0": ((1, 2, 1, 3), (3, 1, 2, 1), "i32", np.int32, {}),
    "tile_i8_0": ((2, 1, 5), (1, 4, 3), "i8", np.int8, dict(scale=0.1, zp=-3)),
}

out = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(11)
for name, (shape, times, dtype, kind, more) in CASES.items():
    g = Graph()
    x = g.t("x", shape, dtype, **more)
    multiples = g.t("multiples", (len(times),), "i32", data=np.asarray(times))
    y = g.t("y", tuple(a * b for a, b in zip(shape, times)), dtype, **more)
    g.op("TILE", [x, multiples], [y])
    model = g.io([x], [y]).build()
    (out / f"{name}.tflite").write_bytes(model)
    folder = out / "golden" / name
    folder.mkdir(parents=True, exist_ok=True)
    it = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    it.allocate_tensors()
    for case in range(2):
        value = rng.integers(-128, 128, shape).astype(kind)
        (folder / f"in_{case}_0.bin").write_bytes(value.tobytes())
        it.set_tensor(it.get_input_details()[0]["index"], value)
        it.invoke()
        (folder / f"out_{case}_0.bin").write_bytes(it.get_tensor(it.get_output_details()[0]["index"]).tobytes())
