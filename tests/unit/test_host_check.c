/* SPDX-License-Identifier: MIT */
/* What lend_check_new() finds on recorded hosts, and the cures that it gives. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lend/bind.h"
#include "tests/unit/host_check_stage.h"

static void a_device_with_its_driver(void **state)
{
	const struct lend_check_options options = {.size = sizeof(options), .user = "ann", .memory = 1 << 20};
	struct host_tree *tree = *state;
	struct lend_bdf bdf = tree_bdf("01:00.0");

	check(tree, "01:00.0", &options);
	assert_false(lend_check_passed(made));
	row("iommu", LEND_PASSED, "dmar0");
	row("interrupt-remapping", LEND_PASSED, "");
	row("vfio-pci", LEND_PASSED, "");
	row("kvm", LEND_PASSED, "");
	row("kernel", LEND_PASSED, "6.12");
	row("in-use", LEND_PASSED, "");
	row("group", LEND_PASSED, "alone");
	row("reset", LEND_PASSED, "flr");
	row("reserved", LEND_PASSED, "");
	row("bar", LEND_PASSED, "BAR 0 (16 KiB): reached directly, but for the pages of the MSI-X table");
	row("memlock", LEND_PASSED, "the guest's 1 MiB are locked");
	row("maps", LEND_PASSED, "at most");
	row("populate", LEND_PASSED, "populating 1 MiB takes about ");
	assert_string_equal(row("driver", LEND_FAILED, "nvme")->command, "lend bind --user ann 0000:01:00.0");
	assert_int_equal(lend_bind(tree->context, &bdf, 1, NULL, NULL), 0);
	check(tree, "01:00.0", &options);
	row("driver", LEND_PASSED, "vfio-pci");
	assert_true(lend_check_passed(made));
	lend_check_free(made);
	made = NULL;
	bdf.bus = 9;
	assert_int_equal(lend_check_new(tree->context, &bdf, 1, NULL, &made, NULL), -ENODEV);
}

static bool is_said(const char *topic)
{
	const struct lend_check_row *at;

	for (size_t i = 0; (at = lend_check_at(made, i)); i++)
		if (!strcmp(at->topic, topic))
			return true;
	return false;
}

/* A start does not try out what it does next; and what is not there is not taken for a try. */
static void populating_is_not_tried_in_vain(void **state)
{
	struct lend_check_options options = {.size = sizeof(options), .memory = 1 << 20};
	struct host_tree *tree = *state;

	check(tree, "01:00.0", &options);
	assert_true(is_said("populate"));
	options.starting = true;
	check(tree, "01:00.0", &options);
	assert_false(is_said("populate"));
	options.starting = false;
	tree_put(tree, "proc/meminfo", "MemAvailable: 10 kB\n");
	check(tree, "01:00.0", &options);
	row("memory", LEND_FAILED, "");
	assert_false(is_said("populate"));
}

/* Of a computer with one node there is nothing to say. */
static void nodes_of_devices(void **state)
{
	struct lend_check_options options = {.size = sizeof(options), .memory = 1 << 20};
	struct host_tree *tree = *state;

	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/numa_node", "1\n");
	tree_put(tree, "sys/devices/system/node/has_memory", "1\n");
	check(tree, "01:00.0", &options);
	assert_false(is_said("numa"));
	tree_put(tree, "sys/devices/system/node/has_memory", "0-2\n");
	check(tree, "01:00.0", &options);
	assert_string_equal(row("numa", LEND_PASSED, "on node 1 of this computer, which has 3")->device,
			    "0000:01:00.0");
	options.has_node = true;
	options.node = 2;
	check(tree, "01:00.0", &options);
	row("numa", LEND_NOTE, "it is on node 1, and the guest's memory is to come from node 2");
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/numa_node", "-1\n");
	check(tree, "01:00.0", &options);
	assert_false(is_said("numa"));
}

