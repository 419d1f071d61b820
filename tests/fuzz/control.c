/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: the messages between keeper and machine, in both directions. The bytes come to one of
 * the two as a message, with descriptors; what is taken is within the bounds of its type, its text is
 * one that a terminal can be given, and no descriptor is left over. A message that is taken arrives as
 * it is when it is sent once more. Then the machine tells more than the socket has room for: what has
 * to arrive does, once and in its order.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/input.h"
#include "tests/unit/cmocka.h"
#include "tool/run/outbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGES = 400 };

static void send_raw(int fd, const void *bytes, size_t length, unsigned count)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(8 * sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(count * sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	struct iovec iov = {(void *)(uintptr_t)bytes, length};
	struct msghdr all = {.msg_iov = &iov, .msg_iovlen = 1};
	const int fds[8] = {fd, fd, fd, fd, fd, fd, fd, fd};

	if (count) {
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
		all.msg_control = &control;
		all.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &all, MSG_DONTWAIT), (ssize_t)length);
}

/* No control character, whether the terminal takes UTF-8 or single bytes. */
static void check_text(const char *text, size_t room)
{
	size_t length = strnlen(text, room);

	assert_true(length < room);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i], before = i ? (unsigned char)text[i - 1] : 0;

		assert_true(c >= 0x20 && c != 0x7f);
		if (c >= 0x80 && c < 0xa0) /* then it is within a character */
			assert_true(before >= 0x80 && before != 0xc2);
	}
}

static void check_message(const struct control_message *message)
{
	switch (message->type) {
	case CONTROL_LOG:
	case CONTROL_STEP:
	case CONTROL_WORK:
	case CONTROL_LINE:
	case CONTROL_END:
		check_text(message->text, sizeof(message->text));
		break;
	case CONTROL_ANSWER:
		assert_true(message->answer.result <= 0);
		check_text(message->answer.text, sizeof(message->answer.text));
		break;
	case CONTROL_EVENT:
		assert_true(message->event.device < VMM_DEVICES_MAX);
		check_text(message->event.text, sizeof(message->event.text));
		break;
	case CONTROL_PCI:
		assert_true(message->pci.slot < 32 && message->pci.function < 8);
		check_text(message->pci.name, sizeof(message->pci.name));
		break;
	case CONTROL_CPU:
		assert_true(message->cpu.cpu < VMM_CPUS_MAX);
		break;
	case CONTROL_CALL:
		assert_true(message->call.verb < CALL_VERBS && message->call.device < VMM_DEVICES_MAX);
		break;
	case CONTROL_LOST:
	case CONTROL_FOUND:
	case CONTROL_SERVER:
	case CONTROL_NONE:
		assert_true(message->value < VMM_DEVICES_MAX);
		break;
	default:
		assert_true(message->type < CONTROL_CALL);
	}
}

/* Sent once more it is the same. */
static void send_again(const int pair[2], const struct control_message *message)
{
	struct control_message again;

	if (message->type == CONTROL_CALL)
		return;
	assert_int_equal(control_put(pair[0], message, control_length(message)), 0);
	assert_int_equal(control_receive(pair[1], &again), 1);
	assert_int_equal(again.type, message->type);
	assert_int_equal(control_length(&again), control_length(message));
	assert_memory_equal(&again, message, control_length(message));
}

static void hear(const int pair[2], const uint8_t *data, size_t size)
{
	uint8_t head = size ? data[0] : 0;
	struct control_message message;
	struct control_extras extras = {0};
	int ret;

	data += size ? 1 : 0;
	size -= size ? 1 : 0;
	if (!size || size > sizeof(message) + 64)
		return;
	send_raw(pair[0], data, size, head & 7);
	if (head & 8) {
		ret = control_receive(pair[1], &message);
	} else {
		ret = control_receive_extras(pair[1], &message, &extras);
		assert_true(extras.fd_count <= CONTROL_FDS_MAX && extras.payload <= CONTROL_PAYLOAD_MAX);
		control_close_extras(&extras);
	}
	assert_true(ret == 1 || ret == -EPROTO);
	assert_int_equal(control_receive(pair[1], &(struct control_message){0}), -EAGAIN);
	if (ret != 1)
		return;
	check_message(&message);
	send_again(pair, &message);
}

/* The keeper reads now and then. */
static unsigned listen_to(int fd, uint32_t *last)
{
	struct control_message message;
	unsigned count = 0;

	while (control_receive(fd, &message) == 1) {
		if (message.type != CONTROL_NONE && message.type != CONTROL_LINE)
			continue;
		count++;
		if (message.type == CONTROL_LINE) {
			assert_true(message.value > *last);
			*last = message.value;
		}
	}
	return count;
}

static void tell(const int pair[2], struct input *input)
{
	uint32_t last = 0, number = 0;
	unsigned sent = 0, heard = 0;
	struct outbox outbox;
	int small = 1;

	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	assert_int_equal(outbox_init(&outbox, pair[0]), 0);
	for (unsigned i = 0; i < MESSAGES && input->left; i++) {
		uint8_t what = take(input);
		struct control_message message = {.type = CONTROL_LINE, .value = ++number, .text = "a line"};

		switch (what & 3) {
		case 0:
			heard += listen_to(pair[1], &last);
			outbox_serve(&outbox);
			break;
		case 1:
			message.type = CONTROL_MEMORY;
			outbox_put(&outbox, OUTBOX_STATE, &message);
			break;
		case 2:
			message.type = CONTROL_LOG;
			message.value = LEND_LOG_INFO;
			outbox_put(&outbox, OUTBOX_LINE, &message);
			break;
		default:
			sent += !outbox_put(&outbox, what & 4 ? OUTBOX_ROW : OUTBOX_LAST, &message);
		}
	}
	for (unsigned i = 0; i < MESSAGES; i++) {
		heard += listen_to(pair[1], &last);
		outbox_serve(&outbox);
	}
	heard += listen_to(pair[1], &last);
	assert_int_equal(heard, sent);
	outbox_free(&outbox);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	int pair[2], after;

	assert_int_equal(control_pair(pair), 0);
	hear(pair, data, size);
	tell(pair, &input);
	close(pair[0]);
	close(pair[1]);
	after = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC,
		       0); /* the lowest number that is free: nothing was left open */
	assert_true(after <= pair[0] && after <= pair[1]);
	close(after);
	return 0;
}
