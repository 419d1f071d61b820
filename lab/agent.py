# SPDX-License-Identifier: MIT
"""Runs inside L1: executes commands for the host side over virtio-serial.

Started as process 1 by the initramfs. Process 1 only reaps orphans and powers
L1 off when the agent, its child, ends. Rules: standard library alone; one
thread, one select loop; every command is a session and a cgroup of its own, so
that a time-out reaches all of it; commands go on side by side.
"""

import errno
import fcntl
import glob
import grp
import json
import os
import pty
import selectors
import signal
import subprocess
import sys
import termios
import traceback

import wire

PORT_NAME = "lend.lab"
CGROUP = "/sys/fs/cgroup/lab"
CHUNK = 65536
KVM_CREATE_VM, KVM_CREATE_VCPU, KVM_CREATE_IRQCHIP = 0xAE01, 0xAE41, 0xAE60


def find_port():
    for name in glob.glob("/sys/class/virtio-ports/*/name"):
        with open(name) as f:
            if f.read().strip() == PORT_NAME:
                return "/dev/" + name.split("/")[-2]
    raise SystemExit("lab: no virtio-serial port named " + PORT_NAME)


def write_to(path, text):
    try:
        with open(path, "w") as f:
            f.write(text)
    except OSError as e:
        print(f"lab: {path}: {e.strerror}", flush=True)


class Command:
    """One command: its process, its pipes, its cgroup."""

    def __init__(self, number, spec):
        self.number = number
        self.cgroup = f"{CGROUP}/{number}"
        os.makedirs(self.cgroup, exist_ok=True)
        self.master = None
        self.exited = False
        argv = spec["argv"]
        if spec.get("pty"):
            self.master, slave = pty.openpty()
            ends = dict(stdin=slave, stdout=slave, stderr=slave)
        else:
            stdin = subprocess.PIPE if spec.get("stdin") else subprocess.DEVNULL
            ends = dict(stdin=stdin, stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE)
        try:
            self.process = subprocess.Popen(
                argv, cwd=spec.get("cwd") or "/", env=spec["env"], bufsize=0,
                preexec_fn=self._enter, **ends)
        except BaseException:
            if self.master is not None:
                os.close(self.master)
            raise
        finally:
            if self.master is not None:
                os.close(slave)
        # By descriptor, with the kind of frame: those that have not ended.
        self.outputs = {self.master: wire.OUT} if self.master is not None else {
            self.process.stdout.fileno(): wire.OUT, self.process.stderr.fileno(): wire.ERR}

    def _enter(self):
        os.setsid()
        with open(self.cgroup + "/cgroup.procs", "w") as f:
            f.write("0")
        if self.master is not None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def output_ended(self, fd):
        """Closes it: many commands end in the life of an L1. The end of a terminal hangs up, so
        that one waits for the end of its command."""
        del self.outputs[fd]
        if self.master is None:
            pipe = self.process.stdout
            (pipe if not pipe.closed and pipe.fileno() == fd else self.process.stderr).close()
        elif self.exited:
            self.hang_up()

    def hang_up(self):
        os.close(self.master)
        self.master = None

    def feed(self, data):
        try:
            if self.master is not None:
                # The end of a terminal's input is its end-of-file character.
                os.write(self.master, data or b"\x04")
            elif self.process.stdin is None:
                return
            elif data:
                self.process.stdin.write(data)
            else:
                self.process.stdin.close()
        except (BrokenPipeError, ValueError):
            pass  # it stopped reading; its exit status tells the rest

    def signal(self, number, scope):
        try:
            if scope == "cgroup":
                write_to(self.cgroup + "/cgroup.kill", "1")
            elif scope == "group":
                os.killpg(self.process.pid, number)
            elif not self.exited:
                os.kill(self.process.pid, number)
        except ProcessLookupError:
            pass


