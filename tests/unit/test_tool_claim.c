/* SPDX-License-Identifier: MIT */
/*
 * -device vfio-pci,claim=: the files that Kubernetes' drivers of devices write, and every
 * way in which they may be wrong.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/folder.h"
#include "tests/unit/tool_command_line.h"

static char folder[64];

static int begin(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/lend-claim.XXXXXX");
	return !mkdtemp(folder) || setenv("LEND_DRA_DIR", folder, 1);
}

static int end(void **state)
{
	(void)state;
	unsetenv("LEND_DRA_DIR");
	folder_remove(folder);
	return 0;
}

/* A file with the folders above it, "resourceclaims/net/nic/driver-metadata.json". */
static void put(const char *name, const char *text, size_t length)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		mkdir(path, 0755);
	}
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	fclose(file);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

#define HEAD(claim)                                                                                          \
	"{\"apiVersion\": \"metadata.resource.k8s.io/v1alpha1\", \"kind\": \"DeviceMetadata\", "             \
	"\"metadata\": {\"name\": \"" claim "-x7k2p\", \"namespace\": \"default\", \"uid\": \"u\"}, "        \
	"\"podClaimName\": \"" claim "\", \"requests\": ["
#define TAIL "]}\n"
#define DEVICE(address)                                                                                      \
	"{\"name\": \"d\", \"driver\": \"vfio.example.com\", \"pool\": \"node-1\", \"attributes\": {"        \
	"\"model\": {\"string\": \"m\"}, \"resource.kubernetes.io/numaNode\": {\"int\": 0}, "                \
	"\"resource.kubernetes.io/pciBusID\": {\"string\": \"" address "\"}}}"
#define REQUEST(name, devices) "{\"name\": \"" name "\", \"devices\": [" devices "]}"

static void gives(const char *claim, const char *address)
{
	char text[128];

	snprintf(text, sizeof(text), "vfio-pci,claim=%s", claim);
	if (parse_device(text))
		fail_msg("claim=%s: %s", claim, error.text);
	assert_string_equal(options.devices[0].host, address);
}

static void refused(const char *claim, const char *why)
{
	char text[128];

	snprintf(text, sizeof(text), "vfio-pci,claim=%s", claim);
	assert_int_equal(parse_device(text), -EINVAL);
	assert_says(why);
	assert_null(strchr(error.text, '\n'));
}

static void device_of_a_request(void **state)
{
	(void)state;
	put_text("resourceclaims/net/nic/vfio.example.com-metadata.json",
		 HEAD("net") REQUEST("nic", DEVICE("0000:05:00.0")) TAIL);
	put_text("resourceclaimtemplates/disks/fast/vfio.example.com-metadata.json",
		 HEAD("disks") REQUEST("fast", DEVICE("0001:0A:00.1")) TAIL);
	gives("nic", "0000:05:00.0");
	gives("fast", "0001:0a:00.1");
	gives("net/nic", "0000:05:00.0");
	gives("net-x7k2p/nic", "0000:05:00.0");
	refused("disks/nic", "no claim has such a request");
	refused("fasst", "the nearest is fast");
	refused("something", "such a request, of 2 that");
	refused("", "claim= is empty");
	assert_int_equal(parse_device("vfio-pci,claim=nic,host=06:00.0"), -EINVAL);
	assert_says("names two devices");
	assert_int_equal(parse_device("vfio-user-pci,socket=/s,claim=nic"), -EINVAL);
}

/* One of several that a driver offered, and what else lies there. */
static void what_is_passed_over(void **state)
{
	char link[128];

	(void)state;
	put_text("net/gpu/a.json", HEAD("net") REQUEST("gpu/large", DEVICE("0000:05:00.0")) TAIL);
	put_text("net/gpu/notes.txt", "{");
	put_text("net/gpu/.new.json", "{");
	put_text("other.json", "{\"kind\": \"Pod\", \"apiVersion\": \"v1\"}");
	put_text("array.json", "[1]");
	/* The newest version first; the rest is not read. */
	put_text("two.json", "{\"kind\": \"DeviceMetadata\", "
			     "\"apiVersion\": \"metadata.resource.k8s.io/v2\"}\n" HEAD("two")
				     REQUEST("second", DEVICE("0000:06:00.0")) TAIL "{ rest");
	/* The same device by another file. */
	snprintf(link, sizeof(link), "%s/again.json", folder);
	assert_int_equal(symlink("two.json", link), 0);
	snprintf(link, sizeof(link), "%s/gone.json", folder);
	assert_int_equal(symlink("nothing", link), 0);
	/* A request without devices is written without them, and a claim without requests. */
	put_text("none.json", "{\"apiVersion\": \"metadata.resource.k8s.io/v1beta1\", "
			      "\"kind\": \"DeviceMetadata\", \"metadata\": {}}");
	gives("gpu/large", "0000:05:00.0");
	gives("gpu", "0000:05:00.0");
	gives("net/gpu", "0000:05:00.0");
	gives("net/gpu/large", "0000:05:00.0");
	refused("net/large", "no claim has such a request");
	refused("/gpu", "no claim has such a request");
	refused("net", "no claim has such a request");
	gives("second", "0000:06:00.0");
}

