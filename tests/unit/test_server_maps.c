/* SPDX-License-Identifier: MIT */
/* Guest memory that a client shows: what is taken, what is refused, and files that lie. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/server/maps.h"
#include "tests/unit/server_stage.h"

enum { R = WIRE_DMA_READABLE, W = WIRE_DMA_WRITABLE, RW = R | W, MMAP = 4, FILES = 8 };

static void ways_to_memory(void **state)
{
	struct server_stage *stage = *state;
	int file = memory_file(0x4000);
	unsigned fds = open_fds();
	const int two[2] = {file, file};
	struct wire_dma_map map = {32, RW, 0, 0x100000, 0x1000};

	assert_int_equal(peer_map(&stage->peer, 0, 0x1000, RW, file, 0), 0);
	assert_int_equal(stage->last_map.length, 0x1000);
	assert_non_null(stage->last_map.va);
	assert_int_equal(stage->last_map.access, LEND_ACCESS_READ | LEND_ACCESS_WRITE);
	assert_int_equal(peer_map(&stage->peer, 0x1000, 0x1000, RW | MMAP, file, 0x1000), 0);
	assert_int_equal(peer_map(&stage->peer, 0x3000, 0x1000, RW, -1, 0), 0);
	assert_null(stage->last_map.va);
	stage_is_in_step(stage, fds);
	assert_int_equal(peer_map(&stage->peer, 0x2000, 0x1000, RW | FILES, file, 0x2000), 0);
	/* Its file stays open. */
	stage_is_in_step(stage, fds + 1);
	assert_int_equal(peer_map(&stage->peer, 0x9000, 0x1000, RW | MMAP, -1, 0), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0x9000, 0x1000, RW | FILES, -1, 0), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0x9000, 0x1000, RW | MMAP | FILES, file, 0), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0x9000, 0x1000, RW | 16, file, 0), -EINVAL);
	map.argsz = 31;
	assert_int_equal(peer_ask_with(&stage->peer, WIRE_DMA_MAP, &map, sizeof(map), &file, 1), -EINVAL);
	map.argsz = 32;
	/* What is too much is closed. */
	assert_int_equal(peer_ask_with(&stage->peer, WIRE_DMA_MAP, &map, sizeof(map), two, 2), 0);
	stage_is_in_step(stage, fds + 1);
	close(file);
}

static void maps_that_overlap(void **state)
{
	struct server_stage *stage = *state;
	int file = memory_file(0x10000), other = memory_file(0x10000);
	unsigned fds = open_fds();

	assert_int_equal(peer_map(&stage->peer, 0x4000, 0x4000, RW, file, 0), 0);
	assert_int_equal(peer_map(&stage->peer, 0x4000, 0x4000, RW, file, 0), 0);
	assert_int_equal(stage->maps, 1);
	assert_int_equal(peer_map(&stage->peer, 0x4000, 0x4000, R, file, 0), -EEXIST);
	assert_int_equal(peer_map(&stage->peer, 0x4000, 0x4000, RW, file, 0x1000), -EEXIST);
	assert_int_equal(peer_map(&stage->peer, 0x4000, 0x4000, RW, other, 0), -EEXIST);
	assert_int_equal(peer_map(&stage->peer, 0x4000, 0x4000, RW, -1, 0), -EEXIST);
	assert_int_equal(peer_map(&stage->peer, 0x3000, 0x2000, RW, file, 0), -EEXIST);
	assert_int_equal(peer_map(&stage->peer, 0x7000, 0x2000, RW, file, 0), -EEXIST);
	assert_int_equal(peer_map(&stage->peer, 0x5000, 0x1000, RW, file, 0), -EEXIST);
	assert_int_equal(peer_map(&stage->peer, 0x3000, 0x6000, RW, file, 0), -EEXIST);
	assert_int_equal(peer_map(&stage->peer, 0x3000, 0x1000, RW, file, 0), 0);
	assert_int_equal(peer_map(&stage->peer, 0x8000, 0x1000, RW, file, 0), 0);
	assert_int_equal(stage->maps, 3);
	stage_is_in_step(stage, fds);
	close(file);
	close(other);
}

