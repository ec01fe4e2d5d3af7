"""Models of one layer with state: SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM of random sizes and quantisation.

    python3 recurrent_models.py ../data/ops

writes `<name>.tflite` and `golden/<name>/`: successive runs of TFLM's interpreter, whose reference kernels these are, or of LiteRT's
reference kernels where TFLM has none: of weights of int8 and activations of float32.
With a number behind the folder, it writes as many random models of each kind in place of the chosen ones.
"""
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_builder import Graph, opt
from tflite_micro.python.tflite_micro import runtime

NONE, RELU, RELU6, N1, TANH = (getattr(schema.ActivationFunctionType, name)
                               for name in ("NONE", "RELU", "RELU6", "RELU_N1_TO_1", "TANH"))
NP = {"f32": np.float32, "i8": np.int8, "i16": np.int16}


def scale(random, low, high):
    return float(np.float32(np.exp(random.uniform(np.log(low), np.log(high)))))


def weights(random, shape):
    return random.integers(-127, 128, shape)


def svdf(random, state="f32", batch=1, inputs=4, units=3, rank=1, memory=4, bias=True, activation=NONE):
    graph, filters = Graph(), units * rank
    options = opt("SVDF", rank=rank, fusedActivationFunction=activation)
    if state == "f32":
        x = graph.t("x", (batch, inputs), "f32")
        tensors = [x, graph.t("w", (filters, inputs), "f32", data=random.normal(size=(filters, inputs))),
                   graph.t("time", (filters, memory), "f32", data=random.normal(size=(filters, memory))),
                   graph.t("b", (units,), "f32", data=random.normal(size=units)),
                   graph.t("state", (batch, memory * filters), "f32", var=True)]
        y = graph.t("y", (batch, units), "f32")
    else:
        x_scale, w_scale, t_scale = (scale(random, 0.002, 0.05) for _ in range(3))
        s_scale = scale(random, 0.3, 3) * x_scale * w_scale * 127 * inputs**0.5 * (0.02 if state == "i16" else 1)
        y_scale = scale(random, 0.1, 2) * s_scale * t_scale * (1e5 if state == "i16" else 300) * (rank * memory)**0.5
        x = graph.t("x", (batch, inputs), "i8", x_scale, int(random.integers(-128, 128)))
        limits = np.iinfo(NP[state])
        b_scale = np.float32(s_scale) * np.float32(t_scale)
        tensors = [x, graph.t("w", (filters, inputs), "i8", w_scale, 0, data=weights(random, (filters, inputs))),
                   graph.t("time", (filters, memory), state, t_scale, 0,
                           data=random.integers(-limits.max, limits.max + 1, (filters, memory))),
                   graph.t("b", (units,), "i32", b_scale, 0, data=random.integers(-10**6, 10**6, units)),
                   graph.t("state", (batch, memory * filters), state, s_scale,
                           int(random.integers(-20, 20)) if state == "i8" else 0, var=True)]
        y = graph.t("y", (batch, units), "i8", y_scale, int(random.integers(-128, 128)))
    graph.op("SVDF", tensors, [y], options, version=4 if state == "i8" else 3)
    return graph.io([x], [y])


def hybrid_svdf(random, batch=1, inputs=4, units=3, rank=1, memory=4, asymmetric=False, activation=NONE):
    graph, filters = Graph(), units * rank
    x = graph.t("x", (batch, inputs), "f32")
    tensors = [x, graph.t("w", (filters, inputs), "i8", scale(random, 0.002, 0.02), 0, data=weights(random, (filters, inputs))),
               graph.t("time", (filters, memory), "i8", scale(random, 0.002, 0.02), 0, data=weights(random, (filters, memory))),
               graph.t("b", (units,), "f32", data=random.normal(size=units)),
               graph.t("state", (batch, memory * filters), "f32", var=True)]
    y = graph.t("y", (batch, units), "f32")
    options = opt("SVDF", rank=rank, fusedActivationFunction=activation, asymmetricQuantizeInputs=asymmetric)
    graph.op("SVDF", tensors, [y], options, version=4 if asymmetric else 2)
    return graph.io([x], [y])


def lstm(random, kind="f32", batch=1, steps=4, inputs=3, units=5, time_major=False, clip=0.0, hybrid=False, asymmetric=False):
    graph = Graph()
    shape = (steps, batch, inputs) if time_major else (batch, steps, inputs)
    if kind == "f32":
        quantised = lambda *_: {}
        x, hidden, cell = {}, {}, {}
        weight = lambda n, m: graph.t("w", (n, m), "f32", data=random.normal(size=(n, m)) * 0.5)
        if hybrid:
            weight = lambda n, m: graph.t("w", (n, m), "i8", scale(random, 0.002, 0.02), 0, data=weights(random, (n, m)))
        bias = lambda: graph.t("b", (units,), "f32", data=random.normal(size=units))
        cells = "f32"
    else:
        wide = kind == "i16"
        zero = lambda: 0 if wide else int(random.integers(-60, 60))
        x = dict(scale=scale(random, 0.005, 0.05) / (256 if wide else 1), zp=zero())
        hidden = dict(scale=scale(random, 0.003, 0.012) / (256 if wide else 1), zp=zero())
        cell = dict(scale=2.0 ** -int(random.integers(9, 16)), zp=0)
        weight = lambda n, m: graph.t("w", (n, m), "i8", scale(random, 0.002, 0.02), 0, data=weights(random, (n, m)))
        reach = 10**7 if wide else 10**4
        bias = lambda: graph.t("b", (units,), "i64" if wide else "i32", 1e-4, 0,
                               data=random.integers(-reach, reach, units))
        cells = "i16"
    given = graph.t("x", shape, kind, **x)
    tensors = [given] + [weight(units, inputs) for _ in range(4)] + [weight(units, units) for _ in range(4)]
    tensors += [-1] * 3 + [bias() for _ in range(4)] + [-1] * 2
    tensors += [graph.t("hidden", (batch, units), kind, var=True, **hidden),
                graph.t("cell", (batch, units), cells, var=True, **cell)] + [-1] * 4
    y = graph.t("y", shape[:2] + (units,), kind, **hidden)
    options = opt("UnidirectionalSequenceLSTM", fusedActivationFunction=TANH, cellClip=clip, timeMajor=time_major,
                  asymmetricQuantizeInputs=asymmetric)
    graph.op("UNIDIRECTIONAL_SEQUENCE_LSTM", tensors, [y], options, version=3)
    return graph.io([given], [y])


