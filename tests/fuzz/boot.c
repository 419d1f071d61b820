/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: files that a guest is started with. The first byte tells what the others are: a file of
 * any kind; changes of a bzImage, of an ELF file with PVH's note, or of the kernel in a bzImage; or the
 * description of a firmware image. What is looked at and found good can be loaded, and is entered within
 * the guest's memory; no byte outside of it is written.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/input.h"
#include "tests/unit/bzimage.h"
#include "tests/unit/cmocka.h"
#include "tool/run/descriptors.h"
#include "tool/run/kernel/payload.h"
#include "vmm/x86/boot.h"
#include "vmm/x86/unpacked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 32 << 20, GUARD = 1 << 20, TEXT = 256, FILE_MAX = 4096 };

/* Behind the guest's memory nothing can be written. */
static struct memory *guest(void)
{
	static struct memory memory;

	if (!memory.base) {
		memory.base = mmap(NULL, MEMORY + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_true(memory.base != MAP_FAILED);
		memory.base += GUARD;
		assert_int_equal(mprotect(memory.base, MEMORY, PROT_READ | PROT_WRITE), 0);
		memory.size = MEMORY;
		memory.piece_count = 1;
		memory.pieces[0].length = MEMORY;
	}
	madvise(memory.base, MEMORY, MADV_DONTNEED);
	return &memory;
}

static size_t bzimage(uint8_t *bytes)
{
	struct setup_header header = bzimage_header(TEXT);

	header.payload_offset = 16;
	header.payload_length = 64;
	bzimage_put(bytes, header);
	bytes[1024 + 16] = 0x1f; /* gzip */
	bytes[1024 + 17] = 0x8b;
	return 1024 + TEXT;
}

static size_t elf(uint8_t *bytes)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segments[2];
		Elf64_Nhdr note;
		char name[4];
		uint32_t entry;
		uint8_t text[TEXT];
	} *file = (void *)bytes;

	memcpy(file->header.e_ident, ELFMAG, SELFMAG);
	file->header.e_ident[EI_CLASS] = ELFCLASS64;
	file->header.e_ident[EI_DATA] = ELFDATA2LSB;
	file->header.e_type = ET_EXEC;
	file->header.e_machine = EM_X86_64;
	file->header.e_phentsize = sizeof(Elf64_Phdr);
	file->header.e_phnum = 2;
	file->header.e_phoff = sizeof(Elf64_Ehdr);
	file->header.e_entry = 1 << 20;
	file->segments[0] = (Elf64_Phdr){.p_type = PT_LOAD,
					 .p_offset = offsetof(typeof(*file), text),
					 .p_paddr = 1 << 20,
					 .p_filesz = TEXT,
					 .p_memsz = 4096};
	file->segments[1] = (Elf64_Phdr){.p_type = PT_NOTE,
					 .p_offset = offsetof(typeof(*file), note),
					 .p_filesz = sizeof(Elf64_Nhdr) + 8};
	file->note = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 4, .n_type = 18};
	memcpy(file->name, "Xen", 4);
	file->entry = 1 << 20;
	return sizeof(*file);
}

/* A bzImage's kernel, with lists of words to be moved at its end. */
static size_t unpacked(uint8_t *bytes)
{
	static const int32_t table[] = {0, 0, 0, (int32_t)0x81000010};
	Elf64_Ehdr *header = (void *)bytes;
	Elf64_Phdr *segment = (void *)(bytes + sizeof(*header));
	size_t text = sizeof(*header) + sizeof(*segment);

	memcpy(header->e_ident, ELFMAG, SELFMAG);
	header->e_ident[EI_CLASS] = ELFCLASS64;
	header->e_machine = EM_X86_64;
	header->e_phentsize = sizeof(*segment);
	header->e_phnum = 1;
	header->e_phoff = sizeof(*header);
	header->e_entry = (16 << 20) + 0x40;
	*segment = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_offset = text, .p_paddr = 16 << 20, .p_filesz = TEXT, .p_memsz = 4096};
	memcpy(bytes + text + 0x10, "\x10\0\0\x81", 4);
	memcpy(bytes + text + TEXT, table, sizeof(table));
	return text + TEXT + sizeof(table);
}

