/* SPDX-License-Identifier: MIT */
/* What a machine that is played tells its keeper, over a socket of control_pair(). */
#ifndef TESTS_UNIT_MACHINE_SAYS_H
#define TESTS_UNIT_MACHINE_SAYS_H

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tool/run/control.h"

static inline int send_text(int fd, enum control_type type, uint32_t value, const char *text)
{
	struct control_message message;

	message.type = type;
	message.value = value;
	snprintf(message.text, sizeof(message.text), "%s", text);
	return control_put(fd, &message, control_length(&message));
}

static inline int control_send_log(int fd, enum lend_log_level level, const char *text)
{
	return send_text(fd, CONTROL_LOG, level, text);
}

static inline int control_send_step(int fd, unsigned row, const char *text)
{
	return send_text(fd, CONTROL_STEP, row, text);
}

static inline int control_send_memory(int fd, uint32_t mib)
{
	struct control_message message = {.type = CONTROL_MEMORY, .value = mib};

	return control_put(fd, &message, control_length(&message));
}

static inline int send_or_wait(int fd, const struct control_message *message, int wait_ms)
{
	const size_t length = control_length(message);
	struct pollfd room = {.fd = fd, .events = POLLOUT};
	int ret = control_put(fd, message, length);

	if (ret == -EAGAIN && poll(&room, 1, wait_ms) > 0)
		ret = control_put(fd, message, length);
	return ret;
}

static inline int control_send_work(int fd, const char *text, int wait_ms)
{
	struct control_message message = {.type = CONTROL_WORK};

	snprintf(message.text, sizeof(message.text), "%s", text);
	return send_or_wait(fd, &message, wait_ms);
}

static inline int control_send_end(int fd, enum vmm_end end, const char *text, const struct vmm_stats *stats,
				   int wait_ms)
{
	struct control_message message = {.type = CONTROL_END, .value = end};

	snprintf(message.text, sizeof(message.text), "%s", text);
	if (stats)
		message.stats = *stats;
	return send_or_wait(fd, &message, wait_ms);
}

static inline int control_send_line(int fd, uint32_t serial, const char *text, int wait_ms)
{
	struct control_message message = {.type = CONTROL_LINE, .value = serial};

	snprintf(message.text, sizeof(message.text), "%s", text);
	return send_or_wait(fd, &message, wait_ms);
}

static inline int control_send_cpu(int fd, uint32_t serial, const struct control_cpu *row, int wait_ms)
{
	struct control_message message = {.type = CONTROL_CPU, .value = serial, .cpu = *row};

	return send_or_wait(fd, &message, wait_ms);
}

static inline int control_send_pci(int fd, uint32_t serial, const struct vmm_pci_row *row, int wait_ms)
{
	struct control_message message = {.type = CONTROL_PCI, .value = serial, .pci = *row};

	return send_or_wait(fd, &message, wait_ms);
}

static inline int control_send_answer(int fd, uint32_t serial, int result, const char *text, int wait_ms)
{
	struct control_message message = {.type = CONTROL_ANSWER, .value = serial};

	message.answer.result = result;
	snprintf(message.answer.text, sizeof(message.answer.text), "%s", text);
	return send_or_wait(fd, &message, wait_ms);
}

static inline int control_send_event(int fd, const struct vmm_event *event, int wait_ms)
{
	struct control_message message = {.type = CONTROL_EVENT, .event = *event};

	return send_or_wait(fd, &message, wait_ms);
}

#endif
