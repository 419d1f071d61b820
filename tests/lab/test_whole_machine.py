# SPDX-License-Identifier: MIT
"""`lend run -disk` beside an assigned drive, started by a user without root: the servers
come and go with the machine, and a killed one is started again under the guest's I/O."""

import pytest

pytestmark = pytest.mark.profile("nvme")

# The disk whose model is that of a served one.
SERVED = "for d in /sys/block/nvme*n1; do grep -q lend $d/device/model && basename $d; done; :"


@pytest.fixture
def machine(l1):
    made = l1()
    made.run("head -c 33554432 /dev/urandom >/run/disk.img", check=True)
    yield made
    made.run("rm -f /run/disk.img", check=True)


def hash_of(guest, disk):
    return guest.ask(f"wait_for /dev/{disk}; diskio hash /dev/{disk} --depth 8").split()[-1]


def sum_of(machine):
    return machine.run("sha256sum /run/disk.img", check=True).out.split()[0]


def no_server_is_left(machine):
    assert machine.run("pgrep -f '[l]end serve'").out == ""


def test_disk_beside_an_assigned_drive(machine, boot, sha256):
    guest = boot(machine, options=["-disk", "/run/disk.img"])
    disk = guest.ask(SERVED)
    other = "nvme0n1" if disk == "nvme1n1" else "nvme1n1"
    assert hash_of(guest, disk) == sum_of(machine)
    assert hash_of(guest, other) == sha256(machine.drives[0])
    assert "verified" in guest.ask(f"diskio fill /dev/{disk} --seed 3 --depth 32", 120)
    after = hash_of(guest, disk)
    guest.reboot(90)
    assert hash_of(guest, guest.ask(SERVED)) == after
    guest.power_off()
    assert sum_of(machine) == after
    no_server_is_left(machine)


def test_server_is_killed_under_io(machine, boot):
    guest = boot(machine, options=["-disk", "/run/disk.img"], limit=300)
    disk = guest.ask(SERVED)
    guest.tell(f"diskio fill /dev/{disk} --seed 5 --depth 32")
    machine.run("pkill -9 -f '[l]end serve nvme'", check=True)
    guest.command.expect("-disk: its server was killed by signal 9.*started again", 20)
    out, status = guest.told(200)
    assert status == 0 and "verified" in out, out
    assert hash_of(guest, disk) != ""
    guest.power_off()
    no_server_is_left(machine)


def test_an_image_that_is_not_there(machine, boot):
    guest = boot(machine, options=["-disk", "/run/none.img"], wait=False)
    assert guest.command.wait(60).status == 1
    assert "/run/none.img" in guest.command.err
    assert "-disk: its server did not start; it said why" in guest.command.err
    no_server_is_left(machine)
