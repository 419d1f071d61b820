/* SPDX-License-Identifier: MIT */
/* What the keeper does while the machine runs: signals, messages, keys, clients. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/clock.h"
#include "tool/run/heap.h"
#include "tool/run/keeper_state.h"
#include "tool/run/socket.h"

enum { MESSAGES_A_ROUND = 64, FULL_MS = 500 };

static const char help_text[] = "\n"
				"Ctrl-a x  switch the machine off at once\n"
				"Ctrl-a a  send Ctrl-a to the guest\n"
				"Ctrl-a h  this text\n";

/* A signal that is ignored when we start (nohup, a shell's &) stays ignored. */
static bool is_ignored(int signal)
{
	struct sigaction action;

	return !sigaction(signal, NULL, &action) && action.sa_handler == SIG_IGN;
}

void keeper_signals(sigset_t *out)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGCHLD, SIGUSR1};

	sigemptyset(out);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (!is_ignored(signals[i]))
			sigaddset(out, signals[i]);
}

void keeper_step(struct keeper *keeper, enum ladder_step step)
{
	switch (step) {
	case LADDER_NONE:
		return;
	case LADDER_BUTTON:
		messages_say(&keeper->messages,
			     "pressing the guest's power button; ask again to end it at once");
		control_send(keeper->control, CONTROL_BUTTON);
		return;
	case LADDER_STOP:
		control_send(keeper->control, CONTROL_STOP);
		return;
	case LADDER_WAIT:
		messages_say(&keeper->messages,
			     "waiting for the machine, which is %s; it is killed if that takes %d s more",
			     keeper->work, ladder_wait(&keeper->ladder, clock_ms()) / 1000);
		return;
	case LADDER_KILL:
		terminal_leave(&keeper->terminal);
		messages_say(&keeper->messages, "the machine does not end%s%s; its process %d is killed",
			     keeper->work[0] ? ", it is still " : "", keeper->work, keeper->machine);
		kill(keeper->machine, SIGKILL);
		return;
	}
}

/* Sets the terminal to raw mode when the guest starts, and again when we come to the foreground. */
static void take_terminal(struct keeper *keeper)
{
	if (keeper->config->serial != SERIAL_STDIO || !keeper->ladder.running)
		return;
	terminal_enter(&keeper->terminal);
	/* From a terminal that is not ours a read would stop us. */
	if (keeper->terminal.fd < 0 || terminal_is_ours(&keeper->terminal))
		keeper->console.input = keeper->config->input;
	else
		keeper->console.input = -1;
}

static void suspend(struct keeper *keeper)
{
	terminal_leave(&keeper->terminal);
	kill(getpid(), SIGSTOP);
}

static void reap(struct keeper *keeper)
{
	if (!keeper->over && waitpid(keeper->machine, &keeper->wait_status, WNOHANG) == keeper->machine)
		keeper->over = true;
	if (keeper->config->servers && !keeper->over)
		servers_reap(keeper->config->servers, clock_ms(), &keeper->messages);
}

/* A step of the start. Its text comes from the machine: it is limited as its log is. */
static void take_step(struct keeper *keeper, unsigned row, const char *what)
{
	char line[PROGRESS_LINE];
	uint64_t now = clock_ms();

	if (progress_step(&keeper->progress, row, what, now, line) && keeper->config->verbose)
		messages_relay(&keeper->messages, LEND_LOG_INFO, line, now);
}

void keeper_progress(struct keeper *keeper)
{
	char line[PROGRESS_LINE];

	if (progress_tick(&keeper->progress, clock_ms(), line))
		messages_say(&keeper->messages, "%s", line);
}

static void take_memory(struct keeper *keeper, uint32_t mib)
{
	const uint64_t all = keeper->config->memory, said = (uint64_t)mib << 20,
		       done = said < all ? said : all;
	char line[PROGRESS_LINE];

	if (!progress_memory(&keeper->progress, done, all, clock_ms(), line))
		return;
	messages_change(&keeper->messages, line);
	qmp_populated(keeper->qmp, done, all);
}

