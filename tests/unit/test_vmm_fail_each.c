/* SPDX-License-Identifier: MIT */
/*
 * The whole machine, with the library below it, on a kernel that is played at its ioctls: KVM's here,
 * VFIO's in fake_vfio.h. Each call fails in turn (failing_calls.h) while the machine is built with a
 * device, while a guest uses it, resets it, starts again, while the host takes the device back, and
 * while all is taken apart. The guest is a table of exits. Afterwards nothing is held that was not
 * held before, guest memory is not unmapped while the device may write to it, and one sentence says
 * what was wrong.
 */

#include "tests/unit/bzimage.h"
#include "tests/unit/played_kernel.h"

/* BARs, interrupts by messages, one of them masked and unmasked, the BAR moved to and fro. */
#define USES                                                                                                 \
	{CONFIG, COMMAND, 2, 6}, {CONFIG_ASK, BAR_0, 4, 0}, {TABLE, 0x2000, 4, 0xfee00000},                  \
		{TABLE, 0x2004, 4, 0}, {TABLE, 0x2008, 4, 0x40}, {TABLE, 0x200c, 4, 0},                      \
		{CONFIG, MSIX, 2, 0x8000}, {TABLE, 0x2010, 4, 0xfee00000}, {TABLE, 0x2018, 4, 0x41},         \
		{TABLE, 0x201c, 4, 0}, {TABLE, 0x201c, 4, 1}, {TABLE, 0x201c, 4, 0},                         \
		{CONFIG, COMMAND, 2, 4},                                                                     \
	{                                                                                                    \
		CONFIG, COMMAND, 2, 6                                                                        \
	}
#define ENDS                                                                                                 \
	{                                                                                                    \
		PORT, PORT_SLEEP_CONTROL, 1, 0x34                                                            \
	}

static const struct move starts[] = {ENDS};
static const struct move runs[] = {USES, {CONFIG, MSIX, 2, 0}, {CONFIG, COMMAND, 2, 0x400}, ENDS};
static const struct move resets[] = {USES, {CONFIG, LINK_CONTROL, 2, 0x8000}, {CONFIG, COMMAND, 2, 6}, ENDS};
static const struct move reboots[] = {USES, {PORT, PORT_RESET_CONTROL, 1, 6}, USES, ENDS};
static const struct move gives_up[] = {USES, {ASK_BACK, 0, 0, 0}, ENDS};

static void on_log(void *opaque, enum lend_log_level level, const char *line)
{
	(void)opaque;
	assert_null(strchr(line, '\n'));
	__atomic_add_fetch(&play.lines, level <= LEND_LOG_WARNING, __ATOMIC_RELAXED);
}

static void on_event(void *opaque, const struct vmm_event *event)
{
	(void)opaque;
	if (event->type == VMM_EVENT_DELETED)
		assert_int_equal(eventfd_write(play.go, 1), 0);
}

static void check_sentence(const struct lend_error *error)
{
	assert_true(strlen(error->text) > 10 && strlen(error->text) < sizeof(error->text));
	assert_null(strchr(error->text, '\n'));
}

static void fill_config(const struct vmm_device_config *device, struct vmm_config *config)
{
	*config = (struct vmm_config){
		.memory = MIB(MEMORY_MB),
		.cpus = 1,
		.kernel_fd = play.kernel,
		.initrd_fd = -1,
		.unpacked_fd = -1,
		.kernel_name = "K",
		.cmdline = "quiet",
		.serial_fd = -1,
		.devices = device,
		.device_count = 1,
		.iommu_fd = -1,
		.log = on_log,
		.event = on_event,
	};
}

/* One life; `place` as of calls_count(). */
static void live(const void *place, unsigned nth)
{
	struct vmm_device_config device = {.host = "0000:05:00.0", .fd = -1, .boot_index = -1};
	struct lend_error error = {""};
	struct vmm_config config;
	struct vmm *vmm = NULL;
	enum vmm_end end;
	int ret;

	fill_config(&device, &config);
	restore_device();
	play.next = play.lines = 0;
	play.asked = false;
	play.go = __real_eventfd(0, EFD_CLOEXEC);
	if (!play.built_first)
		calls_count(place, nth);
	ret = vmm_new(&config, &vmm, &error);
	if (play.built_first)
		calls_count(place, nth);
	if (ret) {
		assert_null(vmm);
		check_sentence(&error);
	} else {
		error.text[0] = '\0';
		end = vmm_run(vmm, &error);
		if (end == VMM_END_POWEROFF)
			assert_string_equal(error.text, "");
		else
			check_sentence(&error);
		if (!place)
			assert_int_equal(end, VMM_END_POWEROFF);
		vmm_free(vmm);
	}
	assert_true(place || !ret);
	calls_count_no_more();
	if (!place)
		play.usual = play.lines;
	else if (calls->failed != 1)
		call_complain(place, nth, "it was not made");
	if (play.lines > play.usual + LINES_MOST)
		call_complain(place, nth, "too many lines of log");
	__real_close(play.go);
}

