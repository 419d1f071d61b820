# SPDX-License-Identifier: MIT
"""The comparison of config spaces itself: it finds what it has to find."""

import pytest

import zoo_config as c

MSI, MSIX, EXPRESS = 0x50, 0x70, 0x80
AER, ARI, SRIOV, DSN = 0x100, 0x140, 0x150, 0x1a0


def space():
    config = bytearray(4096)

    def put(at, text):
        data = bytes.fromhex(text)
        config[at:at + len(data)] = data

    put(0, "86 80 d3 10 06 05 10 00 01 00 00 02 00 00 00 00")
    put(0x10, "00 00 60 fe 0c 00 00 00 c0 00 00 00 01 d0 00 00")  # 32, 64, ports
    put(0x34, "50")
    put(0x3c, "0b 01")
    put(MSI, "05 70 80 00" + "00" * 10)
    put(EXPRESS, "10 00 02 00")
    put(MSIX, "11 80 04 80 03 00 00 00 03 20 00 00")
    for at, number, following in ((AER, 1, ARI), (ARI, 0xe, SRIOV),
                                  (SRIOV, 0x10, DSN), (DSN, 3, 0)):
        put(at, (number | 1 << 16 | following << 20).to_bytes(4, "little").hex())
    return config


def guests():
    """What a guest sees of it: two are hidden, and lead nowhere."""
    config = space()
    for at, number, following in ((AER, 1, DSN), (ARI, 0xe, 0), (SRIOV, 0x10, 0)):
        header = number | 1 << 16 | following << 20
        config[at:at + 4] = header.to_bytes(4, "little")
    return config


def test_what_a_guest_sees_is_right():
    assert c.differences(space(), guests()) == []


@pytest.mark.parametrize("at, mask", [
    (0x07, 0xff), (0x08, 0xff), (0x10, 0x0f), (0x14, 0x0f), (0x1c, 0x03),
    (0x2c, 0xff), (0x34, 0xff), (0x3d, 0xff), (MSI + 1, 0xff), (MSI + 2, 0x8e),
    (MSI + 14, 0xff), (MSIX + 2, 0xff), (MSIX + 4, 0xff), (AER + 4, 0xff),
    (AER, 0xff), (ARI + 4, 0xff), (ARI + 3, 0xff), (SRIOV, 0xff), (0xfff, 0xff)])
def test_no_other_bit_may_differ(at, mask):
    for bit in (1 << n for n in range(8) if mask & 1 << n):
        config = guests()
        config[at] ^= bit
        assert c.differences(space(), config), f"bit {bit:#x} at {at:#x}"


def test_headers_that_are_still_linked_are_found():
    config = guests()
    config[AER:AER + 4] = space()[AER:AER + 4]
    assert c.differences(space(), config)


@pytest.mark.parametrize("at, mask", [
    (0x11, 0xff), (0x17, 0xff), (0x1b, 0xff), (0x1d, 0xff), (0x3c, 0xff),
    (MSI + 4, 0xff), (MSIX + 3, 0xc0)])
def test_what_is_the_guests_own_may_differ(at, mask):
    config = guests()
    config[at] ^= mask
    assert c.differences(space(), config) == []


def test_a_shorter_space_is_found():
    assert c.differences(space(), guests()[:256])


def test_lspci_reads_what_is_kept(tmp_path):
    text = c.lspci("0000:01:00.0", bytes(guests()), tmp_path / "x.txt")
    assert "MSI-X: Enable+ Count=5" in text and "Device Serial Number" in text
    assert "Alternative Routing" not in text
