# SPDX-License-Identifier: MIT
"""The same guests on both ways to a device: its group with type1, and its own
node with iommufd. Each test asserts which one ran."""

import re
import shlex

import pytest

from bare import EDU, bare, image, machine, peer, slot  # noqa: F401, fixtures
from lab import cache

BACKENDS = {"legacy": "off", "iommufd": "on"}
UNSAFE = "/sys/module/iommufd/parameters/allow_unsafe_interrupts"


def backends(guest):
    return [d["backend"] for d in guest.stats["devices"]]


# Drives

@pytest.mark.profile("nvme")
@pytest.mark.parametrize("backend", BACKENDS)
def test_drive(l1, boot, sha256, backend):
    machine = l1()
    guest = boot(machine, properties=f",iommufd={BACKENDS[backend]}", options=["-v"])
    assert guest.hash() == sha256(machine.drives[0])
    guest.reboot()
    assert guest.hash() == sha256(machine.drives[0])
    result = guest.power_off()
    assert backends(guest) == [backend]
    assert f"backend: {backend}" in result.err


@pytest.mark.profile("nvme")
def test_iommufd_is_preferred(l1, boot):
    guest = boot(l1(), options=["-object", "iommufd,id=i0"])
    guest.power_off()
    assert backends(guest) == ["iommufd"]


@pytest.mark.profile("nvme")
def test_shared_memory(l1, boot, sha256):
    """Memory that has a file: by file where the kernel can (6.13), by address here."""
    machine = l1()
    guest = boot(machine, memory="256M,share=on", properties=",iommufd=i0")
    assert guest.hash() == sha256(machine.drives[0])
    guest.power_off()
    assert backends(guest) == ["iommufd"]


@pytest.mark.profile("two-nvme")
@pytest.mark.parametrize("ways", [("on", "on"), ("on", "off"), ("off", "off")])
def test_two_drives(l1, boot, sha256, ways):
    """Each way for itself, and both in one machine: memory goes to two domains then."""
    machine = l1()
    devices = [f"{a},iommufd={w}" for a, w in zip(machine.addresses, ways)]
    bind(machine)
    guest = boot(machine, devices=(), options=sum(
        (["-device", f"vfio-pci,host={d}"] for d in devices), []))
    for n in (0, 1):
        name = guest.ask(f"wait_for /dev/nvme{n}n1; cat /sys/block/nvme{n}n1/device/serial")
        drive = int(name.strip()[-1])
        assert guest.hash(f"/dev/nvme{n}n1") == sha256(machine.drives[drive])
    result = guest.power_off()
    assert backends(guest) == [{"on": "iommufd", "off": "legacy"}[w] for w in ways]
    # One line, however many BARs there are: 6.12 maps none of them through iommufd.
    assert result.err.count("peer-to-peer") == ("on" in ways)


def bind(machine):
    for address in machine.addresses:
        machine.run(f"[ \"$(basename $(readlink /sys/bus/pci/devices/{address}/driver))\""
                    f" = vfio-pci ] || {cache.LAB / 'bind'} {address} vfio-pci", check=True)


@pytest.mark.profile("nvme-net")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mode, word", [("2", "MSI-?X"), ("0", "IO-APIC")])
def test_network(l1, boot, backend, mode, word):
    machine = l1()
    guest = boot(machine, devices=machine.addresses[1:], append=f"e1000e.IntMode={mode}",
                 properties=f",iommufd={BACKENDS[backend]}")
    guest.ask("wait_for /sys/class/net/eth0 && ip link set eth0 up && "
              "ip addr add 10.0.2.15/24 dev eth0; "
              "until grep -q up /sys/class/net/eth0/operstate; do usleep 20000;"
              " done; ping -c 3 -w 20 10.0.2.2")
    lines = guest.ask(f"grep eth0 /proc/interrupts | grep -E '{word}'")
    assert sum(int(line.split()[1]) for line in lines.splitlines()) >= 3, lines
    guest.power_off()
    assert backends(guest) == [backend]


# An IOMMU without interrupt remapping

@pytest.fixture
def unsafe(l1):
    """An L1 whose iommufd takes devices without interrupt remapping, for one test."""
    machine = l1()
    machine.run(f"echo Y >{UNSAFE}", check=True)
    yield machine
    machine.run(f"echo N >{UNSAFE}", check=True)


@pytest.mark.profile("nvme-virtio-iommu")
@pytest.mark.parametrize("backend", BACKENDS)
def test_virtio_iommu(unsafe, boot, sha256, backend):
    machine = unsafe
    guest = boot(machine, properties=f",iommufd={BACKENDS[backend]}")
    assert guest.hash() == sha256(machine.drives[0])
    guest.power_off()
    assert backends(guest) == [backend]


@pytest.mark.profile("nvme-virtio-iommu")
def test_each_way_has_its_own_switch_for_unsafe_interrupts(l1, boot, lend, kernel):
    machine = l1()
    guest = boot(machine)
    guest.power_off()
    assert backends(guest) == ["legacy"]
    result = machine.run(f"{lend} run -kernel {kernel('lab').image} -device "
                         f"vfio-pci,host={machine.addresses[0]},iommufd=on")
    assert result.status == 1 and UNSAFE in result.err, result.err


# Devices that are handed over open

def node(machine):
    bind(machine)
    name = machine.run(f"ls /sys/bus/pci/devices/{machine.addresses[0]}/vfio-dev",
                       check=True).out.strip()
    return f"/dev/vfio/devices/{name}"


