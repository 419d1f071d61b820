# SPDX-License-Identifier: MIT
"""The units of lend serve in an installed Debian with systemd: a device of each kind starts
when a client connects to its socket, and the unit's hardening and the server's own sandbox
fit together. All of it is one test, since the system takes a minute to start."""

import re

import pytest

from installed import debian, tree_of

pytestmark = pytest.mark.long

# The guest in the Debian: it says what its disk holds, and writes how many cards it has.
GUEST = """#!/bin/sh
. /lib.sh
guest_start
wait_for /dev/nvme0n1
answer "disk $(diskio hash /dev/nvme0n1 --depth 8)"
echo "cards: $(ls -d /sys/class/net/eth* | wc -l)" | dd of=/dev/nvme0n1 conv=fsync 2>/dev/null
guest_end
"""

# A client that connects, is heard, and leaves: the versions that both sides speak.
HELLO = r"""use strict;
use IO::Socket::UNIX;
my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$ARGV[0]: $!\n";
my $json = "{}\0";
alarm 60;
print $s pack("S<S<L<L<L<S<S<", 1, 1, 20 + length $json, 0, 0, 0, 1), $json;
$s->flush;
sysread($s, my $reply, 4096) > 20 or die "no answer\n";
print "hello: ", unpack("x20Z*", $reply), "\n";
"""


class Shell:
    """Root's shell on the serial line of the machine."""

    def __init__(self, machine):
        self._machine, self._count = machine, 0
        machine.expect("lend-system login:", 600)
        machine.send("root\n")
        machine.expect(r"root@lend-system:~# ", 120)
        self.ask("stty -echo cols 250; PS1=; export SYSTEMD_COLORS=0 SYSTEMD_URLIFY=0")

    def tell(self, line, timeout=120):
        """(what it printed, its status)"""
        self._count += 1
        n = self._count
        self._machine.send(f"echo begin-{n}-; {{ {line}\n}} 2>&1; echo end-{n}-$?-\n")
        found = self._machine.expect(rf"(?s)begin-{n}-\n(.*)end-{n}-(\d+)-\n", timeout)
        return found[1].strip(), int(found[2])

    def ask(self, line, timeout=120):
        out, status = self.tell(line, timeout)
        assert status == 0, f"{line}: status {status}: {out}"
        return out


ALICE = "setpriv --reuid=alice --regid=alice --init-groups"


@pytest.fixture
def shell(here, lend, kernel, guest_image):
    tree = tree_of(here.folder, lend, kernel, guest_image(GUEST))
    (tree / "srv/hello").write_text(HELLO)
    with debian(here, kernel, guest_image, tree) as found:
        yield found


def serve(shell, name, line):
    shell.ask(f"mkdir -p /etc/lend/serve && echo 'SERVE={line}' >/etc/lend/serve/{name}.conf && "
              f"systemctl start lend-serve@{name}.socket")


def connect(shell, name, who=""):
    return shell.tell(f"{who} perl /srv/hello /run/lend-serve/{name}.sock")


def answers(shell, name, who=""):
    out, status = connect(shell, name, who)
    assert status == 0 and "hello: {" in out, shell.ask(f"journalctl --no-pager -o cat -u lend-serve@{name}")


def process(shell, name):
    return shell.ask(f"systemctl show -P MainPID lend-serve@{name}")


def stop(shell, name):
    shell.ask(f"systemctl stop lend-serve@{name}.socket lend-serve@{name}.service")


def add_to_unit(shell, unit, text):
    """As systemctl edit does."""
    shell.ask(f"mkdir -p /etc/systemd/system/{unit}.d && "
              f"printf '{text}' >/etc/systemd/system/{unit}.d/override.conf && systemctl daemon-reload")


def units_are_right(shell):
    assert shell.ask("systemd-analyze verify --man=no lend-serve@x.service lend-serve@x.socket "
                     "lend@x.service lend-bind.service") == ""
    score = shell.ask("systemd-analyze security --no-pager lend-serve@x.service | tail -1")
    assert float(re.search(r"(\d+\.\d)", score)[1]) < 6, score