static void maps_that_make_no_sense(void **state)
{
	struct server_stage *stage = *state;
	int file = memory_file(0x4000), tiny = memory_file(1), pipes[2], folder = open("/tmp", O_RDONLY);
	int readonly = open("/proc/self/exe", O_RDONLY);
	unsigned fds;

	assert_int_equal(pipe(pipes), 0);
	fds = open_fds();
	assert_int_equal(peer_map(&stage->peer, 0, 0, RW, file, 0), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0, 0, RW, -1, 0), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, UINT64_MAX - 0xfff, 0x2000, RW, file, 0), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0, 0x1000, RW, file, UINT64_MAX - 0xfff), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0, 1ull << 62, RW, file, 1ull << 62), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0x800, 0x1000, RW, file, 0), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0, 0x800, RW, file, 0), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0, 0x1000, RW, file, 0x800), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0, 0x5000, RW, file, 0), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0, 0x1000, RW, file, 0x4000), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0, 0x1000, RW, tiny, 0), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0, 0x1000, RW, pipes[0], 0), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0, 0x1000, RW, folder, 0), -EINVAL);
	assert_int_equal(peer_map(&stage->peer, 0, 0x1000, RW, readonly, 0), -EACCES);
	assert_int_equal(peer_map(&stage->peer, 0, 0x1000, R, readonly, 0), 0);
	/* The last page that there is. */
	assert_int_equal(peer_map(&stage->peer, UINT64_MAX - 0xfff, 0x1000, RW, file, 0), 0);
	assert_int_equal(stage->maps, 2);
	/* The device refuses. */
	stage->map_result = -EPERM;
	assert_int_equal(peer_map(&stage->peer, 0x1000, 0x1000, RW, file, 0), -EPERM);
	assert_int_equal(peer_unmap(&stage->peer, 0x1000, 0x1000, 0), -ENOENT);
	stage_is_in_step(stage, fds);
	close(file), close(tiny), close(pipes[0]), close(pipes[1]), close(folder), close(readonly);
}

static void libvfio_user_4d9f663_unmap_is_exact(void **state)
{
	struct server_stage *stage = *state;

	assert_int_equal(peer_map(&stage->peer, 0x4000, 0x4000, RW, -1, 0), 0);
	assert_int_equal(peer_unmap(&stage->peer, 0x4000, 0x1000, 0), -ENOENT);
	assert_int_equal(peer_unmap(&stage->peer, 0x3000, 0x5000, 0), -ENOENT);
	assert_int_equal(peer_unmap(&stage->peer, 0x4000, 0, 0), -ENOENT);
	assert_int_equal(peer_unmap(&stage->peer, 0x4000, 0x4000, 0), 0);
	assert_int_equal(wire_payload(&stage->peer.reader), sizeof(struct wire_dma_unmap));
	assert_int_equal(peer_unmap(&stage->peer, 0x4000, 0x4000, 0), -ENOENT);
	assert_int_equal(peer_map(&stage->peer, 0x4000, 0x4000, RW, -1, 0), 0);
	assert_int_equal(peer_map(&stage->peer, 0x8000, 0x4000, RW, stage->memory, 0), 0);
	assert_int_equal(peer_unmap(&stage->peer, 0x4000, 0x4000, WIRE_UNMAP_ALL), -EINVAL);
	assert_int_equal(peer_unmap(&stage->peer, 0x4000, 0x4000, WIRE_UNMAP_DIRTY), -EINVAL);
	assert_int_equal(peer_unmap(&stage->peer, 0, 0, 3), -EINVAL);
	assert_int_equal(peer_unmap(&stage->peer, 0, 0, 4), -EINVAL);
	assert_int_equal(stage->unmaps, 1);
	assert_int_equal(peer_unmap(&stage->peer, 0, 0, WIRE_UNMAP_ALL), 0);
	assert_int_equal(stage->unmaps, 3);
	stage_is_in_step(stage, open_fds());
}

static struct iovec in_unmap;
static int result_in_unmap;

static void look_in_unmap(struct server_stage *stage)
{
	result_in_unmap = lend_server_memory(stage->server, 0x4000, 0x1000, LEND_ACCESS_READ, &in_unmap, 1);
}

/* The device may finish what is in flight while it is told; after the reply there is nothing. */
static void memory_is_there_until_unmap_returns(void **state)
{
	struct server_stage *stage = *state;
	struct iovec piece;

	assert_int_equal(peer_map(&stage->peer, 0x4000, 0x1000, RW, stage->memory, 0), 0);
	assert_int_equal(lend_server_memory(stage->server, 0x4000, 0x1000, LEND_ACCESS_READ, &piece, 1), 1);
	stage->on_unmap = look_in_unmap;
	assert_int_equal(peer_unmap(&stage->peer, 0x4000, 0x1000, 0), 0);
	assert_int_equal(result_in_unmap, 1);
	assert_ptr_equal(in_unmap.iov_base, piece.iov_base);
	assert_int_equal(lend_server_memory(stage->server, 0x4000, 0x1000, LEND_ACCESS_READ, &piece, 1),
			 -EFAULT);
	assert_int_equal(msync(in_unmap.iov_base, 0x1000, MS_ASYNC), -1);
	assert_int_equal(errno, ENOMEM);
}

