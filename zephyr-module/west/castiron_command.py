"""`west castiron`: castiron's commands with a build's files filled in.

Arguments only: what a subcommand does is the work of the castiron executable,
and every argument that is not named here is handed to it as it stands. Needs
nothing but Python 3.10 and west.
"""

import argparse
import glob
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml  # west itself depends on it
from west.commands import CommandError, WestCommand

CHECKOUT = Path(__file__).resolve().parents[2]
EXECUTABLE = "castiron.exe" if os.name == "nt" else "castiron"
NAME_IT = (
    "name it with --castiron PATH, CASTIRON_EXECUTABLE, "
    "or `west config castiron.executable PATH`"
)
MODEL = "CONFIG_KENNING_MODEL_PATH"
# The executable's options that take no value: what follows any other option is
# no model.
FLAGS = {
    *("-h", "--help", "-V", "--version", "-q", "--quiet", "--json"),
    *("--no-io-spec", "--allow-estimate", "--no-code", "--force"),
}
USAGE, FILES = 2, 3  # the executable's exit codes
PARSER: dict[str, Any] = {
    "formatter_class": argparse.RawDescriptionHelpFormatter,
    "allow_abbrev": False,  # they may be the executable's
}


class Problem(Exception):
    """What is wrong, and what to do about it."""

    def __init__(self, cause: str, remedy: str, code: int = FILES) -> None:
        super().__init__(cause)
        self.remedy = remedy
        self.code = code


@dataclass
class Arguments:
    """What goes to the executable, as far as it has to be understood here."""

    options: set[str] = field(default_factory=set)
    values: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, given: list[str]) -> "Arguments":
        """Tell options from the arguments that stand alone."""
        found = cls()
        rest = iter(given)
        for argument in rest:
            if argument == "--":
                found.values.extend(rest)
            elif argument == "-" or not argument.startswith("-"):
                found.values.append(argument)
            elif argument.startswith("--"):
                name, has_value, _ = argument.partition("=")
                found.options.add(name)
                if not has_value and name not in FLAGS:
                    next(rest, None)
            else:
                found.options.add(argument[:2])
                if len(argument) == 2 and argument not in FLAGS:
                    next(rest, None)
        return found

    def has(self, *names: str) -> bool:
        """Whether one of these options is given."""
        return not self.options.isdisjoint(names)


class Build:
    """A build directory; with sysbuild, the application's within it."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.folder = application(top)

    @property
    def devicetree(self) -> Path:
        """The build's flattened devicetree."""
        path = self.folder / "zephyr" / "zephyr.dts"
        if not path.is_file():
            raise Problem(
                f"{path}: there is no devicetree", remedy_for_build()
            )
        return path

    def cached(self, name: str) -> str | None:
        """Read a variable of CMake."""
        for folder in dict.fromkeys((self.folder, self.top)):
            cache = text(folder / "CMakeCache.txt")
            pattern = rf"^{re.escape(name)}:[^=\n]*=(.*)$"
            if found := re.search(pattern, cache, re.MULTILINE):
                return found[1].strip()
        return None

    def configured(self, name: str) -> str | None:
        """Read an option of Kconfig; an empty text counts as none."""
        config = text(self.folder / "zephyr" / ".config")
        pattern = rf'^{re.escape(name)}=(?:"(.*)"|([^"\n]+))$'
        found = re.search(pattern, config, re.MULTILINE)
        if found is None:
            return None
        return found[2] or re.sub(r"\\(.)", r"\1", found[1]) or None

    def model(self) -> Path:
        """Name the model that the build's configuration names."""
        path = self.configured(MODEL)
        if path is None:
            config = self.folder / "zephyr" / ".config"
            raise Problem(
                f"no model is given, and {config} has no {MODEL}",
                "name a .tflite file",
                USAGE,
            )
        return self.located(MODEL, path)

    def located(self, name: str, path: str) -> Path:
        """Make a path absolute that an option names in the application."""
        source = self.cached("APPLICATION_SOURCE_DIR")
        source = source or self.cached("CMAKE_HOME_DIRECTORY")
        if source is None and not os.path.isabs(path):
            raise Problem(
                f"{name} is relative ({path}), "
                f"and {self.folder} does not say to what",
                remedy_for_build(),
            )
        return Path(os.path.normpath(Path(source or "", path)))

    def board(self) -> str:
        """Name the board, without revision and qualifiers."""
        name = (
            self.configured("CONFIG_BOARD") or self.cached("BOARD") or "board"
        )
        return re.split("[@/]", name)[0]


