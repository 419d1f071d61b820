# SPDX-License-Identifier: MIT
"""QEMU's monitor of an L1: plays the hardware (device_del, device_add, ...)."""

import json
import queue
import threading

from lab.patience import patient


class MonitorError(Exception):
    pass


class Monitor:
    """QMP over a socket. `hmp` runs a line of the human monitor.

    A thread reads; events are kept in `events`, in order, for `wait_event`.
    """

    def __init__(self, sock):
        self._sock = sock
        self._answers = queue.Queue()
        self._lock = threading.Lock()
        self._ready = False
        self.events = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with self._sock.makefile("r", encoding="utf-8") as lines:
            try:
                for line in lines:
                    message = json.loads(line)
                    if "event" in message:
                        self.events.put(message)
                    elif "QMP" not in message:
                        self._answers.put(message)
            except (OSError, ValueError):
                pass
        self._answers.put(None)

    def _ask(self, message, timeout):
        self._sock.sendall(json.dumps(message).encode() + b"\n")
        try:
            answer = self._answers.get(timeout=patient(timeout))
        except queue.Empty:
            answer = None
        if answer is None:
            raise MonitorError(f"{message['execute']}: QEMU gave no answer")
        if "error" in answer:
            raise MonitorError(f"{message['execute']}: {answer['error']['desc']}")
        return answer["return"]

    def command(self, name, timeout=30, **arguments):
        with self._lock:
            if not self._ready:
                self._ask({"execute": "qmp_capabilities"}, timeout)
                self._ready = True
            return self._ask({"execute": name, "arguments": arguments}, timeout)

    def hmp(self, line, timeout=30):
        """What the human monitor prints for a line."""
        return self.command("human-monitor-command", timeout,
                            **{"command-line": line})

    def wait_event(self, name, timeout=30):
        try:
            while True:
                event = self.events.get(timeout=patient(timeout))
                if event["event"] == name:
                    return event
        except queue.Empty:
            raise MonitorError(f"no event {name} in {patient(timeout):g} s") from None

    def close(self):
        self._sock.close()
