# SPDX-License-Identifier: MIT
"""One L1 for a profile, and many commands in it.

    with Session(Profile(devices=("nvme,serial=S,drive=d0",),
                         drives=("random:64M",))) as l1:
        print(l1.run("lspci -n", check=True).out)

Rules: a command's failure is a Result, the loss of L1 is an exception (Panic,
Died) that every command under way gets. Nothing outlives the session: QEMU
dies with the thread that made the session. Commands go on side by side; all
else here is safe to call from several threads.
"""

import ctypes
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from lab import cache, images, wire
from lab.command import Command, spec_of
from lab.machine import Profile, addresses, command_line
from lab.monitor import Monitor
from lab.patience import patient

BOOT_LIMIT = 120
PASSED_ON = ("PATH", "HOME", "LANG", "TERM", "TMPDIR")
PASSED_PREFIXES = ("LEND_", "LAB_", "LC_", "ASAN_", "UBSAN_", "LSAN_")


class LabError(Exception):
    """L1 is lost. `console` is the path of its full log."""

    def __init__(self, text, console):
        super().__init__(f"{text}; console log: {console}")
        self.console = console


class BootFailure(LabError):
    pass


class Panic(LabError):
    pass


class Died(LabError):
    pass


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def new_folder(parent=None):
    """A folder of its own for a run, under build/lab unless told."""
    parent = Path(parent or cache.ROOT / "build/lab/runs")
    parent.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%m%d-%H%M%S-")
    return Path(tempfile.mkdtemp(prefix=stamp, dir=parent))


