"""Small models of one operator that takes in many elements: reductions, positions, running sums, selections.

    python3 reduction_models.py OUT_DIR [COUNT [FAMILY ...]]

writes COUNT models of each family and type (2 if not given), `<name>.tflite` and `golden/<name>/`. Outputs are those of
TFLM's interpreter; where it refuses a model, those of LiteRT's reference kernels. It says which, and where both run and
differ. Every model is asked in a process of its own, as a reference may stop the whole process.
"""
import multiprocessing
import sys
import zlib
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_builder import NP, TYPES, Graph, opt
from tflite_micro.python.tflite_micro import runtime

CASES = 2
QUANTIZED = ("i8", "u8", "i16")


def shape(random, least=0, most=6):
    rank = int(random.integers(least, most + 1))
    largest = {0: 1, 1: 40, 2: 12, 3: 7, 4: 5}.get(rank, 3)
    return [int(n) for n in random.integers(1, largest + 1, rank)]


def quantization(random, dtype):
    """A scale and a zero point, or none."""
    if dtype not in QUANTIZED:
        return {}
    scale = float(np.float32(10 ** random.uniform(-2.5, -0.5)))
    low, high = {"i8": (-128, 127), "u8": (0, 255), "i16": (0, 0)}[dtype]
    return dict(scale=scale, zp=int(random.integers(low, high + 1)))


def axes(random, rank):
    """Any axes, some of them negative, repeated or none at all."""
    if rank == 0:
        return []
    chosen = list(random.permutation(rank)[: random.integers(0 if random.random() < 0.1 else 1, rank + 1)])
    if chosen and random.random() < 0.1:
        chosen.append(chosen[0])
    return [int(a) - (rank if random.random() < 0.3 else 0) for a in chosen]


def without(x, reduced, keep):
    reduced = {a % len(x) for a in reduced} if x else set()
    return [1 if i in reduced else n for i, n in enumerate(x) if keep or i not in reduced]


def reduction(name, dtype, same, version=3):
    def make(random):
        graph, x = Graph(), shape(random)
        if dtype == "bool" or name == "REDUCE_PROD":
            x = [min(n, 3) for n in x][:4]
        reduced, keep = axes(random, len(x)), bool(random.integers(2))
        q = quantization(random, dtype)
        out = without(x, reduced, keep)
        y = q if same or not q else quantization(random, dtype)
        if name == "REDUCE_PROD" and q:
            q["scale"] = float(np.float32(random.uniform(0.01, 0.05)))
            y = dict(y, scale=float(np.float32(random.uniform(0.005, 0.5))))
        if name == "SUM" and q:
            count = np.prod(x) / np.prod(out)
            y["scale"] = float(np.float32(q["scale"] * count ** random.uniform(0.3, 1.1)))
        if name == "MEAN" and q:
            y["scale"] = float(np.float32(q["scale"] * random.uniform(0.2, 1.5)))
        a = graph.t("axes", (len(reduced),), "i32", data=np.int32(reduced))
        ids = [graph.t("x", x, dtype, **q), graph.t("y", out, dtype, **y)]
        graph.op(name, [ids[0], a], ids[1:], opt("Reducer", keepDims=keep), version=version)
        return graph.io(ids[:1], ids[1:])

    return make


def position(name, dtype, index):
    def make(random):
        graph, x = Graph(), shape(random, 1, 5)
        axis = int(random.integers(-len(x), len(x)))
        a = graph.t("axis", (1,) if random.integers(2) else (), "i32", data=np.int32([axis]))
        ids = [graph.t("x", x, dtype, **quantization(random, dtype)), graph.t("y", without(x, [axis], False), index)]
        graph.op(name, [ids[0], a], ids[1:], opt(name.title().replace("_", ""), outputType=TYPES[index]), version=2)
        return graph.io(ids[:1], ids[1:])

    return make


