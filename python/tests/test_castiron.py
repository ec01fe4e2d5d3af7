"""What `castiron` is as a Python module, installed: `python -m unittest discover python/tests`."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any

import numpy

import castiron
import goldens

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "tests" / "data" / "models"
EXAMPLES = ROOT / "examples" / "models"
SINE = EXAMPLES / "sine_int8.tflite"
COMMAND = Path(sysconfig.get_path("scripts")) / "castiron"


def command(*arguments: str | Path, **how: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, **how)


def python(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)


class InFolder(unittest.TestCase):
    """Each test has a folder of its own, and is in it."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        before = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)

    def enterContext(self, context: Any) -> Any:  # Python 3.11 has it.
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        return stack.enter_context(context)

    def fails(self, work: Any, *arguments: Any, **options: Any) -> castiron.Error:
        with self.assertRaises(castiron.Error) as raised:
            work(*arguments, **options)
        return raised.exception


class Runs(InFolder):
    def test_outputs_are_the_recorded_ones(self) -> None:
        count = 0
        for recorded in [*EXAMPLES.glob("golden/*.safetensors"), *MODELS.glob("golden/*.safetensors")]:
            model = recorded.parents[1] / f"{recorded.stem}.tflite"
            for signature, cases in goldens.read(recorded).items():
                runs = castiron.run_all(model, [case["in"] for case in cases], signature=signature)
                for case, outputs in zip(cases, runs):
                    assert outputs is not None
                    self.assertEqual(len(outputs), len(case["out"]))
                    for output, wanted in zip(outputs, case["out"]):
                        self.assertEqual((output.dtype, output.shape), (wanted.dtype, wanted.shape), model)
                        if output.dtype.kind == "f":
                            numpy.testing.assert_allclose(output, wanted, rtol=1e-4, atol=1e-5, err_msg=str(model))
                        else:
                            numpy.testing.assert_array_equal(output, wanted, err_msg=str(model))
                        count += 1
        self.assertGreater(count, 50)

    def test_inputs_and_outputs_have_names(self) -> None:
        model = (MODELS / "multi_io_int8.tflite").read_bytes()
        [case] = goldens.read(MODELS / "golden" / "multi_io_int8.safetensors")[None][:1]
        [graph] = castiron.inspect(model)["signatures"]
        names = [[port["name"] for port in graph[side]] for side in ("inputs", "outputs")]
        tensors = castiron.inspect(model)["subgraphs"][0]
        order = [[tensor["index"] for tensor in tensors[side]] for side in ("inputs", "outputs")]
        of = {port["tensor"]: port["name"] for side in ("inputs", "outputs") for port in graph[side]}
        inputs = {of[tensor]: array for tensor, array in zip(order[0], case["in"])}
        outputs = castiron.run(model, dict(reversed(inputs.items())))
        self.assertEqual(sorted(outputs), sorted(names[1]))
        for tensor, wanted in zip(order[1], case["out"]):
            numpy.testing.assert_array_equal(outputs[of[tensor]], wanted)
        name = next(iter(inputs))
        error = self.fails(castiron.run, model, {**{k: v for k, v in inputs.items() if k != name}, "other": inputs[name]})
        self.assertIn(name, str(error))
        self.assertIn('"other"', str(error))

    def test_one_array_is_one_input_in_any_order_of_bytes(self) -> None:
        x = numpy.linspace(-1, 1, 85, dtype=numpy.float32).reshape(1, 5, 17)
        [wanted] = castiron.run(EXAMPLES / "vae.tflite", x)
        for same in (x.astype(">f4"), numpy.asfortranarray(x), [x], (x,)):
            [output] = castiron.run(EXAMPLES / "vae.tflite", same)
            numpy.testing.assert_array_equal(output, wanted)
        output += 1
        self.assertTrue(output.flags.writeable)

    def test_arrays_of_another_type_or_shape_are_refused(self) -> None:
        for array, expected in [
            (numpy.zeros((1, 1), numpy.float32), "found: <f4"),
            (numpy.zeros(1, numpy.int8), "found: [1]"),
            ([[1]], "found: [1]"),
            (numpy.array(["a"]), "found: <U1"),
        ]:
            error = self.fails(castiron.run, SINE, [array] if isinstance(array, numpy.ndarray) else array)
            self.assertEqual(error.kind, "model")
            self.assertIn("input 0: ", str(error))
            self.assertIn("expected: INT8 [1, 1], in C order", str(error))
        error = self.fails(castiron.run, SINE, [])
        self.assertIn("wrong number of inputs", str(error))
        self.assertIn("found: 0", str(error))

    def test_state_lasts_and_a_run_may_end_early(self) -> None:
        model = ROOT / "tests" / "data" / "waiting" / "waiting_i8.tflite"
        cases = goldens.read(model.parent / "golden" / "waiting_i8.safetensors")[None]
        runs = castiron.run_all(model, [case["in"] for case in cases])
        self.assertEqual([outputs is None for outputs in runs], [not case["out"] for case in cases])
        self.assertIn(None, runs)
        for outputs, case in zip(runs, cases):
            for output, wanted in zip(outputs or [], case["out"]):
                numpy.testing.assert_array_equal(output, wanted)
        error = self.fails(castiron.run, model, cases[0]["in"])
        self.assertEqual(error.diagnostics[0]["help"], "give successive inputs to run_all")

    def test_other_threads_go_on(self) -> None:
        model = MODELS / "resnet8_int8.tflite"
        [case] = goldens.read(MODELS / "golden" / "resnet8_int8.safetensors")[None][:1]
        castiron.run(model, case["in"])
        took: list[float] = []

        def work() -> None:
            start = time.monotonic()
            castiron.run_all(model, [case["in"]] * 40)
            took.append(time.monotonic() - start)

        thread = threading.Thread(target=work)
        longest, last = 0.0, time.monotonic()
        thread.start()
        while thread.is_alive():
            time.sleep(0.001)
            now = time.monotonic()
            longest, last = max(longest, now - last), now
        self.assertLess(longest, took[0] / 2)


