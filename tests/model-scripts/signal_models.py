"""Models of one operator of TFLM's signal library.

    python3 signal_models.py ../data/ops [HOW_MANY]

writes `<name>.tflite` and `golden/<name>/`: successive runs of TFLM's interpreter. With a number, it writes as many random
models of each operator in place of one of each type.
"""
import sys
from pathlib import Path

import numpy as np
from flatbuffers import flexbuffers
from tflite_builder import NP, Graph
from tflite_micro.python.tflite_micro import runtime

KEYS = {"i16": 7, "i32": 2, "f32": 0}


def options(**values):
    return flexbuffers.Dumps({key: values[key] for key in sorted(values)})


def op(graph, name, ins, outs, **values):
    graph.op("CUSTOM", ins, outs, custom=name, custom_options=options(**values) if values else b"")
    return graph.io([i for i in ins if not graph.sg.tensors[i].buffer], outs)


def window(r):
    g, n = Graph(), int(r.integers(1, 40))
    rows = int(r.integers(1, 4))
    x, y = g.t("x", (rows, n), "i16"), g.t("y", (rows, n), "i16")
    w = g.t("w", (n,), "i16", data=r.integers(-32768, 32768, n))
    return op(g, "SignalWindow", [x, w], [y], shift=int(r.integers(10, 16)))


def auto_scale(r):
    g, n = Graph(), int(r.integers(1, 40))
    x, y, b = g.t("x", (n,), "i16"), g.t("y", (n,), "i16"), g.t("b", (), "i32")
    return op(g, "SignalFftAutoScale", [x], [y, b])


