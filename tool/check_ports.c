/* SPDX-License-Identifier: MIT */
/* See check_ports.h. */
#include <stdio.h>
#include <string.h>

#include "tool/check_ports.h"
#include "tool/run/options.h"

static unsigned long long mib(uint64_t bytes)
{
	return (unsigned long long)((bytes + (1 << 20) - 1) >> 20);
}

static void say_window(const struct run_options *options, struct check_rows *out)
{
	struct lend_check_row *row = &out->rows[out->count++];

	*row = (struct lend_check_row){.topic = "ports", .verdict = LEND_PASSED};
	snprintf(row->text, sizeof(row->text),
		 "%u ports for devices that come while the guest runs, each with room for 32 MiB of BARs "
		 "below "
		 "4 GiB and %llu MiB of prefetchable ones above",
		 options->ports, mib(options->port_window));
}

static void check_fit(const char *name, uint64_t window, struct check_rows *out)
{
	uint64_t need = ports_need(name);
	struct lend_check_row *row;

	if (need <= window)
		return;
	row = &out->rows[out->count++];
	*row = (struct lend_check_row){.topic = "ports", .verdict = LEND_NOTE};
	snprintf(row->device, sizeof(row->device), "%s", name);
	snprintf(
		row->text, sizeof(row->text),
		"%s cannot come while the guest runs: it needs %llu MiB of prefetchable BARs, and the window "
		"of a port has %llu MiB",
		name, mib(need), mib(window));
	snprintf(row->advice, sizeof(row->advice), "give window=%lluM with -ports, or more", mib(need));
}

int check_ports(const char *value, const struct lend_survey_device *const *devices, size_t count,
		struct check_rows *out, struct lend_error *error)
{
	struct run_options options = {0};
	int ret = ports_parse(&options, value, error);

	if (ret)
		return ret;
	ports_size(&options);
	say_window(&options, out);
	for (size_t i = 0; options.ports && i < count; i++)
		check_fit(devices[i]->is.name, options.port_window, out);
	return 0;
}
