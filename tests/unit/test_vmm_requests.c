/* SPDX-License-Identifier: MIT */
/*
 * What the machine's loop makes of requests, also of those that come when it carries out
 * another one. Processors, devices and the boot are doubles that count.
 */
#include <string.h>

#include "tests/unit/cmocka.h"

#undef fail /* of cmocka: the machine has one of its own */
#include "vmm/operate.c"
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
	unsigned settled;       /* how often the devices that come and go were waited for */
	bool parked;            /* the processors are out of the guest */
} play;

/* What is asked for in each turn of the loop (p pause, c continue, r reset), and what was told of it. */
static struct {
	const char *asked;
	char told[32]; /* S stop, R resume, g reset by the guest, h by the host, P panic; others: ? */
	bool ran;      /* at some time, without an order to */
} script;

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
	assert_int_equal(++play.resets, play.settled);
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

void plugs_serve(struct vmm *of)
{
	(void)of;
}

void errors_serve(struct vmm *of)
{
	(void)of;
}

void ports_serve(struct vmm *of)
{
	(void)of;
}

void ports_reset(struct vmm *of)
{
	(void)of;
}

void ports_free(struct vmm *of)
{
	(void)of;
}

void plugs_continue(struct vmm *of)
{
	(void)of;
}

void plugs_reset(struct vmm *of)
{
	(void)of;
}

/* No sibling of a device may be opened or closed while they are reset. */
void plugs_settle(struct vmm *of)
{
	(void)of;
	assert_true(play.parked);
	play.settled++;
}

void plugs_free(struct vmm *of)
{
	(void)of;
}

int plugs_start(struct vmm *of, struct lend_error *error)
{
	(void)of, (void)error;
	return 0;
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

void ahead_end(struct vmm *of)
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
	if (*script.asked)
		script.ran |= vmm.held && !play.parked;
	else if (play.rounds++)
		vmm_request(&vmm, REQUEST_STOP, "");
	else
		make(&play.first);
	return 0;
}

static void on_turn(void *opaque)
{
	(void)opaque;
	switch (*script.asked ? *script.asked++ : 0) {
	case 'p':
		vmm_pause(&vmm);
		return;
	case 'c':
		vmm_continue(&vmm);
		return;
	case 'r':
		vmm_reset_request(&vmm);
		return;
	}
}

static void on_event(void *opaque, const struct vmm_event *event)
{
	static const char letters[VMM_EVENT_TYPES] = {
		[VMM_EVENT_STOP] = 'S', [VMM_EVENT_RESUME] = 'R', [VMM_EVENT_PANIC] = 'P'};
	char letter = letters[event->type] ? letters[event->type] : '?';

	(void)opaque;
	if (event->type == VMM_EVENT_RESET)
		letter = event->values[0] ? 'g' : 'h';
	assert_true(strlen(script.told) + 1 < sizeof(script.told));
	script.told[strlen(script.told)] = letter;
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
	vmm.config.turn = on_turn;
	vmm.config.event = on_event;
	script.asked = script.asked ? script.asked : "";
	memset(script.told, 0, sizeof(script.told));
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

/* A paused machine stays paused, also when it is reset; who reset it is told. */
static void the_operator_asks(void **state)
{
	static const struct {
		const char *asked, *told;
	} rows[] = {
		{"p", "S"}, {"pp", "S"},  {"pc", "SR"},   {"c", ""},        {"pcpc", "SRSR"},
		{"r", "h"}, {"pr", "Sh"}, {"prc", "ShR"}, {"ppccr", "SRh"}, {"rprpc", "hShR"},
	};
	const struct late nobody = {REQUEST_NONE, NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		script.asked = rows[i].asked;
		script.ran = false;
		assert_int_equal(run(nobody, nobody, nobody, false), VMM_END_STOPPED);
		assert_string_equal(script.told, rows[i].told);
		assert_false(script.ran);
	}
}

/* The guest's own reset, also one that comes with the operator's, and a panic are told once. */
static void what_the_guest_does_is_told(void **state)
{
	const struct late reset = {REQUEST_RESET, ""}, panic = {REQUEST_PANIC, ""}, nobody = {REQUEST_NONE};

	(void)state;
	script.asked = NULL;
	assert_int_equal(run(reset, nobody, nobody, false), VMM_END_STOPPED);
	assert_string_equal(script.told, "g");
	assert_int_equal(run(panic, nobody, nobody, false), VMM_END_PANIC);
	assert_string_equal(script.told, "P");
	script.asked = "r";
	assert_int_equal(run(nobody, reset, nobody, false), VMM_END_STOPPED);
	assert_string_equal(script.told, "h");
	assert_int_equal(run(reset, nobody, nobody, false), VMM_END_STOPPED);
	assert_string_equal(script.told, "g");
}

static void a_processor_has_the_number_of_its_thread(void **state)
{
	static struct vmm machine;
	struct vcpu processors[3] = {{.number = 101}, {.number = 102}, {.number = 103}};

	(void)state;
	machine.vcpus.vcpu = processors;
	machine.vcpus.count = 2;
	assert_int_equal(vmm_cpu_count(&machine), 2);
	assert_int_equal(vmm_cpu_thread(&machine, 0), 101);
	assert_int_equal(vmm_cpu_thread(&machine, 1), 102);
	assert_int_equal(vmm_cpu_thread(&machine, 2), 0); /* there is none of this number */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_processors_ask_at_once),
		cmocka_unit_test(the_host_asks_in_a_reboot),
		cmocka_unit_test(the_operator_asks),
		cmocka_unit_test(what_the_guest_does_is_told),
		cmocka_unit_test(a_processor_has_the_number_of_its_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
