# SPDX-License-Identifier: MIT
"""UEFI firmware starts what is on a device: Debian's ovmf of three releases."""

import pytest

from firmware import HOST, LINUX, RELEASES, images, linux_disk, shell_disk
from guest import INIT, Guest
from lab.machine import Profile
from lab.profiles import VIRTIO

pytestmark = pytest.mark.firmware
GUID = "6c656e64-0000-4000-8000-000000000001"
VARIABLE = f"LendTest -guid {GUID}"
EFIVAR = f"/sys/firmware/efi/efivars/LendTest-{GUID}"
NVME, SECOND, AHCI, XHCI, BLK = range(5)


@pytest.fixture(scope="session")
def profile(tmp_path_factory):
    """A host with a shell disk behind each kind of controller. The shell may write to them."""
    drives = []
    for name in ("nvme", "second", "ahci", "xhci", "blk"):
        copy = tmp_path_factory.mktemp("disks") / "disk.img"
        copy.write_bytes(shell_disk(name).read_bytes())
        drives.append(str(copy))
    return Profile(
        **HOST, drives=tuple(drives),
        devices=("nvme,serial=lend0,drive=d0", "nvme,serial=lend1,drive=d1",
                 "ich9-ahci,id=ahci", "ide-hd,bus=ahci.0,drive=d2",
                 "qemu-xhci,id=usb", "usb-storage,bus=usb.0,drive=d3",
                 f"virtio-blk-pci,drive=d4{VIRTIO}"))


@pytest.mark.parametrize("release", [
    "trixie", pytest.param("bookworm", marks=pytest.mark.long),
    pytest.param("sid", marks=pytest.mark.long)])
def test_shell_from_nvme(release, firmware):
    shell = firmware(NVME, release=release).ready()
    shell.power_off()
    counts = shell.stats
    assert counts["end"] == "poweroff" and counts["reboots"] == 0


@pytest.mark.long
@pytest.mark.parametrize("device,name", [(AHCI, "ahci"), (XHCI, "xhci"), (BLK, "blk")])
def test_shell_from_other_controllers(device, name, firmware):
    firmware(device).ready(name).power_off()


@pytest.mark.long
def test_shell_from_a_served_disk(l1, profile, firmware):
    """`-disk` is a drive for firmware, too."""
    machine = l1(profile)
    machine.run(f"cp {shell_disk('second')} /run/served.img", check=True)
    firmware(options=("-disk", "/run/served.img,bootindex=0")).ready("second").power_off()
    machine.run("rm /run/served.img", check=True)


@pytest.mark.long
def test_variables_outlive_the_machine(firmware):
    first = firmware(NVME).ready()
    first.tell(f"setvar {VARIABLE} -nv -bs =0x11223344")
    first.tell(f"setvar {VARIABLE}")
    first.sees(r"0004 Bytes\s+44 33 22 11")
    first.power_off()
    second = firmware(NVME, store=first.store).ready()
    second.tell(f"setvar {VARIABLE}")
    second.sees(r"0004 Bytes\s+44 33 22 11")
    second.power_off()
    third = firmware(NVME).ready() # another store
    third.tell(f"setvar {VARIABLE}")
    third.sees(r"not found|Unable")
    third.power_off()


@pytest.mark.long
def test_resets_from_the_shell(firmware):
    shell = firmware(NVME).ready()
    shell.tell(f"setvar {VARIABLE} -nv -bs =0x55")
    for boots, kind in ((2, "-c"), (3, "-w")):
        shell.tell(f"reset {kind}")
        shell.ready(boots=boots)
        shell.tell(f"setvar {VARIABLE}")
        shell.sees(r"0001 Bytes\s+55")
    shell.power_off()
    assert shell.stats["reboots"] == 2
    once = firmware(NVME, options=("-no-reboot",)).ready()
    once.tell("reset -c")
    once.ended(0)


@pytest.mark.long
@pytest.mark.parametrize("order,name", [((0, 1), "nvme"), ((1, 0), "second")])
def test_boot_order(order, name, firmware):
    shell = firmware(NVME, SECOND,
                     properties=[f",bootindex={index}" for index in order]).ready(name)
    shell.power_off()


