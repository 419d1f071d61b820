/* SPDX-License-Identifier: MIT */
/*
 * The keeper's part of devices that come while the guest runs: a process beside it prepares a device
 * and hands it over; the machine is the other end of a socket here.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/machine_says.h"
#include "tests/unit/open_files.h"
#include "tool/run/device_arg.h"
#include "tool/run/plug.h"
#include "tool/run/plug_order.h"

static struct {
	struct plug_keeper plugs;
	struct vmm_event event;
	unsigned events;
	bool has_topic; /* of lend check, with the last one */
	int control, machine, server;
	char dir[32], path[64];
	unsigned files;
} stage;

static struct run_options options;
static struct run_device device;

static void take_event(void *opaque, const struct vmm_event *event, const char *topic)
{
	(void)opaque;
	/* Whoever hears of it may use the device: nobody works on it any more. */
	assert_int_equal(stage.plugs.at[event->device].helper, 0);
	stage.has_topic = topic;
	stage.event = *event;
	stage.events++;
}

static int set_up(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int ends[2];

	(void)state;
	memset(&stage, 0, sizeof(stage));
	stage.files = open_fds();
	stage.plugs.options = &options;
	stage.plugs.event = take_event;
	assert_int_equal(plug_init(&stage.plugs), 0);
	assert_int_equal(control_pair(ends), 0);
	stage.control = ends[0];
	stage.machine = ends[1];
	strcpy(stage.dir, "/tmp/lend-plug-XXXXXX");
	assert_non_null(mkdtemp(stage.dir));
	snprintf(stage.path, sizeof(stage.path), "%s/served", stage.dir);
	strcpy(address.sun_path, stage.path);
	stage.server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(stage.server, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(stage.server, 1), 0);
	memset(&device, 0, sizeof(device));
	device_defaults(&device);
	device.user = true;
	strcpy(device.socket, stage.path);
	return 0;
}

/* Nothing is left open, and no process. */
static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(plug_end(&stage.plugs, 60000), 0);
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		assert_int_equal(stage.plugs.at[i].socket, -1);
	close(stage.control);
	close(stage.machine);
	close(stage.server);
	unlink(stage.path);
	rmdir(stage.dir);
	assert_int_equal(open_fds(), stage.files);
	return 0;
}

static int add(unsigned number)
{
	struct lend_error error = {""};
	int ret = plug_add(&stage.plugs, number, &device, &error);

	assert_true(!ret || error.text[0]);
	return ret;
}

static void wait_for_helper(void)
{
	struct pollfd ready = {.fd = plug_fd(&stage.plugs), .events = POLLIN};

	assert_int_equal(poll(&ready, 1, 60000), 1);
	plug_serve(&stage.plugs, stage.control);
}

/* The machine's next message. */
static void take_call(unsigned number, struct control_message *message, struct control_extras *extras)
{
	while (control_receive_extras(stage.machine, message, extras) == -EAGAIN)
		wait_for_helper();
	assert_int_equal(message->type, CONTROL_CALL);
	assert_int_equal(message->call.verb, CALL_PLUG);
	assert_int_equal(message->call.device, number);
}

static void answer(uint32_t serial, int result, const char *text)
{
	struct control_message message;

	assert_int_equal(control_send_answer(stage.machine, serial, result, text, 1000), 0);
	assert_int_equal(control_receive(stage.control, &message), 1);
	assert_true(plug_take(&stage.plugs, &message));
}

static void a_device_is_handed_over(void **state)
{
	struct vmm_device_config config;
	struct control_message message;
	struct control_extras extras;

	(void)state;
	device.reply_ms = 1234;
	device.allow_unreset = true;
	device.function.no_mmap = true;
	assert_int_equal(add(7), 0);
	take_call(7, &message, &extras);
	assert_int_equal(extras.fd_count, 2);
	assert_int_equal(order_read(extras.fds, extras.fd_count, &config), 0);
	assert_int_equal(config.backend, LEND_BACKEND_USER);
	assert_string_equal(config.name, "served");
	assert_int_equal(config.fd, extras.fds[1]);
	assert_int_equal(config.reply_ms, 1234);
	assert_true(config.allow_unreset && config.function.no_mmap && !config.function.no_intx);
	assert_null(config.facts);
	free(config.owned);
	control_close_extras(&extras);
	answer(message.value, 0, "");
	assert_int_equal(stage.events, 0);
}

static void what_the_machine_refuses_is_told(void **state)
{
	struct control_message message;
	struct control_extras extras;

	(void)state;
	assert_int_equal(add(2), 0);
	take_call(2, &message, &extras);
	control_close_extras(&extras);
	answer(message.value, -ENOSPC, "no port is empty");
	while (!stage.events)
		wait_for_helper();
	assert_int_equal(stage.events, 1);
	assert_int_equal(stage.event.type, VMM_EVENT_PLUG_FAILED);
	assert_int_equal(stage.event.device, 2);
	assert_string_equal(stage.event.text, "no port is empty");
}

