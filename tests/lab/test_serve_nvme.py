# SPDX-License-Identifier: MIT
"""lend serve nvme behind QEMU's own vfio-user client, on this computer: Linux's
driver in the guest, and the image behind the disk agrees with what it read and
wrote."""

import hashlib
import os
import re
import signal
import subprocess
from pathlib import Path

import guest as guests
import pytest

from lab.patience import patient

SIZE = 16 << 20
ROOT = Path(__file__).resolve().parents[2]
READS = ROOT / "build/bench/nvme-reads"
# Seconds until Linux looks why a command is not complete. No honest one takes as long on a busy computer.
IO_TIMEOUT = 15


@pytest.fixture
def image(here):
    path = here.folder / "disk.img"
    path.write_bytes(os.urandom(SIZE))
    yield path
    path.unlink()


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def start(here, kernel, guest_image):
    def make(image, *words, cpus=2, **options):
        server = here.serve("nvme", image, *words)
        client = here.qemu([server.socket], guest_image(guests.INIT), kernel("lab"),
                           words=["-smp", str(cpus)], **options)
        client.ask("wait_for /dev/nvme0n1")
        return server, client
    return make


def hash_of(client, depth=32):
    return client.ask(f"diskio hash /dev/nvme0n1 --depth {depth}", 180)


def interrupts(client):
    """The vectors that were used, and how often each."""
    lines = client.ask("grep nvme0 /proc/interrupts").splitlines()
    return {line.split()[-1]: sum(map(int, line.split()[1:3])) for line in lines}


def test_disk_reads_and_writes_right(start, image):
    server, client = start(image, "--serial", "lend 20")
    assert hash_of(client) == digest(image)
    said = client.ask("diskio fill /dev/nvme0n1 --seed 20 --depth 32", 240)
    assert said == f"verified {SIZE} bytes"
    client.ask("sync; diskio pin 0 /dev/nvme0n1 -n 16; diskio pin 1 /dev/nvme0n1 -n 16")
    assert client.ask("cat /sys/class/nvme/nvme0/serial") == "lend 20"
    assert client.ask("cat /sys/class/nvme/nvme0/state") == "live"
    assert client.ask("cat /sys/block/nvme0n1/queue/write_cache") == "write back"
    used = interrupts(client)
    assert used["nvme0q0"] and used["nvme0q1"] and used["nvme0q2"], used
    assert server.private_kib() <= 2048
    assert hash_of(client) == digest(image)
    # The driver says goodbye: a flush, and the shutdown of the controller.
    client.tell("poweroff -f")
    assert client.wait() == 0
    server.kill()
    assert server.wait() == 0
    assert server.out.count("\n") == 1, server.out


def messages(image, lend, turns, trace):
    """Sent on the socket of a server and our own driver, which reads 32 blocks at a time; the
    doorbells that it wrote, and how many reads in a row went without one."""
    out = subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=sendmsg,sendto", "-e", "signal=none",
         "-o", trace, READS, lend, image, str(turns), "640", "32"],
        capture_output=True, text=True, timeout=patient(60), check=True).stdout
    doorbells = sum(map(int, re.findall(r"(\d+) doorbells", out)))
    quiet = [int(n) for n in re.findall(r"none in (\d+) in a row", out)]
    return len(re.findall(r"send(?:msg|to)\(", trace.read_text())), doorbells, quiet


def test_no_message_for_a_command(here, image, lend):
    """Every message beyond the set-up is a doorbell, and a driver that keeps the disk busy
    writes none: neither side needs a system call to tell the other of a command. On a busy computer
    each of them loses its processor now and then; so many reads in a row are several full queues."""
    subprocess.run([ROOT / "bench/nvme", "1", "1", "32"], check=True,
                   env={**os.environ, "IMAGE": str(image)}, timeout=patient(120))
    few, few_doorbells, _ = messages(image, lend, 1, here.folder / "few")
    many, many_doorbells, quiet = messages(image, lend, 100, here.folder / "many")
    assert many - few == many_doorbells - few_doorbells
    assert len(quiet) == 2 and min(quiet) >= 4 * 32, quiet


def test_reset_by_the_driver(start, image):
    _, client = start(image)
    for _ in range(3):
        client.ask("diskio hash /dev/nvme0n1 --depth 8 >/tmp/h & "
                   "echo 1 >/sys/class/nvme/nvme0/reset_controller && wait $!", 120)
        assert client.ask("cat /tmp/h") == digest(image)


