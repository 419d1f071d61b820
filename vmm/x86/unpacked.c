/* SPDX-License-Identifier: MIT */
/*
 * Behind the ELF file there is a table of 32-bit words, which the kernel's build makes
 * (arch/x86/tools/relocs.c): virtual addresses, sign-extended, of what changes with the kernel's
 * own. It is read from its end: places of 32 bits, in older kernels those of 32 bits from which
 * the distance is taken away, places of 64 bits; a 0 in front of each. A kernel without the table
 * has no KASLR.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "vmm/x86/elf.h"
#include "vmm/x86/unpacked.h"

#define KERNEL_MAP 0xffffffff80000000ULL /* the virtual address of the physical address 0 */

enum { TABLE_MAX = 64 << 20, LISTS_MAX = 3, KERNEL_IMAGE_MAX = 1 << 30 };

/* What is moved: the bytes of guest memory from `load` on. */
struct moved {
	uint8_t *bytes;
	uint64_t load, room;
	uint64_t distance;
};

/* How the words of a list are moved. */
struct list {
	size_t size;
	bool back;
};

static bool move_one(const struct moved *moved, const struct list *list, int32_t word)
{
	int64_t virtual = word;
	uint64_t at = (uint64_t)virtual - KERNEL_MAP - moved->load, value = 0;

	if (at >= moved->room || moved->room - at < list->size)
		return false;
	memcpy(&value, moved->bytes + at, list->size); /* little-endian, as both sides are */
	value += list->back ? -moved->distance : moved->distance;
	memcpy(moved->bytes + at, &value, list->size);
	return true;
}

/* Where the lists begin, each behind its 0; the last one first. 0: the table is none. */
static unsigned find_lists(const int32_t *table, size_t count, size_t starts[LISTS_MAX])
{
	unsigned found = 0;

	for (size_t i = count; i-- > 0;) {
		if (table[i])
			continue;
		if (found == LISTS_MAX)
			return 0;
		starts[found++] = i + 1;
	}
	return count && !table[0] && found >= 2 ? found : 0;
}

static int move_all(const struct moved *moved, const int32_t *table, size_t count)
{
	static const struct list narrow = {4, false}, back = {4, true}, wide = {8, false};
	size_t starts[LISTS_MAX], end = count;
	unsigned found = find_lists(table, count, starts);
	const struct list *lists[LISTS_MAX] = {&narrow, found == 2 ? &wide : &back, &wide};

	if (!found)
		return -ENOEXEC;
	for (unsigned i = 0; i < found; i++) {
		for (size_t at = starts[i]; at < end; at++)
			if (!move_one(moved, lists[i], table[at]))
				return -ENOEXEC;
		end = starts[i] - 1;
	}
	return 0;
}

/* The table behind the file; the caller frees it, also after an error. 0 and NULL: there is none. */
static int read_table(const struct boot_config *config, const struct elf *elf, int32_t **table, size_t *count)
{
	uint64_t at = elf->sections_end > elf->last ? elf->sections_end : elf->last;
	uint64_t length = at < config->unpacked_size ? config->unpacked_size - at : 0;

	*table = NULL;
	if (!length || length > TABLE_MAX || length % sizeof(**table))
		return 0;
	*count = length / sizeof(**table);
	*table = malloc(length);
	if (!*table)
		return -ENOMEM;
	return pread(config->unpacked_fd, *table, length, (off_t)at) == (ssize_t)length ? 0 : -EIO;
}

/* Every character up to the blank is one for Linux, and the end is, too. */
static bool is_blank(char c)
{
	return (unsigned char)c <= ' ';
}

/* A word of the command line, as Linux finds it. */
static bool has_word(const char *cmdline, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = cmdline; (at = strstr(at, word)); at += length)
		if ((at == cmdline || is_blank(at[-1])) && is_blank(at[length]))
			return true;
	return false;
}

/* How far the kernel is moved: it stays below 1 GiB from KERNEL_MAP on, where it is mapped. */
static uint64_t choose_distance(const struct unpacked *unpacked)
{
	uint64_t end = unpacked->load + unpacked->room, random;

	if (end >= KERNEL_IMAGE_MAX || getrandom(&random, sizeof(random), 0) != sizeof(random))
		return 0;
	return random % ((KERNEL_IMAGE_MAX - end) / unpacked->alignment + 1) * unpacked->alignment;
}

static int randomize(const struct memory *memory, const struct boot_config *config, const struct elf *elf,
		     struct unpacked *unpacked)
{
	struct moved moved = {.load = unpacked->load, .room = unpacked->room};
	size_t count;
	int32_t *table;
	int ret;

	unpacked->randomized = false;
	if (has_word(config->cmdline, "nokaslr"))
		return 0;
	ret = read_table(config, elf, &table, &count);
	if (!ret && table) {
		moved.bytes = memory_at(memory, gpa(moved.load), moved.room);
		moved.distance = choose_distance(unpacked);
		ret = moved.bytes ? move_all(&moved, table, count) : -ENOSPC;
		unpacked->randomized = !ret;
	}
	free(table);
	return ret;
}

/* Inside of what the bzImage's header says; nobody else looks at it. */
static int check_place(const struct elf *elf, const struct unpacked *unpacked)
{
	uint64_t end = unpacked->load + unpacked->room;

	if (!elf->wide || elf->first < unpacked->load || elf->end > end)
		return -ENOEXEC;
	return elf->entry < elf->first || elf->entry >= elf->end ? -ENOEXEC : 0;
}

int unpacked_load(const struct memory *memory, const struct boot_config *config, struct unpacked *unpacked)
{
	struct boot_config file = *config;
	struct elf elf;
	int ret;

	file.kernel_fd = config->unpacked_fd;
	ret = elf_read(&file, &elf, NULL);
	ret = ret ? ret : elf_check(&file, memory->pieces[0].length, &elf, NULL);
	ret = ret ? ret : check_place(&elf, unpacked);
	ret = ret ? ret : elf_load(memory, &file, &elf, NULL);
	ret = ret ? ret : randomize(memory, config, &elf, unpacked);
	if (!ret)
		unpacked->entry = elf.entry;
	return ret;
}
