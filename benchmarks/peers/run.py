"""Measure unblur beside the libraries that one would pick instead, in one run, on the same data.

    python benchmarks/peers/run.py [--quick] [--peers SCICO unblur] [--problems a b]

Each peer has an environment of its own under --cache and a process of its own for each problem. All are timed in turn, round by
round, so that what else the machine does falls on all of them. What is slow to find, the optimum of a problem and a peer's best
setting, is kept in the cache; --retune finds the settings again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import frames
import machine
import report
from environments import HERE, PEERS, Peer, python_of
from problems import CASES, on_disk
from sessions import Session, WorkerError

ROOT = HERE.parent.parent
NAMES = [*CASES, "i"]
#: seconds of a run that is repeated three times only
SLOW = 8.0


@dataclass
class Settings:
    """What one run goes by."""

    cache: Path
    quick: bool
    repeats: int
    limit: float  #: seconds a candidate may take in tuning
    retune: bool
    tuned: dict[str, Any] = field(default_factory=dict)

    @property
    def tuned_file(self) -> Path:
        return self.cache / "tuned.json"


def fingerprint(peer: Peer, problem: Path) -> str:
    """Return what a tuning holds for: these versions, these scripts, these data."""
    parts = [" ".join(peer.requirements).encode(), problem.read_bytes()]
    parts += [script.read_bytes() for script in sorted((HERE / "workers").glob("*.py"))]
    return f"{problem.stem} {peer.name} {hashlib.sha256(b''.join(parts)).hexdigest()[:12]}"


def tune(session: Session, peer: Peer, problem: Path, settings: Settings) -> dict[str, Any]:
    """Return a peer's best way; unblur's own is never remembered, as its code changes."""
    key = fingerprint(peer, problem)
    if key in settings.tuned and peer.requirements and not settings.retune:
        found: dict[str, Any] = settings.tuned[key]
        return found
    found = session.ask("tune", limit=settings.limit)
    settings.tuned[key] = found
    settings.tuned_file.write_text(json.dumps(settings.tuned, indent=1, ensure_ascii=False))
    return found


def measure(name: str, peers: list[Peer], settings: Settings) -> dict[str, Any]:
    """Return all figures of one problem."""
    case = CASES[name]
    size = case.quick_size if settings.quick else case.size
    path = on_disk(name, size, settings.cache / "data")
    rows: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        sessions = {}
        for peer in peers:
            log = settings.cache / "logs" / f"{name}-{peer.name}.txt"
            try:
                session = stack.enter_context(Session(python_of(peer, settings.cache), peer.script, path, log))
                found = tune(session, peer, path, settings)
                if found["label"] is None:
                    continue
                rows[peer.name] = {**found, "versions": session.versions, "seconds": {}}
                if found["marks"]:
                    session.ask("take", label=found["label"])
                    sessions[peer.name] = session
                print(f"  ({name}) {peer.name}: {found['label']}, {found['marks']}", flush=True)
            except (WorkerError, RuntimeError) as error:
                rows[peer.name] = {"error": str(error)}
                print(f"  ({name}) {peer.name}: {error}", flush=True)
        for turn in range(settings.repeats):
            for peer_name, session in list(sessions.items()):
                times = rows[peer_name]["seconds"]
                if turn >= 3 and max(t[-1] for t in times.values()) > SLOW:
                    continue
                try:
                    for mark, seconds in session.ask("time", marks=rows[peer_name]["marks"]).items():
                        times.setdefault(mark, []).append(seconds)
                except WorkerError as error:
                    rows[peer_name]["error"] = str(error)
                    del sessions[peer_name]
    for peer in peers:
        row = rows.get(peer.name, {})
        if row.get("marks") and not peer.yardstick and "error" not in row:
            weigh(row, peer, path, settings)
    return {"title": case.title, "size": size, "rows": rows}


def weigh(row: dict[str, Any], peer: Peer, problem: Path, settings: Settings) -> None:
    """Add the peak memory, measured in a process that has done nothing else."""
    log = settings.cache / "logs" / f"{problem.stem}-{peer.name}-memory.txt"
    try:
        with Session(python_of(peer, settings.cache), peer.script, problem, log) as session:
            row["memory"] = session.ask("memory", label=row["label"], iterations=row["marks"].get("all", 5))["images"]
    except WorkerError as error:
        row["memory_error"] = str(error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller images, three rounds")
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS), metavar="NAME", help=", ".join(PEERS))
    parser.add_argument("--problems", nargs="+", choices=NAMES, dest="only", help="these, in place of those of an earlier run")
    parser.add_argument("--repeats", type=int, help="rounds; 7 by default, 3 with --quick")
    parser.add_argument("--limit", type=float, help="seconds that a setting may take in tuning; 20 by default, 8 with --quick")
    parser.add_argument("--retune", action="store_true", help="look for the peers' best settings again")
    parser.add_argument("--cache", type=Path, default=ROOT / ".peers")
    parser.add_argument("--output", type=Path, help="folder of the JSON file and the figure")
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs/benchmarks.md and README.md")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        options.cache.resolve(),
        options.quick,
        options.repeats or (3 if options.quick else 7),
        options.limit or (8.0 if options.quick else 20.0),
        options.retune,
    )
    if settings.tuned_file.exists():
        settings.tuned = json.loads(settings.tuned_file.read_text())
    # ratios need these
    wanted = [p for p in PEERS.values() if p.name in options.peers or p.name == "unblur" or p.yardstick]
    output = options.output or (ROOT / "docs" / "benchmarks" if options.write_docs else settings.cache / "results")
    output.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"machine": machine.describe(), "quick": options.quick, "problems": {}}
    if options.only is not None and (output / "peers.json").exists():
        # every problem stands for itself: the others keep what an earlier run found
        results["problems"] = json.loads((output / "peers.json").read_text())["problems"]
    for name in options.only or NAMES:
        print(f"({name})", flush=True)
        made = frames.measure(options.quick) if name == "i" else measure(name, wanted, settings)
        done = {**results["problems"], name: made}
        results["problems"] = {k: done[k] for k in NAMES if k in done}
        # what is done stays done, should a later problem be interrupted
        (output / "peers.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    print(report.write(results, output, ROOT if options.write_docs else None))


if __name__ == "__main__":
    main()
