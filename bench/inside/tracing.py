# SPDX-License-Identifier: MIT
"""The kernel's trace points, in an instance of their own: nothing else of the host sees it."""

import re
from pathlib import Path

TRACING = Path("/sys/kernel/debug/tracing")  # the kernel mounts it when it is looked at


class Trace:
    def __init__(self):
        self._folder = TRACING / "instances/bench"
        if self._folder.exists():
            self._folder.rmdir()  # of a run that was killed
        self._folder.mkdir()
        self.write("trace_clock", "mono")

    def write(self, name, text):
        (self._folder / name).write_text(text)

    def read(self, name):
        return (self._folder / name).read_text()

    def count(self, event, *keys):
        """From now on the event is counted, by thread and by these of its fields, in hexadecimal."""
        fields = ",".join(["common_pid", *(f"{key}.hex" for key in keys)])
        self.write(f"events/{event}/trigger", f"hist:keys={fields}:size=8192")

    def counted(self, event):
        """{(thread, field): number}"""
        lines = re.findall(r"\{ common_pid: +(\d+), \w+: +(\w+) *\} hitcount: +(\d+)",
                           self.read(f"events/{event}/hist"))
        return {(int(thread), int(field, 16)): int(number) for thread, field, number in lines}

    def close(self):
        self._folder.rmdir()