static void no_iommu(void **state)
{
	struct host_tree *tree = tree_new("no-iommu");

	(void)state;
	check(tree, "01:00.0", NULL);
	assert_non_null(strstr(row("iommu", LEND_FAILED, "")->advice, "VT-d"));
	tree_put(tree, "sys/firmware/acpi/tables/DMAR", "");
	check(tree, "01:00.0", NULL);
	assert_string_equal(row("iommu", LEND_FAILED, "")->kernel_argument, "intel_iommu=on");
	tree_append(tree, "proc/cmdline", " iommu=off\n");
	check(tree, "01:00.0", NULL);
	assert_non_null(strstr(row("iommu", LEND_FAILED, "")->advice, "iommu=off"));
	tree_remove(tree, "sys/firmware/acpi/tables/DMAR");
	tree_put(tree, "sys/firmware/acpi/tables/IVRS", "");
	check(tree, "01:00.0", NULL);
	assert_string_equal(row("iommu", LEND_FAILED, "")->kernel_argument, "");
	assert_non_null(strstr(row("iommu", LEND_FAILED, "")->advice, "iommu=off"));
	assert_string_equal(row("driver", LEND_FAILED, "")->command, "lend bind 0000:01:00.0");
	tree_free(tree);
}

static void xsa_36_interrupts_not_remapped(void **state)
{
	struct host_tree *tree = tree_new("virtio-iommu");

	(void)state;
	check(tree, "01:00.0", NULL);
	row("interrupt-remapping", LEND_NOTE, "allowed");
	tree_put(tree, "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N\n");
	check(tree, "01:00.0", NULL);
	assert_non_null(strstr(row("interrupt-remapping", LEND_FAILED, "")->command,
			       "/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"));
	tree_free(tree);
}

static void drivers_that_are_not_loaded(void **state)
{
	struct host_tree *tree = *state;

	tree_remove(tree, "sys/bus/pci/drivers/vfio-pci");
	tree_remove(tree, "dev/kvm");
	check(tree, "01:00.0", NULL);
	assert_string_equal(row("vfio-pci", LEND_FAILED, "")->command, "modprobe vfio-pci");
	assert_string_equal(row("kvm", LEND_FAILED, "")->command, "modprobe kvm-amd");
	tree_put(tree, "proc/cpuinfo", "vendor_id\t: GenuineIntel\n");
	check(tree, "01:00.0", NULL);
	assert_string_equal(row("kvm", LEND_FAILED, "")->command, "modprobe kvm-intel");
}

static void in_use(void **state)
{
	struct host_tree *tree = *state;

	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /my\\040data rw - ext4 /dev/nvme0n1 rw\n");
	tree_append(tree, "proc/swaps", "/dev/nvme0n1 partition 1000 0 -2\n");
	tree_process(tree, 55, "dd", "/dev/nvme0n1");
	check(tree, "01:00.0", NULL);
	assert_string_equal(row("in-use", LEND_FAILED, "mounted")->command, "umount '/my data'");
	assert_string_equal(row("in-use", LEND_FAILED, "swap")->command, "swapoff /dev/nvme0n1");
	assert_string_equal(row("in-use", LEND_FAILED, "process 55 (dd)")->command, "");
	assert_string_equal(row("in-use", LEND_FAILED, "process 55 (dd)")->advice, "end that first");
	/* A name that could not be quoted is no command. */
	tree_put(tree, "proc/self/mountinfo", "40 23 259:0 / /it's rw - ext4 /dev/nvme0n1 rw\n");
	check(tree, "01:00.0", NULL);
	assert_string_equal(row("in-use", LEND_FAILED, "mounted")->command, "");
}

static void groups(void **state)
{
	struct host_tree *tree = tree_new("multifunction");
	const struct lend_check_options options = {.size = sizeof(options), .user = "ann"};
	struct lend_bdf both[] = {tree_bdf("01:00.0"), tree_bdf("01:00.1")};

	(void)state;
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme1n1 rw\n");
	check(tree, "01:00.0", &options);
	assert_string_equal(row("in-use", LEND_FAILED, "0000:01:00.1, of its group: /dev/nvme1n1")->command,
			    "umount /data");
	assert_string_equal(row("group", LEND_FAILED, "0000:01:00.1, with nvme")->command,
			    "lend bind --siblings --user ann 0000:01:00.0");
	row("acs", LEND_NOTE, "a function of the same device");
	assert_string_equal(row("driver", LEND_FAILED, "")->command,
			    "lend bind --siblings --user ann 0000:01:00.0");
	lend_check_free(made);
	assert_int_equal(lend_check_new(tree->context, both, 2, NULL, &made, NULL), 0);
	assert_string_equal(row("driver", LEND_FAILED, "")->command, "lend bind 0000:01:00.0 0000:01:00.1");
	tree_bind(tree, "0000:01:00.1", "vfio-pci");
	check(tree, "01:00.0", NULL);
	row("group", LEND_PASSED, "0000:01:00.1, with vfio-pci: that hinders nothing");
	tree_free(tree);

	tree = tree_new("conventional");
	check(tree, "02:01.0", NULL);
	row("group", LEND_PASSED, "0000:01:00.0, with no driver: a bridge");
	row("acs", LEND_NOTE, "both are behind 0000:01:00.0");
	row("reset", LEND_PASSED, "with its bus, which takes along 0000:02:02.0");
	row("bar", LEND_NOTE, "I/O ports");
	tree_free(tree);
}