def make_drive(spec, path):
    """The file of a drive: as given, or made for `random:` and `blank:`."""
    kind, _, size = spec.partition(":")
    if kind not in ("random", "blank"):
        return Path(spec).resolve()
    count = int(size[:-1]) * {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[size[-1]]
    with open(path, "wb") as f:
        if kind == "random":
            for _ in range(count >> 20):
                f.write(os.urandom(1 << 20))
        f.truncate(count)
    return path


class Session:
    def __init__(self, profile=Profile(), folder=None, boot_limit=BOOT_LIMIT):
        self.profile = profile
        self.folder = Path(folder).resolve() if folder else new_folder()
        self.results = self.folder / "results"
        self.console = self.folder / "console.log"
        self.addresses = addresses(profile)
        self.history = []
        self.release = ""
        self._commands = {}
        self._last = 0
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._gone = threading.Event()
        self._closing = False
        self._boot(boot_limit)

    # Life

    def _boot(self, limit):
        started, limit = time.monotonic(), patient(limit)
        self.results.mkdir(parents=True, exist_ok=True)
        self.console.touch()
        kernel = cache.kernel(self.profile.kernel)
        initramfs = self.folder / "l1.cpio"
        initramfs.write_bytes(images.l1(kernel))
        self.drives = [make_drive(d, self.folder / f"d{i}.img")
                       for i, d in enumerate(self.profile.drives)]
        self._sock, agent = socket.socketpair()
        monitor, qmp = socket.socketpair()
        line = command_line(self.profile, kernel, initramfs, self.drives,
                            self.folder, agent.fileno(), qmp.fileno())
        with open(self.folder / "qemu.log", "w") as log:
            log.write(subprocess.list2cmdline(line) + "\n")
            log.flush()
            self._qemu = subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=(agent.fileno(), qmp.fileno()),
                start_new_session=True, preexec_fn=_die_with_parent)
        agent.close()
        qmp.close()
        self.monitor = Monitor(monitor)
        self._send(wire.HELLO, 0, self._hello(kernel))
        threading.Thread(target=self._read, daemon=True).start()
        while not self._ready.wait(0.02):
            if self._gone.is_set() or time.monotonic() > started + limit:
                why = "panicked" if self._panicked() else \
                    "ended" if self._gone.is_set() else \
                    f"was not up after {limit:g} s"
                self.kill()
                raise BootFailure(f"L1 could not boot: it {why}"
                                  f"{self._qemu_words()}", self.console)
        self.boot_seconds = time.monotonic() - started

    def _hello(self, kernel):
        env = {k: v for k, v in os.environ.items()
               if k in PASSED_ON or k.startswith(PASSED_PREFIXES)}
        env["LAB_RESULTS"] = str(self.results)
        env["LAB_DEVICES"] = " ".join(a or "-" for a in self.addresses)
        qemu = cache.cached_qemu()
        if qemu:
            env["LAB_QEMU"] = str(qemu)
        return {"results": str(self.results), "env": env,
                "modules": str(kernel.modules_folder or ""),
                "load": ["kvm-amd", "vfio-pci", "vfio_iommu_type1"]}

    def _qemu_words(self):
        """What QEMU itself had to say."""
        lines = (self.folder / "qemu.log").read_text().splitlines()[1:]
        return f" ({lines[-1].strip()})" if lines else ""

    def _panicked(self):
        return b"Kernel panic" in self.console.read_bytes()

    @property
    def alive(self):
        return not self._gone.is_set()

    def failure(self):
        """Why L1 is gone, as an exception to raise."""
        if self._panicked():
            return Panic("kernel panic in L1", self.console)
        return Died(f"L1 went away{self._qemu_words()}", self.console)

    def close(self):
        """Powers L1 off, by force where it does not go."""
        if self.alive:
            self._closing = True
            try:
                self._send(wire.BYE, 0)
                self._qemu.wait(patient(10))
            except (OSError, subprocess.TimeoutExpired):
                pass
        self.kill()

    def kill(self):
        self._closing = True
        self._qemu.kill()
        self._qemu.wait()
        self.monitor.close()
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        # Logs and results stay; what was made for this run and is large goes.
        for path in [self.folder / "l1.cpio", *self.folder.glob("d*.img")]:
            path.unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Frames

    def _send(self, kind, number, payload=b""):
        with self._lock:
            self._sock.sendall(wire.pack(kind, number, payload))

    def _read(self):
        frames = wire.Splitter()
        try:
            while data := self._sock.recv(1 << 16):
                for kind, number, payload in frames.feed(data):
                    if kind == wire.READY:
                        self.release = wire.json.loads(payload)["release"]
                        self._ready.set()
                    elif number in self._commands:
                        self._commands[number].handle(kind, payload)
        except OSError:
            pass
        # The console log is whole once QEMU has ended.
        try:
            self._qemu.wait(patient(5))
        except subprocess.TimeoutExpired:
            self._qemu.kill()
        self._gone.set()
        for command in list(self._commands.values()):
            command.lost()

    # Commands

    def start(self, argv, **options):
        """Starts a command (a list, or a line for sh); returns a Command.

        Options: env, cwd, pty, stdin (True: it will be fed), input (bytes),
        timeout in seconds, sink (called with each piece of output and whether
        it is standard error).
        """
        if not self.alive:
            raise self.failure()
        with self._lock:
            self._last += 1
            number = self._last
        command = Command(self, number, argv, **options)
        self._commands[number] = command
        try:
            self._send(wire.START, number, spec_of(argv, options))
        except OSError:
            raise self.failure() from None
        if options.get("input") is not None:
            command.send(options["input"])
            command.close_stdin()
        return command

    def run(self, argv, check=False, **options):
        """Runs a command to its end; see Result. With check, fails if it did."""
        result = self.start(argv, **options).wait()
        if check:
            result.check()
        return result

    def put(self, path, data, mode=0o644):
        """Writes a file inside L1 (where it may lie on the overlay)."""
        with self._lock:
            self._last += 1
            number = self._last
        command = Command(self, number, ["put", path])
        self._commands[number] = command
        head = wire.json.dumps({"path": str(path), "mode": mode}).encode()
        self._send(wire.PUT, number, head + b"\n" + data)
        command.wait()
        if command.error:
            raise OSError(f"put {path}: {command.error}")

    def slowest(self, count=10):
        return sorted(self.history, key=lambda r: -r.seconds)[:count]
