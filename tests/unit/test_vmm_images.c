/* SPDX-License-Identifier: MIT */
/* Kernels and their command lines: which are loaded, and those that are none, are cut short or too large. */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/bzimage.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/guest_memory.h"
#include "vmm/x86/boot.h"

enum { PAYLOAD = 4096 };

static const struct layout layout = {.low_start = 0xe0000000, .low_end = 0xf0000000, .buses = 3};

static int file_of(const void *bytes, size_t length)
{
	int fd = memfd_create("kernel", 0);

	assert_int_equal(write(fd, bytes, length), length);
	return fd;
}

/* A bzImage of one setup sector and one page. */
static int bzimage(uint8_t bytes[1024 + PAYLOAD])
{

	memset(bytes, 0, 1024 + PAYLOAD);
	bzimage_put(bytes, bzimage_header(PAYLOAD));
	memset(bytes + 1024, 0xee, PAYLOAD);
	return file_of(bytes, 1024 + PAYLOAD);
}

static struct boot_config config_of(int kernel, int initrd)
{
	return (struct boot_config){.kernel_fd = kernel,
				    .initrd_fd = initrd,
				    .kernel_name = "K",
				    .initrd_name = "I",
				    .cmdline = "quiet",
				    .layout = &layout,
				    .rsdp = 0xe0000};
}

static void a_bzimage_is_loaded_with_its_parameters(void **state)
{
	uint8_t bytes[1024 + PAYLOAD];
	struct memory *memory = guest_memory(RAM);
	int kernel = bzimage(bytes), initrd = file_of("initrd", 6);
	struct boot_config config = config_of(kernel, initrd);
	struct boot_params *params = memory_at(memory, gpa(ADDR_BOOT_PARAMS), sizeof(*params));
	struct boot_entry entry;

	(void)state;
	assert_int_equal(boot_check(&config, RAM, NULL), 0);
	assert_int_equal(boot_load(memory, &config, &entry, NULL), 0);
	assert_true(entry.long_mode);
	assert_int_equal(entry.rip, (16 << 20) + 0x200);
	assert_memory_equal(memory->base + (16 << 20), bytes + 1024, PAYLOAD);
	assert_string_equal((char *)memory->base + params->hdr.cmd_line_ptr, "quiet");
	assert_int_equal(params->hdr.cmdline_size, 2047); /* the most that fits: the kernel's to say */
	assert_int_equal(params->hdr.ramdisk_size, 6);
	assert_memory_equal(memory->base + params->hdr.ramdisk_image, "initrd", 6);
	assert_int_equal(params->acpi_rsdp_addr, 0xe0000);
	assert_int_equal(params->e820_entries, 4);
	assert_int_equal(params->hdr.setup_data, ADDR_RNG_SEED);
	close(kernel);
	close(initrd);
	guest_memory_free(memory);
}

/* The long part comes first, when nothing but the size of RAM is known. */
static void a_kernel_is_placed_before_its_parameters(void **state)
{
	uint8_t bytes[1024 + PAYLOAD];
	struct memory *memory = guest_memory(RAM);
	int kernel = bzimage(bytes), initrd = file_of("initrd", 6);
	struct boot_config config = config_of(kernel, initrd);
	struct boot_params *params = memory_at(memory, gpa(ADDR_BOOT_PARAMS), sizeof(*params));
	struct boot_placed placed;

	(void)state;
	config.layout = NULL;
	assert_int_equal(boot_place(memory, &config, &placed, NULL), 0);
	assert_int_equal(placed.low, RAM);
	assert_memory_equal(memory->base + (16 << 20), bytes + 1024, PAYLOAD);
	assert_memory_equal(memory->base + placed.initrd.address, "initrd", 6);
	for (unsigned i = 0; i < ADDR_CMDLINE + 16; i++) /* what else is put below 1 MiB is not touched */
		assert_int_equal(memory->base[i], 0);
	config.layout = &layout;
	assert_int_equal(boot_finish(memory, &config, &placed, NULL), 0);
	assert_int_equal(placed.entry.rip, (16 << 20) + 0x200);
	assert_int_equal(params->hdr.ramdisk_image, placed.initrd.address);
	assert_int_equal(params->hdr.code32_start, 16 << 20);
	assert_string_equal((char *)memory->base + params->hdr.cmd_line_ptr, "quiet");
	close(kernel);
	close(initrd);
	guest_memory_free(memory);
}

