/* SPDX-License-Identifier: MIT */
/*
 * The keeper's life: start, loop, end; see keeper.h. It has one thread and
 * takes signals from a descriptor, so nothing here is interrupted.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tool/clock.h"
#include "tool/run/keeper_state.h"
#include "tool/run/rights.h"
#include "tool/run/spawn.h"

const struct ladder_times keeper_times = {
	.button_ms = 30000, .stop_ms = 5000, .work_ms = 60000, .end_ms = 60000};

/* What the child is started with. */
struct start {
	const struct keeper_config *config;
	int control, serial;
};

static int start_machine(void *opaque)
{
	const struct start *start = opaque;

	return start->config->machine(start->control, start->serial, start->config->opaque);
}

/* The guest writes byte by byte, and each is charged with the kernel's overhead: make room. */
static void widen(int fd)
{
	const int size = 4 << 20;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* The two ends of each channel: ours and the machine's. -1: not open. */
struct channels {
	int control[2], serial[2];
};

static void close_pair(const int fds[2])
{
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static int open_channels(struct channels *channels, bool serial)
{
	*channels = (struct channels){{-1, -1}, {-1, -1}};
	if (control_pair(channels->control))
		return -errno;
	if (!serial)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, channels->serial))
		return -errno;
	widen(channels->serial[1]);
	return 0;
}

/* Hands our end out of the pair. */
static int take_end(int fds[2])
{
	int fd = fds[0];

	fds[0] = -1;
	return fd;
}

/* Makes both channels and the process. Also when it fails, the console is to be freed. */
static int make_machine(struct keeper *keeper)
{
	const struct keeper_config *config = keeper->config;
	struct channels channels;
	int ret;

	ret = console_init(&keeper->console);
	if (ret)
		return ret;
	ret = open_channels(&channels, config->serial != SERIAL_NONE);
	if (!ret) {
		struct start start = {config, channels.control[1], channels.serial[1]};
		int keep[4 + KEEPER_MORE_MAX] = {start.control, start.serial, config->keep[0],
						 config->keep[1]};

		for (unsigned i = 0; i < config->more_count; i++)
			keep[4 + i] = config->more[i];
		ret = keeper->machine = spawn(start_machine, &start, keep, 4 + config->more_count);
		if (ret > 0 && config->started)
			config->started(config->opaque);
	}
	if (ret > 0) {
		keeper->control = take_end(channels.control);
		keeper->console.serial = take_end(channels.serial);
	}
	close_pair(channels.control);
	close_pair(channels.serial);
	return ret > 0 ? 0 : ret;
}

static void open_console(struct keeper *keeper)
{
	const struct keeper_config *config = keeper->config;

	terminal_init(&keeper->terminal, config->serial == SERIAL_STDIO ? config->input : -1);
	keeper->console.escapes = keeper->terminal.fd >= 0;
	if (config->serial == SERIAL_STDIO)
		sink_attach(&keeper->console.output, config->output);
	else if (config->serial == SERIAL_FILE)
		sink_attach(&keeper->console.output, config->serial_fd);
}

/* How long poll() may wait, for whichever wants to act first; -1: for ever. */
static int patience(const struct keeper *keeper)
{
	uint64_t now = clock_ms();
	int full = keeper->full_until > now ? (int)(keeper->full_until - now) : -1;
	const int waits[] = {ladder_wait(&keeper->ladder, now), progress_wait(&keeper->progress, now),
			     comeback_wait(&keeper->comeback, now), full};
	int least = -1;

	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++)
		if (waits[i] >= 0 && (least < 0 || waits[i] < least))
			least = waits[i];
	return least;
}

static void loop(struct keeper *keeper)
{
	struct pollfd polls[KEEPER_POLLS];

	progress_begin(&keeper->progress, clock_ms());
	/* One that ended before our signals were taken sent none that we see. */
	if (keeper->config->servers)
		servers_reap(keeper->config->servers, clock_ms(), &keeper->messages);
	while (!keeper->over) {
		if (keeper->full_until <= clock_ms())
			keeper->full_until = 0;
		keeper_polls(keeper, polls);
		if (poll(polls, KEEPER_POLLS, patience(keeper)) < 0 && errno != EINTR)
			keeper_step(keeper, LADDER_KILL);
		keeper_serve(keeper, polls);
		keeper_step(keeper, ladder_tick(&keeper->ladder, clock_ms()));
		comeback_tick(&keeper->comeback, clock_ms(), keeper->control);
		keeper_progress(keeper);
	}
}

