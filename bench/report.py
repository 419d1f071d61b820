# SPDX-License-Identifier: MIT
"""The report of a run: one HTML file that needs neither a script nor another file."""

import base64
import html
import shlex
import statistics

from bench import plots
from bench.figures import linear, shown
from bench.rows import CURVES, ROWS

STYLE = """
body { font: 15px/1.5 sans-serif; color: #222; max-width: 1160px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.7em } h2 { font-size: 1.25em; margin-top: 2em; border-bottom: 1px solid #ccc }
table { border-collapse: collapse; margin: 1em 0; width: 100% }
th, td { padding: .3em .7em; text-align: right; border-bottom: 1px solid #e4e4e4; vertical-align: top }
th:first-child, td:first-child { text-align: left } thead th { border-bottom: 2px solid #999 }
.yes { color: #17692f } .no { color: #b3261e; font-weight: bold } .how { color: #666; font-size: .86em }
pre { background: #f5f5f5; padding: .8em; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .86em }
img { margin: .4em 0; max-width: 100% }
"""


def picture(svg, text):
    data = base64.b64encode(svg).decode()
    return f'<img alt="{html.escape(text)}" src="data:image/svg+xml;base64,{data}">'


def table(head, rows):
    """Cells are HTML."""
    return ("<table><thead><tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr></thead><tbody>"
            + "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
            + "</tbody></table>")


def mark(holds):
    return '<span class="yes">reached</span>' if holds else '<span class="no">not reached</span>'


def goals(figures):
    rows = []
    for row, peer, goal, value, holds in figures.goals():
        of = f" to {html.escape(peer)}" if peer else (f", {row.unit}" if row.unit else "")
        rows.append((html.escape(row.text) + of, shown(value), ("at least " if row.speed else "") + shown(goal),
                     mark(holds)))
    return table(("figure", "measured", "goal", ""), rows)


def cell(samples):
    """The median, and below it the least and the most if they differ."""
    if not samples:
        return shown(None)
    least, most = min(samples), max(samples)
    spread = f'<div class="how">{shown(least)} to {shown(most)}</div>' if least != most else ""
    return shown(statistics.median(samples)) + spread


def medians(figures):
    """A column for each monitor that was launched; the others of a row stand below its text."""
    names = [name for name in figures.monitors() if name in figures.commands] or figures.monitors()
    rows = []
    for row in ROWS:
        of = figures.rows.get(row.key, {})
        others = "".join(f"<div>{html.escape(name)}: {shown(statistics.median(samples))}</div>"
                         for name, samples in of.items() if name not in names)
        text = html.escape(row.text + (f", {row.unit}" if row.unit else ""))
        if of:
            rows.append((f'{text}<div class="how">{html.escape(row.how)}{others}</div>',
                         *(cell(of.get(name)) for name in names)))
    return table(("figure", *map(html.escape, names)), rows)


def bars(figures):
    found = []
    for row in ROWS:
        of = figures.rows.get(row.key, {})
        values = [(name, figures.median(row.key, name), min(v), max(v)) for name, v in of.items()]
        if len(of) > 1 and any(most for *_, most in values):
            found.append(picture(plots.bars(row.text, row.unit, values), row.text))
    return "".join(found)


def curves(figures):
    found = []
    for curve in CURVES:
        lines = {name: figures.points(curve.key, name) for name in figures.curves.get(curve.key, {})}
        if lines and max(map(len, lines.values())) > 1:
            found.append(picture(plots.curves(curve.text, curve.unit, curve.x, lines), curve.text))
    at_once = [(n, shown(ratio), shown(each)) for n, ratio, each in figures.together()]
    growth = [(html.escape(f"{curve.text}, {monitor}"), shown(value) if value is not None else "did not grow",
               mark(linear(curve, value))) for curve, monitor, value in figures.growth()]
    found.append(table(("machines started at once", "p99 of a start to the median of one",
                        "the same for each machine that shares a processor; the goal is no step"), at_once)
                 if at_once else "")
    found.append(table(("the last piece of a curve, its slope to that of the piece before it; the goal is 1, linear, "
                        "or less", "measured", ""), growth) if growth else "")
    return "".join(found)


