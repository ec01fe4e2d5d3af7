#!/usr/bin/env python3
"""Ask TensorFlow Lite Micro's own interpreter what it makes of models.

    python3 tflm_verdicts.py MODEL...          prints JSON: path -> {"verdict": ..., "message": ...}
    python3 tflm_verdicts.py --version         prints the version of tflite_micro

A verdict is one of
    runs      it computes what the goldens beside the model say, where there are any
    differs   it computes something else than the goldens
    refuses   AllocateTensors() or Invoke() fails; the message is TFLM's
    crashes   the process dies, as TFLM's checks abort; the message is TFLM's

Of a model that runs and has no goldens, LiteRT's reference kernels are asked too, where `ai_edge_litert` is there: "reference"
says what they have against it, or nothing.

Each model is asked in a process of its own, as a crash takes the process with it.
"""
from __future__ import annotations

import argparse
import json
import os
import pathlib
import signal
import sys
import tempfile

import numpy as np
import tflite_micro
from tflite_micro import runtime

try:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
except ImportError:
    Interpreter = None

ARENA = 64 << 20
SECONDS = 60
# Floats of two implementations differ a little: relative to the output's greatest magnitude.
TOLERANCE = 1e-4


def goldens(model: pathlib.Path) -> dict[str, bytes]:
    """The tensors of the model's goldens by name: of a .safetensors file, or of a folder."""
    file = model.parent / "golden" / f"{model.stem}.safetensors"
    if file.is_file():
        data = file.read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        tensors = {name: about["data_offsets"] for name, about in json.loads(data[8:start]).items() if name != "__metadata__"}
        return {name: data[start + begin:start + end] for name, (begin, end) in tensors.items()}
    for folder in (model.parent / "golden" / model.stem, model.parent):
        if (folder / "out_0_0.bin").is_file():
            return {path.stem: path.read_bytes() for path in folder.glob("*_*_*.bin")}
    return {}


def interpreter(data: bytes):
    return runtime.Interpreter(data, [], ARENA)


def ports(data: bytes) -> tuple[int, int]:
    """Number of inputs and outputs of subgraph 0."""
    graph = runtime.convert_bytearray_to_object(data).subgraphs[0]
    count = lambda ids: 0 if ids is None else len(ids)
    return count(graph.inputs), count(graph.outputs)


def close(found: np.ndarray, expected: np.ndarray) -> bool:
    if found.dtype.kind != "f":
        # Goldens of TensorFlow round some sums once more, or once less.
        apart = np.abs(found.astype(np.int64) - expected.astype(np.int64))
        return int(np.max(apart, initial=0)) <= (0 if found.dtype.kind == "b" else 1)
    if found.size == 0:
        return True
    if not np.array_equal(np.isnan(found), np.isnan(expected)):
        return False
    magnitude = max(1.0, float(np.nanmax(np.abs(expected), initial=0.0)))
    return bool(np.nanmax(np.abs(found - expected), initial=0.0) <= TOLERANCE * magnitude)


def put(it, index: int, raw: bytes | None, rng):
    details = it.get_input_details(index)
    dtype, shape = np.dtype(details["dtype"]), tuple(details["shape"])
    size = int(np.prod(shape)) * dtype.itemsize
    if raw is None:
        value = rng.integers(0, 3, size=shape).astype(dtype)
    elif len(raw) != size:
        raise ValueError(f"input {index}: TFLM expects {size} bytes, the golden has {len(raw)}")
    else:
        value = np.frombuffer(raw, dtype).reshape(shape)
    it.set_input(value, index)


def case(it, cases, number, inputs, outputs, rng):
    """Runs one case; the first output that differs, if any."""
    for i in range(inputs):
        put(it, i, cases.get(f"in_{number}_{i}"), rng)
    it.invoke()
    for i in range(outputs):
        found = np.asarray(it.get_output(i))
        if (raw := cases.get(f"out_{number}_{i}")) is None:
            continue
        if len(raw) != found.nbytes:
            return f"case {number}, output {i}: {found.nbytes} bytes, golden {len(raw)}"
        expected = np.frombuffer(raw, found.dtype)
        if not close(found.ravel(), expected):
            wrong = int(np.sum(found.ravel() != expected))
            return f"case {number}, output {i}: {wrong} of {found.size} elements differ"
    return None


def ask(path: pathlib.Path) -> dict:
    """In the child: what the interpreter says."""
    data = path.read_bytes()
    try:
        it = interpreter(data)
    except Exception as error:  # whatever the binding raises
        return {"verdict": "refuses", "message": str(error)}
    inputs, outputs = ports(data)
    cases = goldens(path)
    # Goldens without outputs say nothing of what is right.
    cases = cases if "out_0_0" in cases else {}
    count = sum(f"in_{number}_0" in cases for number in range(len(cases))) if cases and inputs else 1
    rng = np.random.default_rng(1)
    try:
        different = None
        for number in range(count):
            different = different or case(it, cases, number, inputs, outputs, rng)
        if different is None:
            return {"verdict": "runs", "message": ""}
        # Goldens of one interpreter, or of a fresh one for each case.
        different = None
        for number in range(count):
            different = different or case(interpreter(data), cases, number, inputs, outputs, rng)
    except Exception as error:
        return {"verdict": "refuses", "message": str(error)}
    if different is None:
        return {"verdict": "runs", "message": ""}
    return {"verdict": "differs", "message": different}


def ask_reference(path: pathlib.Path) -> dict:
    """In the child: what LiteRT's reference kernels have against the model."""
    data = path.read_bytes()
    graph = runtime.convert_bytearray_to_object(data).subgraphs[0]
    try:
        it = Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        it.allocate_tensors()
        for d in it.get_input_details():
            it.set_tensor(d["index"], np.zeros(d["shape"], d["dtype"]))
        it.invoke()
    except Exception as error:
        return {"reference": str(error).replace("\n", " ")}
    for d in it.get_output_details():
        recorded = [int(size) for size in graph.tensors[d["index"]].shape]
        if (found := [int(size) for size in d["shape"]]) != recorded:
            return {"reference": f"an output of {found} where {recorded} is recorded"}
    return {"reference": ""}


def verdict(path: pathlib.Path) -> dict:
    found = in_child(ask, path)
    if found["verdict"] == "runs" and Interpreter and "out_0_0" not in goldens(path):
        found |= in_child(ask_reference, path, {"reference": "the process ends"})
    return found


def in_child(ask, path: pathlib.Path, crashed: dict | None = None) -> dict:
    with tempfile.TemporaryFile() as words, tempfile.TemporaryFile() as answer:
        child = os.fork()
        if child == 0:
            os.dup2(words.fileno(), 1)
            os.dup2(words.fileno(), 2)
            signal.alarm(SECONDS)
            try:
                os.write(answer.fileno(), json.dumps(ask(path)).encode())
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        words.seek(0)
        answer.seek(0)
        said = words.read().decode(errors="replace").strip()
        text = answer.read().decode()
    lines = [line for line in said.splitlines() if line.strip()]
    if not text and crashed:
        return crashed
    if not text:
        why = lines[-1] if lines else f"signal {os.WTERMSIG(status)}"
        return {"verdict": "crashes", "message": why}
    found = json.loads(text)
    if found.get("verdict") == "refuses" and lines:
        found["message"] = "; ".join(lines[:2])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=pathlib.Path)
    parser.add_argument("--version", action="store_true")
    arguments = parser.parse_args()
    if arguments.version:
        print(tflite_micro.__version__)
        return
    found = {str(path): verdict(path) for path in arguments.models}
    json.dump(found, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