/* Output that is left goes to its readers, for a while. */
static void flush(struct keeper *keeper)
{
	struct sink *sinks[] = {&keeper->console.output, &keeper->messages.sink};
	uint64_t now = clock_ms(), until = now + keeper->config->flush_ms;

	for (; now < until; now = clock_ms()) {
		struct pollfd polls[2];
		int waiting = 0;

		for (int i = 0; i < 2; i++) {
			sink_flush(sinks[i]);
			polls[i] = (struct pollfd){.fd = sink_waits(sinks[i]) ? sinks[i]->fd : -1,
						   .events = POLLOUT};
			waiting += polls[i].fd >= 0;
		}
		if (!waiting)
			return;
		poll(polls, 2, (int)(until - now));
	}
}

static void end_plugs(struct keeper *keeper)
{
	pid_t left = plug_end(&keeper->plugs, keeper->config->times.end_ms);

	if (left)
		messages_say(
			&keeper->messages,
			"process %d is not done with giving a device back to its driver after %u s, and "
			"goes on by itself; lend ls says where the device is, and dmesg what it waits for",
			(int)left, keeper->config->times.end_ms / 1000);
}

static void run_started(struct keeper *keeper, struct keeper_result *result)
{
	open_console(keeper);
	loop(keeper);
	if (keeper->qmp)
		qmp_ended(keeper->qmp, keeper->said, (enum vmm_end)keeper->end.value);
	terminal_leave(&keeper->terminal); /* helpers may take their time */
	end_plugs(keeper);
	terminal_free(&keeper->terminal);
	console_drain(&keeper->console);
	flush(keeper);
	keeper_conclude(keeper, result);
	flush(keeper);
	if (keeper->control >= 0)
		close(keeper->control);
	keeper_drop_client(keeper);
}

/* A machine that was started before something else failed has its devices no longer than this call. */
static void end_started(struct keeper *keeper)
{
	if (keeper->machine > 0 && !kill(keeper->machine, SIGKILL))
		waitpid(keeper->machine, NULL, 0);
	if (keeper->control >= 0)
		close(keeper->control);
	if (keeper->signals >= 0) /* else there are no plugs yet */
		plug_end(&keeper->plugs, 0);
}

void keeper_run(const struct keeper_config *config, struct keeper_result *result)
{
	struct keeper keeper = {.config = config,
				.ladder = {.times = config->times},
				.comeback = {.devices = config->devices, .count = config->device_count},
				.plugs = {.options = config->options, .event = keeper_plug_event},
				.control = -1,
				.client = -1};
	sigset_t signals, mask;
	int ret;

	memset(result, 0, sizeof(*result));
	result->status = TOOL_FAILED;
	if (messages_init(&keeper.messages, config->messages)) {
		dprintf(config->messages, "lend: not enough memory for the process of the machine\n");
		return;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file at the user's limit (ulimit -f) is an error of that file alone */
	keeper_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, &mask);
	keeper.signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	keeper.plugs.opaque = &keeper;
	ret = keeper.signals < 0 ? -errno : plug_init(&keeper.plugs);
	ret = ret ? ret : make_machine(&keeper);
	ret = ret ? ret : keeper_qmp(&keeper);
	/* The machine has its rights; it drops them by itself. */
	ret = ret ? ret : rights_drop();
	if (ret) {
		messages_say(&keeper.messages, "cannot start the process of the machine: %s", strerror(-ret));
		end_started(&keeper);
	} else {
		run_started(&keeper, result);
	}
	qmp_free(keeper.qmp);
	console_free(&keeper.console);
	if (keeper.signals >= 0)
		close(keeper.signals);
	messages_free(&keeper.messages);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}
