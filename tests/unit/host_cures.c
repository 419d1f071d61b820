/* SPDX-License-Identifier: MIT */
/* What each command of a cure does to a recorded host; see host_cures.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lend/bind.h"
#include "tests/unit/host_cures.h"

void cure_demand(const struct cure_command *command, bool well, const char *why)
{
	if (!well)
		fail_msg("the cure '%s' cannot be followed: %s", command->line, why);
}

/* A path of the tree, relative to its root. */
static const char *inside(const struct person *person, const struct cure_command *command, const char *path)
{
	size_t length = strlen(person->tree->root);

	cure_demand(command, path && !strncmp(path, person->tree->root, length),
		    "it names a path that is not of the host");
	return path + length + 1;
}

/* --- what binds and makes devices --- */

static void lend_bind_words(struct person *person, const struct cure_command *command)
{
	struct lend_bind_options options = {.size = sizeof(options)};
	struct lend_error error = {""};
	struct lend_bdf devices[CURE_WORDS_MAX];
	size_t count = 0;

	for (int i = 2; i < command->count; i++) {
		const char *word = command->words[i];

		if (!strcmp(word, "--siblings"))
			options.siblings = true;
		else if (!strcmp(word, "--user"))
			i++;
		else
			cure_demand(command, !lend_bdf_parse(word, &devices[count++]), "it is no address");
	}
	if (lend_bind(person->tree->context, devices, count, &options, &error))
		fail_msg("the cure '%s' fails: %s", command->line, error.text);
	/* With --user, the nodes of the groups are this user's. */
	for (int i = 0; i < CURES_DENIED; i++)
		if (strstr(person->denied[i], "/vfio/") && !strstr(person->denied[i], "/vfio/vfio"))
			person->denied[i][0] = '\0';
}

static void lend_vf_words(struct person *person, const struct cure_command *command)
{
	struct lend_error error = {""};
	struct lend_bdf device;

	cure_demand(command, command->count == 4 && !lend_bdf_parse(command->words[2], &device), "usage");
	if (lend_set_vfs(person->tree->context, &device, (unsigned)atoi(command->words[3]), NULL, &error))
		fail_msg("the cure '%s' fails: %s", command->line, error.text);
}

static void do_lend(struct person *person, const struct cure_command *command)
{
	cure_demand(command, command->count > 2, "usage");
	if (!strcmp(command->words[1], "bind"))
		lend_bind_words(person, command);
	else if (!strcmp(command->words[1], "vf"))
		lend_vf_words(person, command);
	else
		cure_demand(command, false, "no such command of lend is played");
}

static void do_modprobe(struct person *person, const struct cure_command *command)
{
	static const struct {
		const char *name, *module, *folder, *file;
	} modules[] = {
		{"vfio-pci", "vfio_pci", "sys/bus/pci/drivers/vfio-pci", NULL},
		{"kvm-intel", "kvm_intel", NULL, "dev/kvm"},
		{"kvm-amd", "kvm_amd", NULL, "dev/kvm"},
		{"vfio_iommu_type1", "vfio_iommu_type1", NULL,
		 "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"},
		{"iommufd", "iommufd", NULL, "sys/module/iommufd/parameters/allow_unsafe_interrupts"},
	};
	const char *name = command->words[command->count - 1];
	char path[128];

	for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); i++) {
		if (strcmp(name, modules[i].name) != 0)
			continue;
		snprintf(path, sizeof(path), "sys/module/%s", modules[i].module);
		/* One that is loaded does nothing more. */
		if (!access(tree_path(person->tree, path), F_OK))
			return;
		tree_folder(person->tree, path);
		if (modules[i].folder)
			tree_folder(person->tree, modules[i].folder);
		if (modules[i].file)
			tree_put(person->tree, modules[i].file, "");
		return;
	}
	cure_demand(command, false, "no such module is played");
}

/* --- files --- */

static void write_huge_pages(struct person *person, const char *path, const char *text)
{
	long before = 0, free_pages = 0;
	char beside[PATH_MAX], number[32];

	snprintf(beside, sizeof(beside), "%.*s/free_hugepages", (int)(strrchr(path, '/') - path), path);
	before = atol(tree_get(person->tree, path));
	free_pages = atol(tree_get(person->tree, beside));
	snprintf(number, sizeof(number), "%ld\n", free_pages + atol(text) - before);
	tree_put(person->tree, beside, number);
	tree_put(person->tree, path, text);
}

static void do_echo(struct person *person, const struct cure_command *command)
{
	const char *path;

	cure_demand(command, command->count == 2 && command->output, "usage");
	path = inside(person, command, command->output);
	cure_demand(command, !access(command->output, F_OK), "there is no such file");
	if (strstr(path, "/nr_hugepages"))
		write_huge_pages(person, path, command->words[1]);
	else
		tree_put(person->tree, path, command->words[1]);
}

/* chown USER PATH, chmod MODE PATH */
static void do_give(struct person *person, const struct cure_command *command)
{
	const char *path = command->words[2];

	cure_demand(command, command->count == 3, "usage");
	inside(person, command, path);
	cure_demand(command, !access(path, F_OK), "there is no such file");
	for (int i = 0; i < CURES_DENIED; i++)
		if (!strcmp(person->denied[i], path))
			person->denied[i][0] = '\0';
}

