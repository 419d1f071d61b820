/* SPDX-License-Identifier: MIT */
/* lend serve, as a process behind its sandbox, with a raw client; and its device for tests. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/unit/cmocka.h"

#include "tool/args.c"
#include "tool/clean.c"
#include "tool/nearest.c"
#include "tool/run/value.c"
#include "tool/say.c"
#include "tool/serve/sandbox.c"
#include "tool/serve/serve.c"
#include "tool/serve/socket.c"
#include "tool/serve/test/registers.c"
#include "tool/serve/test/test.c"

#include "tests/unit/wire_peer.h"

/* A device of the computer takes much of the command with it; test_tool_serve_pci.c has it. */
const struct serve_kind serve_pci = {.name = "pci", .summary = "", .help = ""};

struct stage {
	char path[64];
	pid_t pid;
	int out; /* standard output of the server */
	struct wire_peer peer;
};

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	assert_non_null(stage);
	snprintf(stage->path, sizeof(stage->path), "/tmp/lend-test-serve-%d.sock", getpid());
	stage->peer.fd = stage->out = -1;
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;

	peer_end(&stage->peer);
	if (stage->pid) {
		kill(stage->pid, SIGKILL);
		waitpid(stage->pid, NULL, 0);
	}
	if (stage->out >= 0)
		close(stage->out);
	unlink(stage->path);
	free(stage);
	return 0;
}

/* The end by the call itself: a sanitizer makes calls of its own in _exit(). */
static void start(struct stage *stage, char **argv)
{
	int argc = 0, pipes[2];

	while (argv[argc])
		argc++;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	stage->pid = fork();
	if (!stage->pid) {
		dup2(pipes[1], STDOUT_FILENO);
		syscall(SYS_exit_group, run(argc, argv));
	}
	close(pipes[1]);
	stage->out = pipes[0];
}

static void reads_line(const struct stage *stage, const char *expected)
{
	char line[200] = "";

	for (size_t at = 0; at < sizeof(line) - 1 && !strchr(line, '\n'); at++)
		if (read(stage->out, line + at, 1) != 1)
			break;
	assert_string_equal(line, expected);
}

static void listens(struct stage *stage, char *option)
{
	char *argv[] = {"serve", "test", "-s", stage->path, option, NULL};
	char expected[128];

	start(stage, argv);
	snprintf(expected, sizeof(expected), "listening at %s\n", stage->path);
	reads_line(stage, expected);
}

static void connect_peer(struct stage *stage)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, stage->path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	peer_begin(&stage->peer, fd);
	assert_int_equal(peer_version(&stage->peer, 0, 2, wire_peer_text), 0);
}

static void ends_with(struct stage *stage, int status)
{
	int got;

	assert_int_equal(waitpid(stage->pid, &got, 0), stage->pid);
	stage->pid = 0;
	assert_true(WIFEXITED(got));
	assert_int_equal(WEXITSTATUS(got), status);
}

static void listens_and_ends(void **state)
{
	struct stage *stage = *state;
	struct stat about;

	listens(stage, NULL);
	assert_int_equal(stat(stage->path, &about), 0);
	assert_int_equal(about.st_mode & 07777, 0600);
	connect_peer(stage);
	assert_int_equal(peer_read32(&stage->peer, LEND_REGION_CONFIG, 0), 0x11e81234);
	kill(stage->pid, SIGTERM);
	ends_with(stage, TOOL_OK);
	assert_true(peer_is_closed(&stage->peer));
	peer_end(&stage->peer);
	/* What it left behind is replaced. */
	close(stage->out);
	listens(stage, "--faults");
	connect_peer(stage);
}

