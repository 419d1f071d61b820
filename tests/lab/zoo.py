# SPDX-License-Identifier: MIT
"""A device at work in a guest, in the interrupt mode that was asked for.

    with zoo.lent(["0000:01:00.0"], "MSI-X") as g:      # fixture `zoo`
        g.disk("/dev/nvme0n1", drive)

On the way out of the block, when nothing failed in it: the mode asked for is
the one in use, by what the guest's kernel says of each of the device's
interrupts, and its count grew over the block; the config space that the guest
sees is the host's but for what the allow-list names (zoo_config.py); the guest
powers off, and nothing is left.

Rules: what works on QEMU's vfio-pci works here. With LEND_ZOO_ON=qemu the same
tests run on that (the matrix says so), to see what a cell can be at all:

    LEND_ZOO_ON=qemu pytest tests/lab/test_zoo.py tests/lab/test_zoo_groups.py

A cell that has a client is the same one with the device behind `lend serve pci`
(zoo_served.py).
"""

import contextlib
import hashlib
import itertools
import os
import re
import signal

import guest
import zoo_config
import zoo_qemu
import zoo_served
from lab import cache

ON_QEMU = os.environ.get("LEND_ZOO_ON") == "qemu"
# What the guest's kernel calls them: a file of msi_irqs, and the chip.
KINDS = {"INTx": ("intx", "IO-APIC"), "MSI": ("msi", "PCI-MSI-"),
         "MSI-X": ("msix", "PCI-MSIX-")}
NO_MESSAGES = "pci=nomsi"
seeds = itertools.count(1)  # no two fills write the same

# For the guest's shell. An interrupt of a device is a line:
# kind number count chip name
FUNCTIONS = r"""
functions() {
	for d in /sys/bus/pci/devices/*; do
		case $(cat $d/vendor):$(cat $d/device) in $1) echo ${d##*/};; esac
	done
}
interrupts() {
	d=/sys/bus/pci/devices/$1
	# The folder stays, empty, when a driver gave up on messages.
	if [ -n "$(ls $d/msi_irqs 2>/dev/null)" ]; then
		for i in $d/msi_irqs/*; do echo "${i##*/} $(cat $i)"; done
	else
		echo "$(cat $d/irq) intx"
	fi | while read -r n kind; do
		awk -v n="$n:" -v kind=$kind 'NR == 1 { cpus = NF } $1 == n {
			sum = 0
			for (i = 2; i < 2 + cpus; i++) sum += $i
			printf "%s %s %d", kind, $1, sum
			for (; i <= NF; i++) printf " %s", $i
			print "" }' /proc/interrupts
	done
}
config() { gzip -c </sys/bus/pci/devices/$1/config | base64 | tr -d '\n'; echo; }
network() {
	wait_for /sys/class/net/$1 || return
	ip link set $1 up && ip addr add $2/24 dev $1
	n=0
	until [ "$(cat /sys/class/net/$1/operstate)" = up ]; do
		n=$((n + 1)); [ $n -lt 3000 ] || { echo "$1 does not get up"; return 1; }
		usleep 20000
	done
}
"""
INIT = guest.INIT.replace("stty -echo", FUNCTIONS + "stty -echo")


class Function:
    """An assigned function: its address in L1, and in the guest."""

    def __init__(self, l1, address):
        self.host = address
        self.sysfs = f"/sys/bus/pci/devices/{address}"
        self.ids = l1.run(f"cat {self.sysfs}/vendor {self.sysfs}/device",
                          check=True).out.split()
        self.can_reset = l1.run(f"cat {self.sysfs}/reset_method").out.strip() != ""
        self.guest = ""
        self.before = 0


def find(l1, ids):
    """The addresses in L1 of the functions with these ids ("8086:100e")."""
    return [line.split()[0] for line in
            l1.run(["lspci", "-D", "-n", "-d", ids], check=True).out.splitlines()]


def bind(l1, addresses, driver="vfio-pci"):
    for address in addresses:
        l1.run([cache.LAB / "bind", address, driver], check=True)


