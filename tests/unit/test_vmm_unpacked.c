/* SPDX-License-Identifier: MIT */
/* The kernel of a bzImage, entered without what unpacks it; and files that are none. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/bzimage.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/guest_memory.h"
#include "vmm/x86/elf.h"

#undef fail /* of cmocka: the machine has one of its own */
#include "vmm/machine_boot.c"

enum { PAYLOAD = 4096, LOAD = 16 << 20, ROOM = 1 << 20, ALIGNMENT = 2 << 20, TEXT = 256, BSS = 4096 };

static const struct layout layout = {.low_start = 0xe0000000, .low_end = 0xf0000000, .buses = 3};

/* What stands in the text: a word of each list of relocations, and one that stays. */
struct text {
	uint32_t narrow, back;
	uint64_t wide, still;
	uint8_t rest[TEXT - 24];
};

struct kernel_file {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	struct text text;
	int32_t table[6];
};

static int32_t place(size_t offset)
{
	return (int32_t)(0x81000000u + (uint32_t)offset);
}

static struct kernel_file kernel_file(void)
{
	struct kernel_file file = {
		.header = {.e_machine = EM_X86_64,
			   .e_phentsize = sizeof(Elf64_Phdr),
			   .e_phnum = 1,
			   .e_phoff = offsetof(struct kernel_file, segment),
			   .e_entry = LOAD + 0x40},
		.segment = {.p_type = PT_LOAD,
			    .p_offset = offsetof(struct kernel_file, text),
			    .p_paddr = LOAD,
			    .p_filesz = TEXT,
			    .p_memsz = BSS},
		.text = {.narrow = 0x81000010,
			 .back = 0x1000,
			 .wide = 0xffffffff81000020,
			 .still = 0x81000030},
		.table = {0, place(offsetof(struct text, wide)), 0, place(offsetof(struct text, back)), 0,
			  place(offsetof(struct text, narrow))},
	};

	memcpy(file.header.e_ident, ELFMAG, SELFMAG);
	file.header.e_ident[EI_CLASS] = ELFCLASS64;
	return file;
}

static int file_of(const void *bytes, size_t length)
{
	int fd = memfd_create("kernel", 0);

	assert_int_equal(write(fd, bytes, length), length);
	return fd;
}

static int bzimage(void)
{
	uint8_t bytes[1024 + PAYLOAD] = {0};
	struct setup_header header = bzimage_header(PAYLOAD);

	header.pref_address = LOAD;
	header.init_size = ROOM;
	header.kernel_alignment = ALIGNMENT;
	bzimage_put(bytes, header);
	memset(bytes + 1024, 0xee, PAYLOAD);
	return file_of(bytes, sizeof(bytes));
}

struct stage {
	struct memory *memory;
	struct boot_config config;
	struct boot_entry entry;
	struct boot_params *params;
};

/* A size of more than the file has is one that was cut meanwhile. */
static void load(struct stage *stage, const struct kernel_file *file, size_t size, const char *cmdline,
		 uint64_t ram)
{
	size_t written = size < sizeof(*file) ? size : sizeof(*file);

	memset(stage, 0, sizeof(*stage));
	stage->memory = guest_memory(ram);
	memset(stage->memory->base + LOAD, 0xaa, ram > LOAD ? ROOM : 0); /* as a reboot leaves it */
	stage->config = (struct boot_config){.kernel_fd = bzimage(),
					     .initrd_fd = file_of("initrd", 6),
					     .unpacked_fd = file_of(file, written),
					     .unpacked_size = size,
					     .kernel_name = "K",
					     .initrd_name = "I",
					     .cmdline = cmdline,
					     .layout = &layout};
	assert_int_equal(boot_load(stage->memory, &stage->config, &stage->entry, NULL), 0);
	stage->params = memory_at(stage->memory, gpa(ADDR_BOOT_PARAMS), sizeof(*stage->params));
}

static void end(struct stage *stage)
{
	close(stage->config.kernel_fd);
	close(stage->config.initrd_fd);
	close(stage->config.unpacked_fd);
	guest_memory_free(stage->memory);
}

static const struct text *text_of(const struct stage *stage)
{
	return (const struct text *)(stage->memory->base + LOAD);
}

static void it_is_entered_directly(void **state)
{
	struct kernel_file file = kernel_file();
	struct stage stage;

	(void)state;
	load(&stage, &file, sizeof(file), "quiet nokaslr", RAM);
	assert_true(stage.entry.unpacked);
	assert_true(stage.entry.long_mode);
	assert_int_equal(stage.entry.rip, LOAD + 0x40);
	assert_int_equal(stage.entry.rsi, ADDR_BOOT_PARAMS);
	assert_memory_equal(stage.memory->base + LOAD, &file.text, TEXT);
	for (unsigned i = TEXT; i < BSS; i++)
		assert_int_equal(stage.memory->base[LOAD + i], 0);
	assert_int_equal(stage.params->hdr.ramdisk_size, 6);
	assert_true(stage.params->hdr.ramdisk_image >= LOAD + ROOM);
	assert_false(stage.params->hdr.loadflags & KASLR_FLAG);
	end(&stage);
}

