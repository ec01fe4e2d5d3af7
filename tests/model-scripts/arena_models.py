"""Small models of operators that only TensorFlow Lite Micro has, to measure its arena with.

    python3 arena_models.py ../data/arena

writes Fourier transforms, decoded constants, and what Arm's Vela leaves for an Ethos-U. The constants are noise: sizes
are what matters.
"""
import sys
from pathlib import Path

import numpy as np
from flatbuffers import flexbuffers
from tflite_builder import TYPES, Graph, opt

Q = dict(scale=0.5, zp=0)


def fft(dtype, length, samples=None, rows=1):
    """A forward transform of `samples`, or an inverse one."""
    graph = Graph()
    spectrum = ("spectrum", [rows, length + 2], dtype)
    options = flexbuffers.Builder()
    with options.Map():
        options.Key("T")
        options.Int(TYPES[dtype])
        options.Key("fft_length")
        options.Int(length)
    if samples is None:
        x, y, name = graph.t(*spectrum), graph.t("samples", [rows, length], dtype), "SignalIrfft"
    else:
        x, y, name = graph.t("samples", [rows, samples], dtype), graph.t(*spectrum), "SignalRfft"
    graph.op("CUSTOM", [x], [y], custom=name, custom_options=bytes(options.Finish()))
    return graph.io([x], [y])


class Decoded:
    """A graph with constants that TFLM_DECODE makes."""

    def __init__(self):
        self.graph, self.inputs, self.outputs = Graph(), [], []
        self.noise = np.random.default_rng(0)

    def bytes(self, count):
        return self.noise.integers(0, 256, count, np.uint8).tobytes()

    def add(self, kind, head, tail, coded, dtype, shape, **quantisation):
        """One constant: a header of 16 bytes and `tail` describe how `coded` bytes of noise are to be read."""
        description = np.frombuffer(bytes([kind, 1, 0, 0, 1, *head]).ljust(16, b"\0") + tail, np.uint8)
        coded = np.frombuffer(self.bytes(coded), np.uint8)
        self.inputs += [
            self.graph.t("coded", coded.shape, "u8", data=coded),
            self.graph.t("description", description.shape, "u8", data=description),
        ]
        self.outputs.append(self.graph.t("constant", shape, dtype, **quantisation))
        return self.outputs[-1]

    def table(self, bits, stride, values, *rest, **quantisation):
        return self.add(0, [bits, stride], self.bytes(values), *rest, **quantisation)

    def huffman(self, *rest, **quantisation):
        # One bit decides between two symbols.
        return self.add(1, [0], np.array([0x8005, 0x8009], "<u2").tobytes(), *rest, **quantisation)

    def pruned(self, values, *rest, **quantisation):
        return self.add(2, [], self.bytes(values), *rest, **quantisation)

    def finish(self):
        self.graph.op("CUSTOM", self.inputs, self.outputs, custom="TFLM_DECODE")
        return self.graph


def several():
    d = Decoded()
    x = d.graph.t("x", [1, 8], "i8", **Q)
    d.table(4, 16, 64, 16, "i8", [4, 8], scale=[0.5, 0.25, 0.5, 0.25])
    d.pruned(32, 8, "i8", [4, 16], scale=[0.5] * 4, zp=[1, 2, 3, 4])
    d.huffman(16, "i8", [4, 8], **Q)
    d.pruned(64, 10, "i8", [20, 4], scale=[0.5] * 20, zp=range(20))
    d.table(1, 2, 8, 4, "f32", [4, 8])
    return d.finish().io([x], d.outputs)


def pruned():
    d = Decoded()
    x = d.graph.t("x", [1, 8], "i8", **Q)
    d.pruned(64, 10, "i8", [20, 4], scale=[0.5] * 20, zp=range(20))
    return d.finish().io([x], d.outputs)


def dense():
    d = Decoded()
    x = d.graph.t("x", [1, 8], "i8", **Q)
    weights = d.table(2, 4, 4, 16, "i8", [8, 8], **Q)
    bias = d.graph.t("bias", [8], "i32", scale=0.25, data=np.zeros(8))
    y = d.graph.t("y", [1, 8], "i8", **Q)
    d.finish().op("FULLY_CONNECTED", [x, weights, bias], [y], opt("FullyConnected"))
    return d.graph.io([x], [y])


def ethos_u():
    graph = Graph()
    noise = np.random.default_rng(0).integers(0, 256, 112, np.uint8)
    memory = [
        graph.t("commands", [64], "u8", data=noise[:64]),
        graph.t("weights", [48], "u8", data=noise[64:]),
        graph.t("scratch", [256], "u8"),
        graph.t("fast", [128], "u8"),
    ]
    x = [graph.t("x", [1, 10 + i], "i8", **Q) for i in range(2)]
    y = [graph.t("y", [1, 5], "i8", **Q) for _ in range(3)]
    options = flexbuffers.Builder()
    options.Int(1)
    graph.op("CUSTOM", memory + x, y, custom="ethos-u", custom_options=bytes(options.Finish()))
    return graph.io(x, y)


MODELS = {
    "signal_rfft_i16": lambda: fft("i16", 480, 400, rows=2),
    "signal_rfft_i32": lambda: fft("i32", 20, 18),
    "signal_rfft_f32": lambda: fft("f32", 30, 20, rows=3),
    "signal_irfft_i16": lambda: fft("i16", 12),
    "signal_irfft_f32": lambda: fft("f32", 30, rows=3),
    "decode_several_i8": several,
    "decode_pruned_i8": pruned,
    "decode_dense_i8": dense,
    "ethos_u_i8": ethos_u,
}

if __name__ == "__main__":
    for name, graph in MODELS.items():
        Path(sys.argv[1], f"{name}.tflite").write_bytes(graph().build())
