# SPDX-License-Identifier: MIT
"""What the guests of the zoo talk to over a network: ports of this computer's
loopback, which QEMU's user network has at its gateway's address."""

import contextlib
import hashlib
import os
import socket
import threading

MEGABYTES = 10


class Far:
    """The other end of a connection, on this computer: sends data to who
    connects to one port, and takes what comes in at the other."""

    def __init__(self):
        self.data = os.urandom(MEGABYTES << 20)
        self.sha256 = hashlib.sha256(self.data).hexdigest()
        self.taken = []  # sha256 of each connection's
        self._listeners = []
        self.gives = self._listen(self._give)
        self.takes = self._listen(self._take)

    def _listen(self, serve):
        listener = socket.create_server(("127.0.0.1", 0))
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener, serve),
                         daemon=True).start()
        return listener.getsockname()[1]

    def _accept(self, listener, serve):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            # A connection that a guest left open keeps nobody else waiting.
            threading.Thread(target=self._one, args=(client, serve), daemon=True).start()

    @staticmethod
    def _one(client, serve):
        with client, contextlib.suppress(OSError):
            serve(client)

    def _give(self, client):
        client.sendall(self.data)
        client.shutdown(socket.SHUT_WR)
        client.recv(1)

    def _take(self, client):
        digest = hashlib.sha256()
        while data := client.recv(1 << 16):
            digest.update(data)
        self.taken.append(digest.hexdigest())

    def close(self):
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
