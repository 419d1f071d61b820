/* SPDX-License-Identifier: MIT */
/* Commands that end a use: what they take away, and when a real computer would refuse them. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/host_cures.h"

/* Takes the lines away that `match` has, `most` of them at most, from the end. How many there were. */
static int cut_lines(const struct host_tree *tree, const char *path, int most,
		     bool (*match)(const char *line, const void *opaque), const void *opaque)
{
	const char *text = tree_get(tree, path);
	char copy[4096], *lines[256], *rest = copy, *line;
	int count = 0, cut = 0;

	snprintf(copy, sizeof(copy), "%s", text ? text : "");
	while ((line = strsep(&rest, "\n")) && count < 256)
		lines[count++] = line;
	for (int i = count; i-- > 0 && cut < most;)
		if (match(lines[i], opaque)) {
			lines[i] = NULL;
			cut++;
		}
	tree_put(tree, path, "");
	for (int i = 0; i < count; i++)
		if (lines[i] && *lines[i]) {
			tree_append(tree, path, lines[i]);
			tree_append(tree, path, "\n");
		}
	return cut;
}

struct mount_line {
	int id, parent;
	char number[24], point[128];
};

static bool parse_mount(const char *line, struct mount_line *out)
{
	char *to = out->point;
	char raw[128];

	if (sscanf(line, "%d %d %23s %*s %127s", &out->id, &out->parent, out->number, raw) != 4)
		return false;
	for (const char *at = raw; *at; at++) {
		unsigned code;

		if (*at == '\\' && sscanf(at + 1, "%3o", &code) == 1) {
			*to++ = (char)code;
			at += 3;
		} else {
			*to++ = *at;
		}
	}
	*to = '\0';
	return true;
}

static bool is_mount(const char *line, const void *id)
{
	struct mount_line mount;

	return parse_mount(line, &mount) && mount.id == *(const int *)id;
}

/* umount POINT, or nsenter -m -t PID umount POINT: what was mounted there last goes, if nothing is mounted on
 * it. */
static void unmount(struct person *person, const struct cure_command *command, const char *process,
		    const char *point)
{
	struct mount_line mount, top = {0};
	char path[64], copy[4096], *rest = copy, *line;
	const char *text;
	bool found = false;

	snprintf(path, sizeof(path), "proc/%s/mountinfo", process);
	text = tree_get(person->tree, path);
	cure_demand(command, text, "there is no such process");
	cure_demand(command, strcmp(point, "/") != 0, "the host runs from it");
	snprintf(copy, sizeof(copy), "%s", text);
	while ((line = strsep(&rest, "\n")))
		if (parse_mount(line, &mount) && !strcmp(mount.point, point)) {
			top = mount;
			found = true;
		}
	cure_demand(command, found, "nothing is mounted there");
	rest = memcpy(copy, text, strlen(text) + 1);
	while ((line = strsep(&rest, "\n")))
		cure_demand(command, !parse_mount(line, &mount) || mount.parent != top.id,
			    "target is busy: another file system is mounted below it");
	cut_lines(person->tree, path, 1, is_mount, &top.id);
}

void cure_umount(struct person *person, const struct cure_command *command)
{
	cure_demand(command, command->count == 2, "usage");
	unmount(person, command, "self", command->words[1]);
}

void cure_nsenter(struct person *person, const struct cure_command *command)
{
	cure_demand(command,
		    command->count == 6 && !strcmp(command->words[1], "-m") &&
			    !strcmp(command->words[2], "-t") && !strcmp(command->words[4], "umount"),
		    "no such nsenter is played");
	unmount(person, command, command->words[3], command->words[5]);
}

/* A disk that is made of another: its name, as in sysfs, by what a file in its folder says. */
static const char *made_of(struct person *person, const char *file, const char *text)
{
	static const char *const kernels[] = {"dm-0", "dm-1", "md0", "loop0"};
	char path[128];

	for (size_t i = 0; i < sizeof(kernels) / sizeof(*kernels); i++) {
		const char *found;

		snprintf(path, sizeof(path), "sys/devices/virtual/block/%s/%s", kernels[i], file);
		found = tree_get(person->tree, path);
		if (found && (!text || !strcmp(found, text)))
			return kernels[i];
	}
	return NULL;
}

static bool has_number(const char *line, const void *number)
{
	struct mount_line mount;

	return parse_mount(line, &mount) && !strcmp(mount.number, number);
}

