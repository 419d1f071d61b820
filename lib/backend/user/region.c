/* SPDX-License-Identifier: MIT */
/* Asking for a region, and the areas of it that can be mapped (region.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/backend/areas.h"
#include "lib/backend/user/ask.h"
#include "lib/backend/user/region.h"
#include "lib/file.h"

static struct wire_region_info head_of(const struct user_answer *answer)
{
	struct wire_region_info head;

	memcpy(&head, answer->bytes, sizeof(head));
	return head;
}

/* Where the list of areas is in the answer; 0: there is none; -EPROTO: the chain of capabilities is broken.
 */
static long find_sparse(const struct user_answer *answer)
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
static long copy_areas(const struct user_answer *answer, size_t at, struct lend_area **out)
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

static long list_areas(const struct user_answer *answer, struct lend_area **out)
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

static int store_areas(const struct user_answer *answer, struct lend_region *region, struct lend_area *out,
		       unsigned max)
{
	struct wire_region_info head = head_of(answer);
	struct lend_area *areas = NULL;
	long count = answer->fd_count == 1 ? list_areas(answer, &areas) : -EPROTO;
	int ret = count < 0 ? (int)count : 0;

	for (long i = 0; i < count && !ret; i++)
		if (!fits(&head, answer->fds[0], &areas[i]))
			ret = -EPROTO;
	if (!ret)
		ret = areas_store(region, out, max, areas, (size_t)count);
	if (ret < 0)
		region->area_count = 0;
	free(areas);
	return ret < 0 ? ret : 0;
}

/* Without a descriptor nothing can be mapped, and a region smaller than a page cannot either. */
static bool may_map(const struct user_answer *answer)
{
	struct wire_region_info head = head_of(answer);

	return head.flags & WIRE_REGION_CAN_MAP && head.size >= (uint64_t)sysconf(_SC_PAGESIZE) &&
	       answer->fd_count;
}

static void take(struct user_session *session, unsigned index, struct user_answer *answer,
		 struct user_region *out, struct lend_region *region, struct lend_area *areas, unsigned max)
{
	struct wire_region_info head = head_of(answer);
	int ret;

	region->size = out->size = head.size;
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
	out->fd = answer->fds[0];
	answer->fds[0] = -1;
	out->offset = head.offset;
	out->prot = (region->readable ? PROT_READ : 0) | (region->writable ? PROT_WRITE : 0);
}

int user_region_ask(struct user_session *session, unsigned index, struct user_region *out,
		    struct lend_region *region, struct lend_area *areas, unsigned max)
{
	struct wire_region_info request = {.index = index};
	struct user_answer answer = {0};
	int ret =
		user_ask(session, WIRE_GET_REGION_INFO, &request, sizeof(request), sizeof(request), &answer);

	*region = (struct lend_region){0};
	*out = (struct user_region){.fd = -1};
	if (!ret)
		take(session, index, &answer, out, region, areas, max);
	user_answer_free(&answer);
	return ret;
}
