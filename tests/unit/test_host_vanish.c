/* SPDX-License-Identifier: MIT */
/*
 * Files that vanish between two reads, since a device is unplugged or a process
 * ends while the host is looked at, and files that cannot be read. The calls of
 * the C library are counted; at the one whose turn it is, the file, or all that
 * its owner has, is gone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/odd_tree.h"

static struct {
	const char *root;
	unsigned calls;
	unsigned at;     /* the file of that call is gone; 0: none */
	const char *all; /* from that call on all paths with this in them are gone; NULL: the file alone */
	int error;       /* what is answered instead of "gone"; 0: nothing else */
	char gone[PATH_MAX]; /* the file, from the root on */
} host;

int __real_open(const char *path, int flags, ...);
ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __real_readlink(const char *path, char *buffer, size_t size);
ssize_t __real_readlinkat(int dir, const char *path, char *buffer, size_t size);
int __real_access(const char *path, int mode);
int __real_stat(const char *path, struct stat *out);
DIR *__real_opendir(const char *path);

int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
ssize_t __wrap_readlink(const char *path, char *buffer, size_t size);
ssize_t __wrap_readlinkat(int dir, const char *path, char *buffer, size_t size);
int __wrap_access(const char *path, int mode);
int __wrap_stat(const char *path, struct stat *out);
DIR *__wrap_opendir(const char *path);

/* Whether the file of this call is gone. What is not of the recorded host stays. */
static bool gone(const char *path)
{
	size_t length = host.root ? strlen(host.root) : 0;

	if (!length || strncmp(path, host.root, length))
		return false;
	host.calls++;
	if (!host.at || host.calls < host.at)
		return false;
	if (host.all)
		return strstr(path + length, host.all) != NULL;
	if (host.calls == host.at)
		snprintf(host.gone, sizeof(host.gone), "%s", path + length + 1);
	return host.gone[0] && !strcmp(path + length + 1, host.gone);
}

static bool gone_fd(int fd, const char *name)
{
	char link[64], path[2 * PATH_MAX];
	ssize_t length;

	if (fd < 0)
		return gone(name);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = __real_readlink(link, path, PATH_MAX - 1);
	if (length < 0)
		return false;
	snprintf(path + length, sizeof(path) - (size_t)length, "%s%s", name[0] ? "/" : "", name);
	return gone(path);
}

static int failed(int error)
{
	errno = host.error ? host.error : error;
	return -1;
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, int) : 0;
	va_end(args);
	return gone(path) ? failed(ENOENT) : __real_open(path, flags, mode);
}

/* An open attribute of a device that is gone reads so. */
ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	return gone_fd(fd, "") ? failed(ENODEV) : __real_read(fd, buffer, size);
}

ssize_t __wrap_readlink(const char *path, char *buffer, size_t size)
{
	return gone(path) ? failed(ENOENT) : __real_readlink(path, buffer, size);
}

ssize_t __wrap_readlinkat(int dir, const char *path, char *buffer, size_t size)
{
	return gone_fd(dir, path) ? failed(ENOENT) : __real_readlinkat(dir, path, buffer, size);
}

int __wrap_access(const char *path, int mode)
{
	return gone(path) ? failed(ENOENT) : __real_access(path, mode);
}

int __wrap_stat(const char *path, struct stat *out)
{
	return gone(path) ? failed(ENOENT) : __real_stat(path, out);
}

DIR *__wrap_opendir(const char *path)
{
	if (!gone(path))
		return __real_opendir(path);
	failed(ENOENT);
	return NULL;
}

static int plain(void **state)
{
	struct host_tree *tree = odd_new();

	memset(&host, 0, sizeof(host));
	host.root = tree->root;
	*state = tree;
	return 0;
}

static int teardown(void **state)
{
	host.root = NULL;
	tree_free(*state);
	return 0;
}

/* Looks at the host once with each call as the one at which the file goes. */
static void at_each_call(struct host_tree *tree, const char *all)
{
	unsigned count;

	odd_look(tree, NULL, 0); /* the user's rules are read once */
	host.calls = 0;
	odd_look(tree, NULL, 0);
	count = host.calls;
	assert_true(count > 100);
	host.all = all;
	for (host.at = 1; host.at <= count; host.at++) {
		host.calls = 0;
		host.gone[0] = '\0';
		odd_look_again(tree, all ? all : host.gone);
	}
	/* The last one was reached: all calls had their turn. */
	assert_true(all || host.gone[0]);
	host.at = 0;
	odd_look(tree, NULL, 0);
}

static void a_file(void **state)
{
	at_each_call(*state, NULL);
}

static void a_file_that_fails(void **state)
{
	host.error = EIO;
	at_each_call(*state, NULL);
}

static void a_process(void **state)
{
	at_each_call(*state, "proc/300");
}

static void a_device(void **state)
{
	at_each_call(*state, "0000:01:00.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file, plain, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_fails, plain, teardown),
		cmocka_unit_test_setup_teardown(a_process, plain, teardown),
		cmocka_unit_test_setup_teardown(a_device, plain, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
