/* SPDX-License-Identifier: MIT */
/* lend serve: a device behind a vfio-user socket, in a process of its own; see serve.h. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lend/context.h"
#include "tool/nearest.h"
#include "tool/serve/serve.h"
#include "tool/serve/socket.h"

static const struct serve_kind *const kinds[] = {
	&serve_net,
	&serve_nvme,
	&serve_pci,
	&serve_test,
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), COMMON = 5 };

static const char common_help[] =
	"Options of each kind:\n"
	"  -s, --socket-path PATH  listens there, with mode 0600\n"
	"      --fd N              takes this socket, which listens or is connected to\n"
	"                          the only client\n"
	"      --json              says where it listens as JSON\n"
	"  -v, --verbose           says more of clients\n"
	"  -h, --help              this text\n"
	"\n"
	"Without -s and --fd it takes the socket that systemd hands over. It prints a\n"
	"line when it listens, and ends at SIGTERM. The manual: man lend-serve\n";

struct serve {
	const struct serve_kind *kind;
	void *state;
	const char *path, *fd;
	struct serve_socket socket;
	bool json, verbose;
	struct args args;
	struct serve_device device;
	struct lend_context *context;
	struct lend_server *server;
};

/* A handler knows no state: the descriptor that ends the loop. Set before the handlers are. */
static int stop_fd = -1;

static void on_end(int number)
{
	const uint64_t one = 1;
	int before = errno;
	ssize_t ignored = write(stop_fd, &one, sizeof(one));

	(void)number, (void)ignored;
	errno = before;
}

/* Guest memory whose file became shorter; anything else is an error of ours, and ends the process. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code <= 0 || !lend_server_bus_error(info->si_addr))
		signal(number, SIG_DFL);
}

/*
 * One that is ignored when we start (nohup, a shell's &) stays ignored. Without SA_RESTART:
 * a call that blocks in a client's descriptor ends, too.
 */
static int catch_end(int number)
{
	const struct sigaction end = {.sa_handler = on_end};
	struct sigaction before;

	if (sigaction(number, NULL, &before))
		return -1;
	return before.sa_handler == SIG_IGN ? 0 : sigaction(number, &end, NULL);
}

static int catch_signals(struct lend_error *error)
{
	const struct sigaction bus = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};

	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file at the user's limit (ulimit -f) is an error of that file alone */
	if (stop_fd < 0 || catch_end(SIGTERM) || catch_end(SIGINT) || catch_end(SIGHUP) ||
	    catch_end(SIGQUIT) || sigaction(SIGBUS, &bus, NULL))
		return tool_fail(error, -errno, "cannot wait for signals: %s", strerror(errno));
	return 0;
}

static void print_line(void *opaque, enum lend_log_level level, const char *line)
{
	const struct serve *serve = opaque;

	if (level <= LEND_LOG_WARNING || (serve->verbose && level <= LEND_LOG_INFO))
		tool_say("%s", line);
}

static int say_listening(const struct serve *serve, const char *words)
{
	json_t *json;
	char *text;
	int ret;

	if (!serve->json)
		return printf("listening at %s\n", words) < 0 || fflush(stdout) ? -errno : 0;
	json = json_pack("{s:s}", "listening", words);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!text)
		return -ENOMEM;
	ret = puts(text) < 0 || fflush(stdout) ? -errno : 0;
	free(text);
	return ret;
}

static int begin(struct serve *serve, char words[160], struct lend_error *error)
{
	const struct lend_context_config config = {
		.size = sizeof(config), .log = print_line, .opaque = serve};
	const struct serve_kind *kind = serve->kind;
	int ret = lend_context_new(&config, &serve->context);

	if (ret < 0)
		return tool_fail(error, ret, "out of memory");
	ret = catch_signals(error);
	if (ret < 0)
		return ret;
	serve->device.fd = -1;
	serve->device.device.size = sizeof(serve->device.device);
	ret = kind->open(serve->state, serve->context, &serve->device, error);
	if (ret < 0)
		return ret;
	ret = serve->device.function
		      ? lend_server_new_for(serve->device.function, &serve->server, error)
		      : lend_server_new(serve->context, &serve->device.device, &serve->server, error);
	if (!ret && kind->start)
		ret = kind->start(serve->state, serve->server, error);
	return ret < 0 ? ret : serve_socket_open(serve->server, &serve->socket, words, error);
}

