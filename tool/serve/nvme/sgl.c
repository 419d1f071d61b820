/* SPDX-License-Identifier: MIT */
/*
 * Scatter gather lists (section 4.4): descriptors of 16 bytes. The command has one, which
 * is the data, or points to a segment of descriptors; the last descriptor of a segment may
 * point to another segment, and that of a "last segment" may not.
 */
#include "tool/serve/nvme/private.h"

enum { DESCRIPTOR = 16 };
enum { SGL_DATA = 0x0, SGL_SEGMENT = 0x2, SGL_LAST_SEGMENT = 0x3 };

enum {
	/* A guest's list may hold empty blocks and empty segments: what is read of it is bounded. */
	DESCRIPTORS_MAX = 2 * NVME_PIECES,
	AT_ONCE = 32,
};

struct walk {
	struct nvme_controller *ctl;
	struct nvme_command *command;
	uint64_t left; /* bytes that are not found yet */
	unsigned read; /* descriptors */
};

static unsigned type_of(const uint8_t *descriptor)
{
	return descriptor[15] >> 4;
}

static bool is_link(const uint8_t *descriptor)
{
	return type_of(descriptor) == SGL_SEGMENT || type_of(descriptor) == SGL_LAST_SEGMENT;
}

static int add_data(struct walk *walk, const uint8_t *descriptor)
{
	uint32_t bytes = get32(descriptor + 8);

	/* The subtype says where the address is: 0 is memory, and no other is announced. */
	if (type_of(descriptor) != SGL_DATA || descriptor[15] & 0xf)
		return NVME_SGL_TYPE;
	if (bytes > walk->left)
		return NVME_SGL_LENGTH;
	walk->left -= bytes;
	return bytes ? nvme_piece_add(walk->command, get64(descriptor), bytes) : NVME_SUCCESS;
}

/* Walks one segment. `link`: its descriptor, and in the end that of the next segment, or zeros. */
static int walk_segment(struct walk *walk, uint8_t link[DESCRIPTOR])
{
	uint64_t address = get64(link);
	uint32_t count = get32(link + 8) / DESCRIPTOR;
	bool last = type_of(link) == SGL_LAST_SEGMENT;
	uint8_t descriptors[AT_ONCE * DESCRIPTOR];
	int status = NVME_SUCCESS;

	if (!count || get32(link + 8) % DESCRIPTOR || link[15] & 0xf)
		return NVME_SGL_SEGMENT;
	memset(link, 0, DESCRIPTOR);
	for (uint32_t i = 0; !status && i < count; i++) {
		uint32_t n = count - i < AT_ONCE ? count - i : AT_ONCE;
		const uint8_t *descriptor = descriptors + i % AT_ONCE * DESCRIPTOR;

		if (walk->read++ == DESCRIPTORS_MAX)
			return NVME_SGL_COUNT;
		if (i % AT_ONCE == 0 && walk->ctl->host->read(walk->ctl->opaque, address + i * DESCRIPTOR,
							      descriptors, n * DESCRIPTOR))
			return NVME_DATA_TRANSFER;
		if (!is_link(descriptor)) {
			status = add_data(walk, descriptor);
			continue;
		}
		if (last || i + 1 != count)
			return NVME_SGL_SEGMENT;
		memcpy(link, descriptor, DESCRIPTOR);
	}
	return status;
}

int nvme_sgl_find(struct nvme_controller *ctl, struct nvme_command *command, uint32_t length)
{
	struct walk walk = {.ctl = ctl, .command = command, .left = length};
	uint8_t descriptor[DESCRIPTOR];
	int status = NVME_SUCCESS;

	memcpy(descriptor, command->sqe.data, DESCRIPTOR);
	if (!is_link(descriptor))
		status = add_data(&walk, descriptor);
	while (!status && is_link(descriptor))
		status = walk_segment(&walk, descriptor);
	return status ? status : walk.left ? NVME_SGL_LENGTH : NVME_SUCCESS;
}
