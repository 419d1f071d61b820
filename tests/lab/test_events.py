# SPDX-License-Identifier: MIT
"""What happens to a device while its guest runs: an error, a request of the
host, a question of the user; and how devices are reset that have no FLR.

Errors come from the kernel's own injector (/dev/aer_inject), requests from
QEMU's monitor, which pulls the device.
"""

import hashlib
import re
import signal
import struct

import pytest

NVME, NIC = "0000:01:00.0", "0000:02:00.0"
UP = "wait_for /sys/class/net/eth0 && ip link set eth0 up && " \
     "ip addr add 10.0.2.15/24 dev eth0; " \
     "until grep -q up /sys/class/net/eth0/operstate; do usleep 20000; done; "
PING = "ping -c 1 -w 20 10.0.2.2"
POISONED = 1 << 12


def inject(machine, address):
    """An uncorrectable, non-fatal error of the device."""
    bus = int(address.split(":")[1], 16)
    machine.put("/run/error", struct.pack(
        "<4B7I", bus, 0, 0, 0, POISONED, 0, 0, 1, 2, 3, 0))
    machine.run("cat /run/error >/dev/aer_inject", check=True)


def ids(guest, bus):
    """What the guest reads as vendor and device of the device on a bus."""
    return guest.ask(f"hexdump -n 4 -e '\"%08x\"' /sys/bus/pci/devices/0000:{bus:02x}:00.0/config")


@pytest.mark.profile("nvme-net")
def test_error_stops_the_device_alone(l1, boot, sha256):
    machine = l1()
    guest = boot(machine, properties=["", ",x-on-error=continue"])
    guest.ask(UP + PING)
    assert ids(guest, 2) == "10d38086"
    inject(machine, NIC)
    guest.command.expect(f"lend: {NIC}: the device reported an uncorrectable error")
    assert ids(guest, 2) == "ffffffff"
    assert guest.ask(PING + "; echo status $?").endswith("status 1")
    assert guest.hash() == sha256(machine.drives[0])
    # A reboot resets it, and it is there again.
    guest.reboot()
    guest.ask(UP + PING)
    guest._console_at = machine.console.stat().st_size  # the kernel said what was injected
    guest.power_off()


@pytest.mark.profile("nvme-net")
def test_error_ends_the_machine_where_told(l1, boot):
    machine = l1()
    guest = boot(machine, devices=[NIC], properties=",x-on-error=stop")
    guest.ask(UP + PING)
    inject(machine, NIC)
    result = guest.command.wait(60)
    assert result.status == 1
    line = result.err.strip().splitlines()[-1]
    assert NIC in line and "x-on-error=stop" in line


@pytest.mark.profile("nvme-net")
def test_counters_are_printed(l1, boot):
    machine = l1()
    guest = boot(machine)
    guest.ask(UP + PING)
    guest.hash()
    guest.command.kill(signal.SIGUSR1)
    guest.command.expect(rf"lend: {NIC}: MSI-X vector 2: ")
    err = guest.command.err
    assert re.search(rf"{NVME}: config space \d+ reads, \d+ writes", err)
    assert re.search(rf"{NVME}: BAR 0 page 0x[0-9a-f]+: \d+ reads, [1-9]\d* writes trapped", err)
    by_bypass = re.search(rf"{NVME}: MSI-X vector 1: (\d+) of the host's, "
                          r"(\d+) by the loop, now by the bypass", err)
    assert by_bypass and int(by_bypass[1]) > 0
    assert re.search(r"mapped for the devices: 256 MiB", err)
    assert re.search(r"processor 0: [1-9]\d* exits to user space, [1-9]\d* for ports", err)
    # To the process of the machine it is the same.
    machine.run(f"kill -USR1 {guest.machine}", check=True)
    guest.command.expect(r"(?s)(mapped for the devices.*){2}")
    guest.power_off()


@pytest.mark.profile("nvme-net")
@pytest.mark.parametrize("properties", [",x-no-kvm-msix=on", ",x-no-kvm-msi=on,x-no-kvm-msix=on"])
def test_interrupts_by_the_loop(l1, boot, sha256, properties):
    machine = l1()
    guest = boot(machine, properties=properties)
    guest.ask(UP + PING)
    assert guest.hash() == sha256(machine.drives[0])
    guest.command.kill(signal.SIGUSR1)
    guest.command.expect(rf"lend: {NIC}: MSI-X vector 2: ")
    found = re.search(rf"{NVME}: MSI-X vector 1: \d+ of the host's, (\d+) by the loop, now by the loop",
                      guest.command.err)
    assert found and int(found[1]) > 0
    guest.power_off()


@pytest.mark.profile("nvme-net")
def test_table_at_another_place(l1, boot, sha256):
    """The guest finds the MSI-X table where it was told to be, and its interrupts come."""
    machine = l1()
    guest = boot(machine, devices=[NVME], properties=",x-msix-relocation=bar4")
    assert guest.hash() == sha256(machine.drives[0])
    config = guest.ask("hexdump -v -e '1/1 \"%02x\"' /sys/bus/pci/devices/0000:01:00.0/config")
    chain = bytes.fromhex(config)
    at = chain[0x34]
    while chain[at] != 0x11:
        at = chain[at + 1]
    assert struct.unpack_from("<I", chain, at + 4)[0] == 4  # BAR 4, offset 0
    assert "nvme0q1" in guest.ask("grep nvme0q1 /proc/interrupts")
    guest.power_off()