/* The guest runs. Said again, by a machine that its guest has taken over, it changes nothing. */
static void take_running(struct keeper *keeper)
{
	if (keeper->ladder.running)
		return;
	keeper->ladder.running = true;
	if (keeper->qmp)
		qmp_running(keeper->qmp);
	progress_over(&keeper->progress);
	messages_change(&keeper->messages, "");
	/* The last run's output gives way to this one's only now that there is one. */
	if (keeper->config->serial == SERIAL_FILE && ftruncate(keeper->config->serial_fd, 0))
		messages_say(&keeper->messages, "cannot empty the file of -serial: %s", strerror(errno));
	take_terminal(keeper);
	heap_trim();
}

static void take_work(struct keeper *keeper, const char *text)
{
	snprintf(keeper->work, sizeof(keeper->work), "%.*s", (int)sizeof(keeper->work) - 1, text);
	ladder_work(&keeper->ladder, keeper->work[0], clock_ms());
}

static void take_result(struct keeper *keeper, const struct control_message *message)
{
	keeper->said = true;
	progress_over(&keeper->progress);
	messages_change(&keeper->messages, "");
	keeper->end = *message;
	strcpy(keeper->work, "giving its devices back");
	ladder_end(&keeper->ladder, clock_ms());
	if (keeper->qmp)
		qmp_ended(keeper->qmp, true, (enum vmm_end)message->value);
}

void keeper_plug_event(void *opaque, const struct vmm_event *event, const char *topic)
{
	struct keeper *keeper = opaque;

	if (keeper->qmp)
		qmp_take_last(keeper->qmp, event, topic);
}

static void take_message(struct keeper *keeper, const struct control_message *message)
{
	switch (message->type) {
	case CONTROL_LOG:
		messages_relay(&keeper->messages, (enum lend_log_level)message->value, message->text,
			       clock_ms());
		return;
	case CONTROL_STEP:
		take_step(keeper, message->value, message->text);
		return;
	case CONTROL_MEMORY:
		take_memory(keeper, message->value);
		return;
	case CONTROL_RUNNING:
		take_running(keeper);
		return;
	case CONTROL_WORK:
		take_work(keeper, message->text);
		return;
	case CONTROL_LOST:
		comeback_lost(&keeper->comeback, message->value, clock_ms());
		return;
	case CONTROL_FOUND:
		comeback_found(&keeper->comeback, message->value);
		return;
	case CONTROL_END:
		take_result(keeper, message);
		return;
	case CONTROL_LINE:
	case CONTROL_CPU:
	case CONTROL_PCI:
	case CONTROL_ANSWER:
	case CONTROL_EVENT:
		if (!plug_take(&keeper->plugs, message) && keeper->qmp)
			qmp_take(keeper->qmp, message);
		return;
	default:
		return;
	}
}

/* Takes one message; false: there is none now, or none any more. */
static bool read_message(struct keeper *keeper)
{
	struct control_message message;
	int ret;

	if (keeper->control < 0)
		return false;
	ret = control_receive(keeper->control, &message);
	if (ret == 1) {
		take_message(keeper, &message);
	} else if (ret != -EPROTO && ret != -EAGAIN) {
		close(keeper->control);
		keeper->control = -1;
	}
	return ret == 1 || ret == -EPROTO;
}

/* A machine that floods us must not keep us from its user; a dead one has said all that it will. */
static void read_control(struct keeper *keeper)
{
	for (int i = 0; (i < MESSAGES_A_ROUND || keeper->over) && read_message(keeper); i++)
		;
}

/* Before the guest starts the machine listens to nobody, but what it told is known here. */
static void report(struct keeper *keeper)
{
	char line[PROGRESS_LINE];

	read_control(keeper); /* what it has told by now */
	if (progress_tell(&keeper->progress, clock_ms(), line))
		messages_say(&keeper->messages, "%s", line);
	else
		control_send(keeper->control, CONTROL_REPORT);
}

static void set_cause(struct keeper *keeper, enum qmp_cause cause)
{
	if (keeper->qmp)
		qmp_cause(keeper->qmp, cause);
}

