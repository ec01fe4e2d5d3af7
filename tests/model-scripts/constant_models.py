"""Models of operators whose input is a constant of the file, though it is hardly ever one.

    python3 constant_models.py OUT_DIR

writes `<name>.tflite` and `golden/<name>/`: of operators with state, successive runs of TFLM's interpreter; of the others, LiteRT's
reference kernels.
"""
import sys
import zlib
from pathlib import Path

import numpy as np
from hybrid_models import litert
from recurrent_models import lstm, svdf, values
from tflite_builder import Graph, opt
from tflite_micro.python.tflite_micro import runtime

CASES = 3


def fixed(graph, random):
    """Makes a constant of the graph's input, and adds another one to its output."""
    x, y = graph.sg.inputs[0], graph.sg.outputs[0]
    graph.sg.tensors[x].buffer = graph.model.buffer(values(random, graph.sg.tensors[x]).tobytes())
    shape, dtype = graph.sg.tensors[y].shape, graph.sg.tensors[y].type
    name = {0: "f32", 9: "i8", 7: "i16"}[dtype]
    q = graph.sg.tensors[y].quantization
    q = {} if q is None else dict(scale=q.scale[0], zp=q.zeroPoint[0])
    a, out = graph.t("a", shape, name, **q), graph.t("out", shape, name, **q)
    graph.op("ADD", [y, a], [out], opt("Add"), version=2)
    return graph.io([a], [out])


def top_k(dtype):
    def make(random):
        graph = Graph()
        q = dict(scale=0.1, zp=0) if dtype == "i8" else {}
        x = graph.t("x", (2, 6), dtype, data=random.integers(-100, 100, (2, 6)), **q)
        k = graph.t("k", (1,), "i32", data=[3])
        best, at = graph.t("best", (2, 3), dtype, **q), graph.t("at", (2, 3), "i32")
        graph.op("TOPK_V2", [x, k], [best, at], opt("TopKV2"), version=2)
        a, out = graph.t("a", (2, 3), dtype, **q), graph.t("out", (2, 3), dtype, **q)
        graph.op("ADD", [best, a], [out], opt("Add"), version=2)
        return graph.io([a], [out, at])

    return make


def prelu(random):
    graph = Graph()
    q = dict(scale=0.001, zp=0)
    x = graph.t("x", (2, 3, 4), "i16", data=random.integers(-30000, 30000, (2, 3, 4)), **q)
    slope = graph.t("slope", (4,), "i8", scale=0.01, zp=0, data=random.integers(-100, 100, 4))
    y = graph.t("y", (2, 3, 4), "i16", **q)
    graph.op("PRELU", [x, slope], [y])
    a, out = graph.t("a", (2, 3, 4), "i16", **q), graph.t("out", (2, 3, 4), "i16", **q)
    graph.op("ADD", [y, a], [out], opt("Add"), version=2)
    return graph.io([a], [out])


STATEFUL = {
    "svdf_constant_f32": lambda r: fixed(svdf(r, "f32", 1, 5, 3, 1, 4), r),
    "svdf_constant_i8": lambda r: fixed(svdf(r, "i16", 1, 6, 3, 2, 4), r),
    "unidirectional_sequence_lstm_constant_f32": lambda r: fixed(lstm(r, "f32", 1, 3, 4, 5), r),
    "unidirectional_sequence_lstm_constant_i8": lambda r: fixed(lstm(r, "i8", 1, 3, 4, 5), r),
}
OTHERS = {"topk_v2_constant_f32": top_k("f32"), "topk_v2_constant_i8": top_k("i8"), "prelu_constant_i16": prelu}


def main(folder):
    for name, make in (STATEFUL | OTHERS).items():
        random = np.random.default_rng(zlib.crc32(name.encode()))
        graph = make(random)
        data = graph.build()
        cases = [[values(random, graph.sg.tensors[graph.sg.inputs[0]])] for _ in range(CASES)]
        golden = folder / "golden" / name
        golden.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.tflite").write_bytes(data)
        if name in STATEFUL:
            (golden / "meta.json").write_text('{"golden": {"stateful": true}}\n')
            it = runtime.Interpreter.from_bytes(data)
        for case, inputs in enumerate(cases):
            inputs[0].tofile(golden / f"in_{case}_0.bin")
            if name in STATEFUL:
                it.set_input(inputs[0], 0)
                it.invoke()
                outputs = [it.get_output(0)]
            else:
                outputs = litert(data, inputs)
            for i, output in enumerate(outputs):
                np.ascontiguousarray(output).tofile(golden / f"out_{case}_{i}.bin")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
