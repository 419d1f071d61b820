# SPDX-License-Identifier: MIT
"""Mutants written by hand (tests/mutants), and which of them a change needs.

A patch changes one file. "Test: FILE.c:NAME" in its first line names the test
that has to see it.
"""

import os
import random
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from mutant_programs import TOP, Trouble, say
from mutants import Mutant

LIST = "tests/mutants"
CHOSEN = 10  # at random, and of those that a change touches at the most


def patches(path):
    """A patch, or all in a folder and its folders."""
    path = Path(path)
    return sorted(path.rglob("*.patch")) if path.is_dir() else [path]


def target_of(patch):
    paths = set(re.findall(r"^\+\+\+ (?:b/)?(\S+)", Path(patch).read_text(), re.M))
    if len(paths) != 1:
        raise Trouble(f"{patch} has to change one file")
    return paths.pop()


def from_patch(patch):
    """The mutant that a unified diff against the tree makes; it changes one file."""
    path, text = target_of(patch), Path(patch).read_text()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path
        copy.parent.mkdir(parents=True)
        shutil.copy(TOP / path, copy)
        result = subprocess.run(["git", "apply", "--recount", str(Path(patch).resolve())], cwd=folder,
                                env=dict(os.environ, GIT_CEILING_DIRECTORIES=str(Path(folder).parent)),
                                capture_output=True, text=True)
        if result.returncode:
            raise Trouble(f"{patch} does not apply: {result.stderr.strip()}")
        changed = copy.read_text()
    first, context = re.search(r"^@@ -(\d+).*\n((?: .*\n)*)", text, re.M).groups()
    test = re.match(r"Test: (\w+)\.c:(\w+)\n", text)
    # Where it changes several lines, gcov's word on one of them says too little.
    return Mutant(path, int(first) + context.count("\n"), Path(patch).stem, changed, in_code=False,
                  test=test.groups() if test else None)


def git(*words):
    """What it prints; None: it fails."""
    result = subprocess.run(["git", *words], cwd=TOP, capture_output=True, text=True)
    return result.stdout.strip() if result.returncode == 0 else None


def changed_lines(path, revision):
    text = git("diff", "-U0", revision, "--", path) or ""
    lines = set()
    for start, count in re.findall(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", text, re.M):
        lines.update(range(int(start), int(start) + int(count or 1)))
    return lines


def changed_files(revision):
    names = git("diff", "--name-only", "--diff-filter=d", revision)
    if names is None:
        raise Trouble(f"git knows no {revision}")
    return names.split()


def last_change():
    """Files of the work since origin/main; where there is none, of the last commit and what is not committed."""
    base = git("merge-base", "origin/main", "HEAD")
    if base is None or base == git("rev-parse", "HEAD"):
        base = git("rev-parse", "--verify", "-q", "HEAD~1")
    if base is None:
        say("no earlier commit is here: no patch is chosen for what has changed")
        return set()
    return set(changed_files(base))


def for_check(seed):
    """Patches of the list: some at random, and those whose file, or the patch itself, has changed."""
    every, changed = patches(LIST), last_change()
    chance = random.Random(seed)
    chosen = chance.sample(every, min(CHOSEN, len(every)))
    touched = [p for p in every if p not in chosen and (str(p) in changed or target_of(p) in changed)]
    if len(touched) > CHOSEN:
        say(f"{len(touched)} patches are about files that have changed: {CHOSEN} of them run; "
            "scripts/mutate --list runs all")
        touched = chance.sample(touched, CHOSEN)
    return sorted([*chosen, *touched])
