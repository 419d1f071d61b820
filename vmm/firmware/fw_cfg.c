/* SPDX-License-Identifier: MIT */
/*
 * Ports: a number is written to the selector (two bytes), and bytes are read from
 * the data port. Or the address of a descriptor in guest memory is written, its two
 * halves one after the other, both big-endian: {control, length, address}. The copy
 * is done, and the control word is written, before the port's write ends.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/firmware/fw_cfg.h"
#include "vmm/x86/fixed.h"

enum { SELECTOR = 0, DATA = 1, DMA_HIGH = 4, DMA_LOW = 8, DMA_END = 12 };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16, DMA_KEY_SHIFT = 16 };
enum { KEY_WRITE = 0x4000 }; /* once a channel for writes: has no effect */
enum { ENTRY = 64, ENTRY_KEY = 4, ENTRY_NAME = 8 };

struct dma {
	uint32_t control, length;
	uint64_t address;
} __attribute__((packed));

static void release(struct fw_cfg_item *items, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		free(items[i].bytes);
}

static struct fw_cfg_item *find_file(struct fw_cfg *fw_cfg, const char *name)
{
	for (unsigned i = 0; i < fw_cfg->file_count; i++)
		if (!strcmp(fw_cfg->files[i].name, name))
			return &fw_cfg->files[i];
	return NULL;
}

