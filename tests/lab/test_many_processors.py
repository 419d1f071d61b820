# SPDX-License-Identifier: MIT
"""More processors than malloc makes arenas without asking the system: what it
would open to make another one is not there in the sandbox."""

import pytest

CPUS = 12

# Memory off and on in the command register unmaps the BARs and maps them
# again, which allocates, in the thread of the processor that writes.
TOGGLE = ("for value in '\\000' '\\002' '\\000' ; do printf $value | taskset -c {cpu}"
          " dd of={device}/config bs=1 seek=4 conv=notrunc 2>/tmp/dd"
          " || {{ cat /tmp/dd ; false ; }} || break ; done")


@pytest.mark.profile("nvme")
def test_each_processor_writes_config_space(l1, boot):
    guest = boot(l1(), cpus=CPUS, limit=300)
    assert guest.ask("nproc") == str(CPUS)
    guest.ask("wait_for /dev/nvme0n1")
    before = guest.hash()
    address = guest.ask("basename /sys/bus/pci/drivers/nvme/*:*")
    guest.ask(f"echo {address} > /sys/bus/pci/drivers/nvme/unbind")
    for cpu in range(CPUS):
        guest.ask(TOGGLE.format(cpu=cpu, device=f"/sys/bus/pci/devices/{address}"))
    guest.ask(f"echo {address} > /sys/bus/pci/drivers/nvme/bind")
    guest.ask("wait_for /dev/nvme0n1")
    assert guest.hash() == before
    guest.power_off()
