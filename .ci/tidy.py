#!/usr/bin/env python3
"""clang-tidy over the sources that a build compiles: tidy.py BUILD_DIRECTORY SECONDS

What passed is kept in the user's cache, as ccache keeps objects: a file that passed is not looked at again until it, a
file of ours that it includes, how it is compiled, .clang-tidy or the tool changes. Files that changed last come first,
so that a small budget is spent on what is new. When the time is up the rest is left out, and said so.
"""
import concurrent.futures
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PASSED = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "phios" / "clang-tidy"
TOOL = "clang-tidy-19"
FILE_LIMIT_S = 300
KEPT_DAYS = 30
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


@functools.cache
def content(path):
    return path.read_bytes() if path.is_file() else None


def with_includes(path, seen):
    """Adds the path and every file of the tree that it includes, however deep."""
    if path in seen or content(path) is None:
        return
    seen.add(path)
    for name in INCLUDE.findall(content(path)):
        with_includes(ROOT / os.fsdecode(name), seen)


def fingerprint(source, command, common):
    files = set()
    with_includes(source, files)
    digest = hashlib.sha256(common + command.encode())
    for path in sorted(files):
        digest.update(b"\0" + str(path.relative_to(ROOT)).encode() + b"\0" + content(path))
    return digest.hexdigest()


def commands(build):
    """Each of our C++ sources and how it is compiled, wherever the tree and the build lie."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = (Path(entry["directory"]) / entry["file"]).resolve()
        if source.suffix == ".cc" and source.is_relative_to(ROOT) and not source.is_relative_to(build):
            found[source] = entry["command"].replace(str(build), "BUILD").replace(str(ROOT), "ROOT")
    return found


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()


def by_last_change(paths):
    """What is not committed first, then as the last commits touched it."""
    names = git("ls-files", "--modified", "--others", "--exclude-standard") + git("log", "--format=", "--name-only")
    rank = {}
    for name in names:
        rank.setdefault(ROOT / name, len(rank))
    return sorted(paths, key=lambda path: (rank.get(path, len(rank)), path))


def check(source, build, deadline):
    """(ran, output): output is empty when the file passed."""
    if time.monotonic() > deadline:
        return False, ""
    try:
        done = subprocess.run([TOOL, "-p", build, "--quiet", source], cwd=ROOT, capture_output=True, text=True,
                              timeout=FILE_LIMIT_S)
    except subprocess.TimeoutExpired:
        return True, f"{source}: {TOOL} took more than {FILE_LIMIT_S} s"
    return True, "" if done.returncode == 0 else done.stdout + done.stderr


def forget_old():
    for stamp in PASSED.iterdir():
        if stamp.stat().st_mtime < time.time() - KEPT_DAYS * 86400:
            stamp.unlink(missing_ok=True)


def main():
    build, seconds = (ROOT / sys.argv[1]).resolve(), float(sys.argv[2])
    deadline = time.monotonic() + seconds
    version = subprocess.run([TOOL, "--version"], capture_output=True, check=True).stdout
    common = version + content(ROOT / ".clang-tidy")
    PASSED.mkdir(parents=True, exist_ok=True)
    forget_old()
    stamps = {source: PASSED / fingerprint(source, command, common) for source, command in commands(build).items()}
    todo = by_last_change(source for source, stamp in stamps.items() if not stamp.exists())
    faults = left = 0
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("PHIOS_JOBS") or os.cpu_count())) as pool:
        for source, (ran, output) in zip(todo, pool.map(lambda s: check(s, build, deadline), todo)):
            if not ran:
                left += 1
            elif output:
                faults += 1
                print(output, flush=True)
            else:
                stamps[source].touch()
    print(f"clang-tidy: {len(stamps)} files, {len(stamps) - len(todo)} passed before, "
          f"{len(todo) - left} looked at now, {faults} with faults, {left} left out for want of time")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