static void put_big(uint8_t *at, uint32_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static void write_directory(struct fw_cfg *fw_cfg)
{
	uint8_t *entry = fw_cfg->directory + 4;

	memset(fw_cfg->directory, 0, sizeof(fw_cfg->directory));
	put_big(fw_cfg->directory, fw_cfg->file_count, 4);
	for (unsigned i = 0; i < fw_cfg->file_count; i++, entry += ENTRY) {
		const struct fw_cfg_item *file = &fw_cfg->files[i];

		put_big(entry, file->length, 4);
		put_big(entry + ENTRY_KEY, FW_CFG_FILES_FROM + i, 2);
		if (!file->hidden)
			memcpy(entry + ENTRY_NAME, file->name, FW_CFG_NAME_SIZE);
	}
}

/* What a number stands for; its bytes stay the owner's. Length 0: nothing. */
static struct fw_cfg_item find_key(struct fw_cfg *fw_cfg, uint16_t key)
{
	static uint8_t signature[] = {'Q', 'E', 'M', 'U'};
	static uint8_t revision[] = {3, 0, 0, 0}; /* data port and DMA */

	key &= (uint16_t)~KEY_WRITE;
	if (key == FW_CFG_SIGNATURE)
		return (struct fw_cfg_item){.bytes = signature, .length = sizeof(signature)};
	if (key == FW_CFG_REVISION)
		return (struct fw_cfg_item){.bytes = revision, .length = sizeof(revision)};
	if (key == FW_CFG_DIRECTORY)
		return (struct fw_cfg_item){.bytes = fw_cfg->directory,
					    .length = 4 + ENTRY * fw_cfg->file_count};
	if (key >= FW_CFG_FILES_FROM && key - FW_CFG_FILES_FROM < (int)fw_cfg->file_count)
		return fw_cfg->files[key - FW_CFG_FILES_FROM];
	for (unsigned i = 0; i < fw_cfg->number_count; i++)
		if (fw_cfg->numbers[i].key == key)
			return fw_cfg->numbers[i];
	return (struct fw_cfg_item){0};
}

/* Has the files made that the guest asks for now. Before the lock is taken. */
static void prepare(struct fw_cfg *fw_cfg, uint16_t key)
{
	if (fw_cfg->make && !strcmp(find_key(fw_cfg, key).name, FW_CFG_SCRIPT) &&
	    !__atomic_exchange_n(&fw_cfg->made, true, __ATOMIC_RELAXED))
		fw_cfg->make(fw_cfg->opaque);
}

static void select_key(struct fw_cfg *fw_cfg, uint16_t key)
{
	fw_cfg->selected = find_key(fw_cfg, key);
	fw_cfg->offset = 0;
}

static void skip(struct fw_cfg *fw_cfg, uint32_t length)
{
	uint32_t left = UINT32_MAX - fw_cfg->offset;

	fw_cfg->offset += length < left ? length : left;
}

/* Behind the item's end there are zeros. */
static void copy(struct fw_cfg *fw_cfg, uint8_t *to, uint32_t length)
{
	const struct fw_cfg_item *item = &fw_cfg->selected;
	uint32_t have = item->length > fw_cfg->offset ? item->length - fw_cfg->offset : 0;

	have = have < length ? have : length;
	if (have)
		memcpy(to, item->bytes + fw_cfg->offset, have);
	if (length > have)
		memset(to + have, 0, length - have);
	skip(fw_cfg, length);
}

/* 0, or DMA_ERROR: nothing was copied then. */
static uint32_t transfer(struct fw_cfg *fw_cfg, const struct dma *dma)
{
	uint8_t *to;

	if (dma->control & DMA_SELECT)
		select_key(fw_cfg, (uint16_t)(dma->control >> DMA_KEY_SHIFT));
	if (!(dma->control & DMA_READ)) {
		if (dma->control & DMA_WRITE)
			return DMA_ERROR;
		if (dma->control & DMA_SKIP)
			skip(fw_cfg, dma->length);
		return 0;
	}
	if (!dma->length)
		return 0;
	if (dma->length > FW_CFG_LENGTH_MAX) /* a guest chooses how long a vCPU is in here */
		return DMA_ERROR;
	to = memory_at(fw_cfg->memory, gpa(dma->address), dma->length);
	if (!to)
		return DMA_ERROR;
	copy(fw_cfg, to, dma->length);
	return 0;
}

/* The descriptor is read once: what the guest changes in it meanwhile has no effect. */
static void do_dma(struct fw_cfg *fw_cfg, uint64_t at)
{
	void *descriptor = memory_at(fw_cfg->memory, gpa(at), sizeof(struct dma));
	struct dma dma;
	uint32_t result;
	char line[96];

	if (!descriptor) {
		snprintf(line, sizeof(line),
			 "fw_cfg: the guest's descriptor at %#llx is not in its memory: ignored",
			 (unsigned long long)at);
		if (fw_cfg->say)
			fw_cfg->say(fw_cfg->opaque, line);
		return;
	}
	memcpy(&dma, descriptor, sizeof(dma));
	dma = (struct dma){be32toh(dma.control), be32toh(dma.length), be64toh(dma.address)};
	if (dma.control & DMA_SELECT)
		prepare(fw_cfg, (uint16_t)(dma.control >> DMA_KEY_SHIFT));
	pthread_mutex_lock(&fw_cfg->lock);
	result = htobe32(transfer(fw_cfg, &dma));
	pthread_mutex_unlock(&fw_cfg->lock);
	memcpy(descriptor, &result, sizeof(result));
}

static uint64_t fw_cfg_read(void *opaque, uint64_t offset, unsigned length)
{
	static const uint8_t dma_signature[] = "QEMU CFG";
	struct fw_cfg *fw_cfg = opaque;
	uint64_t value = UINT64_MAX;
	uint8_t byte;

	if (offset == DATA && length == 1) {
		pthread_mutex_lock(&fw_cfg->lock);
		copy(fw_cfg, &byte, 1);
		pthread_mutex_unlock(&fw_cfg->lock);
		return byte;
	}
	for (unsigned i = 0; i < length && offset >= DMA_HIGH; i++) {
		if (offset + i >= DMA_END)
			break;
		value &= ~(0xffULL << 8 * i);
		value |= (uint64_t)dma_signature[offset + i - DMA_HIGH] << 8 * i;
	}
	return value;
}

static void fw_cfg_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	struct fw_cfg *fw_cfg = opaque;
	uint64_t high;

	if (offset == SELECTOR && length == 2) {
		prepare(fw_cfg, (uint16_t)value);
		pthread_mutex_lock(&fw_cfg->lock);
		select_key(fw_cfg, (uint16_t)value);
		pthread_mutex_unlock(&fw_cfg->lock);
	} else if (offset == DMA_HIGH && length == 4) {
		__atomic_store_n(&fw_cfg->dma_high, be32toh((uint32_t)value), __ATOMIC_RELAXED);
	} else if (offset == DMA_LOW && length == 4) {
		high = __atomic_exchange_n(&fw_cfg->dma_high, 0, __ATOMIC_RELAXED);
		do_dma(fw_cfg, high << 32 | be32toh((uint32_t)value));
	} else if (offset == DMA_HIGH && length == 8) {
		__atomic_store_n(&fw_cfg->dma_high, 0, __ATOMIC_RELAXED);
		do_dma(fw_cfg, be64toh(value));
	}
}

