# SPDX-License-Identifier: MIT
"""`lend run -disk` beside an assigned drive, started by a user without root: the servers
come and go with the machine, and a killed one is started again under the guest's I/O."""

import hashlib
from pathlib import Path

import pytest

import guest
from guest import reported
from lab import cache, debian
from net_peer import SIZE, blob, exchange, received

pytestmark = pytest.mark.profile("nvme")

# The disk whose model is that of a served one.
SERVED = "for d in /sys/block/nvme*n1; do grep -q lend $d/device/model && basename $d; done; :"


@pytest.fixture
def machine(l1):
    made = l1()
    made.run("head -c 33554432 /dev/urandom >/run/disk.img", check=True)
    yield made
    made.run("rm -f /run/disk.img", check=True)


def hash_of(made, disk):
    return made.ask(f"wait_for /dev/{disk}; diskio hash /dev/{disk} --depth 8").split()[-1]


def sum_of(machine):
    return machine.run("sha256sum /run/disk.img", check=True).out.split()[0]


def by_queue(made, disk):
    """The interrupts so far of each queue for data."""
    lines = made.ask(f"grep {disk.removesuffix('n1')}q[1-9] /proc/interrupts").splitlines()
    return [sum(int(word) for word in line.split()[1:3]) for line in lines]


def no_server_is_left(machine):
    assert machine.run("pgrep -f '[l]end serve'").out == ""


def test_disk_beside_an_assigned_drive(machine, boot, sha256):
    made = boot(machine, cpus=2, options=["-disk", "/run/disk.img"])
    disk = made.ask(SERVED)
    other = "nvme0n1" if disk == "nvme1n1" else "nvme1n1"
    assert hash_of(made, disk) == sum_of(machine)
    before = by_queue(made, disk)
    assert len(before) == 2
    made.ask(f"for cpu in 0 1; do diskio pin $cpu /dev/{disk} -n 16; done")
    assert all(after > count for after, count in zip(by_queue(made, disk), before))
    assert hash_of(made, other) == sha256(machine.drives[0])
    before = by_queue(made, disk)
    assert "verified" in made.ask(f"diskio fill /dev/{disk} --seed 3 --depth 32", 120)
    assert all(after > count for after, count in zip(by_queue(made, disk), before))
    after = hash_of(made, disk)
    made.reboot(90)
    assert hash_of(made, made.ask(SERVED)) == after
    made.power_off()
    assert sum_of(machine) == after
    no_server_is_left(machine)


def test_server_is_killed_under_io(machine, boot):
    made = boot(machine, options=["-disk", "/run/disk.img"], limit=300)
    disk = made.ask(SERVED)
    made.tell(f"diskio fill /dev/{disk} --seed 5 --depth 32")
    machine.run("pkill -9 -f '[l]end serve nvme'", check=True)
    made.command.expect("-disk .*: its server was killed by signal 9.*started again", 20)
    out, status = made.told(200)
    assert status == 0 and "verified" in out, out
    after = hash_of(made, disk)
    made.power_off()
    assert sum_of(machine) == after
    no_server_is_left(machine)


def test_an_image_that_is_not_there(machine, boot):
    made = boot(machine, options=["-disk", "/run/none.img"], wait=False)
    assert made.command.wait(60).status == 1
    assert "/run/none.img" in made.command.err
    assert "-disk /run/none.img: its server did not start; it said why" in made.command.err
    no_server_is_left(machine)


@pytest.fixture
def peer(machine):
    """Serves the guest's connections in the L1, until the test is over."""
    made = machine.start(["/usr/bin/python3", Path(__file__).with_name("net_peer.py"), "1"], timeout=600)
    yield made
    made.kill()
    made.wait()


@pytest.fixture
def tap(machine):
    machine.run("ip tuntap add dev lab0 mode tap multi_queue && "
                "ip addr add 10.9.8.1/24 dev lab0 && ip link set lab0 up", check=True)
    yield "lab0"
    machine.run("ip link del lab0", check=True)


# Accesses of the guest to the card's registers and doorbells: each is a message to its server.
# Behind them comes the MSI-X table, which lend itself answers.
TRAPPED = r"accesses ignored\n((?:[^\n]*BAR 0 page 0x[012]0*: [^\n]*\n)*)[^\n]*BAR 0 page 0x3000: "


def without_messages(made, peer):
    before = reported(made.command, TRAPPED)
    assert "page 0x0:" in before
    exchange(made, peer, "10.9.8.1", 120)
    assert reported(made.command, TRAPPED) == before


def comes_back(made, said, times):
    """The keeper has said so many times that the server died, and that it is back."""
    for line in (f"-net .*: its server {said}.*; it is started again", "its server is back"):
        made.command.expect(f"(?:{line}(?s:.)*){{{times}}}", 20)


def kill_under_transfer(machine, made, counter, times):
    """The server is killed when about 1 of 10 MB is through the tap."""
    machine.run(f"n=/sys/class/net/lab0/statistics/{counter}; read a <$n; b=$a; "
                "while [ $b -lt $((a + 1000000)) ]; do read b <$n; done; pkill -9 -f '[l]end serve net'",
                check=True, timeout=60)
    comes_back(made, "was killed by signal 9", times)


