"""The models that the repository ships; data and weights are synthetic."""
from __future__ import annotations

import numpy as np

import tensorflow as tf

from common import (Built, convert, convert_module, images, mfcc_like, motion, pick, quick_fit, register, rep_dataset,
                    seed_everything, sensors)

L = tf.keras.layers
K = tf.keras


def bn(x, m=0.7):
    return L.BatchNormalization(momentum=m)(x)


FEAT, WIN = 17, 5
VAE_CACHE = {}


class Vae(K.Model):
    """Dense VAE over a window; reconstructs the window's last sample.

    Blocks are dense -> ReLU -> batch norm (batch norm after the activation, so
    the converter must keep it as MUL + ADD), as in common PyTorch VAE code.
    """

    def __init__(self, feat=FEAT, win=WIN, enc=(16, 8), dec=(16, 32), latent=2):
        super().__init__()
        self.feat, self.win = feat, win
        self.enc = [(L.Dense(n, activation="relu"), L.BatchNormalization(momentum=0.9)) for n in enc]
        self.mu = L.Dense(latent)
        self.logvar = L.Dense(latent)
        self.dec = [(L.Dense(n, activation="relu"), L.BatchNormalization(momentum=0.9)) for n in dec]
        self.out = L.Dense(feat, activation="tanh")

    def encode(self, x, training=False):
        h = tf.reshape(x, [-1, self.win * self.feat])
        for d, b in self.enc:
            h = b(d(h), training=training)
        return self.mu(h), self.logvar(h)

    def decode(self, z, training=False):
        for d, b in self.dec:
            z = b(d(z), training=training)
        return self.out(z)

    def call(self, x, training=False):
        mu, logvar = self.encode(x, training)
        z = mu + tf.exp(0.5 * logvar) * tf.random.normal(tf.shape(mu)) if training else mu
        return self.decode(z, training), mu, logvar


def windows(x):
    return np.stack([x[i : i + WIN] for i in range(len(x) - WIN + 1)])


def trained_vae(seed, feat=FEAT):
    if seed in VAE_CACHE:
        return VAE_CACHE[seed]
    seed_everything(seed)
    rng = np.random.default_rng(seed)
    xs, _ = sensors(rng, 4000, feat)
    train = windows(xs)
    ts, lab = sensors(rng, 3000, feat, anomalies=0.01)
    test, ylab = windows(ts), lab[WIN - 1 :]
    vae = Vae(feat=feat)
    opt = K.optimizers.legacy.Adam(3e-3)

    @tf.function
    def step(b):
        with tf.GradientTape() as t:
            r, mu, lv = vae(b, training=True)
            rec = tf.reduce_mean(tf.reduce_sum(tf.square(r - b[:, -1]), 1))
            kl = -0.5 * tf.reduce_mean(tf.reduce_sum(1 + lv - tf.square(mu) - tf.exp(lv), 1))
            loss = rec + 0.02 * kl
        opt.apply_gradients(zip(t.gradient(loss, vae.trainable_variables), vae.trainable_variables))
        return loss

    for _ in range(20):
        p = rng.permutation(len(train))
        for i in range(0, len(p) - 127, 128):
            step(train[p[i : i + 128]])
    VAE_CACHE[seed] = (vae, train, test, ylab)
    return VAE_CACHE[seed]


def _vae_real(test, ylab):
    normal, anom = test[ylab == 0], test[ylab == 1]
    return lambda c, rng: (normal[7] if c == 0 else anom[3])[None]