@pytest.fixture(scope="session")
def linux_host(tmp_path_factory, kernel, guest_image):
    """A host whose drive has a stock kernel as an EFI program, and the lab's own guest."""
    path = tmp_path_factory.mktemp("linux") / "disk.img"
    initrd = guest_image(INIT, "stock", ("nvme", "efivarfs", "button", "evdev", "rtc-cmos", "qemu_fw_cfg"))
    linux_disk(path, kernel("stock"), initrd)
    return Profile(**LINUX, drives=(str(path),), devices=("nvme,serial=lend0,drive=d0",))


@pytest.mark.long
def test_linux_finds_the_chips_of_a_pc(firmware, linux_host, sha256):
    """ACPI with fixed hardware, the clock, variables, a file of the user's, a reboot through the
    firmware, and the power button."""
    text = "a greeting, with a comma, = and more"
    made = firmware(0, host=linux_host, kind=Guest, memory="512M",
                    options=("-c", "2", "-fw-cfg", f"name=opt/org.lend/greeting,string={text}"))
    made.ready(150)
    assert made.hash() == sha256(made.l1.drives[0])
    assert made.ask("nproc") == "2"
    assert "acpi" in made.ask("grep ' 9-fasteoi' /proc/interrupts")
    assert made.ask("dmesg | grep -iE 'ACPI.*(error|warning)|firmware bug' || :") == ""
    made.ask("mount -t efivarfs none /sys/firmware/efi/efivars")
    made.ask(f"printf '\\7\\0\\0\\0lend' >{EFIVAR}")
    assert made.ask("cat /sys/firmware/qemu_fw_cfg/by_name/opt/org.lend/greeting/raw") == text
    # Seconds since 1970 by the clock at 0x70, in UTC, and by the system that was set by it.
    clock, system = made.ask("cat /sys/class/rtc/rtc0/since_epoch; date +%s").split()
    assert abs(int(clock) - int(system)) <= 2
    made.reboot(150)
    made.ask("mount -t efivarfs none /sys/firmware/efi/efivars")
    assert made.ask(f"tail -c 4 {EFIVAR}") == "lend"
    made.ask("wait_for /dev/input/event0; exec 3</dev/input/event0")
    made.l1.run(["kill", "-TERM", str(made.keeper)], check=True)
    assert made.ask("head -c 48 <&3 | wc -c").strip() == "48"
    made.power_off()


@pytest.mark.long
def test_twenty_reboots(firmware, linux_host, sha256):
    """Each through the firmware, which finds the drive again, as the kernel does after it."""
    made = firmware(0, host=linux_host, kind=Guest, memory="512M", limit=3600)
    made.ready(150)
    expected = sha256(made.l1.drives[0])
    for _ in range(20):
        assert made.hash() == expected
        made.reboot(300)
    assert made.hash() == expected
    made.power_off()
    assert made.stats["reboots"] == 20


@pytest.mark.long
def test_clock_begins_where_it_is_told(firmware):
    shell = firmware(NVME, options=("-rtc", "base=2031-05-06T07:08:09")).ready()
    shell.tell("date")
    shell.sees(r"05/06/2031")
    shell.tell("date 02/28/2032")
    shell.tell("time 23:59:55")
    shell.tell("stall 6000000")
    shell.tell("date")
    shell.sees(r"02/29/2032")
    shell.power_off()


@pytest.mark.long
@pytest.mark.parametrize("release", RELEASES)
def test_build_with_secure_boot_by_another_name(release, l1, lend, profile):
    """Its name does not tell, and it would never end: what it asks the chipset for does."""
    machine = l1(profile)
    code = f"/tmp/renamed-{release}.fd"
    machine.run(f"cp {images(release)}/OVMF/OVMF_CODE_4M.secboot.fd {code}", check=True)
    done = machine.run(f"{lend} run -firmware {code},vars=none -serial none </dev/null", timeout=100)
    assert done.status == 1
    assert f"the firmware {code} needs a mode of the processor (SMM)" in done.err
