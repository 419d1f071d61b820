/* SPDX-License-Identifier: MIT */
/* device_add and device_del: each has one reply, and each device one number as long as it is there. */
#include "tests/unit/qmp_stage.h"

#define ADD(arguments) "{\"execute\": \"device_add\", \"arguments\": {" arguments "}}"
#define DEL(arguments) "{\"execute\": \"device_del\", \"arguments\": {" arguments "}}"

static struct peer *running_client(struct stage *stage)
{
	qmp_running(stage->qmp);
	return client(stage);
}

static void request(struct stage *stage, struct peer *peer, const char *text)
{
	say(stage, peer, text, strlen(text));
	assert_silent(stage, peer);
}

static void assert_done(struct stage *stage, struct peer *peer)
{
	json_t *reply = message(stage, peer);

	assert_non_null(json_object_get(reply, "return"));
	json_decref(reply);
}

static void assert_event(struct stage *stage, struct peer *peer, const char *name, const char *member,
			 const char *value)
{
	json_t *event = message(stage, peer);

	assert_string_equal(json_string_value(json_object_get(event, "event")), name);
	assert_string_equal(json_string_value(json_object_get(json_object_get(event, "data"), member)),
			    value);
	json_decref(event);
}

static void what_cannot_be_added(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ADD(""), "'driver'"},
		{ADD("\"driver\": \"vfio-pci\""), "names no device"},
		{ADD("\"driver\": \"virtio-net-pci\""), "virtio-net-pci"},
		{ADD("\"driver\": 5"), "type str"},
		{ADD("\"driver\": \"vfio-pci\", \"hots\": \"07:00.0\""), "nearest is host"},
		{ADD("\"driver\": \"vfio-pci\", \"host\": \"07:00.0\", \"x-no-mmap\": \"maybe\""),
		 "neither on nor off"},
		{ADD("\"driver\": \"vfio-pci\", \"host\": [1]"), "no text, number or switch"},
		{ADD("\"driver\": \"vfio-pci\", \"host\": \"07:00.0\", \"id\": \"net0\""),
		 "id 'net0' already"},
		{ADD("\"driver\": \"vfio-pci\", \"host\": \"06:00.0\""), "with the id 'net0'"},
		{ADD("\"driver\": \"vfio-pci\", \"fd\": \"card\""), "no descriptor 'card'"},
		{ADD("\"driver\": \"vfio-pci\", \"fd\": 7"), "type str"},
		{ADD("\"driver\": \"vfio-user-pci\""), "names no server"},
		{ADD("\"driver\": \"vfio-user-pci\", \"socket\": \"/x\", \"reconnect\": 5"),
		 "reconnect= is for devices"},
		{ADD("\"driver\": \"vfio-pci\", \"host\": \"07:00.0\", \"bootindex\": 1"),
		 "bootindex= is for devices"},
	};
	struct stage *stage = *state;
	struct peer *peer = client(stage);

	assert_refused(stage, peer, ADD("\"driver\": \"vfio-pci\", \"host\": \"07:00.0\""), "GenericError",
		       "no guest runs");
	qmp_running(stage->qmp);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_refused(stage, peer, rows[i].text, "GenericError", rows[i].words);
	stage->plug_result = -EBUSY;
	assert_refused(stage, peer, ADD("\"driver\": \"vfio-pci\", \"host\": \"07:00.0\""), "GenericError",
		       "not to be had");
	assert_int_equal(stage->plugs, 0);
	assert_int_equal(stage->changes, 0);
	leave(stage, peer);
}

