/* SPDX-License-Identifier: MIT */
/* The steps, and the sentences for one that fails or does not return (operation.h). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/host/taking/operation.h"
#include "lib/host/taking/write.h"
#include "lib/sized.h"

int operation_init(struct operation *op, struct lend_context *context,
		   const struct lend_bind_options *options, struct lend_error *error)
{
	int ret = 0;

	memset(op, 0, sizeof(*op));
	op->context = context;
	op->error = error;
	if (options)
		ret = sized_take(&op->options, sizeof(op->options), options, sizeof(options->size));
	if (!op->options.limit_ms)
		op->options.limit_ms = LEND_LIMIT_MS;
	if (!op->options.driver)
		op->options.driver = "vfio-pci";
	return ret < 0 ? error_say(error, ret, "lend_bind_options: its size is that of no version") : 0;
}

void operation_note(const struct operation *op, const char *format, ...)
{
	char line[512];
	va_list args;

	if (!op->options.note)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	op->options.note(op->options.opaque, line);
}

void operation_driver(const struct operation *op, const char *name, char out[64])
{
	char dir[PATH_MAX];

	if (sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(op->context), name) ||
	    sysfs_link(dir, "driver", out, 64))
		out[0] = '\0';
}

/* Which driver has the device now, after one did not let go of it. */
static void name_holders(const struct operation *op, const char *name, char *out, size_t size)
{
	const struct lend_survey_device *device;
	struct lend_survey *survey;
	struct lend_bdf bdf;

	out[0] = '\0';
	if (lend_bdf_parse(name, &bdf) || lend_survey_new(op->context, &survey))
		return;
	device = lend_survey_find(survey, &bdf);
	if (device && device->use_count)
		snprintf(out, size, "; %s", device->uses[0].text);
	if (device && device->use_count && device->uses[0].kind == LEND_USE_LENT)
		snprintf(out + strlen(out), size - strlen(out),
			 ", and the kernel relays to it the request to release the device");
	lend_survey_free(survey);
}

static int say_hangs(const struct operation *op, const char *name, const char *what)
{
	char holders[256];

	name_holders(op, name, holders, sizeof(holders));
	return error_say(op->error, -ETIMEDOUT,
			 "%s: %s is not over after %u s%s; the kernel goes on with it: once it is through, "
			 "lend unbind --stale puts things right",
			 name, what, (op->options.limit_ms + 999) / 1000, holders);
}

static int order(const struct operation *op, const char *name, const char *path, const char *text,
		 const char *what)
{
	int ret = host_write(op->context, path, text, op->options.limit_ms);

	if (!ret)
		return 0;
	if (ret == -ETIMEDOUT)
		return say_hangs(op, name, what);
	return error_say(op->error, ret, "%s: %s failed: %s (writing %s)%s", name, what, strerror(-ret), path,
			 ret == -EACCES || ret == -EPERM ? "; run lend as root" : "");
}

int operation_write(const struct operation *op, const char *name, const char *attribute, const char *text,
		    const char *what)
{
	char path[PATH_MAX];

	if (sysfs_path(path, "%s/bus/pci/devices/%s/%s", context_sysfs(op->context), name, attribute))
		return -ENAMETOOLONG;
	return order(op, name, path, text, what);
}

int operation_override(const struct operation *op, const char *name, const char *driver)
{
	char text[72];

	snprintf(text, sizeof(text), "%s\n", driver);
	return operation_write(op, name, "driver_override", text, "choosing its driver");
}

/* A helper reads it, because the read waits for a driver that works on the device. */
int operation_read_override(const struct operation *op, const char *name, char out[64])
{
	char dir[PATH_MAX];
	int ret = sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(op->context), name);

	if (!ret)
		ret = host_read(dir, "driver_override", out, 64, op->options.limit_ms);
	if (ret < 0)
		return error_say(op->error, ret, "%s: cannot read its driver_override: %s", name,
				 strerror(-ret));
	if (!strcmp(out, "(null)"))
		out[0] = '\0';
	return 0;
}

int operation_detach(const struct operation *op, const char *name, const char *driver)
{
	char path[PATH_MAX], what[100];
	int ret;

	if (sysfs_path(path, "%s/bus/pci/drivers/%s/unbind", context_sysfs(op->context), driver))
		return -ENAMETOOLONG;
	snprintf(what, sizeof(what), "taking it from %s", driver);
	ret = order(op, name, path, name, what);
	/* Somebody else was faster: the device is detached, as it should be. */
	return ret == -ENODEV ? 0 : ret;
}

int operation_attach(const struct operation *op, const char *name, const char *driver)
{
	char path[PATH_MAX], what[100];

	if (sysfs_path(path, "%s/bus/pci/drivers/%s/bind", context_sysfs(op->context), driver))
		return -ENAMETOOLONG;
	snprintf(what, sizeof(what), "giving it to %s", driver);
	return order(op, name, path, name, what);
}

int operation_probe(const struct operation *op, const char *name)
{
	char path[PATH_MAX];

	if (sysfs_path(path, "%s/bus/pci/drivers_probe", context_sysfs(op->context)))
		return -ENAMETOOLONG;
	return order(op, name, path, name, "giving it to its driver");
}

int operation_reset(const struct operation *op, const char *name)
{
	char path[PATH_MAX];

	if (sysfs_path(path, "%s/bus/pci/devices/%s/reset", context_sysfs(op->context), name))
		return -ENAMETOOLONG;
	if (access(path, F_OK))
		return error_say(op->error, -EOPNOTSUPP, "%s: the kernel knows no way to reset it", name);
	return operation_write(op, name, "reset", "1", "resetting it");
}

int held_lock(const struct operation *op, const char *name, struct held *held)
{
	memset(held, 0, sizeof(*held));
	snprintf(held->name, sizeof(held->name), "%s", name);
	held->lock = record_lock(op->context, name, op->error);
	if (held->lock < 0)
		return held->lock;
	record_read(op->context, name, &held->record);
	held_look_at_nodes(op, held);
	return 0;
}

void held_unlock(struct held *held)
{
	if (held->lock >= 0)
		close(held->lock);
	held->lock = -1;
}
