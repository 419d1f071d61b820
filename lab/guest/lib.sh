# SPDX-License-Identifier: MIT
#
# For the /init of a guest: source it first (`. /lib.sh`).
#
#   guest_start            mounts proc, sys, dev, debugfs; loads the modules
#   wait_for PATH [S]      until the path is there (at most S, 60)
#   answer WORDS...        one line of result, "lend-guest: WORDS"
#   guest_end              power off
#
# Rules: results go in one short line each; the console is slow in the lab.
export PATH=/bin
umask 022

guest_start() {
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs devtmpfs /dev 2>/dev/null
	mkdir -p /dev/pts
	mount -t devpts devpts /dev/pts 2>/dev/null
	mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
	[ ! -s /modules/order ] || while read -r m; do
		insmod "/modules/$m" || answer "module $m does not load"
	done </modules/order
}

# devtmpfs makes and removes the node, so a look every 20 ms costs nothing that
# matters and needs no daemon.
wait_for() {
	n=$((${2:-60} * 50))
	while [ ! -e "$1" ]; do
		n=$((n - 1))
		[ $n -gt 0 ] || { answer "no $1"; return 1; }
		usleep 20000
	done
}

answer() { echo "lend-guest: $*"; }

guest_end() { poweroff -f; }
