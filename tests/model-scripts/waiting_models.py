"""Models whose runs may end before there are outputs: tests/data/waiting.

    python3 waiting_models.py OUT_DIR

`waiting_i8` has two buffers with a convolution behind each: the first goes on in every second run, the second in every third of those. In
the others a buffer lies in a subgraph: `waiting_branch_i8` has two IFs that run it, `waiting_loop_i8` a WHILE with as many turns as an input
says, `waiting_once_i8` a CALL_ONCE that gives a variable its first value, and `waiting_entries_i8` an IF whose branches are signatures, too.
The outputs are those of successive runs of TFLM's interpreter; a run that it ends has none.
"""
import json
import pathlib
import sys

import numpy as np
from ai_edge_litert import schema_py_generated as S
from flatbuffers import flexbuffers
from tflite_builder import Graph, Model, opt
from tflite_micro.python.tflite_micro import runtime

CASES = 13
SCALE = 0.05
FRAME = (1, 1, 1, 4)
out = pathlib.Path(sys.argv[1])
random = np.random.default_rng(7)


def wait(g, x, name, shape, cycles, scale=SCALE):
    kept = g.t(name, shape, "i8", scale, 0, var=True)
    g.op("CUSTOM", [x], [kept], custom="CIRCULAR_BUFFER", custom_options=flexbuffers.Dumps({"cycles_max": cycles}))
    return kept


def stage(g, x, number, slots, channels, cycles):
    scale = SCALE * number
    kept = wait(g, x, f"kept{number}", (1, slots, 1, channels), cycles, scale)
    weights = g.t(f"weights{number}", (3, slots, 1, channels), "i8", (0.02,) * 3, (0,) * 3, 0,
                  data=random.integers(-127, 128, (3, slots, 1, channels)))
    bias = g.t(f"bias{number}", (3,), "i32", (0.02 * scale,) * 3, (0,) * 3, 0, data=random.integers(-900, 900, 3))
    y = g.t(f"conv{number}", (1, 1, 1, 3), "i8", 0.05 * (number + 1), 0)
    g.op("CONV_2D", [kept, weights, bias], [y], opt("Conv2D", strideH=1, strideW=1, padding=S.Padding.VALID), 3)
    return y


def frame(g, name):
    return g.t(name, FRAME, "i8", SCALE, 0)


def greatest(g, x, name):
    """Of each channel, the greatest of the slots."""
    y = frame(g, name)
    g.op("REDUCE_MAX", [x, g.t(f"{name}_axes", [1], "i32", data=[1])], [y], opt("Reducer", keepDims=True))
    return y


def extreme(g, operator, x, z, name):
    y = frame(g, name)
    g.op(operator, [x, z], [y], opt("MaximumMinimum"))
    return y


def waiting(model, name, cycles):
    """A subgraph that goes on in one of so many runs, with the greatest of the last three inputs."""
    g = Graph(model, name)
    x = frame(g, f"{name}_x")
    return g.io([x], [greatest(g, wait(g, x, f"{name}_kept", (1, 3, 1, 4), cycles), f"{name}_y")])


def limited(model, name):
    """A subgraph that never waits."""
    g = Graph(model, name)
    x = frame(g, f"{name}_x")
    most = g.t(f"{name}_most", FRAME, "i8", SCALE, 0, data=[10, 20, 30, 40])
    return g.io([x], [extreme(g, "MINIMUM", x, most, f"{name}_y")])


def stages():
    g = Graph()
    x = g.t("x", FRAME, "i8", SCALE, 0)
    y = stage(g, x, 1, 4, 4, 2)
    y = stage(g, y, 2, 3, 3, 3)
    return g.io([x], [y]).build()


def branch():
    model = Model()
    g = Graph(model)
    waiting(model, "then", 2)
    limited(model, "else")
    x, conditions = frame(g, "x"), [g.t(f"c{i}", [1], "bool") for i in range(2)]
    y = x
    for i, condition in enumerate(conditions):
        x, y = y, frame(g, f"if{i}")
        g.op("IF", [condition, x], [y], opt("If", thenSubgraphIndex=1, elseSubgraphIndex=2))
    y = extreme(g, "MAXIMUM", x, y, "y")
    return g.io([g.sg.operators[0].inputs[1], *conditions], [y]).build()


