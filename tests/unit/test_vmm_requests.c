/* SPDX-License-Identifier: MIT */
/*
 * What the machine's loop makes of requests, also of those that come when it carries out
 * another one. Processors, devices and the boot are doubles that count.
 */
#include <string.h>

#include "tests/unit/cmocka.h"

#undef fail /* of cmocka: the machine has one of its own */
#include "vmm/vmm.c"

/* A request that somebody makes at a moment of the test, once. */
struct late {
	enum request request; /* REQUEST_NONE: nobody */
	const char *text;
};

static struct vmm vmm;
static struct {
	struct late first;      /* made while the guest runs */
	struct late on_way_out; /* by another processor, when all are waited for */
	struct late in_reboot;  /* by the host, when the devices are reset */
	unsigned resets, boots; /* of devices, of the machine */
	unsigned rounds;        /* of the loop */
	unsigned runs;          /* orders to run */
	bool parked;            /* the processors are out of the guest */
} play;

static void make(struct late *late)
{
	struct late now = *late;

	late->request = REQUEST_NONE;
	if (now.request != REQUEST_NONE)
		vmm_request(&vmm, now.request, now.text ? now.text : "");
}

int vcpus_start(struct vcpus *vcpus, struct lend_error *error)
{
	(void)vcpus, (void)error;
	play.parked = true;
	return 0;
}

void vcpus_order(struct vcpus *vcpus, enum vcpus_order order)
{
	(void)vcpus;
	if (order == VCPUS_RUN) {
		play.runs++;
		play.parked = false;
	}
}

void vcpus_wait_parked(struct vcpus *vcpus)
{
	(void)vcpus;
	if (!play.parked)
		make(&play.on_way_out);
	play.parked = true;
}

void vcpus_free(struct vcpus *vcpus)
{
	(void)vcpus;
}

int devices_reset(struct vmm *of, struct lend_error *error)
{
	(void)of, (void)error;
	assert_true(play.parked);
	play.resets++;
	make(&play.in_reboot);
	return 0;
}

void devices_release(struct vmm *of)
{
	(void)of;
}

void devices_shown(struct vmm *of)
{
	(void)of;
}

void devices_quiesce(struct vmm *of)
{
	(void)of;
}

void devices_close(struct vmm *of)
{
	(void)of;
}

int chips_reset(struct vmm *of)
{
	(void)of;
	return 0;
}

void chips_free(struct vmm *of)
{
	(void)of;
}

int machine_boot(struct vmm *of, struct lend_error *error)
{
	(void)of, (void)error;
	play.boots++;
	return 0;
}

int machine_build(struct vmm *of, struct lend_error *error)
{
	(void)of, (void)error;
	return 0;
}

/* The user ends the machine in the round after the one in which the guest has made its request. */
int loop_once(struct loop *loop)
{
	(void)loop;
	if (play.rounds++)
		vmm_request(&vmm, REQUEST_STOP, "");
	else
		make(&play.first);
	return 0;
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *opaque)
{
	(void)loop, (void)fd, (void)events, (void)fn, (void)opaque;
	return 0;
}

int loop_remove(struct loop *loop, int fd)
{
	(void)loop, (void)fd;
	return 0;
}

void loop_free(struct loop *loop)
{
	(void)loop;
}

static enum vmm_end run(struct late first, struct late on_way_out, struct late in_reboot, bool no_reboot)
{
	struct lend_error error = {""};
	enum vmm_end end;

	memset(&vmm, 0, sizeof(vmm));
	memset(&play, 0, sizeof(play));
	vmm.request_fd = -1;
	vmm.config.no_reboot = no_reboot;
	pthread_mutex_init(&vmm.lock, NULL);
	play.first = first;
	play.on_way_out = on_way_out;
	play.in_reboot = in_reboot;
	end = vmm_run(&vmm, &error);
	assert_true(play.parked);
	assert_string_equal(error.text, vmm.request_text); /* "": nothing failed */
	pthread_mutex_destroy(&vmm.lock);
	return end;
}

/* A second processor asks while the first one's reset is carried out: there is one reboot, or the end. */
static void two_processors_ask_at_once(void **state)
{
	static const struct {
		enum request second;
		const char *text;
		unsigned reboots;
		enum vmm_end end, end_without_reboot;
	} rows[] = {
		{REQUEST_NONE, "", 1, VMM_END_STOPPED, VMM_END_REBOOT},
		{REQUEST_RESET, "", 1, VMM_END_STOPPED, VMM_END_REBOOT},
		{REQUEST_OFF, "", 0, VMM_END_POWEROFF, VMM_END_POWEROFF},
		{REQUEST_PANIC, "", 0, VMM_END_PANIC, VMM_END_PANIC},
		{REQUEST_FATAL, "it cannot go on", 0, VMM_END_FAULT, VMM_END_FAULT},
		{REQUEST_DEVICE, "a device", 0, VMM_END_ERROR, VMM_END_ERROR},
		{REQUEST_STOP, "", 0, VMM_END_STOPPED, VMM_END_STOPPED},
	};
	const struct late reset = {REQUEST_RESET, ""}, nobody = {REQUEST_NONE, NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct late second = {rows[i].second, rows[i].text};

		assert_int_equal(run(reset, second, nobody, false), rows[i].end);
		assert_int_equal(play.resets, rows[i].reboots);
		assert_int_equal(play.boots, rows[i].reboots);
		assert_int_equal(vmm.reboots, rows[i].reboots);
		assert_int_equal(run(reset, second, nobody, true), rows[i].end_without_reboot);
		assert_int_equal(play.boots, 0);
	}
}

/* What the host asks for during a reboot is not lost, and the guest does not run before it is done. */
static void the_host_asks_in_a_reboot(void **state)
{
	const struct late reset = {REQUEST_RESET, ""}, nobody = {REQUEST_NONE, NULL};
	const struct late stop = {REQUEST_STOP, ""}, device = {REQUEST_DEVICE, "it left"};

	(void)state;
	assert_int_equal(run(reset, nobody, stop, false), VMM_END_STOPPED);
	assert_int_equal(play.runs, 1);
	assert_int_equal(vmm.reboots, 1);
	assert_int_equal(run(reset, reset, device, false), VMM_END_ERROR);
	assert_int_equal(play.runs, 1);
	assert_int_equal(vmm.reboots, 1);
	/* Nobody asks: it runs again. */
	assert_int_equal(run(reset, nobody, nobody, false), VMM_END_STOPPED);
	assert_int_equal(play.runs, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_processors_ask_at_once),
		cmocka_unit_test(the_host_asks_in_a_reboot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
