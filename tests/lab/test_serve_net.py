# SPDX-License-Identifier: MIT
"""A guest's TCP through `lend serve net`, with QEMU's own client: by a tap, and by
passt. Each server has a network namespace of its own, which ends with it, and in it
a user without privilege."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

import guest
from net_peer import exchange

PEER = Path(__file__).with_name("net_peer.py")
MAC = "02:00:00:0a:0b:0c"

# The words behind it run as user 1000, with the namespace as these commands left it.
NAMESPACE = ["unshare", "--map-user=1000", "--map-group=1000", "--net", "--keep-caps", "sh", "-c"]
SET_UP = ("ip link set lo up && {set_up} && {{ {peer} $$ & }} && "
          "exec setpriv --inh-caps=-all --ambient-caps=-all -- \"$@\"")
TAP = ("ip tuntap add dev lab0 mode tap {queues} user 1000 && ip addr add 10.9.8.1/24 dev lab0 && "
       "ip link set lab0 up")
# What passt takes the guest's address and gateway from.
UPLINK = ("ip tuntap add dev up0 mode tap && ip addr add 10.1.2.3/24 dev up0 && "
          "ip link set up0 up && ip route add default via 10.1.2.1")

DHCP = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
ip route add default via $router
"""


@pytest.fixture
def serve(here):
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("this computer has no /dev/net/tun for its users")
    if subprocess.run([*NAMESPACE[:4], "true"], check=False).returncode:
        pytest.skip("this computer gives its users no network namespace")

    def start(*words, set_up):
        script = SET_UP.format(set_up=set_up, peer=shlex.quote(str(PEER)))
        return here.serve("net", *words, inside=[*NAMESPACE, script, "sh"])
    return start


def with_tap(serve, queues="multi_queue"):
    return serve("--tap", "lab0", "--mac", MAC, set_up=TAP.format(queues=queues))


@pytest.fixture
def boot(here, kernel, guest_image):
    def start(server, **options):
        return here.qemu([server.socket], guest_image(guest.INIT), kernel("lab"), **options)
    return start


def features(machine):
    bits = machine.ask("cat /sys/bus/virtio/devices/virtio0/features")
    return {i for i, bit in enumerate(bits) if bit == "1"}


def test_tap_with_two_queues(serve, boot):
    server = with_tap(serve)
    machine = boot(server, words=["-smp", "2"])
    assert machine.ask("cat /sys/class/net/eth0/address") == MAC
    # CSUM, GUEST_CSUM, TSO in both directions, MQ, VERSION_1, packed rings.
    assert {0, 1, 7, 8, 11, 12, 22, 32, 34} <= features(machine)
    machine.ask("ip addr add 10.9.8.2/24 dev eth0 && ip link set eth0 up")
    exchange(machine, server, "10.9.8.1")
    # Each processor has sent by a queue of its own.
    for processor in (0, 1):
        machine.ask(f"taskset {processor + 1} ping -c 2 10.9.8.1")
    said = machine.ask("grep virtio0 /proc/interrupts")
    for vector in ("input.0", "output.0", "input.1", "output.1"):
        assert re.search(rf"virtio0-{vector}\b", said)
    assert server.private_kib() < 2048


def test_interrupts_by_the_line(serve, boot):
    server = with_tap(serve, queues="")
    machine = boot(server, append="pci=nomsi")
    assert 22 not in features(machine)
    machine.ask("ip addr add 10.9.8.2/24 dev eth0 && ip link set eth0 up")
    exchange(machine, server, "10.9.8.1", 120)
    assert "MSI" not in machine.ask("grep virtio0 /proc/interrupts")


@pytest.mark.parametrize("append", ["", "pci=nomsi"], ids=["vectors", "line"])
def test_memory_by_messages(serve, boot, append):
    """By the line each end of an interrupt waits for the server, in QEMU and with its big lock."""
    server = with_tap(serve, queues="multi_queue" if not append else "")
    machine = boot(server, shared=False, append=append)
    machine.ask("ip addr add 10.9.8.2/24 dev eth0 && ip link set eth0 up")
    machine.ask("ping -c 3 -s 8000 10.9.8.1")
    machine.ask("head -c 100000 /dev/urandom >/some && nc 10.9.8.1 5000 </some")
    digest = machine.ask("sha256sum /some").split()[0]
    assert server.expect(r"received (\d+) (\w+)").groups() == ("100000", digest)


def test_a_user_without_privilege(serve, boot):
    server = serve("--user", set_up=UPLINK)
    machine = boot(server)
    assert machine.ask("cat /sys/class/net/eth0/mtu") == "65520"
    assert not {0, 1, 11, 22} & features(machine)
    for line in DHCP.splitlines():
        machine.ask(f"echo {shlex.quote(line)} >>/dhcp")
    machine.ask("chmod +x /dhcp && ip link set eth0 up && udhcpc -i eth0 -n -q -s /dhcp")
    assert "10.1.2.3" in machine.ask("ip addr show dev eth0")
    exchange(machine, server, "10.1.2.1")


def test_clients_come_and_go(serve, boot):
    """QEMU is killed while frames flow; the next one finds the card as new."""
    server = with_tap(serve)
    for _ in range(2):
        machine = boot(server)
        machine.ask("ip addr add 10.9.8.2/24 dev eth0 && ip link set eth0 up && ping -c 1 10.9.8.1")
        machine.ask("mkfifo /open; exec 3<>/open; while :; do nc 10.9.8.1 5001 <&3 >/dev/null; done & "
                    "until [ $(cat /sys/class/net/eth0/statistics/rx_bytes) -gt 1000000 ]; do :; done")
        machine.kill(9)
        machine.wait()
    assert server.running


def test_ends_in_order(serve, here):
    server = with_tap(serve)
    server.kill()
    assert server.wait() == 0