def let_go(l1, address):
    """Waits until nobody has it open by VFIO any more: the kernel has disabled it then. A
    process that was killed has it until its memory is gone."""
    l1.run(f"""g=/dev/vfio/$(basename $(readlink /sys/bus/pci/devices/{address}/iommu_group))
        until (exec 3<$g) 2>/dev/null; do :; done""", check=True, timeout=60)


# The way to a virtual function: its own driver in L1 is kept away, since it
# looks before the physical function is ready again; that one's link is up.
MAKE_VF = """d=/sys/bus/pci/devices/{0}
n=$(ls $d/net)
echo 0 >$d/sriov_drivers_autoprobe && busybox ip link set $n up &&
echo 1 >$d/sriov_numvfs || exit
until [ "$(cat $d/net/$n/operstate)" = up ]; do sleep 0.02; done
basename $(readlink $d/virtfn0)"""


@contextlib.contextmanager
def virtual_function(l1, address):
    """One of igb's, whose physical function stays with the host."""
    bind(l1, [address], "igb")
    found = l1.run(MAKE_VF.format(address), check=True, timeout=30).out.strip()
    try:
        yield found
    finally:
        l1.run(f"echo 0 >/sys/bus/pci/devices/{address}/sriov_numvfs", check=True)


class Lent:
    """A guest with devices of the zoo. `server`: of the only one, where it has one."""

    def __init__(self, machine, functions, far, server=None):
        self.machine, self.functions, self._far = machine, functions, far
        self.server = server
        self._counted = False
        for ids in dict.fromkeys(tuple(f.ids) for f in functions):
            same = [f for f in functions if tuple(f.ids) == ids]
            there = self.ask(f"functions {':'.join(ids)}").split()
            # QEMU's q35 has an AHCI of its own.
            there = [a for a in there if not a.startswith("0000:00:1f")]
            assert len(there) == len(same), f"{ids}: the guest has {there}"
            for function, address in zip(same, there):
                function.guest = address

    def ask(self, line, timeout=60):
        return self.machine.ask(line, timeout)

    # Interrupts

    def interrupts(self, function):
        """[(kind, number, count, chip, name)]"""
        lines = self.ask(f"interrupts {function.guest}").splitlines()
        return [(w[0], w[1].rstrip(":"), int(w[2]), w[3], " ".join(w[5:]))
                for w in (line.split(maxsplit=5) for line in lines)]

    def count(self):
        """Before the work; the first time is what counts."""
        for function in () if self._counted else self.functions:
            function.before = sum(i[2] for i in self.interrupts(function))
        self._counted = True

    def interrupted(self, mode):
        """By the mode asked for and no other, and since `count`."""
        kind, chip = KINDS[mode]
        for function in self.functions:
            got = self.interrupts(function)
            assert got and all(i[0] == kind and i[3].startswith(chip) for i in got), \
                f"{function.host}: not {mode}: {got}"
            assert sum(i[2] for i in got) > function.before, \
                f"{function.host}: no interrupt came: {got}"

    @contextlib.contextmanager
    def unserved(self):
        """Interrupts come, and the server has nothing to do."""
        function = self.functions[0]
        if not self.server or not zoo_served.is_mapped_whole(self.machine.l1, function.host):
            yield
            return
        interrupts, switches = sum(i[2] for i in self.interrupts(function)), self.server.switches()
        yield
        ran = self.server.switches() - switches
        more = sum(i[2] for i in self.interrupts(function)) - interrupts
        assert more and not ran, f"{more} interrupts, and the server ran {ran} times"

    # Work

    def disk(self, disk, drive):
        """Reads all of it, writes all of it and verifies, reads it again."""
        def digest():
            out = self.ask(f"diskio hash {disk} --depth 4", 120)
            return re.search(r"[0-9a-f]{64}", out)[0]

        def of_file():
            with open(drive, "rb") as f:
                return hashlib.file_digest(f, "sha256").hexdigest()

        self.ask(f"wait_for {disk}")
        self.count()
        before = of_file()
        with self.unserved():
            assert digest() == before
        said = self.ask(f"diskio fill {disk} --seed {next(seeds)} --depth 4", 120)
        assert said == f"verified {os.path.getsize(drive)} bytes"
        assert before != digest() == of_file()

    def network(self, name="eth0", net="10.0.2"):
        """Ping, and 10 MB over TCP in and out again."""
        self.network_in(name, net)
        self.network_out(net)

    def network_in(self, name="eth0", net="10.0.2"):
        peer = f"{net}.2"
        self.ask(f"network {name} {net}.15", 90)
        self.count()
        self.ask(f"ping -c 3 -W 10 -w 30 {peer}")
        with self.unserved():
            got = self.ask(f"nc {peer} {self._far.gives} </dev/null >/tmp/data; "
                           "sha256sum </tmp/data", 120)
        assert got.split()[0] == self._far.sha256

    def network_out(self, net="10.0.2"):
        """What came in goes out again."""
        already = len(self._far.taken)
        self.ask(f"nc {net}.2 {self._far.takes} </tmp/data; rm /tmp/data", 120)
        assert self._far.taken[already:] == [self._far.sha256]

    # Config space

    def same_config(self, folder):
        for function in self.functions:
            seen = zoo_config.from_text(self.ask(f"config {function.guest}"))
            has = zoo_config.from_text(self.machine.l1.run(
                f"gzip -c <{function.sysfs}/config | base64 -w0", check=True).out)
            zoo_config.compare(function, has, seen, folder)

    # All of them

    def lines(self):
        """The numbers of their interrupts."""
        return [i[1] for f in self.functions for i in self.interrupts(f)]


