/* SPDX-License-Identifier: MIT */
/* See firmware.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tool/run/descriptors.h"
#include "tool/run/firmware.h"
#include "tool/run/store.h"
#include "tool/run/whole_file.h"
#include "tool/tool.h"
#include "vmm/firmware/flash_plan.h"
#include "vmm/firmware/fw_cfg.h"

/* O_NONBLOCK, since opening a pipe by mistake would wait for ever. */
static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * Builds with secure boot stop before their first word where there is no SMM. Nothing in the file tells:
 * packages name them so, or link to one that is named so, or say so in a description.
 */
static bool is_named_secure(const char *path)
{
	char real[PATH_MAX];

	return strstr(last_part(path), "secboot") ||
	       (realpath(path, real) && strstr(last_part(real), "secboot"));
}

/* The image that was named, or the one that this computer prefers. */
static int find_code(const struct run_firmware *asked, struct firmware_files *out, struct lend_error *error)
{
	char home[RUN_PATH_MAX];
	const struct descriptor_folders folders = descriptor_folders(home);
	struct descriptor found = {.template = ""};
	bool any = !strcmp(asked->code, "uefi");
	int ret =
		any ? descriptor_find(&folders, &found, error) : descriptor_of(&folders, asked->code, &found);

	if (any && ret)
		return ret;
	snprintf(out->code, sizeof(out->code), "%s", any ? found.code : asked->code);
	if (ret == -EOPNOTSUPP || is_named_secure(out->code))
		return tool_fail(
			error, -ENOEXEC,
			"the firmware %s is a build with secure boot, which needs a mode of the "
			"processor (SMM) that the machine does not have; give OVMF_CODE_4M.fd of the "
			"package ovmf",
			out->code);
	snprintf(out->template, sizeof(out->template), "%s", found.template);
	return 0;
}

static int open_code(const struct run_firmware *asked, struct firmware_files *out, struct lend_error *error)
{
	int ret = find_code(asked, out, error), fd;

	if (ret)
		return ret;
	fd = open_file(out->code);
	if (fd < 0)
		return tool_fail(error, fd, "cannot open the firmware %s: %s; the package ovmf has some",
				 out->code, strerror(-fd));
	out->config.code_fd = fd;
	out->config.code_name = out->code;
	return 0;
}

/* The template that packages put beside the image: its name has VARS where that of the image has CODE. */
static bool beside(const char *code, char *out, size_t room)
{
	static const char *const words[][2] = {{"CODE", "VARS"}, {"code", "vars"}};
	const char *last = last_part(code), *found;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		found = strstr(last, words[i][0]);
		if (!found)
			continue;
		return snprintf(out, room, "%.*s%s%s", (int)(found - code), code, words[i][1],
				found + strlen(words[i][0])) < (int)room;
	}
	return false;
}

/* The descriptor is -1 where there is no template and none was asked for. */
static int open_template(const struct run_firmware *asked, const struct firmware_files *files, char *path,
			 size_t room, int *fd, struct lend_error *error)
{
	int ret = -ENOENT;

	if (asked->template[0])
		snprintf(path, room, "%s", asked->template);
	else if (files->template[0])
		snprintf(path, room, "%s", files->template);
	if (asked->template[0] || files->template[0] || beside(files->code, path, room))
		ret = open_file(path);
	*fd = ret < 0 ? -1 : ret;
	if (ret < 0 && asked->template[0])
		return tool_fail(error, ret, "cannot open the template of the UEFI variables %s: %s", path,
				 strerror(-ret));
	return 0;
}

/* What a machine is called in the names of files; false: it has no name. */
static bool machine_name(const struct run_options *options, char out[RUN_NAME_MAX])
{
	static const uint8_t none[16];
	const uint8_t *id = options->uuid;

	if (options->name[0])
		snprintf(out, RUN_NAME_MAX, "%s", options->name);
	else if (memcmp(id, none, sizeof(none)))
		snprintf(out, RUN_NAME_MAX,
			 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", id[0], id[1],
			 id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10], id[11], id[12],
			 id[13], id[14], id[15]);
	return out[0];
}

/* Where the variables are kept; an empty path: nowhere. */
static int find_store(const struct run_options *options, char *path, size_t room, struct lend_error *error)
{
	const struct home home = home_of("XDG_STATE_HOME");
	char name[RUN_NAME_MAX] = "";

	snprintf(path, room, "%s", options->firmware.vars);
	return *path || !machine_name(options, name) ? 0 : store_path(&home, name, path, room, error);
}

static void tell_lost(struct firmware_files *files)
{
	snprintf(files->notice, sizeof(files->notice),
		 "what the guest stores of UEFI variables is lost at its end; -name NAME keeps them");
}

/* A store stays as it is made: so the template is looked at first, whether it fits the image. */
static int check_template(const struct store_template *template, const struct firmware_files *files,
			  struct lend_error *error)
{
	struct vmm_firmware_config config = files->config;
	struct flash_plan plan;

	config.template_fd = template->fd;
	config.vars_name = template->name;
	return flash_plan(&config, &plan, error);
}

static int open_kept(const char *path, const struct store_template *template, struct firmware_files *out,
		     struct lend_error *error)
{
	bool is_there = !access(path, F_OK);
	int ret = is_there ? 0 : check_template(template, out, error), fd;

	if (ret)
		return ret;
	fd = store_open(path, template, &out->config.vars_readonly, error);
	if (fd < 0)
		return fd;
	out->config.vars_fd = fd;
	if (out->config.vars_readonly)
		snprintf(
			out->notice, sizeof(out->notice),
			"%s cannot be written to: what the guest stores of UEFI variables is lost at its end",
			path);
	return 0;
}

