"""Shared plumbing: registry, conversion, synthetic data.

No third-party weights or data sets are used.
"""
from __future__ import annotations

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # tf.keras is tf_keras, Keras 2
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("PYTHONHASHSEED", "0")

import dataclasses
import pathlib
import tempfile
from typing import Any, Callable, Sequence

import numpy as np
import tensorflow as tf


@dataclasses.dataclass
class Built:
    """What a builder returns.

    `real(case, rng)` gives the realistic inputs of a golden case as floats: one array, or a dict
    keyed by a part of the input tensor's name. `frange` is the range of the random float cases.
    """

    data: bytes
    real: Callable[[int, np.random.Generator], Any] | None = None
    frange: dict = dataclasses.field(default_factory=dict)
    golden: bool = True  # False: the stock interpreter cannot run it (custom operator)


@dataclasses.dataclass
class Entry:
    name: str
    seed: int
    variant: Any
    build: Callable


REGISTRY: dict[str, Entry] = {}


def register(name: str, seed: int, variant: Any):
    def decorate(build):
        assert name not in REGISTRY, name
        REGISTRY[name] = Entry(name, seed, variant, build)
        return build

    return decorate


def seed_everything(seed: int):
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def rep_dataset(*arrays, n=64, **named):
    """Representative data set over the leading axis of the arrays.

    Models of several inputs pass name=array: the converter may reorder inputs
    (alphabetically, or reversed for concrete functions), so `convert` looks the
    order up in a first float conversion.
    """
    if named:
        return named

    def gen():
        for i in range(min(n, len(arrays[0]))):
            yield [a[i : i + 1].astype(np.float32) for a in arrays]

    return gen


def convert(
    source,
    mode: str = "f32",
    rep=None,
    io: str | None = None,
    per_channel: bool = True,
    allow_custom: bool = False,
    signatures: Sequence[str] | None = None,
) -> bytes:
    """Convert a Keras model, a tf.Module+concrete functions or a saved model dir.

    mode: f32 | int8 | f16.  io: the tensor type at the model's
    boundary, default int8 for int8 and float32 otherwise.
    """

    def converter():
        if isinstance(source, (str, pathlib.Path)):
            keys = list(signatures) if signatures else None
            return tf.lite.TFLiteConverter.from_saved_model(str(source), signature_keys=keys)
        if isinstance(source, tuple):
            return tf.lite.TFLiteConverter.from_concrete_functions(list(source[1]), source[0])
        return tf.lite.TFLiteConverter.from_keras_model(source)

    if isinstance(rep, dict):
        order = [i["name"] for i in _inputs(converter().convert())]
        key = [next(k for k in rep if k in nm) for nm in order]
        rep = rep_dataset(*[rep[k] for k in key])
    conv = converter()
    if mode == "int8":
        conv.optimizations = [tf.lite.Optimize.DEFAULT]
        conv.representative_dataset = rep
        conv.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        boundary = {"int8": tf.int8, "uint8": tf.uint8, "float32": tf.float32}[io or "int8"]
        conv.inference_input_type = conv.inference_output_type = boundary
    elif mode == "f16":
        conv.optimizations = [tf.lite.Optimize.DEFAULT]
        conv.target_spec.supported_types = [tf.float16]
    elif mode != "f32":
        raise ValueError(mode)
    if not per_channel:
        conv._experimental_disable_per_channel = True
    conv.allow_custom_ops = allow_custom
    return conv.convert()


def _inputs(data):
    it = tf.lite.Interpreter(model_content=data)
    return it.get_input_details()


def convert_module(module, fns, **kw):
    """Save a tf.Module with named signatures, then convert the saved model."""
    with tempfile.TemporaryDirectory() as d:
        tf.saved_model.save(module, d, signatures=fns)
        return convert(d, signatures=list(fns), **kw)


def quick_fit(model, x, y, loss, epochs=2, batch=32, lr=2e-3, metrics=None):
    """A short deterministic training."""
    model.compile(tf.keras.optimizers.legacy.Adam(lr), loss, metrics=metrics)
    model.fit(x, y, epochs=epochs, batch_size=batch, verbose=0, shuffle=True)