/* The reply comes when the guest is told of the device, or when it cannot be. */
static void a_device_comes_and_goes(void **state)
{
	struct stage *stage = *state;
	struct peer *peer = running_client(stage), *other = client(stage);

	request(stage, peer,
		ADD("\"driver\": \"vfio-pci\", \"host\": \"07:00.0\", \"id\": \"disk1\", \"x-no-mmap\": "
		    "true"));
	assert_int_equal(stage->number, 2);
	assert_string_equal(stage->device.host, "0000:07:00.0");
	assert_true(stage->device.function.no_mmap);
	assert_int_equal(stage->device.fd, -1);
	send_event(stage, VMM_EVENT_PLUGGED, 2, "0000:07:00.0");
	assert_done(stage, peer);
	assert_event(stage, peer, "LEND_DEVICE_PLUGGED", "id", "disk1");
	assert_event(stage, other, "LEND_DEVICE_PLUGGED", "host", "0000:07:00.0");
	assert_int_equal(stage->changes, 1);
	send_event(stage, VMM_EVENT_READY, 2, "0000:07:00.0");
	assert_event(stage, peer, "LEND_DEVICE_READY", "id", "disk1");
	assert_refused(stage, peer, DEL("\"id\": \"disk2\""), "DeviceNotFound", "nearest is 'disk1'");
	request(stage, peer, DEL("\"id\": \"disk1\""));
	assert_int_equal(stage->number, 2);
	assert_false(stage->force);
	send_answer(stage, 0, "");
	assert_done(stage, peer);
	/* Once more while it runs: what the machine says of that. */
	request(stage, peer, DEL("\"id\": \"disk1\", \"x-force\": false"));
	send_answer(stage, -EALREADY, "the guest is asked already");
	json_t *reply = message(stage, peer);
	assert_error(stage, peer, reply, "GenericError", "asked already");
	json_decref(reply);
	send_event(stage, VMM_EVENT_UNPLUG_REFUSED, 2, "it is in use");
	assert_event(stage, peer, "DEVICE_UNPLUG_GUEST_ERROR", "reason", "it is in use");
	request(stage, peer, DEL("\"id\": \"0000:07:00.0\", \"x-force\": true"));
	assert_true(stage->force);
	send_answer(stage, 0, "");
	assert_done(stage, peer);
	send_event(stage, VMM_EVENT_DELETED, 2, "taken by force");
	assert_event(stage, peer, "DEVICE_DELETED", "path", "/machine/peripheral/disk1");
	assert_int_equal(stage->changes, 2);
	/* Its id is free, and its number later. */
	request(stage, peer, ADD("\"driver\": \"vfio-pci\", \"host\": \"08:00.0\", \"id\": \"disk1\""));
	assert_int_equal(stage->number, 3);
	send_event(stage, VMM_EVENT_PLUG_FAILED, 3, "0000:08:00.0: no port is large enough");
	reply = message(stage, peer);
	assert_string_equal(json_string_value(json_object_get(json_object_get(reply, "error"), "desc")),
			    "0000:08:00.0: no port is large enough");
	json_decref(reply);
	assert_event(stage, peer, "LEND_DEVICE_PLUG_FAILED", "id", "disk1");
	assert_refused(stage, peer, DEL("\"id\": \"disk1\""), "DeviceNotFound", "query-pci");
	leave(stage, peer);
	leave(stage, other);
}

/* What lend check would say is said with its topic, for programs. */
static void what_the_check_says(void **state)
{
	const struct vmm_event event = {.type = VMM_EVENT_PLUG_FAILED,
					.device = 2,
					.text = "0000:07:00.0: its group is not viable: lend bind 07:00.0"};
	struct stage *stage = *state;
	struct peer *peer = running_client(stage);
	const json_t *error;
	json_t *reply;

	request(stage, peer, ADD("\"driver\": \"vfio-pci\", \"host\": \"07:00.0\""));
	qmp_take_last(stage->qmp, &event, "group");
	reply = message(stage, peer);
	error = json_object_get(reply, "error");
	assert_string_equal(json_string_value(json_object_get(error, "x-lend-topic")), "group");
	assert_string_equal(json_string_value(json_object_get(error, "desc")), event.text);
	json_decref(reply);
	json_decref(message(stage, peer));
	request(stage, peer, ADD("\"driver\": \"vfio-pci\", \"host\": \"07:00.0\""));
	send_event(stage, VMM_EVENT_PLUG_FAILED, stage->number, "it is gone");
	reply = message(stage, peer);
	assert_null(json_object_get(json_object_get(reply, "error"), "x-lend-topic"));
	json_decref(reply);
	leave(stage, peer);
}

/* The keeper has one thread, and a claim is in files that may be far away: it only passes the name on. */
static void a_claim_is_not_read_here(void **state)
{
	struct stage *stage = *state;
	struct peer *peer = running_client(stage);

	assert_refused(stage, peer, ADD("\"driver\": \"vfio-pci\", \"claim\": \"\""), "GenericError",
		       "claim= is empty");
	assert_refused(stage, peer,
		       ADD("\"driver\": \"vfio-pci\", \"claim\": \"net/nic\", \"host\": \"07:00.0\""),
		       "GenericError", "names two devices");
	request(stage, peer, ADD("\"driver\": \"vfio-pci\", \"claim\": \"net/nic\""));
	assert_string_equal(stage->device.claim, "net/nic");
	assert_string_equal(stage->device.host, "");
	send_event(stage, VMM_EVENT_PLUGGED, stage->number, "0000:07:00.0");
	assert_done(stage, peer);
	assert_event(stage, peer, "LEND_DEVICE_PLUGGED", "host", "0000:07:00.0");
	leave(stage, peer);
}

/* The client that asked may go meanwhile: the device comes all the same, and its number is taken. */
static void a_client_goes_meanwhile(void **state)
{
	struct stage *stage = *state;
	struct peer *peer = running_client(stage), *other = client(stage);

	request(stage, peer, ADD("\"driver\": \"vfio-pci\", \"host\": \"07:00.0\""));
	leave(stage, peer);
	request(stage, other, ADD("\"driver\": \"vfio-pci\", \"host\": \"08:00.0\""));
	assert_int_equal(stage->number, 3);
	send_event(stage, VMM_EVENT_PLUGGED, 2, "0000:07:00.0");
	assert_event(stage, other, "LEND_DEVICE_PLUGGED", "id", "0000:07:00.0");
	assert_silent(stage, other);
	send_event(stage, VMM_EVENT_PLUGGED, 3, "0000:08:00.0");
	assert_done(stage, other);
	leave(stage, other);
}

