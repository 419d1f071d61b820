/* SPDX-License-Identifier: MIT */
/*
 * DEVICE_GET_REGION_IO_FDS: the writes to a region that the server wants to hear of
 * by an eventfd. The width of an entry is not fixed: it follows from the bytes of all
 * of them. Both widths in use begin alike; the wider one has more before its data.
 */
#include <errno.h>
#include <string.h>

#include "lib/backend/user/ask.h"
#include "lib/backend/user/doorbells.h"

enum { STRIDE_WIDE = 48 }; /* bytes of an entry of libvfio-user */

static struct wire_region_io_fds head_of(const struct user_answer *answer)
{
	struct wire_region_io_fds head;

	memcpy(&head, answer->bytes, sizeof(head));
	return head;
}

/* Bytes of an entry; 0: they are not there. */
static size_t stride_of(const struct user_answer *answer)
{
	struct wire_region_io_fds head = head_of(answer);
	size_t all, stride;

	if (head.argsz < sizeof(head) || head.argsz > answer->length)
		return 0;
	all = head.argsz - sizeof(head);
	stride = all / head.count;
	return all % head.count == 0 && (stride == sizeof(struct wire_io_fd) || stride == STRIDE_WIDE)
		       ? stride
		       : 0;
}

static struct wire_io_fd entry_at(const struct user_answer *answer, size_t stride, uint32_t index)
{
	const uint8_t *at = answer->bytes + sizeof(struct wire_region_io_fds) + index * stride;
	struct wire_io_fd entry;

	memcpy(&entry, at, sizeof(entry));
	if (stride == STRIDE_WIDE)
		memcpy(&entry.datamatch, at + STRIDE_WIDE - sizeof(entry.datamatch), sizeof(entry.datamatch));
	return entry;
}

static bool makes_sense(const struct user_answer *answer, const struct wire_io_fd *entry, uint64_t size)
{
	uint64_t length = entry->size ? entry->size : 1;

	return length <= 8 && !(length & (length - 1)) && entry->offset < size &&
	       length <= size - entry->offset && entry->fd_index < answer->fd_count &&
	       !(entry->flags & ~(uint32_t)(WIRE_IO_FD_DATAMATCH | WIRE_IO_FD_PIO));
}

/*
 * Kinds that are not known are left out in silence: ioregionfds, and eventfds whose
 * value has to be stored in shared memory, too. Returns how many were taken; `*wrong`:
 * how many make no sense.
 */
static int take_entries(struct user_answer *answer, size_t stride, uint64_t size,
			struct backend_doorbell *out, unsigned max, unsigned *wrong)
{
	uint32_t count = head_of(answer).count;
	unsigned taken = 0, used = 0;

	for (uint32_t i = 0; i < count && taken < max; i++) {
		struct wire_io_fd entry = entry_at(answer, stride, i);

		if (entry.type != WIRE_IO_FD_IOEVENTFD)
			continue;
		if (!makes_sense(answer, &entry, size)) {
			(*wrong)++;
			continue;
		}
		out[taken++] = (struct backend_doorbell){
			.offset = entry.offset,
			.length = (unsigned)entry.size,
			.match = entry.flags & WIRE_IO_FD_DATAMATCH,
			.data = entry.flags & WIRE_IO_FD_DATAMATCH ? entry.datamatch : 0,
			.fd = answer->fds[entry.fd_index],
		};
		used |= 1u << entry.fd_index;
	}
	for (unsigned i = 0; i < answer->fd_count; i++)
		if (used & 1u << i)
			answer->fds[i] = -1;
	return (int)taken;
}

static int take(struct user_session *session, unsigned index, uint64_t size, struct user_answer *answer,
		struct backend_doorbell *out, unsigned max)
{
	uint32_t count = head_of(answer).count;
	size_t stride = count ? stride_of(answer) : 0;
	bool cut = head_of(answer).argsz > answer->length && count > max;
	unsigned wrong = 0;
	int taken = stride ? take_entries(answer, stride, size, out, max, &wrong) : 0;

	if ((count && !stride) || wrong || count > max)
		context_log(session->context, LEND_LOG_WARNING,
			    "%s: its server offers %u doorbells in region %u, and %d of them are used, %s; "
			    "other writes go to it as messages",
			    session->name, count, index, taken,
			    wrong || (!stride && !cut) ? "since the others make no sense"
						       : "which is the limit");
	return taken;
}

int user_doorbells_ask(struct user_session *session, unsigned index, uint64_t size,
		       struct backend_doorbell *out, unsigned max)
{
	struct wire_region_io_fds request = {.index = index};
	struct user_answer answer = {0};
	int ret;

	/*
	 * rust-vmm's server, which says 0.0, refuses the command and takes its payload
	 * for the next message.
	 */
	if (!session->server.minor)
		return 0;
	ret = user_ask(session, WIRE_GET_REGION_IO_FDS, &request, sizeof(request),
		       (uint32_t)(sizeof(request) + max * STRIDE_WIDE), &answer);
	if (!ret)
		ret = take(session, index, size, &answer, out, max);
	else if (ret != -ENOTCONN && ret != -ENOMEM)
		ret = 0;
	user_answer_free(&answer);
	return ret;
}
