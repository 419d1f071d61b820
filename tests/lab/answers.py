# SPDX-License-Identifier: MIT
"""How soon a machine in an L1 answers, asked over its control socket all the time.

    answers = Answers(machine, "/run/lend/x/qmp")
    ...
    answers.end()        # {"query-status": [milliseconds, ...], "stop": ..., ...}

The client is this file itself, run in L1, so that the way out of L1 is not in the figure. Each command waits
for its reply, and `stop` and `cont` for their events, too.
"""

import itertools
import json
import pathlib
import socket
import sys
import threading
import time

HERE = pathlib.Path(__file__)
PAUSE = 0.1
BUTTON_PAUSE = 3  # pressed twice in 2 s, it is pressed once
# Most often what changes nothing; the power button now and then.
TURN = ("query-status",) * 4 + ("stop", "cont") + ("query-status",) * 4 + ("system_powerdown",)
EVENTS = {"stop": "STOP", "cont": "RESUME", "system_powerdown": "POWERDOWN"}


class Answers:
    def __init__(self, l1, path):
        self._command = l1.start(["python3", HERE, path], stdin=True, timeout=7200)
        self._command.expect("connected\n", 60)

    def reset(self):
        """The machine starts again."""
        self._command.send("system_reset\n")

    def end(self):
        self._command.close_stdin()
        result = self._command.wait(120)
        assert result.status == 0, f"the socket failed: {result.err[-500:]}"
        return json.loads(result.out.splitlines()[-1])


def ask(stream, name):
    """Milliseconds until its reply and its event are there."""
    began, missing = time.monotonic(), {"return"} | ({EVENTS[name]} if name in EVENTS else set())
    stream.write(json.dumps({"execute": name}).encode() + b"\n")
    while missing:
        message = json.loads(stream.readline())
        print(name, message, file=sys.stderr, flush=True)
        assert "error" not in message, message
        missing -= {"return"} if "return" in message else {message.get("event")}
    return (time.monotonic() - began) * 1000


def client(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    stream = connection.makefile("rwb", buffering=0)
    stream.readline()
    ask(stream, "qmp_capabilities")
    print("connected", flush=True)
    took, asked, over = {}, [], threading.Event()

    def listen():
        for line in sys.stdin:
            asked.append(line.strip())
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    pressed = 0
    for name in itertools.cycle(TURN):
        if name != "cont":  # a pause is never left open
            if over.is_set():
                break
            while asked:
                ask(stream, asked.pop(0))
        if name == "system_powerdown":
            if time.monotonic() < pressed + BUTTON_PAUSE:
                continue
            pressed = time.monotonic()
        took.setdefault(name, []).append(round(ask(stream, name), 1))
        over.wait(PAUSE)
    print(json.dumps(took), flush=True)


if __name__ == "__main__":
    client(sys.argv[1])