class Answers(InFolder):
    def test_they_are_what_the_command_prints(self) -> None:
        calls: list[tuple[str, Any, dict[str, Any], list[str]]] = [
            ("inspect", castiron.inspect, {}, []),
            ("inspect", castiron.inspect, {"optimize": "size", "isa": "dsp"}, ["--optimize", "size", "--isa", "dsp"]),
            ("arena", castiron.arena, {"kernels": "cmsis-nn"}, ["--kernels", "cmsis-nn"]),
            ("plan", castiron.plan, {"max_arena": 400, "no_alias": True}, ["--max-arena", "400", "--no-alias"]),
            ("plan", castiron.plan, {"pareto": True, "svg": None, "embed": False}, ["--pareto"]),
            (
                "plan",
                castiron.plan,
                {"memory": ["dtcm=64k:fast", "sram=256k"]},
                ["--memory", "dtcm=64k:fast", "--memory", "sram=256k"],
            ),
            ("fit", castiron.fit, {"board": "nucleo_f401re"}, ["--board", "nucleo_f401re"]),
        ]
        for name, work, options, arguments in calls:
            printed = command(name, EXAMPLES / "vae_int8.tflite", "--json", *arguments)
            self.assertEqual(work(EXAMPLES / "vae_int8.tflite", **options), json.loads(printed.stdout), printed.stderr)

    def test_a_model_may_be_bytes(self) -> None:
        wanted = castiron.inspect(SINE)
        for held in (SINE.read_bytes(), bytearray(SINE.read_bytes()), memoryview(SINE.read_bytes())):
            answer = castiron.inspect(held)
            self.assertEqual(answer.pop("file"), "bytes")
            self.assertEqual(answer, {name: value for name, value in wanted.items() if name != "file"})
        both = castiron.inspect(SINE, SINE.read_bytes())
        self.assertEqual([answer["file"] for answer in both], [SINE.name, "bytes"])
        with self.assertRaises(TypeError):
            castiron.inspect(b"", b"")

    def test_scales_can_be_seen(self) -> None:
        graph = castiron.inspect(SINE)["subgraphs"][0]
        [tensor] = graph["inputs"]
        [scale] = tensor["quantization"]["scale"]
        [zero_point] = tensor["quantization"]["zero_point"]
        self.assertEqual((tensor["dtype"], zero_point), ("INT8", -128))
        self.assertAlmostEqual(scale, 2 * numpy.pi / 255, places=3)

    def test_a_model_that_does_not_fit_is_an_answer(self) -> None:
        answer = castiron.fit(SINE, board="nucleo_f401re", app_ram=10**6)
        self.assertIs(answer["fits"], False)
        error = self.fails(castiron.fit, SINE, board="no_such_board")
        self.assertIn("no_such_board", str(error))

    def test_files_are_generated(self) -> None:
        answer = castiron.generate(SINE, self.folder / "out", max_arena="1k")
        made = {Path(file["path"]).name for file in answer["files"]}
        self.assertEqual(made, {path.name for path in (self.folder / "out").iterdir()})
        self.assertIn("sine_int8.rs", made)
        of_bytes = castiron.generate(SINE.read_bytes(), "named", name="sine")
        self.assertIn("sine.rs", {Path(file["path"]).name for file in of_bytes["files"]})

    def test_a_file_may_have_any_name(self) -> None:
        for name in ("-x.tflite", "a b=c.tflite", "\N{GREEK SMALL LETTER ALPHA}.tflite"):
            shutil.copy(SINE, name)
            self.assertEqual(castiron.inspect(name)["file"], name)


