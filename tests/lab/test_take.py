# SPDX-License-Identifier: MIT
"""Devices are taken from their drivers and given back, on a real kernel."""

import json

import pytest

import guest

TIMES = 50
NVME, NET, EDU, SOUND = ("0000:01:00.0", "0000:02:00.0", "0000:00:08.0",
                         "0000:00:09.0")


@pytest.fixture
def host(l1, lend, request):
    """The L1 of the test's profile, with `lend` as a method."""
    machine = l1()
    return Host(machine, lend)


class Host:
    def __init__(self, machine, lend):
        self.l1, self._lend = machine, lend
        self._console_at = machine.console.stat().st_size

    def lend(self, *words, status=0, **options):
        """Runs lend; both its streams, when it ended as it should."""
        r = self.l1.run([self._lend, *words], **options)
        assert r.status == status, f"{r.ending()}: {r.out}{r.err}"
        return r.out + r.err

    def sh(self, line, **options):
        return self.l1.run(line, check=True, **options).out.strip()

    def driver(self, device):
        return self.sh(f"basename $(readlink /sys/bus/pci/devices/{device}/driver"
                       " || echo none)")

    def state(self, device):
        return json.loads(self.lend("ls", "--json", device))[0]

    def untouched(self, device, driver):
        assert self.driver(device) == driver
        assert self.sh(f"cat /sys/bus/pci/devices/{device}/driver_override") \
            == "(null)"
        # The folders there are of machines: a killed keeper's stays until the next one starts.
        assert self.sh("ls -p /run/lend | grep -v 'lock\\|/$' || true") == ""

    def no_warnings(self):
        with open(self.l1.console, errors="replace") as console:
            console.seek(self._console_at)
            said = [l.strip() for l in console if guest.WARNINGS.search(l)
                    and "no configuration for board" not in l]  # e1000e's 32nd
        assert not said, "\n".join(said)


@pytest.mark.profile("host-plain")
def test_there_and_back_many_times(host, lend, times):
    """With what the drivers make of the devices at work again each time."""
    devices = f"{NVME} {NET} {EDU} {SOUND}"
    host.sh(f"""for n in $(seq {times(TIMES)}); do
        {lend} bind {devices} >/run/lend-test.log || exit
        [ "$(ls /sys/bus/pci/drivers/vfio-pci | grep -c ^0000)" = 4 ] || exit 3
        {lend} unbind {devices} >/run/lend-test.log || exit
        [ -e /dev/nvme0n1 ] && dd if=/dev/nvme0n1 of=/dev/null bs=4k count=1 \
            iflag=direct 2>/dev/null || exit 4
        [ -d /sys/bus/pci/devices/{NET}/net ] || exit 5
    done""", timeout=180)
    for device, driver in ((NVME, "nvme"), (NET, "e1000e"), (EDU, "none"),
                           (SOUND, "snd_hda_intel")):
        host.untouched(device, driver)
    host.no_warnings()


# Each device to the driver that it would have on a started host.
HOME = """for d in {0}; do
	echo >/sys/bus/pci/devices/$d/driver_override
	[ ! -e /sys/bus/pci/devices/$d/driver ] || echo $d >/sys/bus/pci/devices/$d/driver/unbind
	echo $d >/sys/bus/pci/drivers_probe
done"""
DRIVERS = """for d in {0}; do
	echo "$d $(basename "$(readlink /sys/bus/pci/devices/$d/driver)")"
done"""


@pytest.mark.parametrize("profile", [
    pytest.param(name, marks=pytest.mark.profile(name))
    for name in ("zoo-express", "zoo-others")])
