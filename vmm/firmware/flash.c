/* SPDX-License-Identifier: MIT */
/*
 * The command set is that of JESD68.01 (CFI) with Intel's commands, as far as firmware uses it, with
 * one difference: after "clear status" the status is 0, where a chip says that it is ready. Firmware
 * takes a chip that says so for RAM.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/firmware/flash.h"

enum { READY = 0x80, ERASE_FAILED = 0x20, PROGRAM_FAILED = 0x10 };
enum {
	CMD_PROGRAM = 0x10,
	CMD_ERASE = 0x20,
	CMD_PROGRAM_TOO = 0x40,
	CMD_CLEAR_STATUS = 0x50,
	CMD_READ_STATUS = 0x70,
	CMD_READ_ID = 0x90,
	CMD_QUERY = 0x98,
	CMD_ERASE_CONFIRM = 0xd0,
	CMD_ARRAY = 0xff,
};

LEND_PRINTF(3, 4) static void say(struct flash *flash, enum lend_log_level level, const char *format, ...)
{
	char text[512];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	flash->calls.say(flash->calls.opaque, level, text);
}

static void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void mark_dirty(struct flash *flash, uint32_t at)
{
	uint16_t block = (uint16_t)(at / FLASH_BLOCK);

	if (flash->fd < 0 || flash->is_dirty[block])
		return;
	flash->is_dirty[block] = true;
	flash->dirty[flash->dirty_count++] = block;
}

static int write_block(const struct flash *flash, unsigned block)
{
	off_t at = (off_t)block * FLASH_BLOCK;

	for (unsigned done = 0; done < FLASH_BLOCK;) {
		ssize_t ret = pwrite(flash->fd, flash->bytes + at + done, FLASH_BLOCK - done, at + done);

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return ret < 0 ? -errno : -EIO;
		done += (unsigned)ret;
	}
	return 0;
}

/* Says a failure once until a write succeeds again. */
static int tell_written(struct flash *flash, int ret)
{
	if (ret && !flash->failed)
		say(flash, LEND_LOG_ERROR,
		    "cannot write the guest's UEFI variables to %s: %s; it is tried again at the next change "
		    "and at the end",
		    flash->name, strerror(-ret));
	else if (!ret && flash->failed)
		say(flash, LEND_LOG_INFO, "the guest's UEFI variables are in %s again", flash->name);
	flash->failed = ret;
	return ret;
}

/* Blocks that cannot be written, and all behind them, stay for the next time: their order is kept. */
static int write_back(struct flash *flash)
{
	unsigned done = 0;
	int ret = 0;

	if (!flash->dirty_count)
		return 0;
	while (done < flash->dirty_count && !(ret = write_block(flash, flash->dirty[done])))
		flash->is_dirty[flash->dirty[done++]] = false;
	flash->unsynced |= done;
	flash->dirty_count -= done;
	memmove(flash->dirty, flash->dirty + done, flash->dirty_count * sizeof(*flash->dirty));
	return !ret && flash->lost ? 0 : tell_written(flash, ret);
}

/*
 * The kernel forgets what it could not write: another fdatasync() succeeds without it. Nobody knows
 * which blocks that were, so all are written again.
 */
static int sync_file(struct flash *flash)
{
	int ret;

	if (!flash->unsynced)
		return 0;
	ret = fdatasync(flash->fd) ? -errno : 0;
	flash->unsynced = false;
	flash->lost = ret;
	for (uint32_t at = 0; ret && at < flash->size; at += FLASH_BLOCK)
		mark_dirty(flash, at);
	return ret || !flash->dirty_count ? tell_written(flash, ret) : 0;
}

static bool is_batcher(const struct flash *flash)
{
	return flash->batches && pthread_equal(flash->batcher, pthread_self());
}

static void show(struct flash *flash, bool shown)
{
	count(&flash->shows);
	flash->calls.show(flash->calls.opaque, shown);
}

/* The bytes are memory again only when the disk has them: the guest reads on without an exit then. */
static void end_bursts(struct flash *flash)
{
	if (!flash->due)
		return;
	flash->due = false;
	sync_file(flash);
	if (flash->state == FLASH_ARRAY)
		show(flash, true);
	else
		flash->calls.keep(flash->calls.opaque, true);
}

/* Who comes while another thread is in a batch sees nothing that the disk does not have. */
static void enter(struct flash *flash)
{
	pthread_mutex_lock(&flash->lock);
	if (!is_batcher(flash))
		end_bursts(flash);
}

static void set_state(struct flash *flash, enum flash_state state)
{
	bool was_array = flash->state == FLASH_ARRAY;

	flash->state = state;
	if (was_array == (state == FLASH_ARRAY))
		return;
	if (was_array) {
		if (!flash->due)
			show(flash, false);
		return;
	}
	write_back(flash);
	/* A guest that stores byte by byte, and looks at none, waits for the disk once. */
	if (flash->sync && !flash->due) {
		flash->due = true;
		/* What the guest writes while the disk is waited for waits, too: nobody would fetch it after
		 * that. */
		flash->calls.keep(flash->calls.opaque, false);
	}
	if (!flash->due)
		show(flash, true);
	else if (!is_batcher(flash))
		end_bursts(flash);
}

static void finish(struct flash *flash, uint8_t status)
{
	flash->status = status;
	set_state(flash, FLASH_STATUS);
}

