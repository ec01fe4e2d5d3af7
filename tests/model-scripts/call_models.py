"""A small model whose subgraphs call each other, and inputs for it.

    python3 call_models.py ../data/calls

A loop with branches inside, branches that several operators call, and a variable whose handle is passed along.
"""
import sys
from pathlib import Path

import numpy as np
from tflite_builder import Graph, Model, opt

SHAPE = [1, 4]


def nested():
    model = Model()
    main, going_on, body, halved, raised = (Graph(model, name) for name in ("main", "cond", "body", "then", "else"))

    def loop_ports(graph):
        return [graph.t("n", [1], "i32"), graph.t("x", SHAPE, "f32"), graph.t("handle", [1], "res")]

    def branch(graph, condition, x):
        y = graph.t("branch", SHAPE, "f32")
        graph.op("IF", [condition, x], [y], opt("If", thenSubgraphIndex=3, elseSubgraphIndex=4))
        return y

    def new(graph, name, operator, inputs, options):
        y = graph.t(name, SHAPE, "f32")
        graph.op(operator, inputs, [y], options)
        return y

    def read(graph, handle):
        return new(graph, "value", "READ_VARIABLE", [handle], opt("ReadVariable"))

    x, condition = main.t("x", SHAPE, "f32"), main.t("c", [1], "bool")
    handle = main.t("handle", [1], "res")
    main.op("VAR_HANDLE", [], [handle], opt("VarHandle", container="", sharedName="sum"))
    total = new(main, "total", "ADD", [read(main, handle), x], opt("Add"))
    main.op("ASSIGN_VARIABLE", [handle, total], [], opt("AssignVariable"))
    ports = loop_ports(main)
    main.op("WHILE", [main.t("0", [1], "i32", data=[0]), total, handle], ports,
            opt("While", condSubgraphIndex=1, bodySubgraphIndex=2))
    main.io([x, condition], [ports[1], branch(main, condition, ports[1]), read(main, ports[2])])

    n, x, handle = loop_ports(going_on)
    less = going_on.t("less", [1], "bool")
    going_on.op("LESS", [n, going_on.t("3", [1], "i32", data=[3])], [less], opt("Less"))
    going_on.io([n, x, handle], [less])

    n, x, handle = loop_ports(body)
    next_n, first = body.t("next", [1], "i32"), body.t("first", [1], "bool")
    body.op("ADD", [n, body.t("1", [1], "i32", data=[1])], [next_n], opt("Add"))
    body.op("LESS", [next_n, body.t("2", [1], "i32", data=[2])], [first], opt("Less"))
    chosen = branch(body, first, x)
    total = new(body, "total", "ADD", [chosen, read(body, handle)], opt("Add"))
    body.op("ASSIGN_VARIABLE", [handle, total], [], opt("AssignVariable"))
    body.io([n, x, handle], [next_n, new(body, "most", "MAXIMUM", [chosen, x], opt("MaximumMinimum")), handle])

    for graph, operator, constant in ((halved, "MUL", 0.5), (raised, "ADD", 1.0)):
        x = graph.t("x", SHAPE, "f32")
        factor = graph.t("constant", SHAPE, "f32", data=np.full(SHAPE, constant))
        graph.io([x], [new(graph, "y", operator, [x, factor], opt(operator.title()))])
    return model.build()


def main():
    folder = Path(sys.argv[1])
    goldens = folder / "golden/nested_f32"
    goldens.mkdir(parents=True, exist_ok=True)
    (folder / "nested_f32.tflite").write_bytes(nested())
    noise = np.random.default_rng(0)
    for case in range(4):
        (goldens / f"in_{case}_0.bin").write_bytes(noise.normal(size=SHAPE).astype(np.float32).tobytes())
        (goldens / f"in_{case}_1.bin").write_bytes(np.array([case % 2 == 1]).tobytes())


main()