static void what_cannot_be_opened_is_told(void **state)
{
	(void)state;
	unlink(stage.path);
	assert_int_equal(add(0), 0);
	while (!stage.events)
		wait_for_helper();
	assert_int_equal(stage.event.type, VMM_EVENT_PLUG_FAILED);
	assert_non_null(strstr(stage.event.text, stage.path));
	assert_false(stage.has_topic);
	/* Nothing reached the machine. */
	struct pollfd silent = {.fd = stage.machine, .events = POLLIN};

	assert_int_equal(poll(&silent, 1, 0), 0);
}

static void a_machine_that_is_gone(void **state)
{
	struct pollfd ready = {.fd = plug_fd(&stage.plugs), .events = POLLIN};

	(void)state;
	assert_int_equal(add(0), 0);
	while (!stage.events) {
		assert_int_equal(poll(&ready, 1, 60000), 1);
		plug_serve(&stage.plugs, -1);
	}
	assert_int_equal(stage.events, 1);
	assert_int_equal(stage.event.type, VMM_EVENT_PLUG_FAILED);
}

static void what_cannot_come(void **state)
{
	(void)state;
	assert_int_equal(add(VMM_DEVICES_MAX), -EBUSY);
	device.served.count = 1;
	assert_int_equal(add(0), -EOPNOTSUPP);
	device.served.count = 0;
	strcpy(device.fd_socket, "/x");
	assert_int_equal(add(0), -EOPNOTSUPP);
}

/* Answers to others, and events, are passed on. */
static void what_is_for_others(void **state)
{
	struct control_message message = {.type = CONTROL_ANSWER, .value = 7};

	(void)state;
	assert_false(plug_take(&stage.plugs, &message));
	message = (struct control_message){.type = CONTROL_EVENT, .event = {.type = VMM_EVENT_READY}};
	assert_false(plug_take(&stage.plugs, &message));
	message.event.type = VMM_EVENT_DELETED;
	message.event.device = 4000000000u;
	assert_false(plug_take(&stage.plugs, &message));
	message = (struct control_message){.type = CONTROL_ANSWER, .value = UINT32_MAX, .answer.result = -1};
	assert_true(plug_take(&stage.plugs, &message));
	assert_int_equal(stage.events, 0);
}

static struct control_message deleted(unsigned number)
{
	return (struct control_message){.type = CONTROL_EVENT,
					.event = {.type = VMM_EVENT_DELETED,
						  .device = number,
						  .values = {77}}}; /* the machine is not believed */
}

/* The machine has closed a device; its end is told when the driver has it back, once. */
static void the_last_event_waits_for_the_driver(void **state)
{
	const struct control_message gone = deleted(1), other = deleted(0);

	(void)state;
	setenv("LEND_ROOT", stage.dir, 1); /* a computer without devices */
	options.device_count = 2;
	options.devices[0].managed = true; /* and was VFIO's already */
	options.devices[1].managed = options.devices[1].taken = true;
	strcpy(options.devices[1].host, "0000:05:00.0");
	assert_true(plug_take(&stage.plugs, &gone));
	assert_true(plug_take(&stage.plugs, &gone));
	assert_int_equal(stage.events, 0);
	assert_true(plug_gives_back(&stage.plugs, 1));
	assert_int_equal(add(1), -EBUSY);
	while (!stage.events)
		wait_for_helper();
	assert_int_equal(stage.events, 1);
	assert_int_equal(stage.event.type, VMM_EVENT_DELETED);
	assert_int_equal(stage.event.device, 1);
	assert_int_equal(stage.event.values[0], PLUG_GIVEN_BACK);
	assert_false(plug_gives_back(&stage.plugs, 1));
	/* One that nobody took, and the next device of that number. */
	assert_true(plug_take(&stage.plugs, &other));
	assert_int_equal(stage.events, 2);
	assert_int_equal(stage.event.values[0], PLUG_NOT_TAKEN);
	assert_true(plug_take(&stage.plugs, &gone));
	assert_int_equal(stage.events, 3);
	memset(&options, 0, sizeof(options));
	unsetenv("LEND_ROOT");
}

/* A helper that is killed may leave the device taken, and the last event says so. */
static void a_helper_that_is_killed_gives_nothing_back(void **state)
{
	const struct control_message gone = deleted(1);

	(void)state;
	setenv("LEND_ROOT", stage.dir, 1);
	options.device_count = 2;
	options.devices[1].managed = options.devices[1].taken = true;
	strcpy(options.devices[1].host, "0000:05:00.0");
	assert_true(plug_take(&stage.plugs, &gone));
	kill(stage.plugs.at[1].helper, SIGKILL);
	while (!stage.events)
		wait_for_helper();
	/* It may have been done before that. */
	assert_in_range(stage.event.values[0], PLUG_GIVEN_BACK, PLUG_STILL_TAKEN);
	memset(&options, 0, sizeof(options));
	unsetenv("LEND_ROOT");
}

