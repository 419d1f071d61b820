# SPDX-License-Identifier: MIT
"""How long is waited at most for what comes.

Rules: a limit that is written in lab/ and in tests/lab says what is plenty on a computer with
nothing else to do. Who waits asks `patient` for it. One factor for all of them is 1 for who uses the
lab by hand, and more for the tests, which run on slower and busier computers, too (conftest.py). A
limit ends what hangs and decides nothing else, so a larger one costs nothing where nothing hangs.
"""

import os

factor = float(os.environ.get("LAB_PATIENCE", 1))


def patient(seconds):
    return seconds * factor