static void each(const char *name, const struct move *moves, bool built_first)
{
	unsigned count;

	play.moves = moves;
	play.built_first = built_first;
	count = each_call_fails(live);
	print_message("%s: %u calls failed in turn\n", name, count);
	assert_true(count > 10);
}

static void while_it_is_built(void **state)
{
	(void)state;
	each("attach and detach", starts, false);
}

static void while_the_guest_uses_its_device(void **state)
{
	(void)state;
	each("run", runs, true);
}

static void while_the_guest_resets_its_device(void **state)
{
	(void)state;
	each("reset", resets, true);
}

static void while_the_machine_starts_again(void **state)
{
	(void)state;
	each("reboot", reboots, true);
}

static void while_the_host_takes_its_device_back(void **state)
{
	(void)state;
	each("give-up", gives_up, true);
}

static uint16_t device_command(void)
{
	uint16_t command;
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/device", vfio.root);
	fd = __real_open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(__real_pread(fd, &command, sizeof(command), CONFIG_AT + PCI_COMMAND),
			 sizeof(command));
	__real_close(fd);
	return command;
}

/* Memory or a BAR that is gone under the guest: a sentence, and no DMA any more. */
static void what_breaks_is_said_and_the_device_is_quiet(void **state)
{
	static const struct move page[] = {USES, {BREAK, 0, 0, 0}, ENDS};
	static const struct move bar[] = {
		USES, {REFUSED, 0, 0, 0}, {REFUSED, 0, 0, 0}, {REFUSED, 0, 0, 0}, {REFUSED, 0, 0, 0}, ENDS};
	static const struct move kvm[] = {USES, {INTERNAL, 0, 0, 0}, ENDS};
	static const struct {
		const struct move *moves;
		const char *sentence;
	} rows[] = {{page, "the file behind it has become shorter"},
		    {bar, "cannot reach memory that it was given (EFAULT"},
		    {kvm, "KVM cannot go on (internal error"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct vmm_device_config device = {.host = "0000:05:00.0", .fd = -1, .boot_index = -1};
		struct holdings before = holdings_now(), after;
		struct lend_error error = {""};
		struct vmm_config config;
		struct vmm *vmm;

		fill_config(&device, &config);
		restore_device();
		play.moves = rows[i].moves;
		play.next = 0;
		assert_int_equal(vmm_new(&config, &vmm, &error), 0);
		assert_int_equal(vmm_run(vmm, &error), VMM_END_FAULT);
		check_sentence(&error);
		assert_non_null(strstr(error.text, rows[i].sentence));
		assert_int_equal(device_command() & PCI_COMMAND_MASTER, 0);
		vmm_free(vmm);
		after = holdings_now();
		assert_int_equal(after.descriptors, before.descriptors);
		assert_true(after.mapped == before.mapped);
	}
}

/* A bzImage of one setup sector and one page. */
static int make_kernel(void)
{
	static uint8_t bytes[1024 + KERNEL_BYTES];
	int fd = __real_memfd_create("kernel", MFD_CLOEXEC);

	bzimage_put(bytes, bzimage_header(KERNEL_BYTES));
	assert_int_equal(__real_write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	return fd;
}

static int stage_up(void **state)
{
	int ret = set_up(state);

	snprintf(play.sys, sizeof(play.sys), "%s/sys", vfio.root);
	play.kernel = make_kernel();
	path_of = played_path;
	on_close = closed;
	on_unmap = unmapped;
	return ret;
}

static int stage_down(void **state)
{
	on_close = NULL;
	on_unmap = NULL;
	__real_close(play.kernel);
	return tear_down(state);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, stage_up, stage_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(while_it_is_built),
		CASE(while_the_guest_uses_its_device),
		CASE(while_the_guest_resets_its_device),
		CASE(while_the_machine_starts_again),
		CASE(while_the_host_takes_its_device_back),
		CASE(what_breaks_is_said_and_the_device_is_quiet),
	};

	return cmocka_run_group_tests_name("vmm_fail_each", tests, NULL, NULL);
}