/* What a claim was given is looked up by the helper. */
static void a_claim_is_read_beside(void **state)
{
	(void)state;
	setenv("LEND_DRA_DIR", stage.path, 1); /* no folder */
	device.user = false;
	strcpy(device.claim, "net/nic");
	assert_int_equal(add(0), 0);
	while (!stage.events)
		wait_for_helper();
	assert_int_equal(stage.event.type, VMM_EVENT_PLUG_FAILED);
	assert_non_null(strstr(stage.event.text, "claim=net/nic"));
	unsetenv("LEND_DRA_DIR");
}

/* The number that a descriptor has in the keeper means nothing to who sent it. */
static void a_descriptor_has_no_number(void **state)
{
	(void)state;
	device.user = false;
	device.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(add(0), 0);
	while (!stage.events)
		wait_for_helper();
	assert_int_equal(stage.event.type, VMM_EVENT_PLUG_FAILED);
	assert_int_equal(strncmp(stage.event.text, "the descriptor is no VFIO device", 32), 0);
	close(device.fd);
}

/* A driver that does not come to its end does not keep the keeper. */
static void a_process_that_does_not_end(void **state)
{
	struct plug_at *at = &stage.plugs.at[3];
	pid_t child = fork();

	(void)state;
	if (!child) {
		pause();
		_exit(0);
	}
	at->helper = child;
	assert_int_equal(plug_end(&stage.plugs, 1), child);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	at->helper = 0;
	at->process = -1;
}

static void an_order_keeps_all(void **state)
{
	const struct file_rom rom = {.bytes = (void *)"\x55\xaa rom", .length = 6};
	struct vmm_device_config config;
	struct plug_order order;
	int fds[ORDER_FDS] = {-1, 100, 101};

	(void)state;
	device.user = false;
	strcpy(device.vf_token, "00112233-4455-6677-8899-aabbccddeeff");
	device.give_up_ms = 5;
	order_begin(&order, &device);
	strcpy(order.name, "0000:05:00.0");
	strcpy(order.reset_methods, "flr bus");
	order.group = 7;
	order.config_length = 64;
	order.config[1] = 0x36;
	fds[0] = order_write(&order, &rom);
	assert_true(fds[0] >= 0);
	assert_int_equal(order_read(fds, 2, &config), -EPROTO);
	assert_int_equal(order_read(fds, 3, &config), 0);
	assert_int_equal(config.fd, 100);
	assert_int_equal(config.iommu_fd, 101);
	assert_int_equal(config.group_fd, -1);
	assert_string_equal(config.facts->name, "0000:05:00.0");
	assert_string_equal(config.facts->reset_methods, "flr bus");
	assert_null(config.facts->driver);
	assert_int_equal(config.facts->group, 7);
	assert_int_equal(((const uint8_t *)config.facts->config)[1], 0x36);
	assert_string_equal(config.vf_token, device.vf_token);
	assert_int_equal(config.give_up_ms, 5);
	assert_int_equal(config.function.rom_length, 6);
	assert_memory_equal(config.function.rom, "\x55\xaa rom", 6);
	free(config.owned);
	/* Cut short, and with a ROM that is not there. */
	assert_int_equal(ftruncate(fds[0], (off_t)sizeof(order)), 0);
	assert_int_equal(order_read(fds, 3, &config), -EPROTO);
	assert_int_equal(ftruncate(fds[0], (off_t)sizeof(order) - 1), 0);
	assert_int_equal(order_read(fds, 3, &config), -EPROTO);
	close(fds[0]);
	order.by_group = true;
	fds[0] = order_write(&order, NULL);
	assert_int_equal(order_read(fds, 3, &config), 0);
	assert_int_equal(config.fd, -1);
	assert_int_equal(config.group_fd, 100);
	assert_int_equal(config.container_fd, 101);
	assert_null(config.function.rom);
	free(config.owned);
	close(fds[0]);
}

#define each(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		each(a_device_is_handed_over),
		each(what_the_machine_refuses_is_told),
		each(what_cannot_be_opened_is_told),
		each(a_machine_that_is_gone),
		each(what_cannot_come),
		each(what_is_for_others),
		each(the_last_event_waits_for_the_driver),
		each(a_helper_that_is_killed_gives_nothing_back),
		each(a_claim_is_read_beside),
		each(a_descriptor_has_no_number),
		each(a_process_that_does_not_end),
		each(an_order_keeps_all),
	};

	return cmocka_run_group_tests_name("tool_plug", tests, NULL, NULL);
}
