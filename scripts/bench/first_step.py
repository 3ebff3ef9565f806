"""How long the CPU quickstart takes from launch to its first training step, as `-v` tells it.

  python3 scripts/bench/first_step.py [--program build/bert-finetune] [--runs 5]

Run it in the top of the repository after scripts/quickstart.sh, on a machine that does nothing else. One run before
those that count warms the file cache. A run is ended once its first step is done. Seconds since launch: all runs, and
their median; with the evaluation before the first step that configs/quickstart.yaml asks for, and without.
"""

import argparse
import re
import statistics
import subprocess
import tempfile
from pathlib import Path

PART = re.compile(r"start +(.*?) +[\d.]+ s, +([\d.]+) s since launch")


def seconds_since_launch(program, eval_on_start):
    """Part of the start -> seconds from launch to its end."""
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "-v", "--config", "configs/quickstart.yaml", "--set", f"eval_on_start={eval_on_start}",
                   "--output-dir", Path(folder) / "run"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        ends, lines = {}, []
        for line in process.stderr:
            lines.append(line)
            if part := PART.search(line):
                ends[part[1]] = float(part[2])
            if "first step" in ends:
                break
        process.kill()
        process.communicate()
    if "first step" not in ends:
        raise SystemExit("".join(lines[-5:]) + "no first step in what the program said")
    return ends


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/bert-finetune")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    for eval_on_start in ("false", "true"):
        _, *runs = [seconds_since_launch(arguments.program, eval_on_start) for _ in range(1 + arguments.runs)]
        print(f"eval_on_start: {eval_on_start}")
        for part in runs[0]:
            ends = [run[part] for run in runs]
            print(f"  {part:24} median {statistics.median(ends):.2f} s   {' '.join(f'{s:.2f}' for s in ends)}")


if __name__ == "__main__":
    main()
