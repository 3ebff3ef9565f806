"""Writes the answerable questions of a SQuAD 2.0 file: data that a small model learns something from in minutes.

  scripts/bench/answerable_only.py squad-v2.0-train-10k.json OUT.json [--first 4000]
"""

import argparse
import json
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("out")
    parser.add_argument("--first", type=int, default=sys.maxsize, help="only so many of them")
    arguments = parser.parse_args()
    with open(arguments.file, encoding="utf-8") as source:
        squad = json.load(source)
    left = arguments.first
    for paragraph in (paragraph for article in squad["data"] for paragraph in article["paragraphs"]):
        paragraph["qas"] = [qa for qa in paragraph["qas"] if qa["answers"]][:left]
        left -= len(paragraph["qas"])
    with open(arguments.out, "w", encoding="utf-8") as out:
        json.dump(squad, out, ensure_ascii=False)


if __name__ == "__main__":
    main()