class Errors(InFolder):
    def test_they_say_what_is_wrong_and_where(self) -> None:
        error = self.fails(castiron.generate, MODELS / "unsupported.tflite", "out", strict=True)
        self.assertEqual(error.kind, "model")
        self.assertIn("unsupported.tflite, subgraph 0, operator ", str(error))
        self.assertIn("help: ", str(error))
        self.assertIn("operator", error.diagnostics[0]["place"])
        self.assertFalse(Path("out").exists())

    def test_they_have_keywords_for_options(self) -> None:
        error = self.fails(castiron.inspect, SINE, max_aren=1)
        self.assertEqual((error.kind, error.diagnostics[0]["help"]), ("usage", "a similar argument exists: 'max_arena'"))
        error = self.fails(castiron.run, SINE, [], out_dir="out")
        self.assertIn("out_dir is for files", str(error))

    def test_files_that_cannot_be_read(self) -> None:
        error = self.fails(castiron.inspect, "none.tflite")
        self.assertEqual(error.kind, "io")
        self.assertIn("none.tflite: cannot read", str(error))
        error = self.fails(castiron.inspect, SINE.read_bytes()[:1000])
        self.assertEqual(error.kind, "model")
        self.assertTrue(str(error).startswith("bytes: "), error)

    def test_what_was_found_all_the_same_is_kept(self) -> None:
        error = self.fails(castiron.arena, SINE, "none.tflite")
        self.assertIn("min_arena_bytes", error.result[0])
        self.assertIn("error", error.result[1])
        self.assertIsNone(self.fails(castiron.inspect, b"").result)


class Module(InFolder):
    def test_versions_agree(self) -> None:
        self.assertEqual(castiron.__version__, importlib.metadata.version("castiron"))
        self.assertEqual(command("--version").stdout, f"castiron {castiron.__version__}\n")

    def test_numpy_is_for_runs_alone(self) -> None:
        code = "import castiron, sys; castiron.inspect(sys.argv[1]); sys.exit('numpy' in sys.modules)"
        self.assertEqual(python(code, SINE).returncode, 0)

    def test_an_interruption_stays_python_s(self) -> None:
        code = (
            "import castiron, os, signal, sys, time\n"
            "castiron.generate(sys.argv[1], 'out')\n"
            "try:\n"
            "    os.kill(os.getpid(), signal.SIGINT)\n"
            "    time.sleep(1)\n"
            "except KeyboardInterrupt:\n"
            "    time.sleep(0.2)\n"
            "    print('interrupted')\n"
        )
        self.assertEqual(python(code, SINE).stdout, "interrupted\n")

    def test_licences_are_installed(self) -> None:
        files = [Path(str(file)).name for file in importlib.metadata.files("castiron") or []]
        self.assertLessEqual({"LICENSE-APACHE", "LICENSE-MIT", "py.typed", "_castiron.pyi"}, set(files))

    def test_types_are_right(self) -> None:
        if not importlib.util.find_spec("mypy"):
            print("skipped: types are not checked, as mypy is not installed", file=sys.stderr)
            self.skipTest("mypy is not installed")
        package = ROOT / "python" / "package" / "castiron"
        cache = ["--cache-dir", str(self.folder)]
        checked = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", *cache, package, ROOT / "python" / "tests"],
            capture_output=True,
            text=True,
        )
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        stubs = subprocess.run(
            [sys.executable, "-m", "mypy.stubtest", "castiron._castiron"], capture_output=True, text=True
        )
        self.assertEqual(stubs.returncode, 0, stubs.stdout + stubs.stderr)


class Command(InFolder):
    def test_it_is_the_command(self) -> None:
        done = command("generate", SINE, "--out-dir", "out")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(Path("out/sine_int8.rs").is_file())

    def test_its_exit_codes_say_whose_fault_it_is(self) -> None:
        Path("bad.tflite").write_bytes(b"bad")
        for code, arguments in [(1, ["inspect", "bad.tflite"]), (2, ["inspect"]), (3, ["inspect", "none.tflite"])]:
            done = command(*arguments)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertTrue(done.stderr.startswith("error: "), done.stderr)

    def test_it_reads_standard_input(self) -> None:
        with SINE.open("rb") as model:
            done = command("inspect", "-", "--json", stdin=model)
        self.assertEqual(json.loads(done.stdout)["file"], "stdin")


class Documents(InFolder):
    def test_the_examples_work(self) -> None:
        text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        self.assertEqual(len(blocks), 5)
        for model in EXAMPLES.glob("*.tflite"):
            shutil.copy(model, self.folder)
        names: dict[str, Any] = {}
        for block in blocks:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(block, "docs/python.md", "exec"), names)
            # What a line prints stands behind it.
            wanted = re.findall(r"print\(.*\)  # (.*)$", block, re.MULTILINE)
            self.assertEqual(printed.getvalue().splitlines(), wanted)


if __name__ == "__main__":
    unittest.main()
