# SPDX-License-Identifier: MIT
"""What the machine process may still do while a guest runs: next to nothing."""

import pytest


@pytest.mark.profile("nvme")
def test_privileges_are_gone(l1, boot):
    machine = l1()
    guest = boot(machine, cpus=2)
    out = machine.run("cat /proc/$(pgrep -x lend-machine)/task/*/status",
                      check=True).out
    threads = [dict(line.split(":", 1) for line in f"Name:{text}".splitlines())
               for text in out.split("Name:")[1:]]
    assert len(threads) >= 3, "the event loop and two processors"
    for thread in threads:
        thread = {key: value.strip() for key, value in thread.items()}
        name = f"{thread['Name']} {thread['Pid']}"
        assert thread["Seccomp"] == "2", name
        assert thread["NoNewPrivs"] == "1", name
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(thread[kind], 16) == 0, f"{name}: {kind}"
    # It still works, and ends, without them.
    guest.hash()
    guest.power_off()
