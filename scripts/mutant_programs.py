# SPDX-License-Identifier: MIT
"""Builds and runs the programs that look at mutants (scripts/mutate).

Two ways. A mutant that one test has to kill is linked before the archives of
build/, as the Makefile links that test: after `make check-unit` nothing else is
to be built. Others are asked of many programs, which share one library that is
linked anew for each mutant, in build/mutate.

A test runs in name spaces of its own, since a mutant may kill whom it likes and
write where it likes: it sees the tree and /sys read-only, and a /tmp of its own.
"""

import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
MEMORY = 4 << 30         # bytes of data that a test may have
OUTPUT = 1 << 16         # bytes of its output that are looked at, at its end
SLOWER, PATIENCE = 5, 5  # a mutant may take so much longer, and so many seconds
FLAGS = "-O2 -g0 -w -fPIC -fvisibility=default"
SANITIZE = "address,undefined"
ARCHIVES = ("fake", "run", "serve", "vmm", "lend-fake", "lend")  # of a unit test, in the order of the Makefile


def say(*words):
    print("mutate:", *words, file=sys.stderr, flush=True)


class Trouble(Exception):
    """Nothing can be said of the mutants."""


def makefile_lines(word):
    text = (TOP / "Makefile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if word in line]


def wrapped():
    """Tests with the linker's --wrap, which works in a static program alone: not in the shared library."""
    return {name for line in makefile_lines("--wrap=") for name in re.findall(r"/tests/(test_\w+)", line)}


def expanded(words):
    """With the values of the Makefile's variables."""
    for name in re.findall(r"\$\((\w+)\)", words):
        value = next(line.split(":=")[1] for line in makefile_lines(f"{name} :="))
        words = words.replace(f"$({name})", value)
    return words


def wraps_of(name):
    """The linker's options for a test with --wrap."""
    options = []
    for line in makefile_lines("--wrap="):
        if re.search(rf"/tests/{name}\b", line.split(":")[0]):
            words = re.search(r"--wrap=,?((?:[\w ,]|\$\(\w+\))+)", line).group(1)
            options += [f"-Wl,--wrap={word}" for word in re.split(r"[\s,]+", expanded(words).strip())]
    return options


def libs_of(name):
    """Libraries that the Makefile gives to this test alone."""
    return [word for line in makefile_lines("TOOL_LIBS +=")
            if re.search(rf"/tests/{name}\b", line.split(":")[0]) for word in line.split("+=")[1].split()]


class Programs:
    """The unit tests of some files.

    The shared library has all objects of lib/, vmm/, librun.a and libserve.a. The tests' own symbols come
    first, as they do in the static link of the Makefile: doubles still work.
    """

    def __init__(self, folder, sanitize):
        self.out = folder
        (TOP / folder).mkdir(parents=True, exist_ok=True)
        # What is of this run alone: another one may go on beside it.
        self.own = tempfile.TemporaryDirectory(dir=TOP / folder, prefix="run-")
        self.work = Path(self.own.name).relative_to(TOP)
        self.as_it_is = self.work / "as-it-is"
        self.flags = FLAGS + (f" -fsanitize={SANITIZE} -fno-sanitize-recover=all" if sanitize else "")
        self.sanitize = sanitize
        self.built = Path(f"build/san-gcc-{SANITIZE.replace(',', '-')}" if sanitize else "build")
        self.libs = subprocess.run(
            ["pkg-config", "--libs", "libseccomp", "jansson", "liburing"],
            capture_output=True, text=True).stdout.split() or ["-lseccomp", "-ljansson", "-luring"]
        self.inside = sandbox()
        self.built_flags = []
        self.names = []
        self.seconds = {}
        self.rests = {}
        self.lock = threading.Lock()

    def make(self, *words):
        command = ["make", "-s", f"-j{os.cpu_count()}", "V=1", "CC=gcc", *[str(w) for w in words]]
        result = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
        if result.returncode:
            raise Trouble("the tree does not build:\n" + result.stderr[-2000:])
        return result.stdout

    def make_shared(self, *targets):
        self.make(f"O={self.out}", f"CFLAGS={self.flags}", *targets)

    def prepare(self, names):
        """Builds what these tests need to share a library, and runs each once as it is."""
        self.names = names
        objects = [self.object(n) for n in names if n != "conform"]
        objects += [self.out / "obj" / f.with_suffix(".o")
                    for f in map(lambda p: p.relative_to(TOP), (TOP / "tests/conform").glob("*.c"))]
        say(f"building {len(names)} test programs in {self.out} (once)")
        self.make_shared(*(self.out / f"lib{n}.a" for n in ARCHIVES), *objects)
        self.rest(())
        (TOP / self.as_it_is).mkdir()
        self.library(self.as_it_is, (), [])
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self.link, names))
        self.seconds.update(self.run_as_is({n: () for n in names},
                                           lambda n, _: self.run(n, self.as_it_is / n, self.as_it_is, 600)))

    def prepare_alone(self, tests):
        """Builds these tests as the Makefile does, and runs each once: (program, case), or no case."""
        names = sorted({name for name, _ in tests})
        cases = {n: tuple(case for name, case in tests if name == n and case) for n in names}
        for name, case in tests:
            cases[name] = cases[name] if case else ()
        sanitize = [f"SAN={SANITIZE}"] if self.sanitize else []
        say(f"building {len(names)} test programs in {self.built}")
        self.make(*sanitize, *(self.built / "tests" / n for n in names))
        flags = self.make(*sanitize, "--eval", "mutate-flags: ; $(info $(ALL_CFLAGS))@:", "mutate-flags")
        self.built_flags = [*shlex.split(flags), "-g0", "-w"]
        took = self.run_as_is(cases, lambda n, c: self.run(n, self.built / "tests" / n, None, 600, *c))
        self.seconds.update({key: took[key[0]] for key in tests})

    @staticmethod
    def run_as_is(cases, run):
        """The seconds that each program takes, with those cases of it."""
        say("running them as they are")
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = dict(zip(cases, pool.map(run, cases, cases.values())))
        bad = [f"{name} ({why})" for name, (why, _) in results.items() if why]
        if bad:
            raise Trouble(f"fails without a mutant: {', '.join(bad)}")
        return {name: seconds for name, (_, seconds) in results.items()}

    def limit(self, key):
        return self.seconds[key] * SLOWER + PATIENCE

    def object(self, name):
        return self.out / f"obj/tests/unit/{name}.o"

    def built_object(self, name):
        return self.built / f"obj/tests/unit/{name}.o"

    @staticmethod
    def includes(test_object, path):
        """Whether a test program includes the file, and so has to be compiled with it."""
        rules = TOP / test_object.with_suffix(".d")
        return rules.exists() and path in rules.read_text().replace("\\\n", " ").split()

    def rest(self, paths):
        """All objects of the library but those, in one, which is quick to link."""
        with self.lock:
            if paths in self.rests:
                return self.rests[paths]
            left = {str(self.out / "obj" / Path(p).with_suffix(".o")) for p in paths}
            sources = sorted(p.relative_to(TOP) for layer in ("lib", "vmm")
                             for p in (TOP / layer).rglob("*.c"))
            sources += sorted(p.relative_to(TOP) for p in (TOP / "tool/serve").glob("*/*.c"))
            sources += sorted(p.relative_to(TOP) for p in (TOP / "tool/run").rglob("*.c"))
            sources += [Path(f"tool/{n}.c") for n in ("say", "clean", "nearest", "host", "asked", "take")]
            objects = [self.out / "obj" / s.with_suffix(".o") for s in sources]
            known = [str(o) for o in objects if (TOP / o).exists() and str(o) not in left]
            name = self.work / f"rest-{len(self.rests)}.o"
            self.must(["ld", "-r", "-o", name, *known])
            self.rests[paths] = name
            return name

    def library(self, folder, paths, objects, *more):
        self.must(["gcc", "-shared", *self.flags.split(), *more, "-o", folder / "libmutant.so",
                   *objects, self.rest(paths), *self.libs])

    def link_alone(self, name, program, objects):
        """A test as the Makefile links it, with the objects of a mutant before the libraries."""
        archives = [self.built / f"lib{n}.a" for n in ARCHIVES]
        sanitize = [f"-fsanitize={SANITIZE}"] if self.sanitize else []
        self.must(["gcc", "-pthread", *sanitize, "-Wl,-z,muldefs", *wraps_of(name), "-o", program,
                   *objects, *archives, "-lcmocka", *self.libs, "-ldl", *libs_of(name)])

    def link(self, name, folder=None, objects=None):
        """The program of a test in `folder`, or the one that all mutants share."""
        if objects is None:
            objects = sorted((TOP / self.out / "obj/tests/conform").glob("*.o")) \
                if name == "conform" else [self.object(name)]
        self.must(["gcc", "-pthread", *self.flags.split(), "-Wl,--allow-shlib-undefined",
                   "-o", (folder or self.as_it_is) / name, *objects, self.out / "libfake.a",
                   self.out / "liblend-fake.a", f"-L{self.as_it_is}", "-lmutant", "-lcmocka", *self.libs,
                   *libs_of(name)])

    @staticmethod
    def must(command):
        result = subprocess.run([str(c) for c in command], cwd=TOP, capture_output=True, text=True)
        if result.returncode:
            raise Trouble(result.stderr[-2000:])

    def compile(self, source, output, *more, alone=False):
        """False: it does not compile. Alone: with the flags of the Makefile."""
        flags = self.built_flags if alone else [
            "-std=gnu11", "-pthread", "-D_GNU_SOURCE", "-fstack-protector-strong", '-DLEND_VERSION="0"',
            "-Iinclude", "-I.", f"-I{self.out}/gen", *self.flags.split()]
        command = ["gcc", *more, *flags, "-c", "-o", output, source]
        return not subprocess.run([str(c) for c in command], cwd=TOP, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL).returncode

    def run(self, name, program, library, limit, *cases, **variables):
        """Why the test fails with the library of that folder (None: it passes), and its seconds.

        With cases: they alone are asked, and the program ends when they have passed or one has failed.
        """
        env = dict(os.environ, TMPDIR="/tmp", **variables)
        if library:
            env["LD_LIBRARY_PATH"] = str(TOP / library)
        began = time.monotonic()
        process = subprocess.Popen(
            [*self.inside, TOP / program], cwd=TOP, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=self.limits)
        late = threading.Event()
        timer = threading.Timer(limit, lambda: (late.set(), stop(process)))
        timer.start()
        verdict = re.compile(rf"^\[ +(OK|FAILED|ERROR) +\] ({'|'.join(cases)})$", re.M)
        output, left, failed = "", set(cases), None
        while (left or not cases) and not failed and (piece := os.read(process.stdout.fileno(), 1 << 16)):
            output = (output + piece.decode(errors="replace"))[-OUTPUT:]
            for word, case in verdict.findall(output) if cases else ():
                left.discard(case)
                failed = failed if word == "OK" else case
        decided = cases and (failed or not left)
        if decided:
            stop(process)
        process.stdout.close()
        status = process.wait()
        timer.cancel()
        stop(process)
        took = time.monotonic() - began
        if decided:
            return failed, took
        if cases and not set(re.findall(r"\[ RUN      \] (\w+)", output)[-1:]) & left:
            # Another case ended the program before these were asked.
            return None if status else f"no case {', '.join(left)}", took
        if late.is_set():
            return "time-out", took
        if not status:
            return None, took
        failed = re.search(r"\[  FAILED  \] (\w+)", output)
        return failed.group(1) if failed else f"status {status}", took

    def limits(self):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if not self.sanitize:
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def stop(process):
    """What is left of a test that was started here, with its children."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


# The tree may be in /tmp: it is found again by a descriptor.
INSIDE = """exec 9<"$1"
mount -o bind,ro /sys /sys && mount -o remount,bind,ro /sys || exit 99
mount -t tmpfs -o mode=1777 mutate /dev/shm || exit 99
mount -t tmpfs -o mode=1777 mutate /tmp && mkdir -p "$1" || exit 99
mount -c --bind /proc/self/fd/9 "$1" && mount -o remount,bind,ro "$1" || exit 99
exec 9<&-
cd "$1" && shift && exec "$@"
"""


def sandbox():
    """What a test is run by."""
    words = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--pid", "--fork",
             "--kill-child", "--mount", "--mount-proc", "sh", "-c", INSIDE, "mutate", str(TOP)]
    if subprocess.run([*words, "true"], capture_output=True).returncode == 0:
        return words
    say("no name spaces here: the tests of mutants run without")
    return []