def fft(r, inverse, dtype):
    g = Graph()
    n = int(r.choice([4, 6, 8, 10, 12, 16, 20, 24, 30, 32, 40, 64, 90, 120, 128]))
    if inverse:
        x, y = g.t("x", (n + 2,), dtype), g.t("y", (n,), dtype)
    else:
        x, y = g.t("x", (int(r.integers(max(1, n // 2), n + 1)),), dtype), g.t("y", (n + 2,), dtype)
    return op(g, "SignalIrfft" if inverse else "SignalRfft", [x], [y], T=KEYS[dtype], fft_length=n)


def energy(r):
    g, n = Graph(), int(r.integers(2, 40))
    x, y = g.t("x", (2 * n,), "i16"), g.t("y", (n,), "u32")
    return op(g, "SignalEnergy", [x], [y], start_index=0, end_index=n)


def filter_bank(r):
    g, channels = Graph(), int(r.integers(1, 12))
    widths = r.integers(1, 6, channels + 1)
    starts = np.cumsum(widths) - widths
    n = int(widths.sum())
    x = g.t("x", (n,), "u32")
    lists = [r.integers(0, 4097, n), r.integers(0, 4097, n), starts, starts, widths]
    tensors = [g.t(f"l{i}", (len(v),), "i16", data=v) for i, v in enumerate(lists)]
    y = g.t("y", (channels,), "u64")
    return op(g, "SignalFilterBank", [x, *tensors], [y], num_channels=channels)


def root(r):
    g, n = Graph(), int(r.integers(1, 40))
    x, b, y = g.t("x", (n,), "u64"), g.t("b", (), "i32", data=r.integers(0, 12)), g.t("y", (n,), "u32")
    return op(g, "SignalFilterBankSquareRoot", [x, b], [y])


def subtraction(r):
    g, n = Graph(), int(r.integers(1, 40))
    x, y, noise = (g.t(name, (n,), "u32") for name in ("x", "y", "n"))
    smoothing, other = (int(v) for v in r.integers(1, 16384, 2))
    return op(g, "SignalFilterBankSpectralSubtraction", [x], [y, noise], num_channels=n, smoothing=smoothing,
              one_minus_smoothing=16384 - smoothing, alternate_smoothing=other, alternate_one_minus_smoothing=16384 - other,
              smoothing_bits=int(r.integers(0, 11)), spectral_subtraction_bits=14, clamping=bool(r.integers(2)),
              min_signal_remaining=int(r.integers(0, 16384)))


def pcan(r):
    g, n = Graph(), int(r.integers(1, 40))
    x, noise, y = (g.t(name, (n,), "u32") for name in ("x", "n", "y"))
    gains = g.t("g", (125,), "i16", data=r.integers(-32768, 32768, 125))
    return op(g, "SignalPCAN", [x, noise, gains], [y], snr_shift=int(r.integers(0, 20)))


def log(r):
    g, n = Graph(), int(r.integers(1, 40))
    x, y = g.t("x", (n,), "u32"), g.t("y", (n,), "i16")
    return op(g, "SignalFilterBankLog", [x], [y], input_correction_bits=int(r.integers(0, 8)),
              output_scale=int(r.integers(1, 3000)))


def framer(r):
    g, step, steps, rows = Graph(), int(r.integers(1, 10)), int(r.integers(1, 4)), int(r.integers(1, 3))
    frame = int(r.integers(step, 4 * step + 1))
    x, y, v = g.t("x", (rows, steps * step), "i16"), g.t("y", (rows, steps, frame), "i16"), g.t("v", (), "bool")
    return op(g, "SignalFramer", [x], [y, v], frame_size=frame, frame_step=step,
              prefill=steps > 1 or bool(r.integers(2)))


def stacker(r):
    g, channels, left, right = Graph(), int(r.integers(1, 8)), int(r.integers(0, 4)), int(r.integers(0, 4))
    x, y, v = g.t("x", (channels,), "i16"), g.t("y", (channels * (left + right + 1),), "i16"), g.t("v", (), "bool")
    return op(g, "SignalStacker", [x], [y, v], num_channels=channels, stacker_left_context=left,
              stacker_right_context=right, stacker_step=int(r.integers(1, left + right + 2)))


def overlap_add(r, dtype):
    g, frame, frames, rows = Graph(), int(r.integers(1, 20)), int(r.integers(1, 4)), int(r.integers(1, 3))
    step = int(r.integers(1, frame + 1))
    x, y = g.t("x", (rows, frames, frame), dtype), g.t("y", (rows, frames * step), dtype)
    return op(g, "SignalOverlapAdd", [x], [y], T=KEYS[dtype], frame_step=step)


def delay(r):
    g, n, rows = Graph(), int(r.integers(1, 12)), int(r.integers(1, 3))
    x, y = g.t("x", (rows, n), "i16"), g.t("y", (rows, n), "i16")
    return op(g, "SignalDelay", [x], [y], delay_length=int(r.integers(0, 30)))


MODELS = {
    "signal_window_i16": window, "signal_auto_scale_i16": auto_scale, "signal_energy_i16": energy,
    "signal_filter_bank_u32": filter_bank, "signal_root_u64": root, "signal_subtraction_u32": subtraction,
    "signal_pcan_u32": pcan, "signal_log_u32": log, "signal_framer_i16": framer, "signal_stacker_i16": stacker,
    "signal_delay_i16": delay,
    **{f"signal_overlap_add_{t}": lambda r, t=t: overlap_add(r, t) for t in ("i16", "f32")},
    **{f"signal_rfft_{t}": lambda r, t=t: fft(r, False, t) for t in KEYS},
    **{f"signal_irfft_{t}": lambda r, t=t: fft(r, True, t) for t in KEYS},
}


def values(r, tensor):
    dtype = np.dtype({0: "f4", 2: "i4", 7: "i2", 15: "u4", 12: "u8"}[tensor.type])
    if dtype.kind == "f":
        return r.normal(size=tensor.shape).astype(dtype)
    low, high = (0, 2**62) if dtype.itemsize == 8 else (np.iinfo(dtype).min, int(np.iinfo(dtype).max) + 1)
    x = r.integers(low, high, tensor.shape)
    return (x >> int(r.integers(0, 8 * dtype.itemsize))).astype(dtype)


def write(folder, name, graph, r, cases):
    data = graph.build()
    it = runtime.Interpreter.from_bytes(data)
    golden = folder / "golden" / name
    golden.mkdir(parents=True, exist_ok=True)
    (golden / "meta.json").write_text('{"golden": {"stateful": true}}\n')
    (folder / f"{name}.tflite").write_bytes(data)
    tensors = graph.sg.tensors
    is_stream = len(graph.sg.outputs) == 2 and tensors[graph.sg.outputs[1]].name == "v"
    for case in range(cases):
        for i, at in enumerate(graph.sg.inputs):
            x = values(r, tensors[at])
            it.set_input(x, i)
            x.tofile(golden / f"in_{case}_{i}.bin")
        it.invoke()
        outputs = [it.get_output(i) for i in range(len(graph.sg.outputs))]
        # What is not valid is left as it was there, and zeros here.
        if is_stream and not outputs[1]:
            outputs[0] = np.zeros_like(outputs[0])
        for i, y in enumerate(outputs):
            y.tofile(golden / f"out_{case}_{i}.bin")


def main():
    folder = Path(sys.argv[1])
    many = int(sys.argv[2]) if len(sys.argv) > 2 else None
    for name, make in MODELS.items():
        for seed in range(many or 1):
            r = np.random.default_rng(seed)
            graph = make(r)
            label = name if many is None else f"{name}_{seed}"
            try:
                write(folder, label, graph, r, 4 if many is None else 8)
            except (RuntimeError, ValueError) as wrong:
                print(label, wrong)
                if many:
                    break


if __name__ == "__main__":
    main()
