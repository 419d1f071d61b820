# SPDX-License-Identifier: MIT
"""The zoo's reference: the same guest with the same devices on QEMU's vfio-pci."""

import pytest

import guest
from lab import cache


def machine(qemu, image, append, memory):
    """A q35 with the zoo's guest and no device."""
    return [qemu, "-nodefaults", "-machine", "q35", "-accel", "kvm", "-cpu",
            "host", "-m", memory, "-display", "none", "-serial", "stdio",
            "-no-reboot", "-kernel", cache.kernel("lab").image, "-initrd", image,
            "-append", f"{guest.APPEND} {append}"]


def port(l1, slot, index):
    """An Express device is behind a port, as it is on lend. Returns QEMU's words for
    that port, and the bus and the slot of the device."""
    if slot.startswith("0000:00:") or not l1.run(f"lspci -v -s {slot} | grep -q Express").ok:
        return [], "pcie.0", 0x10 + index
    bus = f"port{index}"
    return ["-device", f"pcie-root-port,id={bus},bus=pcie.0,"
            f"chassis={index + 1},addr={0x10 + index:#x}"], bus, 0


def on_qemu(l1, initrd, functions, append, properties, memory):
    qemu = cache.cached_qemu()
    if not qemu:
        pytest.skip("no QEMU of backports")
    words = machine(qemu, initrd, append, memory)
    if isinstance(properties, str):
        properties = [properties] * len(functions)
    slots = {}
    for function, more in zip(functions, properties, strict=True):
        slot, number = function.host.rsplit(".", 1)
        slots.setdefault(slot, []).append((function.host + more, number))
    for index, (slot, members) in enumerate(slots.items()):
        more, bus, device = port(l1, slot, index)
        words += more
        for host, number in members:
            number = number if len(members) > 1 else "0"
            words += ["-device", f"vfio-pci,host={host},bus={bus},"
                      f"addr={device:#x}.{number}" +
                      (",multifunction=on" if len(members) > 1 else "")]
    return guest.Guest(l1, words, [f.host for f in functions]).ready()