static void take_signal(struct keeper *keeper, uint32_t signal)
{
	switch (signal) {
	case SIGCHLD:
		reap(keeper);
		return;
	case SIGTSTP:
		suspend(keeper);
		return;
	case SIGCONT:
		/* The shell had the terminal meanwhile, with its own settings: set ours again. */
		take_terminal(keeper);
		return;
	case SIGUSR1:
		report(keeper);
		return;
	case SIGQUIT:
		set_cause(keeper, QMP_CAUSE_SIGNAL);
		keeper_step(keeper, ladder_ask_stop(&keeper->ladder, clock_ms()));
		return;
	default:
		set_cause(keeper, QMP_CAUSE_SIGNAL);
		keeper_step(keeper, ladder_ask(&keeper->ladder, clock_ms()));
		return;
	}
}

static void read_signals(struct keeper *keeper)
{
	struct signalfd_siginfo info;

	while (read(keeper->signals, &info, sizeof(info)) == sizeof(info))
		take_signal(keeper, info.ssi_signo);
}

void keeper_drop_client(struct keeper *keeper)
{
	if (keeper->client < 0)
		return;
	sink_detach(&keeper->console.output);
	keeper->console.input = -1;
	close(keeper->client);
	keeper->client = -1;
}

/* The one client that there may be; a second one is turned away. */
static void take_client(struct keeper *keeper)
{
	int client = socket_accept(keeper->config->serial_fd);

	if (socket_is_short(client))
		keeper->full_until = clock_ms() + FULL_MS;
	if (client < 0)
		return;
	if (keeper->client >= 0) {
		close(client);
		return;
	}
	keeper->client = keeper->console.input = client;
	sink_attach(&keeper->console.output, client);
	sink_flush(&keeper->console.output);
}

void keeper_polls(const struct keeper *keeper, struct pollfd polls[KEEPER_POLLS])
{
	bool listens = keeper->config->serial == SERIAL_UNIX && !keeper->full_until;

	console_polls(&keeper->console, &polls[KEEPER_CONSOLE]);
	polls[KEEPER_SIGNALS] = (struct pollfd){.fd = keeper->signals, .events = POLLIN};
	polls[KEEPER_CONTROL] = (struct pollfd){.fd = keeper->control, .events = POLLIN};
	polls[KEEPER_MESSAGES] = (struct pollfd){
		.fd = sink_waits(&keeper->messages.sink) ? keeper->messages.sink.fd : -1, .events = POLLOUT};
	polls[KEEPER_QMP] = (struct pollfd){.fd = qmp_fd(keeper->qmp), .events = POLLIN};
	polls[KEEPER_PLUGS] = (struct pollfd){.fd = plug_fd(&keeper->plugs), .events = POLLIN};
	polls[KEEPER_CLIENT] = (struct pollfd){.fd = keeper->console.input < 0 ? keeper->client : -1};
	polls[KEEPER_LISTENER] =
		(struct pollfd){.fd = listens ? keeper->config->serial_fd : -1, .events = POLLIN};
}

static void serve_console(struct keeper *keeper, const struct pollfd *polls)
{
	enum escape_action action = console_serve(&keeper->console, polls);

	if (action == ESCAPE_END) {
		set_cause(keeper, QMP_CAUSE_KEYS);
		keeper_step(keeper, ladder_ask_stop(&keeper->ladder, clock_ms()));
	} else if (action == ESCAPE_HELP)
		sink_write(&keeper->messages.sink, help_text, strlen(help_text));
}

/*
 * The order matters. Signals before messages: what the machine said before its
 * end is still there when it is reaped. Messages before output: the machine says
 * that the guest runs before the guest writes.
 */
void keeper_serve(struct keeper *keeper, const struct pollfd polls[KEEPER_POLLS])
{
	if (polls[KEEPER_SIGNALS].revents)
		read_signals(keeper);
	if (polls[KEEPER_CONTROL].revents || keeper->over)
		read_control(keeper);
	serve_console(keeper, &polls[KEEPER_CONSOLE]);
	if (polls[KEEPER_CLIENT].revents || keeper->console.output.gone)
		keeper_drop_client(keeper);
	if (polls[KEEPER_LISTENER].revents)
		take_client(keeper);
	if (polls[KEEPER_QMP].revents)
		qmp_serve(keeper->qmp);
	if (polls[KEEPER_PLUGS].revents)
		plug_serve(&keeper->plugs, keeper->control);
	if (polls[KEEPER_MESSAGES].revents)
		sink_flush(&keeper->messages.sink);
}
