"""Random one-operator models of operators that look elements up, resize images, transpose convolutions and detect: those
of tests/data/ops whose names end in a letter.

    python3 index_models.py OUT_DIR             # for each operator and type, two models
    python3 index_models.py OUT_DIR COUNT SEED  # COUNT models, of other random numbers

Outputs are those of TFLM's interpreter, or of LiteRT's reference kernels for what TFLM does not take. Where both take a
model, they have to agree. Of an operator that keeps state, cases are successive runs.
"""
import json
import pathlib
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from flatbuffers import flexbuffers
from tflite_builder import NP, Graph, opt
from tflite_micro.python.tflite_micro import runtime as tflm

rng = np.random.default_rng(29)
RANGES = {"i8": (-128, 127), "u8": (0, 255), "i16": (-32768, 32767), "i32": (-(2**31), 2**31 - 1), "i64": (-(2**40), 2**40),
          "bool": (0, 1)}


def number(least, greatest):
    return int(rng.integers(least, greatest + 1))


def pick(choices):
    return choices[number(0, len(choices) - 1)]


def sizes(rank, most):
    return [number(1, most) for _ in range(rank)]


def quantised(dtype):
    if dtype not in ("i8", "u8", "i16"):
        return {}
    scale = float(np.float32(rng.uniform(0.01, 0.2)))
    return dict(scale=scale, zp=0 if dtype == "i16" else number(*RANGES[dtype]))


def values(dtype, shape):
    if dtype == "f32":
        return rng.uniform(-8, 8, shape).astype(np.float32)
    least, greatest = RANGES[dtype]
    return rng.integers(least, greatest + 1, shape).astype(NP[dtype])


def resize(name, dtype):
    x, q = sizes(2, 2)[:1] + sizes(2, 7) + sizes(1, 6), quantised(dtype)
    size = [x[1] * number(1, 3), x[2] * number(1, 3)] if rng.random() < 0.4 else sizes(2, 13)
    corners, centers = bool(number(0, 1)), bool(number(0, 1))
    if name == "ResizeBilinear":
        centers = centers and not corners
    g = Graph()
    a, s = g.t("x", x, dtype, **q), g.t("size", [2], "i32", data=size)
    y = g.t("y", [x[0], *size, x[3]], dtype, **q)
    operator = {"ResizeBilinear": "RESIZE_BILINEAR", "ResizeNearestNeighbor": "RESIZE_NEAREST_NEIGHBOR"}[name]
    g.op(operator, [a, s], [y], opt(name, alignCorners=corners, halfPixelCenters=centers), version=3)
    return g.io([a], [y]), [lambda: values(dtype, x)]


def looked_up(g, x, dtype, q, indices, index_type, of, table_is_constant=False):
    """An operand and its indices, constant or not."""
    table = g.t("x", x, dtype, data=values(dtype, x) if table_is_constant else None, **q)
    constant = not table_is_constant and bool(number(0, 1))
    places = of()
    if constant and len(indices) == 1 and number(0, 1):
        places = np.sort(places)
    i = g.t("indices", indices, index_type, data=places if constant else None)
    inputs = ([] if table_is_constant else [(table, lambda: values(dtype, x))]) + ([] if constant else [(i, of)])
    return table, i, [at for at, _ in inputs], [make for _, make in inputs]


def gather(dtype):
    rank = number(1, 4)
    x, axis, q = sizes(rank, 5), number(0, rank - 1), quantised(dtype)
    batch = number(0, min(axis, 2))
    indices = x[:batch] + sizes(number(0, 2), 4)
    index_type = pick(["i32", "i32", "i64"])
    g = Graph()
    of = lambda: rng.integers(0, x[axis], indices).astype(NP[index_type])
    table, i, inputs, makes = looked_up(g, x, dtype, q, indices, index_type, of)
    y = g.t("y", x[:axis] + indices[batch:] + x[axis + 1:], dtype, **q)
    counted = batch - len(indices) if 0 < batch < len(indices) and number(0, 1) else batch
    g.op("GATHER", [table, i], [y], opt("Gather", axis=axis - rank * number(0, 1), batchDims=counted), version=4)
    return g.io(inputs, [y]), makes


