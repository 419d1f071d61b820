# SPDX-License-Identifier: MIT
"""How long guests of several kernels take to use a device that comes, and to let one go, by
their own clock: from the interrupt that tells them to what their sysfs shows."""

import pytest

from lab import cache

pytestmark = [pytest.mark.profile("nvme"), pytest.mark.long]

BOUND = "/sys/bus/pci/drivers/nvme/0000:01:00.0"
THERE = "/sys/bus/pci/devices/0000:01:00.0"

# Prints the guest's clock when the interrupt of hotplug comes, and when the test is true. Shell
# alone: a process takes longer than what is measured. busy() is between two looks.
WATCH = ("told() {{ while read -r a b c; do case \"$c\" in *6-fasteoi*) n=$b;; esac; done </proc/interrupts; }}; "
         "told; o=$n; answer watching; while [ $n = $o ]; do usleep 2000; told; done; read t x </proc/uptime; "
         "while ! [ {0} ]; do usleep 2000; done; read u x </proc/uptime; echo $t $u")


class Machine:
    """A guest without a device, and the host's way to give it one."""

    def __init__(self, l1, lend, boot, kernel, **others):
        self.l1, self.lend = l1, lend
        self.address = l1.addresses[0]
        self.watches = 0
        l1.run(f"{cache.LAB / 'bind'} {self.address} vfio-pci", check=True)
        self.guest = boot(l1, kernel, modules=["nvme"], memory="512M", devices=[],
                          options=["-name", "hot", "-ports", "2"], **others)

    def ctl(self, *words):
        return self.l1.run([self.lend, "ctl", "hot", *words], timeout=60, check=True)

    def timed(self, condition, *words):
        """The guest's seconds from its interrupt until the condition holds."""
        self.watches += 1
        self.guest.tell(WATCH.format(condition))
        self.guest.command.expect(f"(?s)(lend-guest: watching.*){{{self.watches}}}", 20)
        self.ctl(*words)
        out, status = self.guest.told()
        assert status == 0, out
        told, done = out.split()[-2:]
        return float(done) - float(told)

    def add(self):
        return self.timed("-e /sys/block/nvme0n1", "add", f"vfio-pci,host={self.address},id=d0")

    def remove(self, *options):
        return self.timed(f"! -e {THERE}", "remove", *options, "d0")


@pytest.mark.parametrize("name", ["lab", "stock", "bpo", "newest"])
def test_a_device_comes_and_goes_in_time(name, l1, lend, boot, sha256):
    l1 = l1()
    machine = Machine(l1, lend, boot, name)
    want = sha256(l1.drives[0])
    figures = {"plug": [], "remove": [], "forced": []}
    for turn in range(4):
        forced = turn % 2
        figures["plug"].append(machine.add())
        if turn < 2:
            assert machine.guest.hash() == want
        figures["forced" if forced else "remove"].append(
            machine.remove(*(["--force"] if forced else [])))
        machine.guest.ask(f"[ ! -e {BOUND} ]")
    print(name, {k: [round(n, 2) for n in v] for k, v in figures.items()})
    # The attention button of native hotplug takes five seconds.
    assert max(sum(figures.values(), [])) < 4
    machine.guest.power_off()


def test_a_device_comes_before_the_guest_listens(l1, lend, boot, sha256):
    """Also at the first scan; and it is there after a reboot."""
    l1 = l1()
    machine = Machine(l1, lend, boot, "lab", wait=False)
    want = sha256(l1.drives[0])
    l1.run(f"until {lend} ctl hot status >/dev/null 2>&1; do sleep 0.05; done", timeout=60,
           check=True)
    machine.ctl("add", f"vfio-pci,host={machine.address},id=d0")
    machine.guest.ready()
    assert machine.guest.hash() == want
    machine.guest.reboot()
    assert machine.guest.hash() == want
    assert machine.remove() < 4
    machine.guest.power_off()
