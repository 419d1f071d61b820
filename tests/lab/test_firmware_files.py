# SPDX-License-Identifier: MIT
"""Files of UEFI firmware as Debian's packages have them: what is refused, each in
one line and at once, and what is found. No machine comes to run here."""

import fcntl
import re
import resource
import shutil
import subprocess

import pytest

from firmware import RELEASES
from lab import cache
from lab.patience import patient

USAGE, FAILED = 2, 1
AT_ONCE = 5  # seconds of a processor; it is tenths of one


@pytest.fixture(params=RELEASES)
def images(request):
    return cache.ovmf(request.param) / "OVMF"


def spent():
    """Seconds that the processes have used of a processor, which are as many on a busy computer."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture
def refused(lend, tmp_path):
    """refused(status, pattern, word...): lend run with these words ends so, with one line."""
    def run(status, pattern, *words, environment=None):
        before = spent()
        done = subprocess.run(
            [str(w) for w in (lend, "run", "-serial", "none", *words)], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=patient(60), check=False,
            env=environment or {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
        assert done.returncode == status, done.stderr
        assert re.fullmatch(r"lend: [^\n]*\n", done.stderr), done.stderr
        assert re.search(pattern, done.stderr), done.stderr
        assert not done.stdout
        assert spent() - before < AT_ONCE
    return run


def test_images_with_secure_boot(images, refused):
    secure = [p for p in images.glob("OVMF_CODE*") if p.resolve().name.find("secboot") >= 0]
    assert len(secure) >= 2
    for path in secure:
        refused(USAGE, "SMM.*give OVMF_CODE_4M.fd", "-firmware", path)


def test_files_that_were_mixed_up(images, refused, tmp_path):
    code, variables = images / "OVMF_CODE_4M.fd", images / "OVMF_VARS_4M.fd"
    refused(USAGE, "a store of variables and no code", "-firmware", f"{variables},vars={code}")
    refused(USAGE, "it is firmware code", "-firmware", f"{code},vars={code}")
    refused(USAGE, "-kernel and -firmware exclude each other", "-firmware", code, "-kernel", code)
    refused(USAGE, "-append and -firmware exclude each other", "-firmware", code, "-append", "x")
    size_is_wrong = "has {} bytes, and a flash chip has a multiple of 4096"
    for size, as_code, as_store in (
            (4 << 20, "reset vector", "does not begin as one"),
            (3 << 20, "reset vector", "does not begin as one"),
            *((size, *[size_is_wrong.format(size)] * 2) for size in (0, 0x83fff, 0x84001))):
        path = tmp_path / "zeros.fd"
        path.write_bytes(bytes(size))
        refused(USAGE, as_code, "-firmware", path)
        refused(USAGE, as_store, "-firmware", f"{code},vars={path}")
    cut = tmp_path / "cut.fd"
    cut.write_bytes(code.read_bytes()[-(3 << 20):])
    refused(USAGE, "begins with no volume", "-firmware", cut)


def test_a_store_that_cannot_be_had(images, refused, tmp_path):
    code = tmp_path / "CODE.fd"
    shutil.copy(images / "OVMF_CODE_4M.fd", code)
    store = tmp_path / "store.fd"
    refused(FAILED, "vars-template=FILE", "-firmware", f"{code},vars={store}")
    assert not store.exists()
    shutil.copy(images / "OVMF_VARS_4M.fd", store)
    with open(store, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refused(FAILED, "another machine's.*another -name", "-firmware", f"{code},vars={store}")
    refused(FAILED, "No such file or directory; the package ovmf", "-firmware", tmp_path / "none.fd")


def test_firmware_is_found_by_its_descriptions(lend, tmp_path):
    """Descriptions as Debian has them, with the paths of the cache."""
    for release in RELEASES:
        images = cache.ovmf(release) / "OVMF"
        folder = tmp_path / release / "qemu/firmware"
        folder.mkdir(parents=True)
        found = sorted((images.parent / "firmware").glob("*.json"))
        assert len(found) >= 3
        for path in found:
            text = path.read_text().replace("/usr/share/OVMF", str(images))
            # The computer's own come later.
            (folder / f"00-{path.name}").write_text(text)
        done = subprocess.run(
            [lend, "check", "-firmware", "uefi"], capture_output=True, text=True, check=False,
            env={"PATH": "/usr/bin:/bin", "XDG_CONFIG_HOME": str(tmp_path / release)})
        assert re.search(rf"ok +{images}/OVMF_CODE_4M.fd is firmware that a machine can start, with "
                         rf"{images}/OVMF_VARS_4M.fd\n", done.stdout), done.stdout + done.stderr
