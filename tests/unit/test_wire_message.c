/* SPDX-License-Identifier: MIT */
/* Messages of vfio-user on a socket pair: whole in, whole out, and every descriptor accounted for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/wire/message.h"

#include "tests/unit/cmocka.h"
#include "tests/unit/open_files.h"

static int sockets[2]; /* the peer writes to [0], the reader reads [1] */
static struct wire_reader reader;

static int begin(void **state)
{
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	wire_reader_init(&reader, WIRE_MESSAGE_MAX);
	return 0;
}

static int end(void **state)
{
	(void)state;
	wire_reader_end(&reader);
	close(sockets[0]);
	close(sockets[1]);
	return 0;
}

static struct wire_out message(uint16_t id, void *data, size_t length)
{
	return (struct wire_out){
		.header = {.id = id, .command = WIRE_RESET},
		.parts = {{data, length}},
		.part_count = length ? 1 : 0,
	};
}

static void send_message(uint16_t id, void *data, size_t length, const int *fds, unsigned fd_count)
{
	struct wire_out out = message(id, data, length);

	out.fds = fds;
	out.fd_count = fd_count;
	assert_int_equal(wire_write(&out, sockets[0], 0), sizeof(out.header) + length);
}

static void nothing_there(void **state)
{
	(void)state;
	assert_int_equal(wire_read(&reader, sockets[1]), 0);
}

static void byte_by_byte(void **state)
{
	struct wire_header header = {.id = 7, .command = 4, .size = 20};
	uint8_t bytes[20];

	(void)state;
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + 16, "lend", 4);
	for (unsigned i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(wire_read(&reader, sockets[1]), 0);
		assert_int_equal(write(sockets[0], &bytes[i], 1), 1);
	}
	assert_int_equal(wire_read(&reader, sockets[1]), 1);
	assert_int_equal(reader.header.id, 7);
	assert_int_equal(wire_payload(&reader), 4);
	assert_memory_equal(reader.payload, "lend", 4);
}

static void several_in_one_piece(void **state)
{
	(void)state;
	for (uint16_t id = 0; id < 10; id++)
		send_message(id, &id, id % 3 ? sizeof(id) : 0, NULL, 0);
	for (uint16_t id = 0; id < 10; id++) {
		assert_int_equal(wire_read(&reader, sockets[1]), 1);
		assert_int_equal(reader.header.id, id);
		assert_int_equal(wire_payload(&reader), id % 3 ? 2 : 0);
	}
	assert_int_equal(wire_read(&reader, sockets[1]), 0);
}

/* The descriptors of each message are its own, also where two messages come together. */
static void descriptors_stay_with_their_message(void **state)
{
	int fds[2] = {dup(0), dup(0)}, taken;
	unsigned before = open_fds();

	(void)state;
	send_message(1, NULL, 0, fds, 1);
	send_message(2, NULL, 0, NULL, 0);
	send_message(3, NULL, 0, fds, 2);
	assert_int_equal(wire_read(&reader, sockets[1]), 1);
	assert_int_equal(reader.fd_count, 1);
	taken = wire_take_fd(&reader, 0);
	assert_true(taken >= 0);
	assert_int_equal(wire_take_fd(&reader, 0), -1);
	assert_int_equal(wire_take_fd(&reader, 1), -1);
	assert_int_equal(wire_read(&reader, sockets[1]), 1);
	assert_int_equal(reader.fd_count, 0);
	assert_int_equal(wire_read(&reader, sockets[1]), 1);
	assert_int_equal(reader.fd_count, 2);
	wire_drop_fds(&reader);
	close(taken);
	assert_int_equal(open_fds(), before);
	close(fds[0]);
	close(fds[1]);
}

/* Wherever the border of what is read ahead lies, descriptors come with their own message. */
static void descriptors_across_the_border(void **state)
{
	uint8_t data[WIRE_AHEAD] = {0};
	int fd = dup(0);

	(void)state;
	for (size_t cut = 0; cut <= 20; cut++) {
		size_t first = WIRE_AHEAD - 16 - cut;

		send_message(1, data, first, NULL, 0);
		send_message(2, data, 4, &fd, 1);
		send_message(3, data, 4, NULL, 0);
		assert_int_equal(wire_read(&reader, sockets[1]), 1);
		assert_int_equal(wire_payload(&reader), first);
		assert_int_equal(reader.fd_count, 0);
		assert_int_equal(wire_read(&reader, sockets[1]), 1);
		assert_int_equal(reader.header.id, 2);
		assert_int_equal(reader.fd_count, 1);
		assert_int_equal(wire_read(&reader, sockets[1]), 1);
		assert_int_equal(reader.header.id, 3);
		assert_int_equal(reader.fd_count, 0);
		assert_int_equal(wire_read(&reader, sockets[1]), 0);
	}
	close(fd);
}

/* Several messages come by one system call; who reads is told what it has, and when to stop asking. */
static void reads_ahead(void **state)
{
	(void)state;
	for (uint16_t id = 0; id < 3; id++)
		send_message(id, NULL, 0, NULL, 0);
	assert_int_equal(wire_read(&reader, sockets[1]), 1);
	close(sockets[0]);
	sockets[0] = -1;
	assert_true(wire_has_more(&reader));
	assert_false(wire_is_drained(&reader));
	assert_int_equal(wire_read(&reader, sockets[1]), 1);
	assert_int_equal(wire_read(&reader, sockets[1]), 1);
	assert_false(wire_has_more(&reader));
	assert_true(wire_is_drained(&reader));
	assert_int_equal(wire_read(&reader, sockets[1]), -ECONNRESET);
}

