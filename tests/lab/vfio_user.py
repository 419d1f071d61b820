# SPDX-License-Identifier: MIT
"""Servers of vfio-user and a foreign client, on this computer without an L1: a
software device needs neither VFIO nor an IOMMU.

    server = here.serve("nvme", image)          # fixture `here`, conftest.py
    guest = here.qemu([server.socket], image=guest_image(INIT))
    guest.ask("diskio hash /dev/nvme0n1")

Rules: every process ends with the test; what it printed is in a log of its own
below build/lab/runs; a guest takes lines as that of guest.py does.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from bare import Q35
from lab import cache
from lab.command import CommandFailed
from lab.patience import patient

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "QEMU_MODULE_DIR": "/nonexistent"}
APPEND = "console=ttyS0 quiet loglevel=1 panic=-1"


class Process:
    """A command of this computer: its output as it comes, its lines of input."""

    def __init__(self, words, log, **options):
        self.words = [str(w) for w in words]
        self.log = log
        self._text = ""
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, **options)
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with open(self.log, "wb") as log:
            log.write(f"$ {shlex.join(self.words)}\n".encode())
            while data := self._process.stdout.read1(1 << 16):
                log.write(data)
                log.flush()
                with self._changed:
                    self._text += data.decode(errors="replace")
                    self._changed.notify_all()
        with self._changed:
            self._process.wait()
            self._changed.notify_all()

    @property
    def out(self):
        return self._text.replace("\r", "")

    @property
    def running(self):
        return self._process.poll() is None

    def expect(self, pattern, timeout=60):
        limit = patient(timeout)
        end = time.monotonic() + limit
        with self._changed:
            while True:
                found = re.search(pattern, self.out)
                if found:
                    return found
                left = end - time.monotonic()
                if left <= 0 or not self._reader.is_alive() and not self.running:
                    raise CommandFailed(
                        f"{shlex.join(self.words)}: no match for {pattern!r} before "
                        f"{'it ended' if left > 0 else f'{limit:g} s went by'}; log: "
                        f"{self.log}\n{self.out[-500:]}")
                self._changed.wait(min(left, 1))

    def send(self, line):
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()

    def kill(self, number=signal.SIGTERM):
        self._process.send_signal(number)

    def wait(self, timeout=30):
        """Its exit status; negative: the signal that ended it."""
        status = self._process.wait(patient(timeout))
        self._reader.join(patient(timeout))
        return status

    def end(self):
        if self.running:
            self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._reader.join()

    def private_kib(self):
        """Its private memory."""
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return sum(map(int, re.findall(r"Private_\w+: +(\d+) kB", text)))


class Server(Process):
    def __init__(self, words, socket, log):
        super().__init__(words, log)
        self.socket = socket
        self.expect("listening", 20)


class Client(Process):
    """A guest that takes lines on its serial line."""

    _asked = 0

    def ready(self, timeout=120):
        self.expect("lend-guest: ready", timeout)
        return self

    def tell(self, line):
        self._asked += 1
        self.send(f"{self._asked} {line}\n")

    def told(self, timeout=60):
        found = self.expect(rf"(?s)lend-guest: begin {self._asked}\n(.*)"
                            rf"lend-guest: end {self._asked} (\d+)\n", timeout)
        return found[1].strip(), int(found[2])

    def ask(self, line, timeout=60):
        self.tell(line)
        out, status = self.told(timeout)
        assert status == 0, f"in the guest, {line}: status {status}: {out}"
        return out


class Bare(Process):
    """The guest without an operating system (tests/guest): one line asked, one answered."""

    def ready(self, timeout=60, boots=1):
        self.expect(rf"(?s)(guest: ready.*){{{boots}}}", timeout)
        return self

    def tell(self, line):
        self._at = len(self.out)
        self.send(line + "\n")

    def ask(self, line, timeout=30):
        """What it answers behind the command's name."""
        self.tell(line)
        answer = self.expect(rf"(?s:\A.{{{self._at}}}\s*)(\S.*)\n", timeout)[1]
        name = f"guest: {line.split()[0]} "
        assert answer.startswith(name) and " error: " not in answer, \
            f"asked {line}, answered {answer}"
        return answer.removeprefix(name).strip()


class Here:
    def __init__(self, lend):
        runs = ROOT / "build/lab/runs"
        runs.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="here-", dir=runs))
        # A socket's path has 107 bytes at the most.
        self._sockets = tempfile.TemporaryDirectory(prefix="lend-")
        self._lend = lend
        self._processes = []

    def _log(self, name):
        return self.folder / f"{len(self._processes):02}-{name}.log"

    def socket(self, name):
        return Path(self._sockets.name) / name

    def serve(self, kind, *words, socket=None, inside=()):
        """`lend serve KIND WORDS -s SOCKET`, listening. inside: words in front of it."""
        socket = socket or self.socket(f"{kind}{len(self._processes)}")
        server = Server([*inside, self._lend, "serve", kind, *words, "-s", socket], socket,
                        self._log(f"serve-{kind}"))
        self._processes.append(server)
        return server

    def qemu(self, sockets, image, kernel, memory="512M", append="", shared=True,
             words=(), wait=True):
        """QEMU's own client, under emulation, with a device for each socket."""
        line = self._machine(memory, shared) + [
            "-kernel", kernel.image, "-initrd", image,
            "-append", f"{APPEND} {append}", *words]
        for socket in sockets:
            line += ["-device", self._device(socket)]
        client = Client(line, self._log("qemu"), env=ENVIRONMENT)
        self._processes.append(client)
        return client.ready() if wait else client

    def bare(self, socket, image, shared=True):
        """The guest without an operating system on QEMU, with the device in slot 3."""
        line = self._machine("128M", shared) + [
            "-kernel", image, "-append", Q35, "-device", self._device(socket, addr="3")]
        guest = Bare(line, self._log("bare"), env=ENVIRONMENT)
        self._processes.append(guest)
        return guest.ready()

    @staticmethod
    def _device(socket, **more):
        return json.dumps({"driver": "vfio-user-pci", **more,
                           "socket": {"type": "unix", "path": str(socket)}})

    @staticmethod
    def _machine(memory, shared):
        # A private file would be handed over as if it were the guest's memory.
        ram = f"memory-backend-{'memfd,share=on' if shared else 'ram'},id=m,size={memory}"
        return [cache.newer_qemu(), "-nodefaults", "-no-user-config", "-no-reboot",
                "-display", "none", "-machine", "q35,memory-backend=m",
                "-accel", "tcg,thread=multi", "-cpu", "max", "-object", ram, "-m", memory,
                "-serial", "stdio"]

    def end(self):
        for process in reversed(self._processes):
            process.end()
        self._sockets.cleanup()
