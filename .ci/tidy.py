#!/usr/bin/env python3
"""clang-tidy over the sources that a build compiles: tidy.py BUILD_DIRECTORY SECONDS

A file that passed is not looked at again until it, a header of ours that it includes, or .clang-tidy changes. Files
that differ from the last commit but one come first, so that a small budget is spent on what is new. When the time is
up the rest is left out, and said so.
"""
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOL = "clang-tidy-19"
FILE_LIMIT_S = 170
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def with_includes(path, seen):
    """The path and every file of the tree that it includes, however deep."""
    if path in seen or not path.is_file():
        return
    seen.add(path)
    for name in INCLUDE.findall(path.read_bytes()):
        with_includes(ROOT / os.fsdecode(name), seen)


def fingerprint(source, common):
    files = set()
    with_includes(source, files)
    digest = hashlib.sha256(common)
    for path in sorted(files):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def changed_files():
    listed = subprocess.run(["git", "diff", "--name-only", "HEAD~1"], cwd=ROOT, capture_output=True, text=True)
    return {ROOT / line for line in listed.stdout.splitlines()}


def sources(build):
    commands = json.loads((build / "compile_commands.json").read_text())
    paths = {(Path(c["directory"]) / c["file"]).resolve() for c in commands}
    ours = [p for p in paths if p.is_relative_to(ROOT) and not p.relative_to(ROOT).parts[0].startswith("build")]
    return [p for p in ours if p.suffix == ".cc"]


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


def main():
    build, seconds = ROOT / sys.argv[1], float(sys.argv[2])
    deadline = time.monotonic() + seconds
    common = (ROOT / ".clang-tidy").read_bytes() + (ROOT / "CMakePresets.json").read_bytes()
    passed = build / "tidy-passed"
    passed.mkdir(exist_ok=True)
    stamps = {source: passed / fingerprint(source, common) for source in sources(build)}
    changed = changed_files()
    todo = sorted((s for s in stamps if not stamps[s].exists()), key=lambda s: (s not in changed, s))
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
