# SPDX-License-Identifier: MIT
"""lend@.service with a device of the host, and lend-bind.service at boot, in an installed
Debian with systemd: started, stopped, started again, killed; and the device given back each
time. All of it is one test, since the system takes a minute to start, twice."""

import pytest

from installed import debian, tree_of

pytestmark = pytest.mark.long

# It says what card it has, and ends when its power button is pressed.
GUEST = """#!/bin/sh
. /lib.sh
guest_start
wait_for /sys/class/net/eth0
answer "card $(cat /sys/class/net/eth0/address)"
until grep ACPI:Ged /proc/interrupts | grep -q '[1-9][ 0-9]*IO'; do usleep 20000; done
guest_end
"""

# Listens to the serial line of a machine until the guest has told its card.
LISTEN = r"""use strict;
use IO::Socket::UNIX;
alarm 110;
my ($s, $all);
until ($s = IO::Socket::UNIX->new(Peer => $ARGV[0])) { select undef, undef, undef, 0.1 }
while (sysread($s, my $some, 4096)) {
	$all .= $some;
	if ($all =~ /lend-guest: card (\S+)\s/) { print "$1\n"; exit 0 }
}
die "the line ended: $all\n";
"""

CARD = "0000:01:00.0"
UNIT = "lend@web"


@pytest.fixture
def shell(here, lend, kernel, guest_image):
    tree = tree_of(here.folder, lend, kernel, guest_image(GUEST))
    (tree / "srv/listen").write_text(LISTEN)
    with debian(here, kernel, guest_image, tree) as found:
        # It listens on every card of the system.
        found.ask("systemctl disable --now systemd-networkd.socket systemd-networkd.service")
        yield found


def driver(shell):
    return shell.ask(f"basename $(readlink /sys/bus/pci/devices/{CARD}/driver)")


def journal(shell, unit=UNIT):
    return shell.ask(f"journalctl -b --no-pager -o cat -u {unit}")


def shown(shell, name, unit=UNIT):
    return shell.ask(f"systemctl show -P {name} {unit}")


def describe(shell, device):
    lines = ["-m 128M", "-kernel /srv/guest/vmlinuz", "-initrd /srv/guest/initrd",
             "-append console=ttyS0", f"-device vfio-pci,host={CARD}{device}"]
    shell.ask("mkdir -p /etc/lend && printf '%s\\n' " + " ".join(f"'{line}'" for line in lines) +
              " >/etc/lend/web.conf")


def guest_has(shell, card):
    out, status = shell.tell("perl /srv/listen /run/lend-web/serial", 120)
    assert (out, status) == (card, 0), journal(shell)
    assert driver(shell) == "vfio-pci"


def wait_until(shell, state):
    shell.ask(f'until [ "$(systemctl show -P ActiveState {UNIT})" = {state} ]; do sleep 0.2; done')


def is_given_back(shell, card):
    assert driver(shell) == "e1000e", journal(shell)
    assert shell.ask(f"cat /sys/bus/pci/devices/{CARD}/net/*/address") == card
    assert shell.ask("find /run/lend -name '????:*' ! -name '*.lock'") == ""
    assert shell.tell("grep -la '[l]end.run' /proc/[0-9]*/cmdline")[0] == ""


def started_and_stopped(shell, card):
    describe(shell, ",managed=on")
    shell.ask(f"systemctl start {UNIT}")
    guest_has(shell, card)
    assert CARD in shell.ask("lend ps") and "running" in shell.ask("lend ctl web status")
    shell.ask(f"systemctl stop {UNIT}")
    assert shown(shell, "Result") == "success", journal(shell)
    assert "pressing the guest's power button" in journal(shell)
    is_given_back(shell, card)


def restarted(shell, card):
    shell.ask(f"systemctl start {UNIT}")
    guest_has(shell, card)
    before = shown(shell, "MainPID")
    shell.ask(f"systemctl restart {UNIT}")
    guest_has(shell, card)
    assert shown(shell, "MainPID") not in (before, "0")
    assert shown(shell, "NRestarts") == "0"


def killed_machine_starts_again(shell, card):
    keeper = shown(shell, "MainPID")
    shell.ask(f"kill -9 $(cat /proc/{keeper}/task/{keeper}/children)")
    shell.ask(f'until [ "$(systemctl show -P NRestarts {UNIT})" = 1 ]; do sleep 0.2; done')
    guest_has(shell, card)


def killed_keeper_leaves_nothing(shell, card):
    """Not started again, so that what it leaves can be looked at."""
    shell.ask(f"mkdir -p /run/systemd/system/{UNIT}.service.d && "
              f"printf '[Service]\\nRestart=no\\n' >/run/systemd/system/{UNIT}.service.d/no.conf && "
              "systemctl daemon-reload")
    shell.ask(f"kill -9 {shown(shell, 'MainPID')}")
    wait_until(shell, "failed")
    is_given_back(shell, card)
    shell.ask(f"systemctl reset-failed {UNIT}")


def line_that_is_wrong(shell):
    """Nothing is tried again, and a machine that is not described is not started."""
    shell.ask("echo '-m 128M,frob' >/etc/lend/bad.conf")
    shell.tell("systemctl start lend@bad; systemctl start lend@none")
    shell.ask('until [ "$(systemctl show -P ActiveState lend@bad)" = failed ]; do sleep 0.2; done')
    assert shown(shell, "NRestarts", "lend@bad") == "0"
    assert shown(shell, "ExecMainStatus", "lend@bad") == "2", journal(shell, "lend@bad")
    assert shown(shell, "ActiveState", "lend@none") == "inactive"


def bound_at_boot(shell, card):
    """The rule is followed before the machine is started that needs the device."""
    shell.ask(f"lend bind --persist {CARD}")
    assert shell.ask("systemctl is-enabled lend-bind.service") == "enabled"
    describe(shell, "")
    shell.ask(f"systemctl enable {UNIT}")
    shell.reboot()
    assert driver(shell) == "vfio-pci", journal(shell, "lend-bind")
    assert shown(shell, "Result", "lend-bind") == "success"
    guest_has(shell, card)
    shell.ask(f"systemctl stop {UNIT}")
    assert shown(shell, "Result") == "success", journal(shell)
    assert driver(shell) == "vfio-pci"
    shell.ask(f"lend unbind --persist {CARD}")
    assert shell.ask("ls /etc/lend/bind.d") == ""
    is_given_back(shell, card)


def test_machine_as_a_service(shell):
    card = shell.ask(f"cat /sys/bus/pci/devices/{CARD}/net/*/address")
    assert driver(shell) == "e1000e"
    started_and_stopped(shell, card)
    restarted(shell, card)
    killed_machine_starts_again(shell, card)
    killed_keeper_leaves_nothing(shell, card)
    line_that_is_wrong(shell)
    bound_at_boot(shell, card)
