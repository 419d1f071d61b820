/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: the bytes of a client of the control socket, which has negotiated. The machine
 * answers each call, every other one with an error, and each device comes.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lend/survey.h"
#include "tool/run/claim.h"
#include "tool/run/qmp/commands.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No file of this computer is looked at. */
const char *claim_folder(void)
{
	return "/";
}

int claim_find(const char *folder, const char *request, char address[16], struct lend_error *error)
{
	(void)folder, (void)request, (void)address, (void)error;
	return -2;
}

bool lend_survey_is_name(const char *name)
{
	return *name == '/';
}

struct play {
	uint32_t serial;
	bool asked;
	int plugged; /* a number; -1: none */
};

static int play_call(void *opaque, uint32_t serial, enum control_verb verb)
{
	struct play *play = opaque;

	(void)verb;
	play->serial = serial;
	play->asked = true;
	return 0;
}

static int play_plug(void *opaque, unsigned number, const struct run_device *device, struct lend_error *error)
{
	struct play *play = opaque;

	(void)device, (void)error;
	play->plugged = (int)number;
	return 0;
}

static int play_unplug(void *opaque, uint32_t serial, unsigned number, bool force)
{
	(void)number, (void)force;
	return play_call(opaque, serial, CALL_RESET);
}

static void nothing(void *opaque)
{
	(void)opaque;
}

static void answer(struct qmp *qmp, struct play *play)
{
	struct control_message message = {.type = CONTROL_ANSWER, .value = play->serial};

	if (play->plugged >= 0) {
		message.type = CONTROL_EVENT;
		message.event =
			(struct vmm_event){.type = VMM_EVENT_PLUGGED, .device = (uint32_t)play->plugged};
	} else if (play->asked) {
		message.answer.result = play->serial % 2 ? -5 : 0;
	}
	if (play->asked || play->plugged >= 0)
		qmp_take(qmp, &message);
	play->asked = false;
	play->plugged = -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run_options options;
	struct play play = {.plugged = -1};
	const struct qmp_config config = {.listeners = {-1, -1},
					  .options = &options,
					  .host = {.opaque = &play,
						   .call = play_call,
						   .plug = play_plug,
						   .unplug = play_unplug,
						   .powerdown = nothing,
						   .quit = nothing}};
	struct qmp_client *client;
	struct qmp *qmp;
	int pair[2];

	if (qmp_new(&config, &qmp))
		abort();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		abort();
	qmp_running(qmp);
	client = qmp->clients = qmp_client_new(pair[1]);
	qmp->client_count = 1;
	client->negotiated = true;
	if (send(pair[0], data, size, MSG_DONTWAIT) >= 0)
		shutdown(pair[0], SHUT_WR);
	while (qmp->clients && qmp_client_read(client) == 1) {
		qmp_request(qmp, client);
		qmp_client_done(client);
		answer(qmp, &play);
		if (qmp->clients && client->wait.on)
			abort(); /* a request without its reply */
	}
	close(pair[0]);
	qmp_free(qmp);
	return 0;
}
