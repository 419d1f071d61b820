# SPDX-License-Identifier: MIT
"""The parts that need neither a guest nor VFIO: programs of bench/ on this computer."""

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "build/bench"
COUNTED = 1000  # times that a path is run to count its instructions


def run_json(*words):
    return json.loads(subprocess.run([str(w) for w in words], check=True, capture_output=True, text=True).stdout)


def instructions(path):
    """Of one time, by valgrind; the same number each time for one build."""
    out = BUILT / "callgrind.out"
    subprocess.run(["valgrind", "--tool=callgrind", "--toggle-collect=path_turn",
                    f"--callgrind-out-file={out}", BUILT / "paths", path, str(COUNTED)],
                   check=True, capture_output=True)
    return round(int(re.search(r"^summary: (\d+)", out.read_text(), re.M)[1]) / COUNTED, 1)


def paths(run):
    got = run_json(BUILT / "paths")
    for vectors, us in got.pop("vectors_us").items():
        run.figures.add_point("vectors_us", "lend", vectors, us)
    for ns in got["config_read"]["ns"]:
        run.figures.add("lend", config_read_ns=ns)
    run.figures.add("lend", mask_routes=got["mask_unmask"]["routings"], mask_irqfds=got["mask_unmask"]["irqfds"])
    table = run.figures.tables.setdefault("paths", {})
    for name, of in got.items():
        table[name] = {"instructions": instructions(name), "ns": sorted(of["ns"])[len(of["ns"]) // 2],
                       **{k: of[k] for k in ("routings", "irqfds", "calls")}}
        run.say(f"{name}: {table[name]['instructions']} instructions, {table[name]['ns']} ns")
    for speed in run_json(BUILT / "populate")["speed"]:
        run.figures.add("lend", populate=speed)
