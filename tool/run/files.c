/* SPDX-License-Identifier: MIT */
/*
 * The files of a run. An output file is not emptied before there is output: a run that fails to
 * start leaves the last one's output alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/run/files.h"
#include "tool/run/kernel/cache.h"
#include "tool/run/read_all.h"
#include "tool/run/socket.h"
#include "tool/tool.h"

#define ROM_MAX (INT64_C(1) << 31)

enum { TAKE_WAIT_MS = 10000, CONNECT_WAIT_MS = 5000 };

/* A file to be loaded: O_NONBLOCK, since opening a pipe by mistake would wait for ever. */
static int open_image(const char *path, const char *what, struct lend_error *error)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return tool_fail(error, -errno, "cannot open the %s %s: %s", what, path, strerror(errno));
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
		return fd;
	close(fd);
	if (S_ISREG(st.st_mode))
		return tool_fail(error, -ENOEXEC, "the %s %s is empty; give another file", what, path);
	return tool_fail(error, -ENOEXEC, "the %s %s is not a regular file; give another one", what, path);
}

int file_rom_read(const char *path, struct file_rom *out, struct lend_error *error)
{
	struct stat st;
	int fd = open_image(path, "expansion ROM", error), ret;

	if (fd < 0)
		return fd;
	ret = fstat(fd, &st) ? -errno : 0;
	if (!ret && st.st_size > ROM_MAX) {
		close(fd);
		return tool_fail(error, -EFBIG, "the expansion ROM %s is larger than 2 GiB", path);
	}
	if (!ret) {
		out->length = (size_t)st.st_size;
		out->bytes = malloc(out->length);
		ret = out->bytes ? read_all(fd, out->bytes, out->length, 0) : -ENOMEM;
	}
	close(fd);
	return ret ? tool_fail(error, ret, "cannot read the expansion ROM %s: %s", path,
			       ret == -EBADMSG ? "it was cut while it was read" : strerror(-ret))
		   : 0;
}

static int read_roms(const struct run_options *options, struct files *out, struct lend_error *error)
{
	int ret = 0;

	for (unsigned i = 0; i < options->device_count && ret >= 0; i++)
		if (options->devices[i].romfile[0])
			ret = file_rom_read(options->devices[i].romfile, &out->roms[i], error);
	return ret;
}

static int open_output(const char *path, const char *option, struct lend_error *error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);

	if (fd < 0)
		return tool_fail(error, -errno, "cannot write to %s, for %s: %s", path, option,
				 strerror(errno));
	return fd;
}

static int open_serial(const struct run_options *options, struct lend_error *error)
{
	if (options->serial == SERIAL_FILE)
		return open_output(options->serial_path, "-serial", error);
	return socket_listen(options->serial_path, error);
}

static int open_device(const struct run_device *device, struct lend_error *error)
{
	if (device->user)
		return socket_connect(device->socket, device->reply_ms ? device->reply_ms : CONNECT_WAIT_MS,
				      error);
	if (device->fd_socket[0])
		return socket_take_fd(device->fd_socket, TAKE_WAIT_MS, error);
	if (fcntl(device->fd, F_GETFD) < 0)
		return tool_fail(error, -EBADF,
				 "-device vfio-pci,fd=%d: no such descriptor is open; a shell opens one with "
				 "%d<>/dev/vfio/devices/vfioN",
				 device->fd, device->fd);
	return device->fd;
}

static int open_devices(const struct run_options *options, struct files *out, struct lend_error *error)
{
	int ret = 0;

	for (unsigned i = 0; i < options->device_count && ret >= 0; i++)
		if (options->devices[i].fd >= 0 || options->devices[i].fd_socket[0] ||
		    options->devices[i].user)
			ret = out->devices[i] = open_device(&options->devices[i], error);
	return ret;
}

static struct vmm_file_state state_of(int fd)
{
	struct stat st = {0};

	(void)fstat(fd, &st);
	return (struct vmm_file_state){.size = (uint64_t)st.st_size,
				       .modified_s = st.st_mtim.tv_sec,
				       .modified_ns = st.st_mtim.tv_nsec};
}

/* Without it the image is booted as it is: nothing here is an error of the run. */
static void find_unpacked(const struct run_options *options, struct files *out)
{
	const struct kernel_cache cache = {.folder = options->kernel_cache,
					   .home = home_of("XDG_CACHE_HOME"),
					   .settled_s = CACHE_SETTLED_S};

	if (out->kernel < 0 || options->no_kernel_cache)
		return;
	trace_step(&out->trace, TRACE_KEEPER, "looking for the unpacked kernel");
	out->unpacked_of = state_of(out->kernel);
	out->unpacked = kernel_cache_find(&cache, out->kernel, &out->unpacked_size, &out->unpacked_why);
	trace_step(&out->trace, TRACE_KEEPER, "");
}

static int open_trace(const struct run_options *options, struct files *out, struct lend_error *error)
{
	int fd = options->trace ? open_output(options->trace, "--trace", error) : -1;

	trace_begin(&out->trace, fd, options);
	return options->trace && fd < 0 ? fd : 0;
}

static int start_servers(struct run_options *options, struct files *out, struct lend_error *error)
{
	int ret;

	trace_step(&out->trace, TRACE_KEEPER, "starting the servers of devices");
	ret = servers_start(&out->servers, options, error);
	trace_step(&out->trace, TRACE_KEEPER, "");
	return ret;
}

int files_open(struct run_options *options, struct files *out, struct lend_error *error)
{
	int ret;

	*out = (struct files){
		.kernel = -1, .initrd = -1, .serial = -1, .stats = -1, .unpacked = -1, .trace = {.fd = -1}};
	firmware_none(&out->firmware);
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		out->devices[i] = -1;
	ret = open_trace(options, out, error);
	if (ret >= 0 && options->firmware.code[0])
		ret = firmware_open(options, &out->firmware, error);
	else if (ret >= 0)
		ret = out->kernel = open_image(options->kernel, "kernel", error);
	if (ret >= 0 && options->initrd)
		ret = out->initrd = open_image(options->initrd, "initrd", error);
	if (ret >= 0 && options->stats)
		ret = out->stats = open_output(options->stats, "--stats", error);
	if (ret >= 0 && options->serial_path)
		ret = out->serial = open_serial(options, error);
	if (ret >= 0)
		find_unpacked(options, out);
	if (ret >= 0)
		ret = read_roms(options, out, error);
	if (ret >= 0)
		ret = start_servers(options, out, error);
	if (ret >= 0)
		ret = open_devices(options, out, error);
	if (ret >= 0)
		return 0;
	files_close(options, out);
	return ret;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void files_give_devices(struct files *files)
{
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		close_one(&files->devices[i]);
}

void files_close(const struct run_options *options, struct files *files)
{
	if (files->serial >= 0 && options->serial == SERIAL_UNIX)
		unlink(options->serial_path);
	firmware_close(&files->firmware);
	close_one(&files->kernel);
	close_one(&files->initrd);
	close_one(&files->unpacked);
	trace_end(&files->trace);
	close_one(&files->trace.fd);
	close_one(&files->serial);
	close_one(&files->stats);
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++) {
		free(files->roms[i].bytes);
		files->roms[i].bytes = NULL;
	}
	files_give_devices(files);
	servers_end(&files->servers);
}