static void every_truncation_of_a_bzimage_is_said(void **state)
{
	uint8_t bytes[1024 + PAYLOAD];
	struct memory *memory = guest_memory(RAM);
	struct lend_error error;
	struct boot_entry entry;
	int whole = bzimage(bytes);

	(void)state;
	close(whole);
	for (size_t length = 0; length < 1024 + PAYLOAD; length += length < 1024 ? 1 : 64) {
		int kernel = file_of(bytes, length);
		struct boot_config config = config_of(kernel, -1);

		error.text[0] = 0;
		assert_true(boot_check(&config, RAM, &error) < 0);
		assert_non_null(strstr(error.text, "K: "));
		assert_true(boot_load(memory, &config, &entry, &error) < 0);
		close(kernel);
	}
	guest_memory_free(memory);
}

/* With as much memory as the sentence names the kernel is not refused, and with 1 MiB less it is. */
static void says_enough(const struct boot_config *config, struct lend_error *error)
{
	uint64_t needed = strtoull(strstr(error->text, "needs ") + 6, NULL, 10);

	assert_int_equal(boot_check(config, needed << 20, NULL), 0);
	assert_int_equal(boot_check(config, (needed - 1) << 20, NULL), -ENOSPC);
}

static void what_is_larger_than_memory_is_refused(void **state)
{
	uint8_t bytes[1024 + PAYLOAD];
	struct lend_error error = {0};
	int kernel = bzimage(bytes), initrd = memfd_create("initrd", 0);
	struct boot_config config = config_of(kernel, -1);

	(void)state;
	assert_int_equal(boot_check(&config, 4 << 20, NULL), 0); /* relocated to 2 MiB */
	assert_int_equal(boot_check(&config, 2 << 20, &error), -ENOSPC);
	assert_non_null(strstr(error.text, "raise -m"));
	says_enough(&config, &error);
	assert_int_equal(ftruncate(initrd, RAM), 0);
	config.initrd_fd = initrd;
	assert_int_equal(boot_check(&config, RAM, &error), -ENOSPC);
	assert_non_null(strstr(error.text, "I: "));
	close(kernel);
	close(initrd);
}

static char *text_of(size_t length)
{
	char *text = calloc(1, length + 1);

	assert_non_null(text);
	memset(text, 'x', length);
	return text;
}

/* The kernel would drop its end without a word; the header says how much it takes. */
static void a_command_line_that_the_kernel_would_cut_is_refused(void **state)
{
	static const struct {
		unsigned says, length;
		int ret;
	} rows[] = {{2047, 2047, 0}, {2047, 2048, -E2BIG}, {255, 256, -E2BIG},           {0, 2048, 0},
		    {0, 0xffff, 0},  {0, 0x10000, -E2BIG}, {UINT32_MAX, 0x10000, -E2BIG}};
	uint8_t bytes[1024 + PAYLOAD];
	struct lend_error error;
	char said[64];

	(void)state;
	close(bzimage(bytes));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct boot_config config;
		char *text = text_of(rows[i].length);
		int kernel;

		memcpy(bytes + 0x1f1 + offsetof(struct setup_header, cmdline_size), &rows[i].says, 4);
		kernel = file_of(bytes, sizeof(bytes));
		config = config_of(kernel, -1);
		config.cmdline = text;
		assert_int_equal(boot_check(&config, RAM, &error), rows[i].ret);
		assert_false(boot_may_cut(&config));
		snprintf(said, sizeof(said), "-append has %u", rows[i].length);
		if (rows[i].ret && rows[i].says < 0x10000)
			assert_true(strstr(error.text, said) || strstr(error.text, "65536 bytes"));
		close(kernel);
		free(text);
	}
}

struct elf_file {
	Elf64_Ehdr header;
	Elf64_Phdr segments[2];
	struct {
		Elf64_Nhdr note;
		char name[4];
		uint64_t entry;
	} note;
	uint8_t text[64];
};

