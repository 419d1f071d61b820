/* SPDX-License-Identifier: MIT */
/* Asking for a region, and the areas of it that can be mapped (region.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/backend/areas.h"
#include "lib/backend/user/call.h"
#include "lib/backend/user/region.h"
#include "lib/file.h"

/* Room for some 4000 areas. A region that needs more is not mapped. */
enum { INFO_MAX = 64 << 10, TRIES_MAX = 3 };

/* An answer: `length` bytes of it came, and perhaps a descriptor. */
struct answer {
	uint8_t *bytes; /* to be freed */
	size_t length;
	int fd; /* the only one that came; -1 */
	unsigned fds;
};

static struct wire_region_info head_of(const struct answer *answer)
{
	struct wire_region_info head;

	memcpy(&head, answer->bytes, sizeof(head));
	return head;
}

static int ask_with(struct user_session *session, unsigned index, uint32_t room, struct answer *out)
{
	struct wire_region_info ask = {.argsz = room, .index = index};
	struct user_call call = {.command = WIRE_GET_REGION_INFO,
				 .out = {{&ask, sizeof(ask)}},
				 .out_count = 1,
				 .in_count = 1,
				 .least = sizeof(ask),
				 .taken_fd = &out->fd};
	uint8_t *bytes = realloc(out->bytes, room);
	int ret;

	if (out->fd >= 0)
		close(out->fd);
	out->fd = -1;
	if (!bytes)
		return -ENOMEM;
	out->bytes = bytes;
	call.in[0] = (struct iovec){bytes, room};
	ret = user_call(session, &call);
	out->length = call.got;
	out->fds = call.fds_got;
	return ret;
}

/* The server says how much room its answer needs, and is asked again with that. */
static int ask(struct user_session *session, unsigned index, struct answer *out)
{
	uint32_t room = sizeof(struct wire_region_info), need = room;
	int ret = 0;

	for (int i = 0; i < TRIES_MAX && !ret; i++) {
		ret = ask_with(session, index, need, out);
		room = need;
		if (!ret)
			need = head_of(out).argsz;
		if (need <= room || need > INFO_MAX)
			break;
	}
	return ret;
}

/* Where the list of areas is in the answer; 0: there is none; -EPROTO: the chain of capabilities is broken.
 */
static long find_sparse(const struct answer *answer)
{
	struct wire_region_info head = head_of(answer);
	size_t at = head.cap_offset;
	struct wire_cap cap;

	if (!(head.flags & WIRE_REGION_CAPS) || !at)
		return 0;
	if (at < sizeof(head) || at % 8)
		return -EPROTO;
	for (;;) {
		if (at > answer->length || answer->length - at < sizeof(cap))
			return -EPROTO;
		memcpy(&cap, answer->bytes + at, sizeof(cap));
		if (cap.id == WIRE_CAP_SPARSE)
			return (long)at;
		if (!cap.next)
			return 0;
		if (cap.next <= at || cap.next % 8)
			return -EPROTO;
		at = cap.next;
	}
}

/* Copies the areas, to be freed. Returns how many, or a negative errno. */
static long copy_areas(const struct answer *answer, size_t at, struct lend_area **out)
{
	struct wire_sparse sparse;
	struct wire_area area;
	size_t left = answer->length - at;

	if (left < sizeof(struct wire_cap) + sizeof(sparse))
		return -EPROTO;
	at += sizeof(struct wire_cap);
	memcpy(&sparse, answer->bytes + at, sizeof(sparse));
	at += sizeof(sparse);
	if (sparse.count > (answer->length - at) / sizeof(area))
		return -EPROTO;
	*out = calloc(sparse.count + 1u, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (uint32_t i = 0; i < sparse.count; i++) {
		memcpy(&area, answer->bytes + at + i * sizeof(area), sizeof(area));
		(*out)[i] = (struct lend_area){area.offset, area.size};
	}
	return sparse.count;
}

static long list_areas(const struct answer *answer, struct lend_area **out)
{
	long at = find_sparse(answer);

	if (at)
		return at < 0 ? at : copy_areas(answer, (size_t)at, out);
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)[0] = (struct lend_area){0, head_of(answer).size};
	return 1;
}

/* A device's own descriptor has no size: there the map itself tells. */
static bool has_bytes(int fd, uint64_t end)
{
	struct stat st;

	return !file_stat(fd, &st) && (!S_ISREG(st.st_mode) || end <= (uint64_t)st.st_size);
}

/* Whole pages, in the region and in the file. */
static bool fits(const struct wire_region_info *head, int fd, const struct lend_area *area)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), start;

	if (!area->length)
		return true;
	if ((area->offset | area->length | head->offset) & (page - 1) || area->offset > head->size ||
	    area->length > head->size - area->offset)
		return false;
	return !__builtin_add_overflow(head->offset, area->offset, &start) &&
	       area->length <= INT64_MAX - start && start <= INT64_MAX && has_bytes(fd, start + area->length);
}

static int store_areas(const struct answer *answer, struct lend_region *region, struct lend_area *out,
		       unsigned max)
{
	struct wire_region_info head = head_of(answer);
	struct lend_area *areas = NULL;
	long count = answer->fds == 1 ? list_areas(answer, &areas) : -EPROTO;
	int ret = count < 0 ? (int)count : 0;

	for (long i = 0; i < count && !ret; i++)
		if (!fits(&head, answer->fd, &areas[i]))
			ret = -EPROTO;
	if (!ret)
		ret = areas_store(region, out, max, areas, (size_t)count);
	if (ret < 0)
		region->area_count = 0;
	free(areas);
	return ret < 0 ? ret : 0;
}

/* Without a descriptor nothing can be mapped, and a region smaller than a page cannot either. */
static bool may_map(const struct answer *answer)
{
	struct wire_region_info head = head_of(answer);

	return head.flags & WIRE_REGION_CAN_MAP && head.size >= (uint64_t)sysconf(_SC_PAGESIZE) &&
	       answer->fds;
}

static void take(struct user_session *session, unsigned index, struct answer *answer, struct user_region *out,
		 struct lend_region *region, struct lend_area *areas, unsigned max)
{
	struct wire_region_info head = head_of(answer);
	int ret;

	region->size = head.size;
	region->readable = head.flags & WIRE_REGION_CAN_READ;
	region->writable = head.flags & WIRE_REGION_CAN_WRITE;
	if (!may_map(answer))
		return;
	ret = store_areas(answer, region, areas, max);
	if (ret < 0)
		context_log(session->context, LEND_LOG_WARNING,
			    "%s: region %u is not mapped, each access goes to its server: what that says of "
			    "the parts that can be mapped makes no sense (%s)",
			    session->name, index, strerror(-ret));
	if (ret < 0 || !region->area_count)
		return;
	out->fd = answer->fd;
	answer->fd = -1;
	out->offset = head.offset;
	out->prot = (region->readable ? PROT_READ : 0) | (region->writable ? PROT_WRITE : 0);
}

int user_region_ask(struct user_session *session, unsigned index, struct user_region *out,
		    struct lend_region *region, struct lend_area *areas, unsigned max)
{
	struct answer answer = {.fd = -1};
	int ret = ask(session, index, &answer);

	*region = (struct lend_region){0};
	*out = (struct user_region){.fd = -1};
	if (!ret)
		take(session, index, &answer, out, region, areas, max);
	if (answer.fd >= 0)
		close(answer.fd);
	free(answer.bytes);
	return ret;
}
