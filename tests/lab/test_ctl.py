# SPDX-License-Identifier: MIT
"""A person's commands to a machine that runs: lend ps, lend ctl."""

import json
import re

import pytest

from lab import cache

from test_endings import ON_BUTTON

pytestmark = pytest.mark.profile("two-nvme")

FIRST, SECOND = "0000:01:00.0", "0000:02:00.0"


@pytest.fixture
def machine(l1, boot, lend):
    """(L1, its guest with one drive, and what calls lend in L1)."""
    host = l1()
    guest = boot(host, devices=[FIRST], options=["-name", "db", "-ports", "1"])

    def call(*words, status=0):
        done = host.run([lend, *words], timeout=90)
        assert done.status == status, done.out + done.err
        return done.err if status else done.out

    return host, guest, call


def test_machine_is_asked_and_told(machine, lend):
    host, guest, call = machine
    shown = call("ps").splitlines()
    assert len(shown) == 2 and re.match(r"db +\d+ +00:\d\d:\d\d +/run/lend/db/qmp +" + FIRST, shown[1])
    entry, = json.loads(call("ps", "--json"))
    assert entry["name"] == "db" and entry["devices"] == [FIRST]
    assert re.search(r"status +running\nname +db\n", call("ctl", "db", "status"))
    assert FIRST in call("ctl", "db", "devices")
    assert re.search(rf"{FIRST}: config space \d+ reads", call("ctl", "/run/lend/db/qmp", "counters"))
    call("ctl", "db", "stop")
    assert "paused" in call("ctl", "db", "status")
    call("ctl", "db", "cont")
    assert guest.ask("echo goes on") == "goes on"
    assert "the nearest is 'db'" in call("ctl", "dbx", "status", status=1)
    events = host.start([lend, "ctl", "db", "events"])
    guest.ask(ON_BUTTON)
    assert call("ctl", "db", "powerdown") == "powerdown: the guest has switched itself off\n"
    guest.ended(0)
    told = events.wait(30)
    assert told.status == 0 and re.search(r" POWERDOWN\n.* SHUTDOWN guest=true", told.out)
    assert call("ps").splitlines()[1:] == []


def test_device_comes_and_goes(machine, sha256):
    host, guest, call = machine
    host.run([cache.LAB / "bind", SECOND, "vfio-pci"], check=True)
    assert call("ctl", "db", "add", f"vfio-pci,host={SECOND},id=second") == "second: the guest uses it\n"
    guest.ask("wait_for /dev/nvme1n1")
    assert guest.ask("sha256sum </dev/nvme1n1").split()[0] == sha256(host.drives[1])
    assert "second" in call("ctl", "db", "devices")
    assert "already" in call("ctl", "db", "add", f"vfio-pci,host={SECOND},id=third", status=1)
    assert call("ctl", "db", "remove", "second") == "second: it is out of the guest\n"
    assert guest.ask("ls /dev/nvme1n1 2>/dev/null || echo gone") == "gone"
    # And by force, without a name of the user's.
    name = call("ctl", "db", "add", SECOND).split(":")[0]
    guest.ask("wait_for /dev/nvme1n1")
    assert call("ctl", "--force", "db", "remove", name) == f"{name}: it is out of the guest\n"
    guest.ask("until ! test -e /dev/nvme1n1; do usleep 20000; done")
    assert guest.hash() == sha256(host.drives[0])
    guest.power_off()