/* A template is needed for a store that is not there yet, and for one that is lost at the end. */
static int open_store(const struct run_options *options, struct firmware_files *out, struct lend_error *error)
{
	char path[sizeof(out->vars)] = "";
	struct store_template template = {.name = path};
	int ret = open_template(&options->firmware, out, path, sizeof(path), &template.fd, error);

	ret = ret ? ret : find_store(options, out->vars, sizeof(out->vars), error);
	if (!ret && !out->vars[0]) {
		snprintf(out->vars, sizeof(out->vars), "%s", template.fd < 0 ? "" : path);
		out->config.template_fd = template.fd;
		tell_lost(out);
		return 0;
	}
	ret = ret ? ret : open_kept(out->vars, &template, out, error);
	if (template.fd >= 0)
		close(template.fd);
	return ret;
}

static int64_t rtc_offset(const struct run_firmware *asked)
{
	time_t now = time(NULL);
	struct tm local;

	if (asked->rtc_base == RTC_AT)
		return asked->rtc_at - now;
	return asked->rtc_base == RTC_LOCAL && localtime_r(&now, &local) ? local.tm_gmtoff : 0;
}

static int read_fw_file(const char *path, struct vmm_fw_file *out, void **bytes, struct lend_error *error)
{
	size_t length;
	int ret = whole_file(path, FW_CFG_LENGTH_MAX, bytes, &length);

	if (ret == -EFBIG)
		return tool_fail(error, ret, "%s, for -fw-cfg, is larger than 16 MiB", path);
	if (ret)
		return tool_fail(error, ret, "cannot read %s, for -fw-cfg: %s", path, whole_file_text(ret));
	out->bytes = *bytes;
	out->length = (uint32_t)length;
	return 0;
}

static int read_fw_files(const struct run_firmware *asked, struct firmware_files *out,
			 struct lend_error *error)
{
	int ret = 0;

	for (unsigned i = 0; i < asked->file_count && !ret; i++) {
		const struct run_fw_file *file = &asked->files[i];

		out->files[i].name = file->name;
		if (file->string) {
			out->files[i].bytes = file->string;
			out->files[i].length = (uint32_t)strlen(file->string);
		} else {
			ret = read_fw_file(file->path, &out->files[i], &out->bytes[i], error);
		}
	}
	out->config.files = out->files;
	out->config.file_count = asked->file_count;
	return ret;
}

void firmware_none(struct firmware_files *files)
{
	*files = (struct firmware_files){.config = {.code_fd = -1, .vars_fd = -1, .template_fd = -1}};
}

/* What is known of the image alone. */
static int begin(const struct run_options *options, struct firmware_files *out, struct flash_plan *plan,
		 struct lend_error *error)
{
	const struct run_firmware *asked = &options->firmware;
	int ret;

	firmware_none(out);
	out->config.vars_name = out->vars;
	out->config.no_vars = asked->no_vars;
	out->config.vars_sync = asked->vars_sync;
	out->config.boot_menu = asked->menu;
	out->config.rtc_offset = rtc_offset(asked);
	ret = open_code(asked, out, error);
	return ret ? ret : flash_plan(&out->config, plan, error);
}

/* Variables that are inside of the image are not asked for elsewhere. */
static bool has_store(const struct run_firmware *asked, const struct flash_plan *plan)
{
	return !asked->no_vars && (!plan->code_offset || asked->vars[0]);
}

int firmware_open(const struct run_options *options, struct firmware_files *out, struct lend_error *error)
{
	const struct run_firmware *asked = &options->firmware;
	struct flash_plan plan;
	int ret = begin(options, out, &plan, error); /* before a store is made for what is no firmware */

	if (!ret && has_store(asked, &plan))
		ret = open_store(options, out, error);
	else if (!ret && plan.code_offset)
		tell_lost(out);
	ret = ret ? ret : flash_plan(&out->config, &plan, error);
	ret = ret ? ret : read_fw_files(asked, out, error);
	if (ret)
		firmware_close(out);
	return ret;
}

/* A store that is there, or what one would begin with. */
static int look_at_store(const struct run_firmware *asked, struct firmware_files *out,
			 struct lend_error *error)
{
	int fd = asked->vars[0] ? open_file(asked->vars) : -ENOENT, ret;

	snprintf(out->vars, sizeof(out->vars), "%s", asked->vars);
	if (fd >= 0) {
		out->config.vars_fd = fd;
		return 0;
	}
	if (fd != -ENOENT)
		return tool_fail(error, fd, "cannot open the UEFI variables in %s: %s", asked->vars,
				 strerror(-fd));
	ret = open_template(asked, out, out->vars, sizeof(out->vars), &out->config.template_fd, error);
	if (ret || out->config.template_fd >= 0)
		return ret;
	out->vars[0] = '\0';
	return asked->vars[0] ? store_no_template(asked->vars, error) : 0;
}

int firmware_look(const struct run_options *options, struct firmware_files *out, struct lend_error *error)
{
	struct flash_plan plan;
	int ret = begin(options, out, &plan, error);

	if (!ret && has_store(&options->firmware, &plan))
		ret = look_at_store(&options->firmware, out, error);
	ret = ret ? ret : flash_plan(&out->config, &plan, error);
	firmware_close(out);
	return ret;
}

void firmware_close(struct firmware_files *files)
{
	const int fds[] = {files->config.code_fd, files->config.vars_fd, files->config.template_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	for (unsigned i = 0; i < RUN_FW_FILES_MAX; i++)
		free(files->bytes[i]);
	files->config.code_fd = files->config.vars_fd = files->config.template_fd = -1;
	memset(files->bytes, 0, sizeof(files->bytes));
}