/* A word ends, as in Linux, at any character up to the blank. */
static void nokaslr_is_found_as_linux_finds_it(void **state)
{
	static const struct {
		const char *cmdline;
		bool found;
	} rows[] = {{"nokaslr", true},           {"quiet\tnokaslr", true},    {"quiet\nnokaslr\n", true},
		    {"nokaslr\tquiet", true},    {"quiet \001nokaslr", true}, {"nokaslrx nokaslr", true},
		    {"quiet\xa0nokaslr", false}, {"nokaslr\xa0", false},      {"nokaslr=1", false}};
	struct kernel_file file = kernel_file();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct stage stage;

		load(&stage, &file, sizeof(file), rows[i].cmdline, RAM);
		assert_true(stage.entry.unpacked);
		assert_int_equal(!(stage.params->hdr.loadflags & KASLR_FLAG), rows[i].found);
		end(&stage);
	}
}

/* By a multiple of the alignment, all words by the same, and not always by the same. */
static void its_virtual_address_is_random(void **state)
{
	struct kernel_file file = kernel_file();
	uint64_t seen[8];
	bool differs = false;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct stage stage;
		uint64_t distance;

		load(&stage, &file, sizeof(file), "xnokaslr nokaslrx", RAM);
		assert_true(stage.entry.unpacked);
		assert_true(stage.params->hdr.loadflags & KASLR_FLAG);
		distance = text_of(&stage)->wide - file.text.wide;
		assert_int_equal(distance % ALIGNMENT, 0);
		assert_true(LOAD + ROOM + distance <= 1 << 30);
		assert_int_equal(text_of(&stage)->narrow, file.text.narrow + distance);
		assert_int_equal(text_of(&stage)->back, (uint32_t)(file.text.back - distance));
		assert_int_equal(text_of(&stage)->still, file.text.still);
		assert_int_equal(stage.entry.rip, LOAD + 0x40); /* physically it stays */
		seen[i] = distance;
		differs |= i && seen[i] != seen[0];
		end(&stage);
	}
	assert_true(differs);
}

/* Newer kernels have two lists, and some have no table at all. */
static void tables_of_other_kernels(void **state)
{
	struct kernel_file file = kernel_file();
	struct stage stage;

	(void)state;
	file.table[2] = 0;
	file.table[3] = place(offsetof(struct text, narrow));
	load(&stage, &file, offsetof(struct kernel_file, table[4]), "", RAM);
	assert_true(stage.entry.unpacked);
	assert_int_equal(text_of(&stage)->narrow - file.text.narrow,
			 (uint32_t)(text_of(&stage)->wide - file.text.wide));
	assert_int_equal(text_of(&stage)->back, file.text.back);
	end(&stage);
	load(&stage, &file, offsetof(struct kernel_file, table), "", RAM);
	assert_true(stage.entry.unpacked);
	assert_false(stage.params->hdr.loadflags & KASLR_FLAG);
	assert_memory_equal(text_of(&stage), &file.text, TEXT);
	end(&stage);
}

/* Then the image is booted as it is. */
static void boots_packed(const struct kernel_file *file, size_t size, uint64_t ram)
{
	struct stage stage;
	uint64_t at;

	load(&stage, file, size, "", ram);
	assert_false(stage.entry.unpacked);
	at = stage.entry.rip - 0x200;
	assert_int_equal(stage.memory->base[at], 0xee);
	assert_int_equal(stage.memory->base[at + PAYLOAD - 1], 0xee);
	assert_false(stage.params->hdr.loadflags & KASLR_FLAG);
	end(&stage);
}

static void what_lies_is_not_entered(void **state)
{
	struct kernel_file file;

	(void)state;
#define PACKED(change)                                                                                       \
	do {                                                                                                 \
		file = kernel_file();                                                                        \
		change;                                                                                      \
		boots_packed(&file, sizeof(file), RAM);                                                      \
	} while (0)
	PACKED(file.header.e_ident[0] = 0);
	PACKED(file.header.e_machine = EM_386);
	PACKED(file.header.e_phnum = 0);
	PACKED(file.header.e_phnum = 65535);
	PACKED(file.header.e_phoff = UINT64_MAX);
	PACKED(file.header.e_entry = LOAD - 1);
	PACKED(file.header.e_entry = LOAD + BSS);
	PACKED(file.segment.p_paddr = LOAD - 4096);
	PACKED(file.segment.p_paddr = LOAD + ROOM - BSS + 1);
	PACKED(file.segment.p_memsz = ROOM + 1);
	PACKED(file.segment.p_memsz = UINT64_MAX);
	PACKED(file.segment.p_filesz = 1 << 30);
	PACKED(file.segment.p_offset = 1 << 30);
	PACKED(file.segment.p_type = PT_NOTE);
	PACKED(file.table[0] = 1);
	PACKED(file.table[1] = place(ROOM - 7));
	PACKED(file.table[1] = place(0) - 1);
	PACKED(file.table[3] = place(ROOM - 3));
	PACKED(file.table[5] = 0x7fffffff);
	PACKED((file.table[1] = 0, file.table[3] = 0));
	file = kernel_file();
	for (size_t size = 1; size < offsetof(struct kernel_file, table); size += 7)
		boots_packed(&file, size, RAM);
}