static void several_or_none(void **state)
{
	(void)state;
	put_text("a.json", HEAD("a") REQUEST("nic", DEVICE("0000:05:00.0")) "," REQUEST("none", "") TAIL);
	put_text("b.json", HEAD("b") REQUEST("nic", DEVICE("0000:06:00.0")) TAIL);
	put_text(
		"c.json",
		HEAD("c") REQUEST(
			"many",
			DEVICE("0000:07:00.0") "," DEVICE("0000:08:00.0") "," DEVICE("0000:09:00.0") "," DEVICE(
				"0000:0a:00.0") "," DEVICE("0000:0b:00.0") "," DEVICE("0000:0b:00.0")) TAIL);
	put_text("d.json",
		 HEAD("d") "{\"name\": \"gpu\", \"devices\": [{\"name\": \"d\", \"attributes\": {}}]}" TAIL);
	refused("nic", "was given 2 devices, 0000:0");
	assert_says("claim=CLAIM/REQUEST");
	gives("b/nic", "0000:06:00.0");
	refused("many", "0000:07:00.0, 0000:08:00.0, ...");
	refused("c/many", "name one of them with host=ADDRESS");
	refused("none", "was given no device with the attribute resource.kubernetes.io/pciBusID");
	refused("gpu", "was given no device with the attribute resource.kubernetes.io/pciBusID");
}

/* Each of them is one line that names the file. */
static void files_that_are_wrong(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"no JSON",
		HEAD("a") REQUEST("nic", DEVICE("0000:05:00.0")),
		HEAD("a") REQUEST("nic", DEVICE("05:00")) TAIL,
		HEAD("a") REQUEST("nic", DEVICE("05:00.0")) TAIL,
		HEAD("a") REQUEST("nic", DEVICE("/sys/bus/pci/devices/0000:05:00.0")) TAIL,
		HEAD("a") REQUEST("nic", "{\"attributes\": {\"resource.kubernetes.io/pciBusID\": 5}}") TAIL,
		"{\"apiVersion\": \"metadata.resource.k8s.io/v2\", \"kind\": \"DeviceMetadata\"}",
		"{\"apiVersion\": \"metadata.resource.k8s.io/v1beta1\", \"kind\": \"DeviceMetadata\", "
		"\"requests\": {}}",
	};

	(void)state;
	put_text("good.json", HEAD("g") REQUEST("nic", DEVICE("0000:05:00.0")) TAIL);
	gives("nic", "0000:05:00.0");
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		put_text("bad.json", texts[i]);
		refused("nic", "/bad.json cannot be understood (");
		assert_says("name the device with host=ADDRESS");
	}
	put("bad.json", "{\"kind\": \"a\0b\"}", 15);
	refused("nic", "/bad.json cannot be understood (");
	put_text("bad.json", "{}");
	gives("nic", "0000:05:00.0");
}

static void files_that_are_too_much(void **state)
{
	static char text[(1 << 20) + 2];

	(void)state;
	put_text("good.json", HEAD("g") REQUEST("nic", DEVICE("0000:05:00.0")) TAIL);
	/* Longer than any, and deeper than the library follows. */
	memset(text, ' ', sizeof(text) - 1);
	put_text("bad.json", text);
	refused("nic", "/bad.json cannot be understood (File too large)");
	memset(text, '[', 10000);
	put("bad.json", text, 10000);
	refused("nic", "/bad.json cannot be understood (");
	put_text("bad.json", "{}");
	put_text("a/b/c/d/e/f.json", "{}");
	refused("nic", "it is too deep");
}

static void folder_that_is_not_there(void **state)
{
	(void)state;
	setenv("LEND_DRA_DIR", "/nonexistent", 1);
	refused("nic", "cannot look into /nonexistent: No such file or directory");
	assert_says("LEND_DRA_DIR");
	unsetenv("LEND_DRA_DIR");
	assert_string_equal(claim_folder(), "/var/run/kubernetes.io/dra-device-attributes");
	setenv("LEND_DRA_DIR", "", 1);
	assert_string_equal(claim_folder(), "/var/run/kubernetes.io/dra-device-attributes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(device_of_a_request, begin, end),
		cmocka_unit_test_setup_teardown(what_is_passed_over, begin, end),
		cmocka_unit_test_setup_teardown(several_or_none, begin, end),
		cmocka_unit_test_setup_teardown(files_that_are_wrong, begin, end),
		cmocka_unit_test_setup_teardown(files_that_are_too_much, begin, end),
		cmocka_unit_test_setup_teardown(folder_that_is_not_there, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