/* NOR flash: programming clears bits, only erasing sets them. */
static void program(struct flash *flash, uint32_t at, uint8_t value)
{
	if (flash->readonly) {
		finish(flash, READY | PROGRAM_FAILED);
		return;
	}
	if (flash->bytes[at] & ~value) {
		flash->bytes[at] &= value;
		mark_dirty(flash, at);
	}
	finish(flash, READY);
}

static void erase(struct flash *flash, uint32_t at, uint8_t confirm)
{
	if (flash->readonly || confirm != CMD_ERASE_CONFIRM) {
		finish(flash, READY | ERASE_FAILED | PROGRAM_FAILED);
		return;
	}
	memset(flash->bytes + (at & ~(uint32_t)(FLASH_BLOCK - 1)), 0xff, FLASH_BLOCK);
	mark_dirty(flash, at);
	finish(flash, READY);
}

static void command(struct flash *flash, uint8_t value)
{
	switch (value) {
	case CMD_PROGRAM:
	case CMD_PROGRAM_TOO:
		set_state(flash, FLASH_PROGRAM);
		break;
	case CMD_ERASE:
		set_state(flash, FLASH_ERASE);
		break;
	case CMD_CLEAR_STATUS:
		flash->status = 0;
		set_state(flash, FLASH_ARRAY);
		break;
	case CMD_READ_STATUS:
		set_state(flash, FLASH_STATUS);
		break;
	case CMD_READ_ID: /* nobody asks what chip it is */
	case CMD_QUERY:
		finish(flash, 0);
		break;
	case CMD_ARRAY:
		set_state(flash, FLASH_ARRAY);
		break;
	default:
		say(flash, LEND_LOG_WARNING, "the guest gave its flash chip the unknown command 0x%02x",
		    value);
	}
}

static void byte_write(struct flash *flash, uint32_t at, uint8_t value)
{
	if (flash->state == FLASH_PROGRAM)
		program(flash, at, value);
	else if (flash->state == FLASH_ERASE)
		erase(flash, at, value);
	else
		command(flash, value);
}

/* Wider accesses are bytes, the lowest first. What lies beyond the chip is not there. */
static void flash_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	struct flash *flash = opaque;

	count(&flash->accesses);
	if (flash->rom)
		return;
	enter(flash);
	for (unsigned i = 0; i < length && offset + i < flash->size; i++)
		byte_write(flash, (uint32_t)(offset + i), (uint8_t)(value >> (8 * i)));
	pthread_mutex_unlock(&flash->lock);
}

static uint8_t byte_read(const struct flash *flash, uint64_t at)
{
	if (at >= flash->size)
		return 0xff;
	return flash->state == FLASH_ARRAY ? flash->bytes[at] : flash->status;
}

static uint64_t flash_read(void *opaque, uint64_t offset, unsigned length)
{
	struct flash *flash = opaque;
	uint64_t value = UINT64_MAX;

	count(&flash->accesses);
	enter(flash);
	for (unsigned i = length; i-- > 0;)
		value = value << 8 | byte_read(flash, offset + i);
	pthread_mutex_unlock(&flash->lock);
	return value;
}

const struct bus_ops flash_ops = {.read = flash_read, .write = flash_write};

static int read_all(int fd, uint64_t offset, uint8_t *bytes, uint32_t size)
{
	for (uint32_t done = 0; done < size;) {
		ssize_t ret = pread(fd, bytes + done, size - done, (off_t)(offset + done));

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return ret < 0 ? -errno : -EIO;
		done += (uint32_t)ret;
	}
	return 0;
}

int flash_init(struct flash *flash, const struct flash_config *config, const struct flash_calls *calls)
{
	void *bytes;
	int ret = 0;

	if (!config->size || config->size % FLASH_BLOCK || config->size > FLASH_MAX)
		return -EINVAL;
	bytes = mmap(NULL, config->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bytes == MAP_FAILED)
		return -ENOMEM;
	if (config->from < 0)
		memset(bytes, 0xff, config->size);
	else
		ret = read_all(config->from, config->from_offset, bytes, config->size);
	if (ret) {
		munmap(bytes, config->size);
		return ret;
	}
	*flash = (struct flash){.calls = *calls,
				.name = config->name,
				.bytes = bytes,
				.size = config->size,
				.fd = config->fd,
				.rom = config->rom,
				.readonly = config->readonly,
				.sync = config->sync};
	pthread_mutex_init(&flash->lock, NULL);
	return 0;
}

void flash_batch(struct flash *flash, bool begins)
{
	pthread_mutex_lock(&flash->lock);
	end_bursts(flash);
	flash->batches = begins;
	flash->batcher = pthread_self();
	pthread_mutex_unlock(&flash->lock);
}

void flash_reset(struct flash *flash)
{
	enter(flash);
	flash->status = 0;
	set_state(flash, FLASH_ARRAY);
	pthread_mutex_unlock(&flash->lock);
	flash_sync(flash);
}

int flash_sync(struct flash *flash)
{
	int written, synced;

	enter(flash);
	written = write_back(flash);
	synced = sync_file(flash);
	pthread_mutex_unlock(&flash->lock);
	return written ? written : synced;
}

void flash_free(struct flash *flash)
{
	munmap(flash->bytes, flash->size);
	pthread_mutex_destroy(&flash->lock);
}
