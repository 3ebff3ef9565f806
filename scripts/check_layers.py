#!/usr/bin/env python3
"""Checks the arrows between the rooms: a file includes headers of its own room and of rows below
it, never of a row above, nor of another room in its own row (docs: the table below, lowest first).
And that only the rooms of encoders know an encoder's family by name (docs/adding-an-encoder.md).

    scripts/check_layers.py      prints every arrow that points the wrong way and every such name; exit 1 if any
"""

import pathlib
import re
import sys

ROWS = [
    ["util"],
    ["tokenizer", "weights"],
    ["data"],
    ["device"],
    ["model", "optim"],
    ["memory"],
    ["checkpoint", "eval", "report"],
    ["train"],
    ["config"],
    ["cli"],
]
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}
INCLUDE = re.compile(r'^\s*#\s*include\s+"(?:bertft/)?(\w+)/([\w./]+)"', re.M)
ROOMS_OF_FAMILIES = {"tokenizer", "weights", "model"}
FAMILY = re.compile(r'(?i:albert|electra|distilbert)|"bert[".]|\bBert[A-Z]')


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    wrong = []
    for base in (root / "src", root / "include" / "bertft"):
        for path in sorted(base.rglob("*")):
            if path.suffix not in {".h", ".cpp", ".cu"} or path.parent == base:
                continue
            room = path.relative_to(base).parts[0]
            text = path.read_text()
            if room not in ROOMS_OF_FAMILIES and (family := FAMILY.search(text)):
                wrong.append(f"{path.relative_to(root)} names a family of encoders: {family[0]}")
            for target, name in INCLUDE.findall(text):
                # options.h of any room is plain data: `config` composes them all.
                if target == room or name == "options.h":
                    continue
                if target not in ROW_OF or ROW_OF[target] >= ROW_OF[room]:
                    wrong.append(f"{path.relative_to(root)} includes {target}/{name}")
    print("\n".join(wrong) if wrong else "all arrows point down, and no family stands outside its rooms")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