def loop():
    model = Model()
    g, test, body = (Graph(model, name) for name in ("main", "test", "body"))
    n, x = test.t("test_n", [1], "i32"), frame(test, "test_x")
    more = test.t("more", [1], "bool")
    test.op("GREATER", [n, test.t("0", [1], "i32", data=[0])], [more], opt("Greater"))
    test.io([n, x], [more])
    n, x = body.t("body_n", [1], "i32"), frame(body, "body_x")
    left = body.t("left", [1], "i32")
    body.op("SUB", [n, body.t("1", [1], "i32", data=[1])], [left], opt("Sub"))
    body.io([n, x], [left, greatest(body, wait(body, x, "kept", (1, 3, 1, 4), 2), "body_y")])
    n, x = g.t("n", [1], "i32"), frame(g, "x")
    left, y = g.t("none", [1], "i32"), frame(g, "y")
    g.op("WHILE", [n, x], [left, y], opt("While", condSubgraphIndex=1, bodySubgraphIndex=2))
    return g.io([n, x], [extreme(g, "MINIMUM", x, y, "least")]).build()


def variable(g):
    handle = g.t("handle", [1], "res")
    g.op("VAR_HANDLE", [], [handle], opt("VarHandle", container="", sharedName="kept"))
    return handle


def once():
    model = Model()
    g, first = Graph(model), Graph(model, "first")
    x = first.t("constant", FRAME, "i8", SCALE, 0, data=[5, -6, 7, -8])
    kept = greatest(first, wait(first, x, "first_kept", (1, 2, 1, 4), 3), "first_y")
    first.op("ASSIGN_VARIABLE", [variable(first), kept], [], opt("AssignVariable"))
    first.io([], [])
    g.op("CALL_ONCE", [], [], opt("CallOnce", initSubgraphIndex=1))
    x, handle, value = frame(g, "x"), variable(g), frame(g, "value")
    g.op("READ_VARIABLE", [handle], [value], opt("ReadVariable"))
    y = extreme(g, "MAXIMUM", x, value, "y")
    g.op("ASSIGN_VARIABLE", [handle, y], [], opt("AssignVariable"))
    return g.io([x], [y]).build()


def entries():
    model = Model()
    g = Graph(model)
    parts = [waiting(model, "push", 2), limited(model, "limit")]
    x, condition, y = frame(g, "x"), g.t("c", [1], "bool"), frame(g, "y")
    g.op("IF", [condition, x], [y], opt("If", thenSubgraphIndex=1, elseSubgraphIndex=2))
    g.io([x, condition], [y])
    for index, part in enumerate([g, *parts]):
        signature = S.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = ["either", "push", "limit"][index], index
        signature.inputs, signature.outputs = [], []
        for maps, ids in ((signature.inputs, part.sg.inputs), (signature.outputs, part.sg.outputs)):
            for name, tensor in zip(("x", "c") if maps is signature.inputs else ("y",), ids):
                entry = S.TensorMapT()
                entry.name, entry.tensorIndex = name, tensor
                maps.append(entry)
        model.signatures.append(signature)
    return model.build()


def number():
    return random.integers(-128, 128, FRAME).astype(np.int8)


def truth():
    return np.array([random.integers(2) == 1])


def turns():
    return np.array([random.choice([0, 1, 1, 1, 2])], np.int32)


MODELS = {
    "waiting_i8": (stages, [number]),
    "waiting_branch_i8": (branch, [number, truth, truth]),
    "waiting_loop_i8": (loop, [turns, number]),
    "waiting_once_i8": (once, [number]),
    "waiting_entries_i8": (entries, [number, truth]),
}
out.mkdir(parents=True, exist_ok=True)
for name, (build, inputs) in MODELS.items():
    model = build()
    (out / f"{name}.tflite").write_bytes(model)
    folder = out / "golden" / name
    folder.mkdir(parents=True)
    it = runtime.Interpreter.from_bytes(model, arena_size=1 << 16)
    ended = []
    for case in range(CASES):
        for i, draw in enumerate(inputs):
            values = draw()
            it.set_input(values, i)
            values.tofile(folder / f"in_{case}_{i}.bin")
        ended.append(it.invoke() != 0)
        if not ended[-1]:
            np.asarray(it.get_output(0)).tofile(folder / f"out_{case}_0.bin")
    print(name, "".join("-" if end else "+" for end in ended))
    (folder / "meta.json").write_text(json.dumps({"golden": {"kernels": "tflite_micro", "stateful": True}}, indent=1) + "\n")
