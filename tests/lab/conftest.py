# SPDX-License-Identifier: MIT
"""Fixtures for tests that run in L1.

    @pytest.mark.profile("nvme")
    def test_something(l1):
        machine = l1()                       # or l1("two-nvme"), or a Profile
        machine.run("lspci", check=True)

Rules: an L1 is booted once for a profile and serves its tests one after the
other; after a test that failed, and after a panic, the next one gets a fresh
L1. At most two L1s are kept in a worker. pytest-xdist runs profiles side by
side (`-n 2 --dist loadgroup`), never two tests in one L1.
"""

import collections
import functools
import hashlib
import itertools
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from lab import cache, images, patience  # noqa: E402
from lab.machine import Profile  # noqa: E402
from lab.profiles import PROFILES  # noqa: E402
from lab.session import Died, Session  # noqa: E402

import firmware as the_firmware  # noqa: E402
import guest  # noqa: E402
import progress  # noqa: E402
import zoo as the_zoo  # noqa: E402
from zoo_far import Far  # noqa: E402
from zoo_matrix import Matrix  # noqa: E402
from vfio_user import Here  # noqa: E402

KEPT = 2
# The slowest computer known takes one and a half times as long as ours; two L1s and more on two
# processors, and what else runs there, take the rest.
PATIENCE = 4
slowest = []
runs = itertools.count()


class Pool:
    """The L1s of this worker, the least recently used one first."""

    def __init__(self, config):
        self._config = config
        self._sessions = collections.OrderedDict()

    def get(self, profile):
        session = self._sessions.pop(profile, None)
        if session and not session.alive:
            self._end(session)
            session = None
        if not session:
            while len(self._sessions) >= KEPT:
                self._end(self._sessions.popitem(last=False)[1])
            session = Session(profile)
        self._sessions[profile] = session
        return session

    def drop(self, profile):
        session = self._sessions.pop(profile, None)
        if session:
            self._end(session)

    def _end(self, session):
        for r in session.slowest():
            slowest.append((r.seconds, " ".join(r.argv)[:100], r.log))
        session.close()

    def end_all(self):
        while self._sessions:
            self._end(self._sessions.popitem()[1])


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true",
                     help="also the tests that are marked long, and loops at full length")


def pytest_configure(config):
    patience.factor = float(os.environ.setdefault("LAB_PATIENCE", str(PATIENCE)))  # for lab/run, too
    progress.register(config)
    config.addinivalue_line("markers", "firmware: below its guest the emulator may end itself")
    config.addinivalue_line("markers", "long: run by --long alone")
    config.addinivalue_line("markers", "profile(name): the L1 that a test uses")
    config.addinivalue_line("markers", "xdist_group(name): run by one worker")
    config.addinivalue_line("markers", "zoo(device, mode): a cell of the matrix")
    config.lab_pool = Pool(config)
    name, title = ("zoo-on-qemu.txt", "device zoo on QEMU's vfio-pci") \
        if the_zoo.ON_QEMU else ("zoo.txt", "device zoo")
    config.pluginmanager.register(Matrix(
        ROOT / "build/lab" / name, not hasattr(config, "workerinput"), title))


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        # Left out, and counted as such; none of them passes by being skipped.
        long = [i for i in items if i.get_closest_marker("long")]
        items[:] = [i for i in items if not i.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
    for item in items:
        mark = item.get_closest_marker("profile")
        if mark and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(mark.args[0]))
    # Tests of one profile next to each other, otherwise as written. Workers
    # take profiles in this order: the longest first, and last what needs none.
    def profile(item):
        mark = item.get_closest_marker("profile")
        return mark.args[0] if mark else ""

    counts = collections.Counter(map(profile, items))
    order = {name: n for n, name in enumerate(counts)}
    items.sort(key=lambda i: (not profile(i), -counts[profile(i)], order[profile(i)]))


# What the emulator of L1 says when it ends itself below UEFI firmware (QEMU 7.2, 10.0 and 11.1).
QEMU_ENDED = "cpu_interrupt: assertion failed", "tcg_handle_interrupt: assertion failed"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call":
        item.lab_failed = report.failed
        # A guest's output, or L1's own start, is no evidence of it: L1 was up, and its QEMU said so.
        ended = report.failed and type(call.excinfo.value) is Died
        why = str(call.excinfo.value) if ended else ""
        if item.get_closest_marker("firmware") and any(words in why for words in QEMU_ENDED):
            # Nothing was shown, and nothing of lend's is known to be wrong. Said as what it is: not passed.
            report.outcome = "skipped"
            report.longrepr = (str(item.path), 0, f"Skipped: L1's QEMU ended itself: {why}")


@pytest.fixture(scope="session")
def times(pytestconfig):
    """times(N): how often to do what shows itself only now and then: N with --long."""
    return lambda number: number if pytestconfig.getoption("--long") else min(number, 5)


