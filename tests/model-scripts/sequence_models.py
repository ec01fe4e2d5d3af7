"""One-operator models of REVERSE_SEQUENCE, which TFLM does not have: those of tests/data/ops named reverse_sequence_*.

    python3 sequence_models.py OUT_DIR

Outputs are those of LiteRT's reference kernels.
"""
import pathlib
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_builder import NP, Graph, opt

# Shape, axis of sequences, axis of the batch, lengths, and their type.
CASES = {
    "reverse_sequence_f32_0": ("f32", (3, 5, 2), 1, 0, (5, 1, 3), "i32"),
    "reverse_sequence_f32_1": ("f32", (4, 2, 3), 0, 1, (2, 4), "i64"),
    "reverse_sequence_i16_0": ("i16", (2, 3, 4), 2, 1, (4, 2, 3), "i32"),
    "reverse_sequence_i32_0": ("i32", (2, 1, 6, 2), 2, 0, (6, 5), "i64"),
    "reverse_sequence_i64_0": ("i64", (1, 7), 1, 0, (6,), "i32"),
    "reverse_sequence_u8_0": ("u8", (3, 2, 4), 0, 2, (1, 3, 2, 3), "i32"),
}

out = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(37)
for name, (dtype, shape, axis, batch, lengths, kind) in CASES.items():
    quantised = dict(scale=0.05, zp=0 if dtype == "i16" else 121) if dtype in ("u8", "i16") else {}
    g = Graph()
    x = g.t("x", shape, dtype, **quantised)
    of = g.t("lengths", (len(lengths),), kind, data=np.asarray(lengths))
    y = g.t("y", shape, dtype, **quantised)
    g.op("REVERSE_SEQUENCE", [x, of], [y], opt("ReverseSequence", seqDim=axis, batchDim=batch))
    model = g.io([x], [y]).build()
    (out / f"{name}.tflite").write_bytes(model)
    folder = out / "golden" / name
    folder.mkdir(parents=True, exist_ok=True)
    it = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    it.allocate_tensors()
    for case in range(2):
        if dtype == "f32":
            value = rng.uniform(-8, 8, shape).astype(np.float32)
        else:
            info = np.iinfo(NP[dtype])
            value = rng.integers(info.min, info.max, shape, dtype=NP[dtype], endpoint=True)
        (folder / f"in_{case}_0.bin").write_bytes(value.tobytes())
        it.set_tensor(it.get_input_details()[0]["index"], value)
        it.invoke()
        result = it.get_tensor(it.get_output_details()[0]["index"])
        assert (result != value).any()
        (folder / f"out_{case}_0.bin").write_bytes(result.tobytes())