class Agent:
    def __init__(self):
        self.port = os.open(find_port(), os.O_RDWR)
        self.select = selectors.DefaultSelector()
        self.commands = {}
        self.hello = {}
        self.running = True

    def send(self, kind, number, payload=b""):
        data = memoryview(wire.pack(kind, number, payload))
        while data:
            data = data[os.write(self.port, data):]

    def serve(self):
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        frames = wire.Splitter()
        self.select.register(self.port, selectors.EVENT_READ, "port")
        self.select.register(wake_read, selectors.EVENT_READ, "child")
        while self.running:
            for key, _ in self.select.select():
                if key.data == "port":
                    for frame in frames.feed(os.read(self.port, CHUNK)):
                        self.handle(*frame)
                elif key.data == "child":
                    os.read(wake_read, CHUNK)
                else:
                    self.forward(key.fd, *key.data)
            self.reap()

    def forward(self, fd, number, kind):
        """Passes on what a command wrote. Returns whether there was any."""
        try:
            data = os.read(fd, CHUNK)
        except OSError as e:
            if e.errno not in (errno.EIO, errno.EAGAIN):
                raise
            if e.errno == errno.EAGAIN:
                return False
            data = b""  # the terminal's last user closed it
        if not data:
            self.select.unregister(fd)
            self.commands[number].output_ended(fd)
            return False
        self.send(kind, number, data)
        return True

    def reap(self):
        for command in list(self.commands.values()):
            if command.exited or command.process.poll() is None:
                continue
            command.exited = True
            # What it wrote before it ended comes before its status.
            for fd, kind in list(command.outputs.items()):
                while self.forward(fd, command.number, kind):
                    pass
            if command.master is not None and not command.outputs:
                command.hang_up()  # its terminal ended before it
            if command.process.stdin is not None:
                command.process.stdin.close()
            code = command.process.returncode
            self.send(wire.EXIT, command.number,
                      {"signal": -code} if code < 0 else {"status": code})

    def handle(self, kind, number, payload):
        if kind == wire.HELLO:
            self.hello = json.loads(payload)
            set_up(self.hello)
            with open("/proc/uptime") as f:
                uptime = float(f.read().split()[0])
            self.send(wire.READY, 0, {"release": os.uname().release,
                                      "seconds": uptime})
        elif kind == wire.START:
            self.start(number, json.loads(payload))
        elif kind == wire.STDIN and number in self.commands:
            self.commands[number].feed(payload)
        elif kind == wire.SIGNAL and number in self.commands:
            what = json.loads(payload)
            self.commands[number].signal(what["number"], what["scope"])
        elif kind == wire.PUT:
            self.put(number, payload)
        elif kind == wire.BYE:
            self.running = False

    def start(self, number, spec):
        spec["env"] = {**self.hello["env"], **spec.get("env", {})}
        try:
            command = Command(number, spec)
        except (OSError, subprocess.SubprocessError) as e:
            self.send(wire.EXIT, number, {"error": str(e)})
            return
        self.commands[number] = command
        for fd, kind in command.outputs.items():
            os.set_blocking(fd, False)
            self.select.register(fd, selectors.EVENT_READ, (number, kind))

    def put(self, number, payload):
        head, _, data = payload.partition(b"\n")
        head = json.loads(head)
        try:
            os.makedirs(os.path.dirname(head["path"]), exist_ok=True)
            with open(head["path"], "wb") as f:
                f.write(data)
            os.chmod(head["path"], head["mode"])
            self.send(wire.DONE, number, {})
        except OSError as e:
            self.send(wire.DONE, number, {"error": str(e)})


def busybox(*args):
    return subprocess.run(["/bin/busybox", *args]).returncode == 0


def mount(kind, source, target, options="defaults"):
    os.makedirs(target, exist_ok=True)
    if not busybox("mount", "-t", kind, "-o", options, source, target):
        print(f"lab: mounting {target} ({kind}) failed", flush=True)


def set_up(hello):
    """What a started Linux host has, and the results folder."""
    mount("debugfs", "debugfs", "/sys/kernel/debug")
    mount("cgroup2", "cgroup2", "/sys/fs/cgroup")
    os.mkdir(CGROUP)
    with open("/sys/fs/cgroup/cgroup.controllers") as f:
        wanted = {"memory", "pids", "cpu"} & set(f.read().split())
    for folder in ("/sys/fs/cgroup", CGROUP):
        write_to(folder + "/cgroup.subtree_control",
                 " ".join("+" + c for c in sorted(wanted)))
    mount("9p", "results", hello["results"],
          "trans=virtio,version=9p2000.L,msize=512000,cache=mmap")
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"),
                         ("stdout", "fd/1"), ("stderr", "fd/2")):
        if not os.path.lexists("/dev/" + name):
            os.symlink(target, "/dev/" + name)
    busybox("ip", "link", "set", "lo", "up")
    busybox("hostname", "l1")
    load_modules(hello)
    if os.cpu_count() > 1:
        hold_a_machine()
    permissions("/dev/kvm", "kvm", 0o660)
    permissions("/dev/net/tun", "root", 0o666)
    # From here on the console log gets every message of the kernel.
    write_to("/proc/sys/kernel/printk", "8")


def load_modules(hello):
    if hello["modules"]:
        target = "/usr/lib/modules/" + os.uname().release
        os.makedirs(target, exist_ok=True)
        busybox("mount", "--bind", hello["modules"], target)
        names = hello["load"] + [
            alias for path in glob.glob("/sys/bus/pci/devices/*/modalias")
            if not path.split("/")[5].startswith("0000:00:")
            for alias in [open(path).read().strip()]]
        for name in names:
            subprocess.run(["/sbin/modprobe", "-C", "/dev/null", "-q", name])


def hold_a_machine():
    """Keeps an idle KVM machine with one processor for as long as L1 lives.

    Its kernel writes into its own code for the first machine that is made and
    for the last that goes. QEMU 7.2 emulates several processors in such a way
    that one of them may run the old code for ever (docs/lab.md).
    """
    try:
        kvm = os.open("/dev/kvm", os.O_RDWR)
        machine = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
        fcntl.ioctl(machine, KVM_CREATE_IRQCHIP)
        fcntl.ioctl(machine, KVM_CREATE_VCPU, 0)
    except OSError as e:
        print(f"lab: no KVM machine to hold: {e.strerror}", flush=True)


def permissions(path, group, mode):
    if not os.path.exists(path):
        return
    try:
        gid = grp.getgrnam(group).gr_gid
    except KeyError:
        gid = 0
    os.chown(path, 0, gid)
    os.chmod(path, mode)


def main():
    child = os.fork()
    if child == 0:
        os.setsid()
        try:
            Agent().serve()
        except BaseException:
            traceback.print_exc()  # to the console log
        finally:
            os._exit(0)
    while True:
        pid, _ = os.wait()
        if pid == child:
            os.sync()
            os.execv("/bin/busybox", ["poweroff", "-f"])


if __name__ == "__main__":
    sys.exit(main())