@pytest.fixture
def l1(request):
    """A function that gives the L1 of a profile: by name, by value, or the
    one that the test is marked with."""
    pool = request.config.lab_pool
    mark = request.node.get_closest_marker("profile")
    used = []

    def get(profile=None):
        if profile is None:
            profile = mark.args[0]
        if not isinstance(profile, Profile):
            profile = PROFILES[profile]
        used.append(profile)
        return pool.get(profile)

    yield get
    if getattr(request.node, "lab_failed", True):
        for profile in used:
            pool.drop(profile)


@pytest.fixture(scope="session")
def kernel():
    """kernel(name): the lab.cache.Kernel of stock, cloud, bpo, lab or memtest."""
    return functools.lru_cache(cache.kernel)


@pytest.fixture(scope="session")
def guest_image():
    """guest_image(script, kernel="lab", modules=(), add=()): a guest's initrd.

    The script is the text of its /init; /bin/diskio is always there. The
    file's name is its content's hash: L1 caches what it has seen by name.
    """
    def make(script, kernel="lab", modules=(), add=()):
        folder = ROOT / "build/lab/guests"
        folder.mkdir(parents=True, exist_ok=True)
        key = hashlib.sha256(script.encode()).hexdigest()[:16]
        init = folder / f"init-{key}"
        images.write(init, script.encode())
        data = images.guest(cache.kernel(kernel), init,
                            [(images.diskio(), "bin/diskio"), *add], modules)
        key = hashlib.sha256(data).hexdigest()[:16]
        path = folder / f"{key}.cpio"
        images.write(path, data)
        return path
    return make


@pytest.fixture(scope="session")
def lend():
    """The program under test: build/lend, or what LEND names."""
    path = Path(os.environ.get("LEND") or ROOT / "build/lend").resolve()
    if not path.exists():
        pytest.fail("build/lend: not there; run make first")
    return path


@pytest.fixture
def here(lend):
    """Servers and a foreign client of vfio-user on this computer; see vfio_user.py."""
    processes = Here(lend)
    yield processes
    processes.end()


@pytest.fixture
def boot(l1, lend, kernel, guest_image):
    """boot(machine): a guest on an L1, with all its devices; see guest.py.

    Options: kernel_name (stock, cloud, bpo, lab; vmlinux is the lab's, booted
    by PVH), modules, cpus, memory, append, properties (of every device,
    or a list of each one's), devices, serial, options (more of lend run's), wait (until the guest takes
    lines), init (the text of another one), and those of Guest.
    """
    def make(machine, kernel_name="lab", modules=(), cpus=1, memory="256M",
             append="", properties="", devices=None, serial="stdio",
             options=(), wait=True, init=guest.INIT, **others):
        pvh = kernel_name == "vmlinux"
        if pvh:
            kernel_name = "lab"
        image = kernel(kernel_name).image
        devices = machine.addresses if devices is None else devices
        stats = machine.results / f"stats-{os.getpid()}-{next(runs)}"
        words = [lend, "run", "-m", memory, "-c", cpus,
                 "-kernel", image.with_name("vmlinux") if pvh else image,
                 "-initrd", guest_image(init, kernel_name, modules),
                 "-append", f"{guest.APPEND} {append}".strip(),
                 "-serial", serial, "--stats", stats, *options]
        if isinstance(properties, str):
            properties = [properties] * len(devices)
        for address, more in zip(devices, properties, strict=True):
            words += ["-device", f"vfio-pci,host={address}{more}"]
        made = guest.Guest(machine, words, devices, stats=stats, **others)
        return made.ready() if wait else made

    return make


@pytest.fixture
def firmware(l1, lend, profile):
    """firmware(device, ...): a machine with ovmf that has these devices of the host; see firmware.py."""
    return the_firmware.Maker(l1, lend, profile)


@pytest.fixture(scope="session")
def far():
    """What the guests of the zoo talk to over a network."""
    made = Far()
    yield made
    made.close()


@pytest.fixture
def zoo(request, l1, lend, boot, guest_image, far):
    """The devices of the L1 that the test is marked with; see zoo.py."""
    mark = request.node.get_closest_marker("zoo")
    return the_zoo.Zoo(boot, lend, guest_image(the_zoo.INIT), l1(), far, request.node.name,
                       mark and mark.kwargs.get("client"))


@pytest.fixture(scope="session")
def sha256():
    """sha256(path): of a file on the host side."""
    def digest(path):
        with open(path, "rb") as f:
            return hashlib.file_digest(f, "sha256").hexdigest()
    return digest


# The ten slowest commands, from all workers, at the end

def pytest_sessionfinish(session):
    session.config.lab_pool.end_all()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["lab_slowest"] = slowest


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    slowest.extend(getattr(node, "workeroutput", {}).get("lab_slowest", []))


def pytest_terminal_summary(terminalreporter):
    if not slowest:
        return
    terminalreporter.section("slowest commands in L1")
    for seconds, line, log in sorted(slowest, reverse=True)[:10]:
        first = line.splitlines()[0]
        terminalreporter.write_line(f"{seconds:7.2f} s  {first}  ({log})")
