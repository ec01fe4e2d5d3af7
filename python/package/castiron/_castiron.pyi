from collections.abc import Sequence
from typing import Any

__all__ = ["Error", "__version__", "answer", "main", "run"]

__version__: str

class Error(Exception):
    kind: str
    diagnostics: list[dict[str, Any]]
    result: Any

def answer(arguments: Sequence[str], model: bytes | None) -> Any: ...
def run(
    arguments: Sequence[str],
    model: bytes | None,
    cases: Sequence[Sequence[tuple[str | None, bytes]]],
    may_wait: bool,
) -> list[list[tuple[str, bytes]] | None]: ...
def main(arguments: Sequence[str]) -> int: ...