def test_the_zoo_there_and_back_many_times(profile, host, lend, times):
    """All of the zoo at once, each with its driver again every time."""
    bridge = "pcie-pci-bridge"
    devices = [a for a, spec in zip(host.l1.addresses, host.l1.profile.devices)
               if a and not spec.startswith(bridge)]
    all_of_them, drivers = " ".join(devices), DRIVERS.format(" ".join(devices))
    host.sh(HOME.format(all_of_them))
    before = host.sh(drivers)
    assert len(devices) >= 6 and before.count("vfio-pci") == 0
    host.sh(f"""drivers() {{ {drivers}
    }}
    drivers >/tmp/before
    for n in $(seq {times(TIMES)}); do
        {lend} bind --siblings {all_of_them} >/run/lend-test.log || exit
        [ "$(drivers | grep -c vfio-pci)" = {len(devices)} ] || exit 3
        {lend} unbind {all_of_them} >/run/lend-test.log || exit
        drivers | cmp - /tmp/before || exit 4
    done""", timeout=600)
    assert host.sh(drivers) == before


@pytest.mark.profile("host-plain")
def test_a_device_with_a_mounted_file_system(host):
    host.sh("mkfs.ext4 -q /dev/nvme0n1 && mkdir -p /mnt/data && "
            "mount /dev/nvme0n1 /mnt/data")
    said = host.lend("bind", NVME, status=1)
    assert "/dev/nvme0n1 is mounted at /mnt/data" in said
    assert host.state(NVME)["state"] == "busy"
    host.untouched(NVME, "nvme")
    check = json.loads(host.lend("check", "--json", "nvme0n1", status=1))
    row, = [r for r in check["checks"] if r["topic"] == "in-use"]
    host.sh(row["command"])
    assert host.state(NVME)["state"] == "bindable"


@pytest.mark.profile("host-plain")
def test_names(host):
    """The same device by each of its names, and twins by none."""
    host.sh("mkdir -p /dev/disk/by-id && "
            "ln -sf ../../nvme0n1 /dev/disk/by-id/nvme-lend0")
    for name in ("01:00.0", "pci0000:00/10.0/00.0", "/dev/nvme0n1", "nvme0n1",
                 "/dev/disk/by-id/nvme-lend0", "1b36:0010/lend0",
                 "/sys/bus/pci/devices/0000:01:00.0"):
        assert host.state(name)["address"] == NVME
    assert host.state("eth0")["address"] == NET
    said = host.lend("bind", "8086:10d3", status=1)
    assert "0000:02:00.0" in said and "0000:03:00.0" in said


@pytest.mark.profile("host-plain")
def test_an_interface_in_use(host):
    host.sh("ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up")
    assert "eth0 has the address 10.0.2.15" in host.lend("bind", "eth0", status=1)
    host.lend("bind", "--force", "eth0")
    host.lend("unbind", NET)
    host.untouched(NET, "e1000e")


@pytest.mark.profile("host-plain")
def test_two_at_once(host, lend):
    """One takes it; the other is told."""
    for _ in range(5):
        r = host.l1.run(f"{lend} bind {NVME} >/tmp/a 2>&1 & "
                        f"{lend} bind {NVME} >/tmp/b 2>&1; wait; "
                        "cat /tmp/a /tmp/b")
        lines = r.out.strip().splitlines()
        assert sum("taken from nvme" in l for l in lines) == 1, lines
        assert sum("already" in l or "at work on it" in l for l in lines) == 1, \
            lines
        host.lend("unbind", NVME)
        host.untouched(NVME, "nvme")


