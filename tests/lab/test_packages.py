# SPDX-License-Identifier: MIT
"""The Debian packages, installed into a Debian by chroot, upgraded, and taken away again.
All of it is one test, since a system is made for it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab import cache

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["lend", "liblend0", "liblend-dev"]

# What dpkg and the C library keep of their own work.
THEIRS = re.compile(r"var/(log|cache|lib/dpkg)(/|$)|(tmp|proc|sys)/|etc/ld\.so\.cache$|"
                    r"var/lib/systemd(/deb-systemd-helper-\w+)?$")

# In the place of systemd's: writes down what a package's scripts ask for.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/tmp/asked
"""


class Debian:
    """A copy of the tree; commands run in it, with processes and mounts of their own."""

    def __init__(self, folder):
        self.root = folder / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", cache.tree(), self.root], check=True)

    def tell(self, line):
        enter = (f"mount -t proc proc {self.root}/proc && mount --rbind /sys {self.root}/sys && "
                 f"exec chroot {self.root} /bin/sh -c \"$0\"")
        return subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", enter, line],
                              env={"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=300, check=False)

    def ask(self, line):
        done = self.tell(line)
        assert done.returncode == 0, f"{line}: status {done.returncode}: {done.stdout}"
        return done.stdout.strip()

    def put(self, path, text, mode=0o644):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def files(self):
        """All there is but what dpkg keeps."""
        found = set()
        for folder, folders, files in os.walk(self.root):
            at = Path(folder).relative_to(self.root)
            found |= {str(at / name) for name in folders + files}
        return {path for path in found if not THEIRS.match(path)}


@pytest.fixture(scope="module")
def packages():
    """{name: its .deb}"""
    done = subprocess.run([ROOT / "scripts/package"], check=True, stdout=subprocess.PIPE, text=True)
    return {Path(line).name.split("_")[0]: Path(line) for line in done.stdout.splitlines()}


@pytest.fixture
def debian(tmp_path):
    if os.geteuid():
        pytest.skip("only root can enter a Debian by chroot")
    made = Debian(tmp_path)
    yield made
    shutil.rmtree(made.root)


def command_works(debian, version):
    assert debian.ask("lend --version") == f"lend {version}"
    assert "ADDRESS" in debian.ask("lend ls") or not os.listdir("/sys/bus/pci/devices")
    debian.ask("bash -c '. /usr/share/bash-completion/completions/lend && complete -p lend'")
    for page in "man1/lend.1", "man1/lend-run.1", "man5/lend-quirks.5", "man3/lend_function_new.3":
        assert (debian.root / f"usr/share/man/{page}.gz").exists()
    assert "@BINDIR@" not in debian.ask("cat /lib/systemd/system/lend*")


def library_works(debian, version):
    """Each example is built by what pkg-config says, and a monitor's own test runs."""
    examples = "/usr/share/doc/liblend-dev/examples"
    assert debian.ask("pkg-config --modversion liblend") == version
    for name, package in (("tiny-vmm", "liblend"), ("dma-loop", "liblend"), ("serve-counter", "liblend"),
                          ("test-monitor", "lend-fake")):
        debian.ask(f"gcc -std=gnu11 -Wall -Werror -o /tmp/{name} {examples}/{name}.c "
                   f"$(pkg-config --cflags --libs {package})")
    assert "liblend.so.0 => /" in debian.ask("ldd /tmp/tiny-vmm")
    debian.ask("/tmp/test-monitor")


def symbols_are_the_maps(debian):
    told = debian.ask("cat /var/lib/dpkg/info/liblend0:amd64.symbols")
    names = re.findall(r"(?m)^ (lend_\w+)@", told)
    assert sorted(names) == sorted(re.findall(r"(?m)^\t(lend_\w+);", (ROOT / "lib/liblend.map").read_text()))


def install(debian):
    return debian.ask("dpkg -i /tmp/debs/*.deb")


def upgrade_touches_nothing(debian):
    """With systemd there, a rule for the next boot, a machine, and a device that is served."""
    debian.put("usr/local/sbin/systemctl", SYSTEMCTL, 0o755)
    debian.put("tmp/asked", "")
    (debian.root / "run/systemd/system").mkdir(parents=True)
    wants = debian.root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    assert not (wants / "lend-bind.service").is_symlink()
    (wants / "lend-bind.service").symlink_to("/lib/systemd/system/lend-bind.service")
    debian.put("etc/lend/bind.d/slot", "a rule\n")
    debian.put("etc/cdi/lend-vfio.json", "{}\n")
    debian.put("etc/lend/web.conf", "-m 128M\n")
    def files():
        # Beside what dpkg notes of a service that is enabled.
        return {path for path in debian.files() if "deb-systemd-helper" not in path}

    before = files()
    debian.ask("lend serve test --socket-path /tmp/sock & server=$!\n"
               "dpkg -i /tmp/debs/*.deb && kill -0 $server && kill $server")
    assert files() == before
    assert (wants / "lend-bind.service").is_symlink()
    assert (debian.root / "tmp/asked").read_text() == ""


def nothing_is_left(debian, before):
    debian.ask(f"dpkg -r {' '.join(reversed(NAMES))}")
    assert (debian.root / "etc/lend/bind.d/slot").exists()
    debian.ask(f"dpkg -P {' '.join(reversed(NAMES))}")
    ours = {"usr/local/sbin/systemctl", "run/systemd", "run/systemd/system"}
    # What a person wrote.
    kept = {"etc/lend", "etc/lend/web.conf"}
    wants = {path for path in debian.files() if path.endswith("multi-user.target.wants")}
    assert debian.files() - before - ours - wants == kept
    assert before <= debian.files()
    assert set((debian.root / "tmp/asked").read_text().splitlines()) == {"--system daemon-reload"}


def test_packages_in_a_debian(debian, packages):
    before = debian.files()
    (debian.root / "tmp/debs").mkdir()
    for name in NAMES:
        shutil.copy(packages[name], debian.root / "tmp/debs")
    version = packages["lend"].name.split("_")[1]
    install(debian)
    command_works(debian, version)
    library_works(debian, version)
    symbols_are_the_maps(debian)
    upgrade_touches_nothing(debian)
    nothing_is_left(debian, before)
