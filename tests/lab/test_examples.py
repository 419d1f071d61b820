# SPDX-License-Identifier: MIT
"""The examples, built against an installed library by what pkg-config says, and
run in L1 on edu."""

import os
import shlex
import subprocess

import pytest

from bare import image  # noqa: F401, a fixture
from lab import cache
from lab.patience import patient

CC = os.environ.get("CC", "gcc")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The library installed into a folder of its own, for both kinds of linking. Another worker has its own."""
    root = tmp_path_factory.mktemp("installed")
    subprocess.run(["make", "-s", "-C", cache.ROOT, "install-lib", f"PREFIX={root}"],
                   check=True, stdout=subprocess.DEVNULL)
    return root


@pytest.fixture(scope="module", params=["shared", "static"])
def build(installed, request):
    """build(name): the example's program. It sees the installed headers alone."""
    def make(name, package="liblend"):
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", package] +
            (["--static"] if request.param == "static" else []),
            env={**os.environ, "PKG_CONFIG_PATH": f"{installed}/lib/pkgconfig"},
            check=True, capture_output=True, text=True).stdout.split()
        if request.param == "static":
            # In its place: behind what needs it, before what it needs itself.
            flags = [f"{installed}/lib/liblend.a" if f == "-llend" else f for f in flags]
        else:
            flags += [f"-Wl,-rpath,{installed}/lib"]
        out = installed / f"{name}-{request.param}"
        subprocess.run([CC, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", out,
                        f"{name}.c", *flags], check=True, cwd=cache.ROOT / "examples")
        needs = subprocess.run(["readelf", "-d", out], check=True, capture_output=True,
                               text=True).stdout
        assert ("liblend.so.0" in needs) == (request.param == "shared")
        return out
    return make


def run(machine, *words):
    address = machine.addresses[0]
    driver = f"/sys/bus/pci/devices/{address}/driver"
    machine.run(f"[ \"$(basename $(readlink {driver}))\" = vfio-pci ] ||"
                f" {cache.LAB / 'bind'} {address} vfio-pci", check=True)
    result = machine.run(shlex.join(str(w).format(address=address) for w in words),
                         timeout=60)
    assert result.status == 0, result.err + result.out
    return result.out


@pytest.mark.profile("edu")
def test_dma_loop(l1, build):
    assert run(l1(), build("dma-loop"), "{address}", 50) == \
        "dma-loop: 50 times 4096 bytes there and back\n"


def test_serve_counter(build):
    """A device in a hundred lines; tests/unit/test_example_serve.c is its client."""
    program = build("serve-counter")
    assert len((cache.ROOT / "examples/serve-counter.c").read_text().splitlines()) <= 130
    assert subprocess.run([program], check=False).returncode == 2


@pytest.mark.profile("edu")
def test_tiny_vmm(l1, build, image):
    program = build("tiny-vmm")
    assert len((cache.ROOT / "examples/tiny-vmm.c").read_text().splitlines()) <= 400
    out = run(l1(), program, "{address}", image,
              "-- scan; edu 00:01.0 fact 10; edu 00:01.0 dma; edu 00:01.0 irq msi 3; off")
    assert "1234:11e8" in out
    assert "edu fact 10 3628800" in out
    assert "edu dma 4096 bytes there and back" in out
    assert "edu irq msi 4 interrupts, status 0x107, 0 spurious" in out, out
    assert out.endswith("guest: off now\n")


@pytest.mark.profile("edu")
def test_tiny_vmm_and_a_guest_that_hammers(l1, installed, image):
    """The same monitor with sanitizers: what the guest writes where it should not is no bug of ours."""
    program = installed / "tiny-vmm-sanitized"
    subprocess.run([CC, "-std=gnu11", "-g", "-fsanitize=address,undefined",
                    "-fno-sanitize-recover=all", "-static-libasan", "-static-libubsan",
                    f"-I{installed}/include", "-o", program, "tiny-vmm.c",
                    f"{installed}/lib/liblend.a", "-ljansson", "-pthread"],
                   check=True, cwd=cache.ROOT / "examples")
    out = run(l1(), program, "{address}", image,
              "-- cfgw 00:01.0 0x30 4 0xfffff801; cfgw 00:01.0 4 2 6;"
              " hammer 1 20000 cfg 00:01.0 0 256 cfg 00:01.0 0 4096; off")
    assert out.endswith("guest: off now\n")


def test_a_monitors_own_test(build):
    """No device, no machine and no privilege: it runs where it is built."""
    program = build("test-monitor", "lend-fake")
    out = subprocess.run([program], check=True, capture_output=True, text=True, timeout=patient(60)).stdout
    assert out == "test-monitor: passed\n"
