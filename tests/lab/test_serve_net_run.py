# SPDX-License-Identifier: MIT
"""`lend run -device vfio-user-pci` with `lend serve net` on a tap, both in an L1, beside
an assigned drive: TCP in both directions, and a server that is killed."""

import signal

import pytest

pytestmark = pytest.mark.profile("nvme")
SOCKET = "/run/lend-served-net"


@pytest.fixture
def machine(l1):
    """An L1 with a tap, which ends with the test."""
    host = l1()
    host.run("ip tuntap add dev lab0 mode tap multi_queue && "
             "ip addr add 10.9.8.1/24 dev lab0 && ip link set lab0 up && "
             "head -c 10485760 /dev/urandom >/tmp/sent", check=True)
    yield host
    host.run(f"ip link del lab0; rm -f /tmp/sent /tmp/got /tmp/open {SOCKET}")


@pytest.fixture
def serve(machine, lend):
    servers = []

    def start():
        server = machine.start([lend, "serve", "net", "--tap", "lab0", "-s", SOCKET], timeout=600)
        server.expect("listening", 20)
        servers.append(server)
        return server
    yield start
    for server in servers:
        if server.running:
            server.kill(signal.SIGKILL)
        server.wait()


def digest(asked):
    return asked.split()[0]


def test_ten_megabytes_both_ways(machine, serve, boot):
    server = serve()
    guest = boot(machine, options=["-device", f"vfio-user-pci,socket={SOCKET}"])
    guest.ask("ip addr add 10.9.8.2/24 dev eth0 && ip link set eth0 up && ping -c 2 10.9.8.1")
    before = digest(machine.run("sha256sum /tmp/sent", check=True).out)
    source = machine.start("busybox nc -l -p 5001 </tmp/sent", timeout=120)
    guest.ask("mkfifo /open; exec 3<>/open")
    got = guest.ask("while ! nc 10.9.8.1 5001 <&3 >/big; do usleep 50000; done; sha256sum /big")
    assert digest(got) == before
    source.wait()
    # A nc whose standard input ends tells the other one to end.
    sink = machine.start("mkfifo /tmp/open; exec 3<>/tmp/open; busybox nc -l -p 5000 <&3 >/tmp/got",
                         timeout=120)
    guest.ask("while ! nc 10.9.8.1 5000 </big; do usleep 50000; done", 60)
    sink.wait()
    assert digest(machine.run("sha256sum /tmp/got", check=True).out) == before
    # The drive beside it works as ever.
    guest.hash()
    assert "PCI-MSIX" in guest.ask("grep virtio0-input /proc/interrupts")
    guest.power_off()
    assert server.running