def paths(figures):
    of = figures.tables.get("paths")
    if not of:
        return ""
    return "<h2>Hot paths</h2>" + table(
        ("path, on the device for tests", "instructions", "ns", "routing updates", "irqfd changes",
         "calls to the device"),
        [(html.escape(name.replace("_", " ")), *(shown(at[k]) for k in ("instructions", "ns", "routings", "irqfds",
                                                                       "calls"))) for name, at in of.items()])


def ioctls(figures):
    of = figures.tables.get("ioctls")
    if not of:
        return ""
    names = sorted({n for counts in of.values() for n in counts},
                   key=lambda n: -max(counts.get(n, 0) for counts in of.values()))[:20]
    return "<h2>Ioctls, launch to driver bound</h2>" + table(
        ("the most frequent ones", *map(html.escape, of)),
        [(html.escape(n), *(shown(counts.get(n, 0)) for counts in of.values())) for n in names])


def interrupts(figures):
    """What the guest's kernel said of the interrupts that a row was measured with."""
    of = figures.tables.get("interrupts")
    if not of:
        return ""
    return "<h2>Interrupts in use</h2>" + table(
        ("row, monitor", "/proc/interrupts of the guest"),
        [(html.escape(name), "<br>".join(map(html.escape, lines))) for name, lines in of.items()])


def events(trace):
    """([(name, lane, start ms, length ms)], [(mark, ms)]) of a file in the Trace Event format."""
    found, marks, begun, lanes = [], [], {}, {}
    for event in trace["traceEvents"] if isinstance(trace, dict) else trace:
        lane, at = (event.get("pid"), event.get("tid")), event.get("ts", 0) / 1000
        kind = event.get("ph")
        if kind == "M" and event.get("name") == "thread_name":
            lanes[lane] = event["args"]["name"]
        elif kind == "X":
            found.append((event["name"], lane, at, event.get("dur", 0) / 1000))
        elif kind == "B":
            begun.setdefault(lane, []).append((event["name"], at))
        elif kind == "E" and begun.get(lane):
            name, start = begun[lane].pop()
            found.append((name, lane, start, at - start))
        elif kind in ("i", "I"):
            marks.append((event["name"], at))
    return [(name, lanes.get(lane, str(lane[1])), *times) for name, lane, *times in found], marks


def timeline(figures):
    spans, marks = events(figures.tables.get("trace", []))
    if not spans:
        return "<p>This build of lend writes no trace of a start.</p>"
    rows = [(html.escape(name), f"{at:,.1f}") for name, at in marks]
    return picture(plots.timeline(spans, marks), "timeline of a start") + (
        table(("moment of that start", "ms since it began"), rows) if rows else "")


def conditions(figures):
    return table(("condition", ""), [(html.escape(k), html.escape(str(v))) for k, v in figures.conditions.items()])


def write(figures, path):
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in figures.notes)
    commands = "".join(f"<p>{html.escape(name)}</p><pre>{html.escape(shlex.join(words))}</pre>"
                       for name, words in figures.commands.items())
    path.write_text(f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>lend: the benchmark</title><style>{STYLE}</style></head><body>
<h1>lend beside other monitors</h1>
<p>The same guest, kernel and device for each monitor, one after the other. Numbers are medians; lines on the bars
show the least and the most. Times of a host in software emulation carry over as ratios alone.</p>
<h2>Goals</h2>{goals(figures)}
<h2>Side by side</h2>{bars(figures)}{medians(figures)}
<h2>Growth</h2>{curves(figures)}
<h2>One start</h2>{timeline(figures)}
{paths(figures)}{ioctls(figures)}{interrupts(figures)}
<h2>What is not here</h2><ul>{notes or "<li>Nothing was left out.</li>"}</ul>
<h2>Conditions</h2>{conditions(figures)}
<h2>Command lines</h2>{commands}
</body></html>
""")