/* What a user, a terminal that is closed, or systemd sends. What is ignored at the start stays so. */
static void signals_that_end_it(void **state)
{
	static const struct {
		int number;
		bool ignored;
	} rows[] = {{SIGTERM, false}, {SIGINT, false}, {SIGHUP, false},
		    {SIGQUIT, false}, {SIGHUP, true},  {SIGXFSZ, true}};
	struct stage *stage = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].number != SIGXFSZ)
			signal(rows[i].number, rows[i].ignored ? SIG_IGN : SIG_DFL);
		listens(stage, "--faults");
		signal(rows[i].number, SIG_DFL);
		assert_int_equal(kill(stage->pid, rows[i].number), 0);
		if (rows[i].ignored) {
			connect_peer(stage);
			assert_int_equal(peer_read32(&stage->peer, LEND_REGION_CONFIG, 0), 0x11e81234);
			peer_end(&stage->peer);
			kill(stage->pid, SIGTERM);
		}
		ends_with(stage, TOOL_OK);
		close(stage->out);
		stage->out = -1;
	}
}

/* A line of /proc/PID/status. */
static void has_status(const struct stage *stage, const char *line)
{
	char path[64], text[4096] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", stage->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	assert_non_null(strstr(text, line));
}

static void sandbox_is_there_before_a_client(void **state)
{
	struct stage *stage = *state;

	listens(stage, NULL);
	has_status(stage, "\nSeccomp:\t2\n");
	has_status(stage, "\nNoNewPrivs:\t1\n");
	has_status(stage, "\nCapPrm:\t0000000000000000\n");
	has_status(stage, "\nCapEff:\t0000000000000000\n");
}

static void says_it_as_json(void **state)
{
	struct stage *stage = *state;
	char *argv[] = {"serve", "test", "--json", "--socket-path", stage->path, NULL};
	char expected[128];

	start(stage, argv);
	snprintf(expected, sizeof(expected), "{\"listening\":\"%s\"}\n", stage->path);
	reads_line(stage, expected);
}

static void takes_a_connected_socket(void **state)
{
	struct stage *stage = *state;
	char number[12], *argv[] = {"serve", "test", "--fd", number, NULL};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	snprintf(number, sizeof(number), "%d", pair[1]);
	fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	stage->pid = 0;
	peer_begin(&stage->peer, pair[0]);
	start(stage, argv);
	close(pair[1]);
	assert_int_equal(peer_version(&stage->peer, 0, 0, NULL), 0);
	/* The child has a copy of the client's end, because it did not exec: an end of the session takes
	 * shutdown(). */
	shutdown(stage->peer.fd, SHUT_RDWR);
	ends_with(stage, TOOL_OK);
}

/* As systemd does: descriptor 3, and two variables. */
static void takes_the_socket_of_systemd(void **state)
{
	struct stage *stage = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char *argv[] = {"serve", "test", NULL}, pid[12];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), pipes[2];

	strcpy(address.sun_path, stage->path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(pipe(pipes), 0);
	stage->pid = fork();
	if (!stage->pid) {
		dup2(pipes[1], STDOUT_FILENO);
		dup2(fd, 3);
		snprintf(pid, sizeof(pid), "%d", getpid());
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", "1", 1);
		syscall(SYS_exit_group, run(2, argv));
	}
	close(pipes[1]);
	close(fd);
	stage->out = pipes[0];
	reads_line(stage, "listening at descriptor 3\n");
	connect_peer(stage);
	assert_int_equal(peer_read32(&stage->peer, LEND_REGION_CONFIG, 0), 0x11e81234);
}

static void cannot_start(struct stage *stage, char *const *argv, int status)
{
	start(stage, (char **)argv);
	ends_with(stage, status);
	close(stage->out);
	stage->out = -1;
}

static void command_lines_that_are_wrong(void **state)
{
	static char *const rows[][7] = {
		{"serve", NULL},
		{"serve", "tset", NULL},
		{"serve", "test", NULL},
		{"serve", "test", "--fd", "x", NULL},
		{"serve", "test", "--fd", "-1", NULL},
		{"serve", "test", "--fault", NULL},
		{"serve", "test", "-s", "/tmp/x", "--", "-word", NULL},
		{"serve", "test", "-s", "/tmp/x", "--fd", "3", NULL},
	};
	struct stage *stage = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cannot_start(stage, rows[i], TOOL_USAGE);
}

