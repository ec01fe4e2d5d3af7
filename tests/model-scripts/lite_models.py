"""Small models of one operator that TFLM does not have, or not with these types or scales: those of tests/data/ops
whose names end in `lite`.

    python3 lite_models.py OUT_DIR [COUNT [FAMILY ...]]

writes COUNT models of each family (1 if not given), `<name>.tflite` and `golden/<name>/`. Outputs are those of LiteRT's
reference kernels. It says what LiteRT refuses. Every model is asked in a process of its own, as LiteRT may stop the
whole process.
"""
import multiprocessing
import sys
import zlib
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_builder import NP, TYPES, Graph, opt

CASES = 2
RANGES = {"i8": (-128, 127), "u8": (0, 255), "i16": (-32768, 32767), "i32": (-1000, 1000), "i64": (-1000, 1000)}
QUANTIZED = ("i8", "u8", "i16")


def shape(random, least=1, most=4):
    return [int(n) for n in random.integers(1, 7, random.integers(least, most + 1))]


def quantization(random, dtype):
    if dtype not in QUANTIZED:
        return {}
    low, high = (0, 0) if dtype == "i16" else RANGES[dtype]
    return dict(scale=float(np.float32(10 ** random.uniform(-2.5, -0.5))), zp=int(random.integers(low, high + 1)))


def values(random, dtype, shape):
    if dtype == "f32":
        return random.uniform(-4, 4, shape).astype(np.float32)
    if dtype == "bool":
        return random.integers(0, 2, shape).astype(np.bool_)
    low, high = RANGES[dtype]
    return random.integers(low, high + 1, shape).astype(NP[dtype])


def one_hot(dtype, index="i32"):
    def make(random):
        graph, x, depth = Graph(), shape(random, 0, 3), int(random.integers(1, 7))
        axis = int(random.integers(-1, len(x) + 1))
        at = axis % (len(x) + 1)
        indices = graph.t("indices", x, index)
        count = graph.t("depth", (), "i32", data=np.int32(depth))
        q = quantization(random, dtype)
        known = random.random() < 0.7
        two = [graph.t(name, (), dtype, **q, data=values(random, dtype, ()) if known else None) for name in ("on", "off")]
        y = graph.t("y", [*x[:at], depth, *x[at:]], dtype, **q)
        graph.op("ONE_HOT", [indices, count, *two], [y], opt("OneHot", axis=axis))
        return graph.io([indices] + ([] if known else two), [y])

    return make, lambda random, name, dtype, shape: (
        random.integers(-2, 8, shape).astype(NP[dtype]) if name == "indices" else values(random, dtype, shape))


def power(dtype, whole=False):
    def make(random):
        graph, x = Graph(), shape(random)
        y = [n if random.random() < 0.6 else 1 for n in x][random.integers(0, len(x)) :]
        a, b = graph.t("a", x, dtype), graph.t("b", y, dtype)
        out = graph.t("y", x, dtype)
        graph.op("POW", [a, b], [out], opt("Pow"))
        return graph.io([a, b], [out])

    def inputs(random, name, dtype, shape):
        if dtype == "i32":
            least, most = (0, 5) if name == "b" else (-20, 20)
            return random.integers(least, most + 1, shape).astype(np.int32)
        # Whole powers of any number, and any powers of positive ones, are numbers.
        if whole and name == "b":
            return random.integers(-3, 4, shape).astype(np.float32)
        return random.uniform(-3 if whole or name == "b" else 0, 3, shape).astype(np.float32)

    return make, inputs