const struct bus_ops fw_cfg_ops = {.read = fw_cfg_read, .write = fw_cfg_write};

void fw_cfg_init(struct fw_cfg *fw_cfg, const struct memory *memory)
{
	*fw_cfg = (struct fw_cfg){.memory = memory};
	pthread_mutex_init(&fw_cfg->lock, NULL);
	fw_cfg_reset(fw_cfg);
}

void fw_cfg_reset(struct fw_cfg *fw_cfg)
{
	for (unsigned i = 0; i < fw_cfg->file_count; i++)
		fw_cfg->files[i].hidden = false;
	write_directory(fw_cfg);
	fw_cfg->made = false;
	fw_cfg->dma_high = 0;
	select_key(fw_cfg, FW_CFG_SIGNATURE);
}

void fw_cfg_free(struct fw_cfg *fw_cfg)
{
	release(fw_cfg->numbers, fw_cfg->number_count);
	release(fw_cfg->files, fw_cfg->file_count);
	fw_cfg->number_count = fw_cfg->file_count = 0;
	fw_cfg->selected = (struct fw_cfg_item){0};
}

static int fill(struct fw_cfg_item *item, const void *bytes, uint32_t length)
{
	if (length > FW_CFG_LENGTH_MAX)
		return -EFBIG;
	item->bytes = malloc(length ? length : 1);
	if (!item->bytes)
		return -ENOMEM;
	if (length)
		memcpy(item->bytes, bytes, length);
	item->length = length;
	return 0;
}

int fw_cfg_add(struct fw_cfg *fw_cfg, uint16_t key, const void *bytes, uint32_t length)
{
	struct fw_cfg_item item = {.key = key};
	int ret;

	if (find_key(fw_cfg, key).bytes)
		return -EEXIST;
	if (fw_cfg->number_count == FW_CFG_NUMBERS_MAX)
		return -ENOSPC;
	ret = fill(&item, bytes, length);
	if (!ret)
		fw_cfg->numbers[fw_cfg->number_count++] = item;
	return ret;
	/* static: the table owns it */
}

int fw_cfg_add_file(struct fw_cfg *fw_cfg, const char *name, const void *bytes, uint32_t length)
{
	struct fw_cfg_item item = {0};
	unsigned at = fw_cfg->file_count;
	int ret;

	if (!*name || strlen(name) >= FW_CFG_NAME_SIZE)
		return -EINVAL;
	if (find_file(fw_cfg, name))
		return -EEXIST;
	if (fw_cfg->file_count == FW_CFG_FILES_MAX)
		return -ENOSPC;
	strcpy(item.name, name);
	ret = fill(&item, bytes, length);
	if (ret)
		return ret;
	for (; at && strcmp(fw_cfg->files[at - 1].name, name) > 0; at--)
		fw_cfg->files[at] = fw_cfg->files[at - 1];
	fw_cfg->files[at] = item;
	fw_cfg->file_count++;
	write_directory(fw_cfg);
	return 0;
	/* static: the list owns it */
}

int fw_cfg_update(struct fw_cfg *fw_cfg, const char *name, const void *bytes, uint32_t length)
{
	struct fw_cfg_item *file = find_file(fw_cfg, name);

	if (!file)
		return -ENOENT;
	if (file->length != length)
		return -EINVAL;
	pthread_mutex_lock(&fw_cfg->lock);
	if (length)
		memcpy(file->bytes, bytes, length);
	pthread_mutex_unlock(&fw_cfg->lock);
	return 0;
}

void fw_cfg_hide(struct fw_cfg *fw_cfg, const char *name, bool hidden)
{
	struct fw_cfg_item *file = find_file(fw_cfg, name);

	if (!file)
		return;
	pthread_mutex_lock(&fw_cfg->lock);
	file->hidden = hidden;
	write_directory(fw_cfg);
	pthread_mutex_unlock(&fw_cfg->lock);
}