static void more_maps_than_are_allowed(void **state)
{
	struct server_stage *stage = *state;

	assert_non_null(strstr((const char *)stage->peer.reader.payload + 4, "\"max_dma_maps\":16384"));
	for (uint64_t i = 0; i < 70000; i++)
		assert_int_equal(peer_map(&stage->peer, i * 0x1000, 0x1000, RW, -1, 0),
				 i < SERVER_MAPS_MAX ? 0 : -ENOSPC);
	assert_int_equal(peer_unmap(&stage->peer, 0x5000, 0x1000, 0), 0);
	assert_int_equal(peer_map(&stage->peer, 1ull << 40, 0x1000, RW, -1, 0), 0);
	stage_connect(stage);
	assert_int_equal(stage->unmaps, stage->maps);
}

enum { PAGE = 4096, AREAS_MAX = 1 << 21 };

/* Every second page gets a protection of its own, until the kernel makes no area more. */
static void use_all_areas(uint8_t *at, size_t pages)
{
	for (size_t i = 1; i < pages; i += 2)
		if (mprotect(at + i * PAGE, PAGE, PROT_READ)) {
			assert_int_equal(errno, ENOMEM);
			return;
		}
	fail_msg("more areas than vm.max_map_count");
}

static size_t most_areas(void)
{
	char text[32] = "";
	int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);

	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return strtoul(text, NULL, 10);
}

