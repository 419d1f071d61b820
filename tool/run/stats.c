/* SPDX-License-Identifier: MIT */
/*
 * --stats. All names are plain words and all values numbers, so nothing has to
 * be quoted. Ports that were never touched are left out.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "tool/run/stats.h"

static const char *end_name(const struct keeper_result *result)
{
	static const char *const names[] = {
		[VMM_END_POWEROFF] = "poweroff", [VMM_END_REBOOT] = "reboot", [VMM_END_STOPPED] = "stopped",
		[VMM_END_FAULT] = "fault",       [VMM_END_PANIC] = "panic",   [VMM_END_ERROR] = "error",
	};

	return result->said ? names[result->end.value] : "killed";
}

static void write_counters(FILE *file, const struct vmm_stats *stats)
{
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{"exits", stats->exits},   {"mmio", stats->mmio},       {"pio", stats->pio},
		{"config", stats->config}, {"bar", stats->bar},         {"serial", stats->serial},
		{"faults", stats->faults}, {"reboots", stats->reboots}, {"boot_ns", stats->boot_ns},
	};

	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		fprintf(file, ",\n  \"%s\": %llu", counters[i].name, (unsigned long long)counters[i].value);
}

static void write_ports(FILE *file, const struct vmm_stats *stats)
{
	const char *comma = "";

	fprintf(file, ",\n  \"port\": {");
	for (unsigned i = 0; i < sizeof(stats->port) / sizeof(*stats->port); i++) {
		if (!stats->port[i])
			continue;
		fprintf(file, "%s\n    \"0x%02x\": %llu", comma, i, (unsigned long long)stats->port[i]);
		comma = ",";
	}
	fprintf(file, "%s}", *comma ? "\n  " : "");
}

int stats_write(int fd, const struct keeper_result *result)
{
	FILE *file;
	int copy = dup(fd);

	if (copy < 0)
		return -errno;
	file = fdopen(copy, "w");
	if (!file) {
		close(copy);
		return -errno;
	}
	if (ftruncate(fd, 0) && errno != EINVAL) {
		fclose(file);
		return -errno;
	}
	fprintf(file, "{\n  \"end\": \"%s\",\n  \"status\": %d", end_name(result), (int)result->status);
	write_counters(file, &result->end.stats);
	write_ports(file, &result->end.stats);
	fprintf(file, "\n}\n");
	return fclose(file) ? -errno : 0;
}