@pytest.mark.profile("nvme-net")
def test_ids_of_the_users_choice(l1, boot):
    machine = l1()
    guest = boot(machine, devices=[NVME],
                 properties=",x-pci-sub-vendor-id=0x1234,x-pci-sub-device-id=0xabcd,x-pci-class-code=0x018000")
    at = "/sys/bus/pci/devices/0000:01:00.0"
    assert guest.ask(f"cat {at}/subsystem_vendor {at}/subsystem_device {at}/class").split() == \
        ["0x1234", "0xabcd", "0x018000"]
    guest.power_off()


@pytest.mark.profile("nvme-net")
def test_rom_of_a_file(l1, boot):
    """A file takes the ROM's place; rombar=0 leaves it out. Reading it by
    dwords does not leave the guest 65,536 times."""
    machine = l1()
    at = "/sys/bus/pci/devices/0000:01:00.0/rom"
    image = bytearray(b"\x55\xaa\x06" + bytes(i * 7 % 256 for i in range(0x40000 - 3)))
    struct.pack_into("<H", image, 0x18, 0x1c)
    image[0x1c:0x34] = b"PCIR" + struct.pack("<HHHHB3sHHBBH", 0x8086, 0x10d3, 0, 24, 3,
                                             b"\0\0\2", 512, 1, 0, 0x80, 0)
    machine.put("/run/file.rom", bytes(image))
    guest = boot(machine, devices=[NIC], properties=",romfile=/run/file.rom")
    exits = guest.exits()
    assert guest.ask(f"echo 1 >{at} && sha256sum <{at}").split()[0] == \
        hashlib.sha256(image).hexdigest()
    assert guest.exits() - exits < 2000
    guest.power_off()
    guest = boot(machine, devices=[NIC], properties=",romfile=/run/file.rom,rombar=0")
    assert guest.ask(f"test -e {at} || echo none") == "none"
    guest.power_off()


@pytest.mark.profile("nvme-net")
def test_reset_at_open_counts_and_power_state_is_last(l1, boot):
    """The drive has an FLR. The card has none, and its bus cannot be reset:
    QEMU's pcie-root-port does not bring its link up again in time."""
    machine = l1()
    guest = boot(machine, options=["-v"])
    guest.command.expect(rf"lend: {NVME}: reset by the kernel when it was opened; it answers with")
    guest.command.expect(rf"lend: {NIC}: reset; it answers with its ids, and decode and bus master "
                         "are off; the reset of its bus failed")
    guest.power_off()


@pytest.mark.profile("bus-reset")
def test_functions_of_a_slot_are_reset_together(l1, boot):
    """Two functions without FLR behind one port: one reset of the bus serves both."""
    machine = l1()
    first, second = "0000:01:00.0", "0000:01:00.1"
    guest = boot(machine, devices=[first, second], options=["-v"])
    guest.command.expect(rf"lend: {first}: reset with its bus, and with it {second}; it answers")
    guest.command.expect(rf"lend: {second}: reset with its bus, and with it {first}; it answers")
    assert guest.ask("ls /sys/bus/pci/devices").split()[-2:] == [first, second]
    guest.reboot()
    guest.power_off()
    # One of them alone takes the other along: its group is ours too, and nobody uses it.
    guest = boot(machine, devices=[second], options=["-v"])
    guest.command.expect(rf"lend: {second}: reset with its bus, and with it {first}; it answers")
    guest.power_off()


@pytest.mark.profile("edu")
def test_device_that_nothing_resets_is_refused(l1, boot):
    machine = l1()
    guest = boot(machine, wait=False)
    result = guest.ended(1, 60)
    line, = result.err.strip().splitlines()
    assert "nothing can reset it" in line and machine.addresses[0] in line
    assert "x-allow-unreset=on" in line
    guest = boot(machine, properties=",x-allow-unreset=on")
    guest.command.expect("handed over without a reset")
    guest.power_off()


@pytest.mark.profile("pulled")
def test_device_is_given_back_when_the_host_asks(l1, boot, sha256):
    machine = l1()
    guest = boot(machine)
    guest.ask(UP + PING)
    machine.monitor.hmp("device_del dev1")
    guest.command.expect(f"lend: warning: {NIC}: the host wants the device back")
    guest.command.expect(f"lend: warning: {NIC}: given back to the host")
    machine.monitor.wait_event("DEVICE_DELETED")
    assert machine.run(f"ls /sys/bus/pci/devices/{NIC}").status != 0
    # The guest goes on, with the other device at work.
    assert ids(guest, 2) == "ffffffff"
    assert guest.hash() == sha256(machine.drives[0])
    guest.reboot()
    assert guest.hash() == sha256(machine.drives[0])
    guest.power_off()
