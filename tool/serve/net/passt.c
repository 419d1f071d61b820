/* SPDX-License-Identifier: MIT */
/*
 * The start of passt: a process that is the network of a user without privilege. It goes to
 * the background when it is ready, and ends with the socket. Its words go to a file in
 * memory: a user reads what of them matters, with what to do, and not the rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/serve/net/backend.h"
#include "tool/tool.h"

/* What passt says of its own affairs: where there is no system log, and that it gives up root. */
static const char *const noise[] = {"Failed to send ", "Don't run as root"};

/* Why it does not start, by a part of its words, and what to do. The first row that fits is the reason. */
static const struct {
	const char *words, *sentence;
} reasons[] = {
	{"External interface not usable",
	 "passt finds no network to use on this computer: give it a default route, which 'ip route' and 'ip "
	 "-6 route' list, or use a tap"},
	{"namespace",
	 "passt may not make its namespaces: let users make them with 'sysctl user.max_user_namespaces=1000' "
	 "and, on Ubuntu, 'sysctl kernel.apparmor_restrict_unprivileged_userns=0', or use a tap"},
	{"unrecognized option '--fd'",
	 "this passt is too old to take a socket: install one of November 2022 or later"},
};

static bool is_noise(const char *line)
{
	for (size_t i = 0; i < sizeof(noise) / sizeof(*noise); i++)
		if (!strncmp(line, noise[i], strlen(noise[i])))
			return true;
	return !*line;
}

/* The lines of `words` that matter are said, or only the last of them is kept. */
static const char *read_words(char *words, bool say)
{
	const char *last = "it said nothing";
	char *next;

	for (char *line = strtok_r(words, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
		if (is_noise(line))
			continue;
		if (say)
			tool_say("passt: %.200s", line);
		last = line;
	}
	return last;
}

int net_passt_said(char *words, bool started, struct lend_error *error)
{
	if (started) {
		read_words(words, true);
		return 0;
	}
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (strstr(words, reasons[i].words))
			return tool_fail(error, -EIO, "%s", reasons[i].sentence);
	return tool_fail(error, -EIO, "passt does not start: %.200s", read_words(words, false));
}

/*
 * Runs passt with its end of the socket, until it is in the background: its status, or a
 * negative errno. It gets nothing else that we were given: it would hold the monitor's socket
 * (--fd) open when we die, and the guest's state (--state-fd).
 */
static int run(int fd, int words)
{
	extern char **environ;
	char *const argv[] = {(char *)"passt", (char *)"--quiet", (char *)"--fd", (char *)"3", NULL};
	posix_spawn_file_actions_t actions;
	int ret, status;
	pid_t pid;

	ret = posix_spawn_file_actions_init(&actions);
	if (ret)
		return -ret;
	/* The words first: their descriptor may be 3. One that is copied to itself stays open in the child.
	 */
	ret = posix_spawn_file_actions_adddup2(&actions, words, STDERR_FILENO);
	ret = ret ? ret : posix_spawn_file_actions_adddup2(&actions, fd, 3);
	ret = ret ? ret : posix_spawn_file_actions_addclosefrom_np(&actions, 4);
	ret = ret ? ret : posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (ret)
		return -ret;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

static int start_passt(int fd, struct lend_error *error)
{
	int status, file = memfd_create("passt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char words[4096];
	ssize_t got;

	if (file < 0)
		return tool_fail(error, -errno, "passt cannot be started: %s", strerror(errno));
	status = run(fd, file);
	/* From now on it cannot make the file larger. */
	fcntl(file, F_ADD_SEALS, F_SEAL_GROW);
	got = pread(file, words, sizeof(words) - 1, 0);
	close(file);
	words[got > 0 ? got : 0] = '\0';
	if (status == -ENOENT)
		return tool_fail(error, status, "passt is not installed: install the package passt");
	if (status < 0)
		return tool_fail(error, status, "passt cannot be started: %s", strerror(-status));
	return net_passt_said(words, !status, error);
}

int net_user_open(struct net_backend **out, struct lend_error *error)
{
	int sockets[2], ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		return tool_fail(error, -errno, "a socket for passt cannot be made: %s", strerror(errno));
	ret = start_passt(sockets[1], error);
	close(sockets[1]);
	if (ret)
		goto close;
	*out = net_user_take(sockets[0]);
	if (*out)
		return 0;
	ret = tool_fail(error, -ENOMEM, "out of memory");
close:
	close(sockets[0]);
	return ret;
}