def test_function_level_reset(start, image):
    _, client = start(image)
    client.ask("echo 1 >/sys/class/nvme/nvme0/device/reset", 120)
    assert hash_of(client) == digest(image)


def test_line_interrupt(start, image):
    _, client = start(image, append="pci=nomsi")
    assert "nvme0q0" in client.ask("cat /proc/interrupts")
    assert hash_of(client) == digest(image)


@pytest.mark.parametrize("append", ["", "pci=nomsi"], ids=["vectors", "line"])
def test_memory_by_messages(start, image, append):
    """A client that does not share its memory is served, too."""
    _, client = start(image, cpus=1, shared=False, append=append)
    assert client.ask("diskio fill /dev/nvme0n1 --seed 21 --depth 4", 300) == f"verified {SIZE} bytes"
    assert hash_of(client, 4) == digest(image)


def test_readonly(start, image, here, lend):
    _, client = start(image, "--readonly")
    assert client.ask("cat /sys/block/nvme0n1/ro") == "1"
    client.tell("dd if=/dev/zero of=/dev/nvme0n1 bs=4096 count=1 2>/dev/null; echo $?")
    assert client.told()[0] != "0"
    assert hash_of(client) == digest(image)
    # Readers share an image; a writer does not.
    here.serve("nvme", image, "--readonly")
    refused = subprocess.run([lend, "serve", "nvme", image, "-s", here.socket("third")],
                             capture_output=True, text=True, timeout=patient(30), check=False)
    assert refused.returncode == 1 and "locked by another process" in refused.stderr


def test_discard(start, image):
    _, client = start(image)
    client.ask("blkdiscard -o 1048576 -l 1048576 /dev/nvme0n1 && sync")
    data = image.read_bytes()
    assert data[1 << 20:2 << 20] == bytes(1 << 20)
    assert data[2 << 20:(2 << 20) + 64] != bytes(64)
    assert hash_of(client) == digest(image)


def test_flushed_data_survives_a_kill(start, image):
    server, client = start(image)
    client.ask("dd if=/dev/zero of=/dev/nvme0n1 bs=1M count=4 conv=fsync 2>/dev/null")
    client.tell("while :; do diskio read /dev/nvme0n1 -n 100 >/dev/null; done")
    server.kill(signal.SIGKILL)
    server.wait()
    assert image.read_bytes()[:4 << 20] == bytes(4 << 20)


@pytest.mark.profile("nvme")
def test_driver_goes_on_after_a_kill(l1, boot, lend):
    """Under lend run: a server that is killed under I/O, and started again. Linux finds a
    failed controller when its commands are late, resets it, and sends them once more."""
    machine = l1()
    image, socket = "/run/lend-disk.img", "/run/lend-disk.sock"
    words = [lend, "serve", "nvme", image, "-s", socket]
    machine.run(f"head -c {SIZE} /dev/urandom >{image}", check=True)
    server = machine.start(words, timeout=300)
    server.expect("listening", 20)
    guest = boot(machine, devices=[], append=f"nvme_core.io_timeout={IO_TIMEOUT}",
                 options=["-device", f"vfio-user-pci,socket={socket},reconnect=60"], limit=240)
    guest.ask("wait_for /dev/nvme0n1 && "
              "dd if=/dev/zero of=/dev/nvme0n1 bs=1M count=1 conv=fsync 2>/dev/null")
    assert not machine.run(f"head -c 1M {image} | tr -d '\\000'", check=True).out
    rounds = 20
    guest.tell(f"for i in $(seq {rounds}); do diskio fill /dev/nvme0n1 --seed $i --depth 8; done")
    # It is under way when the image changes, and many rounds are left.
    machine.run(f"a=$(cksum <{image}); while [ \"$(cksum <{image})\" = \"$a\" ]; do :; done",
                check=True, timeout=60)
    server.kill(signal.SIGKILL)
    server.wait()
    server = machine.start(words, timeout=300)
    server.expect("listening", 20)
    said, status = guest.told(180)
    assert (said.splitlines(), status) == ([f"verified {SIZE} bytes"] * rounds, 0)
    # It did so because the controller said so (CSTS.CFS), and not after aborts in vain.
    log = guest.ask("dmesg | grep 'nvme nvme0'")
    assert "controller is down; will reset: CSTS=0x2" in log and "abort" not in log, log
    read = guest.hash()
    assert machine.run(f"sha256sum {image}", check=True).out.split()[0] == read
    guest.power_off()
    server.kill()
    server.wait()
    machine.run(f"rm -f {image} {socket}", check=True)
