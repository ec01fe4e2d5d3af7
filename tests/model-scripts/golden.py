"""Golden cases from TensorFlow Lite's reference kernels, four for each model.

Cases 0 and 1 are realistic (in the calibration range), 2 and 3 random over the full range. Files are raw
little-endian tensors: in_<case>_<i>.bin and out_<case>_<i>.bin, <i> the position in the subgraph's inputs or
outputs; sig_<name>/ holds those of signatures but the first.
"""
from __future__ import annotations

import json
import pathlib
import shutil

import numpy as np
import tensorflow as tf

CASES = 4


def _interpreter(data):
    resolver = tf.lite.experimental.OpResolverType.BUILTIN_REF
    it = tf.lite.Interpreter(model_content=data, num_threads=1, experimental_op_resolver_type=resolver)
    it.allocate_tensors()
    return it


def _quantise(x, tensor):
    """Float to the tensor's type, the way a firmware author would."""
    dtype = np.dtype(tensor["dtype"])
    scale, zero = tensor["quantization"]
    if dtype.kind in "iu" and scale:
        limits = np.iinfo(dtype)
        return np.clip(np.round(np.asarray(x, np.float64) / scale) + zero, limits.min, limits.max).astype(dtype)
    return np.asarray(x).astype(dtype)


def _random(tensor, rng, frange):
    dtype, shape = np.dtype(tensor["dtype"]), tuple(tensor["shape"])
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, int(limits.max) + 1, shape).astype(dtype)
    lo, hi = next((v for k, v in frange.items() if k in tensor["name"]), (-8.0, 8.0))
    return rng.uniform(lo, hi, shape).astype(dtype)


def _realistic(real, case, rng, tensors):
    values = real(case, rng)
    if not isinstance(values, dict):
        values = {"": values}
    return [_quantise(next(v for k, v in values.items() if k in t["name"]), t) for t in tensors]


def _describe(tensor):
    q = tensor["quantization_parameters"]
    d = dict(name=tensor["name"], dtype=np.dtype(tensor["dtype"]).name, shape=[int(v) for v in tensor["shape"]])
    if len(q["scales"]):
        d["scale"] = [float(v) for v in q["scales"]]
        d["zero_point"] = [int(v) for v in q["zero_points"]]
    return d


def _store(folder, case, role, values):
    for i, v in enumerate(values):
        np.ascontiguousarray(v).tofile(folder / f"{role}_{case}_{i}.bin")


def write(entry, built, models: pathlib.Path):
    """Writes <models>/<name>.tflite and <models>/golden/<name>/."""
    models.mkdir(parents=True, exist_ok=True)
    (models / f"{entry.name}.tflite").write_bytes(built.data)
    if not built.golden:
        return
    folder = models / "golden" / entry.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    it = _interpreter(built.data)
    tensors, outputs = it.get_input_details(), it.get_output_details()
    rng = np.random.default_rng(entry.seed * 7919 + 13)
    for case in range(CASES):
        if case < 2 and built.real is not None:
            values = _realistic(built.real, case, rng, tensors)
        else:
            values = [_random(t, rng, built.frange) for t in tensors]
        for t, v in zip(tensors, values):
            it.set_tensor(t["index"], v)
        it.invoke()
        _store(folder, case, "in", values)
        _store(folder, case, "out", [it.get_tensor(t["index"]) for t in outputs])
    for key in list(it.get_signature_list())[1:]:
        runner = it.get_signature_runner(key)
        (folder / f"sig_{key}").mkdir()
        for case in range(CASES):
            values = {k: _random(t, rng, built.frange) for k, t in runner.get_input_details().items()}
            _store(folder / f"sig_{key}", case, "in", values.values())
            _store(folder / f"sig_{key}", case, "out", runner(**values).values())
    about = " ".join((entry.build.__doc__ or "").split())
    meta = dict(name=entry.name, inputs=[_describe(t) for t in tensors], outputs=[_describe(t) for t in outputs],
                about=about)
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