def test_network_on_a_tap(machine, boot, peer, tap):
    """10 MB each way; then 10 MB while the server is killed: the same driver goes on. No packet
    costs a message."""
    made = boot(machine, devices=[], options=["-net", f"tap={tap},mac=02:00:00:00:00:08"], limit=300)
    address = "ip addr add 10.9.8.2/24 dev eth0 && ip link set eth0 up"
    made.ask(f"{address} && grep 02:00:00:00:00:08 /sys/class/net/eth0/address")
    without_messages(made, peer)
    digest = hashlib.sha256(blob()).hexdigest()
    made.tell("nc 10.9.8.1 5001 <&3 >/big; sha256sum /big")
    kill_under_transfer(machine, made, "tx_bytes", 1)
    assert made.told(120)[0].split()[0] == digest
    before = peer.out.count("received ")
    made.tell("nc 10.9.8.1 5000 </big")
    kill_under_transfer(machine, made, "rx_bytes", 2)
    assert made.told(120)[1] == 0
    assert received(peer, before) == (str(SIZE), digest)
    assert "02:00:00:00:00:08" in made.ask("cat /sys/class/net/eth0/address; ping -c 2 10.9.8.1")
    # After the guest's next boot the card is as new.
    made.reboot(90)
    made.ask(f"{address} && ping -c 2 10.9.8.1")
    made.power_off()
    no_server_is_left(machine)


# What passt takes the guest's address and gateway from.
UPLINK = ("ip tuntap add dev up0 mode tap && ip addr add 10.1.2.3/24 dev up0 && "
          "ip link set up0 up && ip route add default via 10.1.2.1")
DHCP = r"printf '#!/bin/sh\n[ $1 = bound ] && ip addr add $ip/$mask dev $interface\n' >/s && chmod +x /s"


@pytest.fixture
def user(machine, lend, kernel, guest_image):
    """user(options): a guest that is started by nobody, who may read copies of the files alone."""
    def start(*options, image=None, initrd=None, append=guest.APPEND, memory="256M", limit=120):
        image = image or kernel("lab").image
        initrd = initrd or guest_image(guest.INIT)
        machine.run(f"mkdir -p /run/user && cp {lend} {image} {initrd} /run/user && "
                    "chmod 755 /run/user /run/user/*", check=True)
        words = ["prlimit", "--memlock=unlimited", "setpriv", "--reuid=nobody", "--regid=nogroup",
                 "--clear-groups", "/run/user/lend", "run", "-m", memory,
                 "-kernel", f"/run/user/{image.name}", "-initrd", f"/run/user/{initrd.name}",
                 "-append", append, *options]
        return guest.Guest(machine, words, machine.addresses, limit=limit)
    yield start
    machine.run("rm -rf /run/user")


def test_one_command_of_a_user(machine, lend, user, peer, sha256):
    """A drive of the host, a disk and a network: README's whole machine, without root."""
    machine.run(f"{UPLINK}; chown nobody /run/disk.img; chmod 666 /dev/kvm", check=True)
    machine.run([lend, "bind", "--user", "nobody", machine.addresses[0]], check=True)
    made = user("-disk", "/run/disk.img", "-net", "user",
                "-device", f"vfio-pci,host={machine.addresses[0]}").ready()
    disk = made.ask(SERVED)
    other = "nvme0n1" if disk == "nvme1n1" else "nvme1n1"
    assert hash_of(made, disk) == sum_of(machine)
    assert hash_of(made, other) == sha256(machine.drives[0])
    made.ask(f"{DHCP} && ip link set eth0 up && udhcpc -i eth0 -n -q -s /s", 60)
    assert "10.1.2.3" in made.ask("ip addr show eth0")
    exchange(made, peer, "10.1.2.1", 120)
    # Whichever of the two dies, both are started again, and new connections work.
    for times, killed, said in ((1, "pkill -9 -f '[l]end serve net'", "was killed by signal 9"),
                                (2, "pkill -9 -x 'passt.*'", "(was killed by signal 9|ended with status 1)")):
        machine.run(killed, check=True)
        comes_back(made, said, times)
        exchange(made, peer, "10.1.2.1", 120)
    made.power_off()
    no_server_is_left(machine)
    machine.run([lend, "unbind", machine.addresses[0]], check=True)
    machine.run("ip link del up0; chmod 600 /dev/kvm", check=True)


def test_installed_debian(machine, lend, user, tmp_path):
    """docs/whole-machine.md: Debian with its own kernel, from its disk to a login, with its
    network and a drive of the host."""
    system, drive = cache.system(), machine.addresses[0]
    debian.write_disk(tmp_path / "disk.img")
    machine.run(f"{UPLINK}; cp --sparse=always {tmp_path / 'disk.img'} /run/disk.img && "
                "chown nobody /run/disk.img; chmod 666 /dev/kvm", check=True, timeout=300)
    (tmp_path / "disk.img").unlink()
    machine.run([lend, "bind", "--user", "nobody", drive], check=True)
    made = user("-disk", "/run/disk.img", "-net", "user", "-device", f"vfio-pci,host={drive}",
                image=system / "vmlinuz", initrd=system / "initrd.img", memory="512M",
                append="console=ttyS0 root=LABEL=debian quiet", limit=1200)
    console = made.command
    console.expect("lend-system login:", 600)
    console.send("root\n")
    console.expect(r"root@lend-system:~# ", 120)
    # The login is there before the network may be, and before all devices are.
    console.send("until ip -4 addr show dev $(ls /sys/class/net | grep '^e') | grep 10.1.2.3/; do sleep 1; done; "
                 "networkctl --no-pager; echo seen-$((1))\n")
    console.expect("inet 10\\.1\\.2\\.3/.*(?s:.)*seen-1", 120)
    console.send("until [ -e /dev/nvme0n1 -a -e /dev/nvme1n1 ]; do sleep 1; done; echo drives-$((2))\n")
    console.expect("drives-2", 60)
    console.send("touch /written; systemctl poweroff\n")
    assert console.wait(300).status == 0
    assert machine.run("mount -o loop,ro /run/disk.img /mnt && ls /mnt/written; umount /mnt").out != ""
    machine.run([lend, "unbind", drive], check=True)
    machine.run("ip link del up0; chmod 600 /dev/kvm", check=True)
