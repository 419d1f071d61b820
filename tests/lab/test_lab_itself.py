# SPDX-License-Identifier: MIT
"""The lab keeps its promises."""

import dataclasses
import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab import cache, images, patience
from lab.command import CommandFailed
from lab.machine import Profile, addresses
from lab.patience import patient
from lab.profiles import PROFILES
from lab.session import BootFailure, Panic, Session

ROOT = Path(__file__).resolve().parents[2]
RUN = [str(ROOT / "lab/run"), "--kernel", "lab", "--smp", "1"]


def limit(seconds=60):
    """The words that end lab/run when it hangs."""
    return ["--timeout", str(patient(seconds))]


def lab_run(*words):
    return subprocess.run([*RUN, *limit(), *words], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=patient(70), check=False)


def console_of(err):
    path = Path(err.rpartition("console log: ")[2].strip())
    assert path.is_file(), err
    return path


# lab/run

def test_run_keeps_status_output_and_folder():
    done = lab_run("--", "sh", "-c",
                   "pwd; echo wrong >&2; echo kept > $LAB_RESULTS/f; "
                   "echo $LAB_RESULTS; exit 7")
    assert done.returncode == 7, done.stderr
    folder, results = done.stdout.split()
    assert folder == str(ROOT)
    assert "wrong" in done.stderr
    assert (Path(results) / "f").read_text() == "kept\n"