@register("vae", 11, "recon")
@register("vae_int8", 11, "int8")
@register("vae_int8_floatio", 11, "int8_floatio")
def build_vae(seed, variant):
    """Anomaly-detection VAE (17 sensors, window 5, encoder 16-8, latent 2, decoder 16-32).

    Golden case 0 is a normal window, case 1 holds an injected anomaly.
    """
    vae, train, test, ylab = trained_vae(seed)
    spec = tf.TensorSpec([1, WIN, FEAT], tf.float32, name="window")

    def recon(x):
        return vae.decode(vae.encode(x)[0])

    mode, io = {"recon": ("f32", None), "int8": ("int8", None), "int8_floatio": ("int8", "float32")}[variant]
    m = tf.Module()
    m.vae = vae
    cf = tf.function(recon, input_signature=[spec]).get_concrete_function()
    data = convert((m, [cf]), mode, rep_dataset(train[::31]), io=io)
    return Built(data, _vae_real(test, ylab), frange={"": (-1.5, 1.5)})


def dscnn(shape=(49, 10, 1), classes=12, ch=64, blocks=4, first=(10, 4), stride=(2, 2), batch=1):
    i = x = L.Input(shape, batch_size=batch, name="mfcc")
    x = L.Conv2D(ch, first, stride, padding="same", use_bias=False)(x)
    x = L.ReLU()(bn(x))
    x = L.Dropout(0.2)(x)
    for _ in range(blocks):
        x = L.ReLU()(bn(L.DepthwiseConv2D(3, padding="same", use_bias=False)(x)))
        x = L.ReLU()(bn(L.Conv2D(ch, 1, use_bias=False)(x)))
    x = L.Dropout(0.3)(x)
    x = L.AveragePooling2D((x.shape[1], x.shape[2]))(x)
    x = L.Flatten()(x)
    return K.Model(i, L.Dense(classes, activation="softmax")(x))


def train_cls(make, x, y, epochs=2, **kw):
    """Train with a free batch dimension, then copy into the fixed-batch model."""
    t = make(batch=None)
    quick_fit(t, x, y, "sparse_categorical_crossentropy", epochs, metrics=["accuracy"], **kw)
    m = make(batch=1)
    m.set_weights(t.get_weights())
    return m


@register("kws_dscnn_int8", 21, "int8")
@register("kws_dscnn_f16", 21, "f16")
@register("kws_dscnn_uint8io", 21, "uint8")
@register("kws_dscnn_pertensor_int8", 21, "pt")
def build_kws(seed, variant):
    """Keyword spotting DS-CNN (49x10x1 MFCC, 64 channels, 4 depthwise-separable blocks, 12 classes)."""
    seed_everything(seed)
    rng = np.random.default_rng(seed)
    x, y = mfcc_like(rng, 512, 49, 10, 12)
    m = train_cls(lambda batch: dscnn(batch=batch), x, y, 2)
    mode = variant if variant in ("int8", "f32", "int16x8", "dyn", "f16") else "int8"
    data = convert(m, mode, rep_dataset(x), io="uint8" if variant == "uint8" else None,
                        per_channel=variant != "pt")
    return Built(data, pick(x), frange={"": (-100, 100)})


def resnet8(batch=1):
    reg = None
    i = x = L.Input((32, 32, 3), batch_size=batch, name="image")
    x = L.ReLU()(bn(L.Conv2D(16, 3, padding="same")(x)))
    for n, s in ((16, 1), (32, 2), (64, 2)):
        y = L.ReLU()(bn(L.Conv2D(n, 3, s, padding="same")(x)))
        y = bn(L.Conv2D(n, 3, padding="same")(y))
        if s != 1:
            x = L.Conv2D(n, 1, s, padding="same")(x)
        x = L.ReLU()(L.Add()([x, y]))
    x = L.AveragePooling2D(8)(x)
    return K.Model(i, L.Dense(10, activation="softmax")(L.Flatten()(x)))


@register("resnet8_int8", 23, "int8")
def build_resnet(seed, variant):
    """ResNet-8 for 32x32x3, 10 classes (stride-2 shortcut convolutions, residual ADDs)."""
    seed_everything(seed)
    rng = np.random.default_rng(seed)
    x, y = images(rng, 384, 32, 32, 3, 10, 0.0, 255.0)
    m = train_cls(lambda batch: resnet8(batch=batch), x, y, 2)
    data = convert(m, "int8", rep_dataset(x), new_quantizer=variant != "legacy")
    return Built(data, pick(x), frange={"": (0, 255)})