/* Removes a disk that is made of others, unless it is mounted, or another is made of it. */
static void remove_disk(struct person *person, const struct cure_command *command, const char *kernel)
{
	static const char nvme[] = "sys/devices/pci0000:00/0000:00:10.0/0000:01:00.0/nvme/nvme0/nvme0n1";
	static const struct {
		const char *kernel, *number;
	} disks[] = {{"dm-0", "253:0"}, {"dm-1", "253:1"}, {"md0", "9:0"}, {"loop0", "7:0"}};
	char path[160], target[8];

	cure_demand(command, kernel, "there is no such disk");
	for (size_t i = 0; i < sizeof(disks) / sizeof(*disks); i++) {
		/* What it is a holder of. */
		snprintf(path, sizeof(path), "sys/devices/virtual/block/%s/holders/%s", disks[i].kernel,
			 kernel);
		tree_remove(person->tree, path);
		snprintf(path, sizeof(path), "sys/devices/virtual/block/%s/holders/%s", kernel,
			 disks[i].kernel);
		cure_demand(command, readlink(tree_path(person->tree, path), target, 1) < 0,
			    "another disk is made of it");
		if (strcmp(disks[i].kernel, kernel) != 0)
			continue;
		cure_demand(command,
			    !cut_lines(person->tree, "proc/self/mountinfo", 1, has_number, disks[i].number),
			    "it is mounted");
		snprintf(path, sizeof(path), "sys/dev/block/%s", disks[i].number);
		tree_remove(person->tree, path);
	}
	snprintf(path, sizeof(path), "%s/holders/%s", nvme, kernel);
	tree_remove(person->tree, path);
	snprintf(path, sizeof(path), "sys/devices/virtual/block/%s", kernel);
	tree_remove(person->tree, path);
}

/* dmsetup remove NAME, mdadm --stop /dev/md0, losetup -d /dev/loop0 */
void cure_disk(struct person *person, const struct cure_command *command)
{
	const char *name = command->words[2];

	cure_demand(command, command->count == 3, "usage");
	remove_disk(person, command,
		    command->words[0][0] == 'd' ? made_of(person, "dm/name", name) : name + strlen("/dev/"));
}

/* systemctl stop UNIT, docker stop CONTAINER: its processes end, and what is in their mount namespaces with
 * them. */
void cure_stop(struct person *person, const struct cure_command *command)
{
	char path[64];
	bool found = false;

	cure_demand(command, command->count == 3, "usage");
	for (int pid = 50; pid < 100; pid++) {
		const char *group;

		snprintf(path, sizeof(path), "proc/%d/cgroup", pid);
		group = tree_get(person->tree, path);
		if (!group || !strstr(group, command->words[2]))
			continue;
		found = true;
		snprintf(path, sizeof(path), "proc/%d", pid);
		tree_remove(person->tree, path);
	}
	cure_demand(command, found, "no process is in that unit");
}

static bool starts_with_word(const char *line, const void *word)
{
	size_t length = strlen(word);

	return !strncmp(line, word, length) && (line[length] == ' ' || line[length] == '\t');
}

void cure_swapoff(struct person *person, const struct cure_command *command)
{
	cure_demand(command, command->count == 2, "usage");
	cure_demand(command, cut_lines(person->tree, "proc/swaps", 1, starts_with_word, command->words[1]),
		    "it is no swap space");
}

static bool has_word(const char *line, const void *word)
{
	char copy[512], *rest = copy, *part;

	snprintf(copy, sizeof(copy), "%s", line);
	while ((part = strsep(&rest, " \t")))
		if (!strcmp(part, word))
			return true;
	return false;
}

void cure_ip(struct person *person, const struct cure_command *command)
{
	const char *name = command->words[command->count - 1];
	char path[128];

	if (!strncmp(command->line, "ip address flush dev ", 21)) {
		cut_lines(person->tree, "proc/net/route", 256, has_word, name);
		cut_lines(person->tree, "proc/net/if_inet6", 256, has_word, name);
	} else if (!strncmp(command->line, "ip link set nomaster dev ", 25)) {
		snprintf(path, sizeof(path), "sys/class/net/%s/master", name);
		cure_demand(command,
			    !access(tree_path(person->tree, path), F_OK) ||
				    readlink(tree_path(person->tree, path), path, 1) > 0,
			    "it has no master");
		tree_remove(person->tree, path);
	} else if (!strncmp(command->line, "ip link delete ", 15)) {
		snprintf(path, sizeof(path), "sys/class/net/%s", name);
		cure_demand(command, readlink(tree_path(person->tree, path), path, 1) > 0,
			    "there is no such interface");
		snprintf(path, sizeof(path), "sys/class/net/%s", name);
		tree_remove(person->tree, path);
		snprintf(path, sizeof(path), "sys/class/net/eth0/upper_%s", name);
		tree_remove(person->tree, path);
	} else {
		cure_demand(command, false, "no such ip is played");
	}
}
