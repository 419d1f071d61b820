/* SPDX-License-Identifier: MIT */
/* Making a survey and reading it (survey.h). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/survey/survey.h"

void *survey_row(struct lend_survey *survey, void *rows, size_t *count, size_t size)
{
	char **array = rows;
	char *row;

	/* Room for 8, 16, 32, ... rows. */
	if (*count < 8 ? !*count : !(*count & (*count - 1))) {
		size_t room = *count < 8 ? 8 : 2 * *count;
		char *more = reallocarray(*array, room, size);

		if (!more) {
			survey->failed = -ENOMEM;
			return NULL;
		}
		*array = more;
	}
	row = *array + *count * size;
	memset(row, 0, size);
	++*count;
	return row;
}

struct device *survey_device(struct lend_survey *survey, const struct lend_bdf *bdf)
{
	size_t low = 0, high = survey->device_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = bdf_compare(bdf, &survey->devices[middle].seen.is.bdf);

		if (!order)
			return &survey->devices[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

void survey_use(struct lend_survey *survey, struct device *device, enum lend_use_kind kind,
		const char *format, ...)
{
	struct lend_use *use =
		survey_row(survey, &device->uses, &device->seen.use_count, sizeof(*device->uses));
	va_list args;

	device->seen.uses = device->uses;
	if (!use)
		return;
	use->kind = kind;
	va_start(args, format);
	vsnprintf(use->text, sizeof(use->text), format, args);
	va_end(args);
}

void survey_command(struct device *device, const char *format, ...)
{
	struct lend_use *use = device->seen.use_count ? &device->uses[device->seen.use_count - 1] : NULL;
	va_list args;
	int length;

	if (!use)
		return;
	va_start(args, format);
	length = vsnprintf(use->cure, sizeof(use->cure), format, args);
	va_end(args);
	/* A command that is cut would do something else, so there is none then. */
	if (length < 0 || (size_t)length >= sizeof(use->cure))
		use->cure[0] = '\0';
}

void survey_stays(struct device *device)
{
	struct lend_use *use = device->seen.use_count ? &device->uses[device->seen.use_count - 1] : NULL;
	char text[sizeof(use->text)];

	if (!use)
		return;
	snprintf(text, sizeof(text), "the host runs from it: %.136s", use->text);
	strcpy(use->text, text);
	use->cure[0] = '\0';
	use->stays = true;
}

const struct lend_use *survey_stays_by(const struct lend_survey_device *device)
{
	for (size_t i = 0; i < device->use_count; i++)
		if (device->uses[i].stays)
			return &device->uses[i];
	return NULL;
}

bool survey_is_plain(const char *word)
{
	return !word[strspn(word, SHELL_PLAIN)];
}

void survey_cure(struct device *device, const char *command, const char *word)
{
	const char *quote = survey_is_plain(word) ? "" : "'";

	if (!strchr(word, '\''))
		survey_command(device, "%s %s%s%s", command, quote, word, quote);
}

void survey_interface(struct device *device, const char *name)
{
	char *words = device->seen.interfaces;
	size_t used = strlen(words), room = sizeof(device->seen.interfaces);

	if (used + strlen(name) + 2 <= room)
		snprintf(words + used, room - used, "%s%s", used ? " " : "", name);
}

static unsigned read_number(struct lend_survey *survey, const char *dir, const char *name)
{
	long value;

	return look_number(survey, dir, name, &value) || value < 0 || value > INT_MAX ? 0 : (unsigned)value;
}

/* "vfio3" of vfio-dev/vfio3 */
static int take_first(void *opaque, const char *name)
{
	snprintf(opaque, sizeof(((struct lend_survey_device *)0)->cdev), "%.15s", name);
	return 1;
}

/* Counts the links. Reading sriov_numvfs would wait for a driver that does not let go. */
static int count_vf(void *opaque, const char *name)
{
	unsigned *count = opaque;

	*count += !strncmp(name, "virtfn", 6);
	return 0;
}

static void read_rest(struct lend_survey *survey, struct lend_survey_device *out)
{
	char dir[PATH_MAX], path[PATH_MAX], target[PATH_MAX], *last;
	struct lend_bdf parent;

	if (sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(survey->context), out->is.name))
		return;
	out->subsystem_vendor = (uint16_t)read_number(survey, dir, "subsystem_vendor");
	out->subsystem_device = (uint16_t)read_number(survey, dir, "subsystem_device");
	out->revision = (uint8_t)read_number(survey, dir, "revision");
	out->boot_vga = read_number(survey, dir, "boot_vga") == 1;
	look_each(survey, dir, count_vf, &out->vfs);
	out->vfs_max = read_number(survey, dir, "sriov_totalvfs");
	look_link(survey, dir, "physfn", out->physfn, sizeof(out->physfn));
	device_serial(dir, out->serial);
	device_dsn(dir, out->dsn);
	if (!sysfs_path(path, "%s/vfio-dev", dir))
		look_each(survey, path, take_first, out->cdev);
	if (sysfs_path(path, "%s/bus/pci/devices", context_sysfs(survey->context)) ||
	    look_target(survey, path, out->is.name, target) < 0)
		return;
	slot_path(survey->context, out->is.name, target, out->path, sizeof(out->path));
	last = strrchr(target, '/');
	if (last)
		*last = '\0';
	if (last && sysfs_owner(target, &parent))
		lend_bdf_format(&parent, out->parent);
}

int survey_add(struct lend_survey *survey, const struct lend_bdf *bdf)
{
	struct device *device =
		survey_row(survey, &survey->devices, &survey->device_count, sizeof(*survey->devices));
	struct unreadable unreadable = {NULL, 0};
	char dir[PATH_MAX];
	int ret;

	if (!device)
		return -ENOMEM;
	device->seen.size = sizeof(device->seen);
	device->seen.is.bdf = *bdf;
	/* A device that vanished just now is left out. */
	ret = host_read_device(survey->context, bdf, &device->seen.is, &unreadable);
	if (ret)
		survey->device_count--;
	look_for(survey, LOOK_ALL);
	if (!sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(survey->context), device->seen.is.name))
		look_failed(survey, dir, unreadable.name, ret ? ret : unreadable.error);
	return 0;
}

