/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/run/kernel/entry.h"
#include "tool/run/kernel/seen.h"

/* The time of the last change is the kernel's own: nobody but the clock sets it. */
struct state {
	uint64_t device, inode, size;
	int64_t modified_s, modified_ns, changed_s, changed_ns;
};

struct record {
	char magic[8];
	char life[40]; /* boot_id */
	struct state fd, kernel;
};

static bool find_state(int fd, struct state *out)
{
	struct stat st;

	if (fstat(fd, &st))
		return false;
	*out = (struct state){
		.device = st.st_dev,
		.inode = st.st_ino,
		.size = (uint64_t)st.st_size,
		.modified_s = st.st_mtim.tv_sec,
		.modified_ns = st.st_mtim.tv_nsec,
		.changed_s = st.st_ctim.tv_sec,
		.changed_ns = st.st_ctim.tv_nsec,
	};
	return true;
}

static bool find_life(char out[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, out, 36);

	if (fd >= 0)
		close(fd);
	return length == 36;
}

static bool make_record(const struct seen *seen, struct record *out)
{
	memset(out, 0, sizeof(*out)); /* it is compared as bytes */
	memcpy(out->magic, "lendsee1", sizeof(out->magic));
	return find_life(out->life) && find_state(seen->fd, &out->fd) &&
	       find_state(seen->kernel, &out->kernel);
}

static void record_name(const struct seen *seen, char out[ENTRY_NAME + 8])
{
	snprintf(out, ENTRY_NAME + 8, "%s" SEEN_SUFFIX, seen->name);
}

bool seen_before(const struct seen *seen)
{
	char name[ENTRY_NAME + 8];
	struct record now, then;
	bool same;
	int fd;

	record_name(seen, name);
	fd = openat(seen->folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	same = entry_is_own(fd, false) && read(fd, &then, sizeof(then)) == sizeof(then) &&
	       make_record(seen, &now) && !memcmp(&now, &then, sizeof(now));
	close(fd);
	return same;
}

void seen_now(const struct seen *seen, int64_t settled)
{
	char name[ENTRY_NAME + 8];
	struct record now;
	int fd;

	/* A second change in the same tick of the clock would not be seen, nor one during the check. */
	if (!make_record(seen, &now) || now.fd.changed_s > settled || now.kernel.changed_s > settled)
		return;
	record_name(seen, name);
	/* Not there, or whole: a part of a record is none. */
	unlinkat(seen->folder, name, 0);
	fd = openat(seen->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (write(fd, &now, sizeof(now)) != sizeof(now))
		unlinkat(seen->folder, name, 0);
	close(fd);
}