def test_crash_panic_and_timeout_differ():
    # Side by side, as several runs may be.
    runs = [subprocess.Popen([*RUN, *words, "--", "sh", "-c", line],
                             cwd=ROOT, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
            for words, line in ((limit(), "kill -SEGV $$"),
                                (limit(), "echo c >/proc/sysrq-trigger; exec sleep infinity"),
                                (["--timeout", "20"], "exec sleep infinity"))]
    for run, status, words in zip(runs, (120, 121, 122),
                                  ("SIGSEGV", "kernel panic", "time-out")):
        err = run.communicate(timeout=patient(90))[1]
        assert run.returncode == status, err
        assert words in err
        console = console_of(err)
        if status == 121:
            assert "sysrq" in console.read_text(errors="replace")


def test_boot_failure_is_said():
    done = lab_run("--qemu-arg", "-device", "--qemu-arg", "no-such-device",
                   "--", "true")
    assert done.returncode == 123
    assert "no-such-device" in done.stderr
    console_of(done.stderr)


def test_run_streams_its_output():
    """The second line is there when the first one was read, and not before."""
    run = subprocess.Popen([*RUN, *limit(), "--", "sh", "-c",
                            "echo $LAB_RESULTS; until [ -e $LAB_RESULTS/go ]; do sleep 0.1; done; echo last"],
                           stdout=subprocess.PIPE, text=True, cwd=ROOT)
    results = Path(run.stdout.readline().strip())
    assert results.name == "results"
    (results / "go").touch()
    assert run.stdout.readline() == "last\n"
    assert run.wait(patient(20)) == 0


def test_nothing_outlives_a_killed_run():
    run = subprocess.Popen([*RUN, *limit(), "--", "sh", "-c",
                            "echo up; exec sleep infinity"],
                           stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert run.stdout.readline() == "up\n"
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text()
    run.kill()
    run.wait(patient(10))
    assert children
    # Its memory goes first, which takes a moment.
    end = time.monotonic() + patient(20)
    while any(map(lives, children.split())):
        assert time.monotonic() < end
        time.sleep(0.05)


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# Sessions

@pytest.mark.profile("plain")
def test_status_signal_and_streams(l1):
    m = l1()
    r = m.run("echo out; echo err >&2; exit 3")
    assert (r.status, r.out, r.err) == (3, "out\n", "err\n")
    r = m.run("kill -ABRT $$")
    assert r.signal == signal.SIGABRT and r.status is None
    assert "SIGABRT" in r.ending()
    assert m.run(["/no/such/program"]).status == 127
    assert Path(r.log).read_text().startswith("$ ")


@pytest.mark.profile("plain")
def test_overhead_of_a_command(l1):
    """Of many the cheapest one: the others are what else this computer does."""
    m = l1()
    m.run("true")
    assert min(m.run("true", check=True).seconds for _ in range(20)) < 1


@pytest.mark.profile("plain")
def test_limit_kills_all_that_was_started(l1):
    m = l1()
    c = m.start("setsid sleep infinity & sleep infinity", timeout=2)
    m.run(f"until [ $(wc -l <{c.cgroup}/cgroup.procs) = 3 ]; do sleep 0.1; done",
          check=True, timeout=60)
    r = c.wait()
    assert r.timed_out
    with pytest.raises(CommandFailed):
        r.check()
    assert m.run(["cat", c.cgroup + "/cgroup.procs"]).out == ""
    assert m.run("true").ok


@pytest.mark.profile("plain")
def test_commands_go_side_by_side(l1):
    m = l1()
    waiting = m.start("read line; echo got $line; trap '' TERM; sleep 50",
                      stdin=True, timeout=60)
    assert m.run("echo meanwhile").out == "meanwhile\n"
    waiting.send("it\n")
    waiting.expect("got it")
    waiting.kill(signal.SIGKILL, scope="group")
    assert waiting.wait().signal == signal.SIGKILL


@pytest.mark.profile("plain")
def test_terminal(l1):
    m = l1()
    r = m.run("tty; stty -a | head -1", pty=True, check=True)
    assert "/dev/pts/" in r.out and "speed" in r.out
    cat = m.start("cat", pty=True)
    cat.send("word\n")
    cat.expect("word\r\nword")
    cat.send(b"\x03")
    assert cat.wait().signal == signal.SIGINT


@pytest.mark.profile("plain")
def test_ended_commands_hold_no_descriptors(l1):
    m = l1()

    def of_agent():
        return m.run("ls /proc/$PPID/fd | wc -l", check=True).out

    before = of_agent()
    for _ in range(3):
        m.run("echo out; echo err >&2", check=True)
        m.run("exec >&- 2>&-", check=True)
        m.run("cat", input=b"in", check=True)
        m.run("tty", pty=True, check=True)
        long = m.start("sleep 100", stdin=True)
        long.kill(scope="cgroup")
        long.wait()
    assert of_agent() == before


@pytest.mark.profile("plain")
def test_much_output_and_input(l1):
    m = l1()
    data = os.urandom(1 << 20)
    r = m.run("sha256sum", input=data, timeout=60)
    assert r.out.split()[0] == hashlib.sha256(data).hexdigest()
    assert len(m.run("head -c 3000000 /dev/zero | tr '\\0' x").out) == 3000000


@pytest.mark.profile("plain")
def test_tree_is_the_computers_and_stays_as_it_is(l1, tmp_path):
    m = l1()
    here = Path(__file__)
    assert m.run(["cat", here]).out == here.read_text()
    m.run(["sh", "-c", f"echo x >> {here}; echo y > {tmp_path}/new"], check=True)
    assert not here.read_text().endswith("x\n")
    assert not (tmp_path / "new").exists()
    m.run("echo shared > $LAB_RESULTS/note", check=True)
    assert (m.results / "note").read_text() == "shared\n"
    (m.results / "back").write_text("seen\n")
    assert m.run("cat $LAB_RESULTS/back").out == "seen\n"
    m.put("/run/some/file", b"abc", 0o755)
    assert m.run("stat -c %a:%s /run/some/file").out == "755:3\n"


@pytest.mark.profile("plain")
def test_what_a_host_has(l1):
    m = l1()
    assert m.run("test -c /dev/kvm -a -c /dev/vfio/vfio").ok
    assert m.run("cat /sys/module/kvm_amd/parameters/nested").out in "0\nN\n"
    assert m.run("ls /sys/kernel/debug/kvm").ok
    assert "memory" in m.run("cat /sys/fs/cgroup/cgroup.controllers").out
    assert int(m.run("ls /sys/kernel/iommu_groups | wc -l").out) > 3
    assert "UP" in m.run("cat /sys/class/net/lo/flags; "
                         "/bin/busybox ip link show lo").out


@pytest.mark.profile("nvme-smp")
def test_several_processors_hold_a_machine(l1):
    """It is idle: no exit is counted for it (docs/lab.md)."""
    assert l1().run("cat /sys/kernel/debug/kvm/*-*/exits").out == "0\n"


@pytest.mark.profile("plain")
def test_panic_fails_the_case_and_the_next_has_a_new_l1(l1):
    m = l1()
    with pytest.raises(Panic) as caught:
        m.run("echo c >/proc/sysrq-trigger; sleep 60")
    assert "panic" in Path(caught.value.console).read_text(errors="replace")
    with pytest.raises(Panic):
        m.run("true")
    assert l1() is not m
    assert l1().run("true").ok


@pytest.mark.profile("nvme")
def test_devices_are_where_they_are_said_to_be(l1):
    # One of its own: what other tests bound elsewhere stays there.
    m = l1(dataclasses.replace(PROFILES["nvme"], append="lab.of=this-test"))
    assert m.addresses == ["0000:01:00.0"]
    r = m.run("basename $(readlink /sys/bus/pci/devices/$LAB_DEVICES/driver);"
              "ls /sys/bus/pci/devices/$LAB_DEVICES/iommu_group/devices")
    assert r.out.split() == ["nvme", "0000:01:00.0"]
    m.run([ROOT / "lab/bind", "0000:01:00.0", "vfio-pci"], check=True)
    assert m.run("ls /dev/vfio | grep -c '^[0-9]'").out == "1\n"
    m.run([ROOT / "lab/bind", "0000:01:00.0", "nvme"], check=True)
    assert m.run("cat /sys/block/nvme0n1/device/serial").out.strip() == "lend0"


@pytest.mark.profile("nvme")
def test_monitor_unplugs(l1):
    m = l1()
    try:
        m.monitor.hmp("device_del dev0")
        m.monitor.wait_event("DEVICE_DELETED", 30)
        assert not m.run("ls /sys/bus/pci/devices/0000:01:00.0").ok
    finally:
        m.close()  # the next test shall find its drive


# Without L1

def test_addresses_follow_from_the_profile():
    assert addresses(PROFILES["nvme-net"]) == ["0000:01:00.0", "0000:02:00.0"]
    assert addresses(Profile(devices=("edu", "nvme,drive=d0", "pci-testdev"))) \
        == ["0000:00:08.0", "0000:01:00.0", "0000:00:09.0"]
    assert addresses(Profile(devices=("e1000,bus=x,addr=1",))) == [""]
    assert addresses(Profile(devices=("nvme", "+nvme", "nvme", "edu", "+edu"))) \
        == ["0000:01:00.0", "0000:01:00.1", "0000:02:00.0", "0000:00:08.0",
            "0000:00:08.1"]


def test_guest_images_are_reproducible(tmp_path):
    init = tmp_path / "init"
    init.write_text("#!/bin/sh\n")
    outs = []
    for name in ("a", "b"):
        out = tmp_path / name
        subprocess.run([ROOT / "lab/initrd", "--init", init, "--kernel", "stock",
                        "--modules", "nvme,e1000e", "-o", out], check=True)
        outs.append(out.read_bytes())
    assert outs[0] == outs[1]
    order = [f.name for f in images.module_files(cache.kernel("stock"), ["nvme"])]
    assert order.index("nvme-core.ko") < order.index("nvme.ko")


def test_bad_kernel_is_a_setup_error():
    with pytest.raises(cache.SetupError, match="no such kernel"):
        Session(Profile(kernel="/no/such"))


def test_kernel_that_is_none_is_a_boot_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(patience, "factor", 1)  # it is waited for in vain
    bad = tmp_path / "bad"
    bad.write_bytes(b"x" * 8192)
    with pytest.raises(BootFailure):
        Session(Profile(kernel=str(bad)), boot_limit=20)