/* Without its table it would start where everybody knows. */
static void a_table_that_cannot_be_read_is_an_error(void **state)
{
	struct kernel_file file = kernel_file();

	(void)state;
	boots_packed(&file, sizeof(file) + 4, RAM);
}

static void a_file_that_was_written_to_is_changed(void **state)
{
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}},
			      late[2] = {{.tv_sec = 1000}, {.tv_sec = 1000, .tv_nsec = 1}};
	int fd = file_of("kernel", 6);
	struct vmm_file_state then;

	(void)state;
	assert_int_equal(futimens(fd, old), 0);
	assert_int_equal(boot_state(fd, &then), 0);
	assert_false(boot_is_changed(fd, &then));
	assert_int_equal(futimens(fd, late), 0);
	assert_true(boot_is_changed(fd, &then));
	assert_int_equal(ftruncate(fd, 7), 0);
	assert_int_equal(futimens(fd, old), 0);
	assert_true(boot_is_changed(fd, &then));
	close(fd);
	assert_true(boot_is_changed(fd, &then));
}

static struct vmm_file_state state_when_unpacked(const struct stage *stage)
{
	struct vmm_config config = {.kernel_fd = stage->config.kernel_fd, .unpacked_size = 1};

	assert_int_equal(boot_state(config.kernel_fd, &config.unpacked_of), 0);
	return machine_kernel_state(&config);
}

/* A machine with a kernel that was unpacked and is as it was then. */
static void load_for(struct vmm *vmm, struct stage *stage)
{
	const struct kernel_file file = kernel_file();

	load(stage, &file, sizeof(file), "", RAM);
	memset(vmm, 0, sizeof(*vmm));
	vmm->memory = *stage->memory;
	vmm->kernel = state_when_unpacked(stage);
}

/* Before the first boot, what was read ahead is not taken; at a reboot the image is loaded as it is now. */
static void a_kernel_that_was_overwritten_unpacks_itself(void **state)
{
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	static struct vmm vmm;
	struct boot_placed placed;
	struct stage stage;

	(void)state;
	load_for(&vmm, &stage);
	assert_int_equal(place_kernel(&vmm, &stage.config, &placed, NULL), 0);
	assert_true(placed.entry.unpacked);
	vmm.ahead.placed = true;
	vmm.ahead.kernel = placed;
	assert_int_equal(place_kernel(&vmm, &stage.config, &placed, NULL), 0);
	assert_true(placed.entry.unpacked);
	vmm.ahead.placed = true;
	assert_int_equal(futimens(stage.config.kernel_fd, old), 0);
	assert_int_equal(place_kernel(&vmm, &stage.config, &placed, NULL), 0);
	assert_false(placed.entry.unpacked);
	assert_false(vmm.ahead.placed);
	end(&stage);
}

/* Written to after it was unpacked, and before there is a machine. */
static void a_kernel_that_was_overwritten_before_the_start(void **state)
{
	static struct vmm vmm;
	struct boot_placed placed;
	struct stage stage;

	(void)state;
	load_for(&vmm, &stage);
	vmm.kernel.modified_ns ^= 1;
	assert_int_equal(place_kernel(&vmm, &stage.config, &placed, NULL), 0);
	assert_false(placed.entry.unpacked);
	/* Where nothing was unpacked, it is the file as it is now. */
	assert_int_equal(machine_kernel_state(&(struct vmm_config){.kernel_fd = stage.config.kernel_fd}).size,
			 state_when_unpacked(&stage).size);
	end(&stage);
}

/* A section table that ends nowhere leaves no table of relocations, and no access behind the file. */
static void sections_that_lie(void **state)
{
	static const uint64_t places[] = {UINT64_MAX, UINT64_MAX - 64, 1 << 30,
					  sizeof(struct kernel_file) - 64};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		struct kernel_file file = kernel_file();
		struct stage stage;

		file.header.e_shoff = places[i];
		file.header.e_shnum = 1;
		file.header.e_shentsize = 64;
		load(&stage, &file, sizeof(file), "", RAM);
		end(&stage);
	}
}

/* The image is moved in a machine that is smaller, and its own code does that. */
static void a_small_machine_unpacks_by_itself(void **state)
{
	struct kernel_file file = kernel_file();

	(void)state;
	boots_packed(&file, sizeof(file), 8 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_entered_directly),
		cmocka_unit_test(nokaslr_is_found_as_linux_finds_it),
		cmocka_unit_test(its_virtual_address_is_random),
		cmocka_unit_test(tables_of_other_kernels),
		cmocka_unit_test(what_lies_is_not_entered),
		cmocka_unit_test(a_table_that_cannot_be_read_is_an_error),
		cmocka_unit_test(a_file_that_was_written_to_is_changed),
		cmocka_unit_test(a_kernel_that_was_overwritten_unpacks_itself),
		cmocka_unit_test(a_kernel_that_was_overwritten_before_the_start),
		cmocka_unit_test(sections_that_lie),
		cmocka_unit_test(a_small_machine_unpacks_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
