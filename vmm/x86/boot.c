/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/x86/boot.h"
#include "vmm/x86/layout.h"

struct loader {
	int (*check)(const struct boot_config *config, uint64_t memory, struct lend_error *error);
	int (*place)(const struct memory *memory, const struct boot_config *config,
		     struct boot_placed *placed, struct lend_error *error);
	int (*finish)(const struct memory *memory, const struct boot_config *config,
		      const struct boot_placed *placed, struct lend_error *error);
};

int boot_too_large(const struct boot_config *config, uint64_t end, uint64_t low, struct lend_error *error)
{
	return fail(error, -ENOSPC, "%s: the kernel needs %llu MiB, the machine has %llu MiB: raise -m",
		    config->kernel_name, (unsigned long long)(end >> 20) + !!(end & (MIB(1) - 1)),
		    (unsigned long long)(low >> 20));
}

int boot_read(const struct memory *memory, int fd, uint64_t offset, gpa_t to, uint64_t length)
{
	uint8_t *at = memory_at(memory, to, length);

	if (!at)
		return -ENOSPC;
	while (length) {
		ssize_t n = pread(fd, at, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		at += n;
		offset += (uint64_t)n;
		length -= (uint64_t)n;
	}
	return 0;
}

static int check_cmdline(const struct boot_config *config, struct lend_error *error)
{
	size_t length = strlen(config->cmdline);

	if (length < CMDLINE_MAX)
		return 0;
	return fail(error, -E2BIG,
		    "the kernel's command line (-append) has %zu bytes, more than %llu; shorten it", length,
		    CMDLINE_MAX - 1);
}

static int put_cmdline(const struct memory *memory, const char *cmdline, struct lend_error *error)
{
	if (memory_put(memory, gpa(ADDR_CMDLINE), cmdline, strlen(cmdline) + 1))
		return fail(error, -ENOSPC, "the kernel's command line does not fit into memory: raise -m");
	return 0;
}

int boot_state(int fd, struct vmm_file_state *out)
{
	struct stat st; /* of x86-64: the kernel's own */

	if (syscall(SYS_fstat, fd, &st))
		return -errno;
	*out = (struct vmm_file_state){.size = (uint64_t)st.st_size,
				   .modified_s = st.st_mtim.tv_sec,
				   .modified_ns = st.st_mtim.tv_nsec};
	return 0;
}

int boot_size(int fd, uint64_t *out)
{
	struct vmm_file_state state;
	int ret = boot_state(fd, &state);

	if (!ret)
		*out = state.size;
	return ret;
}

bool boot_is_changed(int fd, const struct vmm_file_state *then)
{
	struct vmm_file_state now;

	return boot_state(fd, &now) || now.size != then->size || now.modified_s != then->modified_s ||
	       now.modified_ns != then->modified_ns;
}

int boot_initrd(const struct memory *memory, const struct boot_config *config, uint64_t floor, uint64_t limit,
		struct boot_initrd *out, struct lend_error *error)
{
	uint64_t low_end = memory->pieces[0].length; /* the piece at 0 */
	int ret;

	*out = (struct boot_initrd){0};
	if (config->initrd_fd < 0)
		return 0;
	ret = boot_size(config->initrd_fd, &out->size);
	if (ret)
		return fail(error, ret, "%s: %s", config->initrd_name, strerror(-ret));
	if (limit > low_end)
		limit = low_end;
	if (!out->size || out->size > limit || align_down(limit - out->size, 4096) < floor)
		return fail(error, -ENOSPC,
			    "%s: an initrd of %llu KiB does not fit beside the kernel: raise -m",
			    config->initrd_name, (unsigned long long)(out->size >> 10));
	out->address = align_down(limit - out->size, 4096);
	ret = boot_read(memory, config->initrd_fd, 0, gpa(out->address), out->size);
	if (ret)
		return fail(error, ret, "%s: cannot read: %s", config->initrd_name, strerror(-ret));
	return 0;
}

static const struct loader bzimage = {bzimage_check, bzimage_place, bzimage_finish},
			   pvh = {pvh_check, pvh_place, pvh_finish};

static int find_loader(const struct boot_config *config, const struct loader **out, struct lend_error *error)
{
	uint8_t head[0x206] = {0};
	ssize_t n = pread(config->kernel_fd, head, sizeof(head), 0);

	if (n < 0)
		return fail(error, -errno, "%s: cannot read: %s", config->kernel_name, strerror(errno));
	if (n == (ssize_t)sizeof(head) && !memcmp(head + 0x202, "HdrS", 4))
		*out = &bzimage;
	else if (n >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG))
		*out = &pvh;
	else
		return fail(
			error, -ENOEXEC,
			"%s: not a kernel image (neither a bzImage nor an ELF file): give a distribution's "
			"/boot/vmlinuz-*",
			config->kernel_name);
	return 0;
}

bool boot_may_cut(const struct boot_config *config)
{
	const struct loader *loader;

	return strlen(config->cmdline) > CMDLINE_LINUX && !find_loader(config, &loader, NULL) &&
	       loader == &pvh;
}

static int check_initrd(const struct boot_config *config, uint64_t memory, struct lend_error *error)
{
	uint64_t size;
	int ret;

	if (config->initrd_fd < 0)
		return 0;
	ret = boot_size(config->initrd_fd, &size);
	if (ret)
		return fail(error, ret, "%s: %s", config->initrd_name, strerror(-ret));
	if (size >= memory)
		return fail(error, -ENOSPC,
			    "%s: an initrd of %llu MiB is larger than the machine's memory: raise -m",
			    config->initrd_name, (unsigned long long)size >> 20);
	return 0;
}

int boot_check(const struct boot_config *config, uint64_t memory, struct lend_error *error)
{
	const struct loader *loader;
	int ret = find_loader(config, &loader, error);

	if (!ret)
		ret = check_cmdline(config, error);
	if (!ret)
		ret = loader->check(config, memory, error);
	return ret ? ret : check_initrd(config, memory, error);
}

int boot_place(const struct memory *memory, const struct boot_config *config, struct boot_placed *placed,
	       struct lend_error *error)
{
	const struct loader *loader;
	int ret = find_loader(config, &loader, error);

	*placed = (struct boot_placed){.low = memory->pieces[0].length};
	if (!ret)
		ret = check_cmdline(config, error);
	return ret ? ret : loader->place(memory, config, placed, error);
}

int boot_finish(const struct memory *memory, const struct boot_config *config,
		const struct boot_placed *placed, struct lend_error *error)
{
	const struct loader *loader;
	int ret = find_loader(config, &loader, error);

	if (!ret)
		ret = put_cmdline(memory, config->cmdline, error);
	return ret ? ret : loader->finish(memory, config, placed, error);
}

int boot_load(const struct memory *memory, const struct boot_config *config, struct boot_entry *entry,
	      struct lend_error *error)
{
	struct boot_placed placed;
	int ret = boot_place(memory, config, &placed, error);

	*entry = placed.entry;
	return ret ? ret : boot_finish(memory, config, &placed, error);
}