def text(path: Path) -> str:
    """Read a file; one that is not there is empty."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def application(top: Path) -> Path:
    """Find the build of the application itself among those of sysbuild."""
    domains = top / "domains.yaml"
    if not domains.is_file():
        return top
    try:
        content = yaml.safe_load(text(domains))
        default = content["default"]
        folders = {one["name"]: one["build_dir"] for one in content["domains"]}
        folder = Path(folders[default])
    except (yaml.YAMLError, KeyError, TypeError) as error:
        cause = f"{domains}: names no default build"
        raise Problem(cause, remedy_for_build()) from error
    # Of a build directory that was moved, the file has the old place.
    return folder if folder.is_dir() else top / default


def remedy_for_build() -> str:
    """Say where a build directory comes from."""
    return (
        "run `west build -b BOARD APP` first, "
        "or name its build directory with -d"
    )


def is_build(folder: Path) -> bool:
    """Whether CMake has been there for Zephyr."""
    return (folder / "CMakeCache.txt").is_file() and (
        (folder / "zephyr").is_dir() or (folder / "domains.yaml").is_file()
    )


def builds_like(pattern: str) -> Iterator[Path]:
    """Find the builds that `build.dir-fmt` may have made here."""
    # A board or a source directory may have slashes.
    parts = [glob.escape(part) for part in re.split(r"\{[^}]*\}", pattern)]
    stars = ("*", "*/*", "*/*/*")
    for chosen in itertools.product(stars, repeat=len(parts) - 1):
        pairs = zip(parts, (*chosen, ""), strict=True)
        paths = glob.glob("".join(part + star for part, star in pairs))
        yield from filter(is_build, map(Path, paths))


def find_build(given: str | None, pattern: str) -> Build:
    """Find the build directory in the order of `west build`."""
    if given is not None:
        if not Path(given).is_dir():
            cause = f"{given}: there is no such build directory"
            raise Problem(cause, remedy_for_build())
        return Build(Path(given).absolute())
    found = sorted(set(builds_like(pattern)))
    if not found and is_build(Path()):
        found = [Path()]
    match found:
        case [folder]:
            return Build(folder.absolute())
        case []:
            cause = f"{pattern}: there is no build directory here"
            raise Problem(cause, remedy_for_build())
    names = ", ".join(map(str, found))
    cause = f"there are several build directories: {names}"
    raise Problem(cause, "name one with -d", USAGE)


Words = list[str | Path]


@dataclass(frozen=True)
class Setting:
    """An option of Kconfig that stands for one of the executable's."""

    option: str
    config: str
    value: str | None = None  # of a switch: the option's when it is on
    files: bool = False  # the option once for each of several files
    without: str | None = None  # another option that this one is not for

    def default(self) -> str:
        """Say what the option is where the user does not give it."""
        if self.value is None:
            return self.config
        return f"{self.value} with {self.config}"

    def words(self, build: Build) -> Words:
        """Say what is configured as the executable takes it."""
        configured = build.configured(self.config)
        if configured is None:
            return []
        if self.option in FLAGS:
            return [self.option]
        if not self.files:
            return [self.option, self.value or configured]
        try:
            paths = shlex.split(configured)
        except ValueError as error:
            cause = f"{self.config} is {configured}: {error}"
            raise Problem(cause, "correct it in prj.conf") from error
        located = (build.located(self.config, path) for path in paths)
        return [word for path in located for word in (self.option, path)]


