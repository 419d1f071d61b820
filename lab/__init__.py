# SPDX-License-Identifier: MIT
"""The lab: a Linux host with VFIO, an IOMMU and KVM, in software emulation."""
