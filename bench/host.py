# SPDX-License-Identifier: MIT
"""Where monitors are measured: an L1 of the lab, or this computer.

Rules: a measurement is a program of bench/inside that prints a line of JSON at last. The lab
loses an L1 or a guest now and then (docs/lab.md): it is said, and the measurement is made
again in a new L1. What is lost too often is an exception.
"""

import json
import shlex
import subprocess
from pathlib import Path

from lab.command import CommandFailed
from lab.machine import addresses
from lab.session import LabError, Session

ROOT = Path(__file__).resolve().parents[1]
INSIDE = ROOT / "bench/inside"
PYTHON = "/usr/bin/python3"
LOST_MAX = 3
# Another program's errors stay out of the JSON; QEMU's modules of another release stay out of QEMU.
ENV = {"QEMU_MODULE_DIR": "/nonexistent"}


class Lost(Exception):
    """A measurement could not be had; the text says why."""


def last_json(text):
    return json.loads(text.strip().splitlines()[-1])


class Lab:
    """An L1 of a profile, booted when it is needed."""

    def __init__(self, profile, say):
        self._profile, self._say, self._l1, self._bound = profile, say, None, ()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._close()

    def _close(self):
        if self._l1:
            self._l1.close()
        self._l1, self._bound = None, ()

    def _ready(self, devices):
        if self._l1 and not self._l1.alive:
            self._close()
        self._l1 = self._l1 or Session(self._profile)
        for device in devices:
            if device not in self._bound:
                self._l1.run([ROOT / "lab/bind", device, "vfio-pci"], check=True)
                self._bound += (device,)

    def measure(self, program, words, devices=(), timeout=300):
        for _ in range(LOST_MAX):
            try:
                self._ready(devices)
                return last_json(self._l1.run([PYTHON, INSIDE / program, *words], env=ENV,
                                              timeout=timeout).check().out)
            except (LabError, CommandFailed) as e:
                lines = str(e).splitlines()
                self._say(f"lost, and made again: {lines[0][-150:]}: {lines[-1]}")
                self._close()
                why = e
        raise Lost(f"{program}: lost {LOST_MAX} times; last: {str(why).splitlines()[-1]}")

    def devices(self, number):
        return [a for a in addresses(self._profile) if a][:number]


class Here:
    """This computer, and devices of it that are bound to vfio-pci."""

    def __init__(self, devices, say):
        self._devices, self._say = devices, say

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def measure(self, program, words, devices=(), timeout=300):
        del devices
        done = subprocess.run([PYTHON, INSIDE / program, *map(str, words)], capture_output=True, text=True,
                              timeout=timeout, check=False)
        if done.returncode:
            raise Lost(f"{program} {shlex.join(map(str, words))}: {done.stderr.strip()}")
        return last_json(done.stdout)

    def devices(self, number):
        return self._devices[:number]
