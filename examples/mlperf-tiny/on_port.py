"""Runs a program of MLPerf Tiny's runner on a serial port that is no USB device, such as a pseudo-terminal.

    python on_port.py PORT RUNNER [ARGUMENT]...

RUNNER is the runner's folder in mlcommons/tiny, and arguments are those of its main.py. The runner looks for boards by numbers of USB devices: the
port gets those of the first board under test in its list of devices.
"""

import argparse
import os
import runpy
import sys
from types import SimpleNamespace

import usb.core
import yaml
from serial.tools import list_ports


def main():
    port, runner, *arguments = sys.argv[1:]
    os.chdir(runner)
    sys.path.insert(0, runner)
    sys.argv = ["main.py", *arguments]
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-d", "--device_list", default="devices.yaml")
    devices = yaml.safe_load(open(parser.parse_known_args(arguments)[0].device_list))
    board = next(device for device in devices if device["type"] == "dut")
    vendor, product = next(iter(board["usb"].items()))
    found = SimpleNamespace(device=port, vid=vendor, pid=product, description=port)
    list_ports.comports = lambda *_: [found]
    # Machines without USB have no library for it.
    usb.core.find = lambda **_: []
    runpy.run_path("main.py", run_name="__main__")


main()
