# SPDX-License-Identifier: MIT
"""managed=on: lend run takes its device and gives it back, however it ends."""

import signal

import pytest

from test_take import Host, NVME

# Not bound beforehand: `boot` binds what it is given, and here lend does.
pytestmark = [pytest.mark.profile("host-plain"),
              pytest.mark.xdist_group("host-plain")]
DEVICE = ",managed=on,expect=1b36:0010/lend0"


@pytest.fixture
def host(l1, lend):
    return Host(l1(), lend)


@pytest.fixture
def run(host, boot):
    def make(name=NVME, properties=DEVICE, **options):
        return boot(host.l1, devices=[], options=[
            "-device", f"vfio-pci,host={name}{properties}"], **options)
    return make


def test_power_off(host, run):
    guest = run(name="nvme0n1")
    assert host.driver(NVME) == "vfio-pci"
    guest.ask("wait_for /dev/nvme0n1")
    guest.power_off()
    host.untouched(NVME, "nvme")
    host.sh("dd if=/dev/nvme0n1 of=/dev/null bs=4k count=1 iflag=direct")


def test_what_was_bound_stays(host, run):
    host.lend("bind", NVME)
    guest = run()
    guest.power_off()
    assert host.driver(NVME) == "vfio-pci"
    host.lend("unbind", NVME)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT,
                                    signal.SIGHUP, signal.SIGQUIT])
def test_signals(number, host, run):
    guest = run()
    guest.command.kill(number)
    if number != signal.SIGQUIT:
        guest.command.expect("power button")
        guest.command.kill(number)
    guest.ended(0, 30)
    host.untouched(NVME, "nvme")


def test_machine_is_killed(host, run):
    guest = run()
    host.sh("kill -9 $(pgrep -x lend-machine)")
    guest.ended(1, 30)
    host.untouched(NVME, "nvme")


def test_keeper_is_killed(host, run):
    """Nobody is left to give it back; --stale does, once the machine is gone."""
    guest = run()
    host.sh(f"kill -9 {guest.keeper}")
    host.sh("while pgrep -x lend-machine; do :; done", timeout=30)
    assert host.driver(NVME) == "vfio-pci"
    assert "given back to nvme" in host.lend("unbind", "--stale")
    host.untouched(NVME, "nvme")


def test_keeper_is_killed_and_another_takes_over(host, run):
    guest = run()
    host.sh(f"kill -9 {guest.keeper}")
    host.sh("while pgrep -x lend-machine; do :; done", timeout=30)
    run(name=NVME, properties=DEVICE).power_off()
    host.untouched(NVME, "nvme")


@pytest.mark.parametrize("properties, says", [
    (",managed=on,expect=8086:10d3", "another device"),
    (",managed=on,expect=1b36:0010/other", "serial number lend0"),
])
def test_another_device_than_expected(properties, says, host, run):
    guest = run(properties=properties, wait=False)
    assert says in guest.ended(1, 30).err
    host.untouched(NVME, "nvme")


def test_a_device_in_use(host, run):
    host.sh("mkfs.ext4 -q /dev/nvme0n1 && mkdir -p /mnt/data && "
            "mount /dev/nvme0n1 /mnt/data")
    guest = run(wait=False)
    assert "is mounted at /mnt/data" in guest.ended(1, 30).err
    host.sh("umount /mnt/data")
    host.untouched(NVME, "nvme")


def test_a_machine_that_cannot_start(host, run):
    """More memory than there is: the device goes back."""
    guest = run(wait=False, memory="64G")
    guest.ended(1, 30)
    host.untouched(NVME, "nvme")


def test_arguments_from_a_file(host, lend, kernel, guest_image):
    init = "#!/bin/sh\n. /lib.sh\nguest_start\nwait_for /dev/nvme0n1\n" \
        "answer serial $(cat /sys/block/nvme0n1/device/serial)\nguest_end\n"
    host.l1.put("/tmp/machine.conf", f"""# a machine as a service starts it
-m 256M
-kernel {kernel("lab").image}
-initrd {guest_image(init)}
-append console=ttyS0 quiet loglevel=1 panic=-1
-device vfio-pci,host={NVME},managed=on
""".encode())
    out = host.lend("run", "@/tmp/machine.conf", timeout=90)
    assert "lend-guest: serial lend0" in out
    host.untouched(NVME, "nvme")