def gather_nd(dtype):
    rank = number(1, 5)
    x, depth, q = sizes(rank, 4), number(1, rank), quantised(dtype)
    places, index_type = sizes(number(0, 2), 4), pick(["i32", "i32", "i64"])
    g = Graph()
    of = lambda: (rng.random(places + [depth]) * np.array(x[:depth])).astype(NP[index_type])
    table, i, inputs, makes = looked_up(g, x, dtype, q, places + [depth], index_type, of)
    y = g.t("y", places + x[depth:], dtype, **q)
    g.op("GATHER_ND", [table, i], [y], opt("GatherNd"), version=3)
    return g.io(inputs, [y]), makes


def embedding_lookup(dtype):
    stored = "i8" if dtype == "hybrid" else dtype
    x, count, q = sizes(1, 9) + sizes(number(1, 2), 7), number(1, 6), quantised(stored)
    if dtype == "hybrid":
        q["zp"] = 0
    g = Graph()
    of = lambda: rng.integers(0, x[0], [count]).astype(np.int32)
    table, i, inputs, makes = looked_up(g, x, stored, q, [count], "i32", of, dtype == "hybrid" or rng.random() < 0.8)
    y = g.t("y", [count] + x[1:], "f32", **{}) if dtype == "hybrid" else g.t("y", [count] + x[1:], dtype, **q)
    g.op("EMBEDDING_LOOKUP", [i, table], [y], version=3)
    return g.io(inputs, [y]), makes


def dynamic_update_slice(dtype):
    index_type, rank, q = pick(["i32", "i64"]), number(1, 5), quantised(dtype)
    x = sizes(rank, 5)
    update = [number(1, size) for size in x]
    constant = [rng.random() < 0.25, rng.random() < 0.25, bool(number(0, 1))]
    constant[0] &= not all(constant)
    makes = [lambda: values(dtype, x), lambda: values(dtype, update),
             lambda: rng.integers(-3, 8, [rank]).astype(NP[index_type])]
    g = Graph()
    parts = zip(("x", "update", "starts"), (x, update, [rank]), (dtype, dtype, index_type), (q, q, {}), makes, constant)
    inputs = [g.t(name, shape, t, data=make() if c else None, **more) for name, shape, t, more, make, c in parts]
    y = g.t("y", x, dtype, **q)
    g.op("DYNAMIC_UPDATE_SLICE", inputs, [y], version=2)
    free = [not c for c in constant]
    return g.io([i for i, f in zip(inputs, free) if f], [y]), [make for make, f in zip(makes, free) if f]


def fill(dtype):
    shape, q = sizes(number(1, 5), 5), quantised(dtype)
    g = Graph()
    dims = g.t("dims", [len(shape)], pick(["i32", "i64"]), data=shape)
    value, y = g.t("value", [], dtype, **q), g.t("y", shape, dtype, **q)
    g.op("FILL", [dims, value], [y], version=4)
    return g.io([value], [y]), [lambda: values(dtype, [])]


def shape(dtype):
    x, wide = sizes(number(1, 6), 5), bool(number(0, 1))
    g = Graph()
    a, y = g.t("x", x, dtype, **quantised(dtype)), g.t("y", [len(x)], "i64" if wide else "i32")
    g.op("SHAPE", [a], [y], opt("Shape", outType=4 if wide else 2))
    return g.io([a], [y]), [lambda: values(dtype, x)]


def rank(dtype):
    x = sizes(number(1, 6), 5)
    g = Graph()
    a, y = g.t("x", x, dtype, **quantised(dtype)), g.t("y", [], "i32")
    g.op("RANK", [a], [y], opt("Rank"))
    return g.io([a], [y]), [lambda: values(dtype, x)]


