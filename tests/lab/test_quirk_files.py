# SPDX-License-Identifier: MIT
"""A user's rules in /etc/lend/quirks.d: what they do to a real device, and bad ones."""

import json
import shlex

import pytest

from bare import Bare, found, image, slot  # noqa: F401, a fixture
from lab import cache
from test_take import NVME, Host

pytestmark = pytest.mark.profile("edu")

FILE = "/etc/lend/quirks.d/50-test.json"
RULE = [{
    "match": {"vendor": "1234", "device": "11e8"},
    "forbid_intx": True, "deny_capabilities": ["0x05"],
    "trap": [{"bar": 0, "offset": "0x80", "length": "0x20"}],
}]
SAYS = ("50-test.json, rule 1: no INTx, no capability 05, "
        "BAR 0 trapped at 0x80+0x20")


BROKEN = [{
    "match": {"vendor": "1b36", "device": "0010"},
    "broken_resets": ["flr", "bus"],
}]


@pytest.fixture
def words(l1, lend, image):  # noqa: F811
    """words(text): the command line, with those rules in place."""
    machine = l1()

    def make(text):
        machine.run("mkdir -p /etc/lend/quirks.d", check=True)
        machine.put(FILE, text.encode())
        return [lend, "run", "-v", "-m", "128M", "-kernel", image, "-append",
                "", "-serial", "stdio", "-device",
                f"vfio-pci,host={machine.addresses[0]},x-allow-unreset=on"]
    yield make
    machine.run(f"rm -f {FILE}", check=True)


def test_a_rule_for_a_device(l1, words):
    machine = l1()
    g = Bare(machine, words(json.dumps(RULE)), machine.addresses).ready()
    assert g.command.err.count(f"{machine.addresses[0]}: {SAYS}\n") == 1
    # No pin, no MSI; the rest of the device works.
    assert g.value(f"cfg {slot(1)} 0x3d 1") == 0
    ids, kind, bars, caps = found(g.ask("scan"))[slot(1)]
    assert caps == set(), caps
    g.ask(f"cfgw {slot(1)} 4 2 2")
    assert g.value(f"bar {slot(1)} 0 4 4") is not None
    g.ask(f"bar {slot(1)} 0 4 4 0x12345678")
    assert g.value(f"bar {slot(1)} 0 4 4") == 0xedcba987
    result = g.power_off()
    assert "a file of rules asks for it" in result.err
    assert "0x1000" in result.err


def test_a_bad_file_refuses(l1, words):
    machine = l1()
    bad = json.dumps(RULE).replace("forbid_intx", "forbid-intx")
    line = shlex.join(str(w) for w in words(bad))
    result = machine.run(f"{cache.LAB}/bind {machine.addresses[0]} vfio-pci "
                         f"&& exec {line}", timeout=60)
    assert result.status == 1
    assert f"{FILE}, rule 1: there is no key 'forbid-intx'" in result.err
    assert result.err.count("forbid-intx") == 1


@pytest.mark.profile("host-plain")
@pytest.mark.xdist_group("host-plain")
def test_a_broken_reset_is_told_before_the_device_is_taken(l1, lend, image):  # noqa: F811
    """lend check and lend run, which leaves the device with its driver all the time."""
    host = Host(l1(), lend)
    line = (f"{lend} run -m 128M -kernel {image} -append '' -serial none "
            f"-device vfio-pci,managed=on,host={NVME}")
    node = host.sh("stat -c %i /dev/nvme0n1")
    host.l1.run("mkdir -p /etc/lend/quirks.d", check=True)
    host.l1.put(FILE, json.dumps(BROKEN).encode())
    try:
        rows = json.loads(host.l1.run(f"{lend} check --json {NVME}").out)["checks"]
        reset, = [row for row in rows if row["topic"] == "reset"]
        refused = host.l1.run(line, timeout=60)
    finally:
        host.l1.run(f"rm -f {FILE}", check=True)
    assert reset["verdict"] == "failed"
    assert reset["text"].endswith(
        "; 50-test.json, rule 1 says that a reset by flr is broken"
        "; 50-test.json, rule 1 says that a reset by bus is broken")
    assert refused.status == 1
    assert refused.err.strip() == f"lend: {NVME}: {reset['text']}; {reset['advice']}"
    assert host.sh("stat -c %i /dev/nvme0n1") == node
    host.untouched(NVME, "nvme")