static int lowest_free(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* A device that is a descriptor: with the request, by its name, by its set; none stays open here. */
static void devices_that_are_descriptors(void **state)
{
	static const char *const texts[] = {
		ADD("\"driver\": \"vfio-pci\", \"id\": \"a\"") "\n",
		ADD("\"driver\": \"vfio-pci\", \"id\": \"b\", \"fd\": \"anything\"") "\n",
	};
	const int fds[2] = {0, 0};
	struct stage *stage = *state;
	struct peer *peer = running_client(stage);
	int before = lowest_free();
	json_t *reply;

	for (unsigned i = 0; i < 2; i++) {
		say_with(stage, peer, texts[i], fds, 1);
		assert_int_equal(stage->plugs, i + 1);
		assert_true(stage->device.fd >= 0);
		send_event(stage, VMM_EVENT_PLUGGED, stage->number, i ? "0000:07:00.0" : "0000:08:00.0");
		assert_done(stage, peer);
		assert_event(stage, peer, "LEND_DEVICE_PLUGGED", "host", i ? "0000:07:00.0" : "0000:08:00.0");
	}
	say_with(stage, peer, "{\"execute\": \"getfd\", \"arguments\": {\"fdname\": \"card\"}}\n", fds, 1);
	assert_done(stage, peer);
	say_with(stage, peer, "{\"execute\": \"add-fd\", \"arguments\": {\"fdset-id\": 4}}\n", fds, 1);
	assert_done(stage, peer);
	request(stage, peer, ADD("\"driver\": \"vfio-pci\", \"id\": \"c\", \"fd\": \"/dev/fdset/4\""));
	send_event(stage, VMM_EVENT_PLUGGED, stage->number, "0000:09:00.0");
	assert_done(stage, peer);
	json_decref(message(stage, peer));
	request(stage, peer, ADD("\"driver\": \"vfio-pci\", \"id\": \"d\", \"fd\": \"card\""));
	send_event(stage, VMM_EVENT_PLUG_FAILED, stage->number, "");
	json_decref(message(stage, peer));
	json_decref(message(stage, peer));
	assert_refused(stage, peer, ADD("\"driver\": \"vfio-pci\", \"id\": \"d\", \"fd\": \"card\""),
		       "GenericError", "no descriptor 'card'");
	say_with(stage, peer, ADD("\"driver\": \"vfio-pci\", \"id\": \"e\"") "\n", fds, 2);
	reply = message(stage, peer);
	assert_error(stage, peer, reply, "GenericError", "it takes 1");
	json_decref(reply);
	say_with(stage, peer, ADD("\"driver\": \"vfio-user-pci\", \"socket\": \"/x\"") "\n", fds, 1);
	reply = message(stage, peer);
	assert_error(stage, peer, reply, "GenericError", "no descriptor");
	json_decref(reply);
	/* One that names another device, which would be checked in place of it. */
	say_with(stage, peer, ADD("\"driver\": \"vfio-pci\", \"host\": \"06:00.0\"") "\n", fds, 1);
	reply = message(stage, peer);
	assert_error(stage, peer, reply, "GenericError", "fd= is the device itself");
	json_decref(reply);
	assert_int_equal(lowest_free(), before);
	assert_int_equal(stage->plugs, 4);
	leave(stage, peer);
}

static void no_more_than_there_is_room_for(void **state)
{
	struct stage *stage = *state;
	struct peer *peer = running_client(stage);
	char text[256];

	for (unsigned i = 2; i < VMM_DEVICES_MAX; i++) {
		snprintf(text, sizeof(text), ADD("\"driver\": \"vfio-pci\", \"host\": \"%02x:00.0\""),
			 16 + i);
		request(stage, peer, text);
		assert_int_equal(stage->number, i);
		send_event(stage, VMM_EVENT_PLUGGED, i, "");
		assert_done(stage, peer);
		json_decref(message(stage, peer));
	}
	assert_refused(stage, peer, ADD("\"driver\": \"vfio-pci\", \"host\": \"f0:00.0\""), "GenericError",
		       "no more");
	send_event(stage, VMM_EVENT_PLUG_TIMEOUT, 7, "the guest did not turn it on");
	json_decref(message(stage, peer));
	request(stage, peer, ADD("\"driver\": \"vfio-pci\", \"host\": \"f0:00.0\""));
	assert_int_equal(stage->number, 7);
	/* The machine ends meanwhile. */
	qmp_ended(stage->qmp, true, VMM_END_POWEROFF);
	json_t *reply = message(stage, peer);
	assert_non_null(json_object_get(reply, "error"));
	json_decref(reply);
	leave(stage, peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_cannot_be_added),
		CASE(a_device_comes_and_goes),
		CASE(what_the_check_says),
		CASE(a_client_goes_meanwhile),
		CASE(a_claim_is_not_read_here),
		CASE(devices_that_are_descriptors),
		CASE(no_more_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