def _up(a, h, w):
    """Bilinear upsampling of (n, hh, ww, c) in numpy."""
    n, hh, ww, c = a.shape
    ys = np.linspace(0, hh - 1, h)
    xs = np.linspace(0, ww - 1, w)
    y0 = np.minimum(ys.astype(int), max(hh - 2, 0))
    x0 = np.minimum(xs.astype(int), max(ww - 2, 0))
    y1, x1 = np.minimum(y0 + 1, hh - 1), np.minimum(x0 + 1, ww - 1)
    fy = (ys - y0)[None, :, None, None]
    fx = (xs - x0)[None, None, :, None]
    top = a[:, y0][:, :, x0] * (1 - fx) + a[:, y0][:, :, x1] * fx
    bot = a[:, y1][:, :, x0] * (1 - fx) + a[:, y1][:, :, x1] * fx
    return top * (1 - fy) + bot * fy


def images(rng, n, h, w, c, classes, lo=-1.0, hi=1.0):
    """Smooth colour noise with a class-dependent grating: (x, labels)."""
    y = rng.integers(0, classes, n)
    base = _up(rng.normal(0, 0.5, (n, 5, 5, c)), h, w)
    yy, xx = np.mgrid[0:h, 0:w] / max(h, w)
    x = np.empty((n, h, w, c), np.float32)
    for i in range(n):
        a = np.pi * y[i] / classes
        f = 4 + 3 * (y[i] % 3)
        g = np.sin(2 * np.pi * f * (np.cos(a) * xx + np.sin(a) * yy) + rng.uniform(0, 6.28))
        x[i] = base[i] + 0.6 * g[..., None] + rng.normal(0, 0.05, (h, w, c))
    x = np.clip((x + 1.5) / 3.0, 0, 1)
    x = np.round(x * 255) / 255  # a camera's 8-bit samples
    return (lo + x * (hi - lo)).astype(np.float32), y


def mfcc_like(rng, n, t, f, classes):
    """Spectro-temporal maps with a decaying cepstral envelope (about -60..40)."""
    y = rng.integers(0, classes, n)
    env = np.array([40.0] + [18.0 / (1 + 0.5 * k) for k in range(f - 1)])[:f]
    x = _up(rng.normal(0, 1, (n, max(3, t // 5), f, 1)), t, f)[..., 0]
    tt = np.arange(t)[:, None] / t
    for i in range(n):
        k = y[i]
        x[i] += 0.9 * np.sin(2 * np.pi * (1 + k % 4) * tt + k + np.arange(f)[None] * 0.3 * k)
    return (x * env * 0.45)[..., None].astype(np.float32), y


def motion(rng, n, t, c, classes):
    """Accelerometer-like gestures (in mg, about -4000..4000, scaled to g)."""
    y = rng.integers(0, classes, n)
    tt = np.arange(t) / t
    x = np.zeros((n, t, c), np.float32)
    for i in range(n):
        for k in range(c):
            fr = (1 + y[i]) * (1 + 0.3 * k)
            x[i, :, k] = (0.8 + 0.3 * k) * np.sin(2 * np.pi * fr * tt + rng.uniform(0, 6.28))
        x[i] += rng.normal(0, 0.15, (t, c))
        x[i, :, c - 1] += 1.0
    return x, y


def sensors(rng, n, feat, anomalies=0.0):
    """A long multi-sensor record in [-1, 1] with optional injected anomalies.

    Returns (n, feat) samples and an (n,) 0/1 label.
    """
    t = np.arange(n)
    lat = np.stack([np.sin(2 * np.pi * t / p + q) for p, q in ((50, 0), (23, 1), (111, 2), (7, 0.5))], 1)
    mix = np.random.default_rng(4242).normal(0, 1, (4, feat))
    x = lat @ mix
    x = np.tanh(0.5 * x) * 0.9 + rng.normal(0, 0.02, (n, feat))
    lab = np.zeros(n, np.int64)
    if anomalies:
        for s in np.flatnonzero(rng.random(n) < anomalies):
            e = min(n, s + rng.integers(3, 12))
            cols = rng.choice(feat, rng.integers(1, max(2, feat // 3)), replace=False)
            x[s:e, cols] += rng.choice([-1, 1]) * rng.uniform(0.6, 1.5)
            lab[s:e] = 1
    return np.clip(x, -1.5, 1.5).astype(np.float32), lab


def pick(x):
    """Realistic golden inputs taken from the tail of a data array."""

    def real(case, rng):
        return x[len(x) - 1 - case][None]

    return real
