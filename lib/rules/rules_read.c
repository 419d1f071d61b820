/* SPDX-License-Identifier: MIT */
/*
 * Parsing one rule from JSON. A key that is not known, a value of another type
 * and a number out of range are errors: a rule that does not do what its writer
 * meant is worse than none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lend/device.h"
#include "lib/error.h"
#include "lib/hex.h"
#include "lib/rules/rules.h"

/* A key of an object, and how its value is read. */
struct key {
	const char *name;
	int (*read)(const struct key *key, const json_t *value, void *out, struct lend_error *error);
	size_t offset; /* added to `out` before `read` gets it */
	uint64_t most; /* the largest number */
};

static int read_keys(const json_t *object, const struct key *keys, void *out, struct lend_error *error)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return error_say(error, -EINVAL, "is no object: it begins with { and ends with }");
	json_object_foreach((json_t *)object, name, value)
	{
		const struct key *key = keys;
		int ret;

		while (key->name && strcmp(key->name, name))
			key++;
		if (!key->name)
			return error_say(error, -EINVAL, "there is no key '%.40s'", name);
		ret = key->read(key, value, (char *)out + key->offset, error);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* 1 to 16 hexadecimal digits, and nothing else. */
static bool hex(const char *text, size_t length, uint64_t *out)
{
	uint64_t value = 0;

	if (!length || length > 16)
		return false;
	for (size_t i = 0; i < length; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0)
			return false;
		value = value << 4 | (uint64_t)digit;
	}
	*out = value;
	return true;
}

/* A number of JSON, or a string "0x…", since JSON has no hexadecimal numbers. */
static int number(const char *name, const json_t *value, uint64_t most, uint64_t *out,
		  struct lend_error *error)
{
	const char *text = json_string_value(value);
	bool good;

	if (json_is_integer(value)) {
		good = json_integer_value(value) >= 0;
		*out = (uint64_t)json_integer_value(value);
	} else {
		good = text && json_string_length(value) > 2 && !strncmp(text, "0x", 2) &&
		       hex(text + 2, json_string_length(value) - 2, out);
	}
	if (!good)
		return error_say(error, -EINVAL,
				 "%s is no number: write it as 4096, or in quotes as \"0x1000\"", name);
	if (*out > most)
		return error_say(error, -EINVAL, "%s is 0x%llx, the most is 0x%llx", name,
				 (unsigned long long)*out, (unsigned long long)most);
	return 0;
}

static int read_number(const struct key *key, const json_t *value, void *out, struct lend_error *error)
{
	return number(key->name, value, key->most, out, error);
}

static int read_switch(const struct key *key, const json_t *value, void *out, struct lend_error *error)
{
	if (!json_is_boolean(value))
		return error_say(error, -EINVAL, "%s is neither true nor false", key->name);
	*(bool *)out = json_is_true(value);
	return 0;
}

static int read_text(const struct key *key, const json_t *value, void *out, struct lend_error *error)
{
	(void)out; /* a comment is for people */
	return json_is_string(value) ? 0 : error_say(error, -EINVAL, "%s is no text", key->name);
}

/* An id of four digits, as lspci -nn prints it. */
struct id {
	bool given;
	uint16_t value;
};

static int read_id(const struct key *key, const json_t *value, void *out, struct lend_error *error)
{
	struct id *id = out;
	uint64_t read;

	if (!json_is_string(value) || json_string_length(value) != 4 ||
	    !hex(json_string_value(value), 4, &read))
		return error_say(error, -EINVAL, "%s is not four hexadecimal digits in quotes, like \"10de\"",
				 key->name);
	*id = (struct id){true, (uint16_t)read};
	return 0;
}

struct class
{
	uint32_t value, mask;
};

/* A base class "03", with a subclass "0300", with an interface "030000". */
static int read_class(const struct key *key, const json_t *value, void *out, struct lend_error *error)
{
	struct class *class = out;
	size_t length = json_is_string(value) ? json_string_length(value) : 0;
	unsigned shift = 4 * (6 - (unsigned)length);
	uint64_t read;

	if ((length != 2 && length != 4 && length != 6) || !hex(json_string_value(value), length, &read))
		return error_say(
			error, -EINVAL,
			"%s is not 2, 4 or 6 hexadecimal digits in quotes, like \"0300\" for VGA adapters",
			key->name);
	*class = (struct class){(uint32_t)read << shift, UINT32_C(0xffffff) << shift & 0xffffff};
	return 0;
}

struct match {
	struct id vendor, device, subsystem_vendor, subsystem;
	struct class class;
};

static const struct key match_keys[] = {
	{"vendor", read_id, offsetof(struct match, vendor), 0},
	{"device", read_id, offsetof(struct match, device), 0},
	{"subsystem_vendor", read_id, offsetof(struct match, subsystem_vendor), 0},
	{"subsystem", read_id, offsetof(struct match, subsystem), 0},
	{"class", read_class, offsetof(struct match, class), 0},
	{NULL, NULL, 0, 0},
};

