# SPDX-License-Identifier: MIT
"""Once a device is set up, lend's code does not run any more."""

import pytest

pytestmark = pytest.mark.profile("nvme")
READS = 1000


def exits_of_reads(guest):
    """Exits to user space while a guest makes READS reads, one at a time.

    Nothing is said over the serial line meanwhile, whose exits are not meant.
    """
    guest.ask("wait_for /dev/nvme0n1")
    guest.tell("until [ -e /tmp/stop ]; do"
               " diskio read /dev/nvme0n1 -n 500 >/dev/null; done")
    start = guest.drive_reads()
    while guest.drive_reads() < start + 200:
        assert guest.command.running
    before, at = guest.exits(), guest.drive_reads()
    while (done := guest.drive_reads()) < at + READS:
        assert guest.command.running
    return guest.exits() - before, done - at


def test_no_exit_for_a_request(l1, boot):
    guest = boot(l1())
    exits, done = exits_of_reads(guest)
    guest.kill()
    assert exits == 0, f"{exits} exits for {done} reads"


def test_exits_are_seen_where_they_are(l1, boot):
    """The measurement itself: with every access trapped there are many."""
    guest = boot(l1(), properties=",x-no-mmap=on")
    exits, done = exits_of_reads(guest)
    guest.kill()
    assert exits >= 2 * READS, f"{exits} exits for {done} reads"