/* After "--" nothing is an option, as an image whose name begins with a dash. */
static void words_after_the_options(void **state)
{
	char *argv[] = {"serve", "-v", "--", "-v", "--", "a"};
	bool verbose = false;
	const struct args_option options[] = {{"verbose", 'v', &verbose, NULL}, {0}};
	struct args args = {.options = options};
	struct lend_error error;

	(void)state;
	assert_int_equal(args_parse(&args, 6, argv, &error), 0);
	assert_true(verbose);
	assert_int_equal(args.device_count, 3);
	assert_string_equal(args.devices[0], "-v");
	assert_string_equal(args.devices[1], "--");
	assert_string_equal(args.devices[2], "a");
}

/* The command line is right, and what it names is not: systemd may try that again. */
static void devices_that_cannot_be_served(void **state)
{
	static char *const rows[][5] = {
		{"serve", "test", "--fd", "99", NULL},
		{"serve", "test", "-s", "/nonexistent/socket", NULL},
	};
	struct stage *stage = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cannot_start(stage, rows[i], TOOL_FAILED);
}

static void registers_of_the_device(void **state)
{
	struct stage *stage = *state;
	struct wire_peer *peer = &stage->peer;
	uint8_t rom[TEST_ROM_SIZE], sum = 0;

	listens(stage, NULL);
	connect_peer(stage);
	assert_int_equal(peer_read32(peer, TEST_REGISTERS, TEST_IDENTITY), TEST_ID);
	assert_int_equal(peer_write32(peer, TEST_REGISTERS, TEST_IDENTITY, 5), 0);
	assert_int_equal(peer_read32(peer, TEST_PORTS, TEST_IDENTITY), TEST_ID);
	assert_int_equal(peer_write32(peer, TEST_PORTS, TEST_LIVENESS, 0x12345678), 0);
	assert_int_equal(peer_read32(peer, TEST_REGISTERS, TEST_LIVENESS), ~0x12345678u);
	assert_int_equal(peer_write32(peer, TEST_REGISTERS, TEST_FACTORIAL, 10), 0);
	assert_int_equal(peer_read32(peer, TEST_REGISTERS, TEST_FACTORIAL), 3628800);
	assert_int_equal(peer_write32(peer, TEST_REGISTERS, TEST_FACTORIAL, 0xffffffff), 0);
	assert_int_equal(peer_read32(peer, TEST_REGISTERS, TEST_FACTORIAL), 0);
	assert_int_equal(peer_read(peer, LEND_REGION_ROM, 0, rom, sizeof(rom)), sizeof(rom));
	assert_true(rom[0] == 0x55 && rom[1] == 0xaa);
	for (unsigned i = 0; i < sizeof(rom); i++)
		sum = (uint8_t)(sum + rom[i]);
	assert_int_equal(sum, 0);
	/* Its ids and class are those of the device, else firmware passes it over. */
	assert_memory_equal(rom + rom[0x18], "PCIR\x34\x12\xe8\x11", 8);
	assert_memory_equal(rom + rom[0x18] + 13, "\x00\xff\x00", 3);
	assert_int_equal(peer_write32(peer, TEST_MEMORY, 0x6000, 0xabcd), 0);
	assert_int_equal(peer_read32(peer, TEST_MEMORY, 0x6000), 0xabcd);
	assert_int_equal(peer_write32(peer, TEST_WHOLE, 0x10, 0xabcd), 0);
	assert_int_equal(peer_read32(peer, TEST_WHOLE, 0x10), 0xabcd);
	assert_int_equal(peer_write32(peer, TEST_REGISTERS, TEST_DOORBELL, 1), 0);
	assert_int_equal(peer_read32(peer, TEST_REGISTERS, TEST_RINGS), 1);
	assert_int_equal(peer_ask(peer, WIRE_RESET, NULL, 0), 0);
	assert_int_equal(peer_read32(peer, TEST_REGISTERS, TEST_RESETS), 1);
	/* Without --faults the register does nothing. */
	assert_int_equal(peer_write32(peer, TEST_REGISTERS, TEST_FAULT, TEST_DIE), 0);
	assert_int_equal(peer_read32(peer, TEST_REGISTERS, TEST_IDENTITY), TEST_ID);
}

