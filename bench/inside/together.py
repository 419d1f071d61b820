# SPDX-License-Identifier: MIT
"""Starts machines at the same time: seconds of each to its guest's first process, as a line of JSON.

    together.py NUMBER -- COMMAND...
"""

import json
import sys
import threading

from measure import Monitor

took, lock = [], threading.Lock()


def watch(monitor):
    try:
        said = round(monitor.wait("bench: first")[0], 3)
        monitor.wait("bench: bound")
        with lock:
            took.append(said)
    except SystemExit as e:
        print(e, file=sys.stderr)


number = int(sys.argv[1])
monitors = [Monitor(sys.argv[3:]) for _ in range(number)]
threads = [threading.Thread(target=watch, args=(m,)) for m in monitors]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for monitor in monitors:
    monitor.end()
if len(took) < number:
    sys.exit(f"{number - len(took)} of {number} guests did not come up")
print(json.dumps({"first_s": sorted(took)}))