@dataclass(frozen=True)
class Subcommand:
    """The executable's subcommand, and what a build adds to its arguments."""

    cli: str
    help: str
    description: str
    examples: tuple[str, ...]
    fill: Callable[[Arguments, Callable[[], Build]], Words]
    settings: tuple[Setting, ...] = ()

    def configured(self, given: Arguments, build: Build) -> Words:
        """Say what the build's configuration says and the user does not."""
        left = (
            one
            for one in self.settings
            if not given.has(one.option, one.without or one.option)
        )
        return [word for one in left for word in one.words(build)]


def fill_model(given: Arguments, build: Callable[[], Build]) -> Words:
    """Name the configured model if none is named."""
    return [] if given.values else [build().model()]


def fill_resolver(given: Arguments, build: Callable[[], Build]) -> Words:
    """Name the configured model, which there need not be beside operators."""
    if given.values:
        return []
    operators = given.has(OPS.option) or build().configured(OPS.config)
    if operators and build().configured(MODEL) is None:
        return []
    return fill_model(given, build)


def fill_fit(given: Arguments, build: Callable[[], Build]) -> Words:
    """Name the build's devicetree if no board is named."""
    words: Words = []
    if not given.has("--board", "--dts"):
        words += ["--dts", build().devicetree]
    return words + fill_model(given, build)


def fill_repl(given: Arguments, build: Callable[[], Build]) -> Words:
    """Name the build's devicetree, and the files to write if none is named."""
    if given.values:
        return []
    found = build()
    filled: Words = [found.devicetree]
    if given.has("-o", "--output"):
        return filled
    platform = found.folder / f"{found.board()}.repl"
    filled += ["--output", platform]
    firmware = found.folder / "zephyr" / "zephyr.elf"
    if " " in f"{platform}{firmware}":
        note = f"note: no script, as Renode's cannot name {found.folder}"
        print(f"{note}, which has a space", file=sys.stderr)
        return filled
    if not given.has("--resc"):
        filled += ["--resc", platform.with_suffix(".resc")]
    if not given.has("--elf"):
        filled += ["--elf", firmware]
    return filled


OPS = Setting("--ops", "CONFIG_KENNING_TFLITE_OPS")
# They are for castiron's kernels, and an engine that is given may be another.
OPTIMIZE = tuple(
    Setting(
        "--optimize",
        f"CONFIG_CASTIRON_OPTIMIZE_{value.upper()}",
        value=value,
        without="--engine",
    )
    for value in ("size", "speed")
)
SUBCOMMANDS = {
    "header": Subcommand(
        "gen-header",
        "write a model as C: its bytes, shapes, quantisation and labels",
        f"MODEL defaults to the build's {MODEL}.",
        (
            "header kws.tflite -o src/kws.h",
            "header kws.tflite --style kenning -o model_data.h",
            "header -d build -o model_data.h --style kenning",
        ),
        fill_model,
    ),
    "resolver": Subcommand(
        "gen-resolver",
        "write a TensorFlow Lite Micro resolver with a model's operators",
        f"MODEL defaults to the build's {MODEL}.",
        (
            "resolver kws.tflite -o ops_resolver.h",
            "resolver kws.tflite vad.tflite --ops Softmax -o ops_resolver.h",
            "resolver -d build -o ops_resolver.h",
        ),
        fill_resolver,
        (OPS,),
    ),
    "arena": Subcommand(
        "arena",
        "compute the tensor arena that TensorFlow Lite Micro needs",
        f"MODEL defaults to the build's {MODEL}.",
        (
            "arena kws.tflite",
            "arena kws.tflite --kernels cmsis-nn --cpu cortex-m55",
            "arena -d build --json",
        ),
        fill_model,
    ),
    "repl": Subcommand(
        "board-repl",
        "write a Renode platform and script for a build",
        "From <build>/zephyr/zephyr.dts, <build>/BOARD.repl and\n"
        "<build>/BOARD.resc are written; the script loads\n"
        "<build>/zephyr/zephyr.elf. With -o, the platform alone is written\n"
        "there. BOARD is the board's name without revision and qualifiers;\n"
        "with sysbuild, <build> is the application's own build.",
        (
            "repl && renode build/mps2.resc",
            "repl -d build/app --renode-version 1.15.3",
            "repl -o - | less",
        ),
        fill_repl,
        (
            Setting("--renode-version", "CONFIG_CASTIRON_RENODE_VERSION"),
            Setting("--rules", "CONFIG_CASTIRON_RENODE_RULES", files=True),
        ),
    ),
    "fit": Subcommand(
        "fit",
        "check whether models fit on a board",
        "The exit code is 0 if everything fits and 1 if it does not.\n"
        "The board is the build's, by its devicetree, unless --board or\n"
        "--dts names another.\n"
        f"MODEL defaults to the build's {MODEL}.",
        (
            "fit kws.tflite --app-flash 96 --app-ram 40",
            "fit kws.tflite vad.tflite --board nucleo_f401re --engine tflm",
            "fit -d build",
        ),
        fill_fit,
        (
            Setting("--engine", "CONFIG_CASTIRON_ENGINE_TFLM", value="tflm"),
            *OPTIMIZE,
            Setting("--app-flash", "CONFIG_CASTIRON_FIT_APP_FLASH"),
            Setting("--app-ram", "CONFIG_CASTIRON_FIT_APP_RAM"),
            Setting("--no-code", "CONFIG_CASTIRON_FIT_NO_CODE"),
        ),
    ),
    "report": Subcommand(
        "inspect",
        "show a model's inputs, outputs and operators, and their cost",
        f"MODEL defaults to the build's {MODEL}.",
        (
            "report kws.tflite",
            "report kws.tflite --csv operators.csv",
            "report -d build --json",
        ),
        fill_model,
        OPTIMIZE,
    ),
}


