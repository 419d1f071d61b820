# SPDX-License-Identifier: MIT
"""The firmware's screen on an assigned adapter, and the keys of an assigned keyboard.

Rules: QEMU's adapters for which the firmware itself has a driver; no picture is compared
with another one, but read.
"""

import itertools

import pytest

from firmware import HOST, PROMPT, shell_disk
from lab import cache
from lab.machine import Profile
from lab.profiles import VIRTIO
from lab.screen import ALPHABET, Screen

pytestmark = pytest.mark.firmware
NVME, BOCHS, GPU, XHCI = range(4)
numbers = itertools.count()


@pytest.fixture(scope="session")
def profile(tmp_path_factory):
    """Two adapters, and a keyboard that has the keys that are typed at the first one."""
    copy = tmp_path_factory.mktemp("disks") / "disk.img"
    memtest = cache.kernel("memtest").image.parent / "boot/memtest86+x64.efi"
    copy.write_bytes(shell_disk("nvme", **{"MEMTEST.EFI": memtest.read_bytes()}).read_bytes())
    return Profile(
        **HOST, drives=(str(copy),),
        devices=("nvme,serial=lend0,drive=d0", "bochs-display,id=bochs",
                 f"virtio-gpu-pci,id=gpu{VIRTIO}",
                 "qemu-xhci,id=usb", "usb-kbd,bus=usb.0,display=bochs"))


def screen(machine, adapter):
    path = machine.results / f"screen-{next(numbers)}.ppm"
    machine.monitor.command("screendump", filename=str(path), device=adapter)
    return Screen(path)


def press(shell, key, then=""):
    """Presses a key (QEMU's name of it), and waits for what comes of it: a keyboard holds few keys."""
    shell.from_here()
    for down in True, False:
        shell.l1.monitor.command("input-send-event", device="bochs", events=[
            {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": key}}}])
    shell.sees(then)


def learned(shell, adapter):
    """The letters of the firmware's font, from a line that the shell prints."""
    shell.ask(f"echo {ALPHABET}")
    return screen(shell.l1, adapter).learn(ALPHABET)


@pytest.mark.long
@pytest.mark.parametrize("device,adapter", [(BOCHS, "bochs"), (GPU, "gpu")])
def test_screen(device, adapter, firmware):
    """What the shell says on its serial line stands on the screen, too."""
    shell = firmware(NVME, device).ready()
    letters = learned(shell, adapter)
    text = screen(shell.l1, adapter).text(letters)
    assert "\nlend-shell: ready nvme\n" in text, text
    shell.power_off()


@pytest.mark.long
def test_keyboard(firmware):
    """A command typed at the keyboard; the firmware's setup, and a start from its menu."""
    shell = firmware(NVME, BOCHS, XHCI).ready()
    letters = learned(shell, "bochs")
    for letter in "echo typed":
        press(shell, letter.replace(" ", "spc"), letter)
    press(shell, "ret", rf"\ntyped\r?\n.*{PROMPT}")
    assert "\ntyped\n" in screen(shell.l1, "bochs").text(letters)
    shell.tell("reset -c -fwui")
    shell.sees("Select Language.*Select Entry", 120)
    for key, then in (("down", "to the Device Manager"), ("down", "to the Boot Manager"),
                      ("ret", "Boot Manager Menu.*Select Entry")):
        press(shell, key, then)
    text = screen(shell.l1, "bochs").text(letters)
    assert "Boot Manager Menu" in text and "UEFI QEMU NVMe Ctrl lend0 1" in text, text
    press(shell, "ret")
    shell.ready(boots=2)
    shell.power_off()


@pytest.mark.long
def test_memtest(firmware):
    """A program that draws the screen by itself, and has a driver of its own for the keyboard."""
    shell = firmware(NVME, BOCHS, XHCI, options=("-no-reboot",)).ready()
    shell.tell("fs0:memtest.efi console=ttyS0,115200")
    shell.sees(r"Memtest86\+ v\d", 240)
    shell.sees(r"#\d  \[", 60)
    drawn = screen(shell.l1, "bochs").colours()
    (blue, points), *_ = drawn.most_common()
    assert blue == (0, 0, 170) and points > sum(drawn.values()) // 2
    assert "Errors: 0 " in shell.out
    press(shell, "esc")
    shell.ended(0, 120)