static int add_device(void *opaque, const char *name)
{
	struct lend_bdf bdf;

	return lend_bdf_parse(name, &bdf) ? 0 : survey_add(opaque, &bdf);
}

static int compare(const void *left, const void *right)
{
	const struct device *a = left, *b = right;

	return bdf_compare(&a->seen.is.bdf, &b->seen.is.bdf);
}

void survey_added(struct lend_survey *survey)
{
	if (survey->device_count)
		qsort(survey->devices, survey->device_count, sizeof(*survey->devices), compare);
	for (size_t i = 0; i < survey->device_count; i++)
		read_rest(survey, &survey->devices[i].seen);
}

static int read_devices(struct lend_survey *survey)
{
	char path[PATH_MAX];
	int ret;

	ret = sysfs_path(path, "%s/bus/pci/devices", context_sysfs(survey->context));
	if (!ret)
		ret = sysfs_each(path, add_device, survey);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	survey_added(survey);
	return 0;
}

static int make(struct lend_context *context, bool names_only, struct lend_survey **out)
{
	struct lend_survey *survey = calloc(1, sizeof(*survey));
	int ret;

	if (!survey)
		return -ENOMEM;
	survey->context = context;
	survey->names_only = names_only;
	ret = read_devices(survey);
	if (!ret) {
		survey_nodes(survey);
		survey_interfaces(survey);
		if (!names_only)
			survey_uses(survey);
		survey_words(survey);
		look_end(survey);
		ret = survey->failed;
	}
	if (ret) {
		lend_survey_free(survey);
		return ret;
	}
	*out = survey;
	return 0;
}

int lend_survey_new(struct lend_context *context, struct lend_survey **out)
{
	return make(context, false, out);
}

int lend_survey_names(struct lend_context *context, struct lend_survey **out)
{
	return make(context, true, out);
}

void lend_survey_free(struct lend_survey *survey)
{
	if (!survey)
		return;
	for (size_t i = 0; i < survey->device_count; i++)
		free(survey->devices[i].uses);
	free(survey->devices);
	free(survey->nodes);
	free(survey->interfaces);
	free(survey->packets);
	free(survey->opened);
	free(survey->mounts);
	free(survey->claims);
	free(survey->unread);
	free(survey);
}

size_t lend_survey_count(const struct lend_survey *survey)
{
	return survey->device_count;
}

const struct lend_survey_device *lend_survey_at(const struct lend_survey *survey, size_t index)
{
	return index < survey->device_count ? &survey->devices[index].seen : NULL;
}

const struct lend_survey_device *lend_survey_find(const struct lend_survey *survey,
						  const struct lend_bdf *bdf)
{
	const struct device *device = survey_device((struct lend_survey *)(uintptr_t)survey, bdf);

	return device ? &device->seen : NULL;
}