# Holds a device open through VFIO as a monitor does, until its input ends.
HOLD = r"""
import fcntl, os, struct, sys
group = os.path.basename(os.readlink(
    f"/sys/bus/pci/devices/{sys.argv[1]}/iommu_group"))
c = os.open("/dev/vfio/vfio", os.O_RDWR)
g = os.open(f"/dev/vfio/{group}", os.O_RDWR)
VFIO = lambda n: ord(";") << 8 | 100 + n
fcntl.ioctl(g, VFIO(4), struct.pack("i", c))
fcntl.ioctl(c, VFIO(2), 1)
d = fcntl.ioctl(g, VFIO(6), sys.argv[1].encode() + b"\0")
print("held", os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.mark.profile("host-plain")
def test_a_holder_that_does_not_let_go(host):
    host.lend("bind", NVME)
    host.l1.put("/tmp/hold.py", HOLD.encode())
    holder = host.l1.start(["/usr/bin/python3", "/tmp/hold.py", NVME],
                           stdin=True)
    pid = holder.expect(r"held (\d+)")[1]
    said = host.lend("unbind", NVME, status=1)
    assert f"process {pid} (python3)" in said
    said = host.lend("unbind", "--force", "--limit", "2", NVME, status=1,
                     timeout=30)
    assert "is not over after 2 s" in said
    assert f"process {pid} (python3)" in said and "relays" in said
    assert host.state(NVME)["state"] == "busy"  # and this does not hang
    assert f"process {pid}" in host.lend("unbind", "--stale", status=1)
    holder.close_stdin()
    holder.wait()
    host.sh(f"until [ ! -e /sys/bus/pci/drivers/vfio-pci/{NVME} ]; do :; done",
            timeout=30)
    host.lend("unbind", "--stale")
    host.untouched(NVME, "nvme")


@pytest.mark.profile("host-multifunction")
def test_a_multifunction_slot(host):
    other = "0000:01:00.1"
    said = host.lend("bind", NVME, status=1)
    assert "0000:01:00.1 (nvme)" in said and "--siblings" in said
    host.untouched(NVME, "nvme")
    host.lend("bind", "--siblings", "--user", "nobody", NVME)
    assert host.state(NVME)["state"] == "ready"
    assert host.driver(other) == "vfio-pci"
    assert host.sh("stat -c %U /dev/vfio/[0-9]*") == "nobody"
    host.lend("unbind", "--siblings", other)
    host.untouched(NVME, "nvme")
    host.untouched(other, "nvme")


@pytest.mark.profile("host-conventional")
def test_a_group_with_a_bridge(host):
    said = host.lend("bind", "02:01.0", status=1)
    assert "0000:02:02.0 (e1000)" in said
    host.lend("bind", "02:01.0", "02:02.0")
    assert host.state("02:01.0")["state"] == "ready"
    assert "cannot be lent" in host.lend("bind", "01:00.0", status=1)
    host.lend("unbind", "02:01.0", "02:02.0")
    host.untouched("0000:02:01.0", "e1000")


@pytest.mark.profile("host-sriov")
def test_virtual_functions(host):
    pf, vf = "0000:01:00.0", "0000:01:10.0"
    assert "can have 7" in host.lend("vf", pf, "8", status=1)
    assert vf in host.lend("vf", pf, "2")
    assert host.driver(vf) == "igbvf"
    # The physical function stays while it has some.
    assert "2 virtual functions" in host.lend("bind", pf, status=1)
    host.lend("bind", vf)
    assert host.state(vf)["state"] == "ready"
    assert host.state(vf)["path"].endswith("/vf0")
    host.lend("vf", pf, "3")  # by way of none
    assert host.state(pf)["vfs"] == 3
    host.lend("vf", pf, "0")
    host.lend("bind", pf)
    assert "lend unbind" in host.lend("vf", pf, "1", status=1)
    host.lend("unbind", pf)
    host.untouched(pf, "igb")
    host.no_warnings()


# Whoever opens the nodes, and what the kernel saves power by, is as before.
@pytest.mark.profile("host-plain")
def test_what_is_not_its_driver_comes_back_too(host):
    power = f"/sys/bus/pci/devices/{NVME}/power/control"
    for value in ("auto", "on"):
        host.sh(f"echo {value} >{power}")
        host.lend("bind", "--user", "nobody", NVME)
        host.lend("unbind", NVME)
        assert host.sh(f"cat {power}") == value
        assert host.sh("ls /dev/vfio | grep -v vfio || true") == ""
    host.untouched(NVME, "nvme")


@pytest.mark.profile("host-plain")
def test_other_hands_in_between(host):
    """Detached, or given to its driver, by another tool while it is lent."""
    here = f"/sys/bus/pci/devices/{NVME}"
    detach = f"echo {NVME} >/sys/bus/pci/drivers/vfio-pci/unbind"
    host.lend("bind", NVME)
    host.sh(detach)
    host.lend("bind", NVME)
    host.lend("unbind", NVME)
    host.untouched(NVME, "nvme")
    host.lend("bind", NVME)
    host.sh(f"echo >{here}/driver_override; {detach}; "
            f"echo {NVME} >/sys/bus/pci/drivers_probe")
    assert "it is left there" in host.lend("unbind", NVME)
    host.untouched(NVME, "nvme")
    # vfio-pci has its ids, and is asked first where it was there first.
    host.lend("bind", NVME)
    host.sh("echo 1b36 0010 >/sys/bus/pci/drivers/vfio-pci/new_id")
    host.lend("unbind", NVME)
    host.untouched(NVME, "nvme")
    host.sh("echo 1b36 0010 >/sys/bus/pci/drivers/vfio-pci/remove_id")
    host.no_warnings()


@pytest.mark.profile("host-plain")
def test_a_rule_that_cannot_be_written(host):
    host.sh("mkdir -p /etc/lend && rm -rf /etc/lend/bind.d && touch /etc/lend/bind.d")
    assert "cannot write a rule" in host.lend("bind", "--persist", NVME, status=1)
    host.sh("rm /etc/lend/bind.d")
    host.untouched(NVME, "nvme")


@pytest.mark.profile("host-sriov")
def test_a_rule_for_a_virtual_function(host):
    """It is made again at the next boot, of which there is none before."""
    pf, vf, other = "0000:01:00.0", "0000:01:10.0", "0000:01:10.2"
    host.lend("vf", pf, "2")
    assert "2 virtual functions of 0000:01:00.0 are made first" in \
        host.lend("bind", "--persist", vf)
    host.lend("vf", pf, "0")
    host.sh("rm -r /run/lend")
    host.lend("bind", "--boot")
    assert host.state(pf)["vfs"] == 2
    assert host.driver(vf) == "vfio-pci" and host.driver(other) == "igbvf"
    host.lend("vf", pf, "0")
    assert "its rule is removed" in \
        host.lend("unbind", "--persist", "pci0000:00/10.0/00.0/vf0")
    host.lend("vf", "--persist", pf, "3")
    host.lend("vf", pf, "0")
    host.lend("bind", "--boot")
    assert host.state(pf)["vfs"] == 3
    host.lend("vf", "--persist", pf, "0")
    assert host.sh("ls /etc/lend/bind.d") == ""
    host.untouched(pf, "igb")
    host.no_warnings()


@pytest.mark.profile("host-sriov")
def test_functions_of_a_device_that_is_lent(host):
    """As lend says: the parameter is written, and holds at once."""
    pf = "0000:01:00.0"
    parameter = "/sys/module/vfio_pci/parameters/enable_sriov"
    host.lend("bind", pf)
    said = host.lend("vf", pf, "1", status=1)
    assert f"echo Y > {parameter}" in said
    host.sh(f"echo Y > {parameter}")
    assert "VF token" in host.lend("vf", pf, "1")
    host.lend("vf", pf, "0")
    host.sh(f"echo N > {parameter}")
    host.lend("unbind", pf)
    # Taken by force with some of its own, it has them again.
    host.lend("vf", pf, "2")
    host.lend("bind", "--force", pf)
    host.lend("unbind", pf)
    assert host.state(pf)["vfs"] == 2
    host.lend("vf", pf, "0")
    host.untouched(pf, "igb")
    host.no_warnings()


@pytest.mark.profile("host-plain")
def test_rules_for_the_next_boot(host):
    """Followed as at boot: the same device, then another one in that slot."""
    host.lend("bind", "--persist", NVME)
    host.lend("unbind", NVME)
    host.lend("bind", "--boot")
    assert host.driver(NVME) == "vfio-pci"
    assert "next boot" in host.lend("unbind", NVME)
    host.sh("sed -i s/lend0/other/ /etc/lend/bind.d/*")
    assert "left alone" in host.lend("bind", "--boot")
    assert host.driver(NVME) == "nvme"
    said = host.lend("unbind", "--persist", NVME)
    assert "not taken" in said and "its rule is removed" in said
    assert host.sh("ls /etc/lend/bind.d") == ""


# Killed at each of the system calls that a step begins or ends with: a helper
# is made, a helper has ended, a record is there, a record is gone.
KILLED = """for call in clone wait4 rename unlink; do
    n=0
    while :; do
        n=$((n + 1))
        strace -qq -o /dev/null -e trace=$call \
            -e inject=$call:signal=SIGKILL:when=$n {lend} {words} \
            >/run/lend-test.log 2>&1
        status=$?
        {lend} unbind --stale >>/run/lend-test.log 2>&1 || {{ cat /run/lend-test.log; exit 3; }}
        d=$(basename $(readlink /sys/bus/pci/devices/{device}/driver ||
            echo none))
        echo "$call $n $status $d"
        {after}
        [ $status = 137 ] || break
    done