static void reserved(void **state)
{
	struct host_tree *tree = *state;
	char path[80];

	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/reserved_regions",
		 tree_device(tree, "01:00.0")->is.group);
	tree_put(tree, path, "0x00000000000a0000 0x00000000000bffff reserved\n0xfee00000 0xfeefffff msi\n");
	check(tree, "01:00.0", NULL);
	row("reserved", LEND_NOTE, "0xa0000 to 0xbffff is reserved");
	tree_put(tree, path, "0x000000007b000000 0x000000007bffffff direct\n");
	check(tree, "01:00.0", NULL);
	row("reserved", LEND_FAILED, "RMRR");
	tree_put(tree, path, "0xfd00000000 0xffffffffff reserved\n");
	check(tree, "01:00.0", NULL);
	row("reserved", LEND_PASSED, "");
}

/* Of the host's drivers only one that uses its line has a say: not VFIO, and none with MSI-X. */
static void xsa_36_a_line_of_two(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/irq", "17\n");
	check(tree, "01:00.0", NULL);
	row("line", LEND_PASSED, "");
	tree_put(tree, "sys/bus/pci/devices/0000:00:1f.2/irq", "17\n");
	check(tree, "01:00.0", NULL);
	row("line", LEND_NOTE, "line 17 is also that of 0000:00:1f.2, which ahci has");
	assert_non_null(strstr(row("line", LEND_NOTE, "")->advice, "x-intx=off"));
	tree_put(tree, "sys/bus/pci/devices/0000:00:1f.2/irq", "16\n");
	check(tree, "01:00.0", NULL);
	row("line", LEND_PASSED, "");
	tree_put(tree, "sys/bus/pci/devices/0000:00:1f.2/irq", "17\n");
	tree_put(tree, "sys/bus/pci/devices/0000:00:1f.2/msi_irqs/30", "msix\n");
	check(tree, "01:00.0", NULL);
	row("line", LEND_PASSED, "no driver of another PCI device");
	/* A driver that uses MSI has it: 40 is the number of its message. */
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/irq", "40\n");
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/msi_irqs/40", "msi\n");
	check(tree, "01:00.0", NULL);
	no_row("line");
}

static void virtual_functions(void **state)
{
	struct host_tree *tree = tree_new("sriov");

	(void)state;
	check(tree, "01:00.0", NULL);
	assert_string_equal(row("in-use", LEND_FAILED, "2 virtual functions")->command,
			    "lend vf 0000:01:00.0 0");
	check(tree, "01:10.0", NULL);
	row("sr-iov", LEND_PASSED, "of 0000:01:00.0");
	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	check(tree, "01:10.0", NULL);
	row("sr-iov", LEND_NOTE, "VF token");
	tree_bind(tree, "0000:01:00.0", "xe-vfio");
	check(tree, "01:10.0", NULL);
	row("sr-iov", LEND_PASSED, "takes no VF token");
	tree_bind(tree, "0000:01:00.0", "mlx5_vfio_pci");
	check(tree, "01:10.0", NULL);
	row("sr-iov", LEND_NOTE, "VF token");
	tree_free(tree);
}

/* It says so before anything else, also to who is about to open it. */
static void a_dead_device(void **state)
{
	struct lend_check_options options = {.size = sizeof(options), .shell = 77};
	struct host_tree *tree = *state;
	struct lend_error error;

	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	check(tree, "01:00.0", NULL);
	row("driver", LEND_PASSED, "vfio-pci");
	tree_kill(tree, "0000:01:00.0");
	for (int starting = 0; starting < 2; starting++) {
		options.starting = starting;
		check(tree, "01:00.0", &options);
		lend_check_sentence(row("device", LEND_FAILED,
					"it does not answer (its configuration space reads all ones)"),
				    &error);
		assert_non_null(strstr(error.text, "switch the computer off and on"));
	}
}