/* Who has to stop uses up what was read ahead, and reads no byte of the next message. */
static void stops_at_the_end_of_a_message(void **state)
{
	uint8_t byte;

	(void)state;
	send_message(1, NULL, 0, NULL, 0);
	send_message(2, NULL, 0, NULL, 0);
	assert_int_equal(wire_read(&reader, sockets[1]), 1);
	send_message(3, "abc", 3, NULL, 0);
	send_message(4, NULL, 0, NULL, 0);
	reader.exact = true;
	assert_int_equal(wire_read(&reader, sockets[1]), 1);
	assert_int_equal(wire_read(&reader, sockets[1]), 1);
	assert_int_equal(reader.header.id, 3);
	assert_false(wire_has_more(&reader));
	assert_int_equal(recv(sockets[1], &byte, 1, MSG_PEEK), 1);
	assert_int_equal(byte, 4);
}

static void descriptors_that_nobody_takes_are_closed(void **state)
{
	int fd = dup(0);
	unsigned before = open_fds();

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		send_message(1, NULL, 0, &fd, 1);
		assert_int_equal(wire_read(&reader, sockets[1]), 1);
		assert_int_equal(reader.fd_count, 1);
	}
	assert_int_equal(wire_read(&reader, sockets[1]), 0);
	assert_int_equal(open_fds(), before);
	close(fd);
}

/* A peer that breaks the limit sends them past wire_write(), which refuses. */
static void too_many_descriptors(void **state)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * (WIRE_FDS_MAX + 1))];
		struct cmsghdr align;
	} control = {0};
	struct wire_header header = {.size = sizeof(header)};
	struct iovec iov = {&header, sizeof(header)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *at = CMSG_FIRSTHDR(&msg);
	struct wire_out out = message(1, NULL, 0);
	int fds[WIRE_FDS_MAX + 1] = {0};
	unsigned before = open_fds();

	(void)state;
	out.fds = fds;
	out.fd_count = WIRE_FDS_MAX + 1;
	assert_int_equal(wire_write(&out, sockets[0], 0), -EINVAL);
	at->cmsg_level = SOL_SOCKET;
	at->cmsg_type = SCM_RIGHTS;
	at->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(at), fds, sizeof(fds));
	assert_int_equal(sendmsg(sockets[0], &msg, 0), sizeof(header));
	assert_int_equal(wire_read(&reader, sockets[1]), -EPROTO);
	wire_reader_end(&reader);
	assert_int_equal(open_fds(), before);
}

static void sizes_that_cannot_be(void **state)
{
	static const uint32_t sizes[] = {0, 15, WIRE_MESSAGE_MAX + 1, UINT32_MAX};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct wire_header header = {.id = 9, .size = sizes[i]};

		assert_int_equal(write(sockets[0], &header, sizeof(header)), sizeof(header));
		assert_int_equal(wire_read(&reader, sockets[1]), -EMSGSIZE);
		assert_int_equal(reader.header.id, 9);
		assert_null(reader.payload);
		end(state);
		begin(state);
	}
}

static void peer_goes(void **state)
{
	static const size_t cuts[] = {0, 1, 16, 17, 19};
	struct wire_header header = {.size = 20};
	uint8_t bytes[20] = {0};

	memcpy(bytes, &header, sizeof(header));
	for (unsigned i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		if (cuts[i])
			assert_int_equal(write(sockets[0], bytes, cuts[i]), cuts[i]);
		close(sockets[0]);
		sockets[0] = -1;
		assert_int_equal(wire_read(&reader, sockets[1]), -ECONNRESET);
		end(state);
		begin(state);
	}
}

/* A write of 1 MiB does not fit in the socket: it goes on where it stopped, and brings no descriptor twice.
 */
static void a_long_message_in_parts(void **state)
{
	uint8_t *data = malloc(WIRE_DATA_MAX);
	struct wire_out out = message(5, data, WIRE_DATA_MAX);
	int fd = 0, whole = 0;
	size_t sent = 0;

	(void)state;
	for (size_t i = 0; i < WIRE_DATA_MAX; i++)
		data[i] = (uint8_t)(i * 31 >> 3);
	out.fds = &fd;
	out.fd_count = 1;
	while (!whole) {
		if (sent < wire_size(&out)) {
			long ret = wire_write(&out, sockets[0], sent);

			assert_true(ret >= (long)sent);
			sent = (size_t)ret;
		}
		whole = wire_read(&reader, sockets[1]);
		assert_true(whole >= 0);
		assert_true(reader.fd_count <= 1);
	}
	assert_int_equal(wire_payload(&reader), WIRE_DATA_MAX);
	assert_memory_equal(reader.payload, data, WIRE_DATA_MAX);
	/* What a large message took is not kept for the small ones after it. */
	send_message(6, NULL, 0, NULL, 0);
	assert_int_equal(wire_read(&reader, sockets[1]), 1);
	assert_int_equal(reader.room, 0);
	free(data);
}

static void reader_is_gone(void **state)
{
	struct wire_out out = message(1, NULL, 0);

	(void)state;
	close(sockets[1]);
	sockets[1] = -1;
	assert_int_equal(wire_write(&out, sockets[0], 0), -EPIPE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(nothing_there),
		TEST(byte_by_byte),
		TEST(several_in_one_piece),
		TEST(descriptors_stay_with_their_message),
		TEST(descriptors_across_the_border),
		TEST(reads_ahead),
		TEST(stops_at_the_end_of_a_message),
		TEST(descriptors_that_nobody_takes_are_closed),
		TEST(too_many_descriptors),
		TEST(sizes_that_cannot_be),
		TEST(peer_goes),
		TEST(a_long_message_in_parts),
		TEST(reader_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