static struct elf_file elf(void)
{
	struct elf_file file = {
		.header = {.e_machine = EM_X86_64,
			   .e_phentsize = sizeof(Elf64_Phdr),
			   .e_phnum = 2,
			   .e_phoff = offsetof(struct elf_file, segments)},
		.segments = {{.p_type = PT_LOAD,
			      .p_offset = offsetof(struct elf_file, text),
			      .p_paddr = 16 << 20,
			      .p_filesz = 64,
			      .p_memsz = 4096},
			     {.p_type = PT_NOTE,
			      .p_offset = offsetof(struct elf_file, note),
			      .p_filesz = sizeof(file.note)}},
		.note = {.note = {.n_namesz = 4, .n_descsz = 8, .n_type = 18},
			 .name = "Xen",
			 .entry = 0x1000040},
	};

	memcpy(file.header.e_ident, ELFMAG, SELFMAG);
	file.header.e_ident[EI_CLASS] = ELFCLASS64;
	memset(file.text, 0x90, sizeof(file.text));
	return file;
}

struct narrow_file {
	Elf32_Ehdr header;
	Elf32_Phdr segments[2];
	struct elf_file wide; /* what its segments hold */
};

/* The same file with the headers of a 32-bit one. */
static struct narrow_file narrow_elf(void)
{
	struct narrow_file file = {
		.header = {.e_machine = EM_386,
			   .e_phentsize = sizeof(Elf32_Phdr),
			   .e_phnum = 2,
			   .e_phoff = offsetof(struct narrow_file, segments)},
		.wide = elf(),
	};

	memcpy(file.header.e_ident, ELFMAG, SELFMAG);
	file.header.e_ident[EI_CLASS] = ELFCLASS32;
	for (unsigned i = 0; i < 2; i++) {
		const Elf64_Phdr *wide = &file.wide.segments[i];

		file.segments[i] = (Elf32_Phdr){
			.p_type = wide->p_type,
			.p_offset = (uint32_t)(wide->p_offset + offsetof(struct narrow_file, wide)),
			.p_paddr = (uint32_t)wide->p_paddr,
			.p_filesz = (uint32_t)wide->p_filesz,
			.p_memsz = (uint32_t)wide->p_memsz};
	}
	file.wide.note.note.n_descsz = 4;
	file.segments[1].p_filesz -= 4;
	return file;
}

static int try_file(const void *file, size_t size, struct boot_entry *entry, struct lend_error *error)
{
	struct memory *memory = guest_memory(RAM);
	int kernel = file_of(file, size);
	struct boot_config config = config_of(kernel, -1);
	int checked = boot_check(&config, RAM, error);
	int loaded = boot_load(memory, &config, entry, error);

	close(kernel);
	guest_memory_free(memory);
	assert_int_equal(checked, loaded);
	return loaded;
}

static int try_elf(const struct elf_file *file, struct boot_entry *entry, struct lend_error *error)
{
	return try_file(file, sizeof(*file), entry, error);
}

static void an_elf_file_is_loaded_by_its_note(void **state)
{
	struct elf_file file = elf();
	struct boot_entry entry;

	(void)state;
	assert_int_equal(try_elf(&file, &entry, NULL), 0);
	assert_false(entry.long_mode);
	assert_int_equal(entry.rip, 0x1000040);
	assert_int_equal(entry.rbx, ADDR_PVH_INFO);
}

/* Its file does not say what it takes: what Linux does not take is worth a note. */
static void a_long_command_line_of_an_elf_file_is_noted(void **state)
{
	struct elf_file file = elf();
	int kernel = file_of(&file, sizeof(file));
	struct boot_config config = config_of(kernel, -1);
	char *text = text_of(0x10000);

	(void)state;
	config.cmdline = text;
	assert_int_equal(boot_check(&config, RAM, NULL), -E2BIG);
	text[2048] = '\0';
	assert_int_equal(boot_check(&config, RAM, NULL), 0);
	assert_true(boot_may_cut(&config));
	text[2047] = '\0';
	assert_false(boot_may_cut(&config));
	free(text);
	close(kernel);
}

/* A small segment needs a whole MiB, too. */
static void how_much_an_elf_file_needs(void **state)
{
	static const uint64_t sizes[] = {4096, 1 << 20, (1 << 20) + 1};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct elf_file file = elf();
		struct lend_error error = {""};
		struct boot_config config;
		int kernel;

		file.segments[0].p_paddr = 0x1000000;
		file.segments[0].p_memsz = sizes[i];
		kernel = file_of(&file, sizeof(file));
		config = config_of(kernel, -1);
		assert_int_equal(boot_check(&config, 0x1000000, &error), -ENOSPC);
		says_enough(&config, &error);
		close(kernel);
	}
}

