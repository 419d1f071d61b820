# SPDX-License-Identifier: MIT
"""A client of the control socket of a machine in an L1.

    qmp = Qmp(machine, "/run/lend/lab/qmp")
    qmp.execute("query-status")              # {"status": "running", ...}
    qmp.event("SHUTDOWN")                    # waits for it; its data
    qmp.execute_with("/dev/x", "getfd", fdname="x")  # and a descriptor of that file with it

The client is this file itself, run in L1; it sends and takes what public clients do: a greeting, the
negotiation, an id with each request that is text, and events at any time.
"""

import json
import os
import pathlib
import socket
import sys
import threading

HERE = pathlib.Path(__file__)


class Refused(Exception):
    pass


class Qmp:
    def __init__(self, l1, path):
        self._command = l1.start(["python3", HERE, path], stdin=True, timeout=300)
        self._asked = 0
        self._seen = {}
        self._command.expect("connected\n", 60)

    def execute(self, name, **arguments):
        return self._execute([name, arguments])

    def execute_with(self, path, name, **arguments):
        """The file is opened in L1, and its descriptor goes with the bytes of the request."""
        return self._execute([name, arguments, path])

    def _execute(self, request):
        self._asked += 1
        self._command.send(json.dumps(request) + "\n")
        reply = json.loads(self._command.expect(rf"(?m)^reply {self._asked} (.*)\n", 60)[1])
        if "error" in reply:
            raise Refused(f"{reply['error']['class']}: {reply['error']['desc']}")
        return reply["return"]

    def event(self, name, timeout=60):
        """The data of the next event with that name."""
        count = self._seen[name] = self._seen.get(name, 0) + 1
        found = self._command.expect(rf"(?sm)(^event {name} ([^\n]*)\n.*?){{{count}}}", timeout)
        return json.loads(found[2])

    def ended(self):
        """The machine has closed the socket."""
        assert self._command.wait(60).status == 0


def client(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    stream = connection.makefile("rwb", buffering=0)
    assert json.loads(stream.readline())["QMP"]["capabilities"] == []

    def request(number, name, arguments, path=None):
        message = {"execute": name, "id": f"client-{number}"}
        if arguments:
            message["arguments"] = arguments
        fds = [os.open(path, os.O_RDWR | os.O_CLOEXEC)] if path else []
        socket.send_fds(connection, [json.dumps(message).encode() + b"\n"], fds)
        for fd in fds:
            os.close(fd)

    def tell(line):
        message = json.loads(line)
        if "event" in message:
            assert {"seconds", "microseconds"} == set(message["timestamp"])
            print("event", message["event"], json.dumps(message.get("data")), flush=True)
            return
        number = message.pop("id").removeprefix("client-")
        print("connected" if number == "0" else f"reply {number} {json.dumps(message)}", flush=True)

    request(0, "qmp_capabilities", {})
    tell(stream.readline())

    def ask():
        for number, line in enumerate(sys.stdin, 1):
            request(number, *json.loads(line))

    threading.Thread(target=ask, daemon=True).start()
    for line in stream:
        tell(line)


if __name__ == "__main__":
    client(sys.argv[1])
