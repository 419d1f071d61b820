# SPDX-License-Identifier: MIT
"""The samples of a run: kept as JSON, summed up, and compared with those of another run."""

import json
import math
import statistics
from pathlib import Path

from bench.rows import BY_KEY, COUNT, CURVES, MEMORY, ROWS, TIME

FORMAT = 1
LINEAR_TIME = 1.15
PROCESSORS = 2  # of the host that machines are started in at once
ENOUGH = 3  # samples of a time, to know its spread


class Figures:
    def __init__(self):
        self.conditions, self.commands, self.notes = {}, {}, []
        self.rows, self.curves, self.tables = {}, {}, {}

    def add(self, monitor, **values):
        for key, value in values.items():
            self.rows.setdefault(key, {}).setdefault(monitor, []).append(value)

    def add_point(self, key, monitor, x, value):
        self.curves.setdefault(key, {}).setdefault(monitor, {}).setdefault(str(x), []).append(value)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def save(self, path):
        whole = {"format": FORMAT, **self.__dict__}
        new = Path(f"{path}.new")
        new.write_text(json.dumps(whole, indent=1) + "\n")
        new.rename(path)

    @classmethod
    def load(cls, path):
        whole = json.loads(Path(path).read_text())
        if not isinstance(whole, dict) or whole.pop("format", None) != FORMAT:
            raise ValueError(f"{path}: no figures of this benchmark")
        figures = cls()
        figures.__dict__.update(whole)
        return figures

    def median(self, key, monitor):
        values = self.rows.get(key, {}).get(monitor)
        return statistics.median(values) if values else None

    def points(self, key, monitor):
        """[(x, median)]"""
        return [(float(x), statistics.median(v))
                for x, v in sorted(self.curves.get(key, {}).get(monitor, {}).items(),
                                   key=lambda item: float(item[0]))]

    def monitors(self):
        """lend first."""
        return list(dict.fromkeys(m for of in self.rows.values() for m in of))

    def goals(self):
        """[(row, peer or "", goal, value, whether it holds)] of what was measured."""
        found = []
        for row in ROWS:
            ours = self.median(row.key, "lend")
            for peer, goal in row.goals if ours is not None else ():
                theirs = self.median(row.key, peer) if peer else 1
                if not theirs:
                    continue
                value = ours / theirs
                found.append((row, peer, goal, value, value >= goal if row.speed else value <= goal))
        return found

    def growth(self):
        """[(curve, monitor, slope at the end to the slope before it, or None)]; 1 is linear. None: it did not grow."""
        found = []
        for curve in CURVES:
            for monitor in self.curves.get(curve.key, {}):
                points = self.points(curve.key, monitor)
                if len(points) >= 3:
                    (x1, y1), (x2, y2), (x3, y3) = points[-3:]
                    before = (y2 - y1) / (x2 - x1)
                    last = (y3 - y2) / (x3 - x2)
                    found.append((curve, monitor, last / before if before > 0 else math.inf if last > 0 else None))
        return found

    def together(self, monitor="lend"):
        """[(machines, p99 to the median of one, the same for each machine of a processor)]; 1 is linear at last."""
        points = self.points("together_p99_s", monitor)
        alone = dict(points).get(1)
        return [(int(n), y / alone, y / alone / max(n / PROCESSORS, 1)) for n, y in points] if alone else []


def shown(value):
    """A value with as many digits as say something."""
    if value is None or math.isinf(value):
        return "–" if value is None else "from nothing"
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def linear(curve, value):
    """Whether growth is linear or better; a time may differ by what a run does."""
    return value is None or value <= (LINEAR_TIME if curve.kind == TIME else 1)


def _moved(key, old, new):
    """None: it cannot be said. Else whether each median is outside of the other's samples."""
    if BY_KEY[key].kind not in (COUNT, MEMORY) and min(len(old), len(new)) < ENOUGH:
        return None
    a, b = statistics.median(old), statistics.median(new)
    return not min(old) <= b <= max(old) and not min(new) <= a <= max(new)


def _samples(figures):
    """{(key, monitor, x or ""): samples}"""
    found = {(key, monitor, ""): v for key, of in figures.rows.items() for monitor, v in of.items()}
    for key, of in figures.curves.items():
        found.update({(key, monitor, x): v for monitor, at in of.items() for x, v in at.items()})
    return {where: v for where, v in found.items() if where[0] in BY_KEY}


def ratios(figures):
    """{(key, monitor): lend's samples to the peer's, of the same round}: the host's load is in both."""
    found = {}
    for key, of in figures.rows.items():
        for monitor, theirs in of.items():
            if key in BY_KEY and monitor != "lend" and "lend" in of and all(theirs):
                found[key, monitor] = [a / b for a, b in zip(of["lend"], theirs)]
    return found


def compare(old, new):
    """Lines: what moved beyond the spread of the runs, and what cannot be said."""
    moved, unknown, same = [], [], 0
    before, after = _samples(old), _samples(new)
    pairs = [(where, before[where], after[where],
              f"{BY_KEY[where[0]].text}, {where[1]}" + (f", {where[2]} {BY_KEY[where[0]].x}" if where[2] else ""))
             for where in before if where in after]
    before, after = ratios(old), ratios(new)
    pairs += [(where, before[where], after[where], f"{BY_KEY[where[0]].text}, lend to {where[1]}")
              for where in before if where in after]
    for where, a, b, text in pairs:
        verdict = _moved(where[0], a, b)
        if verdict is None:
            unknown.append(text)
        elif verdict:
            was, now = statistics.median(a), statistics.median(b)
            moved.append(f"moved: {text}: {shown(was)} -> {shown(now)}"
                         + (f" ({now / was - 1:+.0%})" if was else ""))
        else:
            same += 1
    return [*moved, f"{len(moved)} moved, {same} within the spread"
            + (f", {len(unknown)} have too few samples to say" if unknown else "")]