static size_t change(uint8_t *bytes, size_t length, struct input *input)
{
	uint8_t how = take(input);

	for (unsigned count = how & 31; count; count--) {
		size_t at = take_number(input, 2) % FILE_MAX;

		bytes[at] = take(input);
	}
	return how & 32 ? take_number(input, 2) % FILE_MAX : length;
}

static void boot(int fd)
{
	static const struct layout layout = {.low_start = 0xe0000000, .low_end = 0xf0000000, .buses = 3};
	const struct boot_config config = {.kernel_fd = fd,
					   .initrd_fd = -1,
					   .unpacked_fd = -1,
					   .kernel_name = "K",
					   .initrd_name = "I",
					   .cmdline = "quiet",
					   .layout = &layout,
					   .rsdp = 0xe0000};
	struct lend_error error = {{0}};
	struct boot_entry entry = {0};
	int ret = boot_check(&config, MEMORY, &error);

	if (ret < 0) {
		assert_true(error.text[0] && !strchr(error.text, '\n'));
		return;
	}
	boot_may_cut(&config);
	ret = boot_load(guest(), &config, &entry, &error);
	if (ret < 0)
		fail_msg("found good, and then: %s", error.text);
	assert_true(entry.rip < MEMORY && entry.rsi < MEMORY && entry.rbx < MEMORY);
}

static void boot_unpacked(int fd, size_t length)
{
	const struct boot_config config = {.kernel_fd = -1,
					   .initrd_fd = -1,
					   .cmdline = "quiet",
					   .unpacked_fd = fd,
					   .unpacked_size = length};
	struct unpacked what = {.load = 16 << 20, .room = 1 << 20, .alignment = 2 << 20};

	if (unpacked_load(guest(), &config, &what))
		return;
	assert_true(what.entry >= 16 << 20 && what.entry < (16 << 20) + (1 << 20));
}

static void find_payload(int fd, const uint8_t *bytes, size_t length)
{
	struct payload payload;

	if (payload_find(fd, &payload))
		return;
	assert_true(payload.at <= length && payload.size <= length - payload.at);
	assert_true(payload.size <= PAYLOAD_MAX && payload.unpacked <= UNPACKED_MAX);
	/* It is unpacked in a process of its own, by libraries of others. */
	payload_is_known(bytes + payload.at, payload.size);
}

static char folder[] = "/tmp/lend-fuzz-boot-XXXXXX", path[64];

static void end(void)
{
	rmdir(folder);
}

static void describe(const uint8_t *bytes, size_t length)
{
	static bool made;
	const struct descriptor_folders folders = {{folder, NULL, NULL}};
	struct descriptor found = {{0}, {0}}, other;
	struct lend_error error;
	FILE *file;

	if (!made) {
		assert_non_null(mkdtemp(folder));
		snprintf(path, sizeof(path), "%s/a.json", folder);
		atexit(end);
	}
	made = true;
	file = fopen(path, "w");
	assert_non_null(file);
	fwrite(bytes, 1, length, file);
	fclose(file);
	if (!descriptor_find(&folders, &found, &error)) {
		assert_true(strlen(found.code) < sizeof(found.code));
		assert_int_equal(descriptor_of(&folders, found.code, &other), 0);
		assert_string_equal(other.code, found.code);
	}
	unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[FILE_MAX];
	struct input input = {data, size};
	uint8_t kind = take(&input) % 5;
	size_t length;
	int fd;

	if (kind == 4) {
		describe(input.at, input.left);
		return 0;
	}
	memset(bytes, 0, sizeof(bytes));
	length = kind == 1 ? bzimage(bytes) : kind == 2 ? elf(bytes) : kind == 3 ? unpacked(bytes) : 0;
	if (kind) {
		length = change(bytes, length, &input);
	} else {
		length = input.left < FILE_MAX ? input.left : FILE_MAX;
		memcpy(bytes, input.at, length);
	}
	fd = memfd_create("kernel", MFD_CLOEXEC);
	assert_int_equal(write(fd, bytes, length), (ssize_t)length);
	if (kind == 3) {
		boot_unpacked(fd, length);
	} else {
		boot(fd);
		find_payload(fd, bytes, length);
	}
	close(fd);
	return 0;
}