/* A process that opens a device for another one's machine needs neither KVM nor memory. */
static void a_device_without_a_machine(void **state)
{
	struct lend_check_options options = {.size = sizeof(options), .memory = 1ull << 50, .starting = true};
	struct host_tree *tree = *state;

	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	tree_remove(tree, "dev/kvm");
	check(tree, "01:00.0", &options);
	row("kvm", LEND_FAILED, "KVM is not there");
	row("memory", LEND_FAILED, "");
	options.device_alone = true;
	check(tree, "01:00.0", &options);
	row("driver", LEND_PASSED, "vfio-pci");
	for (size_t i = 0; lend_check_at(made, i); i++)
		if (lend_check_at(made, i)->verdict == LEND_FAILED)
			fail_msg("%s: %s", lend_check_at(made, i)->topic, lend_check_at(made, i)->text);
}

/* That is a fact of the kernel, and no fault of the host. */
static void a_kernel_without_iommufd(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "dev/iommu", "");
	check(tree, "01:00.0", NULL);
	for (size_t i = 0; lend_check_at(made, i); i++)
		assert_string_not_equal(lend_check_at(made, i)->topic, "iommufd");
	tree_remove(tree, "dev/iommu");
	check(tree, "01:00.0", NULL);
	row("iommufd", LEND_PASSED, "this kernel has no iommufd: devices are opened by their groups");
}

static void kernels(void **state)
{
	static const struct {
		const char *release, *version;
		enum lend_verdict verdict;
	} rows[] = {
		{"6.12.117", "", LEND_PASSED},
		{"6.9.0", "", LEND_PASSED},
		{"6.8.3", "", LEND_PASSED},
		{"6.8.2", "", LEND_FAILED},
		{"6.6.24", "", LEND_PASSED},
		{"6.6.23", "", LEND_FAILED},
		{"6.5.13", "", LEND_FAILED},
		{"5.10.215", "", LEND_PASSED},
		{"5.10.214", "", LEND_FAILED},
		{"5.4.274", "", LEND_FAILED}, /* the line interrupts, not the BARs */
		{"6.1.0-43-amd64",
		 "Linux version 6.1.0-43-amd64 (x) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0) "
		 "#1 SMP Debian 6.1.162-1 (2026-02-08)\n",
		 LEND_PASSED},
		{"6.1.0-18-amd64",
		 "Linux version 6.1.0-18-amd64 (x) (gcc-12 (Debian 12.2.0-14) 12.2.0) "
		 "#1 SMP Debian 6.1.76-1 (2024-02-01)\n",
		 LEND_FAILED},
		{"6.12.48+deb13-amd64",
		 "Linux version 6.12.48+deb13-amd64 (x) (x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0, "
		 "GNU ld (GNU Binutils for Debian) 2.44) #1 SMP PREEMPT_DYNAMIC Debian 6.12.48-1 "
		 "(2025-09-20)\n",
		 LEND_PASSED},
		{"5.10.0-28-amd64",
		 "Linux version 5.10.0-28-amd64 (x) (gcc-10 (Debian 10.2.1-6) 10.2.1 20210110, GNU ld (GNU "
		 "Binutils for Debian) 2.35.2) #1 SMP Debian 5.10.209-2 (2024-01-31)\n",
		 LEND_FAILED},
		{"6.1.0-0.deb11.21-amd64",
		 "Linux version 6.1.0-0.deb11.21-amd64 (x) (gcc-10 (Debian 10.2.1-6) 10.2.1 20210110) "
		 "#1 SMP Debian 6.1.90-1~bpo11+1 (2024-05-06)\n",
		 LEND_PASSED},
		{"6.8.12-4-pve",
		 "Linux version 6.8.12-4-pve (x) (gcc (Debian 12.2.0-14) 12.2.0) #1 SMP PREEMPT_DYNAMIC PMX "
		 "6.8.12-4 (2024-11-06T15:04Z)\n",
		 LEND_PASSED},
		{"5.14.0-503.el9.x86_64", "Linux version 5.14.0-503.el9.x86_64\n", LEND_UNKNOWN},
		{"4.18.0-553.el8_10.x86_64", "Linux version 4.18.0-553.el8_10.x86_64\n", LEND_UNKNOWN},
		{"6.12.0-55.el10.x86_64", "Linux version 6.12.0-55.el10.x86_64\n", LEND_PASSED},
		{"6.4.0-150600.23.17-default", "Linux version 6.4.0-150600.23.17-default\n", LEND_UNKNOWN},
		{"6.7.9-200.fc39.x86_64", "Linux version 6.7.9-200.fc39.x86_64\n", LEND_UNKNOWN},
		{"6.8.5-301.fc40.x86_64", "Linux version 6.8.5-301.fc40.x86_64\n", LEND_PASSED},
		{"7.3.0-rc1", "Linux version 7.3.0-rc1\n", LEND_PASSED},
		{"5.15.0-100-generic", "Linux version 5.15.0-100-generic\n", LEND_UNKNOWN},
		{"rubbish", "", LEND_UNKNOWN},
	};
	struct host_tree *tree = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		tree_put(tree, "proc/sys/kernel/osrelease", rows[i].release);
		tree_put(tree, "proc/version", rows[i].version);
		check(tree, "01:00.0", NULL);
		row("kernel", rows[i].verdict, "");
	}
	tree_put(tree, "proc/sys/kernel/osrelease", "5.15.0-200-generic");
	tree_put(tree, "proc/version_signature", "Ubuntu 5.15.0-200.220-generic 5.15.160\n");
	check(tree, "01:00.0", NULL);
	row("kernel", LEND_PASSED, "");
	/* Ubuntu puts fixes into older bases: that the base lacks one says nothing. */
	tree_put(tree, "proc/sys/kernel/osrelease", "6.8.0-31-generic");
	tree_put(tree, "proc/version_signature", "Ubuntu 6.8.0-31.31-generic 6.8.1\n");
	check(tree, "01:00.0", NULL);
	row("kernel", LEND_UNKNOWN, "CVE-2024-26810");
}