done"""


def killed(host, lend, words, after):
    lines = host.sh(KILLED.format(lend=lend, words=words, device=NVME,
                                  after=after), timeout=120)
    return [line.split() for line in lines.splitlines()]


@pytest.mark.profile("host-plain")
def test_killed_while_it_is_taken(host, lend):
    rows = killed(host, lend, f"bind {NVME}",
                  f"[ $d = nvme ] || {lend} unbind {NVME} >/run/lend-test.log || exit 4")
    # Whatever it was doing: it has its driver, or was taken whole.
    ends = [(status, d) for _, _, status, d in rows]
    assert set(ends) <= {("137", "nvme"), ("137", "vfio-pci"),
                         ("0", "vfio-pci")}, rows
    assert ends.count(("137", "nvme")) > 6, rows
    host.untouched(NVME, "nvme")
    host.no_warnings()


@pytest.mark.profile("host-plain")
def test_killed_while_it_is_given_back(host, lend):
    host.lend("bind", NVME)
    rows = killed(host, lend, f"unbind {NVME}",
                  f"{lend} unbind {NVME} >/run/lend-test.log || exit 4; "
                  f"{lend} bind {NVME} >/run/lend-test.log || exit 5")
    host.lend("unbind", NVME)
    ends = [(status, d) for _, _, status, d in rows]
    assert set(ends) <= {("137", "nvme"), ("137", "vfio-pci"),
                         ("0", "nvme")}, rows
    assert ends.count(("137", "nvme")) > 6, rows
    host.untouched(NVME, "nvme")
    host.no_warnings()


@pytest.mark.profile("host-sriov")
def test_killed_while_functions_are_made(host, lend):
    """As many as before, or as were asked for; nothing is left behind."""
    pf = "0000:01:00.0"
    numvfs = f"/sys/bus/pci/devices/{pf}/sriov_numvfs"
    host.lend("vf", pf, "2")
    # Ends of helpers: none is there, or the new number is half-way there.
    lines = host.sh(f"""for n in 2 4; do
        strace -qq -o /dev/null -e trace=wait4 \
            -e inject=wait4:signal=SIGKILL:when=$n {lend} vf {pf} 1 \
            >/run/lend-test.log 2>&1
        status=$?
        now=$(cat {numvfs})
        {lend} unbind --stale >>/run/lend-test.log 2>&1 || {{ cat /run/lend-test.log; exit 3; }}
        echo $status $now $(cat {numvfs})
    done""", timeout=180)
    assert lines.splitlines() == ["137 0 2", "137 1 2"]
    host.lend("vf", pf, "0")
    host.untouched(pf, "igb")
