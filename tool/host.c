/* SPDX-License-Identifier: MIT */
/* The host that a sub-command looks at. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/host.h"

enum { ROOT_MAX = 4096 };

int host_context(struct lend_context **out)
{
	const char *root = getenv("LEND_ROOT");
	char paths[6][ROOT_MAX];
	static const char *const folders[] = {"sys",      "proc",     "dev",
					      "run/lend", "etc/lend", "etc/lend/quirks.d"};
	struct lend_context_config config = {.size = sizeof(config)};

	if (!root || !*root)
		return lend_context_new(NULL, out);
	for (int i = 0; i < 6; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", root, folders[i]);
	config.sysfs_root = paths[0];
	config.proc_root = paths[1];
	config.dev_root = paths[2];
	config.state_root = paths[3];
	config.config_root = paths[4];
	config.quirks_dir = paths[5];
	return lend_context_new(&config, out);
}

int host_path(const char *path, char out[PATH_MAX])
{
	const char *root = getenv("LEND_ROOT");

	return snprintf(out, PATH_MAX, "%s%s", root ? root : "", path) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static enum tool_status open_host(struct lend_context **context, struct lend_survey **survey,
				  int (*make)(struct lend_context *context, struct lend_survey **out))
{
	int ret = host_context(context);

	*survey = NULL;
	if (!ret) {
		ret = make(*context, survey);
		if (!ret)
			return TOOL_OK;
		lend_context_free(*context);
	}
	tool_say("cannot look at the devices of this computer: %s", strerror(-ret));
	return TOOL_FAILED;
}

enum tool_status host_open(struct lend_context **context, struct lend_survey **survey)
{
	return open_host(context, survey, lend_survey_new);
}

enum tool_status host_open_names(struct lend_context **context, struct lend_survey **survey)
{
	return open_host(context, survey, lend_survey_names);
}

void host_close(struct lend_context *context, struct lend_survey *survey)
{
	lend_survey_free(survey);
	lend_context_free(context);
}

enum tool_status host_resolve(const struct lend_survey *survey, const struct args *args,
			      const struct lend_survey_device *out[ARGS_DEVICES_MAX])
{
	struct lend_error error;

	for (size_t i = 0; i < args->device_count; i++) {
		if (lend_survey_resolve(survey, args->devices[i], &out[i], &error)) {
			tool_say("%s", error.text);
			return TOOL_FAILED;
		}
	}
	return TOOL_OK;
}