def cumsum(dtype):
    def make(random):
        graph, x = Graph(), shape(random, 1, 5)
        a = graph.t("axis", (1,), "i32", data=np.int32([random.integers(-len(x), len(x))]))
        q, y = quantization(random, dtype), quantization(random, dtype)
        ids = [graph.t("x", x, dtype, **q), graph.t("y", x, dtype, **y)]
        options = opt("Cumsum", exclusive=bool(random.integers(2)), reverse=bool(random.integers(2)))
        graph.op("CUMSUM", [ids[0], a], ids[1:], options)
        return graph.io(ids[:1], ids[1:])

    return make


def add_n(dtype):
    def make(random):
        graph, x, q = Graph(), shape(random, 1, 4), quantization(random, dtype)
        inputs = [graph.t(f"x{i}", x, dtype, **q) for i in range(random.integers(2, 5))]
        listed = inputs + ([inputs[0]] if random.random() < 0.2 else [])
        y = graph.t("y", x, dtype, **quantization(random, dtype))
        graph.op("ADD_N", listed, [y], opt("AddN"))
        return graph.io(inputs, [y])

    return make


def select(name, dtype):
    def make(random):
        graph, q = Graph(), quantization(random, dtype)
        whole = shape(random, 0, 4 if name == "SELECT" else 5)
        shapes = [whole] * 3
        if name == "SELECT" and whole and random.random() < 0.5:
            shapes = [whole[:1], whole, whole]
        if name == "SELECT_V2":
            def repeated():
                part = [1 if random.random() < 0.3 else n for n in whole]
                return part[random.integers(len(part) + 1):] if random.random() < 0.3 else part
            shapes = [repeated() for _ in range(3)]
            whole = list(np.broadcast_shapes(*shapes))
        constant = random.integers(0, 8)
        ids = []
        for i, (part, kind) in enumerate(zip(shapes, ("bool", dtype, dtype))):
            data = values(random, part, kind) if constant == i else None
            ids.append(graph.t("cab"[i], part, kind, data=data, **(q if i else {})))
        y = graph.t("y", whole, dtype, **q)
        graph.op(name, ids, [y], opt(name.title().replace("_", "")))
        return graph.io([id for i, id in enumerate(ids) if i != constant], [y])

    return make


def broadcast_args(dtype):
    def make(random):
        graph = Graph()
        x = [int(n) for n in random.integers(1, 6, 2)]
        ids = [graph.t(f"x{i}", (n,), dtype) for i, n in enumerate(x)]
        y = graph.t("y", (max(x),), dtype)
        graph.op("BROADCAST_ARGS", ids, [y])
        return graph.io(ids, [y])

    return make


FAMILIES = {}
for name in ("REDUCE_MAX", "REDUCE_MIN"):
    FAMILIES[name.lower()] = {t: reduction(name, t, True) for t in ("f32", "i8", "i16", "u8", "i32", "i64")}
FAMILIES["reduce_prod"] = {t: reduction("REDUCE_PROD", t, False, 2) for t in ("f32", "i8", "i16", "i32", "i64")}
FAMILIES["reduce_all"] = {"bool": reduction("REDUCE_ALL", "bool", True, 1)}
FAMILIES["reduce_any"] = {"bool": reduction("REDUCE_ANY", "bool", True, 1)}
for name in ("SUM", "MEAN"):
    FAMILIES[name.lower()] = {t: reduction(name, t, False, 2) for t in ("f32", "i8", "i16", "u8", "i32", "i64")}
for name in ("ARG_MAX", "ARG_MIN"):
    FAMILIES[name.lower()] = {f"{t}_{index}": position(name, t, index)
                              for t in ("f32", "i8", "u8", "i32") for index in ("i32", "i64")}
FAMILIES["cumsum"] = {t: cumsum(t) for t in ("f32", "i8", "i32", "i64")}
FAMILIES["add_n"] = {t: add_n(t) for t in ("f32", "i8", "i32")}
for name in ("SELECT", "SELECT_V2"):
    FAMILIES[name.lower()] = {t: select(name, t) for t in ("f32", "i8", "i16", "u8", "bool", "i32", "i64")}