/* 0: it was told to end, or its only client is gone. */
static int loop(struct serve *serve, struct lend_error *error)
{
	struct pollfd fds[3] = {
		{lend_server_fd(serve->server), POLLIN, 0},
		{stop_fd, POLLIN, 0},
		{serve->device.fd, POLLIN, 0},
	};
	int ret = 0;

	while (ret >= 0) {
		if (poll(fds, 3, -1) < 0) {
			if (errno == EINTR)
				continue;
			return tool_fail(error, -errno, "cannot wait: %s", strerror(errno));
		}
		if (fds[1].revents)
			return 0;
		if (fds[0].revents && lend_server_work(serve->server) == -ESHUTDOWN)
			return 0;
		ret = serve->kind->work ? serve->kind->work(serve->state) : 0;
		if (ret == -ESHUTDOWN)
			return 0;
	}
	return tool_fail(error, ret, "%s: the device cannot go on: %s", serve->kind->name, strerror(-ret));
}

static int life(struct serve *serve, struct lend_error *error)
{
	char words[160];
	int ret = begin(serve, words, error);

	if (!ret)
		ret = serve_sandbox(&serve->device, error);
	if (!ret) {
		ret = say_listening(serve, words);
		if (ret < 0)
			tool_fail(error, ret, "standard output cannot be written: %s", strerror(-ret));
	}
	if (!ret)
		ret = loop(serve, error);
	lend_server_free(serve->server);
	if (serve->kind->close)
		serve->kind->close(serve->state);
	lend_context_free(serve->context);
	return ret;
}

static int serve_with(struct serve *serve, int argc, char **argv)
{
	char name[64], help[8192];
	const struct tool_command command = {.name = name, .help = help};
	struct args_option options[COMMON + SERVE_OPTIONS_MAX] = {
		{"socket-path", 's', NULL, &serve->path},
		{"fd", 0, NULL, &serve->fd},
		{"json", 0, &serve->json, NULL},
		{"verbose", 'v', &serve->verbose, NULL},
	};
	struct lend_error error = {"out of memory"};
	enum tool_status status;
	bool done;
	int ret;

	snprintf(name, sizeof(name), "serve %s", serve->kind->name);
	snprintf(help, sizeof(help), "%s\n%s", serve->kind->help, common_help);
	if (serve->kind->options)
		serve->kind->options(serve->state, options + COMMON - 1);
	serve->args = (struct args){.command = &command, .options = options};
	status = args_begin(&serve->args, argc, argv, &done);
	if (done)
		return (int)status;
	ret = serve->kind->read(serve->state, &serve->args, &error);
	if (!ret)
		ret = serve_socket_read(serve->path, serve->fd, &serve->socket, &error);
	status = ret ? TOOL_USAGE : TOOL_FAILED;
	if (!ret)
		ret = life(serve, &error);
	if (ret >= 0)
		return TOOL_OK;
	tool_say("%s", error.text);
	return (int)status;
}

static int print_help(void)
{
	printf("%s", tool_serve.help);
	for (unsigned i = 0; i < KINDS; i++)
		printf("  %-8s%s\n", kinds[i]->name, kinds[i]->summary);
	printf("\n`lend serve KIND --help` has the options of a kind.\n\n%s", common_help);
	return fflush(stdout) ? TOOL_FAILED : TOOL_OK;
}

static int unknown(const char *name)
{
	struct nearest nearest = {.word = name};

	for (unsigned i = 0; i < KINDS; i++)
		nearest_offer(&nearest, kinds[i]->name);
	if (nearest.best)
		tool_say("there is no kind of device '%.100s'; the nearest is 'lend serve %s', and "
			 "'lend serve --help' lists all",
			 name, nearest.best);
	else
		tool_say(
			"there is no kind of device '%.100s'; 'lend serve --help' lists those that there are",
			name);
	return TOOL_USAGE;
}

static int run(int argc, char **argv)
{
	struct serve serve = {0};
	int status;

	if (argc < 2) {
		tool_say("no kind of device is given; 'lend serve --help' lists them");
		return TOOL_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return print_help();
	for (unsigned i = 0; i < KINDS && !serve.kind; i++)
		if (!strcmp(argv[1], kinds[i]->name))
			serve.kind = kinds[i];
	if (!serve.kind)
		return unknown(argv[1]);
	serve.state = calloc(1, serve.kind->state ? serve.kind->state : 1);
	if (!serve.state)
		return TOOL_FAILED;
	status = serve_with(&serve, argc - 1, argv + 1);
	free(serve.state);
	return status;
}

const struct tool_command tool_serve = {
	.name = "serve",
	.summary = "run a device for any monitor that speaks vfio-user",
	.help = "usage: lend serve KIND [ARGUMENT]... -s SOCKET\n"
		"\n"
		"Runs a PCI device in a process of its own. A monitor (lend run, QEMU)\n"
		"connects to its socket, and shows the device to a guest. Kinds of devices:\n"
		"\n",
	.run = run,
};