class Zoo:
    """`client`: of zoo_served.CLIENTS; None: the device is assigned."""

    def __init__(self, boot, lend, initrd, l1, far, name, client=None):
        self._boot, self._lend, self._initrd = boot, lend, initrd
        self.l1, self.far, self._client = l1, far, client
        self._name = re.sub(r"\W+", "-", name)

    def _start(self, addresses, functions, append, properties, memory):
        if ON_QEMU:
            return zoo_qemu.on_qemu(self.l1, self._initrd, functions, append,
                                    properties, memory)
        if isinstance(properties, str):
            properties = [properties] * len(functions)
        properties = [more + ("" if f.can_reset else ",x-allow-unreset=on")
                      for f, more in zip(functions, properties, strict=True)]
        return self._boot(self.l1, devices=addresses, append=append, init=INIT,
                          properties=properties, memory=memory)

    def _client_of(self, server, append):
        if self._client == zoo_served.QEMU:
            machine = zoo_served.on_qemu(server, self._initrd, append)
        else:
            machine = zoo_served.on_lend(server, self._boot, INIT, append)
        machine.ready(120)
        server.is_confined()
        return machine

    @contextlib.contextmanager
    def lent(self, addresses, mode, append="", properties="", memory="256M",
             is_compared=True):
        """The mode None: the device has no interrupts."""
        functions = [Function(self.l1, a) for a in addresses]
        server = None
        if mode == "INTx" and not append:
            append = NO_MESSAGES
        with contextlib.ExitStack() as stack:
            if self._client:
                bind(self.l1, addresses)
                server = stack.enter_context(zoo_served.serving(self.l1, self._lend, *functions))
                machine = self._client_of(server, append)
            else:
                machine = self._start(addresses, functions, append, properties, memory)
            try:
                lent = Lent(machine, functions, self.far, server)
                yield lent
                if mode:
                    lent.interrupted(mode)
                if is_compared:
                    lent.same_config(cache.ROOT / "build/lab/zoo" / self._name)
                machine.tell("guest_end")
                machine.command.wait(least=60)
            except BaseException:
                # What the test cleans up needs the devices back.
                machine.command.kill(signal.SIGKILL, "cgroup")
                raise
        machine.ended(0)
