/* SPDX-License-Identifier: MIT */
/* The text of capabilities is JSON; jansson reads it. Unknown names are ignored. */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/wire/version.h"

/* A peer's nesting is bounded before a parser that recurses sees it. */
enum { DEPTH_MAX = 8 };

static bool is_deep(const char *text)
{
	unsigned depth = 0;
	bool quoted = false;

	for (; *text; text++) {
		if (quoted && *text == '\\' && text[1])
			text++;
		else if (*text == '"')
			quoted = !quoted;
		else if (!quoted && (*text == '{' || *text == '['))
			depth++;
		else if (!quoted && depth && (*text == '}' || *text == ']'))
			depth--;
		if (depth > DEPTH_MAX)
			return true;
	}
	return false;
}

/* Reads a number if it is there; it must lie in [least, most]. */
static int take_number(const json_t *object, const char *name, json_int_t least, json_int_t most,
		       json_int_t *out, struct lend_error *error)
{
	const json_t *value = json_object_get(object, name);

	if (!value)
		return 0;
	if (!json_is_integer(value))
		return error_say(error, -EINVAL, "%s is no integer", name);
	*out = json_integer_value(value);
	if (*out < least || *out > most)
		return error_say(error, -EINVAL, "%s is %lld, which is outside of %lld to %lld", name,
				 (long long)*out, (long long)least, (long long)most);
	return 0;
}

static int take_bool(const json_t *object, const char *name, bool *out, struct lend_error *error)
{
	const json_t *value = json_object_get(object, name);

	if (!value)
		return 0;
	if (!json_is_boolean(value))
		return error_say(error, -EINVAL, "%s is neither true nor false", name);
	*out = json_is_true(value);
	return 0;
}

static int take_twin(const json_t *capabilities, struct wire_limits *out, struct lend_error *error)
{
	const json_t *twin = json_object_get(capabilities, "twin_socket");
	json_int_t index = -1;
	int ret;

	if (!twin)
		return 0;
	if (!json_is_object(twin))
		return error_say(error, -EINVAL, "twin_socket is no object");
	ret = take_bool(twin, "supported", &out->twin, error);
	if (!ret)
		ret = take_number(twin, "fd_index", 0, INT_MAX, &index, error);
	out->twin_fd = (int)index;
	return ret;
}

/* An int that is larger than what is useful is the most that is useful: the peer takes more. */
static int take_limits(const json_t *capabilities, struct wire_limits *out, struct lend_error *error)
{
	json_int_t fds = out->fds, data = (json_int_t)out->data, maps = out->maps,
		   pages = (json_int_t)out->page_sizes;
	int ret = take_number(capabilities, "max_msg_fds", 0, INT_MAX, &fds, error);

	if (!ret)
		ret = take_number(capabilities, "max_data_xfer_size", 1, INT_MAX, &data, error);
	if (!ret)
		ret = take_number(capabilities, "max_dma_maps", 0, INT_MAX, &maps, error);
	if (!ret)
		ret = take_number(capabilities, "pgsizes", 4096, LLONG_MAX, &pages, error);
	if (!ret)
		ret = take_bool(capabilities, "write_multiple", &out->write_multi, error);
	if (!ret)
		ret = take_twin(capabilities, out, error);
	if (ret < 0)
		return ret;
	if (pages & 4095)
		return error_say(error, -EINVAL, "pgsizes has a page of less than 4096 bytes");
	out->fds = (unsigned)fds;
	out->data = (size_t)data;
	out->maps = (unsigned)maps;
	out->page_sizes = (uint64_t)pages;
	return 0;
}

static int read_text(const char *text, struct wire_limits *out, struct lend_error *error)
{
	const json_t *capabilities;
	json_t *json;
	int ret = 0;

	if (is_deep(text))
		return error_say(error, -EINVAL, "the text of capabilities nests too deeply");
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(json)) {
		json_decref(json);
		return error_say(error, -EINVAL, "the text of capabilities is no JSON object");
	}
	capabilities = json_object_get(json, "capabilities");
	if (capabilities && !json_is_object(capabilities))
		ret = error_say(error, -EINVAL, "capabilities is no object");
	else if (capabilities)
		ret = take_limits(capabilities, out, error);
	json_decref(json);
	return ret;
}

int wire_version_read(const void *payload, size_t length, struct wire_limits *out, struct lend_error *error)
{
	struct wire_version version;
	const char *text;
	size_t size;

	*out = (struct wire_limits)WIRE_LIMITS_INIT;
	if (length < sizeof(version) || length > WIRE_VERSION_MAX)
		return error_say(error, -EINVAL, "the version has %zu bytes, instead of %zu to %d", length,
				 sizeof(version), WIRE_VERSION_MAX);
	text = (const char *)payload + sizeof(version);
	size = length - sizeof(version);
	memcpy(&version, payload, sizeof(version));
	out->major = version.major;
	out->minor = version.minor;
	if (!size)
		return 0;
	if (memchr(text, 0, size) != text + size - 1)
		return error_say(error, -EINVAL, "the text of capabilities does not end with its only NUL");
	return read_text(text, out, error);
}

static json_t *twin_object(const struct wire_limits *limits)
{
	json_t *twin = json_pack("{s:b}", "supported", 1);

	if (limits->twin_fd >= 0)
		json_object_set_new(twin, "fd_index", json_integer(limits->twin_fd));
	return twin;
}

/* max_msg_fds is always said: some clients take another number than 1 for its default. */
static json_t *text_object(const struct wire_limits *limits)
{
	static const struct wire_limits usual = WIRE_LIMITS_INIT;
	json_t *capabilities = json_pack("{s:i}", "max_msg_fds", (int)limits->fds);

	if (limits->data != usual.data)
		json_object_set_new(capabilities, "max_data_xfer_size",
				    json_integer((json_int_t)limits->data));
	if (limits->maps != usual.maps)
		json_object_set_new(capabilities, "max_dma_maps", json_integer(limits->maps));
	if (limits->page_sizes != usual.page_sizes)
		json_object_set_new(capabilities, "pgsizes", json_integer((json_int_t)limits->page_sizes));
	if (limits->write_multi)
		json_object_set_new(capabilities, "write_multiple", json_true());
	if (limits->twin)
		json_object_set_new(capabilities, "twin_socket", twin_object(limits));
	return json_pack("{s:o}", "capabilities", capabilities);
}

long wire_version_write(const struct wire_limits *limits, void *out, size_t room)
{
	struct wire_version version = {(uint16_t)limits->major, (uint16_t)limits->minor};
	json_t *json = text_object(limits);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	size_t length = text ? sizeof(version) + strlen(text) + 1 : 0;

	json_decref(json);
	if (!text)
		return -ENOMEM;
	if (length <= room) {
		memcpy(out, &version, sizeof(version));
		memcpy((char *)out + sizeof(version), text, length - sizeof(version));
	}
	free(text);
	return length <= room ? (long)length : -ENOSPC;
}
