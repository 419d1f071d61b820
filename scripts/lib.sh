# SPDX-License-Identifier: MIT
#
# What every script of this project shares: messages, the cache, and the
# set-up of the computer. Sourced, never run.
#
# Rules: silent about what is already there; says what it is about to do
# before a step that takes long; never edits the computer's package sources;
# standard output is for results, so everything here talks on standard error.

LEND_CACHE=${LEND_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lend}
# modprobe, depmod and debootstrap are in folders that an ordinary user's PATH does not have.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LEND_CACHE PATH

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }

# shellcheck disable=SC2034 # for the scripts that source this
# Packages by purpose. The demo's list stays short: it is the first thing
# that a newcomer waits for.
PKGS_BUILD="gcc make libc6-dev linux-libc-dev acpica-tools
	libjansson-dev libpci-dev libseccomp-dev liburing-dev pkgconf
	liblz4-dev liblzma-dev libxxhash-dev libzstd-dev zlib1g-dev"
PKGS_LAB="python3 qemu-system-x86 busybox-static kmod xz-utils zstd"
PKGS_KERNEL="gcc make libc6-dev flex bison bc libelf-dev xz-utils kmod
	binutils"
# Building modules for a packaged kernel needs what its configuration names; the kernel's
# own tests need two libraries.
PKGS_NEWEST="$PKGS_KERNEL libssl-dev dwarves libcap-dev uuid-dev"
PKGS_CHECK="clang g++ llvm libcmocka-dev scdoc python3-pytest python3-pytest-xdist
	pciutils procps strace graphviz zsh iproute2 e2fsprogs passt util-linux cppcheck clang-tidy"
# What bench/run needs; a lab test draws its report, too.
PKGS_BENCH="gnuplot-nox valgrind"
PKGS_PACKAGE="dpkg-dev debhelper lintian g++ scdoc systemd"

# For libFuzzer; by this name only Debian has it for each of its compilers.
on_debian() { (. /etc/os-release && [ "${ID:-}" = debian ]) 2>/dev/null; }
! on_debian || PKGS_CHECK="$PKGS_CHECK libclang-rt-dev"

# The lab's kernels and QEMU are fetched through the computer's own package
# sources, which only Debian's have; lab_is_here: they are, or are in the cache.
# shellcheck disable=SC2034
NO_LAB="the lab's kernels and QEMU are Debian's packages, which this system's sources do not have: scripts/demo and the lab's tests do not run here; make, make check-unit and the rest of scripts/check do"
lab_is_here() {
	on_debian || [ -s "$LEND_CACHE/stock/version" ]
}

# missing_packages NAME... prints those that are not installed.
missing_packages() {
	local p s
	for p in "$@"; do
		s=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) || s=
		[ "$s" = installed ] || printf '%s ' "$p"
	done
}

# need_packages NAME... installs what is missing, or says what to install.
need_packages() {
	local missing as_root log
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		need_commands "$@"
		return
	fi
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" = 0 ]; then
		as_root=
	elif command -v sudo >/dev/null; then
		as_root=sudo
	else
		die "these packages are missing; install them as root: $missing"
	fi
	say "installing $missing"
	# shellcheck disable=SC2086 # a list of words
	log=$(mktemp)
	{
		$as_root apt-get -q -o DPkg::Lock::Timeout=600 update &&
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy \
			-o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 \
			install --no-install-recommends $missing
	} >"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		die "apt-get failed; its output is in $log"
	}
	rm -f "$log"
}

# need_commands PACKAGE...: where there is no apt-get, look for what the
# packages would have brought, and name what is not there.
need_commands() {
	local lost= p c
	for p in "$@"; do
		case $p in
		acpica-tools) c=iasl ;;
		busybox-static) c=busybox ;;
		qemu-system-x86) c=qemu-system-x86_64 ;;
		xz-utils) c=xz ;;
		kmod) c=modprobe ;;
		pkgconf) c=pkg-config ;;
		binutils) c=ld ;;
		python3-pytest) c=pytest-3 ;;
		gnuplot-nox) c=gnuplot ;;
		g++|gcc|make|flex|bison|bc|clang|clang-tidy|cppcheck|scdoc|strace|valgrind|zstd|python3) c=$p ;;
		*) lost="$lost $p(?)"; continue ;;
		esac
		command -v "$c" >/dev/null || lost="$lost $p"
	done
	[ -z "$lost" ] ||
		say "no apt-get here; see that you have the equivalents of:$lost"
}

# install_base DIR [OPTION]...: debootstrap's minbase of this computer's release, from
# the mirror that this computer uses. Its output goes to a log in the cache.
install_base() {
	local root=$1 codename mirror log=$LEND_CACHE/debootstrap.log; shift
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME)' 2>/dev/null |
		awk -v c="$codename" '$2 == c { print $1; exit }')
	[ -n "$mirror" ] || die "no package source for $codename found here"
	debootstrap --variant=minbase "$@" "$codename" "$root" "$mirror" >"$log" 2>&1 ||
		die "debootstrap failed; its output is in $log"
}

# lost_options FRAGMENT CONFIG: the lines of a kernel's fragment that its configuration has not.
lost_options() {
	local line option
	grep -E '^CONFIG_|^# CONFIG_.* is not set' "$1" | while read -r line; do
		case $line in
		'#'*) option=${line#\# }; option=${option%% *}
			! grep -q "^$option=" "$2" || echo "$line" ;;
		*) grep -qxF "$line" "$2" || echo "$line" ;;
		esac
	done
}

# timed WHAT COMMAND...: says how long a step took.
timed() {
	local what=$1 t0; shift
	t0=$(date +%s)
	"$@"
	say "$what: $(( $(date +%s) - t0 )) s"
}
