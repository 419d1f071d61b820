# SPDX-License-Identifier: MIT
"""vfio-user between processes of this computer, with QEMU's own client."""

import guest


def test_client_has_the_driver(here, kernel, guest_image):
    machine = here.qemu([], guest_image(guest.INIT), kernel("lab"))
    assert machine.ask("uname -r") == kernel("lab").version.split()[0]
    machine.tell("poweroff -f")
    assert machine.wait() == 0