def transpose_conv(dtype):
    (batch, in_c, out_c), same = sizes(3, 2)[:1] + [number(1, 7), number(1, 9)], bool(number(0, 1))
    strides, filters, size = sizes(2, 4), sizes(2, 5), sizes(2, 5)
    # Sizes that a convolution would lead back from.
    out = [s * i - number(0, s - 1) if same else (i - 1) * s + f + number(0, s - 1) for i, s, f in zip(size, strides, filters)]
    x, w, shape = [batch, *size, in_c], [out_c, *filters, in_c], [batch, *out, out_c]
    g = Graph()
    to = g.t("shape", [4], "i32", data=shape)
    if dtype == "f32":
        inputs = [to, g.t("w", w, dtype, data=rng.uniform(-1, 1, w)), g.t("x", x, dtype)]
        bias = dict(dtype=dtype, data=rng.uniform(-1, 1, [out_c]))
        y = g.t("y", shape, dtype)
    else:
        q, more = quantised(dtype), quantised(dtype)
        scales = rng.uniform(0.002, 0.02, [out_c] if number(0, 1) else [1]).astype(np.float32)
        more["scale"] = float(np.float32(q["scale"] * scales.mean() * rng.uniform(20, 300)))
        inputs = [to, g.t("w", w, "i8", scale=scales, zp=0, data=rng.integers(-127, 128, w)), g.t("x", x, dtype, **q)]
        stored = "i32" if dtype == "i8" else pick(["i64", "i64", "i16"])
        bias = dict(dtype=stored, scale=scales * np.float32(q["scale"]), zp=0, data=rng.integers(-20000, 20000, [out_c]))
        y = g.t("y", shape, dtype, **more)
    if number(0, 1):
        inputs.append(g.t("bias", [out_c], **bias))
    options = opt("TransposeConv", padding=int(not same), strideH=strides[0], strideW=strides[1],
                  fusedActivationFunction=pick([0, 0, 1, 2, 3]))
    g.op("TRANSPOSE_CONV", inputs, [y], options, version=4)
    return g.io([inputs[2]], [y]), [lambda: values(dtype, x)]


def detection_postprocess(dtype):
    boxes, classes, background, most, regular = number(4, 40), number(1, 5), number(0, 1), number(1, 12), bool(number(0, 1))
    encoding = number(4, 6)
    options = dict(max_detections=most, max_classes_per_detection=1, num_classes=classes, use_regular_nms=regular,
                   nms_score_threshold=float(rng.uniform(0, 0.5)), nms_iou_threshold=float(rng.uniform(0.1, 0.9)),
                   y_scale=10.0, x_scale=10.0, h_scale=5.0, w_scale=5.0)
    if number(0, 1):
        options["detections_per_class"] = number(1, 20)
    anchors = np.concatenate([rng.uniform(0.1, 0.9, (boxes, 2)), rng.uniform(0.05, 0.6, (boxes, 2))], 1)
    scores = [1, boxes, classes + background]
    g = Graph()
    inputs = [g.t("boxes", [1, boxes, encoding], dtype), g.t("scores", scores, dtype)]
    fixed = g.t("anchors", [boxes, 4], dtype, data=anchors)
    outputs = [g.t("found", [1, most, 4], dtype), g.t("classes", [1, most], dtype), g.t("best", [1, most], dtype),
               g.t("count", [1], dtype)]
    g.op("CUSTOM", [*inputs, fixed], outputs, custom="TFLite_Detection_PostProcess",
         custom_options=flexbuffers.Dumps(options))
    ties = bool(number(0, 1))
    of_scores = lambda: (rng.integers(0, 9, scores) / 8 if ties else rng.random(scores)).astype(np.float32)
    return g.io(inputs, outputs), [lambda: rng.normal(0, 3, [1, boxes, encoding]).astype(np.float32), of_scores]


def circular_buffer(dtype):
    slots, depth, height, q = pick([5, 13, 25, number(2, 9)]), number(1, 40), number(1, 3), quantised(dtype)
    said = slots not in (5, 13, 25) or number(0, 1)
    g = Graph()
    x = g.t("x", [1, 1, height, depth], dtype, **q)
    buffer, y = g.t("buffer", [1, slots, height, depth], dtype, var=True, **q), g.t("y", [1, slots, height, depth], dtype, **q)
    g.op("CUSTOM", [x], [buffer], custom="CIRCULAR_BUFFER",
         custom_options=flexbuffers.Dumps({"cycles_max": 1}) if said else None)
    g.op("RELU", [buffer], [y])
    return g.io([x], [y]), [lambda: values(dtype, [1, 1, height, depth])]


