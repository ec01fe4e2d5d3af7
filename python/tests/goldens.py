"""Recorded cases of models, which lie in .safetensors files beside them."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy

TYPES = {"F32": "<f4", "I8": "|i1", "U8": "|u1", "BOOL": "|b1", "I16": "<i2", "I32": "<i4", "I64": "<i8"}

Case = dict[str, list[Any]]


def read(path: Path) -> dict[str | None, list[Case]]:
    """Inputs (``in``) and outputs (``out``) of each case, by signature; that of the first has no name."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    found: dict[str | None, dict[int, dict[str, dict[int, Any]]]] = defaultdict(
        lambda: defaultdict(lambda: {"in": {}, "out": {}})
    )
    for name, tensor in header.items():
        begin, end = (8 + length + offset for offset in tensor["data_offsets"])
        array = numpy.frombuffer(data[begin:end], TYPES[tensor["dtype"]]).reshape(tensor["shape"])
        signature, _, key = name.rpartition("/")
        role, case, position = key.split("_")
        found[signature.removeprefix("sig_") or None][int(case)][role][int(position)] = array
    return {
        signature: [
            {role: [tensors[i] for i in sorted(tensors)] for role, tensors in cases[case].items()} for case in sorted(cases)
        ]
        for signature, cases in found.items()
    }
