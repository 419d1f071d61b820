# SPDX-License-Identifier: MIT
"""The config space that a guest sees, against the host's at the same moment.

Rules: a bit that differs and is named by no entry of ALLOWED is an error. An
entry names an offset in the header or in a capability, a mask, and a rule for
the bits under it; what the rule forbids is an error too. Both sides are kept
as `lspci -vvv -xxxx` shows them, next to each other.
"""

import base64
import gzip
import subprocess

HEADER = "header"
HIDDEN = {  # extended ids that a guest does not see, and why
    0x0000: "the kernel hid it", 0x000e: "ARI", 0x000f: "ATS", 0x0010: "SR-IOV"}
EXPRESS, MSI, MSIX, POWER = "cap 10", "cap 05", "cap 11", "cap 01"


def from_text(text):
    return gzip.decompress(base64.b64decode(text))


# Rules: given what the host has, what the guest sees (both under the mask) and
# the mask; true when that may be.

def own(_has, _seen, _mask):
    """The guest's own: it has a register there, and the host another one."""
    return True


def zero(_has, seen, _mask):
    return seen == 0


ALLOWED = (
    # where, offset, width, mask, rule, why
    (HEADER, 0x04, 2, 0x0400, own, "VFIO masks a line while it is pending"),
    (HEADER, 0x06, 2, 0x0008, own, "the line's state moves between two looks"),
    (HEADER, 0x0e, 1, 0x80, own, "alone in the guest, or with its siblings"),
    (HEADER, 0x30, 4, 0xfffff801, own, "the ROM's address, if it is shown"),
    (HEADER, 0x3c, 1, 0xff, own, "interrupt line: a note of the system's to itself"),
    (MSI, 2, 2, 0x0071, own, "on or off, and how many vectors"),
    (MSI, 4, 20, None, own, "message and masks are the guest's"),
    (MSIX, 2, 2, 0xc000, own, "on or off, function mask"),
)


def _u(config, at, width):
    return int.from_bytes(config[at:at + width], "little")


def capabilities(config):
    """{offset: (name, id, next)} of both chains."""
    found, at = {}, _u(config, 0x34, 1) & 0xfc
    if not _u(config, 6, 2) & 0x10:
        at = 0
    while at and at not in found:
        found[at] = f"cap {config[at]:02x}", config[at], config[at + 1] & 0xfc
        at = found[at][2]
    at = 0x100 if len(config) > 256 and _u(config, 0x100, 4) else 0
    while at and at not in found:
        header = _u(config, at, 4)
        found[at] = f"ext {header & 0xffff:04x}", header & 0xffff, header >> 20
        at = header >> 20
    return found


def bars(config):
    """An entry for each BAR: the address is the guest's, the kind is the device's."""
    above = False
    for offset in range(0x10, 0x28, 4):
        low = _u(config, offset, 4)
        mask = 0xffffffff if above else 0xfffffffc if low & 1 else 0xfffffff0
        yield HEADER, offset, 4, mask, own, "a BAR's address"
        above = not above and low & 7 == 4


def hidden(caps):
    """What is hidden leads nowhere; its body nobody looks for."""
    for at, (name, number, _) in caps.items():
        if name.startswith("ext") and number in HIDDEN:
            yield name, 0, 4, 0xfff00000, zero, "the next of a hidden one"


def _places(caps, where):
    return [0] if where == HEADER else [a for a, c in caps.items() if c[0] == where]


def _length(config, at, name, width):
    """MSI ends where its control says: without 64 bits and masks sooner."""
    if name != MSI or width < 20:
        return width
    control = _u(config, at + 2, 2)
    return 4 + (4 if control & 0x80 else 0) + 2 + (10 if control & 0x100 else 0)


def _allow(has, seen, caps, entries, problems):
    """The bits that may differ, a byte each."""
    bits = bytearray(len(has))
    for where, offset, width, mask, rule, why in entries:
        for at in _places(caps, where):
            width = _length(has, at, where, width)
            allowed = (1 << 8 * width) - 1 if mask is None else mask
            first = at + offset
            pair = [_u(c, first, width) & allowed for c in (has, seen)]
            if pair[0] != pair[1] and not rule(*pair, allowed):
                problems.append(f"{first:#05x}: {why}: {rule.__name__} does not"
                                f" hold: {pair[0]:#x}, in the guest {pair[1]:#x}")
            for n, byte in enumerate(allowed.to_bytes(width, "little")):
                bits[first + n] |= byte
    return bits


def chain(has, caps):
    """The extended headers as they are without the hidden ones: {offset: header}."""
    kept = [a for a, c in caps.items() if a >= 0x100 and c[1] not in HIDDEN]
    headers = {}
    for at, following in zip(kept, kept[1:] + [0]):
        headers[at] = _u(has, at, 4) & 0xfffff | following << 20
    if 0x100 in caps and 0x100 not in headers:
        headers[0x100] = kept[0] << 20 if kept else 0
    return headers


def differences(has, seen, entries=ALLOWED):
    """What is not as it should be, a line each."""
    if len(has) != len(seen):
        return [f"{len(seen)} bytes, not {len(has)}"]
    problems = []
    caps = capabilities(has)
    bits = _allow(has, seen, caps, (*entries, *bars(has), *hidden(caps)), problems)
    want = bytearray(has)
    for at, header in chain(has, caps).items():
        want[at:at + 4] = header.to_bytes(4, "little")
    starts = sorted([0, *caps])
    for at, (a, b, may) in enumerate(zip(want, seen, bits)):
        if (a ^ b) & ~may:
            start = max(s for s in starts if s <= at)
            name = caps[start][0] if start in caps else HEADER
            problems.append(f"{at:#05x} ({name} + {at - start:#x}): {a:#04x}, in "
                            f"the guest {b:#04x}, may differ {may:#04x}")
    return problems


# As lspci shows it

def dump(address, config):
    """In the form that lspci reads."""
    lines = [f"{address} a function"]
    for at in range(0, len(config), 16):
        lines.append(f"{at:02x}: " + config[at:at + 16].hex(" "))
    return "\n".join(lines) + "\n\n"


def lspci(address, config, path):
    """Writes what lspci -vvv -xxxx has to say of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = path.with_suffix(".dump")
    raw.write_text(dump(address, config))
    out = subprocess.run(["lspci", "-F", raw, "-vvv", "-nn", "-xxxx"], check=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         text=True)
    raw.unlink()
    path.write_text(out.stdout)
    return out.stdout


def names(function, has):
    """A virtual function has no ids of its own; the kernel knows them."""
    ids = [int(n, 16) for n in function.ids]

    def right(_has, seen, _mask):
        return seen == ids[0] | ids[1] << 16
    if _u(has, 0, 4) == 0xffffffff:
        yield HEADER, 0, 4, 0xffffffff, right, "the ids of a virtual function"
        yield HEADER, 4, 2, 0x2, own, "it has no memory enable of its own"
        yield HEADER, 0x10, 24, None, own, "its BARs are in its parent's SR-IOV"


def compare(function, has, seen, folder):
    """Of one function of a guest that runs."""
    name = function.host.replace(":", "-")
    lspci(function.host, has, folder / f"{name}.host.txt")
    lspci(function.guest, seen, folder / f"{name}.guest.txt")
    problems = differences(has, seen, (*ALLOWED, *names(function, has)))
    assert not problems, f"{function.host}, in the guest {function.guest}: config " \
        f"space (both in {folder}):\n" + "\n".join(problems)
