"""Cast trained ``.tflite`` models into microcontroller firmware.

Each function is a command of ``castiron``, and returns what the command prints with ``--json``. Its keywords are the
command's options: ``max_arena="8k"`` for ``--max-arena 8k``, ``True`` for an option without a value, a list for one
that is given several times. ``castiron help inspect`` lists them.

A model is a path, or the file's bytes: one model of a call may be bytes. As for the command, a ``castiron.toml`` in the
current folder counts. Functions release Python's lock while they compute.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Union, overload

from . import _castiron
from ._castiron import Error, __version__

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    Array = numpy.ndarray[Any, numpy.dtype[Any]]
    Inputs = Union[numpy.typing.ArrayLike, Sequence[numpy.typing.ArrayLike]]
    NamedInputs = Mapping[str, numpy.typing.ArrayLike]

Model = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview]
Value = Union[str, int, float, "os.PathLike[str]"]
Option = Union[None, bool, Value, Sequence[Value]]

__all__ = ["Error", "__version__", "arena", "fit", "generate", "inspect", "plan", "run", "run_all"]


def inspect(*models: Model, **options: Option) -> Any:
    """Inputs, outputs and operators of a model, and what it costs; of several models a list.

    Inputs and outputs have ``dtype``, ``shape`` and, if they are quantised, ``quantization`` with ``scale`` and
    ``zero_point``.
    """
    return _answer("inspect", models, options)


def arena(*models: Model, **options: Option) -> Any:
    """The tensor arena that TensorFlow Lite Micro needs for each model, to the byte: a list."""
    return _answer("arena", models, options)


def plan(model: Model, **options: Option) -> Any:
    """Where tensors lie in castiron's arena, and when."""
    return _answer("plan", [model], options)


def fit(*models: Model, **options: Option) -> Any:
    """Whether models fit on a board together, in ``fits``, with what they take. ``board`` names the board."""
    try:
        return _answer("fit", models, options)
    except Error as error:
        # That they do not fit is an answer.
        if error.result is None:
            raise
        return error.result


def generate(model: Model, out_dir: str | os.PathLike[str], **options: Option) -> Any:
    """Writes everything that castiron can make of a model into a folder, and says what."""
    return _answer("generate", [model], {"out_dir": out_dir, **options})


@overload
def run(model: Model, inputs: NamedInputs, **options: Option) -> dict[str, Array]: ...
@overload
def run(model: Model, inputs: Inputs, **options: Option) -> list[Array]: ...
def run(model: Model, inputs: NamedInputs | Inputs, **options: Option) -> dict[str, Array] | list[Array]:
    """Runs a model with the kernels that the firmware calls.

    Inputs are NumPy arrays of the model's types and shapes: a list in the order of ``inspect``, one array if there is
    one input, or a dictionary by name, for which the outputs are a dictionary, too. Values of a quantised model are
    what it stores.
    """
    outputs: dict[str, Array] | list[Array] = _runs(model, [inputs], False, options)[0]
    return outputs


@overload
def run_all(model: Model, cases: Iterable[NamedInputs], **options: Option) -> list[dict[str, Array] | None]: ...
@overload
def run_all(model: Model, cases: Iterable[Inputs], **options: Option) -> list[list[Array] | None]: ...
def run_all(model: Model, cases: Iterable[NamedInputs | Inputs], **options: Option) -> Any:
    """Runs a model several times, and compiles it only once. ``cases`` has the inputs of each run, as ``run`` takes them.

    A model that keeps state goes on with what the run before left. ``None`` stands for a run that ended before there
    were outputs, as the model waits for more inputs.
    """
    return _runs(model, list(cases), True, options)


def _runs(
    model: Model, cases: Sequence[NamedInputs | Inputs], may_wait: bool, options: Mapping[str, Option]
) -> list[Any]:
    models, held = _models([model])
    arguments = ["run", *_options(options), "--", *models]
    runs = _castiron.run(arguments, held, [_inputs(inputs) for inputs in cases], may_wait)
    return [None if outputs is None else _outputs(inputs, outputs) for inputs, outputs in zip(cases, runs)]


def _inputs(inputs: NamedInputs | Inputs) -> list[tuple[str | None, bytes]]:
    if isinstance(inputs, Mapping):
        return [(name, _npy(array)) for name, array in inputs.items()]
    if isinstance(inputs, (list, tuple)):
        return [(None, _npy(array)) for array in inputs]
    return [(None, _npy(inputs))]


def _npy(array: Any) -> bytes:
    import numpy

    file = io.BytesIO()
    numpy.save(file, numpy.asarray(array, order="C"), allow_pickle=False)
    return file.getvalue()


def _outputs(inputs: object, outputs: list[tuple[str, bytes]]) -> dict[str, Array] | list[Array]:
    import numpy

    arrays = [(name, numpy.load(io.BytesIO(npy), allow_pickle=False)) for name, npy in outputs]
    if isinstance(inputs, Mapping):
        return dict(arrays)
    return [array for _, array in arrays]


def _answer(command: str, models: Sequence[Model], options: Mapping[str, Option]) -> Any:
    paths, held = _models(models)
    return _castiron.answer([command, *_options(options), "--", *paths], held)


def _models(models: Sequence[Model]) -> tuple[list[str], bytes | None]:
    """Models as arguments, and the bytes of the one that is no file."""
    paths = []
    held = None
    for model in models:
        if isinstance(model, (str, os.PathLike)):
            paths.append(os.fspath(model))
        elif held is None:
            held = bytes(model)
            paths.append("-")
        else:
            raise TypeError("only one model of a call may be bytes: give paths of the others")
    return paths, held


def _options(options: Mapping[str, Option]) -> list[str]:
    arguments = []
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            arguments.append(option)
        elif value is None or value is False:
            continue
        elif isinstance(value, (str, int, float, os.PathLike)):
            arguments.append(f"{option}={os.fspath(value) if isinstance(value, os.PathLike) else value}")
        else:
            arguments += [argument for one in value for argument in _options({name: one})]
    return arguments
