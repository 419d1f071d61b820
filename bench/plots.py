# SPDX-License-Identifier: MIT
"""Pictures for the report, drawn by gnuplot as SVG."""

import subprocess

COLOURS = ("#1b6ca8", "#c8553d", "#d9a441", "#6a8d73", "#7a5c8e", "#555555")
MONITORS = ("lend", "q35", "microvm")  # which have the first colours in every picture
HEAD = """set terminal svg size {width},{height} font 'sans-serif,13' background '#ffffff'
set border 3 lc rgb '#999999'
set tics nomirror tc rgb '#333333'
set grid ytics lc rgb '#dddddd' lt 1
"""


def draw(script, width=560, height=300):
    """The SVG, as bytes."""
    return subprocess.run(["gnuplot"], input=(HEAD.format(width=width, height=height) + script).encode(),
                          check=True, capture_output=True).stdout


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def colours(names):
    """One for each; whoever is no known monitor gets the next of the others."""
    others = 0
    for name in names:
        known = name in MONITORS
        at = MONITORS.index(name) if known else len(MONITORS) + others % (len(COLOURS) - len(MONITORS))
        others += not known
        yield COLOURS[at]


def title(text, unit):
    return f"set title {quoted(text + (f', {unit}' if unit else ''))} noenhanced\n"


def bars(text, unit, values):
    """values: [(monitor, median, least, most)]. A bar each, with its number and its spread."""
    rows = "\n".join(f"{n} {m} {low} {high} {n}" for n, (_, m, low, high) in enumerate(values))
    tics = ", ".join(f"{quoted(name)} {n}" for n, (name, *_) in enumerate(values))
    palette = "".join(f"set linetype {n + 1} lc rgb '{colour}'\n"
                      for n, colour in enumerate(colours(name for name, *_ in values)))
    labels = "".join(f"set label {quoted(number(m))} at {n},{high} center offset 0,0.8 noenhanced\n"
                     for n, (_, m, _, high) in enumerate(values))
    top = max(high for *_, high in values) or 1
    return draw(title(text, unit) + palette + labels + f"""$data << EOD
{rows}
EOD
set boxwidth 0.6
set style fill solid 0.9 noborder
set xtics ({tics}) noenhanced
set xrange [-0.6:{len(values) - 0.4}]
set yrange [0:{top * 1.15}]
plot $data using 1:2:($5+1) with boxes lc variable notitle, \\
     $data using 1:3:(0):($4-$3) with vectors nohead lc rgb '#333333' lw 2 notitle
""")


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def curves(text, unit, x, lines):
    """lines: {monitor: [(x, y)]}."""
    data = "".join(f"$d{n} << EOD\n" + "\n".join(f"{a} {b}" for a, b in points) + "\nEOD\n"
                   for n, points in enumerate(lines.values()))
    plots = ", ".join(f"$d{n} using 1:2 with linespoints lw 2 pt 7 ps 0.6 "
                      f"lc rgb '{colour}' title {quoted(name)} noenhanced"
                      for n, (name, colour) in enumerate(zip(lines, colours(lines))))
    return draw(title(text, unit) + data + f"set xlabel {quoted(x)}\nset key outside top center horizontal\n"
                f"set yrange [0:*]\nset xrange [0:*]\nplot {plots}\n")


def timeline(spans, marks, limit=32):
    """spans: [(name, lane, start ms, length ms)] of one start, of which the longest are shown; marks: [(name, ms)]."""
    lanes = list(dict.fromkeys(span[1] for span in spans))
    end = max(start + length for _, _, start, length in spans)
    spans = sorted(sorted(spans, key=lambda s: -s[3])[:limit], key=lambda s: s[2])
    text = ""
    for row, (name, lane, start, length) in enumerate(spans):
        y, stop = len(spans) - row, max(start + length, start + end / 1000)
        at, side = (stop, "left offset 0.5,0") if stop < end * 0.6 else \
            (start, "right offset -0.5,0") if start > end * 0.4 else \
            (start, "left offset 0.5,0 tc rgb '#ffffff'")  # inside of a long one
        text += (f"set object rectangle from {start},{y - 0.35} to {stop},{y + 0.35} "
                 f"fc rgb '{COLOURS[lanes.index(lane) % len(COLOURS)]}' fs solid 0.9 noborder\n"
                 f"set label {quoted(f'{lane}: {name}  {number(length)}')} at {at},{y} {side} noenhanced font ',11'\n")
    for name, at in marks:
        if at <= end * 1.05:
            text += (f"set arrow from {at},0 to {at},{len(spans) + 1} nohead lc rgb '#333333' dt 2\n"
                     f"set label {quoted(name)} at {at},{len(spans) + 0.6} right offset -0.5,0 noenhanced font ',11'\n")
    return draw(title("A start", "ms") + text + f"unset ytics\nset grid noytics xtics\nset xrange [0:{end * 1.05}]\n"
                f"set yrange [0:{len(spans) + 1.2}]\nplot -1 notitle\n", 1140, 100 + 24 * len(spans))
