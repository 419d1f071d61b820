#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The other end of a guest's TCP connections: port 5000 receives and prints the
sha256 of each stream; port 5001 sends 10 MiB. usage: net_peer.py PID; it ends soon
after that process has.

A test asks its guest for both by `exchange`."""

import contextlib
import hashlib
import os
import socket
import sys
import threading
import time

SIZE = 10 << 20


def blob():
    """Bytes that no part of which is like another."""
    return b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(SIZE // 32))


def receive(connection):
    digest, size = hashlib.sha256(), 0
    while data := connection.recv(1 << 20):
        digest.update(data)
        size += len(data)
    print(f"received {size} {digest.hexdigest()}", flush=True)


def send(connection):
    connection.sendall(blob())
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)


def listen(port, answer):
    with socket.create_server(("0.0.0.0", port)) as server:
        while True:
            connection, _ = server.accept()
            # A guest that is killed leaves its connection behind.
            with connection, contextlib.suppress(OSError):
                answer(connection)


def received(peer, before):
    """(size, sha256) of the next stream that came after so many."""
    return peer.expect(rf"(?s)(?:received (\d+) (\w+)\r?\n.*?){{{before + 1}}}").groups()


def exchange(machine, peer, address, limit=60):
    """10 MiB to the guest and back. Standard input of nc is never at its end."""
    machine.ask("[ -p /open ] || mkfifo /open; exec 3<>/open")
    said = machine.ask(f"nc {address} 5001 <&3 >/big; echo nc ended with $? and $(wc -c </big) bytes; sha256sum /big",
                       limit)
    digest = hashlib.sha256(blob()).hexdigest()
    assert digest in said, said
    before = peer.out.count("received ")
    machine.ask(f"nc {address} 5000 </big", limit)
    assert received(peer, before) == (str(SIZE), digest)


def main():
    for port, answer in ((5000, receive), (5001, send)):
        threading.Thread(target=listen, args=(port, answer), daemon=True).start()
    while os.path.exists(f"/proc/{sys.argv[1]}"):
        time.sleep(0.2)


if __name__ == "__main__":
    main()