ALL = "f32 i8 i16 u8 i32 i64".split()
FAMILIES = {
    "resize_nearest_neighbor": (lambda t: resize("ResizeNearestNeighbor", t), "f32 i8 i16 u8".split()),
    "resize_bilinear": (lambda t: resize("ResizeBilinear", t), "f32 i8 i16 u8".split()),
    "gather": (gather, ALL + ["bool"]),
    "gather_nd": (gather_nd, ALL),
    "embedding_lookup": (embedding_lookup, "f32 i8 hybrid".split()),
    "dynamic_update_slice": (dynamic_update_slice, "f32 i8 i16 i32".split()),
    "fill": (fill, "f32 i8 i16 i32 i64 bool".split()),
    "shape": (shape, "f32 i8 i16 i32".split()),
    "rank": (rank, "f32 i8 i32".split()),
    "transpose_conv": (transpose_conv, "f32 i8 i16".split()),
    "detection_postprocess": (detection_postprocess, ["f32"]),
    "circular_buffer": (circular_buffer, ["i8"]),
}


def by_tflm(model, cases, outputs):
    it = tflm.Interpreter.from_bytes(model, arena_size=1 << 22)
    results = []
    for case in cases:
        for i, value in enumerate(case):
            it.set_input(value, i)
        it.invoke()
        results.append([np.array(it.get_output(i)) for i in range(outputs)])
    return results


def by_litert(model, cases, _):
    it = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    it.allocate_tensors()
    results = []
    for case in cases:
        for at, value in zip(it.get_input_details(), case):
            it.set_tensor(at["index"], value)
        it.invoke()
        results.append([np.array(it.get_tensor(at["index"])) for at in it.get_output_details()])
    return results


def alike(a, b):
    for x, y in zip(sum(a, []), sum(b, [])):
        same = np.allclose(x.ravel(), y.ravel(), atol=1e-5) if x.dtype == np.float32 else np.array_equal(x.ravel(), y.ravel())
        if not same:
            return False
    return True


def reference(model, cases, outputs):
    """Both engines' outputs, if they take the model, as one."""
    results = []
    for run in (by_tflm, by_litert):
        try:
            results.append(run(model, cases, outputs))
        except Exception:  # each has an exception of its own for what it does not take
            continue
    return results


def main():
    out = pathlib.Path(sys.argv[1])
    count, letters = 2, True
    if len(sys.argv) > 2:
        global rng
        count, letters, rng = int(sys.argv[2]), False, np.random.default_rng(int(sys.argv[3]))
    counts = {}
    for family, (make, types) in FAMILIES.items():
        for dtype in types:
            written = 0
            while written < count:
                graph, makes = make(dtype)
                model, outputs = graph.build(), len(graph.sg.outputs)
                state = family == "circular_buffer"
                cases = [[make() for make in makes] for _ in range(4 if state else 2)]
                results = reference(model, cases, outputs)
                if not results or (letters and len(model) > 3000):
                    continue
                if family == "detection_postprocess":
                    for boxes, classes, best, found in sum(results, []):
                        # What is behind stays as it was.
                        end = int(found.reshape(-1)[0])
                        boxes.reshape(-1, 4)[end:] = 0
                        classes.reshape(-1)[end:] = 0
                        best.reshape(-1)[end:] = 0
                if len(results) == 2 and not alike(*results):
                    print("TFLM and LiteRT differ:", family, dtype, written)
                name = f"{family}_{dtype}_{chr(ord('a') + written) if letters else written}"
                (out / f"{name}.tflite").write_bytes(model)
                folder = out / "golden" / name
                folder.mkdir(parents=True, exist_ok=True)
                for case, (given, found) in enumerate(zip(cases, results[0])):
                    for role, tensors in (("in", given), ("out", found)):
                        for i, value in enumerate(tensors):
                            (folder / f"{role}_{case}_{i}.bin").write_bytes(np.ascontiguousarray(value).tobytes())
                if state:
                    (folder / "meta.json").write_text(json.dumps({"golden": {"stateful": True}}) + "\n")
                written += 1
                key = (family, dtype, len(results))
                counts[key] = counts.get(key, 0) + 1
    for (family, dtype, engines), models in counts.items():
        print(f"{models} of {family} {dtype}, by {engines} of the two")


main()
