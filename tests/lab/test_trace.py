# SPDX-License-Identifier: MIT
"""--trace: each part of a start with a device, and what its guest does first."""

import json

import pytest

pytestmark = pytest.mark.profile("nvme")


def test_a_start_is_traced(l1, boot):
    machine = l1()
    path = machine.results / "trace.json"
    guest = boot(machine, modules=["nvme"], options=["--trace", path])
    guest.hash()
    guest.power_off()
    events = json.loads(path.read_text())
    spans = {e["name"]: (e["ts"], e["ts"] + e["dur"]) for e in events if e["ph"] == "X"}
    marks = {e["name"]: e["ts"] for e in events if e["ph"] == "i"}
    address = machine.addresses[0]
    first = marks["first instruction of the guest"]
    for name in ("reading the command line", "looking for the unpacked kernel",
                 "checking and taking the devices", "setting up KVM and VFIO",
                 f"opening {address}", "reading the devices' config space",
                 f"resetting {address}", "making the processors", "writing the guest's tables",
                 "loading the kernel"):
        begin, end = spans[name]
        assert 0 <= begin <= end <= first, name
    assert any(n.startswith("populating guest memory") for n in spans)
    rows = {e["name"]: e["tid"] for e in events if e["ph"] == "X"}
    ahead = rows["loading the kernel"]
    assert ahead == rows["making the processors"], "beside the devices, and once"
    assert ahead not in (rows["setting up KVM and VFIO"], rows[f"opening {address}"])
    assert [e["name"] for e in events].count("loading the kernel") == 1
    assert first < marks["the guest turns its memory on"] \
        < marks["the guest takes its first interrupt"]
