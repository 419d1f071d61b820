/* SPDX-License-Identifier: MIT */
/* The argsz protocol: ask, learn how much room the answer needs, ask again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/sys/info.h"

enum { ROUNDS = 4, ANSWER_MAX = 1 << 20 };

int sys_info(int fd, unsigned long request, const void *ask, size_t size, void **out, size_t *out_size)
{
	uint32_t room = (uint32_t)size;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint8_t *answer = calloc(1, room);
		uint32_t need;
		int ret;

		if (!answer)
			return -ENOMEM;
		memcpy(answer, ask, size);
		memcpy(answer, &room, sizeof(room)); /* argsz is the first member of each */
		if (ioctl(fd, request, answer) < 0) {
			ret = -errno;
			free(answer);
			return ret;
		}
		memcpy(&need, answer, sizeof(need));
		if (need <= room) {
			*out = answer;
			*out_size = room;
			return 0;
		}
		free(answer);
		if (need > ANSWER_MAX)
			return -EPROTO;
		room = need;
	}
	return -EPROTO;
}

int sys_iova_ranges_check(const struct sys_iova_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ranges[i].first > ranges[i].last || (i && ranges[i].first <= ranges[i - 1].last))
			return -EPROTO;
	return 0;
}
