# SPDX-License-Identifier: MIT
"""Runs one monitor from its launch to what its guest's driver does, and prints a line of JSON.

    launch.py MIB reads|pings|none COUNT -- COMMAND...
"""

import json
import sys

from measure import WRITTEN, Monitor, counters, exits_of, private, user_exits

ROUNDS = 2


def main():
    guest_mib, what, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    monitor = Monitor(sys.argv[5:])
    first, _ = monitor.wait("bench: first")
    at_first = counters()
    bound, _ = monitor.wait("bench: bound")
    at_bound = counters()
    result = {
        "first_s": round(first, 3), "bound_s": round(bound, 3),
        "exits_first": at_first["exits"], "exits_bound": at_bound["exits"],
        "user_exits_first": user_exits(at_first), "user_exits_bound": user_exits(at_bound),
        "private_kib": private(monitor.pid, guest_mib), "written_kib": private(monitor.pid, guest_mib, WRITTEN),
    }
    if what != "none":
        exits_of(monitor, what, count)  # warm: the driver's last set-up is behind it
        exits = min(exits_of(monitor, what, count) for _ in range(ROUNDS))
        lines = [line for line in monitor.ask("lines") if ":" in line and "bench" not in line]
        result.update(each=round(exits / count, 3), lines=lines)
    result["status"] = monitor.end()
    print(json.dumps(result))


main()