class Castiron(WestCommand):
    """`west castiron`."""

    def __init__(self) -> None:
        super().__init__(
            "castiron",
            "C of models, their memory, and Renode platforms of builds",
            "Runs a castiron command with the model, the devicetree and the\n"
            "firmware of a build directory.",
            accepts_unknown_args=True,
        )

    def do_add_parser(self, parser_adder: Any) -> argparse.ArgumentParser:
        """Describe the subcommands."""
        parser: argparse.ArgumentParser = parser_adder.add_parser(
            self.name,
            help=self.help,
            description=self.description,
            **PARSER,
        )
        subparsers = parser.add_subparsers(
            title="subcommands",
            dest="subcommand",
            metavar="SUBCOMMAND",
            required=True,
        )
        for name, subcommand in SUBCOMMANDS.items():
            add_subparser(subparsers, name, subcommand)
        return parser

    def do_run(self, args: argparse.Namespace, unknown: list[str]) -> None:
        """Run the executable, and end as it ends."""
        subcommand = SUBCOMMANDS[args.subcommand]
        pattern = str(self.config.get("build.dir-fmt", default="build"))

        asked: list[Build] = []

        def build() -> Build:
            if not asked:
                asked.append(find_build(args.build_dir, pattern))
            return asked[0]

        try:
            if args.cli_help:
                words = ["--help"]
            else:
                given = Arguments.of(unknown)
                filled = subcommand.fill(given, build)
                if args.build_dir is not None and subcommand.settings:
                    build()
                # What has nothing else of a build has not its settings.
                for found in asked:
                    filled += subcommand.configured(given, found)
                # The user's come last, as there may be `--` among them.
                words = [*map(str, filled), *unknown]
            executable = self.executable(args.castiron, build)
            self.start([executable, subcommand.cli, *words])
        except Problem as problem:
            message = f"error: {problem}\n  help: {problem.remedy}"
            print(message, file=sys.stderr)
            raise CommandError(problem.code) from problem

    def start(self, command: list[str]) -> None:
        """Run a command; another exit code than 0 is west's, too."""
        self.dbg(shlex.join(command))
        sys.stdout.flush()
        try:
            code = subprocess.run(command, check=False).returncode
        except OSError as error:
            cause = f"{command[0]}: cannot be run: {error.strerror}"
            raise Problem(cause, NAME_IT) from error
        if code != 0:
            raise CommandError(code)

    def executable(
        self, argument: str | None, build: Callable[[], Build]
    ) -> str:
        """Find the executable."""
        variable = "CASTIRON_EXECUTABLE"
        if argument is not None:
            return runnable(argument, "--castiron")
        if named := os.environ.get(variable):
            return runnable(named, variable)
        try:
            cached = build().cached(variable)
        except Problem:
            cached = None  # not every use needs a build
        if cached and (found := shutil.which(cached)):
            return found
        if named := self.config.get("castiron.executable"):
            # A relative path holds in the whole workspace.
            if os.path.dirname(named):
                named = os.path.join(str(self.topdir), named)
            return runnable(named, "west config castiron.executable")
        return shutil.which("castiron") or from_checkout()


