# SPDX-License-Identifier: MIT
"""How long the kernel takes to open a device of VFIO; it resets it then, where it can."""

import fcntl
import os
import struct
import time
from pathlib import Path

# linux/vfio.h: _IO(';', 100 + n)
SET_IOMMU, GROUP_SET_CONTAINER, GROUP_GET_DEVICE_FD, TYPE1_V2 = 0x3b66, 0x3b68, 0x3b6a, 3


def open_seconds(address):
    group = Path(f"/sys/bus/pci/devices/{address}/iommu_group").resolve().name
    container, fd = os.open("/dev/vfio/vfio", os.O_RDWR), os.open(f"/dev/vfio/{group}", os.O_RDWR)
    fcntl.ioctl(fd, GROUP_SET_CONTAINER, struct.pack("i", container))
    fcntl.ioctl(container, SET_IOMMU, TYPE1_V2)
    start = time.monotonic()
    device = fcntl.ioctl(fd, GROUP_GET_DEVICE_FD, bytearray(address.encode() + b"\0"))
    took = time.monotonic() - start
    for each in (device, fd, container):
        os.close(each)
    return took