@pytest.mark.profile("nvme")
def test_inherited_descriptor(l1, boot, sha256):
    machine = l1()
    guest = boot(machine, devices=(), options=["-device", "vfio-pci,fd=9"],
                 wrap=f"exec {{0}} 9<>{node(machine)}")
    assert guest.hash() == sha256(machine.drives[0])
    # The keeper has given it away.
    keeper = machine.run("readlink /proc/$(pgrep -x lend)/fd/*", check=True).out
    assert "/dev/vfio" not in keeper
    guest.power_off()
    assert guest.stats["devices"] == [
        {"name": machine.addresses[0], "backend": "iommufd"}]


# Nobody, but that files may be read, as the kernel's image is.
AS_USER = ("setpriv --reuid 65534 --regid 65534 --clear-groups "
           "--inh-caps +dac_read_search --ambient-caps +dac_read_search")
BROKER = """
import array, os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
fd = os.open(sys.argv[2], os.O_RDWR)
listener.listen()
print("ready", flush=True)
client, _ = listener.accept()
socket.send_fds(client, [b"x"], [fd])
os.close(fd)
"""


@pytest.mark.profile("nvme")
def test_descriptor_from_a_socket(l1, boot, sha256):
    """The user may open neither the node nor its group, only /dev/iommu and KVM."""
    machine = l1()
    path = f"/run/broker-{machine.results.name}"
    machine.put("/run/broker.py", BROKER.encode())
    broker = machine.start(f"rm -f {path}; exec python3 /run/broker.py {path} {node(machine)}",
                           timeout=60)
    broker.expect("ready")
    machine.run("chmod 666 /dev/kvm /dev/iommu", check=True)
    guest = boot(machine, devices=(), options=["-device", f"vfio-pci,fd={path}"],
                 wrap=f"ulimit -l unlimited; chmod 777 {machine.results}; exec {AS_USER} {{0}}",
                 memory="128M")
    assert guest.hash() == sha256(machine.drives[0])
    guest.power_off()
    machine.run("chmod 660 /dev/kvm; chmod 600 /dev/iommu", check=True)
    assert broker.wait().status == 0


@pytest.mark.long
@pytest.mark.profile("nvme")
@pytest.mark.parametrize("may, who", [(True, "this process alone"),
                                      (False, "all processes of this user together")])
def test_who_is_charged_for_locked_memory(l1, boot, may, who):
    """The process, where a capability lets lend choose; VmLck has it then, and else only VmPin."""
    machine = l1()
    path = node(machine)
    user = AS_USER.replace("+dac_read_search", "+dac_read_search,+sys_resource") if may else AS_USER
    machine.run(f"chown 65534 {path} && chmod 666 /dev/kvm /dev/iommu", check=True)
    try:
        guest = boot(machine, options=["-v"], properties=",iommufd=on", memory="128M",
                     wrap=f"ulimit -l unlimited; chmod 777 {machine.results}; exec {user} {{0}}")
        guest.command.expect(f"lend: iommufd: locked memory is counted for {who}")
        status = machine.run(f"grep -E 'VmLck|VmPin' /proc/{guest.machine}/status", check=True).out
        kib = {name: int(number) for name, number in re.findall(r"(\w+):\s*(\d+) kB", status)}
        assert kib["VmPin"] >= 128 << 10, status
        assert kib["VmLck"] >= 128 << 10 if may else kib["VmLck"] == 0, status
        guest.power_off()
    finally:
        machine.run(f"chown 0 {path}; chmod 660 /dev/kvm; chmod 600 /dev/iommu", check=True)


@pytest.mark.profile("nvme")
@pytest.mark.parametrize("options, says", [
    (["vfio-pci,fd=9"], "fd=9"),
    (["vfio-pci,fd=0"], "no VFIO device"),
    (["vfio-pci,host={address},iommufd=on,vf-token=83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"],
     "takes no VF token"),
])
def test_refused(l1, lend, kernel, options, says):
    machine = l1()
    bind(machine)
    options = [o.format(address=machine.addresses[0]) for o in options]
    line = shlex.join([str(lend), "run", "-kernel", str(kernel("lab").image),
                       "-device", *options])
    result = machine.run(f"{line} </dev/null")
    assert result.status == 1 and says in result.err, result.err
    assert re.fullmatch(r"lend: [^\n]+\n", result.err), result.err


# Without an operating system: DMA and interrupts of edu

@pytest.mark.profile("bare")
@pytest.mark.parametrize("backend", BACKENDS)
def test_edu(bare, backend):
    g = bare(EDU, properties=f",iommufd={BACKENDS[backend]}", options=["-v"])
    assert g.ask(f"edu {slot(1)} dma") == "dma 4096 bytes there and back"
    assert g.ask(f"edu {slot(1)} irq none") == \
        "irq none 0 interrupts, status 0x0, 0 spurious"
    assert f"backend: {backend}" in g.power_off().err


# Mediated devices: the kernel's sample, two serial ports on a PCI card

MTTY = "/sys/devices/virtual/mtty/mtty"
UUID = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"


@pytest.mark.profile("plain")
@pytest.mark.parametrize("backend", BACKENDS)
def test_mediated_device(l1, boot, backend):
    machine = l1()
    machine.run(f"echo {UUID} >{MTTY}/mdev_supported_types/mtty-1/create", check=True)
    guest = boot(machine, devices=(), options=[
        "-device", f"vfio-pci,sysfsdev={MTTY}/{UUID},x-allow-unreset=on,"
        f"iommufd={BACKENDS[backend]}"])
    out = guest.ask("cat /sys/bus/pci/devices/*/vendor /sys/bus/pci/devices/*/device")
    assert "0x4348" in out and "0x3253" in out
    guest.power_off()
    assert guest.stats["devices"] == [{"name": UUID, "backend": backend}]
    machine.run(f"echo 1 >{MTTY}/{UUID}/remove", check=True)
