# SPDX-License-Identifier: MIT
"""Devices of an L1 behind `lend serve pci`, and guests on its two clients.

Rules: the client has no right to VFIO but by the socket. The server is confined before
its first client. While a device works whose BARs can all be mapped, its server does not
run: a message, or a line that it reads, is a switch of context, and `switches` counts
these.

A client's memory is a file of 4 KiB pages. Network cards of QEMU, as an L1 has them, lose what
they send from pages that are not in one piece there, so a guest with one has huge pages
(docs/lab.md).
"""

import contextlib
import json
import signal

import guest
import zoo_qemu
from lab import cache

CLIENTS = QEMU, LEND = "QEMU", "lend run"
SOCKET = "/tmp/lend-pci.sock"
PAGE = 4096
MEMORY = 256 << 20  # of a guest
NETWORK = "0x02"    # the class of a device
IO = 0x100  # of a line of sysfs' file resource

# What is of the server alone: guest memory that only VFIO has touched is not.
PRIVATE = "awk '/^[0-9a-f]+-/ { is_guests = /memfd:|vfio/ } " \
    "/^Private_/ && !is_guests { sum += $2 } END { print sum }' /proc/%d/smaps"


class Server:
    """`lend serve pci`, listening. `is_huge`: its guest is to have huge pages. `properties`:
    of its device on lend run."""

    def __init__(self, l1, lend, address, *words, is_huge=False, properties=""):
        self.l1, self.address = l1, address
        self.is_huge, self.properties = is_huge, properties
        self.command = l1.start([lend, "serve", "pci", address, "-s", SOCKET, *words],
                                timeout=600)
        self.command.expect("listening at", 30)
        # The process that serves; with --managed there is another one before it.
        self.pid = int(l1.run("pgrep -n -x lend", check=True).out)

    def status(self):
        text = self.l1.run(f"cat /proc/{self.pid}/status", check=True).out
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def switches(self):
        said = self.status()
        return int(said["voluntary_ctxt_switches"]) + int(said["nonvoluntary_ctxt_switches"])

    def is_confined(self):
        """It has a client, and no rights; and little memory."""
        said = self.status()
        assert said["Seccomp"] == "2" and said["NoNewPrivs"] == "1"
        assert int(said["CapEff"], 16) == int(said["CapPrm"], 16) == 0
        private = int(self.l1.run(PRIVATE % self.pid, check=True).out)
        assert private <= 2048, f"{private} KiB are the server's alone"

    def end(self, number=signal.SIGTERM):
        self.command.kill(number)
        return self.command.wait()

    def kill(self):
        """What is left of it, if anything is."""
        if self.command.running:
            self.command.kill(signal.SIGKILL, "cgroup")
            self.command.wait()


def is_network(l1, address):
    return l1.run(f"cat /sys/bus/pci/devices/{address}/class", check=True).out.startswith(NETWORK)


def reserve(l1, huge_pages):
    n = "/proc/sys/vm/nr_hugepages"
    l1.run(f"echo {huge_pages} >{n} && [ $(cat {n}) = {huge_pages} ]", check=True)


@contextlib.contextmanager
def serving(l1, lend, function):
    """A server of a function of the zoo; at its end it ends by itself."""
    words, properties = ([], "") if function.can_reset else \
        (["--allow-unreset"], ",x-allow-unreset=on")
    server = Server(l1, lend, function.host, *words, properties=properties,
                    is_huge=is_network(l1, function.host))
    reserve(l1, MEMORY >> 21 if server.is_huge else 0)
    try:
        yield server
        assert server.end().status == 0
    finally:
        server.kill()
    reserve(l1, 0)


def is_mapped_whole(l1, address):
    """Whether a driver reaches all of its memory without the server."""
    text = l1.run(f"head -6 /sys/bus/pci/devices/{address}/resource", check=True).out
    bars = [[int(n, 16) for n in line.split()] for line in text.splitlines()]
    return all(end - start + 1 >= PAGE for start, end, flags in bars
               if flags and not flags & IO)


def on_qemu(server, image, append=""):
    """A guest on QEMU's own client."""
    words = zoo_qemu.machine(cache.newer_qemu(), image, append, f"{MEMORY >> 20}M")
    more, bus, slot = zoo_qemu.port(server.l1, server.address.rsplit(".", 1)[0], 0)
    words += [*more, "-no-user-config", "-machine", "memory-backend=m", "-object",
              f"memory-backend-memfd,id=m,size={MEMORY >> 20}M,share=on" +
              (",hugetlb=on,hugetlbsize=2M" if server.is_huge else ""), "-device",
              json.dumps({"driver": "vfio-user-pci", "bus": bus, "addr": f"{slot:x}",
                          "socket": {"type": "unix", "path": SOCKET}})]
    return guest.Guest(server.l1, words, [], limit=400,
                       wrap="export QEMU_MODULE_DIR=/nonexistent; exec {0}")


def on_lend(server, boot, init, append=""):
    """A guest on `lend run`, which opens no VFIO."""
    return boot(server.l1, devices=[], append=append, init=init, wait=False, limit=400,
                memory=f"{MEMORY >> 20}M" + (",hugetlb=2M" if server.is_huge else ""),
                options=["-device", f"vfio-user-pci,socket={SOCKET}{server.properties}"])
