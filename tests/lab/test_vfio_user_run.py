# SPDX-License-Identifier: MIT
"""`lend run -device vfio-user-pci` with `lend serve test`, both in an L1: what a
guest does with the device, beside an assigned drive, and what it sees when the
server ends."""

import itertools
import json
import re
import signal

import pytest

from bare import Bare, image  # noqa: F401, a fixture among them
from guest import reported

pytestmark = pytest.mark.profile("nvme")

RESETS, RAISE, ACKNOWLEDGE, VECTOR = 0xac, 0x60, 0x64, 0xa4
DOORBELL, RINGS = 0xc0, 0xc4
numbers = itertools.count()


@pytest.fixture
def machine(l1):
    return l1()


@pytest.fixture
def serve(machine, lend):
    """serve(): the server of a test device, and the path of its socket; ended with the test."""
    servers = []

    def make(*words, path=None):
        path = path or f"/run/lend-served-{next(numbers)}"
        server = machine.start([lend, "serve", "test", *words, "-s", path], timeout=600)
        server.expect("listening", 20)
        servers.append(server)
        return server, path
    yield make
    for server in servers:
        if server.running:
            server.kill(signal.SIGKILL)
        server.wait()
    machine.run("rm -f /run/lend-served-*")


def device(path):
    return ["-device", json.dumps({"driver": "vfio-user-pci",
                                   "socket": {"type": "unix", "path": str(path)}})]


@pytest.fixture
def bare_guest(machine, lend, image):  # noqa: F811
    def make(*options):
        words = [lend, "run", "-m", "128M", "-kernel", image, "-serial", "stdio", *options]
        return Bare(machine, words, [])
    return make


def address_of(guest):
    """The served device is the function behind the one port."""
    return next(text.split()[0] for text in guest.ask("scan").split(";")[1:]
                if text.split()[1] == "1234:11e8")


def base_of(guest, at, bar):
    """Where BAR `bar` is in the guest's memory, as the scan tells."""
    function = next(t for t in guest.ask("scan").split(";")[1:] if t.split()[0] == at)
    return re.search(rf" {bar}:\w+:(0x\w+):", function)[1]


def interrupts(guest, at):
    """The line, MSI, and a vector of MSI-X that was pending while it was masked."""
    for mode in "intx", "msi":
        assert re.fullmatch(rf"irq {mode} (\d+) interrupts, status 0x107, \d+ spurious",
                            guest.ask(f"edu {at} irq {mode}"))
    guest.ask(f"msix {at} on")
    count = int(guest.ask(f"msix {at} count 5").split()[-1])
    guest.ask(f"bar {at} 0 {VECTOR} 4 5")
    guest.ask(f"bar {at} 0 {RAISE} 4 1")
    assert guest.ask(f"msix {at} count 5") == f"count 5 {count}"
    guest.ask(f"msix {at} unmask 5")
    assert guest.ask(f"msix {at} wait 5 {count + 1}") == f"count 5 {count + 1}"
    guest.ask(f"bar {at} 0 {RAISE} 4 1")
    assert guest.ask(f"msix {at} wait 5 {count + 2}") == f"count 5 {count + 2}"
    guest.ask(f"msix {at} off")
    guest.ask(f"bar {at} 0 {VECTOR} 4 0")
    guest.ask(f"bar {at} 0 {ACKNOWLEDGE} 4 0xffffffff")


def test_registers_dma_and_interrupts(serve, bare_guest):
    server, path = serve()
    guest = bare_guest(*device(path)).ready()
    at = address_of(guest)
    assert at.startswith("01:")
    assert guest.ask(f"edu {at} fact 10") == "fact 10 3628800"
    assert guest.ask(f"edu {at} dma") == "dma 4096 bytes there and back"
    interrupts(guest, at)
    # A part of BAR 2 that is mapped, and one that is not.
    for offset in 0x10, 0x4010:
        guest.ask(f"bar {at} 2 {offset} 4 0x{offset:x}5a")
        assert guest.value(f"bar {at} 2 {offset} 4") == int(f"0x{offset:x}5a", 0)
    # The same register by ports.
    guest.ask(f"cfgw {at} 4 2 0x407")
    guest.ask(f"bar {at} 1 0x04 4 0x12345678")
    assert guest.value(f"bar {at} 0 0x04 4") == 0xedcba987
    guest.power_off()
    assert server.running


