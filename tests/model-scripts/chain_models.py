"""Small models of several movements behind each other, of which castiron makes one copy.

    python3 chain_models.py OUT_DIR [COUNT]

writes `<name>.tflite` and `golden/<name>/`, with outputs of LiteRT's reference kernels; where TFLM's interpreter takes the
model and gives others, it stops.
"""
import os
import sys
from pathlib import Path

import numpy as np
from reduction_models import answer, shape, values, with_litert, with_tflm
from tflite_builder import Graph, opt

CASES = 2
Q = dict(i8=dict(scale=0.05, zp=3), f32={})


def chain(random, dtype):
    graph, x = Graph(), shape(random, 2, 4)
    first = last = graph.t("x", x, dtype, **Q[dtype])
    names = []

    def ints(name, data, dims=None):
        data = np.int32(data)
        return graph.t(name, data.shape if dims is None else dims, "i32", data=data)

    for i in range(random.integers(2, 6)):
        rank = len(x)
        kind = random.choice(["TRANSPOSE", "TRANSPOSE", "SLICE", "STRIDED_SLICE", "RESHAPE", "RESHAPE", "REVERSE_V2", "TILE",
                              "EXPAND_DIMS", "SPLIT"])
        options, inputs, version = None, [], 1
        outs = 1
        if kind == "TRANSPOSE":
            order = [int(a) for a in random.permutation(rank)]
            y, inputs = [x[a] for a in order], [ints(f"order{i}", order)]
        elif kind == "SLICE":
            begin = [int(random.integers(n)) for n in x]
            y = [int(random.integers(1, n - b + 1)) for n, b in zip(x, begin)]
            inputs, version = [ints(f"begin{i}", begin), ints(f"size{i}", y)], 2
        elif kind == "STRIDED_SLICE":
            strides = [int(random.choice([1, 1, 2])) for _ in x]
            y = [-(-n // s) for n, s in zip(x, strides)]
            inputs = [ints(f"begin{i}", [0] * rank), ints(f"end{i}", x), ints(f"strides{i}", strides)]
            options, version = opt("StridedSlice"), 2
        elif kind == "RESHAPE":
            elements = int(np.prod(x))
            y = []
            for _ in range(random.integers(1, 4)):
                divisors = [d for d in range(1, elements + 1) if elements % d == 0]
                y.append(int(random.choice(divisors)))
                elements //= y[-1]
            y.append(elements)
            inputs, options = [ints(f"shape{i}", y)], opt("Reshape", newShape=y)
        elif kind == "REVERSE_V2":
            y, inputs = list(x), [ints(f"axis{i}", [random.integers(rank)])]
            options = opt("ReverseV2")
        elif kind == "TILE":
            if np.prod(x) > 200:
                continue
            times = [int(random.choice([1, 1, 2])) for _ in x]
            y, inputs, options = [n * t for n, t in zip(x, times)], [ints(f"times{i}", times)], opt("Tile")
            version = 3 if dtype == "i8" else 1
        elif kind == "SPLIT":
            axis = int(random.integers(rank))
            if i == 0 or x[axis] % 2:
                continue
            # The other half is an output of its own.
            y = [n // 2 if a == axis else n for a, n in enumerate(x)]
            options, outs, version = opt("Split", numSplits=2), 2, 2
        else:
            if rank == 5:
                continue
            axis = int(random.integers(rank + 1))
            y, inputs, options = x[:axis] + [1] + x[axis:], [ints(f"axis{i}", axis, ())], opt("ExpandDims")
        ids = [graph.t(f"t{i}_{o}", y, dtype, **Q[dtype]) for o in range(outs)]
        read = [ints(f"axis{i}", axis, ()), last] if kind == "SPLIT" else [last, *inputs]
        graph.op(kind, read, ids, options, version=version)
        names.append(kind)
        last, x = ids[0], list(y)
        if outs == 2:
            break
    return graph.io([first], [last]), names


def main(folder, count):
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    by = {"both": 0, "LiteRT": 0, "none": 0}
    for number in range(count):
        dtype = ("f32", "i8")[number % 2]
        random = np.random.default_rng(7000 + number)
        graph, names = chain(random, dtype)
        if not names:
            continue
        model, name = graph.build(), f"chain_{dtype}_{number}"
        cases = [[values(random, graph.sg.tensors[graph.sg.inputs[0]].shape, dtype)] for _ in range(CASES)]
        cases = [[np.array(v, np.int8 if dtype == "i8" else np.float32)] for [v] in cases]
        lite, micro = answer(with_litert, model, cases), answer(with_tflm, model, cases)
        if lite is None and micro is None:
            by["none"] += 1
            print("none", name, names)
            continue
        if lite is not None and micro is not None:
            assert all((a.ravel() == b.ravel()).all() for a, b in zip(lite, micro)), (name, names)
        by["LiteRT" if micro is None else "both"] += 1
        golden = folder / "golden" / name
        golden.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.tflite").write_bytes(model)
        for case, ([value], output) in enumerate(zip(cases, lite or micro)):
            value.tofile(golden / f"in_{case}_0.bin")
            np.ascontiguousarray(output).tofile(golden / f"out_{case}_0.bin")
    print(by)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 4)
