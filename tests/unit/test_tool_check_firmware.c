/* SPDX-License-Identifier: MIT */
/* What lend check says of firmware: the files, devices without a driver in it, and random numbers. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/firmware_files.h"
#include "tests/unit/folder.h"
#include "tool/check_firmware.c"
#include "tool/run/descriptors.c"
#include "tool/run/firmware.c"
#include "tool/run/firmware_arg.c"
#include "tool/run/foreign.c"
#include "tool/run/store.c"
#include "tool/run/value.c"
#include "tool/run/whole_file.c"
#include "tool/clean.c"
#include "tool/say.c"

static char root[64];
static struct check_rows rows;
static struct lend_error error;
static struct lend_survey_device devices[3];
static const struct lend_survey_device *const pointers[] = {&devices[0], &devices[1], &devices[2]};
static struct firmware_facts facts;

static const char *at(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void put(const char *name, enum firmware_file kind, uint32_t size)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	firmware_file_fill(fd, kind, size);
	close(fd);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/lend-test-check-XXXXXX");
	assert_non_null(mkdtemp(root));
	put("CODE_4M.fd", FILE_CODE, CODE_4M);
	put("VARS_4M.fd", FILE_STORE, VARS_4M);
	memset(devices, 0, sizeof(devices));
	facts = (struct firmware_facts){.sys = root, .has_rdrand = true, .devices = pointers};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return folder_remove(root);
}

static void add_device(uint32_t class_code, uint16_t vendor, uint16_t device)
{
	struct lend_host_device *is = &devices[facts.device_count].is;

	snprintf(is->name, sizeof(is->name), "0000:0%zu:00.0", facts.device_count + 1);
	is->class_code = class_code;
	is->vendor = vendor;
	is->device = device;
	facts.device_count++;
}

static int look(const char *format)
{
	char value[400];

	snprintf(value, sizeof(value), format, root, root, root);
	return check_firmware(value, &facts, &rows, &error);
}

static void assert_row(size_t index, enum lend_verdict verdict, const char *word)
{
	assert_true(index < rows.count);
	assert_int_equal(rows.rows[index].verdict, verdict);
	assert_string_equal(rows.rows[index].topic, "firmware");
	if (!strstr(rows.rows[index].text, word) && !strstr(rows.rows[index].advice, word))
		fail_msg("'%s', '%s': not '%s'", rows.rows[index].text, rows.rows[index].advice, word);
}

static void files_that_can_be_started(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(look("%s/CODE_4M.fd"), 0);
	assert_int_equal(rows.count, 1);
	assert_row(0, LEND_PASSED, "VARS_4M.fd");
	assert_true(firmware_rows_passed(&rows));
	assert_int_equal(look("%s/CODE_4M.fd,vars=%s/new.fd"), 0);
	assert_row(0, LEND_PASSED, "CODE_4M.fd");
	assert_int_equal(stat(at("new.fd"), &st), -1); /* nothing is made */
	assert_int_equal(look("%s/CODE_4M.fd,vars=none"), 0);
	assert_row(0, LEND_PASSED, "CODE_4M.fd");
}

static void files_that_cannot(void **state)
{
	(void)state;
	put("x.secboot.fd", FILE_CODE, CODE_4M);
	put("zeros.fd", FILE_ZEROS, CODE_4M);
	assert_int_equal(look("%s/x.secboot.fd"), 0);
	assert_row(0, LEND_FAILED, "SMM");
	assert_false(firmware_rows_passed(&rows));
	assert_int_equal(look("%s/zeros.fd"), 0);
	assert_row(0, LEND_FAILED, "reset vector");
	assert_int_equal(look("%s/nothing.fd"), 0);
	assert_row(0, LEND_FAILED, "the package ovmf");
	assert_int_equal(look("%s/CODE_4M.fd,vars=%s/zeros.fd"), 0);
	assert_row(0, LEND_FAILED, "no store of UEFI variables");
	assert_int_equal(look("%s/VARS_4M.fd,vars=%s/CODE_4M.fd"), 0);
	assert_row(0, LEND_FAILED, "a store of variables and no code");
	unlink(at("VARS_4M.fd"));
	assert_int_equal(look("%s/CODE_4M.fd,vars=%s/new.fd"), 0);
	assert_row(0, LEND_FAILED, "vars-template=FILE");
	assert_int_equal(look("%s/CODE_4M.fd,x=y"), -EINVAL);
	assert_non_null(strstr(error.text, "'x=y' is not known"));
}

static void devices_whose_driver_is_in_their_rom(void **state)
{
	char path[256];

	(void)state;
	add_device(0x020000, 0x8086, 0x10d3);
	add_device(0x010802, 0x144d, 0xa808);
	add_device(0x030000, 0x10de, 0x1b80);
	snprintf(path, sizeof(path),
		 "mkdir -p %s/bus/pci/devices/0000:03:00.0 && touch %s/bus/pci/devices/"
		 "0000:03:00.0/rom",
		 root, root);
	assert_int_equal(system(path), 0);
	assert_int_equal(look("%s/CODE_4M.fd"), 0);
	assert_int_equal(rows.count, 3);
	assert_row(1, LEND_NOTE, "a network card without a ROM");
	assert_row(1, LEND_NOTE, "/usr/lib/ipxe/qemu/efi-e1000e.rom, of the package ipxe-qemu");
	assert_string_equal(rows.rows[1].device, "0000:01:00.0");
	assert_row(2, LEND_UNKNOWN, "a graphics card: whether its ROM");
	assert_string_equal(rows.rows[2].advice, "");
	assert_true(firmware_rows_passed(&rows));
	devices[0].is.device = 0x1521;
	assert_int_equal(look("%s/CODE_4M.fd"), 0);
	assert_row(1, LEND_NOTE, "bin-x86_64-efi/80861521.efirom");
	devices[0].is.vendor = VENDOR_VIRTIO; /* the firmware has its driver */
	assert_int_equal(look("%s/CODE_4M.fd"), 0);
	assert_int_equal(rows.count, 2);
	devices[2].is.vendor = 0x1234; /* only one device of this vendor */
	devices[2].is.device = 0x1112;
	assert_int_equal(look("%s/CODE_4M.fd"), 0);
	assert_int_equal(rows.count, 2);
	devices[2].is.device = 0x1111;
	assert_int_equal(look("%s/CODE_4M.fd"), 0);
	assert_int_equal(rows.count, 1);
}

static void the_network_needs_random_numbers(void **state)
{
	(void)state;
	facts.has_rdrand = false;
	assert_int_equal(look("%s/CODE_4M.fd"), 0);
	assert_int_equal(rows.count, 1); /* nobody starts from a network */
	add_device(0x020000, VENDOR_VIRTIO, 0x1041);
	assert_int_equal(look("%s/CODE_4M.fd"), 0);
	assert_int_equal(rows.count, 2);
	assert_row(1, LEND_NOTE, "RDRAND");
	add_device(0x00ff00, VENDOR_VIRTIO, RNG);
	assert_int_equal(look("%s/CODE_4M.fd"), 0);
	assert_int_equal(rows.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_that_can_be_started, setup, teardown),
		cmocka_unit_test_setup_teardown(files_that_cannot, setup, teardown),
		cmocka_unit_test_setup_teardown(devices_whose_driver_is_in_their_rom, setup, teardown),
		cmocka_unit_test_setup_teardown(the_network_needs_random_numbers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