def trapped(guest):
    """Writes of the guest to BARs of the device that have trapped so far: each is a message."""
    return int(reported(guest.command, r"BARs \d+ reads, (\d+) writes trapped"))


@pytest.mark.parametrize("how", ["on", "off", "killed"])
def test_doorbell_is_no_message(serve, bare_guest, how):
    """KVM tells the server of it by the server's own eventfd, also after a restart."""
    times = 20
    server, path = serve()
    more = {"on": "", "off": ",x-no-kvm-ioeventfd=on", "killed": ",reconnect=60"}[how]
    guest = bare_guest("-device", f"vfio-user-pci,socket={path}{more}").ready()
    at = address_of(guest)
    guest.ask(f"edu {at} fact 5")
    if how == "killed":
        server.kill(signal.SIGKILL)
        server.wait()
        guest.command.expect("it reads all ones until its server is back", 20)
        serve(path=path)
        guest.command.expect("(?s)(its server is back.*){2}", 20)
    before = trapped(guest)
    for _ in range(times):
        guest.ask(f"bar {at} 0 {DOORBELL} 4 1")
    assert guest.value(f"bar {at} 0 {RINGS} 4") == times
    assert trapped(guest) - before == (times if how == "off" else 0)
    # What is beside it is a message.
    guest.ask(f"bar {at} 0 {DOORBELL} 2 1")
    assert guest.value(f"bar {at} 0 {RINGS} 4") == times
    guest.power_off()


def test_reboots_and_next_machines(serve, bare_guest):
    """A server serves one machine after the other, each with a device that was reset."""
    _, path = serve()
    for _ in range(2):
        guest = bare_guest(*device(path)).ready()
        at = address_of(guest)
        guest.ask(f"edu {at} fact 5")
        resets = guest.value(f"bar {at} 0 {RESETS} 4")
        guest.tell("reset")
        guest.ready(boots=2)
        assert guest.ask(f"edu {at} fact 6") == "fact 6 720"
        assert guest.value(f"bar {at} 0 {RESETS} 4") == resets + 1
        guest.power_off()


def test_server_is_killed(serve, bare_guest):
    """The guest reads all ones and goes on, over its own reboot, too; one line says why."""
    server, path = serve()
    guest = bare_guest(*device(path)).ready()
    at = address_of(guest)
    guest.ask(f"edu {at} fact 5")
    trapped, mapped = (base_of(guest, at, bar) for bar in (0, 2))
    guest.ask(f"mem {mapped} 4 7")
    server.kill(signal.SIGKILL)
    guest.command.expect(f"{path}: its server is gone", 20)
    guest.command.expect("it has failed; it is stopped", 20)
    assert guest.value(f"mem {trapped} 4") == 0xffffffff
    assert guest.value(f"mem {mapped} 4") == 0xffffffff
    assert guest.value(f"cfg {at} 0 4") == 0xffffffff
    guest.tell("reset")
    guest.ready(boots=2)
    assert guest.command.err.count("its server is gone: it closed") == 1
    guest.power_off()


def test_server_is_too_slow(serve, bare_guest):
    server, path = serve("--faults")
    # Long enough for all the answers that are not delayed, and short beside the one that is.
    guest = bare_guest("-device", f"vfio-user-pci,socket={path},x-msg-timeout=8500").ready()
    at = address_of(guest)
    guest.ask(f"edu {at} fact 5")
    guest.ask(f"bar {at} 0 0xf0 4 0x{2 | 60000 << 8:x}")  # delay the next answer by 60 s
    assert guest.value(f"bar {at} 0 0 4") == 0xffffffff
    guest.command.expect("did not answer REGION_READ within 8.5 s")
    guest.power_off()


