#!/usr/bin/env python3
"""Loads on a real broker: the workflow, the sweeper, the start, many agents. See README.md, "Loads".

Runs stint-loads for each part, prints tables in Markdown, and writes the figures as JSON and as plots (SVG).
"""

import argparse
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile

from rsbench import plot

PARTS = ("workflow", "growth", "agents")


def arguments():
    parser = argparse.ArgumentParser(prog="deploy/bench loads", description=__doc__,
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--parts", default=",".join(PARTS), help="what to measure")
    parser.add_argument("--rounds", type=int, default=3, help="workflow: rounds")
    parser.add_argument("--callers", default="1,8,64", help="workflow: callers at once")
    parser.add_argument("--cycles", type=int, default=4800,
                        help="workflow: cycles of a round by 8 callers or more; of few, one pause of all callers together is the p99")
    parser.add_argument("--sizes", default="10000,100000,1000000", help="growth: stored grants")
    parser.add_argument("--due", type=int, default=10000, help="growth: grants that are due at once")
    parser.add_argument("--stored", metavar="DIR", action="append", default=[],
                        help="growth: also sweep a copy of what `stint-loads store --home DIR` left, which no broker can start with")
    parser.add_argument("--starts", type=int, default=3, help="growth: starts at each size")
    parser.add_argument("--agents", default="1000,5000,10000", help="agents: connected nodes")
    parser.add_argument("--sessions", default="100,500,1000", help="agents: live sessions, with all nodes connected")
    parser.add_argument("--json", metavar="FILE", help="also write everything as JSON")
    parser.add_argument("--plots", metavar="DIR", help="also write the plots")
    parser.add_argument("--from", dest="source", metavar="FILE", action="append", default=[],
                        help="measure nothing: take the parts that FILE has (repeat as needed)")
    return parser.parse_args()


def measure(options):
    found = {}
    for part in options.parts.split(","):
        if part not in PARTS:
            sys.exit(f"there is no part {part}: {', '.join(PARTS)}")
        words = {
            "workflow": ["--callers", options.callers, "--cycles", str(options.cycles), "--rounds", str(options.rounds)],
            "growth": ["--sizes", options.sizes, "--due", str(options.due), "--starts", str(options.starts)],
            "agents": ["--agents", options.agents, "--sessions", options.sessions],
        }[part]
        # On a disk: a commit in memory costs nothing.
        directory = tempfile.mkdtemp(prefix="stint-loads.", dir="/var/tmp")
        try:
            run = subprocess.run(
                [f"{options.bin}/stint-loads", part, "--home", f"{directory}/home", "--stintd", f"{options.bin}/stintd"] + words,
                stdout=subprocess.PIPE, text=True)
            if run.returncode != 0:
                sys.exit(f"stint-loads {part} ended with {run.returncode}")
            found[part] = json.loads(run.stdout)
            if part == "growth":
                found[part]["sizes"] += [sweep_stored(options.bin, home, directory) for home in options.stored]
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    return found


def sweep_stored(programs, home, directory):
    shutil.rmtree(f"{directory}/stored", ignore_errors=True)
    shutil.copytree(home, f"{directory}/stored")
    os.sync()  # what the copy left to be written is no part of the sweep
    run = subprocess.run([f"{programs}/stint-loads", "sweep", "--home", f"{directory}/stored"], stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        sys.exit(f"stint-loads sweep ended with {run.returncode}")
    path = f"{directory}/stored/stint.db"
    database = sqlite3.connect(path)
    grants, = database.execute('SELECT count(*) FROM "grant"').fetchone()
    ledger, = database.execute("SELECT max(number) FROM ledger").fetchone()
    return {"grants": grants, "ledger": ledger, "bytes": os.stat(path).st_size, "sweep": json.loads(run.stdout), "starts": []}


def load(path):
    with open(path, encoding="utf-8") as handle:
        return json.load(handle)["parts"]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def milliseconds(microseconds):
    value = microseconds / 1000
    return f"{value:.2f} ms" if value < 10 else f"{value:.0f} ms"


def median(values):
    return statistics.median(list(values))


def spread(values):
    values = sorted(values)
    return values[0] if values[0] == values[-1] else f"{values[0]} to {values[-1]}"


# Each part: what it says, and what of it grows.

def workflow(found):
    counts = sorted({row["callers"] for row in found["cycles"]})
    rows, points = [], []
    for count in counts:
        rounds = [row for row in found["cycles"] if row["callers"] == count]
        rate = median(row["milliCyclesPerSecond"] / 1000 for row in rounds)
        plain = median(row["milliPlainPerSecond"] / 1000 for row in rounds)
        ratio = median(row["milliCyclesPerSecond"] / row["milliPlainPerSecond"] for row in rounds)
        processor = median(row["brokerProcessorTime"] / row["cycles"] for row in rounds)
        tails = [milliseconds(median(row["verbs"][verb]["p99"] for row in rounds)) for verb in ("request", "vote", "activation")]
        rows.append([count, f"{rate:.0f}/s", f"{plain:.0f}/s", f"{ratio:.2f}", *tails, milliseconds(processor),
                     spread(float(row["load"]) for row in rounds)])
        points.append((count, rate, plain))
    text = table(["callers", "cycles", "plain commits", "ratio", "p99 request", "p99 vote", "p99 activation",
                  "processor time of the broker, a cycle", "load"], rows)
    lines = [("request, vote, activation", [(x, y) for x, y, _ in points]), ("plain SQLite commits", [(x, y) for x, _, y in points])]
    return text, {"workflow": plot.chart("Complete cycles a second", "callers at once", "a second", lines, logarithmic=True)}


def growth(found):
    sizes = found["sizes"]
    rows = []
    for size in sizes:
        sweep, starts = size["sweep"], size["starts"]
        started = [milliseconds(median(start["microseconds"] for start in starts)),
                   f"{median(start['memory']['pss'] for start in starts) / 1024:.1f} MiB"] if starts else ["-", "-"]
        rows.append([
            f"{size['grants']:,}", f"{size['ledger']:,}", f"{size['bytes'] / 1e6:,.0f} MB",
            f"{sweep['due']:,} in {sweep['microseconds'] / 1e6:.2f} s", f"{sweep['processorTime'] / 1e6:.2f} s",
            f"{milliseconds(sweep['idleBefore']['median'])} / {milliseconds(sweep['idleAfter']['median'])}",
            milliseconds(max(sweep["idleBefore"]["worst"], sweep["idleAfter"]["worst"])),
            *started,
            spread([float(sweep["load"])] + [float(start["load"]) for start in starts])])
    text = table(["grants", "ledger", "database", "all that is due", "of it processor time", "idle pass before / after",
                  "worst of 40", "start to first answer", "memory (PSS)", "load"], rows)
    grants = [size["grants"] for size in sizes]
    seconds = [size["sweep"]["microseconds"] / 1e6 for size in sizes]
    processor = [size["sweep"]["processorTime"] / 1e6 for size in sizes]
    idle = [size["sweep"]["idleAfter"]["median"] / 1000 for size in sizes]
    started = [size for size in sizes if size["starts"]]
    starts = [(size["grants"], median(start["microseconds"] for start in size["starts"]) / 1000) for size in started]
    memory = [(size["grants"], median(start["memory"]["pss"] for start in size["starts"]) / 1024) for size in started]
    due = sizes[0]["sweep"]["due"]
    return text, {
        "sweep": plot.chart(f"Ending {due:,} grants that are due at once", "grants stored", "seconds",
                            [("measured", list(zip(grants, seconds))), ("of it processor time", list(zip(grants, processor))),
                             ("limit", [(x, 2) for x in grants])], logarithmic=True),
        "idle": plot.chart("A pass of the sweeper with nothing due", "grants stored", "milliseconds",
                           [("measured", list(zip(grants, idle))), ("limit", [(x, 5) for x in grants])], logarithmic=True),
        "start": plot.chart("Start of stintd to its first answer", "grants stored", "milliseconds",
                            [("measured", starts)], logarithmic=True),
        "start-memory": plot.chart("Memory of stintd after its start", "grants stored", "MiB (PSS)",
                                   [("measured", memory)], logarithmic=True),
    }


def slope(points):
    """KiB for one more, by least squares."""
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope


def agents(found):
    rows = []
    for point in found["points"]:
        rows.append([
            f"{point['agents']:,}", f"{point['sessions']:,}", f"{point['memory']['pss'] / 1024:.1f} MiB",
            f"{point['memory']['dirty'] / 1024:.1f} MiB", f"{point['idleProcessorTime'] * 1e3 / point['idleFor']:.1f} ms/s", point["load"]])
    text = table(["agents", "sessions", "memory (PSS)", "of it private and changed", "processor time while idle", "load"], rows)
    connected = [(point["agents"], point["memory"]["pss"]) for point in found["points"] if point["sessions"] == 0]
    most = max(point["agents"] for point in found["points"])
    live = [(point["sessions"], point["memory"]["pss"]) for point in found["points"] if point["agents"] == most]
    start = found["start"]
    text += (f"\nSlope: {slope(connected):.1f} KiB for each agent, {slope(live):.1f} KiB for each session. With {start['nodes']:,} nodes in the "
             f"roll ({start['roll']:,} entries) the first start, which verifies every signature, takes {start['first'] / 1e6:.2f} s, and the next "
             f"{start['microseconds'] / 1e6:.2f} s (load {start['load']}).\n")
    return text, {
        "agents": plot.chart("Memory of stintd, nodes connected", "connected nodes", "MiB (PSS)",
                             [("measured", [(x, y / 1024) for x, y in connected])]),
        "sessions": plot.chart(f"Memory of stintd, sessions beside {most:,} nodes", "live sessions", "MiB (PSS)",
                               [("measured", [(x, y / 1024) for x, y in live])]),
    }


def main():
    options = arguments()
    found = {}
    for path in options.source:
        found.update(load(path))
    if not options.source:
        found = measure(options)
    texts, charts = [], {}
    for part, report in (("workflow", workflow), ("growth", growth), ("agents", agents)):
        if part in found:
            text, drawn = report(found[part])
            texts.append(f"## {part}\n\n{text}")
            charts.update(drawn)
    print("\n".join(texts))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as handle:
            json.dump({"machine": platform.platform(), "processors": os.cpu_count(), "parts": found}, handle, indent=1)
            handle.write("\n")
    if options.plots:
        os.makedirs(options.plots, exist_ok=True)
        for name, drawing in charts.items():
            with open(f"{options.plots}/{name}.svg", "w", encoding="utf-8") as handle:
                handle.write(drawing)


if __name__ == "__main__":
    main()
