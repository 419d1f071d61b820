/* SPDX-License-Identifier: MIT */
/* The messages between keeper and machine; see control.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool/run/control.h"

/* A message without text, and with text but without counters, is sent short. */
enum {
	HEADER = offsetof(struct control_message, text),
	SHORT = offsetof(struct control_message, stats),
	LONG = SHORT + sizeof(struct vmm_stats),
	ANSWER = offsetof(struct control_message, answer.text),
	CALL = offsetof(struct control_message, call.payload),
};

int control_pair(int out[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, out) ? -errno : 0;
}

size_t control_length(const struct control_message *message)
{
	switch (message->type) {
	case CONTROL_LOG:
	case CONTROL_STEP:
	case CONTROL_WORK:
	case CONTROL_LINE:
		return HEADER + strnlen(message->text, sizeof(message->text));
	case CONTROL_END:
		return LONG;
	case CONTROL_CPU:
		return HEADER + sizeof(message->cpu);
	case CONTROL_PCI:
		return HEADER + sizeof(message->pci);
	case CONTROL_ANSWER:
		return ANSWER + strnlen(message->answer.text, sizeof(message->answer.text));
	case CONTROL_EVENT:
		return HEADER + sizeof(message->event);
	default:
		return HEADER;
	}
}

int control_put(int fd, const void *message, size_t length)
{
	return send(fd, message, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int control_send(int fd, enum control_type type)
{
	struct control_message message = {.type = type};

	return control_put(fd, &message, HEADER);
}

int control_send_device(int fd, enum control_type type, unsigned device)
{
	struct control_message message = {.type = type, .value = device};

	return control_put(fd, &message, HEADER);
}

/* With descriptors. */
static int send_with(int fd, const struct control_message *message, size_t length, const int *fds,
		     unsigned count)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(count * sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	struct iovec data = {(void *)message, length};
	struct msghdr all = {.msg_iov = &data, .msg_iovlen = 1};

	if (count) {
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
		all.msg_control = &control;
		all.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	return sendmsg(fd, &all, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int control_send_server(int fd, unsigned device, int server)
{
	struct control_message message = {.type = CONTROL_SERVER, .value = device};

	return send_with(fd, &message, HEADER, &server, 1);
}

int control_send_call(int fd, uint32_t serial, enum control_verb verb, unsigned device, const void *payload,
		      size_t length, const int *fds, unsigned count)
{
	struct control_message message = {.type = CONTROL_CALL, .value = serial};

	if (length > CONTROL_PAYLOAD_MAX || count > CONTROL_FDS_MAX)
		return -E2BIG;
	message.call.verb = verb;
	message.call.device = device;
	if (length)
		memcpy(message.call.payload, payload, length);
	return send_with(fd, &message, CALL + length, fds, count);
}

static bool follows(unsigned char c)
{
	return c >= 0x80 && c < 0xc0;
}

/* The length of the UTF-8 character that begins here, in bytes; 0: none does. RFC 3629, 4. */
static unsigned utf8_length(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4 || !follows(s[1]))
		return 0;
	if (s[0] < 0xe0)
		return 2;
	/* Longer than needed, a half of a surrogate pair, beyond U+10FFFF. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90) || !follows(s[2]))
		return 0;
	if (s[0] < 0xf0)
		return 3;
	return follows(s[3]) ? 4 : 0;
}

/*
 * What reaches the user's terminal is text, whatever the machine sent: no
 * control characters, neither the old ones nor U+0080 to U+009F, in UTF-8 or
 * as the single bytes that a terminal of 8 bits takes for them (0x9b: CSI).
 * Other single bytes stay: they are letters of the old character sets.
 */
static void clean(char *text)
{
	unsigned char *s = (unsigned char *)text;
	unsigned length;

	for (; *s; s += length ? length : 1) {
		length = utf8_length(s);
		if (length == 2 && s[0] == 0xc2 && s[1] < 0xa0)
			s[1] = '?';
		else if (length == 1 ? *s < 0x20 || *s == 0x7f : !length && *s < 0xa0)
			*s = '?';
	}
}

static bool is_pci_row(const struct vmm_pci_row *row)
{
	return row->slot < 32 && row->function < 8 && row->device <= VMM_PCI_NO_DEVICE;
}

static bool is_valid(const struct control_message *message, size_t length)
{
	switch (message->type) {
	case CONTROL_LOG:
		return length <= SHORT && message->value <= LEND_LOG_DEBUG;
	case CONTROL_STEP:
		return length <= SHORT && message->value < VMM_STEP_ROWS;
	case CONTROL_WORK:
	case CONTROL_LINE:
		return length <= SHORT;
	case CONTROL_END:
		return length == LONG && message->value <= VMM_END_ERROR;
	case CONTROL_LOST:
	case CONTROL_FOUND:
	case CONTROL_SERVER:
	case CONTROL_NONE:
		return length == HEADER && message->value < VMM_DEVICES_MAX;
	case CONTROL_MEMORY:
	case CONTROL_RUNNING:
	case CONTROL_BUTTON:
	case CONTROL_STOP:
	case CONTROL_REPORT:
		return length == HEADER;
	case CONTROL_CALL:
		return length >= CALL && message->call.verb < CALL_VERBS &&
		       message->call.device < VMM_DEVICES_MAX;
	case CONTROL_CPU:
		return length == HEADER + sizeof(message->cpu) && message->cpu.cpu < VMM_CPUS_MAX &&
		       message->cpu.thread >= 0;
	case CONTROL_PCI:
		return length == HEADER + sizeof(message->pci) && is_pci_row(&message->pci);
	case CONTROL_ANSWER:
		return length >= ANSWER && length <= ANSWER + sizeof(message->answer.text) &&
		       message->answer.result <= 0;
	case CONTROL_EVENT:
		return length == HEADER + sizeof(message->event) && message->event.type < VMM_EVENT_TYPES &&
		       message->event.device < VMM_DEVICES_MAX;
	default:
		return false;
	}
}

/* The text of a message, and its room; NULL: it has none. */
static char *text_of(struct control_message *message, size_t *room)
{
	switch (message->type) {
	case CONTROL_CALL:
	case CONTROL_CPU:
		return NULL;
	case CONTROL_PCI:
		*room = sizeof(message->pci.name);
		return message->pci.name;
	case CONTROL_ANSWER:
		*room = sizeof(message->answer.text);
		return message->answer.text;
	case CONTROL_EVENT:
		*room = sizeof(message->event.text);
		return message->event.text;
	default:
		*room = sizeof(message->text);
		return message->text;
	}
}

/* What came, of `length` bytes; a negative errno as recv() gives it. */
static int taken(struct control_message *out, ssize_t length)
{
	size_t room;
	char *text;

	if (length < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (!length)
		return 0;
	if (length < HEADER || length > (ssize_t)sizeof(*out) || !is_valid(out, (size_t)length))
		return -EPROTO;
	text = text_of(out, &room);
	if (text) {
		text[room - 1] = '\0';
		clean(text);
	}
	return 1;
}

int control_receive(int fd, struct control_message *out)
{
	memset(out, 0, sizeof(*out));
	return taken(out, recv(fd, out, sizeof(*out), MSG_DONTWAIT | MSG_TRUNC));
}

int control_receive_extras(int fd, struct control_message *out, struct control_extras *extras)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
	} control;
	struct iovec data = {out, sizeof(*out)};
	struct msghdr all = {.msg_iov = &data,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	const struct cmsghdr *header;
	ssize_t length;
	int ret;

	*extras = (struct control_extras){0};
	memset(out, 0, sizeof(*out));
	length = recvmsg(fd, &all, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
	header = length > 0 ? CMSG_FIRSTHDR(&all) : NULL;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
		extras->fd_count = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(extras->fds, CMSG_DATA(header), extras->fd_count * sizeof(int));
	}
	ret = taken(out, length);
	if (ret == 1 && out->type == CONTROL_CALL)
		extras->payload = (size_t)length - CALL;
	return ret;
}

void control_close_extras(struct control_extras *extras)
{
	while (extras->fd_count)
		close(extras->fds[--extras->fd_count]);
}
