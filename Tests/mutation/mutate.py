#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants each fault of faults.txt in a copy of Sources/Access, runs AccessTests, and reports which were noticed.

A run that was interrupted goes on where it stopped: the outcome of a fault is kept with the digest of the sources, the
tests and the fault. Exit status 0 when at least 95 % were noticed and every fault could be planted.
"""

import argparse
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
TARGETS = ["Sources/StrictJSON", "Sources/Access", "Tests/AccessTests", "Config"]
PACKAGE = """// swift-tools-version: 6.2
import PackageDescription
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"), .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
let package = Package(
    name: "Stint",
    targets: [
        .target(name: "StrictJSON", swiftSettings: settings),
        .target(name: "Access", dependencies: ["StrictJSON"], swiftSettings: settings),
        .testTarget(name: "AccessTests", dependencies: ["StrictJSON", "Access"], swiftSettings: settings),
    ])
"""


class Fault:
    def __init__(self, name, file):
        self.name, self.file, self.old, self.new = name, file, [], []

    def plant(self, text):
        old = "\n".join(self.old)
        if old not in text:
            return None
        return text.replace(old, "\n".join(self.new), 1)


def read_faults(path):
    faults = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        mark, rest = line[0], line[2:]
        if mark == "=":
            faults.append(Fault(*rest.split()))
        elif mark == "-":
            faults[-1].old.append(rest)
        elif mark == "+":
            faults[-1].new.append(rest)
        else:
            sys.exit(f"{path}:{number}: a line begins with `=`, `-`, `+` or `#`")
    return faults


def digest_of_sources():
    digest = hashlib.sha256()
    for target in TARGETS:
        for file in sorted((CHECKOUT / target).rglob("*")):
            if file.is_file():
                digest.update(str(file.relative_to(CHECKOUT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def prepare(scratch):
    """A package of the domain and its tests alone: little to build, little to link."""
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "Package.swift").write_text(PACKAGE)
    for target in TARGETS:
        shutil.rmtree(scratch / target, ignore_errors=True)
        shutil.copytree(CHECKOUT / target, scratch / target)


def run(scratch, limit):
    """Builds and tests. Returns the outcome: `caught`, `survived` or `does not compile`."""
    build = subprocess.run(["swift", "build", "--build-tests"], cwd=scratch, capture_output=True, text=True)
    if build.returncode != 0:
        return "does not compile", build.stdout[-2000:]
    try:
        test = subprocess.run(
            ["swift", "test", "--skip-build"], cwd=scratch, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return "caught", "the tests did not end"
    failures = [line for line in (test.stdout + test.stderr).splitlines() if "recorded an issue" in line]
    return ("survived", "") if test.returncode == 0 else ("caught", failures[0].strip() if failures else "")


def load(path, key):
    if not path.exists():
        return {}
    stored = json.loads(path.read_text())
    return stored["outcomes"] if stored.get("key") == key else {}


def explanations():
    path = HERE / "survivors.txt"
    pairs = (line.split(":", 1) for line in path.read_text().splitlines() if ":" in line and line[0] != "#")
    return {name.strip(): why.strip() for name, why in pairs}


def report(faults, outcomes, path):
    done = [fault for fault in faults if fault.name in outcomes]
    caught = [fault for fault in done if outcomes[fault.name]["outcome"] == "caught"]
    invalid = [fault for fault in done if outcomes[fault.name]["outcome"] not in ("caught", "survived")]
    rate = 100 * len(caught) / max(1, len(done))
    seconds = [outcomes[fault.name]["seconds"] for fault in done]
    lines = [
        f"{len(faults)} faults, {len(done)} tried, {len(caught)} caught ({rate:.1f} %), "
        f"{sum(seconds) / max(1, len(seconds)):.1f} s each."
    ]
    why = explanations()
    for fault in done:
        outcome = outcomes[fault.name]
        if outcome["outcome"] != "caught":
            lines.append(f"{fault.name} ({fault.file}): {outcome['outcome']}. {why.get(fault.name, 'Not explained.')}")
    path.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    return rate >= 95 and not invalid and len(done) == len(faults)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scratch", type=pathlib.Path, default=CHECKOUT / ".build" / "mutation")
    options.add_argument("--only", help="plant the faults whose name contains this")
    options.add_argument("--report", action="store_true", help="print the report of what was tried, and run nothing")
    arguments = options.parse_args()
    scratch = arguments.scratch.resolve()
    faults = [fault for fault in read_faults(HERE / "faults.txt") if (arguments.only or "") in fault.name]
    key = digest_of_sources()
    state = scratch / "outcomes.json"
    outcomes = load(state, key)
    if arguments.report:
        return 0 if report(faults, outcomes, scratch / "report.txt") else 1
    prepare(scratch)
    started = time.monotonic()
    if run(scratch, 600)[0] != "survived":
        sys.exit("The tests fail without any fault planted.")
    print(f"Without a fault the tests pass ({time.monotonic() - started:.0f} s).", flush=True)
    for fault in faults:
        mark = hashlib.sha256(repr((fault.file, fault.old, fault.new)).encode()).hexdigest()
        if outcomes.get(fault.name, {}).get("mark") == mark:
            continue
        file = scratch / "Sources/Access" / fault.file
        sound = file.read_text()
        planted = fault.plant(sound)
        started = time.monotonic()
        if planted is None:
            outcome, detail = "not found in the file", ""
        else:
            file.write_text(planted)
            outcome, detail = run(scratch, 120)
            file.write_text(sound)
        seconds = round(time.monotonic() - started, 1)
        outcomes[fault.name] = {"mark": mark, "outcome": outcome, "detail": detail, "seconds": seconds}
        state.write_text(json.dumps({"key": key, "outcomes": outcomes}, indent=1))
        print(f"{fault.name}: {outcome} ({seconds} s) {detail[:160]}", flush=True)
    return 0 if report(faults, outcomes, scratch / "report.txt") else 1


if __name__ == "__main__":
    sys.exit(main())