def test_no_server(serve, bare_guest, machine):
    guest = bare_guest(*device("/run/lend-served-none"))
    result = guest.command.wait(30)
    assert result.status == 1
    assert "socket=/run/lend-served-none: no server listens there" in result.err
    assert not machine.run("pgrep -x lend-machine").out


def test_lies_are_not_mapped(serve, bare_guest):
    """Files that end before what is said of them: each access is a message."""
    _, path = serve("--lie")
    guest = bare_guest(*device(path)).ready()
    at = address_of(guest)
    assert "region 2 is not mapped" in guest.command.err
    guest.ask(f"edu {at} fact 5")
    guest.ask(f"bar {at} 2 0x10 4 0x5a5a")
    assert guest.value(f"bar {at} 2 0x10 4") == 0x5a5a
    guest.power_off()


def test_beside_an_assigned_drive(serve, machine, boot, sha256):
    """Shared memory serves both: the drive by the IOMMU, the served device by its descriptor."""
    server, path = serve()
    guest = boot(machine, options=device(path))
    assert guest.hash() == sha256(machine.drives[0])
    found = "for d in /sys/bus/pci/devices/*; do cat $d/vendor $d/device; done | tr '\\n' ' '"
    assert "0x1234 0x11e8" in guest.ask(found)
    server.kill(signal.SIGKILL)
    guest.command.expect("its server is gone", 20)
    assert guest.hash() == sha256(machine.drives[0])
    guest.reboot(90)
    assert guest.hash() == sha256(machine.drives[0])
    guest.power_off()
    assert [d["backend"] for d in guest.stats["devices"]].count("vfio-user") == 1


def test_server_comes_back(serve, bare_guest):
    """Killed and started again: the guest's next access finds the device as a fresh one,
    with the guest's memory and interrupts."""
    server, path = serve()
    guest = bare_guest("-device", f"vfio-user-pci,socket={path},reconnect=60").ready()
    at = address_of(guest)
    guest.ask(f"edu {at} fact 5")
    for _ in range(3):
        server.kill(signal.SIGKILL)
        server.wait()
        assert guest.value(f"bar {at} 0 0 4") == 0xffffffff
        before = guest.command.err.count("its server is back")
        server, _ = serve(path=path)
        guest.command.expect(f"(?s)(its server is back.*){{{before + 1}}}", 20)
        assert guest.ask(f"edu {at} fact 10") == "fact 10 3628800"
        assert guest.ask(f"edu {at} dma") == "dma 4096 bytes there and back"
        guest.ask(f"bar {at} 2 0x10 4 0x5a")
        assert guest.value(f"bar {at} 2 0x10 4") == 0x5a
        interrupts(guest, at)
    guest.tell("reset")
    guest.ready(boots=2)
    assert guest.ask(f"edu {at} fact 6") == "fact 6 720"
    guest.power_off()


def test_server_does_not_come_back(serve, bare_guest):
    server, path = serve()
    guest = bare_guest("-device", f"vfio-user-pci,socket={path},reconnect=2").ready()
    at = address_of(guest)
    server.kill(signal.SIGKILL)
    guest.command.expect("it has failed; it is stopped, and reads all ones", 20)
    assert guest.value(f"cfg {at} 0 4") == 0xffffffff
    guest.power_off()


@pytest.mark.profile("nvme-no-iommu")
def test_without_an_iommu(serve, bare_guest):
    """Nothing of VFIO is needed for a device that a process serves."""
    _, path = serve()
    guest = bare_guest(*device(path)).ready()
    at = address_of(guest)
    assert guest.ask(f"edu {at} dma") == "dma 4096 bytes there and back"
    interrupts(guest, at)
    guest.power_off()
