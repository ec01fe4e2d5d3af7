"""Models that unpack their constants with TFLM_DECODE: those of tests/data/ops named decode_*.

    python3 decode_models.py OUT_DIR [COUNT]

writes COUNT models of each coding (1 if not given), `<name>.tflite` and `golden/<name>/`. Outputs are those of TFLM's
interpreter. A decoded tensor is an output itself, and some are weights of a FULLY_CONNECTED, too.
"""
import heapq
import sys
import zlib
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from tflite_builder import NP, Graph, opt
from tflite_micro.python.tflite_micro import runtime

TYPES = ("i8", "i16", "i32", "i64", "f32")


def pack(values, width):
    """Numbers as bits, the greatest bit first."""
    bits = "".join(format(int(v), f"0{width}b") for v in values) if width else "".join(values)
    bits += "0" * (-len(bits) % 32)
    return np.frombuffer(int(bits, 2).to_bytes(len(bits) // 8, "big"), np.uint8)


def header(kind, *head):
    return bytes([kind, 1, 0, 0, 1, *head]).ljust(16, b"\0")


def channels(random, shape, dtype):
    """Scales along the first axis, along the last, or one for all."""
    axis = [None, 0, len(shape) - 1][random.integers(0, 3)]
    if dtype == "f32":
        return {}, np.zeros(int(np.prod(shape)), int), 1
    # TFLM takes no axis but the first beside one scale.
    axis = None if axis is not None and shape[axis] == 1 else axis
    count = 1 if axis is None else shape[axis]
    scale = dict(scale=random.uniform(0.01, 0.1, count), zp=np.zeros(count, int), axis=axis or 0)
    of = np.zeros(shape, int) if count == 1 else np.moveaxis(np.broadcast_to(np.arange(count), [n for i, n in enumerate(shape) if i != axis] + [count]), -1, axis)
    return scale, of.reshape(-1), count


def table(random, shape, dtype):
    width = int(random.integers(1, 8))
    quantisation, channel, count = channels(random, shape, dtype)
    stride = 1 << width
    values = numbers(random, dtype, count * stride)
    positions = random.integers(0, stride, int(np.prod(shape)))
    return header(0, width, stride) + values.tobytes(), pack(positions, width), quantisation


def pruned(random, shape, dtype):
    quantisation, _, count = channels(random, shape, dtype)
    if dtype == "i8" and random.random() < 0.7:
        quantisation["zp"] = random.integers(-128, 128, count)
    kept = random.random(int(np.prod(shape))) < 0.5
    values = numbers(random, dtype, max(1, int(kept.sum())))
    return header(2) + values.tobytes(), pack(kept.astype(int), 1), quantisation


def huffman(random, shape, dtype):
    symbols = numbers(random, dtype, int(random.integers(2, 40)))
    symbols = np.unique(symbols)
    weights = 1.0 / np.arange(1, len(symbols) + 1) ** random.uniform(0, 3)
    lengths = code_lengths(weights)
    if max(lengths) > 16 or len(symbols) < 2:
        return huffman(random, shape, dtype)
    words, code, last = {}, 0, 0
    for length, symbol in sorted(zip(lengths, symbols)):
        code <<= length - last
        words[int(symbol)] = format(code, f"0{length}b")
        code, last = code + 1, length
    first = int(random.integers(1, min(max(lengths), 8) + 1))
    wide = dtype == "i16" or bool(random.integers(0, 2))
    entries = tables(words, first, 27 if wide else 11, 0xFFFF if dtype == "i16" else 0xFF)
    chosen = random.choice(symbols, int(np.prod(shape)), p=weights / weights.sum())
    coded = pack([words[int(s)] for s in chosen], 0)
    data = np.array(entries, "<u4" if wide else "<u2").tobytes()
    quantisation, _, _ = channels(random, shape, dtype)
    return header(1, (first - 1) << 4 | wide) + data, coded, quantisation


def code_lengths(weights):
    heap = [(w, i, [i]) for i, w in enumerate(weights)]
    heapq.heapify(heap)
    lengths, unique = [0] * len(weights), len(weights)
    while len(heap) > 1:
        (a, _, left), (b, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        for i in left + right:
            lengths[i] += 1
        heapq.heappush(heap, (a + b, unique, left + right))
        unique += 1
    return lengths


def tables(words, bits, shift, mask):
    """A table for the first bits, and further ones for what is longer; entries name these by their distance."""
    entries = []
    waiting = [(None, "", bits)]
    while waiting:
        parent, prefix, bits = waiting.pop(0)
        start = len(entries)
        if parent is not None:
            entries[parent] = (bits - 1) << shift | (start - parent)
        entries += [0] * (1 << bits)
        for i in range(1 << bits):
            path = prefix + format(i, f"0{bits}b")
            found = [(s, w) for s, w in words.items() if path.startswith(w)]
            if found:
                (symbol, word), = found
                entries[start + i] = 1 << (shift + 4) | (len(word) - len(prefix)) << shift | symbol & mask
            else:
                longest = max([len(w) for w in words.values() if w.startswith(path)], default=len(path) + 1)
                if any(w.startswith(path) for w in words.values()):
                    waiting.append((start + i, path, min(8, longest - len(path))))
                else:
                    entries[start + i] = 1 << (shift + 4) | bits << shift
    return entries


def numbers(random, dtype, count):
    if dtype == "f32":
        return random.uniform(-4, 4, count).astype(np.float32)
    info = np.iinfo(NP[dtype])
    return random.integers(info.min, info.max, count, NP[dtype], endpoint=True)


def model(random, coding, dtypes):
    graph, inputs, outputs = Graph(), [], []
    for dtype in dtypes:
        shape = [int(n) for n in random.integers(1, 9, random.integers(1, 4))]
        description, coded, quantisation = coding(random, shape, dtype)
        description = np.frombuffer(description, np.uint8)
        inputs += [graph.t("coded", coded.shape, "u8", data=coded),
                   graph.t("description", description.shape, "u8", data=description)]
        outputs.append(graph.t("decoded", shape, dtype, **quantisation))
    x = graph.t("x", [2, 4], "f32")
    y = graph.t("y", [2, 4], "f32")
    graph.op("CUSTOM", inputs, outputs, custom="TFLM_DECODE")
    graph.op("RELU", [x], [y])
    return graph.io([x], [y, *outputs])


MODELS = {
    "decode_table": lambda random: model(random, table, TYPES),
    "decode_pruned": lambda random: model(random, pruned, TYPES),
    "decode_huffman": lambda random: model(random, huffman, ("i8", "i16", "i8")),
}


def main():
    folder, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for base, make in MODELS.items():
        for number in range(count):
            name = base if count == 1 else f"{base}_{number}"
            random = np.random.default_rng(zlib.crc32(name.encode()))
            graph = make(random)
            data = graph.build()
            golden = folder / "golden" / name
            golden.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.tflite").write_bytes(data)
            interpreter = runtime.Interpreter.from_bytes(data)
            for case in range(2):
                value = random.uniform(-1, 1, (2, 4)).astype(np.float32)
                interpreter.set_input(value, 0)
                interpreter.invoke()
                value.tofile(golden / f"in_{case}_0.bin")
                for i in range(len(graph.sg.outputs)):
                    interpreter.get_output(i).tofile(golden / f"out_{case}_{i}.bin")


if __name__ == "__main__":
    main()
