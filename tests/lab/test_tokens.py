# SPDX-License-Identifier: MIT
"""VF tokens on a real kernel: a physical function with vfio-pci, and its virtual one."""

import pytest

from test_take import Host

PF, VF = "0000:01:00.0", "0000:01:10.0"
TOKEN, OTHER = ("83b8f4f2-509f-382f-3c1e-e6bfe0fa1001",
                "11111111-2222-3333-4444-555555555555")
SRIOV = "/sys/module/vfio_pci/parameters/enable_sriov"

# The user of the physical function: opens it with a token, and keeps it open.
USER = f"""
import fcntl, os, sys
ioctl = lambda fd, number, arg=0: fcntl.ioctl(fd, ord(";") << 8 | number, arg)
container = os.open("/dev/vfio/vfio", os.O_RDWR)
link = os.readlink("/sys/bus/pci/devices/{PF}/iommu_group")
group = os.open("/dev/vfio/" + os.path.basename(link), os.O_RDWR)
ioctl(group, 104, container.to_bytes(4, sys.byteorder))  # VFIO_GROUP_SET_CONTAINER
ioctl(container, 102, 3)                                 # VFIO_SET_IOMMU, TYPE1v2
ioctl(group, 106, b"{PF} vf_token={TOKEN}\\0")            # VFIO_GROUP_GET_DEVICE_FD
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run(l1, lend, kernel):
    """What lend run says of a device that it refuses; `run.host` is the host."""
    host = Host(l1(), lend)

    def refused(device, **options):
        words = "".join(f",{k.replace('_', '-')}={v}" for k, v in options.items())
        return host.lend("run", "-serial", "none", "-kernel", str(kernel("lab").image),
                         "-device", f"vfio-pci,host={device}{words}", status=1)
    refused.host = host
    return refused


def lent(host):
    host.lend("bind", PF)
    host.sh(f"echo Y >{SRIOV}; echo 1 >/sys/bus/pci/devices/{PF}/sriov_numvfs")
    assert host.driver(VF) == "vfio-pci"


def given_back(host):
    host.sh(f"echo 0 >/sys/bus/pci/devices/{PF}/sriov_numvfs; echo N >{SRIOV}")
    host.lend("unbind", PF)


@pytest.mark.profile("host-sriov")
@pytest.mark.parametrize("iommufd", ["on", "off"])
def test_no_token_is_taken(run, iommufd):
    """The physical function is with its own driver."""
    host = run.host
    host.lend("vf", PF, "1")
    host.lend("bind", VF)
    assert f"{VF} takes no VF token: it is a virtual function of {PF}, which is with igb" \
        in run(VF, vf_token=TOKEN, iommufd=iommufd)
    host.lend("unbind", VF)
    host.lend("vf", PF, "0")


@pytest.mark.profile("host-sriov")
def test_tokens(run, boot):
    host = run.host
    lent(host)
    for iommufd in ("on", "off"):
        assert f"no VF token was given; it is a virtual function of {PF}, which is with vfio-pci" \
            in run(VF, iommufd=iommufd)
    wrong = f"the VF token is not the one that the user of its physical function {PF} has set"
    assert wrong in run(VF, vf_token=OTHER)  # by the group: every kernel takes one there
    said = run(VF, vf_token=OTHER, iommufd="on")
    assert wrong in said or "this kernel takes no VF token with iommufd" in said
    user = host.l1.start(["python3", "-c", USER], stdin=True, timeout=180)
    user.expect("ready")
    assert wrong in run(VF, vf_token=OTHER)
    guest = boot(host.l1, devices=(),
                 options=["-device", f"vfio-pci,host={VF},vf-token={TOKEN}"])
    user.close_stdin()
    assert user.wait().status == 0
    guest.power_off()
    given_back(host)
    host.untouched(PF, "igb")