/* The middle of what the kernel has joined: it cannot go alone, and goes with the rest. */
static void an_unmap_that_fails(void **state)
{
	/* Larger than any gap between others: so each part lies directly below the last one. */
	const uint64_t part = 1 << 30;
	struct server_stage *stage = *state;
	size_t pages = 2 * most_areas();
	struct iovec parts[3];
	uint8_t *areas;
	int file, ret;

	/* Some hosts allow as many as memory has room for. */
	if (pages > 2 * AREAS_MAX)
		skip();
	file = memory_file(3 * part);
	areas = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(areas, MAP_FAILED);
	for (unsigned i = 3; i-- > 0;) {
		assert_int_equal(peer_map(&stage->peer, i * part, part, RW, file, i * part), 0);
		assert_int_equal(lend_server_memory(stage->server, i * part, part, RW, &parts[i], 1), 1);
	}
	assert_ptr_equal(parts[1].iov_base, parts[0].iov_base + part);
	assert_ptr_equal(parts[2].iov_base, parts[1].iov_base + part);
	use_all_areas(areas, pages);
	ret = peer_unmap(&stage->peer, part, part, 0);
	assert_int_equal(munmap(areas, pages * PAGE), 0);
	assert_int_equal(ret, -ENOMEM);
	assert_non_null(strstr(stage->log, "0x40000000 cannot be unmapped"));
	stage_is_closed(stage);
	assert_int_equal(stage->unmaps, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(msync(parts[i].iov_base, part, MS_ASYNC), -1);
	close(file);
}

static void memory_is_split_at_borders(void **state)
{
	struct server_stage *stage = *state;
	int file = memory_file(0x4000), second = memory_file(0x4000);
	char text[32] = "", *at = mmap(NULL, 0x4000, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	struct lend_server *server = stage->server;
	struct iovec pieces[4];

	assert_int_equal(peer_map(&stage->peer, 0x10000, 0x2000, RW, file, 0x1000), 0);
	assert_int_equal(peer_map(&stage->peer, 0x12000, 0x1000, R, second, 0), 0);
	assert_int_equal(peer_map(&stage->peer, 0x13000, 0x1000, RW | FILES, second, 0x1000), 0);
	assert_int_equal(peer_map(&stage->peer, 0x14000, 0x1000, RW, -1, 0), 0);
	assert_int_equal(lend_server_memory(server, 0x11ff0, 0x20, LEND_ACCESS_READ, pieces, 4), 2);
	assert_true(pieces[0].iov_len == 0x10 && pieces[1].iov_len == 0x10);
	strcpy(at + 0x1000, "hello");
	assert_string_equal(pieces[0].iov_base - 0x1ff0, "hello");
	assert_int_equal(lend_server_memory(server, 0x11ff0, 0x20, LEND_ACCESS_READ, pieces, 1), -E2BIG);
	assert_int_equal(lend_server_memory(server, 0x11ff0, 0x20, LEND_ACCESS_WRITE, pieces, 4), -EFAULT);
	assert_int_equal(lend_server_memory(server, 0xfff0, 0x20, LEND_ACCESS_READ, pieces, 4), -EFAULT);
	assert_int_equal(lend_server_memory(server, 0x12ff0, 0x20, LEND_ACCESS_READ, pieces, 4), -EREMOTE);
	assert_int_equal(lend_server_memory(server, 0x14000, 0x20, LEND_ACCESS_READ, pieces, 4), -EREMOTE);
	assert_int_equal(lend_server_memory(server, 0x10000, 0, LEND_ACCESS_READ, pieces, 4), -EINVAL);
	assert_int_equal(lend_server_memory(server, UINT64_MAX, 2, LEND_ACCESS_READ, pieces, 4), -EINVAL);
	/* Copies go over the same borders, and to the file. */
	assert_int_equal(lend_server_write_memory(server, 0x10000, "HELLO", 6), 0);
	assert_string_equal(at + 0x1000, "HELLO");
	assert_int_equal(lend_server_write_memory(server, 0x13000, "file", 5), 0);
	assert_int_equal(pread(second, text, 5, 0x1000), 5);
	assert_string_equal(text, "file");
	assert_int_equal(lend_server_read_memory(server, 0x12ffe, text, 7), 0);
	assert_string_equal(text + 2, "file");
	assert_int_equal(lend_server_write_memory(server, 0x12ffe, text, 7), -EFAULT);
	assert_int_equal(lend_server_read_memory(server, 0x9000, text, 7), -EFAULT);
	munmap(at, 0x4000);
	close(file);
	close(second);
}

static unsigned bus_errors;

static void on_bus(int number, siginfo_t *info, void *context)
{
	(void)context;
	bus_errors++;
	if (info->si_code <= 0 || !lend_server_bus_error(info->si_addr))
		_exit(number);
}

static void a_file_that_becomes_shorter(void **state)
{
	struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO}, before;
	struct server_stage *stage = *state;
	int file = memory_file(0x4000);
	uint8_t data[16];
	struct iovec piece;

	assert_int_equal(sigaction(SIGBUS, &action, &before), 0);
	bus_errors = 0;
	assert_int_equal(peer_map(&stage->peer, 0, 0x4000, RW, file, 0), 0);
	assert_int_equal(lend_server_memory(stage->server, 0x3000, 16, RW, &piece, 1), 1);
	assert_int_equal(ftruncate(file, 0x1000), 0);
	memset(data, 0xa5, sizeof(data));
	/* A piece that the device holds reads as zeros. */
	memcpy(data, piece.iov_base, sizeof(data));
	assert_int_equal(data[0] | data[15], 0);
	memset(piece.iov_base, 1, sizeof(data));
	assert_int_equal(bus_errors, 1);
	assert_int_equal(lend_server_memory(stage->server, 0, 16, LEND_ACCESS_READ, &piece, 1), -EFAULT);
	assert_non_null(strstr(stage->log, "became shorter"));
	assert_int_equal(lend_server_read_memory(stage->server, 0, data, 16), -EFAULT);
	stage_is_in_step(stage, open_fds());
	assert_int_equal(peer_unmap(&stage->peer, 0, 0x4000, 0), 0);
	/* And in the midst of a copy. */
	assert_int_equal(ftruncate(file, 0x4000), 0);
	assert_int_equal(peer_map(&stage->peer, 0, 0x4000, RW, file, 0), 0);
	assert_int_equal(ftruncate(file, 0), 0);
	assert_int_equal(lend_server_read_memory(stage->server, 0, data, 16), -EFAULT);
	assert_int_equal(bus_errors, 2);
	assert_false(lend_server_bus_error(data));
	sigaction(SIGBUS, &before, NULL);
	close(file);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)
	const struct CMUnitTest tests[] = {
		CASE(ways_to_memory),
		CASE(maps_that_overlap),
		CASE(maps_that_make_no_sense),
		CASE(libvfio_user_4d9f663_unmap_is_exact),
		CASE(memory_is_there_until_unmap_returns),
		CASE(more_maps_than_are_allowed),
		CASE(an_unmap_that_fails),
		CASE(memory_is_split_at_borders),
		CASE(a_file_that_becomes_shorter),
	};

	return cmocka_run_group_tests_name("server_maps", tests, NULL, NULL);
}
