# SPDX-License-Identifier: MIT
"""A network card in the ways that it can interrupt, and the counts that show
which way it was."""

import pytest

# e1000e.IntMode: 0 is INTx, 1 MSI (test_zoo.py has it), 2 MSI-X. In user space the BAR traps for a while after
# each interrupt: for a minute here, so that a slow guest does as much meanwhile as a fast one.
MODES = {
    "msix": ("2", "", "MSI-?X", False),
    "intx": ("0", "", "IO-APIC", False),
    "intx-in-user-space": ("0", ",x-no-kvm-intx=on,x-intx-mmap-timeout-ms=60000", "IO-APIC", True),
}


@pytest.mark.profile("nvme-net")
@pytest.mark.parametrize("mode", MODES)
def test_network_interrupts(l1, boot, mode):
    number, properties, word, trapped = MODES[mode]
    machine = l1()
    guest = boot(machine, devices=machine.addresses[1:], properties=properties,
                 append=f"e1000e.IntMode={number}")
    guest.ask("wait_for /sys/class/net/eth0 && ip link set eth0 up && "
              "ip addr add 10.0.2.15/24 dev eth0; "
              "until grep -q up /sys/class/net/eth0/operstate; do usleep 20000;"
              " done; ping -c 3 -w 20 10.0.2.2")
    lines = guest.ask(f"grep eth0 /proc/interrupts | grep -E '{word}'")
    assert sum(int(l.split()[1]) for l in lines.splitlines()) >= 3, lines
    guest.power_off()
    # With the bypass no access to a BAR traps but those of the MSI-X table.
    bar = guest.stats["bar"]
    assert bar > 300 if trapped else bar < 200, bar


@pytest.mark.profile("nvme-net")
def test_no_pin(l1, boot):
    machine = l1()
    guest = boot(machine, devices=machine.addresses[1:], properties=",x-intx=off",
                 append="e1000e.IntMode=2")
    out = guest.ask("for d in /sys/bus/pci/devices/*; do [ $(cat $d/class) != "
                    "0x020000 ] || hexdump -s 61 -n 1 -e '1/1 \"%d\"' $d/config; done")
    assert out.strip() == "0"
    guest.power_off()


@pytest.mark.profile("nvme-net")
def test_line_after_reboot(l1, boot):
    """Going from MSI-X to the line and back, over resets.

    The driver is a module here, so that the guest can load it anew by the line.
    """
    machine = l1()
    guest = boot(machine, "stock", modules=["e1000e"], memory="512M",
                 devices=machine.addresses[1:], limit=300)

    def interrupts():
        guest.ask("wait_for /sys/class/net/eth0 && ip link set eth0 up && "
                  "ip addr add 10.0.2.15/24 dev eth0; until grep -q up "
                  "/sys/class/net/eth0/operstate; do usleep 20000; done; "
                  "ping -c 1 -w 20 10.0.2.2")
        return guest.ask("grep eth0 /proc/interrupts").splitlines()

    for _ in range(2):
        lines = interrupts()
        assert len(lines) == 3 and all("MSI" in line for line in lines), lines
        guest.ask("rmmod e1000e && insmod /modules/$(grep e1000e /modules/order) IntMode=0")
        line, = interrupts()
        assert "IO-APIC" in line, line
        # It is the line that is on when the machine starts again.
        guest.reboot(120)
    assert len(interrupts()) == 3
    guest.power_off()
