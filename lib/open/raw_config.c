/* SPDX-License-Identifier: MIT */
/* Reading config space from sysfs: it has the whole chains, from which VFIO leaves capabilities out. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/open/raw_config.h"

unsigned raw_config_read(struct lend_context *context, const char *name,
			 uint8_t bytes[PCI_CFG_SPACE_EXP_SIZE])
{
	char path[PATH_MAX];
	unsigned have = 0;
	ssize_t more;
	int fd;

	if (snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/config", context_sysfs(context), name) >=
	    (int)sizeof(path))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	do {
		more = pread(fd, bytes + have, PCI_CFG_SPACE_EXP_SIZE - have, have);
		have += more > 0 ? (unsigned)more : 0;
	} while (more > 0 || (more < 0 && errno == EINTR));
	close(fd);
	return have;
}
