# SPDX-License-Identifier: MIT
"""The zoo's reference: the same guest with the same devices on QEMU's vfio-pci."""

import pytest

import guest
from lab import cache


def on_qemu(l1, initrd, functions, append, properties, memory):
    """Express devices are behind a port, as they are on lend."""
    qemu = cache.cached_qemu()
    if not qemu:
        pytest.skip("no QEMU of backports")
    kernel = cache.kernel("lab").image
    words = [qemu, "-nodefaults", "-machine", "q35", "-accel", "kvm", "-cpu",
             "host", "-m", memory, "-display", "none", "-serial", "stdio",
             "-no-reboot", "-kernel", kernel, "-initrd", initrd,
             "-append", f"{guest.APPEND} {append}"]
    if isinstance(properties, str):
        properties = [properties] * len(functions)
    slots = {}
    for function, more in zip(functions, properties, strict=True):
        slot, number = function.host.rsplit(".", 1)
        slots.setdefault(slot, []).append((function.host + more, number))
    for index, (slot, members) in enumerate(slots.items()):
        bus, device = "pcie.0", 0x10 + index
        if not slot.startswith("0000:00:") and \
                l1.run(f"lspci -v -s {slot} | grep -q Express").ok:
            bus, device = f"port{index}", 0
            words += ["-device", f"pcie-root-port,id={bus},bus=pcie.0,"
                      f"chassis={index + 1},addr={0x10 + index:#x}"]
        for host, number in members:
            number = number if len(members) > 1 else "0"
            words += ["-device", f"vfio-pci,host={host},bus={bus},"
                      f"addr={device:#x}.{number}" +
                      (",multifunction=on" if len(members) > 1 else "")]
    return guest.Guest(l1, words, [f.host for f in functions]).ready()
