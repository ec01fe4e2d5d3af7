"""Runs models with TensorFlow Lite Micro's interpreter and LiteRT's reference kernels, as standard input asks for.

A request is a line of JSON, the model and the inputs; so is an answer, with the outputs. A child answers, as what an engine cannot take may
end its process; then another one takes its place.
"""
import json
import mmap
import os
import re
import signal
import sys
import tempfile

import numpy as np

ENGINES = []
try:
    from tflite_micro import runtime
    # It reads the whole model in Python to count variables; so many are enough.
    runtime.count_resource_variables = lambda model: 4
    ENGINES.append("tflm")
except ImportError:
    pass
try:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
    ENGINES.append("litert")
except ImportError:
    pass

ARENA = 1 << 20
SECONDS = 20
ANSWERS = os.dup(1)
WORDS = tempfile.TemporaryFile()
BUSY = mmap.mmap(-1, 1)


def read(size):
    """So many bytes of standard input, and none that a later child needs."""
    parts = []
    while size:
        part = os.read(0, size)
        if not part:
            sys.exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def line():
    text = b""
    while not text.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            os._exit(0)
        text += byte
    return text


def answer(about, outputs=()):
    data = json.dumps(about).encode() + b"\n" + b"".join(o for run in outputs for o in run)
    while data:
        data = data[os.write(ANSWERS, data):]


def said():
    WORDS.seek(0)
    return WORDS.read().decode(errors="replace").strip()


def forget():
    WORDS.seek(0)
    WORDS.truncate()


def tflm(model, inputs, outputs):
    it = runtime.Interpreter(model, [], ARENA)
    it.print_allocations()
    head = re.search(r"allocation head (\d+) bytes", said())
    runs = []
    for run in inputs:
        for i, raw in enumerate(run):
            details = it.get_input_details(i)
            it.set_input(np.frombuffer(raw, details["dtype"]).reshape(tuple(details["shape"])), i)
        # An operator may end a run: then outputs hold anything.
        ended = it.invoke() != 0
        runs.append([] if ended else [np.asarray(it.get_output(i)).tobytes() for i in range(outputs)])
    return {"head": int(head[1]) if head else None}, runs


def litert(model, inputs, _):
    it = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1)
    it.allocate_tensors()
    runs = []
    for run in inputs:
        for raw, details in zip(run, it.get_input_details()):
            it.set_tensor(details["index"], np.frombuffer(raw, details["dtype"]).reshape(tuple(details["shape"])))
        it.invoke()
        runs.append([it.get_tensor(details["index"]).tobytes() for details in it.get_output_details()])
    return {}, runs


def serve():
    os.dup2(WORDS.fileno(), 1)
    os.dup2(WORDS.fileno(), 2)
    while True:
        request = json.loads(line())
        BUSY[0] = 1
        signal.alarm(SECONDS)
        forget()
        model = read(request["model"])
        inputs = [[read(size) for size in run] for run in request["inputs"]]
        try:
            about, outputs = (tflm if request["engine"] == "tflm" else litert)(
                model, inputs, request["outputs"])
            about["sizes"] = [[len(o) for o in run] for run in outputs]
        except Exception as error:  # whatever a binding raises
            words = said().splitlines()
            about, outputs = {"error": "; ".join([str(error).replace("\n", " ")] + words[:2])}, ()
        signal.alarm(0)
        BUSY[0] = 0
        answer(about, outputs)


def main():
    answer(ENGINES)
    while True:
        child = os.fork()
        if child == 0:
            serve()
        _, status = os.waitpid(child, 0)
        if not BUSY[0]:
            return
        BUSY[0] = 0
        words = said().splitlines()
        last = words[-1] if words else ""
        answer({"error": f"signal {status & 127}: {last}"})


main()
