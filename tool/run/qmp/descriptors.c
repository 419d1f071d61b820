/* SPDX-License-Identifier: MIT */
/* getfd, closefd, add-fd: descriptors that a client hands over for a later command; they end with it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/run/qmp/commands.h"
#include "tool/tool.h"

static struct qmp_kept *find(struct qmp_client *client, const char *name)
{
	for (unsigned i = 0; i < client->kept_count; i++)
		if (client->kept[i].set < 0 && !strcmp(client->kept[i].name, name))
			return &client->kept[i];
	return NULL;
}

/* Takes the descriptor that came with this request. */
static int take(struct qmp_client *client, struct qmp_kept **out, struct lend_error *error)
{
	if (!client->fd_count)
		return tool_fail(error, -EINVAL,
				 "no descriptor came with the request; send one with its bytes (SCM_RIGHTS)");
	if (!*out && client->kept_count == QMP_KEPT_MAX)
		return tool_fail(error, -EMFILE, "%d descriptors are kept, and there is room for no more",
				 QMP_KEPT_MAX);
	if (*out)
		close((*out)->fd);
	else
		*out = &client->kept[client->kept_count++];
	(*out)->fd = client->fds[--client->fd_count];
	return 0;
}

int qmp_take_kept(struct qmp_client *client, const char *name, struct lend_error *error)
{
	static const char prefix[] = "/dev/fdset/";
	const char *number = strncmp(name, prefix, sizeof(prefix) - 1) ? NULL : name + sizeof(prefix) - 1;

	for (unsigned i = 0; i < client->kept_count; i++) {
		struct qmp_kept *kept = &client->kept[i];
		char set[16];
		int fd = kept->fd;

		snprintf(set, sizeof(set), "%d", kept->set);
		if (kept->set < 0 ? strcmp(kept->name, name) : !number || strcmp(set, number))
			continue;
		*kept = client->kept[--client->kept_count];
		return fd;
	}
	return tool_fail(error, -ENOENT,
			 "there is no descriptor '%.100s': send it with this request, or name it by getfd "
			 "first",
			 name);
}

/* A name that is there already gets the new descriptor. */
int qmp_getfd(struct qmp_request *request, struct lend_error *error)
{
	const char *name = json_string_value(json_object_get(request->arguments, "fdname"));
	struct qmp_kept *kept = find(request->client, name);
	int ret;

	if (!*name || strlen(name) >= sizeof(kept->name) || (*name >= '0' && *name <= '9'))
		return tool_fail(error, -EINVAL,
				 "'%.100s' is no name of a descriptor: 1 to %zu characters, and "
				 "no digit first",
				 name, sizeof(kept->name) - 1);
	ret = take(request->client, &kept, error);
	if (ret)
		return ret;
	/* static: a function that makes a sentence returns the error it was given, never 0 */
	kept->set = -1;
	strcpy(kept->name, name);
	return 0;
}

int qmp_closefd(struct qmp_request *request, struct lend_error *error)
{
	const char *name = json_string_value(json_object_get(request->arguments, "fdname"));
	struct qmp_client *client = request->client;
	struct qmp_kept *kept = find(client, name);

	if (!kept)
		return tool_fail(error, -ENOENT, "there is no descriptor '%.100s'", name);
	close(kept->fd);
	*kept = client->kept[--client->kept_count];
	return 0;
}

int qmp_add_fd(struct qmp_request *request, struct lend_error *error)
{
	const json_t *set = json_object_get(request->arguments, "fdset-id");
	json_int_t number = json_integer_value(set);
	struct qmp_kept *kept = NULL;
	int ret;

	if (set && (number < 0 || number > INT32_MAX))
		return tool_fail(error, -EINVAL, "fdset-id is a number from 0 to %d", INT32_MAX);
	for (unsigned i = 0; !set && i < request->client->kept_count; i++)
		if (request->client->kept[i].set >= number && number < INT32_MAX)
			number = request->client->kept[i].set + 1;
	ret = take(request->client, &kept, error);
	if (ret)
		return ret;
	/* static: a function that makes a sentence returns the error it was given, never 0 */
	kept->set = (int)number;
	request->result = json_pack("{s:I, s:i}", "fdset-id", number, "fd", kept->fd);
	return 0;
}