static void do_mknod(struct person *person, const struct cure_command *command)
{
	cure_demand(command, command->count == 5, "usage");
	cure_demand(command, access(command->words[1], F_OK), "it is there already");
	tree_put(person->tree, inside(person, command, command->words[1]), "");
}

static void do_sysctl(struct person *person, const struct cure_command *command)
{
	char path[128] = "proc/sys/", *value;

	cure_demand(command, command->count == 3, "usage");
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "%s", command->words[2]);
	value = strchr(path, '=');
	cure_demand(command, value, "usage");
	*value++ = '\0';
	for (char *at = path; *at; at++)
		*at = *at == '.' ? '/' : *at;
	cure_demand(command, tree_get(person->tree, path), "there is no such setting");
	tree_put(person->tree, path, value);
}

static void do_prlimit(struct person *person, const struct cure_command *command)
{
	static const char *const names[CURES_LIMITS] = {"--nofile=", "--memlock=", "--nproc="};
	const char *most = tree_get(person->tree, "proc/sys/fs/nr_open");

	cure_demand(command, command->count == 4, "usage");
	for (int i = 0; i < CURES_LIMITS; i++) {
		size_t length = strlen(names[i]);

		if (strncmp(command->words[3], names[i], length) != 0)
			continue;
		person->limits[i] = strtoull(command->words[3] + length, NULL, 10);
		cure_demand(command, i || !most || person->limits[i] <= strtoull(most, NULL, 10),
			    "the kernel lets no process have so many files (fs.nr_open)");
		return;
	}
	cure_demand(command, false, "no such limit is played");
}

/* --- the line --- */

static const struct {
	const char *name;
	void (*run)(struct person *person, const struct cure_command *command);
} verbs[] = {
	{"lend", do_lend},         {"modprobe", do_modprobe}, {"echo", do_echo},
	{"chown", do_give},        {"chmod", do_give},        {"mknod", do_mknod},
	{"sysctl", do_sysctl},     {"prlimit", do_prlimit},   {"umount", cure_umount},
	{"nsenter", cure_nsenter}, {"swapoff", cure_swapoff}, {"ip", cure_ip},
	{"dmsetup", cure_disk},    {"mdadm", cure_disk},      {"losetup", cure_disk},
	{"systemctl", cure_stop},  {"docker", cure_stop},
};

/* The next word, its quotes taken off; NULL: the end. `at` is moved on. */
static char *take_word(char **at)
{
	char *word, *to;
	bool quoted = false;

	*at += strspn(*at, " ");
	if (!**at)
		return NULL;
	word = to = *at;
	for (; **at && (quoted || **at != ' '); ++*at)
		if (**at == '\'')
			quoted = !quoted;
		else
			*to++ = **at;
	if (**at)
		++*at;
	*to = '\0';
	return word;
}

static void run_command(struct person *person, const char *line)
{
	struct cure_command command = {.line = line};
	char copy[512], *at = copy, *word;

	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = take_word(&at)) && command.count < CURE_WORDS_MAX)
		if (!strcmp(word, ">"))
			command.output = take_word(&at);
		else
			command.words[command.count++] = word;
	for (size_t i = 0; command.count && i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(command.words[0], verbs[i].name)) {
			verbs[i].run(person, &command);
			return;
		}
	fail_msg("nobody knows here what '%s' does", line);
}

static void run_line(struct person *person, const char *line)
{
	char copy[512], *rest = copy, *end;

	snprintf(copy, sizeof(copy), "%s", line);
	for (; (end = strstr(rest, " && ")); rest = end + 4) {
		*end = '\0';
		run_command(person, rest);
	}
	run_command(person, rest);
}

/* "take iommu=off away from the kernel's command line" */
static bool take_away(struct person *person, const char *advice)
{
	char word[64], line[2048] = "", copy[2048], *rest = copy, *part;
	bool found = false;

	if (!strstr(advice, " away from the kernel's command line") ||
	    sscanf(advice, "take %63s ", word) != 1)
		return false;
	snprintf(copy, sizeof(copy), "%s", tree_get(person->tree, "proc/cmdline"));
	while ((part = strsep(&rest, " \n")))
		if (!found && !strcmp(part, word))
			found = true;
		else
			snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s", line[0] ? " " : "",
				 part);
	if (!found)
		fail_msg("the cure '%s' cannot be followed: it is not on the command line", advice);
	tree_put(person->tree, "proc/cmdline", line);
	return true;
}

bool cure_follow(struct person *person, const struct lend_check_row *row)
{
	size_t used = strlen(person->journal);
	bool followed = take_away(person, row->advice);

	snprintf(person->journal + used, sizeof(person->journal) - used, "%s%s%s\n", row->command,
		 row->kernel_argument, row->advice);
	if (row->kernel_argument[0]) {
		tree_append(person->tree, "proc/cmdline", " ");
		tree_append(person->tree, "proc/cmdline", row->kernel_argument);
		followed = true;
	}
	if (row->command[0]) {
		run_line(person, row->command);
		followed = true;
	}
	return followed;
}

void cure_deny(struct person *person, const char *path)
{
	for (int i = 0; i < CURES_DENIED; i++)
		if (!person->denied[i][0]) {
			snprintf(person->denied[i], PATH_MAX, "%s", tree_path(person->tree, path));
			return;
		}
	fail_msg("no room to deny %s", path);
}

bool cure_is_denied(const struct person *person, const char *path)
{
	for (int i = 0; i < CURES_DENIED; i++)
		if (!strcmp(person->denied[i], path))
			return true;
	return false;
}
