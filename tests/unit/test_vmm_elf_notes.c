/* SPDX-License-Identifier: MIT */
/* Where the entry of an ELF kernel is found: in which of its notes (PVH), and how they are walked. */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/guest_memory.h"
#include "vmm/x86/boot.h"

enum { PHYS32_ENTRY = 18, KERNEL = 16 << 20, KERNEL_BYTES = 4096, NOTES = 4200 };

struct file {
	Elf64_Ehdr header;
	Elf64_Phdr segments[3]; /* the kernel, and two of notes */
	uint8_t notes[2][NOTES];
	uint8_t text[64];
};

static struct file file;

static int start(void **state)
{
	(void)state;
	memset(&file, 0, sizeof(file));
	file.header = (Elf64_Ehdr){.e_ident = ELFMAG,
				   .e_machine = EM_X86_64,
				   .e_phentsize = sizeof(Elf64_Phdr),
				   .e_phnum = 3,
				   .e_phoff = offsetof(struct file, segments)};
	file.header.e_ident[EI_CLASS] = ELFCLASS64;
	file.segments[0] = (Elf64_Phdr){.p_type = PT_LOAD,
					.p_offset = offsetof(struct file, text),
					.p_paddr = KERNEL,
					.p_filesz = sizeof(file.text),
					.p_memsz = KERNEL_BYTES};
	for (unsigned i = 0; i < 2; i++)
		file.segments[1 + i] =
			(Elf64_Phdr){.p_type = PT_NOTE, .p_offset = offsetof(struct file, notes) + i * NOTES};
	return 0;
}

/* Behind the notes of a segment; name and value are padded to multiples of four bytes. */
static void add(unsigned segment, const char *name, unsigned name_bytes, unsigned type, const void *value,
		unsigned value_bytes)
{
	const Elf64_Nhdr note = {.n_namesz = name_bytes, .n_descsz = value_bytes, .n_type = type};
	uint8_t *at = file.notes[segment] + file.segments[1 + segment].p_filesz;

	memcpy(at, &note, sizeof(note));
	memcpy(at + sizeof(note), name, name_bytes);
	memcpy(at + sizeof(note) + align_up(name_bytes, 4), value, value_bytes);
	file.segments[1 + segment].p_filesz +=
		sizeof(note) + align_up(name_bytes, 4) + align_up(value_bytes, 4);
}

static void add_entry(unsigned segment, uint64_t entry)
{
	add(segment, "Xen", 4, PHYS32_ENTRY, &entry, 8);
}

/* The entry by which it is loaded into 64 MiB; 0: it has none that counts. */
static uint64_t loaded(void)
{
	static const struct layout layout = {.low_start = 0xe0000000, .low_end = 0xf0000000, .buses = 1};
	struct memory *memory = guest_memory(RAM);
	int kernel = memfd_create("kernel", 0);
	struct boot_config config = {.kernel_fd = kernel,
				     .initrd_fd = -1,
				     .kernel_name = "K",
				     .cmdline = "quiet",
				     .layout = &layout,
				     .rsdp = ADDR_ACPI};
	struct boot_entry entry = {0};
	int ret;

	assert_int_equal(write(kernel, &file, sizeof(file)), sizeof(file));
	ret = boot_load(memory, &config, &entry, NULL);
	assert_true(!ret || ret == -ENOEXEC);
	close(kernel);
	guest_memory_free(memory);
	return ret ? 0 : entry.rip;
}

/* Of both lengths, and with notes of others before it, whose names and values have any length. */
static void the_entry_is_found_behind_other_notes(void **state)
{
	const uint32_t narrow = KERNEL + 0x20;

	for (unsigned name = 0; name < 8; name++)
		for (unsigned value = 0; value < 8; value++) {
			start(state);
			add(0, "Linux!!", name, PHYS32_ENTRY, "\1\2\3\4\5\6\7", value);
			add(0, "Xen", 4, PHYS32_ENTRY - 1, "\1\2\3\4\5\6\7", value);
			add_entry(0, KERNEL + 0x40);
			assert_int_equal(loaded(), KERNEL + 0x40);
		}
	start(state);
	add(0, "Xen", 4, PHYS32_ENTRY, &narrow, 4);
	assert_int_equal(loaded(), KERNEL + 0x20);
}

static void it_may_stand_in_any_segment_of_notes(void **state)
{
	(void)state;
	add(0, "GNU", 4, 3, "build", 5);
	add_entry(1, KERNEL + 0x40);
	assert_int_equal(loaded(), KERNEL + 0x40);
	/* One that is no segment of notes is not looked at. */
	file.segments[2].p_type = PT_NULL;
	assert_int_equal(loaded(), 0);
}

/* As far as 4 KiB. */
static void a_long_segment_is_not_looked_at(void **state)
{
	static const uint8_t filling[4096];

	(void)state;
	add_entry(0, KERNEL + 0x40);
	add(0, "GNU", 4, 3, filling, 4096 - 24 - 16);
	assert_int_equal(file.segments[1].p_filesz, 4096);
	assert_int_equal(loaded(), KERNEL + 0x40);
	file.segments[1].p_filesz++;
	assert_int_equal(loaded(), 0);
}

static void what_looks_alike_is_no_entry(void **state)
{
	const uint64_t entry = KERNEL + 0x40;
	static const struct {
		const char *name;
		unsigned name_bytes, type, value_bytes;
	} rows[] = {
		{"Xem", 4, PHYS32_ENTRY, 8}, {"Xen", 3, PHYS32_ENTRY, 8}, {"Xen\0", 5, PHYS32_ENTRY, 8},
		{"Xen", 4, PHYS32_ENTRY, 2}, {"Xen", 4, PHYS32_ENTRY, 6}, {"Xen", 4, PHYS32_ENTRY + 1, 8},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		start(state);
		add(0, rows[i].name, rows[i].name_bytes, rows[i].type, &entry, rows[i].value_bytes);
		assert_int_equal(loaded(), 0);
	}
}

/* A note that is cut short ends the walk; what stood before it counts. */
static void the_walk_ends_with_the_segment(void **state)
{
	for (unsigned cut = 1; cut < 24; cut++) {
		start(state);
		add_entry(0, KERNEL + 0x40);
		add_entry(0, KERNEL + 0x80);
		file.segments[1].p_filesz -= cut;
		assert_int_equal(loaded(), KERNEL + 0x40);
	}
	/* A header without name and value is the least that there is. */
	start(state);
	add_entry(0, KERNEL + 0x40);
	add(0, "", 0, 0, "", 0);
	add_entry(0, KERNEL + 0x80);
	assert_int_equal(loaded(), KERNEL + 0x80);
}

/* The last byte of memory is memory. */
static void a_kernel_may_end_where_memory_does(void **state)
{
	(void)state;
	file.segments[0].p_paddr = RAM - KERNEL_BYTES;
	add_entry(0, RAM - 1);
	assert_int_equal(loaded(), RAM - 1);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_entry_is_found_behind_other_notes), TEST(it_may_stand_in_any_segment_of_notes),
		TEST(a_long_segment_is_not_looked_at),       TEST(what_looks_alike_is_no_entry),
		TEST(the_walk_ends_with_the_segment),        TEST(a_kernel_may_end_where_memory_does),
	};

	return cmocka_run_group_tests_name("vmm_elf_notes", tests, NULL, NULL);
}