static void elf_files_that_lie_are_refused(void **state)
{
	struct boot_entry entry;
	struct lend_error error;
	struct elf_file file;

	(void)state;
#define REFUSED(change, code)                                                                                \
	do {                                                                                                 \
		file = elf();                                                                                \
		change;                                                                                      \
		assert_int_equal(try_elf(&file, &entry, &error), code);                                      \
	} while (0)
	REFUSED(file.header.e_machine = EM_AARCH64, -ENOEXEC);
	REFUSED(file.header.e_phnum = 0, -ENOEXEC);
	REFUSED(file.header.e_phnum = 65535, -ENOEXEC);
	REFUSED(file.header.e_phoff = UINT64_MAX - 8, -ENODATA);
	REFUSED(file.header.e_phoff = 1 << 30, -ENODATA);
	REFUSED(file.segments[0].p_offset = UINT64_MAX - 3, -ENODATA);
	REFUSED(file.segments[0].p_filesz = 4097, -ENOEXEC);
	REFUSED(file.segments[0].p_memsz = UINT64_MAX, -ENOSPC);
	REFUSED(file.segments[0].p_paddr = UINT64_MAX, -ENOSPC);
	REFUSED(file.segments[0].p_paddr = 0x1000, -ENOEXEC);
	assert_non_null(strstr(error.text, "linked to 0x1000"));
	REFUSED(file.segments[0].p_paddr = RAM - 4095, -ENOSPC);
	REFUSED(file.segments[1].p_filesz = 8, -ENOEXEC);
	REFUSED(file.note.note.n_type = 1, -ENOEXEC);
	REFUSED(file.note.note.n_namesz = UINT32_MAX, -ENOEXEC);
	REFUSED(file.note.note.n_descsz = UINT32_MAX, -ENOEXEC);
	REFUSED(file.note.entry = UINT64_MAX, -ENOEXEC);
	REFUSED(file.note.entry = (16 << 20) - 1, -ENOEXEC);
	REFUSED(file.note.entry = (16 << 20) + 4096, -ENOEXEC);
	assert_non_null(strstr(error.text, "0x1001000"));
	REFUSED(file.segments[1].p_offset = 1 << 30, -ENODATA);
}

static void elf_files_of_32_bits_are_loaded_too(void **state)
{
	struct narrow_file file = narrow_elf();
	struct boot_entry entry;
	struct lend_error error;

	(void)state;
	assert_int_equal(try_file(&file, sizeof(file), &entry, NULL), 0);
	assert_false(entry.long_mode);
	assert_int_equal(entry.rip, 0x1000040);
#define REFUSED_NARROW(change, code)                                                                         \
	do {                                                                                                 \
		file = narrow_elf();                                                                         \
		change;                                                                                      \
		assert_int_equal(try_file(&file, sizeof(file), &entry, &error), code);                       \
	} while (0)
	REFUSED_NARROW(file.header.e_machine = EM_ARM, -ENOEXEC);
	REFUSED_NARROW(file.header.e_ident[EI_CLASS] = 3, -ENOEXEC);
	REFUSED_NARROW(file.header.e_phentsize = sizeof(Elf64_Phdr), -ENOEXEC);
	REFUSED_NARROW(file.header.e_phnum = 65, -ENOEXEC);
	REFUSED_NARROW(file.header.e_phoff = UINT32_MAX, -ENODATA);
	REFUSED_NARROW(file.segments[0].p_memsz = UINT32_MAX, -ENOSPC);
	REFUSED_NARROW(file.segments[0].p_filesz = 4097, -ENOEXEC);
	REFUSED_NARROW(file.segments[1].p_filesz = UINT32_MAX, -ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bzimage_is_loaded_with_its_parameters),
		cmocka_unit_test(a_kernel_is_placed_before_its_parameters),
		cmocka_unit_test(every_truncation_of_a_bzimage_is_said),
		cmocka_unit_test(what_is_larger_than_memory_is_refused),
		cmocka_unit_test(a_command_line_that_the_kernel_would_cut_is_refused),
		cmocka_unit_test(an_elf_file_is_loaded_by_its_note),
		cmocka_unit_test(a_long_command_line_of_an_elf_file_is_noted),
		cmocka_unit_test(how_much_an_elf_file_needs),
		cmocka_unit_test(elf_files_that_lie_are_refused),
		cmocka_unit_test(elf_files_of_32_bits_are_loaded_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