def add_subparser(subparsers: Any, name: str, subcommand: Subcommand) -> None:
    """Describe a subcommand."""
    lines = (f"  west castiron {example}" for example in subcommand.examples)
    settings = "".join(
        f"{one.option} defaults to {one.default()}.\n"
        for one in subcommand.settings
    )
    parser = subparsers.add_parser(
        name,
        help=subcommand.help,
        usage=f"west castiron {name} "
        "[-h] [--cli-help] [-d DIR] [--castiron PATH] ...",
        description=f"{subcommand.help[0].upper()}{subcommand.help[1:]}.\n\n"
        f"{subcommand.description}\n"
        f"{settings}"
        f"All other arguments are those of `castiron {subcommand.cli}`.",
        epilog="\n".join(("examples:", *lines)),
        **PARSER,
    )
    parser.add_argument(
        "--cli-help",
        action="store_true",
        help=f"show the arguments of `castiron {subcommand.cli}` and exit",
    )
    parser.add_argument(
        "-d",
        "--build-dir",
        metavar="DIR",
        help="the build directory (default: build, or as build.dir-fmt says; "
        "then the current directory)",
    )
    parser.add_argument(
        "--castiron",
        metavar="PATH",
        help="the castiron executable (default: CASTIRON_EXECUTABLE of the "
        "environment or of the build, castiron.executable of west's "
        "configuration, PATH, the checkout that this command is in, built "
        "with cargo)",
    )


def runnable(path: str, origin: str) -> str:
    """Find an executable that is named."""
    if found := shutil.which(path):
        return found
    raise Problem(f"{path}: there is no such executable ({origin})", NAME_IT)


def from_checkout() -> str:
    """Build the executable in the checkout that this file is in."""
    target = CHECKOUT / "target"
    executable = target / "release" / EXECUTABLE
    cargo = shutil.which("cargo") or shutil.which(
        "cargo", path=Path.home() / ".cargo" / "bin"
    )
    if cargo is None or not (CHECKOUT / "Cargo.toml").is_file():
        if executable.is_file():
            return str(executable)
        raise Problem(
            "there is no castiron executable, and no cargo to build it with",
            f"install Rust from https://rustup.rs, or {NAME_IT}",
        )
    command = [cargo, "build", "--release", "--locked", "-p", "castiron-cli"]
    if executable.is_file():
        # The checkout may have moved on since. If not, this takes a moment.
        command.append("--quiet")
    else:
        note = f"building castiron in {CHECKOUT}: once, and it takes minutes"
        print(note, file=sys.stderr)
    command += ["--target-dir", str(target)]
    # These are meant for firmware, and would have it built elsewhere.
    meant = {"CARGO_BUILD_TARGET", "RUSTFLAGS"}
    result = subprocess.run(
        command,
        cwd=CHECKOUT,
        env={k: v for k, v in os.environ.items() if k not in meant},
        stdout=sys.stderr,
        check=False,
    )
    if result.returncode != 0:
        raise Problem(
            f"cargo could not build castiron in {CHECKOUT}",
            f"see its message above, or {NAME_IT}",
        )
    return str(executable)
