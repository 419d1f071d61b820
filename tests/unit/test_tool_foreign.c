/* SPDX-License-Identifier: MIT */
/*
 * What is pasted from the command lines of other monitors: each option has a
 * sentence, or is taken because it means what is done anyway; and what a
 * sentence tells to write is taken.
 */
#include "tests/unit/tool_command_line.h"

/* Options that take a value are followed by one, in the place where a user has it. */
static void each_has_a_sentence(void **state)
{
	static const char *const rows[][2] = {
		{"-nic", "user"},
		{"-netdev", "user,id=n0"},
		{"-drive", "file=x.qcow2"},
		{"-blockdev", "{\"driver\":\"file\"}"},
		{"-hda", "x"},
		{"-hdb", "x"},
		{"-cdrom", "x.iso"},
		{"-fda", "x"},
		{"-pflash", "x"},
		{"-snapshot", NULL},
		{"-overcommit", "mem-lock=off"},
		{"-daemonize", NULL},
		{"-pidfile", "x"},
		{"-qmp-pretty", "stdio"},
		{"-monitor", "stdio"},
		{"-mon", "chardev=c"},
		{"-chardev", "socket,id=c"},
		{"-parallel", "x"},
		{"-cpu", "Skylake-Server"},
		{"-cpu", "host,kvm=off"},
		{"-accel", "tcg"},
		{"-accel", "kvm,x=y"},
		{"-display", "gtk"},
		{"-vga", "std"},
		{"-vnc", ":1"},
		{"-spice", "port=5900"},
		{"-usb", NULL},
		{"-usbdevice", "tablet"},
		{"-boot", "order=c"},
		{"-bios", "OVMF.fd"},
		{"-L", "x"},
		{"-k", "de"},
		{"-numa", "node"},
		{"-smbios", "type=1"},
		{"-acpitable", "x"},
		{"-fw_cfg", "x"},
		{"-dtb", "x"},
		{"-runas", "nobody"},
		{"-run-with", "user=x"},
		{"-chroot", "x"},
		{"-msg", "timestamp=on"},
		{"-D", "x"},
		{"-d", "int"},
		{"-S", NULL},
		{"-s", NULL},
		{"-gdb", "tcp::1234"},
		{"-watchdog", "x"},
		{"-watchdog-action", "x"},
		{"-incoming", "x"},
		{"-loadvm", "x"},
		{"-mem-path", "/dev/hugepages"},
		{"-balloon", "virtio"},
		{"-soundhw", "hda"},
		{"-audiodev", "x"},
		{"-audio", "pa"},
		{"-fsdev", "x"},
		{"-virtfs", "x"},
		{"-tpmdev", "x"},
		{"-global", "x"},
		{"-set", "x"},
		{"-readconfig", "x"},
		{"-writeconfig", "x"},
		{"-add-fd", "x"},
		{"-echr", "1"},
		{"-no-shutdown", NULL},
		{"-action", "x"},
		{"-only-migratable", NULL},
		{"-icount", "1"},
		{"-no-acpi", NULL},
		{"-option-rom", "x"},
		{"-realtime", "mlock=off"},
		{"-version", NULL},
		/* Of monitors that start a kernel too. */
		{"--cpus", "boot=4"},
		{"--memory", "size=4G"},
		{"--mem", "4096"},
		{"--cmdline", "x"},
		{"--params", "x"},
		{"-p", "x"},
		{"--initramfs", "x"},
		{"-i", "x"},
		{"--console", "off"},
		{"--vfio", "/sys/x"},
		{"--vfio-pci", "05:00.0"},
		{"--user-device", "x"},
		{"--vsock", "x"},
		{"--cid", "3"},
		{"--rng", "x"},
		{"--fs", "x"},
		{"--pmem", "x"},
		{"--api-socket", "x"},
		{"--api-sock", "x"},
		{"--config-file", "x"},
		{"--id", "x"},
		{"--log-file", "x"},
		{"--seccomp", "false"},
		{"--no-seccomp", NULL},
		{"--disable-sandbox", NULL},
		{"--rwdisk", "x"},
		{"--root", "x"},
		{"--tap-name", "x"},
		{"--shared-dir", "x"},
		{"--gpu", "x"},
		{"--hugepages", NULL},
		{"-n", "x"},
		{"--network", "x"},
		{"--9p", "x"},
		{"--tty", "0"},
		{"--sdl", NULL},
		{"--restore", "x"},
		{"--event-monitor", "x"},
		{"--platform", "x"},
		{"--metrics-path", "x"},
		/* Values of options that are ours. */
		{"-machine", "q35"},
		{"-machine", "q35,accel=kvm"},
		{"-machine", "pc-q35-9.2,usb=off,memory-backend=m"},
		{"-M", "microvm"},
		{"-machine", "cf8=on,accel=tcg"},
		{"-smp", "4,sockets=2"},
		{"-smp", "4,maxcpus=8"},
		{"-smp", "4,cores=2,threads=2"},
		{"-smp", "4,cores"},
		{"-smp", "4,nonsense=1"},
		{"-m", "1G,slots=2,maxmem=2G"},
		{"-m", "size=1G,slots=2"},
		{"-m", "1G,maxmem=2G"},
		{"-m", "size=1G,hugepages=on"},
		{"-m", "1G,shared=on"},
		{"-serial", "mon:stdio"},
		{"-serial", "pty"},
		{"-serial", "null"},
		{"-serial", "tty"},
		{"-serial", "off"},
		{"-serial", "file=x"},
		{"-serial", "socket=x"},
		{"-serial", "type=stdout,num=1"},
		{"-serial", "chardev:c0"},
		{"-serial", "tcp::4444,server"},
		{"-serial", "telnet:localhost:1"},
		{"-serial", "unix:/x,server=on,wait=off"},
		{"-serial", "unix:/x,server,nowait"},
		{"-serial", "vc"},
		{"-serial", "/dev/ttyS0"},
		{"-object", "memory-backend-ram,id=m,size=1G"},
		{"-object", "memory-backend-memfd,id=m"},
		{"-object", "{\"qom-type\":\"memory-backend-file\"}"},
		{"-object", "rng-random,id=r"},
		{"-object", "secret,id=s"},
		{"-object", "iothread,id=i"},
		{"-object", "nonsense"},
		{"-device", "virtio-net-pci,netdev=n0"},
		{"-device", "e1000e"},
		{"-device", "virtio-blk-pci,drive=d"},
		{"-device", "pcie-root-port,id=r"},
		{"-device", "ioh3420"},
		{"-device", "vfio-pci-nohotplug,host=05:00.0"},
		{"-device", "VGA"},
		{"-device", "intel-hda"},
		{"-device", "qemu-xhci"},
		{"-device", "usb-tablet"},
		{"-device", "intel-iommu"},
		{"-device", "vfio-ap"},
		{"-device", "isa-serial"},
		{"-device", "pvpanic"},
		{"-device", "tpm-tis"},
		{"-device", "nonsense"},
		{"-device", "{\"driver\":\"vfio-pci\"}"},
		{"-device", "help"},
		{"-device", "vfio-pci,help"},
		{"-device", "path=/sys/bus/pci/devices/0000:05:00.0"},
		{"-device", "/sys/bus/pci/devices/0000:05:00.0,iommu=viommu"},
		{"-device", "0000:05:00.0"},
		{"-device", "host=05:00.0"},
		{"-device", "vfio-pci,05:00.0"},
		{"-device", "vfio-pci,host=05:00.0,multifunction=on"},
		{"-device", "vfio-pci,host=05:00.0,addr=0x0"},
		{"-device", "vfio-pci,host=05:00.0,bus=pci.1"},
		{"-device", "vfio-pci,host=05:00.0,display=on"},
		{"-device", "vfio-pci,host=05:00.0,ramfb=on"},
		{"-device", "vfio-pci,host=05:00.0,failover_pair_id=n"},
		{"-device", "vfio-pci,host=05:00.0,iommu=on"},
		{"-device", "vfio-pci,host=05:00.0,guest-address=00:05.0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (parse("-kernel", "K", rows[i][0], rows[i][1], NULL) != -EINVAL)
			fail_msg("%s %s is taken", rows[i][0], rows[i][1]);
		if (strstr(error.text, "nearest") || strstr(error.text, "--help") || strlen(error.text) > 300)
			fail_msg("%s %s: %s", rows[i][0], rows[i][1], error.text);
		assert_int_equal(options.at, 3);
		assert_null(strchr(error.text, '\n'));
	}
}

static void what_is_done_anyway(void **state)
{
	static const char *const rows[][2] = {
		{"-enable-kvm", NULL},
		{"--enable-kvm", NULL},
		{"-nographic", NULL},
		{"-nodefaults", NULL},
		{"-no-user-config", NULL},
		{"-no-hpet", NULL},
		{"-mem-prealloc", NULL},
		{"-accel", "kvm"},
		{"-accel=kvm", NULL},
		{"-accel", "kvm,kernel-irqchip=on"},
		{"-cpu", "host"},
		{"-cpu=host", NULL},
		{"-cpu", "max"},
		{"-display", "none"},
		{"-vga", "none"},
		{"-monitor", "none"},
		{"-net", "none"},
		{"-nic", "none"},
		{"-parallel", "none"},
		{"-balloon", "none"},
		{"-overcommit", "mem-lock=on"},
		{"-msg", "timestamp=off"},
		{"-seccomp", "on"},
		{"-machine", "accel=kvm"},
		{"-machine", "cf8=on,accel=kvm,usb=off"},
		{"-M", "accel=kvm,dump-guest-core=off"},
		{"-smp", "4,sockets=1,cores=4,threads=1"},
		{"-smp", "4,sockets=1,dies=1,clusters=1,cores=4,threads=1"},
		{"-smp", "cpus=4,maxcpus=4"},
		{"-m", "size=4194304k"},
		{"-m", "size=4G,share=on"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (parse("-kernel", "K", rows[i][0], rows[i][1], NULL) ||
		    parse(rows[i][0], rows[i][1] ? rows[i][1] : "-v", "-kernel", "K", NULL))
			fail_msg("%s %s: %s", rows[i][0], rows[i][1] ? rows[i][1] : "", error.text);
		assert_string_equal(options.kernel, "K");
	}
	assert_int_equal(parse("-kernel", "K", "-M", "cf8=on", NULL), 0);
	assert_true(options.cf8);
	assert_int_equal(parse("-kernel", "K", "-smp", "4,sockets=1,cores=4", NULL), 0);
	assert_int_equal(options.cpus, 4);
	/* A value that is missing, or one where there is none. */
	assert_int_equal(parse("-kernel", "K", "-accel", NULL), -EINVAL);
	assert_int_equal(parse("-kernel", "K", "-nographic=on", NULL), -EINVAL);
	assert_says("takes no value");
	assert_int_equal(parse("-kernel", "K", "-accel", "", NULL), -EINVAL);
	assert_int_equal(parse("-kernel", "K", "-machine", "", NULL), -EINVAL);
}

static void none_is_ours_or_twice(void **state)
{
	const struct foreign *row;
	unsigned count = 0;
	size_t length;

	(void)state;
	for (size_t i = 0; (row = foreign_row(i)); i++) {
		assert_true(row->advice || (row->same && !*row->same));
		for (const char *name = row->names; *name; name += length + (name[length] == ' '), count++) {
			length = strcspn(name, " ");
			assert_true(length > 0);
			if (find(name, length) || foreign_find(name, length) != row)
				fail_msg("%.*s is an option already", (int)length, name);
		}
	}
	assert_true(count > 150);
}

/* `text` up to its end or `length`, with something for each word in capitals. */
static const char *filled_in(const char *text, size_t length)
{
	static const struct {
		const char *word, *is;
	} words[] = {
		{"NAME", "root"},
		{"SIZE", "4G"},
		{"ADDRESS", "05:00.0"},
		{"UUID", "12345678-9abc-def0-1234-56789abcdef0"},
		{"N", "1"},
		{"PATH", "/x"},
		{"FILE", "x"},
		{"TEXT", "x"},
		{"LIST", "0"},
	};
	static char out[200];
	size_t used = 0;

	for (const char *at = text; at < text + length;) {
		size_t i = 0;

		while (i < sizeof(words) / sizeof(*words) &&
		       strncmp(at, words[i].word, strlen(words[i].word)) != 0)
			i++;
		if (i == sizeof(words) / sizeof(*words)) {
			out[used++] = *at++;
			continue;
		}
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%s", words[i].is);
		at += strlen(words[i].word);
	}
	out[used] = '\0';
	return out;
}

/* Every option that the sentence names is there, and takes the value that it names with it. */
static void check_advice(const char *advice)
{
	const char *at = advice;
	size_t length;

	for (; *at; at += length + (at[length] == ' ')) {
		const struct option *option;
		const char *value;

		length = strcspn(at, " ");
		if (!strncmp(at, "vfio-pci,", 9) && at[9] != ' ' &&
		    parse_device(filled_in(at, strcspn(at, " ,;") + 1 + strcspn(at + 9, " ,;"))))
			fail_msg("%s: %s", advice, error.text);
		if (*at != '-' || !strncmp(at, "--", 2))
			continue;
		option = find(at + 1, strcspn(at, " ,;)") - 1);
		if (!option)
			fail_msg("%s: there is no %.*s", advice, (int)length, at);
		if (!option->takes_value || at[length] != ' ' || strchr(",;)", at[length - 1]))
			continue;
		value = at + length + 1;
		/* Where the sentence goes on, the option alone is meant. */
		if (option->set == device_parse && strncmp(value, "vfio-pci", 8) != 0)
			continue;
		value = filled_in(value, strcspn(value, " ;") - (value[strcspn(value, " ;") - 1] == ','));
		if (option->set(&options, value, &error))
			fail_msg("%s: %s is refused: %s", advice, value, error.text);
	}
}

static void advice_can_be_followed(void **state)
{
	const struct foreign *row;

	(void)state;
	assert_int_equal(parse("-kernel", "K", NULL), 0);
	for (size_t i = 0; (row = foreign_row(i)); i++)
		if (row->advice)
			check_advice(row->advice);
	for (size_t i = 0; i < sizeof(driver_kinds) / sizeof(*driver_kinds); i++)
		check_advice(driver_kinds[i].advice);
	for (size_t i = 0; i < sizeof(object_kinds) / sizeof(*object_kinds); i++)
		check_advice(object_kinds[i].advice);
}

/* A value of -device that somebody's other monitor takes names what to write here. */
static void devices_of_others(void **state)
{
	static const char *const rows[] = {
		"path=/sys/bus/pci/devices/0000:05:00.0", "path=/sys/bus/pci/devices/0000:05:00.0/,iommu=on",
		"/sys/bus/pci/devices/0000:05:00.0", "05:00.0", "0000:05:00.0,id=x"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(parse_device(rows[i]), -EINVAL);
		assert_says("write vfio-pci,host=0000:05:00.0");
	}
	assert_int_equal(parse_device("vfio-pci,05:00.0"), -EINVAL);
	assert_says("host=05:00.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_a_sentence),   cmocka_unit_test(what_is_done_anyway),
		cmocka_unit_test(none_is_ours_or_twice), cmocka_unit_test(advice_can_be_followed),
		cmocka_unit_test(devices_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
