#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Debian's kernels 6.1 (linux-config-6.1 6.1.192-2) and 6.12 of bookworm-backports
# (linux-config-6.12 6.12.117-1~deb12u1) have VFIO for PCI devices, but neither
# iommufd nor a device's own node (VFIO_DEVICE_CDEV): on a stock host the group and
# its container are the only way to a device. A monitor that takes iommufd first and
# falls back runs the fall-back alone there; one that knows iommufd alone cannot start.
#
# Fails if a package of that version says something else.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# config PACKAGE=VERSION SERIES FLAVOUR: its VFIO and iommufd lines, without "CONFIG_".
config() {
	[ -d "$2" ] || { apt-get download -qq "$1" && dpkg-deb -x "${1%%=*}"_*.deb "$2"; }
	xzcat "$2/usr/src/linux-config-$2/config.amd64_none_$3.xz" |
		grep -E 'CONFIG_(VFIO|VFIO_PCI|VFIO_GROUP|VFIO_CONTAINER|VFIO_DEVICE_CDEV|IOMMUFD)( |=)' |
		sed 's/CONFIG_//' | sort | tr '\n' ';'
}

# expect SEEN WANTED WHAT
expect() {
	echo "$3: $1"
	[ "$1" = "$2" ] || { echo "not as it was: $2" >&2; exit 1; }
}

for flavour in amd64 cloud-amd64; do
	expect "$(config linux-config-6.1=6.1.192-2 6.1 $flavour)" \
		"VFIO=m;VFIO_PCI=m;" "6.1 $flavour"
	expect "$(config linux-config-6.12=6.12.117-1~deb12u1 6.12 $flavour)" \
		"# IOMMUFD is not set;VFIO=m;VFIO_CONTAINER=y;VFIO_GROUP=y;VFIO_PCI=m;" "6.12 $flavour"
done