def disk_of_a_user(shell):
    """An image in a home, a socket that is the user's, and the user's own machine with it."""
    shell.ask("useradd -m -G kvm alice && mkdir /home/alice/vm && "
              "head -c 8M /dev/urandom >/home/alice/vm/disk.img && "
              "chmod 600 /home/alice/vm/disk.img && chown -R alice: /home/alice && chmod 700 /home/alice")
    serve(shell, "disk", "nvme /home/alice/vm/disk.img")
    assert connect(shell, "disk")[1] != 0
    said = shell.ask("journalctl --no-pager -o cat -u lend-serve@disk")
    assert "disk.img can be read alone here" in said and "ReadWritePaths=" in said
    stop(shell, "disk")
    add_to_unit(shell, "lend-serve@disk.service", "[Service]\\nReadWritePaths=/home/alice/vm\\n")
    add_to_unit(shell, "lend-serve@disk.socket", "[Socket]\\nSocketUser=alice\\n")
    shell.ask("systemctl reset-failed && systemctl start lend-serve@disk.socket")
    answers(shell, "disk", ALICE)
    status = shell.ask(f"cat /proc/{process(shell, 'disk')}/status")
    assert re.search(r"CapEff:\s+0+\n", status) and re.search(r"Seccomp:\s+2", status)
    digest = shell.ask("sha256sum /home/alice/vm/disk.img").split()[0]
    out = shell.ask(f"{ALICE} lend run -m 128M -kernel /srv/guest/vmlinuz -initrd /srv/guest/initrd "
                    "-append 'console=ttyS0 quiet' "
                    "-device vfio-user-pci,socket=/run/lend-serve/disk.sock </dev/null", 300)
    assert f"disk {digest}" in out
    assert shell.ask("head -n 1 /home/alice/vm/disk.img") == "cards: 0"


def killed_server_is_started_again(shell):
    before = process(shell, "disk")
    shell.ask(f"kill -9 {before}")
    answers(shell, "disk", ALICE)
    assert process(shell, "disk") not in (before, "0")
    stop(shell, "disk")
    assert shell.tell("ls /run/lend-serve/disk.sock")[1] != 0


def every_kind(shell):
    shell.ask("cp /home/alice/vm/disk.img '/srv/my disk.img' && "
              "ip tuntap add dev tap0 mode tap multi_queue && "
              "ip addr add 10.3.3.3/24 dev tap0 && ip link set tap0 up && ip route add default via 10.3.3.1")
    for name, line in (("test", "test --faults"), ("blank", 'nvme "/srv/my disk.img"'),
                       ("tap", "net --tap tap0"), ("user", "net --user")):
        serve(shell, name, line)
        answers(shell, name)
        stop(shell, name)


def machine_with_servers(shell):
    """lend@NAME starts the servers of its disk and its networks in its own sandbox."""
    shell.ask("cp /home/alice/vm/disk.img /srv/web.img && loop=$(losetup -f --show /srv/web.img) && "
              "printf '%s\\n' '-m 128M' '-kernel /srv/guest/vmlinuz' '-initrd /srv/guest/initrd' "
              "'-append console=ttyS0' \"-disk $loop\" '-net tap=tap0' '-net user' >/etc/lend/web.conf")
    shell.ask("systemctl start lend@web && while systemctl -q is-active lend@web; do sleep 1; done", 300)
    assert shell.ask("systemctl show -P Result lend@web") == "success", \
        shell.ask("journalctl --no-pager -o cat -u lend@web")
    assert shell.ask("losetup -D; head -n 1 /srv/web.img") == "cards: 2"


def device_of_the_host(shell):
    driver = "basename $(readlink /sys/bus/pci/devices/0000:01:00.0/driver)"
    # It listens on every card of the system.
    shell.ask("systemctl stop systemd-networkd.socket systemd-networkd.service")
    assert shell.ask(driver) == "e1000e"
    serve(shell, "card", "pci 8086:10d3 --managed")
    answers(shell, "card")
    assert shell.ask(driver) == "vfio-pci"
    stop(shell, "card")
    assert shell.ask(driver) == "e1000e"


def line_that_is_wrong(shell):
    """A client that waits makes systemd try again, until it is enough; then it is mended."""
    out, status = shell.tell("systemctl start lend-serve@none.socket")
    assert status != 0 and "Assertion failed" in out
    serve(shell, "bad", "nvme --frob")
    assert connect(shell, "bad")[1] != 0
    assert shell.tell("systemctl is-active lend-serve@bad.socket")[0] == "failed"
    said = shell.ask("journalctl --no-pager -o cat -u lend-serve@bad")
    assert said.count("there is no option --frob") == 5, said
    shell.ask("systemctl reset-failed 'lend-serve@bad.*'")
    serve(shell, "bad", "test")
    answers(shell, "bad")


def test_units_in_an_installed_debian(shell):
    units_are_right(shell)
    disk_of_a_user(shell)
    killed_server_is_started_again(shell)
    every_kind(shell)
    machine_with_servers(shell)
    device_of_the_host(shell)
    line_that_is_wrong(shell)
