# SPDX-License-Identifier: MIT
"""The kernel's own tests of VFIO and iommufd, as proof of the lab: its kernels, and its emulated
devices and IOMMU, do what the kernel's own people ask of real ones.

Known test by test: all pass but those of KNOWN, which has what comes instead, and why.
A program that is new, or has other tests than it had, is a failure too. What they showed,
and what is not run: docs/reliability.md."""

import re
from typing import NamedTuple

import pytest

from lab import cache

pytestmark = pytest.mark.long

IGB, NVME, E1000E, EDU = DEVICES = "igb", "nvme", "e1000e", "edu"  # as in the profiles
SMALL, NEWEST = KERNELS = "lab", "newest"
OWN = "selftests"  # the kernel that is made for the tests of iommufd
LIMIT = 900  # seconds for a program

# The tests that each program has.
VFIO = {
    "vfio_dma_mapping_mmio_test": 15,
    "vfio_dma_mapping_test": 30,
    "vfio_iommufd_setup_test": 6,
    "vfio_pci_device_init_perf_test": 5,
    "vfio_pci_device_test": 5,
    "vfio_pci_driver_test": 35,
    "vfio_pci_sriov_uapi_test": 45,
}
IOMMU = {
    "iommufd": 246,
    "iommufd_fail_nth": 8,
}

# Programs that say that there is nothing for them to do with a device (exit status 4).
NOTHING = {
    # Of the drivers that the tests have, QEMU has no device but igb's; Intel's DSA and IOAT and
    # NVIDIA's Falcon are in none of its versions.
    "vfio_pci_driver_test": ("No driver found for device", (NVME, E1000E, EDU)),
    "vfio_pci_sriov_uapi_test": ("SR-IOV may not be supported by the PF", (NVME, E1000E, EDU)),
}


class Known(NamedTuple):
    """What comes instead of passing: for these tests (a pattern), with the program's own words (another)."""

    program: str
    tests: str
    outcome: str
    words: str
    devices: tuple = DEVICES
    kernels: tuple = KERNELS


KNOWN = (
    Known("vfio_pci_device_test", "vfio_pci_irq_test[.]msi[.].*", "skip", "MSI: not supported", (NVME,)),
    Known("vfio_pci_device_test", "vfio_pci_irq_test[.]msix[.].*", "skip", "MSI-x: not supported", (EDU,)),
    Known("vfio_pci_device_test", ".*[.]reset", "skip", "Device does not support reset", (EDU,)),
    # Its type1 answers EINVAL to a range that wraps; EOVERFLOW is of later ones.
    Known("vfio_dma_mapping_test", ".*[.]vfio_type1(v2)?_iommu[.]overflow", "fail", "", kernels=(SMALL,)),
    # A node of its has no VF token: VFIO_DEVICE_BIND_IOMMUFD learned of it later.
    Known("vfio_pci_sriov_uapi_test", ".*[.]iommufd_(same|diff|null)_uuid[.].*", "fail", "", (IGB,), (SMALL,)),
    # Run with a virtual IOMMU and without one; these five are about it.
    Known("iommufd", "iommufd_viommu[.]no_viommu[.](viommu_alloc_(nested_iopf|with_data)|vdevice_cache|hw_queue"
          "|vdevice_tombstone)", "skip", "Skipping test for variant no_viommu", (None,), (OWN,)),
    # The kernel's part of the test makes a dma-buf but answers 0, not its descriptor (iommufd_test_dmabuf_get in
    # drivers/iommu/iommufd/selftest.c), so the test goes on with descriptor 0, its standard input.
    Known("iommufd", "iommufd_ioas[.].*[.]dmabuf_(simple|revoke)", "fail", "", (None,), (OWN,)),
)


def outcomes(text):
    """{test: (outcome, reason)} of TAP that is whole."""
    found = {}
    for line in text.splitlines():
        line = re.fullmatch(r"(not )?ok \d+ (\S+)(?: # (?:(SKIP|XFAIL) )?(.*))?", line)
        if line:
            failed, name, word, reason = line.groups()
            assert name not in found, f"{name} twice"
            found[name] = "fail" if failed else word.lower() if word else "pass", reason or ""
    plan = re.search(r"^1\.\.(\d+)", text, re.MULTILINE)
    assert plan and int(plan[1]) == len(found), f"planned {plan and plan[1]}, told {len(found)}:\n{text}"
    return found


def surprises(found, program, device, kernel):
    """What is not as KNOWN has it, a line each."""
    rows = [row for row in KNOWN if row.program == program and device in row.devices and kernel in row.kernels]
    met = set()
    for name, (outcome, words) in found.items():
        row = next((row for row in rows if re.fullmatch(row.tests, name)), None)
        met.add(row)
        if row and (outcome != row.outcome or not re.search(row.words, words)):
            yield f"{name}: {outcome} {words!r}, not {row.outcome} {row.words!r}"
        elif not row and outcome != "pass":
            yield f"{name}: {outcome} {words!r}"
    yield from (f"nothing is like {row.tests}" for row in rows if row not in met)


def check(machine, line, count, program, device, kernel):
    """Runs it, and fails unless each of its tests ends as it is known to."""
    result = machine.run(line, timeout=LIMIT)
    words, devices = NOTHING.get(program, ("", ()))
    if device in devices:
        assert result.status == 4 and words in result.out + result.err, result.ending()
        return
    found = outcomes(result.out)
    assert not (lines := list(surprises(found, program, device, kernel))), "\n".join([*lines, result.log])
    failed = any(outcome == "fail" for outcome, _ in found.values())
    assert len(found) == count and result.status == (1 if failed else 0), f"{len(found)}, {result.ending()}"


@pytest.fixture(scope="session")
def selftests():
    return cache.selftests()


def test_list(selftests):
    """Each program that there is has its row here."""
    listed = (selftests / "list").read_text().split()
    assert sorted(listed) == sorted([f"vfio:{name}" for name in VFIO] + [f"iommu:{name}" for name in IOMMU])


def runs():
    """What was looked at: on the small kernel all, on the newest one igb, which has virtual functions, without
    the tests' driver for it."""
    for kernel in KERNELS:
        for device in DEVICES if kernel == SMALL else (IGB,):
            for program in VFIO:
                if kernel == SMALL or program != "vfio_pci_driver_test":
                    yield pytest.param(kernel, device, program, id=f"{kernel}-{device}-{program}",
                                       marks=pytest.mark.profile(f"kernel-tests-{kernel}"))


@pytest.mark.parametrize("kernel_name,device,program", runs())
def test_vfio(l1, selftests, kernel_name, device, program):
    machine = l1()
    address = machine.addresses[DEVICES.index(device)]
    scripts, program_file = selftests / "vfio/scripts", selftests / "vfio" / program
    machine.run("echo 1 >/sys/module/vfio_pci/parameters/enable_sriov", check=True)
    machine.run(["bash", scripts / "setup.sh", address], check=True)
    try:
        check(machine, ["bash", scripts / "run.sh", program_file], VFIO[program], program, device, kernel_name)
    finally:
        machine.run(["bash", scripts / "cleanup.sh"], check=True)


@pytest.mark.profile("kernel-tests-iommufd")
@pytest.mark.parametrize("program", IOMMU)
def test_iommufd(l1, selftests, program):
    """On an IOMMU that the kernel pretends."""
    check(l1(), [selftests / "iommu" / program], IOMMU[program], program, None, OWN)
