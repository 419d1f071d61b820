/* SPDX-License-Identifier: MIT */
/* Tables of UTF-8; see unseen.h. */
#include <stddef.h>
#include <string.h>

#include "tool/run/unseen.h"

struct character {
	const char *bytes, *name;
};

static const struct character characters[] = {
	{"\xef\xbb\xbf", "a byte order mark (U+FEFF)"},
	{"\xc2\xa0", "a no-break space (U+00A0)"},
	{"\xc2\xad", "a soft hyphen (U+00AD)"},
	{"\xe2\x80\x8b", "a space without width (U+200B)"},
	{"\xe2\x80\x8c", "a joiner without width (U+200C)"},
	{"\xe2\x80\x8d", "a joiner without width (U+200D)"},
	{"\xe2\x80\x8e", "a mark of direction (U+200E)"},
	{"\xe2\x80\x8f", "a mark of direction (U+200F)"},
	{"\xe2\x80\xa8", "a line separator (U+2028)"},
	{"\xe2\x80\xaf", "a narrow no-break space (U+202F)"},
	{"\xe2\x81\xa0", "a joiner without width (U+2060)"},
	{"\xe3\x80\x80", "a wide space (U+3000)"},
	{"\xe2\x80\x9c", "a quote of a text document (U+201C)"},
	{"\xe2\x80\x9d", "a quote of a text document (U+201D)"},
	{"\xe2\x80\x9e", "a quote of a text document (U+201E)"},
	{"\xe2\x80\x98", "a quote of a text document (U+2018)"},
};

static const struct character dashes[] = {
	{"\xe2\x80\x90", "a hyphen (U+2010)"}, {"\xe2\x80\x91", "a hyphen (U+2011)"},
	{"\xe2\x80\x92", "a dash (U+2012)"},   {"\xe2\x80\x93", "a dash (U+2013)"},
	{"\xe2\x80\x94", "a dash (U+2014)"},   {"\xe2\x80\x95", "a dash (U+2015)"},
	{"\xe2\x88\x92", "a minus (U+2212)"},  {"\xef\xbc\x8d", "a wide dash (U+FF0D)"},
};

static const char *begins_with(const struct character *rows, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (!strncmp(text, rows[i].bytes, strlen(rows[i].bytes)))
			return rows[i].name;
	return NULL;
}

const char *unseen_dash(const char *text)
{
	return begins_with(dashes, sizeof(dashes) / sizeof(*dashes), text);
}

const char *unseen_find(const char *text)
{
	const char *name = unseen_dash(text);

	for (; *text && !name; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return c == '\r'   ? "a carriage return"
			       : c == 0x1b ? "an escape character"
					   : "a control character";
		name = begins_with(characters, sizeof(characters) / sizeof(*characters), text);
	}
	return name;
}