FAMILIES["broadcast_args"] = {t: broadcast_args(t) for t in ("i32", "i64")}


def values(random, shape, dtype):
    if dtype == "f32":
        return np.float32(random.uniform(-2, 2, shape))
    if dtype == "bool":
        return random.random(shape) < random.choice([0.1, 0.5, 0.9])
    if dtype in ("i32", "i64"):
        return random.integers(-9, 10, shape).astype(NP[dtype])
    limits = np.iinfo(NP[dtype])
    return random.integers(limits.min, limits.max + 1, shape).astype(NP[dtype])


def sizes(random, shape, family):
    """Shapes that broadcast, as BROADCAST_ARGS takes them."""
    whole = random.integers(1, 9, 5)
    return [np.where(random.random(n[0]) < 0.4, 1, whole[5 - n[0]:]) for n in shape]


def with_tflm(model, inputs):
    interpreter = runtime.Interpreter.from_bytes(model)
    for i, value in enumerate(inputs):
        interpreter.set_input(value, i)
    interpreter.invoke()
    return interpreter.get_output(0)


def with_litert(model, inputs):
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def ask(reference, model, cases, pipe):
    try:
        pipe.send([reference(model, inputs) for inputs in cases])
    except Exception as error:  # noqa: BLE001 - whatever the reference says
        pipe.send(str(error))


def answer(reference, model, cases):
    """Outputs of each case; `None` if the reference does not give them."""
    here, there = multiprocessing.Pipe(False)
    process = multiprocessing.Process(target=ask, args=(reference, model, cases, there))
    process.start()
    there.close()
    try:
        found = here.recv()
    except EOFError:
        found = None
    process.join()
    return found if isinstance(found, list) else None


def main(folder, count, families):
    import os
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for family, types in FAMILIES.items():
        if families and family not in families:
            continue
        said = []
        for dtype, make in types.items():
            made, by = 0, {"TFLM": 0, "LiteRT": 0, "none": 0, "differ": 0}
            while made < count:
                name = f"{family}_{dtype}_r{made}"
                made += 1
                random = np.random.default_rng(zlib.crc32(name.encode()))
                graph = make(random)
                model = graph.build()
                tensors = [graph.sg.tensors[i] for i in graph.sg.inputs]
                kinds = {number: name for name, number in TYPES.items()}
                cases = []
                for _ in range(CASES):
                    if family == "broadcast_args":
                        shapes = sizes(random, [t.shape for t in tensors], family)
                        cases.append([np.array(s, NP[kinds[t.type]]) for s, t in zip(shapes, tensors)])
                    else:
                        cases.append([values(random, t.shape, kinds[t.type]) for t in tensors])
                    cases[-1] = [np.array(value, NP[kinds[t.type]]).reshape(t.shape)
                                 for value, t in zip(cases[-1], tensors)]
                micro, lite = answer(with_tflm, model, cases), answer(with_litert, model, cases)
                outputs = micro if micro is not None else lite
                by["none" if outputs is None else "LiteRT" if micro is None else "TFLM"] += 1
                if micro is not None and lite is not None and not all(
                        np.allclose(a.ravel(), b.ravel(), 1e-5, 1e-5) for a, b in zip(micro, lite)):
                    by["differ"] += 1
                if outputs is None:
                    continue
                golden = folder / "golden" / name
                golden.mkdir(parents=True, exist_ok=True)
                (folder / f"{name}.tflite").write_bytes(model)
                for case, (inputs, output) in enumerate(zip(cases, outputs)):
                    for i, value in enumerate(inputs):
                        value.tofile(golden / f"in_{case}_{i}.bin")
                    np.ascontiguousarray(output).tofile(golden / f"out_{case}_0.bin")
            said.append(f"{dtype}: " + ", ".join(f"{n} {who}" for who, n in by.items() if n))
        print(f"{family}: {'; '.join(said)}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2, sys.argv[3:])
