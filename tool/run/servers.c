/* SPDX-License-Identifier: MIT */
/* See servers.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/run/servers.h"
#include "tool/run/spawn.h"
#include "tool/tool.h"

enum { START_MS = 10000, DEATHS_MAX = 10, DEATHS_MS = 60000, END_MS = 5000 };

/* Makes the socket at `address`, and opens its file, whose name may go then. */
static int make_socket(struct server *server, const struct sockaddr_un *address)
{
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->listener < 0)
		return -errno;
	if (bind(server->listener, (const struct sockaddr *)address, sizeof(*address)) ||
	    listen(server->listener, 1))
		return -errno;
	server->place = open(address->sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	unlink(address->sun_path);
	return server->place < 0 ? -errno : 0;
}

static int open_place(struct server *server, unsigned number, struct lend_error *error)
{
	char dir[] = "/tmp/lend-XXXXXX";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *name = server->device->served.name;
	int ret;

	if (!mkdtemp(dir))
		return tool_fail(error, -errno, "%s: cannot make a folder for its socket in /tmp: %s", name,
				 strerror(errno));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%u", dir, number);
	ret = make_socket(server, &address);
	rmdir(dir);
	return ret < 0 ? tool_fail(error, ret, "%s: cannot make its socket: %s", name, strerror(-ret)) : 0;
}

static int open_state(struct server *server, struct lend_error *error)
{
	if (!server->device->served.keeps)
		return 0;
	server->state = memfd_create("lend-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return server->state < 0 ? tool_fail(error, -errno, "%s: cannot make a file for its state: %s",
					     server->device->served.name, strerror(errno))
				 : 0;
}

static void stop_listening(struct server *server)
{
	if (server->listener >= 0)
		close(server->listener);
	server->listener = -1;
}

static void close_place(struct server *server)
{
	stop_listening(server);
	if (server->place >= 0)
		close(server->place);
	server->place = -1;
	if (server->state >= 0)
		close(server->state);
	server->state = -1;
}

/*
 * The command line: "lend serve KIND WORD... [--state-fd N] --fd N". Returns the tap's descriptor
 * among the words, or -1.
 */
static int fill_words(const struct server *server, char fds[2][16], const char **words)
{
	const struct run_served *served = &server->device->served;
	const char *at = served->words;
	unsigned count = 0;
	int tap = -1;

	words[count++] = "lend";
	words[count++] = "serve";
	for (unsigned i = 0; i < served->count; i++, at += strlen(at) + 1) {
		words[count++] = at;
		if (!strcmp(words[count - 2], "--fd-tap"))
			tap = atoi(at);
	}
	snprintf(fds[0], sizeof(fds[0]), "%d", server->state);
	snprintf(fds[1], sizeof(fds[1]), "%d", server->listener);
	if (server->state >= 0) {
		words[count++] = "--state-fd";
		words[count++] = fds[0];
	}
	words[count++] = "--fd";
	words[count++] = fds[1];
	words[count] = NULL;
	return tap;
}

/* In the child. A key of the terminal is the keeper's, who ends the server when it is time. */
static _Noreturn void become(const struct server *server, int output, pid_t keeper)
{
	const char *words[SERVED_WORDS_MAX + 8];
	char fds[2][16];
	int tap = fill_words(server, fds, words);
	int keep[] = {server->listener, STDERR_FILENO, tap, server->state, STDOUT_FILENO};
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != keeper)
		_exit(TOOL_FAILED);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	/* It is in the background of a terminal, and says its lines all the same (stty tostop). */
	signal(SIGTTOU, SIG_IGN);
	if (output >= 0)
		dup2(output, STDOUT_FILENO);
	spawn_close_others(keep, output < 0 ? 4 : 5);
	fcntl(server->listener, F_SETFD, 0);
	if (server->state >= 0)
		fcntl(server->state, F_SETFD, 0);
	execv("/proc/self/exe", (char *const *)words);
	_exit(TOOL_FAILED);
}