def any_svdf(random):
    state = str(random.choice(["f32", "i8", "i16"]))
    return svdf(random, state, *(int(random.integers(1, n)) for n in (4, 40, 9, 4, 13)),
                activation=int(random.choice([NONE, RELU, RELU6, N1])))


def any_lstm(random):
    kind = str(random.choice(["f32", "i8", "i16"]))
    return lstm(random, kind, *(int(random.integers(1, n)) for n in (4, 8, 20, 20)), bool(random.integers(2)),
                clip=float(random.choice([0, 0, 0.5, 3, 20])))


MODELS = {
    "svdf_f32_rank2": lambda r: svdf(r, "f32", 2, 7, 3, 2, 4, activation=RELU),
    "svdf_i8_state16": lambda r: svdf(r, "i16", 2, 7, 3, 2, 4),
    "svdf_i8_state8": lambda r: svdf(r, "i8", 1, 9, 4, 1, 5, activation=RELU),
    "unidirectional_sequence_lstm_f32_time": lambda r: lstm(r, "f32", 2, 3, 5, 6, True, 0.5),
    "unidirectional_sequence_lstm_f32_batch": lambda r: lstm(r, "f32", 2, 3, 4, 5),
    "unidirectional_sequence_lstm_i8_time": lambda r: lstm(r, "i8", 2, 3, 5, 6, True, 3.0),
    "unidirectional_sequence_lstm_i8_batch": lambda r: lstm(r, "i8", 2, 3, 4, 5),
    "unidirectional_sequence_lstm_i16_time": lambda r: lstm(r, "i16", 2, 3, 5, 6, True),
    "unidirectional_sequence_lstm_i16_batch": lambda r: lstm(r, "i16", 2, 3, 4, 5, clip=0.5),
    "svdf_hybrid": lambda r: hybrid_svdf(r, 2, 7, 3, 2, 4, activation=RELU),
    "svdf_hybrid_asymmetric": lambda r: hybrid_svdf(r, 1, 9, 4, 1, 5, asymmetric=True),
    "unidirectional_sequence_lstm_hybrid": lambda r: lstm(r, "f32", 2, 3, 4, 5, clip=0.8, hybrid=True),
    "unidirectional_sequence_lstm_hybrid_asymmetric": lambda r: lstm(r, "f32", 2, 3, 7, 6, True, hybrid=True, asymmetric=True),
}
ANY = {"svdf": any_svdf, "lstm": any_lstm}


def values(random, tensor):
    shape = tensor.shape
    if tensor.type == schema.TensorType.FLOAT32:
        return random.normal(size=shape).astype(np.float32)
    dtype = np.int8 if tensor.type == schema.TensorType.INT8 else np.int16
    limits = np.iinfo(dtype)
    if random.integers(4) == 0:
        return random.choice([limits.min, limits.max], shape).astype(dtype)
    return random.integers(limits.min, limits.max + 1, shape).astype(dtype)


def write(folder, name, graph, random, cases):
    data = graph.build()
    golden = folder / "golden" / name
    golden.mkdir(parents=True, exist_ok=True)
    (golden / "meta.json").write_text('{"golden": {"stateful": true}}\n')
    (folder / f"{name}.tflite").write_bytes(data)
    run = successive(data, "hybrid" in name)
    for case in range(cases):
        x = values(random, graph.sg.tensors[0])
        x.tofile(golden / f"in_{case}_0.bin")
        run(x).tofile(golden / f"out_{case}_0.bin")


def successive(data, lite):
    """What computes one run after another."""
    if not lite:
        it = runtime.Interpreter.from_bytes(data)

        def run(x):
            it.set_input(x, 0)
            it.invoke()
            return it.get_output(0)
        return run
    lite = Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    lite.allocate_tensors()

    def run(x):
        lite.set_tensor(lite.get_input_details()[0]["index"], x)
        lite.invoke()
        return lite.get_tensor(lite.get_output_details()[0]["index"])
    return run


def main():
    folder = Path(sys.argv[1])
    if len(sys.argv) < 3:
        for seed, (name, make) in enumerate(MODELS.items()):
            random = np.random.default_rng(seed)
            write(folder, name, make(random), random, 3)
        return
    for kind in sys.argv[3:] or ANY:
        for seed in range(int(sys.argv[2])):
            random = np.random.default_rng(seed)
            write(folder, f"{kind}_{seed}", ANY[kind](random), random, 5)


if __name__ == "__main__":
    main()
