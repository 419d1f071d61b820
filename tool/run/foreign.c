/* SPDX-License-Identifier: MIT */
/* The options of other monitors; see foreign.h. A row is a reason, with all options that it is one for. */
#include <string.h>

#include "tool/run/foreign.h"

#define NO_SCREEN "there is no display; leave it out (an assigned graphics card has one of its own)"
#define ASSIGNED  "no device is emulated for the guest; "
#define KVM       "KVM is always used; leave it out"

static const struct foreign option_rows[] = {
	/* What is so anyway. */
	{"enable-kvm nographic nodefaults nodefconfig no-user-config nouserconfig no-hpet no-fd-bootchk "
	 "mem-prealloc lock-guest-memory no-balloon no-rng no-usb no-api enable-pci",
	 "", NULL},
	{"accel", "kvm kernel-irqchip=on", KVM},
	{"no-kvm no-kvm-pit tb-size icount singlestep one-insn-per-tb xen-domid xen-attach semihosting", NULL,
	 KVM},
	{"cpu", "host max",
	 "the guest sees the processor of the host, and nothing of that can be changed; leave it out"},
	{"seccomp", "on true", "give -sandbox on, log or off"},
	{"disable-sandbox no-seccomp", NULL, "give -sandbox off"},
	{"seccomp-filter seccomp-policy-dir landlock landlock-rules", NULL, "give -sandbox on, log or off"},
	{"overcommit realtime", "mem-lock=on mlock=on",
	 "the guest's memory is always locked, since devices reach it; leave it out"},

	/* Memory, processors, tables of the firmware. */
	{"memory mem", NULL, "give -m SIZE, like -m 4G"},
	{"mem-path hugepages hugetlbfs", NULL,
	 "give -m SIZE,hugetlb=2M or -m SIZE,hugetlb=1G for huge pages"},
	{"balloon", "none", "the guest has all of its memory from the start to the end; leave it out"},
	{"numa memory-zone", NULL,
	 "the guest has one node of memory; -m SIZE,node=N takes it from node N of this computer"},
	{"cpus vcpus", NULL, "give -c N"},
	{"rt-cpus cpu-affinity", NULL, "give -c N,pin=LIST, like -c 4,pin=0-3"},
	{"core-scheduling", NULL,
	 "give the guest whole cores of the computer, by -c N,pin=LIST; leave it out"},
	{"smbios", NULL,
	 "the guest's SMBIOS tables are lend's own; give -uuid UUID for the one that they have"},
	{"acpitable", NULL, "the guest's tables are lend's own; leave it out"},
	{"no-acpi", NULL, "the guest finds its devices by ACPI; leave it out"},
	{"dtb", NULL, "a guest on x86 has no device tree; leave it out"},
	{"localtime startdate clock", NULL,
	 "a guest with -firmware is given its time by -rtc base=localtime or base=DATETIME; others read "
	 "it, in UTC, from KVM's own clock"},
	{"watchdog watchdog-action", NULL, "the machine has no watchdog; leave it out"},

	/* The guest's kernel. */
	{"bios pflash flash", NULL,
	 "give -firmware uefi, or -firmware CODE[,vars=FILE] with the files of an image of UEFI firmware"},
	{"igvm option-rom L", NULL,
	 "give -firmware CODE for UEFI firmware, and romfile= with the -device that a ROM is for"},
	{"cmdline params p", NULL, "give -append TEXT"},
	{"initramfs i", NULL, "give -initrd FILE"},
	{"k", NULL, "give -kernel FILE for the guest's kernel; there is no keyboard that has a layout"},

	/* Devices. */
	{"vfio vfio-pci", NULL, "give -device vfio-pci,host=ADDRESS"},
	{"user-device vdpa vsock cid shmem ivshmem tpm tpmdev rng", NULL, ASSIGNED "leave it out"},
	{"nic network", "none", "give -net user or -net tap=NAME, or hand over a network card with -device"},
	{"netdev n tap-name tap-fd host-ip netmask mac vhost-net vhost-user-net no-dhcp", NULL,
	 "give -net user or -net tap=NAME, or hand over a network card with -device"},
	{"drive blockdev hda hdb hdc hdd cdrom fda fdb sd mtdblock pmem rwdisk root rwroot block iscsi", NULL,
	 "give -disk IMAGE, or hand over the drive's controller with -device"},
	{"snapshot", NULL, "the guest writes to the drive that it has; leave it out"},
	{"fsdev virtfs fs 9p shared-dir smb tftp bootp", NULL,
	 "no folder is shared with the guest; give it a disk with -disk, or a network with -net user"},
	{"audio audiodev soundhw virtio-snd ac97", "none", ASSIGNED "hand over a sound card with -device"},
	{"usb usbdevice", NULL, ASSIGNED "hand over a USB controller with -device"},
	{"add-fd", NULL, "give -device vfio-pci,fd=N for a device's node that is open already"},
	{"global set", NULL, "give the property with the -device that it is for"},
	{"platform pci-segment", NULL, "lend chooses the place of each device; leave it out"},

	/* Who sees and steers it. */
	{"display vga vnc", "none", NO_SCREEN},
	{"spice sdl curses gtk full-screen g gpu wayland-sock x-display show-cursor portrait rotate", NULL,
	 NO_SCREEN},
	{"parallel", "none", "the guest has a serial line alone; give -serial stdio, file:PATH or unix:PATH"},
	{"chardev console tty debugcon debug-console virtioconsole", NULL,
	 "the guest has a serial line alone; give -serial stdio, file:PATH or unix:PATH"},
	{"monitor", "none",
	 "there is no monitor for people; give -qmp unix:PATH for a socket that speaks QMP"},
	{"qmp-pretty mon api-socket api-sock", NULL, "give -qmp unix:PATH for a socket that speaks QMP"},
	{"echr", NULL, "the key that lend takes from a terminal is Ctrl-a; leave it out"},
	{"event-monitor metrics-path", NULL, "give -stats FILE for the counters of a run"},
	{"D log-file log-path", NULL, "all lines go to standard error; write 2>FILE at the end"},
	{"msg", "timestamp=off",
	 "lines have no time of their own, the journal of a service has; leave it out"},
	{"dfilter debug level plugin", NULL, "give -v, or twice for all that can be said"},
	{"d", NULL, "give -v to hear more; a disk is given with -disk IMAGE"},
	{"s gdb", NULL, "no debugger can be connected; leave it out"},
	{"S preconfig", NULL, "the guest is started at once; leave it out"},

	/* The process and its life. */
	{"id", NULL, "give -name NAME"},
	{"daemonize", NULL, "lend run stays in the foreground; start the service lend@NAME instead"},
	{"pidfile", NULL,
	 "the process is the one that was started: $! of a shell, MainPID of a service; leave it out"},
	{"runas run-with chroot", NULL, "give -user NAME; the machine opens no file after its start"},
	{"no-shutdown action", NULL,
	 "a machine ends when its guest does, and with -no-reboot when that reboots; leave it out"},
	{"incoming loadvm only-migratable restore", NULL,
	 "machines are neither saved nor moved; leave it out"},
	{"readconfig writeconfig config config-file cfg", NULL,
	 "give @FILE for a file that has an option of lend run on each line"},
	{"version V", NULL, "lend --version prints it"},
};

static bool has_word(const char *list, const char *word, size_t length)
{
	size_t have;

	for (; *list; list += have + (list[have] == ' ')) {
		have = strcspn(list, " ");
		if (have == length && !strncmp(list, word, length))
			return true;
	}
	return false;
}

const struct foreign *foreign_row(size_t index)
{
	return index < sizeof(option_rows) / sizeof(*option_rows) ? &option_rows[index] : NULL;
}

const struct foreign *foreign_find(const char *name, size_t length)
{
	const struct foreign *row;

	for (size_t i = 0; (row = foreign_row(i)); i++)
		if (has_word(row->names, name, length))
			return row;
	return NULL;
}

bool foreign_is_same(const struct foreign *row, const char *value)
{
	size_t length;

	for (;; value += length + 1) {
		length = strcspn(value, ",");
		if (!row->same || !has_word(row->same, value, length))
			return false;
		if (!value[length])
			return true;
	}
}