def top_k(dtype):
    def make(random):
        graph, x = Graph(), shape(random)
        x[-1] = int(random.integers(1, 12))
        k = int(random.integers(1, x[-1] + 1))
        q = quantization(random, dtype)
        ids = [graph.t("x", x, dtype, **q), graph.t("k", (), "i32", data=np.int32(k))]
        out = [graph.t("values", [*x[:-1], k], dtype, **q), graph.t("indices", [*x[:-1], k], "i32")]
        graph.op("TOPK_V2", ids, out, opt("TopKV2"))
        return graph.io(ids[:1], out)

    # Few values, so that many are equal.
    return make, lambda random, name, dtype, shape: (
        random.integers(-4, 5, shape).astype(np.float32) if dtype == "f32" else
        np.clip(values(random, dtype, shape) // 16, *RANGES[dtype]).astype(NP[dtype]))


def tile(dtype, every_axis=False):
    def make(random):
        graph, x = Graph(), [2, 3, 2, 2] if every_axis else [min(n, 4) for n in shape(random)]
        times = [2, 2, 3, 2] if every_axis else [int(n) for n in random.integers(1, 4, len(x))]
        q = quantization(random, dtype)
        ids = [graph.t("x", x, dtype, **q), graph.t("multiples", (len(x),), "i32", data=np.int32(times))]
        y = graph.t("y", [a * b for a, b in zip(x, times)], dtype, **q)
        graph.op("TILE", ids, [y])
        return graph.io(ids[:1], [y])

    return make, None


def concatenation(dtype):
    def make(random):
        graph, x = Graph(), shape(random, 2, 4)
        axis = int(random.integers(0, len(x)))
        count, ids = int(random.integers(2, 4)), []
        y = quantization(random, dtype)
        for i in range(count):
            x[axis] = int(random.integers(1, 5))
            ids.append(graph.t(f"x{i}", x, dtype, **(quantization(random, dtype) if random.random() < 0.8 else y)))
        total = sum(graph.sg.tensors[i].shape[axis] for i in ids)
        out = graph.t("y", [*x[:axis], total, *x[axis + 1 :]], dtype, **y)
        graph.op("CONCATENATION", ids, [out], opt("Concatenation", axis=axis))
        return graph.io(ids, [out])

    return make, None


def log_softmax(dtype):
    def make(random):
        graph, x = Graph(), shape(random, 1, 3)
        q = dict(quantization(random, dtype))
        ids = [graph.t("x", x, dtype, **q), graph.t("y", x, dtype, scale=16 / 256, zp={"u8": 255, "i8": 127}[dtype])]
        graph.op("LOG_SOFTMAX", ids[:1], ids[1:], opt("LogSoftmax"))
        return graph.io(ids[:1], ids[1:])

    return make, None


def moves(name, dtype):
    """Operators that move elements and ignore scales, with an output of another one."""
    def make(random):
        graph, x = Graph(), shape(random, 2, 4)
        q, other = quantization(random, dtype), quantization(random, dtype)
        ids = [graph.t("x", x, dtype, **q)]
        if name == "REVERSE_V2":
            axes = graph.t("axis", (1,), "i32", data=np.int32([random.integers(0, len(x))]))
            ids, out, options = ids + [axes], x, opt("ReverseV2")
        elif name == "TRANSPOSE":
            order = random.permutation(len(x))
            ids, out, options = ids + [graph.t("order", (len(x),), "i32", data=np.int32(order))], [x[i] for i in order], opt("Transpose")
        y = graph.t("y", out, dtype, **other)
        graph.op(name, ids, [y], options)
        return graph.io(ids[:1], [y])

    return make, None


FAMILIES = {
    **{f"one_hot_{dtype}": one_hot(dtype) for dtype in ("f32", "i8", "u8", "i32", "i64", "bool")},
    "one_hot_i64_indices": one_hot("f32", "i64"),
    "pow_f32": power("f32"),
    "pow_whole_f32": power("f32", True),
    "pow_i32": power("i32"),
    **{f"topk_v2_{dtype}": top_k(dtype) for dtype in ("f32", "i8", "u8", "i16", "i32", "i64")},
    "tile_i16": tile("i16"),
    "tile_every_axis_i16": tile("i16", True),
    "tile_u8": tile("u8"),
    "concatenation_u8": concatenation("u8"),
    "concatenation_i16": concatenation("i16"),
    "log_softmax_u8": log_softmax("u8"),
    "reverse_v2_scales_i8": moves("REVERSE_V2", "i8"),
    "transpose_scales_i8": moves("TRANSPOSE", "i8"),
}


def asked(pipe, data, cases):
    it = Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    it.allocate_tensors()
    outputs = []
    for inputs in cases:
        for detail, value in zip(it.get_input_details(), inputs):
            it.set_tensor(detail["index"], value)
        it.invoke()
        outputs.append([it.get_tensor(d["index"]) for d in it.get_output_details()])
    pipe.send(outputs)


def ask(data, cases):
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=asked, args=(theirs, data, cases))
    process.start()
    theirs.close()
    try:
        outputs = ours.recv()
    except EOFError:
        outputs = None
    process.join()
    return outputs


def main():
    folder, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    types = {number: name for name, number in TYPES.items()}
    for family, (make, inputs) in FAMILIES.items():
        if len(sys.argv) > 3 and family not in sys.argv[3:]:
            continue
        for number in range(count):
            random = np.random.default_rng(zlib.crc32(f"{family} {number}".encode()))
            graph = make(random)
            data = graph.build()
            tensors = [graph.sg.tensors[i] for i in graph.sg.inputs]
            of = inputs or (lambda random, name, dtype, shape: values(random, dtype, shape))
            cases = [[of(random, t.name, types[t.type], t.shape) for t in tensors] for _ in range(CASES)]
            name = f"{family}_lite" if count == 1 else f"{family}_{number}_lite"
            outputs = ask(data, cases)
            if outputs is None:
                print(f"{name}: LiteRT refuses it")
                continue
            (folder / f"{name}.tflite").write_bytes(data)
            golden = folder / "golden" / name
            golden.mkdir(parents=True, exist_ok=True)
            for case in range(CASES):
                for role, tensors in (("in", cases[case]), ("out", outputs[case])):
                    for i, value in enumerate(tensors):
                        value.tofile(golden / f"{role}_{case}_{i}.bin")


if __name__ == "__main__":
    main()
