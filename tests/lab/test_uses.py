# SPDX-License-Identifier: MIT
"""What uses a device without a link to it in sysfs, on a real kernel: it is
seen, and what `lend ls` and `lend check` print ends it."""

import json

import pytest

NVME, NET = "0000:01:00.0", "0000:02:00.0"


class Host:
    def __init__(self, machine, lend):
        self.l1, self._lend = machine, lend

    def sh(self, line):
        return self.l1.run(line, check=True).out.strip()

    def device(self, name):
        r = self.l1.run([self._lend, "ls", "--json", name], check=True)
        return json.loads(r.out)[0]

    def uses(self, name):
        return [(u["kind"], u["text"], u["cure"])
                for u in self.device(name)["uses"]]

    def free_by_cures(self, name):
        """Follows the first cure of lend check until nothing is in use."""
        cures = []
        for _ in range(8):
            r = self.l1.run([self._lend, "check", "--json", name])
            rows = [c for c in json.loads(r.out)["checks"]
                    if c["topic"] == "in-use" and c["verdict"] == "failed"]
            if not rows:
                break
            cures.append(rows[0]["command"])
            self.sh(rows[0]["command"])
        assert self.device(name)["state"] == "bindable"
        return cures


@pytest.fixture
def host(l1, lend):
    return Host(l1(), lend)


@pytest.mark.profile("host-plain")
def test_root_looks_at_all(host):
    """What is not there on a kernel is no failure; root reads the rest."""
    assert host.device(NVME)["unseen"] == []
    r = host.l1.run([host._lend, "ls"], check=True)
    assert "not looked at" not in r.out


@pytest.mark.profile("host-plain")
def test_a_disk_behind_a_loop_device(host):
    loop = host.sh("losetup -f --show /dev/nvme0n1 && mkdir -p /run/m")
    host.sh(f"mkfs.ext4 -q {loop} && mount {loop} /run/m")
    assert host.device(NVME)["state"] == "busy"
    assert host.uses(NVME) == [
        ("mount", f"{loop} is mounted at /run/m", "umount /run/m"),
        ("loop", f"/dev/nvme0n1 is behind {loop}", f"losetup -d {loop}")]
    assert host.l1.run([host._lend, "bind", NVME]).status == 1
    assert host.free_by_cures(NVME) == ["umount /run/m", f"losetup -d {loop}"]


@pytest.mark.profile("host-plain")
def test_a_file_behind_a_loop_device(host):
    host.sh("mkfs.ext4 -q /dev/nvme0n1 && mkdir -p /run/m && "
            "mount /dev/nvme0n1 /run/m && truncate -s 1M /run/m/x.img")
    loop = host.sh("losetup -f --show /run/m/x.img")
    assert ("loop", "/dev/nvme0n1 has the file /run/m/x.img, which is behind "
            f"{loop}", f"losetup -d {loop}") in host.uses(NVME)
    assert host.free_by_cures(NVME) == [f"losetup -d {loop}", "umount /run/m"]


@pytest.mark.profile("host-plain")
def test_a_file_system_that_lives_on(host):
    """Unmounted while a file of it is open: no table of mounts has it."""
    host.sh("mkfs.ext4 -q /dev/nvme0n1 && mkdir -p /run/m && "
            "mount /dev/nvme0n1 /run/m && echo x >/run/m/x")
    reader = host.l1.start(["sh", "-c", "exec 3</run/m/x; echo open; read x"],
                           stdin=True)
    reader.expect("open")
    host.sh("umount -l /run/m")
    assert host.uses(NVME) == [
        ("mount", "/dev/nvme0n1 has a file system (ext4) that is mounted "
         "where it is not seen", None)]
    reader.close_stdin()
    reader.wait()
    host.sh("until [ ! -e /sys/fs/ext4/nvme0n1 ]; do :; done")
    assert host.device(NVME)["state"] == "bindable"


@pytest.mark.profile("host-plain")
def test_a_card_in_a_container(host):
    assert host.device(NET)["state"] == "bindable"
    host.sh("ip netns add box && ip link set eth0 netns box && "
            "ip -n box addr add 10.9.9.1/24 dev eth0")
    assert host.device(NET)["state"] == "busy"
    assert host.uses(NET) == [
        ("namespace", "its network interface eth0 is in the network namespace "
         "box", "ip -n box link set eth0 netns 1")]
    assert host.l1.run([host._lend, "bind", NET]).status == 1
    assert host.free_by_cures(NET) == ["ip -n box link set eth0 netns 1"]
    host.sh("ip netns del box")


@pytest.mark.profile("host-plain")
def test_a_process_that_takes_frames(host):
    taker = host.l1.start(
        ["/usr/bin/python3", "-c",
         "import os, socket, sys\n"
         "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
         "s.bind(('eth0', 3))\n"
         "print('taken', os.getpid(), flush=True)\n"
         "sys.stdin.read()"], stdin=True)
    pid = taker.expect(r"taken (\d+)")[1]
    assert host.uses(NET) == [
        ("open", f"process {pid} (python3) takes the frames of eth0 itself",
         None)]
    taker.close_stdin()
    taker.wait()
    assert host.device(NET)["state"] == "bindable"