static int launch(struct server *server, int output)
{
	pid_t keeper = getpid(), pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid)
		become(server, output, keeper);
	server->pid = pid;
	return 0;
}

/* It says a line when it is ready, and nothing if it cannot start: it has told the user why. */
static int wait_ready(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	char byte;
	int ret;

	do
		ret = poll(&ready, 1, START_MS);
	while (ret < 0 && errno == EINTR);
	if (ret <= 0)
		return ret ? -errno : -ETIMEDOUT;
	return read(fd, &byte, 1) == 1 ? 0 : -ECONNREFUSED;
}

static int start_one(struct server *server, struct lend_error *error)
{
	const char *name = server->device->served.name;
	int output[2], ret;

	if (pipe2(output, O_CLOEXEC))
		return tool_fail(error, -errno, "%s: cannot start its server: %s", name, strerror(errno));
	ret = launch(server, output[1]);
	close(output[1]);
	if (!ret)
		ret = wait_ready(output[0]);
	close(output[0]);
	if (ret == -ECONNREFUSED)
		return tool_fail(error, ret, "%s: its server did not start; it said why", name);
	if (ret == -ETIMEDOUT)
		return tool_fail(error, ret, "%s: its server did not listen within %d s, and is ended", name,
				 START_MS / 1000);
	return ret < 0 ? tool_fail(error, ret, "%s: cannot start its server: %s", name, strerror(-ret)) : 0;
}

int servers_start(struct servers *servers, struct run_options *options, struct lend_error *error)
{
	int ret = 0;

	for (unsigned i = 0; i < options->device_count && !ret; i++) {
		struct run_device *device = &options->devices[i];
		struct server *server = &servers->at[servers->count];

		if (!device->served.count)
			continue;
		*server = (struct server){.device = device, .listener = -1, .place = -1, .state = -1};
		servers->count++;
		ret = open_place(server, i, error);
		if (!ret)
			ret = open_state(server, error);
		if (!ret)
			ret = start_one(server, error);
		snprintf(device->socket, sizeof(device->socket), "/proc/self/fd/%d", server->place);
	}
	if (ret)
		servers_end(servers);
	return ret;
}

static void start_again(struct server *server, int status, uint64_t now, struct messages *messages)
{
	const char *name = server->device->served.name;
	char how[64];

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "was killed by signal %d (%.20s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(how, sizeof(how), "ended with status %d", WEXITSTATUS(status));
	if (!server->deaths++ || now - server->first > DEATHS_MS) {
		server->first = now;
		server->deaths = 1;
	}
	if (server->deaths > DEATHS_MAX || launch(server, -1) < 0) {
		stop_listening(server);
		messages_say(messages, "%s: its server %s, and is not started again", name, how);
		return;
	}
	messages_say(messages, "%s: its server %s; it is started again", name, how);
}

void servers_reap(struct servers *servers, uint64_t now, struct messages *messages)
{
	for (unsigned i = 0; i < servers->count; i++) {
		struct server *server = &servers->at[i];
		int status;

		if (server->pid <= 0 || waitpid(server->pid, &status, WNOHANG) != server->pid)
			continue;
		server->pid = 0;
		start_again(server, status, now, messages);
	}
}

/* It ends by itself: its client is gone. What hangs is killed. */
static void wait_end(struct server *server)
{
	int fd = pidfd_open(server->pid, 0);
	struct pollfd over = {.fd = fd, .events = POLLIN};

	if (fd < 0 || poll(&over, 1, END_MS) <= 0)
		kill(server->pid, SIGKILL);
	if (fd >= 0)
		close(fd);
	waitpid(server->pid, NULL, 0);
	server->pid = 0;
}

void servers_end(struct servers *servers)
{
	for (unsigned i = 0; i < servers->count; i++)
		if (servers->at[i].pid > 0)
			kill(servers->at[i].pid, SIGTERM);
	for (unsigned i = 0; i < servers->count; i++) {
		if (servers->at[i].pid > 0)
			wait_end(&servers->at[i]);
		close_place(&servers->at[i]);
	}
	servers->count = 0;
}