static void memory(void **state)
{
	struct lend_check_options options = {.size = sizeof(options), .memory = 8ull << 30, .shell = 77};
	struct host_tree *tree = *state;

	check(tree, "01:00.0", &options);
	row("memory", LEND_FAILED, "8192 MiB");
	options.huge_page = 2 << 20;
	options.memory = 1ull << 30;
	tree_put(tree, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "511\n");
	check(tree, "01:00.0", &options);
	assert_non_null(strstr(row("hugepages", LEND_FAILED, "512 huge pages of 2 MiB, but 511")->command,
			       "echo 1 > "));
	tree_put(tree, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "512\n");
	check(tree, "01:00.0", &options);
	row("hugepages", LEND_PASSED, "");
}

/* Limits and nodes of a user without privilege. */
static void an_ordinary_user(void **state)
{
	const struct rlimit limit = {64 << 10, 64 << 10};
	const struct lend_check_options options = {.size = sizeof(options), .user = "ann", .shell = 77};
	struct host_tree *tree = *state;
	char node[64], want[128];
	int status;
	pid_t child;

	snprintf(node, sizeof(node), "dev/vfio/%d", tree_device(tree, "01:00.0")->is.group);
	tree_put(tree, node, "");
	tree_put(tree, "proc/self/status", "CapEff:\t0000000000000000\n");
	chmod(tree->root, 0755);
	chmod(tree_path(tree, node), 0600);
	snprintf(want, sizeof(want), "chown ann %s", tree_path(tree, node));
	child = fork();
	if (!child) {
		setrlimit(RLIMIT_MEMLOCK, &limit);
		if (!geteuid() && setuid(65534))
			_exit(1);
		check(tree, "01:00.0", &options);
		assert_string_equal(row("node", LEND_FAILED, node)->command, want);
		assert_string_equal(row("memlock", LEND_FAILED, "64 KiB")->command,
				    "prlimit --pid 77 --memlock=536870912:536870912");
		_exit(0);
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_device_with_its_driver),
		TEST(populating_is_not_tried_in_vain),
		TEST(nodes_of_devices),
		cmocka_unit_test(no_iommu),
		cmocka_unit_test(xsa_36_interrupts_not_remapped),
		TEST(drivers_that_are_not_loaded),
		TEST(in_use),
		cmocka_unit_test(groups),
		TEST(reserved),
		TEST(xsa_36_a_line_of_two),
		cmocka_unit_test(virtual_functions),
		TEST(a_dead_device),
		TEST(a_device_without_a_machine),
		TEST(a_kernel_without_iommufd),
		TEST(kernels),
		TEST(memory),
		TEST(an_ordinary_user),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
