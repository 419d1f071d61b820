/* SPDX-License-Identifier: MIT */
/* The file that a device's state is in: see state.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/serve/virtio/state.h"
#include "tool/tool.h"

/* One that could shrink would end the server by SIGBUS. */
static int check_file(int fd, struct lend_error *error)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	struct stat about;
	int has = fcntl(fd, F_GET_SEALS);

	if (has < 0 || fstat(fd, &about))
		return tool_fail(error, -EINVAL,
				 "--state-fd %d: it is no file in memory: memfd_create() with "
				 "MFD_ALLOW_SEALING makes one",
				 fd);
	if (!about.st_size && !(has & F_SEAL_GROW)) {
		if (ftruncate(fd, sizeof(struct vstate)) || fcntl(fd, F_ADD_SEALS, seals))
			return tool_fail(error, -EINVAL, "--state-fd %d: it cannot be prepared: %s", fd,
					 strerror(errno));
		return 0;
	}
	if (!(has & F_SEAL_SHRINK) || about.st_size < (off_t)sizeof(struct vstate))
		return tool_fail(error, -EINVAL,
				 "--state-fd %d: the file is not one that lend serve prepared: give an empty "
				 "one",
				 fd);
	return 0;
}

int vstate_map(int fd, struct vstate **out, struct lend_error *error)
{
	int ret = check_file(fd, error);
	void *at;

	if (ret)
		return ret;
	at = mmap(NULL, sizeof(struct vstate), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return tool_fail(error, -EINVAL, "--state-fd %d: it cannot be mapped: %s", fd,
				 strerror(errno));
	*out = at;
	return 0;
}

void vstate_unmap(struct vstate *state)
{
	if (state)
		munmap(state, sizeof(*state));
}
