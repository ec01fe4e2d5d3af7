#!/usr/bin/env python3
"""Makes the shipped models and their goldens: python make_models.py OUT_DIR [--only REGEX]."""
import argparse
import pathlib
import re

import golden
import models  # noqa: F401, fills the registry
from common import REGISTRY


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    for entry in REGISTRY.values():
        if re.search(arguments.only, entry.name):
            golden.write(entry, entry.build(entry.seed, entry.variant), arguments.out)
            print(entry.name)


if __name__ == "__main__":
    main()