@register("sine_int8", 26, "int8")
@register("sine_int8_dynbatch", 26, "dynbatch")
def build_sine(seed, variant):
    """Hello-world sine regressor, dense 16-16-1."""
    seed_everything(seed)
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 2 * np.pi, (1000, 1)).astype(np.float32)
    y = (np.sin(x) + 0.05 * rng.normal(size=x.shape)).astype(np.float32)

    def make(batch):
        i = L.Input((1,), batch_size=batch, name="x")
        h = L.Dense(16, activation="relu")(i)
        h = L.Dense(16, activation="relu")(h)
        return K.Model(i, L.Dense(1)(h))

    t = make(None)
    quick_fit(t, x, y, "mse", 60, lr=5e-3)
    m = t
    if variant != "dynbatch":
        m = make(1)
        m.set_weights(t.get_weights())
    data = convert(m, "f32" if variant == "f32" else "int8", rep_dataset(x))
    return Built(data, pick(x), frange={"": (0, 6.3)})


@register("conv1d_f32", 27, "f32")
@register("conv1d_dynbatch_int8", 27, "dyn_batch")
def build_conv1d(seed, variant):
    """1-D conv net over 6-axis motion (Conv1D lowers to EXPAND_DIMS/CONV_2D/RESHAPE), global average pool."""
    seed_everything(seed)
    rng = np.random.default_rng(seed)
    x, y = motion(rng, 384, 80, 6, 5)

    def make(batch):
        i = h = L.Input((80, 6), batch_size=batch, name="imu")
        h = L.Conv1D(12, 7, 2, padding="same", activation="relu")(h)
        h = L.Conv1D(20, 5, padding="valid", activation="relu")(h)
        h = L.MaxPool1D(2)(h)
        h = L.SeparableConv1D(24, 3, padding="same", activation="relu")(h)
        h = L.GlobalAveragePooling1D()(h)
        h = L.Dense(10, activation="relu")(h)
        return K.Model(i, L.Dense(5, activation="softmax")(h))

    if variant == "dyn_batch":
        m = make(None)
        quick_fit(m, x, y, "sparse_categorical_crossentropy", 3)
    else:
        m = train_cls(make, x, y, 3)
    data = convert(m, "f32" if variant == "f32" else "int8", rep_dataset(x))
    return Built(data, pick(x), frange={"": (-4, 4)})


def _fn_model(fn, specs, variables=()):
    m = tf.Module()
    m.v = list(variables)
    return m, [tf.function(fn, input_signature=specs).get_concrete_function()]


@register("multi_io_int8", 51, "int8")
@register("multi_io_f32", 51, "f32")
def multi_io(seed, variant):
    """Two inputs (image and scalar features), three outputs (class scores, bounding box, embedding)."""
    seed_everything(seed)
    rng = np.random.default_rng(seed)
    x, _ = images(rng, 96, 16, 16, 1, 3)
    z = rng.uniform(-1, 4, (96, 5)).astype(np.float32)
    i = L.Input((16, 16, 1), batch_size=1, name="image")
    j = L.Input((5,), batch_size=1, name="features")
    h = L.Conv2D(8, 3, 2, activation="relu")(i)
    h = L.Conv2D(12, 3, 2, activation="relu")(h)
    h = L.Flatten()(h)
    g = L.Dense(6, activation="relu")(j)
    e = L.Concatenate()([h, g])
    emb = L.Dense(10, activation="tanh", name="embedding")(e)
    m = K.Model([i, j], [L.Dense(3, activation="softmax", name="scores")(emb),
                         L.Dense(4, activation="sigmoid", name="bbox")(emb), emb])
    data = convert(m, variant, rep_dataset(image=x, features=z))
    return Built(data, lambda c, r: {"image": x[-1 - c][None], "features": z[-1 - c][None]})


