#!/usr/bin/env python3
"""Checks the arrows between the rooms: a file includes headers of its own room and of rows below
it, never of a row above, nor of another room in its own row (docs: the table below, lowest first).
That only the rooms of encoders know an encoder's family by name (docs/adding-an-encoder.md), and that
LibTorch is included where a room, or its folder `torch`, may use it.

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
    ["run"],
    ["cli"],
]
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}
INCLUDE = re.compile(r'^\s*#\s*include\s+"(?:bertft/)?(\w+)/([\w./]+)"', re.M)
ROOMS_OF_FAMILIES = {"tokenizer", "weights", "model"}
ROOMS_OF_TORCH = {"device", "model", "optim"}
TORCH = re.compile(r"^\s*#\s*include\s+<((?:ATen|c10|torch)/[\w./]+)>", re.M)
FAMILY = re.compile(r'(?i:albert|electra|roberta|distilbert)|"bert[".]|\bBert[A-Z]')


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    answers_in_tensors = root / "include/bertft/eval/predictor.h"
    wrong = []
    for base in (root / "src", root / "include" / "bertft"):
        for path in sorted(base.rglob("*")):
            if path.suffix not in {".h", ".cpp", ".cu"} or path.parent == base:
                continue
            room = path.relative_to(base).parts[0]
            text = path.read_text()
            if room not in ROOMS_OF_FAMILIES and (family := FAMILY.search(text)):
                wrong.append(f"{path.relative_to(root)} names a family of encoders: {family[0]}")
            uses_torch = room in ROOMS_OF_TORCH or "torch" in path.parts or path == answers_in_tensors
            if not uses_torch and (header := TORCH.search(text)):
                wrong.append(f"{path.relative_to(root)} includes {header[1]}, outside a folder torch")
            for target, name in INCLUDE.findall(text):
                if target == room:
                    continue
                if target not in ROW_OF or ROW_OF[target] >= ROW_OF[room]:
                    wrong.append(f"{path.relative_to(root)} includes {target}/{name}")
    print("\n".join(wrong) if wrong else "all arrows point down; neither a family nor LibTorch stands outside its rooms")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
