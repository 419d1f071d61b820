# SPDX-License-Identifier: MIT
"""More processors than malloc makes arenas without asking the system: what it
would open to make another one is not there in the sandbox."""

import pytest

from guest import reported

CPUS = 12

# Memory off and on in the command register unmaps the BARs and maps them
# again, which allocates, in the thread of the processor that writes.
WRITE = ("printf '\\00{value}' | taskset -c {cpu}"
         " dd of={device}/config bs=1 seek=4 conv=notrunc 2>/tmp/dd"
         " || {{ cat /tmp/dd ; false ; }}")


def slots(guest):
    """How many pieces of memory KVM knows: RAM, and the BARs that are mapped."""
    return int(reported(guest.command, r"memory slots of KVM: (\d+)"))


@pytest.mark.profile("nvme")
def test_each_processor_writes_config_space(l1, boot):
    guest = boot(l1(), cpus=CPUS, limit=300)
    assert guest.ask("nproc") == str(CPUS)
    guest.ask("wait_for /dev/nvme0n1")
    before = guest.hash()
    address = guest.ask("basename /sys/bus/pci/drivers/nvme/*:*")
    guest.ask(f"echo {address} > /sys/bus/pci/drivers/nvme/unbind")
    mapped = slots(guest)

    def write(cpu, value):
        guest.ask(WRITE.format(value=value, cpu=cpu,
                               device=f"/sys/bus/pci/devices/{address}"))

    for cpu in range(CPUS):
        write(cpu, 0)
        assert slots(guest) < mapped, f"processor {cpu} unmapped no BAR"
        write(cpu, 2)
    assert slots(guest) == mapped
    guest.ask(f"echo {address} > /sys/bus/pci/drivers/nvme/bind")
    guest.ask("wait_for /dev/nvme0n1")
    assert guest.hash() == before
    guest.power_off()