@register("two_signatures_f32", 52, "f32")
@register("two_signatures_int8", 52, "int8")
def two_sigs(seed, variant):
    """One module, two signatures (encode, decode) -> two subgraphs sharing nothing but the file."""
    seed_everything(seed)
    rng = np.random.default_rng(seed)

    class M(tf.Module):
        def __init__(self):
            r = np.random.default_rng(seed)
            self.w = tf.Variable(r.normal(0, 0.4, (12, 4)).astype(np.float32))
            self.b = tf.Variable(r.normal(0, 0.1, (4,)).astype(np.float32))

        @tf.function(input_signature=[tf.TensorSpec([1, 12], tf.float32, "x")])
        def encode(self, x):
            return {"code": tf.nn.relu(tf.matmul(x, self.w) + self.b)}

        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32, "code")])
        def decode(self, code):
            return {"x_hat": tf.tanh(tf.matmul(code, self.w, transpose_b=True))}

    m = M()
    x = rng.normal(0, 1, (64, 12)).astype(np.float32)
    codes = np.maximum(x @ m.w.numpy() + m.b.numpy(), 0)

    def rep():
        for k in range(40):
            yield ("encode", {"x": x[k : k + 1]})
            yield ("decode", {"code": codes[k : k + 1]})

    data = convert_module(m, {"encode": m.encode, "decode": m.decode}, mode=variant, rep=rep)
    return Built(data, lambda c, r: {"decode_code": codes[-1 - c][None], "encode_x": x[-1 - c][None]})


@register("custom_op_f32", 55, "f32")
def custom_op(seed, variant):
    """allow_custom_ops: tf.linalg.tensor_diag etc. have no builtin, so they stay CUSTOM (no golden: no kernel)."""
    seed_everything(seed)
    rng = np.random.default_rng(seed)
    w = tf.Variable(rng.normal(0, 0.5, (6, 4)).astype(np.float32))

    def f(x):
        h = tf.nn.relu(tf.matmul(x, w))
        return tf.math.erfinv(tf.tanh(h) * 0.5) + 1.0

    src = _fn_model(f, [tf.TensorSpec([1, 6], tf.float32, "x")], [w])
    data = convert(src, "f32", allow_custom=True)
    return Built(data, None, golden=False)


@register("qat_like_extreme_zp_int8", 59, "int8")
def extreme_zp(seed, variant):
    """Inputs wholly positive / wholly negative so that zero points sit at -128 and 127."""
    seed_everything(seed)
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 5, (64, 9, 9, 3)).astype(np.float32)
    y = rng.uniform(-7, 0, (64, 9, 9, 3)).astype(np.float32)

    def f(x, y):
        return x + y, tf.nn.max_pool2d(y, 3, 2, "SAME"), tf.nn.avg_pool2d(y, 3, 2, "SAME"), tf.concat([x, y], -1)

    src = _fn_model(f, [tf.TensorSpec([1, 9, 9, 3], tf.float32, "x"), tf.TensorSpec([1, 9, 9, 3], tf.float32, "y")])
    data = convert(src, "int8", rep_dataset(x=x, y=y))
    return Built(data, lambda c, r: {"x": x[-1 - c][None], "y": y[-1 - c][None]})


@register("passthrough_edges_int8", 60, "int8")
@register("passthrough_edges_f32", 60, "f32")
def passthrough(seed, variant):
    """Edge structure: an input that is also an output, one output used twice, an unused input."""
    seed_everything(seed)
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (64, 7)).astype(np.float32)
    w = tf.Variable(rng.normal(0, 0.5, (7, 7)).astype(np.float32))

    def f(x, u):
        h = tf.nn.relu(tf.matmul(x, w))
        return h, h + x, x

    src = _fn_model(f, [tf.TensorSpec([1, 7], tf.float32, "x"), tf.TensorSpec([1, 3], tf.float32, "spare")], [w])
    u = rng.normal(0, 1, (64, 3)).astype(np.float32)
    data = convert(src, variant, rep_dataset(x=x, spare=u))
    return Built(data, lambda c, r: {"x": x[-1 - c][None], "spare": u[-1 - c][None]})
