/* SPDX-License-Identifier: MIT */
/*
 * lend serve pci around its device: what its options say, and that a device that was
 * taken is given back by a process of its own, however the server ends. The device is a
 * double.
 */
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "tests/unit/cmocka.h"
#include "tool/clean.c"
#include "tool/say.c"
#include "tool/serve/pci/pci.c"

/* What several processes write. */
static struct shared {
	pid_t taker, giver, opener;
} * shared;

static char parsed[600];
static bool fail_open;

int device_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	(void)error;
	snprintf(parsed, sizeof(parsed), "%s", value);
	options->device_count = 1;
	return 0;
}

int managed_find(struct managed *managed, struct run_options *options, struct lend_error *error)
{
	(void)managed, (void)options, (void)error;
	return 0;
}

int managed_take(struct managed *managed, const struct run_options *options, struct lend_error *error)
{
	(void)error;
	managed->taken = options->devices[0].managed;
	shared->taker = getpid();
	return 0;
}

int managed_end(struct managed *managed, const struct run_options *options, struct lend_error *error)
{
	(void)options, (void)error;
	if (managed->taken)
		shared->giver = getpid();
	managed->taken = false;
	return 0;
}

int preflight_taking(struct lend_context *context, const struct run_options *options,
		     struct lend_error *error)
{
	(void)context, (void)error;
	assert_true(options->device_alone);
	return 0;
}

int preflight_devices(struct lend_context *context, const struct run_options *options,
		      struct lend_error *error)
{
	(void)context, (void)error;
	assert_true(options->device_alone);
	return 0;
}

int file_rom_read(const char *path, struct file_rom *out, struct lend_error *error)
{
	(void)error;
	out->bytes = strdup(path);
	out->length = strlen(path);
	return 0;
}

int pci_device_open(struct pci_device *pci, struct lend_context *context, const struct run_device *options,
		    const void *rom, size_t rom_length, struct lend_error *error)
{
	(void)pci, (void)context, (void)options, (void)rom, (void)rom_length, (void)error;
	shared->opener = getpid();
	return fail_open ? -EBUSY : 0;
}

int pci_device_work(struct pci_device *pci)
{
	(void)pci;
	return 0;
}

void pci_device_close(struct pci_device *pci)
{
	(void)pci;
}

static int open_with(struct pci *pci, const struct args *args, struct lend_error *error)
{
	struct serve_device out = {.fd = -1};
	int ret = pci_read(pci, args, error);

	return ret ? ret : pci_open(pci, NULL, &out, error);
}

static void options_say_what_is_opened(void **state)
{
	struct pci pci = {.no_mmap = true, .allow_unreset = true, .vf_token = "0-1", .romfile = "rom"};
	const struct args args = {.devices = {"05:00.0"}, .device_count = 1};
	struct lend_error error = {""};

	(void)state;
	assert_int_equal(open_with(&pci, &args, &error), 0);
	assert_string_equal(parsed, "vfio-pci,host=05:00.0,vf-token=0-1");
	assert_true(pci.run.devices[0].function.no_mmap);
	assert_true(pci.run.devices[0].allow_unreset);
	assert_false(pci.run.devices[0].managed);
	assert_int_equal(pci.rom.length, 3);
	assert_int_equal(shared->opener, getpid());
	pci_close(&pci);
}

static void wrong_options_are_refused(void **state)
{
	static const struct {
		struct args args;
		struct pci pci;
		const char *says;
	} rows[] = {
		{{.device_count = 0}, {0}, "a device is missing"},
		{{.devices = {"a", "b"}, .device_count = 2}, {0}, "'b' is a second device"},
		{{.devices = {"05:00.0,managed=on"}, .device_count = 1}, {0}, "no comma"},
		{{.devices = {"a"}, .device_count = 1}, {.vf_token = "x,managed=on"}, "no comma"},
		{{.devices = {"a"}, .device_count = 1},
		 {.no_rom = true, .romfile = "r"},
		 "exclude each other"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct lend_error error = {""};
		struct pci pci = rows[i].pci;

		assert_int_equal(pci_read(&pci, &rows[i].args, &error), -EINVAL);
		assert_non_null(strstr(error.text, rows[i].says));
	}
}

enum end { ENDS, DIES, FAILS, TOLD };

/* What the loop of the server waits for, as in serve.c. */
static int stop;

static void on_end(int number)
{
	(void)number;
	(void)!write(stop, &(uint64_t){1}, 8);
}

/* In the server: its user knows the process that was started, and ends that one. */
static void wait_told(void)
{
	struct pollfd over = {.fd = stop, .events = POLLIN};

	kill(getppid(), SIGTERM);
	if (poll(&over, 1, 60000) != 1)
		_exit(9);
}

/* What `lend serve pci --managed` is to who started it. Returns its status. */
static int run_managed(enum end end)
{
	const struct args args = {.devices = {"05:00.0"}, .device_count = 1};
	struct lend_error error = {""};
	struct pci pci = {.managed = true};
	pid_t first;
	int status;

	stop = eventfd(0, EFD_CLOEXEC);
	first = fork();
	assert_true(first >= 0);
	if (!first) {
		fail_open = end == FAILS;
		signal(SIGTERM, on_end);
		status = open_with(&pci, &args, &error);
		if (end == DIES)
			raise(SIGKILL);
		if (end == TOLD)
			wait_told();
		pci_close(&pci);
		_exit(status ? 1 : 7);
	}
	assert_int_equal(waitpid(first, &status, 0), first);
	assert_int_equal(shared->taker, first);
	assert_int_equal(shared->giver, first);
	assert_true(shared->opener && shared->opener != first);
	close(stop);
	return status;
}

static void a_taken_device_is_given_back_however_the_server_ends(void **state)
{
	static const int wanted[] = {[ENDS] = 7, [DIES] = TOOL_FAILED, [FAILS] = 1, [TOLD] = 7};

	(void)state;
	for (enum end end = ENDS; end <= TOLD; end++) {
		int status = run_managed(end);

		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), wanted[end]);
		memset(shared, 0, sizeof(*shared));
	}
}

static int setup(void **state)
{
	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared == MAP_FAILED;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_say_what_is_opened),
		cmocka_unit_test(wrong_options_are_refused),
		cmocka_unit_test(a_taken_device_is_given_back_however_the_server_ends),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