static void start_dma(struct wire_peer *peer, uint64_t from, uint64_t to, uint64_t count, uint32_t command)
{
	assert_int_equal(peer_write(peer, TEST_REGISTERS, TEST_FROM, &from, 8), 8);
	assert_int_equal(peer_write(peer, TEST_REGISTERS, TEST_TO, &to, 8), 8);
	assert_int_equal(peer_write(peer, TEST_REGISTERS, TEST_COUNT, &count, 8), 8);
	assert_int_equal(peer_write32(peer, TEST_REGISTERS, TEST_COMMAND, command | TEST_START), 0);
}

static int result_of_dma(struct wire_peer *peer)
{
	while (peer_read32(peer, TEST_REGISTERS, TEST_COMMAND) & TEST_START)
		;
	return (int)peer_read32(peer, TEST_REGISTERS, TEST_RESULT);
}

static void dma_and_interrupts(void **state)
{
	const uint64_t guest = 0x100000000, buffer = TEST_DMA_BUFFER + 0x8000;
	struct stage *stage = *state;
	struct wire_peer *peer = &stage->peer;
	int memory = memfd_create("lend-test", MFD_CLOEXEC), event = eventfd(0, EFD_CLOEXEC);
	uint8_t page[TEST_PAGE];
	uint64_t signals;

	listens(stage, NULL);
	connect_peer(stage);
	memset(page, 0x5a, sizeof(page));
	assert_int_equal(ftruncate(memory, 4 * TEST_PAGE), 0);
	assert_int_equal(pwrite(memory, page, TEST_PAGE, TEST_PAGE), TEST_PAGE);
	assert_int_equal(peer_map(peer, guest, 4 * TEST_PAGE, 3, memory, 0), 0);
	start_dma(peer, guest + TEST_PAGE, buffer, TEST_PAGE, 0);
	assert_int_equal(result_of_dma(peer), 0);
	assert_int_equal(peer_read32(peer, TEST_MEMORY, 0x8ffc), 0x5a5a5a5a);
	/* Back to another page, with an interrupt of each kind. */
	for (unsigned index = LEND_IRQ_INTX; index <= LEND_IRQ_MSIX; index++) {
		assert_int_equal(
			peer_set_irqs(peer, index, WIRE_IRQS_EVENTFD | WIRE_IRQS_TRIGGER, 0, 1, &event, 1),
			0);
		assert_int_equal(peer_read32(peer, TEST_REGISTERS, TEST_MODE), index);
		start_dma(peer, buffer, guest + 2 * TEST_PAGE, TEST_PAGE, TEST_TO_GUEST | TEST_INTERRUPT);
		assert_int_equal(read(event, &signals, 8), 8);
		assert_int_equal(peer_read32(peer, TEST_REGISTERS, TEST_CAUSES), TEST_CAUSE_DMA);
		assert_int_equal(peer_write32(peer, TEST_REGISTERS, TEST_ACKNOWLEDGE, TEST_CAUSE_DMA), 0);
		assert_int_equal(
			peer_set_irqs(peer, index, WIRE_IRQS_NONE | WIRE_IRQS_TRIGGER, 0, 0, NULL, 0), 0);
	}
	memset(page, 0, sizeof(page));
	assert_int_equal(pread(memory, page, TEST_PAGE, 2 * TEST_PAGE), TEST_PAGE);
	assert_true(page[0] == 0x5a && page[TEST_PAGE - 1] == 0x5a);
	/* Beyond the device's memory, and beyond the guest's. */
	start_dma(peer, guest, TEST_DMA_BUFFER + TEST_MEMORY_SIZE - 4, 8, 0);
	assert_int_equal(result_of_dma(peer), EINVAL);
	start_dma(peer, guest, 0, 8, 0);
	assert_int_equal(result_of_dma(peer), EINVAL);
	start_dma(peer, guest, TEST_DMA_BUFFER, UINT64_MAX, 0);
	assert_int_equal(result_of_dma(peer), EINVAL);
	start_dma(peer, guest + 4 * TEST_PAGE, TEST_DMA_BUFFER, 8, 0);
	assert_int_equal(result_of_dma(peer), EFAULT);
	close(memory);
	close(event);
}

