# SPDX-License-Identifier: MIT
"""Reads text from a picture of a screen that UEFI firmware has drawn.

    screen = Screen(path)              # a PPM, as QEMU's screendump writes it
    letters = screen.learn(ALPHABET)   # {cell: letter}, from the line that says it
    screen.text(letters)               # all lines; what is not known is a "?"

Rules: a letter is a cell of 8 by 19 points, and the text stands in the middle of the
screen, as EDK II draws it. No font is known here: the letters are learned from a line
whose text is known. What is not of a cell's most frequent colour is its letter.
"""

import collections
import string

WIDTH, HEIGHT, COLOUR = 8, 19, 3
MODES = ((80, 25), (80, 50), (100, 31))
ALPHABET = string.ascii_letters + string.digits + ":.-_()"


class Screen:
    def __init__(self, path):
        header, self._points = path.read_bytes().split(b"\n255\n", 1)
        kind, width, height = header.split()
        assert kind == b"P6"
        self.width, self.height = int(width), int(height)
        assert len(self._points) == self.width * self.height * COLOUR

    def colours(self):
        """How many points there are of each colour."""
        points = self._points
        return collections.Counter(zip(points[::3], points[1::3], points[2::3], strict=True))

    def _cell(self, x, y):
        """The letter at a point: a number whose bits are set where it is drawn; 0 is a blank."""
        lines = []
        for row in range(y, y + HEIGHT):
            at = (row * self.width + x) * COLOUR
            lines.append(self._points[at:at + WIDTH * COLOUR])
        ground = lines[0][:COLOUR]
        if all(line == ground * WIDTH for line in lines):
            return 0
        whole = b"".join(lines)
        points = [whole[n:n + COLOUR] for n in range(0, len(whole), COLOUR)]
        ground = collections.Counter(points).most_common(1)[0][0]
        return sum(1 << n for n, point in enumerate(points) if point != ground)

    def lines(self, columns, rows):
        """The cells of each line, if the text is of so many columns and rows."""
        left, top = (self.width - columns * WIDTH) // 2, (self.height - rows * HEIGHT) // 2
        if left < 0 or top < 0:
            return []
        return [[self._cell(left + c * WIDTH, top + r * HEIGHT) for c in range(columns)]
                for r in range(rows)]

    def learn(self, text):
        """The letters of a line that is this text and no more; no two of its letters are the same."""
        for mode in MODES:
            for line in self.lines(*mode):
                said = line[:len(text)]
                if 0 not in said and len(set(said)) == len(text) and not any(line[len(text):]):
                    return dict(zip(said, text, strict=True))
        raise AssertionError(f"no line of the screen can be {text!r}")

    def text(self, letters):
        """The lines in the mode in which most letters are known."""
        letters = {0: " ", **letters}

        def known(lines):
            return sum(cell != 0 and cell in letters for line in lines for cell in line)

        best = max((self.lines(*mode) for mode in MODES), key=known)
        return "\n".join("".join(letters.get(cell, "?") for cell in line).rstrip() for line in best)
