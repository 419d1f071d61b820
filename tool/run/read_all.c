/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "tool/run/read_all.h"

int read_all(int fd, void *bytes, size_t length, uint64_t at)
{
	for (size_t done = 0; done < length;) {
		ssize_t got = pread(fd, (char *)bytes + done, length - done, (off_t)(at + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EBADMSG;
		done += (size_t)got;
	}
	return 0;
}