/* A client that cuts its memory short does not end the server. */
static void memory_that_becomes_shorter(void **state)
{
	struct stage *stage = *state;
	struct wire_peer *peer = &stage->peer;
	int memory = memfd_create("lend-test", MFD_CLOEXEC);

	listens(stage, NULL);
	connect_peer(stage);
	assert_int_equal(ftruncate(memory, 4 * TEST_PAGE), 0);
	assert_int_equal(peer_map(peer, 0, 4 * TEST_PAGE, 3, memory, 0), 0);
	assert_int_equal(ftruncate(memory, 0), 0);
	start_dma(peer, 0, TEST_DMA_BUFFER, TEST_PAGE, 0);
	assert_int_equal(result_of_dma(peer), EFAULT);
	assert_int_equal(peer_unmap(peer, 0, 4 * TEST_PAGE, 0), 0);
	kill(stage->pid, SIGTERM);
	ends_with(stage, TOOL_OK);
	close(memory);
}

static void faults_on_command(void **state)
{
	struct stage *stage = *state;
	struct wire_peer *peer = &stage->peer;
	struct wire_region_info info = {.argsz = 4096, .index = TEST_WHOLE};
	uint8_t data[8];
	struct stat about;

	listens(stage, "--faults");
	connect_peer(stage);
	assert_int_equal(peer_write32(peer, TEST_REGISTERS, TEST_FAULT, TEST_ERROR), 0);
	assert_int_equal(peer_read(peer, TEST_REGISTERS, 0, data, 4), -EIO);
	assert_int_equal(peer_write32(peer, TEST_REGISTERS, TEST_FAULT, TEST_SHORT), 0);
	assert_int_equal(peer_read(peer, TEST_REGISTERS, 0, data, 8), 4);
	assert_int_equal(peer_write32(peer, TEST_REGISTERS, TEST_FAULT, TEST_DELAY | 5 << 8), 0);
	assert_int_equal(peer_read32(peer, TEST_REGISTERS, TEST_IDENTITY), TEST_ID);
	assert_int_equal(peer_write32(peer, TEST_REGISTERS, TEST_FAULT, TEST_SHRINK), 0);
	assert_int_equal(peer_ask(peer, WIRE_GET_REGION_INFO, &info, sizeof(info)), 0);
	assert_int_equal(peer->reader.fd_count, 1);
	assert_int_equal(fstat(peer->reader.fds[0], &about), 0);
	assert_int_equal(about.st_size, 0);
	peer_send(peer, WIRE_REGION_WRITE, 0, &(struct __attribute__((packed)) {
			  struct wire_region_access access;
			  uint32_t value;
		  }){{TEST_FAULT, TEST_REGISTERS, 4}, TEST_DIE},
		  20, NULL, 0);
	assert_true(peer_is_closed(peer));
	ends_with(stage, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(listens_and_ends),
		CASE(signals_that_end_it),
		CASE(sandbox_is_there_before_a_client),
		CASE(says_it_as_json),
		CASE(takes_a_connected_socket),
		CASE(takes_the_socket_of_systemd),
		CASE(command_lines_that_are_wrong),
		CASE(words_after_the_options),
		CASE(devices_that_cannot_be_served),
		CASE(registers_of_the_device),
		CASE(dma_and_interrupts),
		CASE(memory_that_becomes_shorter),
		CASE(faults_on_command),
	};

	return cmocka_run_group_tests_name("tool_serve", tests, NULL, NULL);
}