static int read_match(const struct key *key, const json_t *value, void *out, struct lend_error *error)
{
	struct rule *rule = out;
	struct match match = {0};
	int ret = read_keys(value, match_keys, &match, error);

	(void)key;
	if (ret < 0)
		return ret;
	if (!json_object_size(value))
		return error_say(error, -EINVAL, "match is empty: give a vendor, or a class");
	rule->match = (struct rule_match){
		.vendor_given = match.vendor.given,
		.device_given = match.device.given,
		.subsystem_vendor_given = match.subsystem_vendor.given,
		.subsystem_given = match.subsystem.given,
		.vendor = match.vendor.value,
		.device = match.device.value,
		.subsystem_vendor = match.subsystem_vendor.value,
		.subsystem = match.subsystem.value,
		.class_code = match.class.value,
		.class_mask = match.class.mask,
	};
	return 0;
}

/* Refuses what is no list, or has more than `room` elements. */
static int check_list(const char *name, const json_t *value, size_t room, struct lend_error *error)
{
	if (!json_is_array(value))
		return error_say(error, -EINVAL, "%s is no list", name);
	if (json_array_size(value) > room)
		return error_say(error, -EINVAL, "%s has more than %zu elements", name, room);
	return 0;
}

static int read_ids(const struct key *key, const json_t *value, uint16_t *ids, unsigned *count,
		    struct lend_error *error)
{
	int ret = check_list(key->name, value, RULES_CAPS_MAX, error);

	for (size_t i = 0; !ret && i < json_array_size(value); i++) {
		uint64_t id;

		ret = number(key->name, json_array_get(value, i), key->most, &id, error);
		if (!ret)
			ids[(*count)++] = (uint16_t)id;
	}
	return ret;
}

static int read_caps(const struct key *key, const json_t *value, void *out, struct lend_error *error)
{
	struct rule *rule = out;

	return read_ids(key, value, rule->caps, &rule->cap_count, error);
}

static int read_extended(const struct key *key, const json_t *value, void *out, struct lend_error *error)
{
	struct rule *rule = out;

	return read_ids(key, value, rule->extended, &rule->extended_count, error);
}

static int read_vendors(const struct key *key, const json_t *value, void *out, struct lend_error *error)
{
	struct rule *rule = out;
	int ret = check_list(key->name, value, RULES_VENDORS_MAX, error);

	for (size_t i = 0; !ret && i < json_array_size(value); i++) {
		struct id id;

		ret = read_id(key, json_array_get(value, i), &id, error);
		if (!ret)
			rule->vendors[rule->vendor_count++] = id.value;
	}
	return ret;
}

struct trap {
	uint64_t bar, offset, length;
};

static const struct key trap_keys[] = {
	{"bar", read_number, offsetof(struct trap, bar), LEND_DEVICE_BARS - 1},
	{"offset", read_number, offsetof(struct trap, offset), INT64_MAX},
	{"length", read_number, offsetof(struct trap, length), INT64_MAX},
	{NULL, NULL, 0, 0},
};

static int read_traps(const struct key *key, const json_t *value, void *out, struct lend_error *error)
{
	struct rule *rule = out;
	int ret = check_list(key->name, value, RULES_TRAPS_MAX, error);

	for (size_t i = 0; !ret && i < json_array_size(value); i++) {
		const json_t *json = json_array_get(value, i);
		struct trap trap = {0};
		struct lend_error inner = {{0}};

		if (read_keys(json, trap_keys, &trap, &inner) < 0)
			ret = error_say(error, -EINVAL, "trap %zu: %.120s", i + 1, inner.text);
		else if (json_object_size(json) != 3 || !trap.length)
			ret = error_say(error, -EINVAL,
					"trap %zu: it needs a bar, an offset, and a length that is not 0",
					i + 1);
		else
			rule->traps[rule->trap_count++] =
				(struct rule_trap){(unsigned)trap.bar, trap.offset, trap.length};
	}
	return ret;
}

static int read_resets(const struct key *key, const json_t *value, void *out, struct lend_error *error)
{
	struct rule *rule = out;
	int ret = check_list(key->name, value, RESET_WORDS, error);

	for (size_t i = 0; !ret && i < json_array_size(value); i++) {
		const char *word = json_string_value(json_array_get(value, i));
		unsigned n = 0;

		while (n < RESET_WORDS && word && strcmp(word, reset_words[n]))
			n++;
		if (!word || n == RESET_WORDS)
			return error_say(
				error, -EINVAL,
				"%s: '%.40s' is none of device_specific, acpi, flr, af_flr, pm, bus, "
				"cxl_bus",
				key->name, word ? word : "that");
		rule->broken_resets |= 1u << n;
	}
	return ret;
}

static const struct key rule_keys[] = {
	{"comment", read_text, 0, 0},
	{"match", read_match, 0, 0},
	{"deny_capabilities", read_caps, 0, UINT8_MAX},
	{"deny_extended_capabilities", read_extended, 0, UINT16_MAX},
	{"close_vendor_registers", read_vendors, 0, 0},
	{"trap", read_traps, 0, 0},
	{"forbid_intx", read_switch, offsetof(struct rule, forbid_intx), 0},
	{"deny_rom", read_switch, offsetof(struct rule, deny_rom), 0},
	{"broken_resets", read_resets, 0, 0},
	{"strict_config", read_switch, offsetof(struct rule, strict), 0},
	{NULL, NULL, 0, 0},
};

int rule_read(const json_t *json, struct rule *out, struct lend_error *error)
{
	int ret = read_keys(json, rule_keys, out, error);

	if (!ret && !json_object_get(json, "match"))
		ret = error_say(error, -EINVAL, "it has no match: say which devices it is for");
	return ret;
}
