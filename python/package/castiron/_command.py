"""The command ``castiron``."""

import signal
import sys

from . import _castiron


def main() -> int:
    # Python would only remember Ctrl-C, and look at it when the command is done.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _castiron.main(["castiron", *sys.argv[1:]])
