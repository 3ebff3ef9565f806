"""The sentencepiece library and LibTorch use their own symbols where both export a name.

usage: shared_symbols_test.py BERT_FINETUNE

Both bring a protobuf, and flags of the same names. The dynamic linker is asked what it binds: the
library must reach none of LibTorch's symbols, and LibTorch none of the library's but those that are
the same in both or that nothing of ours makes it touch.
"""

import os
import re
import subprocess
import sys

SAME = re.compile(
    r"_Z(T[ISV]|Z)?N?K?(St|Ss|NSt|9__gnu_cxx)"  # templates of the C++ library
    r"|_ZN6google8protobuf8internal8byteswapI"  # turns bytes round in any version of protobuf
    r"|FLAGS_minloglevel$"  # c10 writes to it when it parses a command line, which we do not ask for
)
BINDING = re.compile(r"binding file (\S+) \[\d+\] to (\S+) \[\d+\]: \w+ symbol `([^']+)'")


def kind(path):
    name = os.path.basename(path)
    if name.startswith("libsentencepiece"):
        return "sentencepiece"
    return "torch" if name.startswith(("libtorch", "libc10")) else "other"


def main():
    environment = os.environ | {"LD_DEBUG": "bindings", "LD_BIND_NOW": "1"}
    run = subprocess.run([sys.argv[1], "--build-info"], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    bindings = {match.groups() for match in BINDING.finditer(run.stderr)}
    own = [b for b in bindings if kind(b[0]) == kind(b[1]) == "sentencepiece"]
    assert any(symbol == "FLAGS_minloglevel" for _, _, symbol in own), "the library does not use its own flag"
    wrong = [b for b in bindings if {kind(b[0]), kind(b[1])} == {"sentencepiece", "torch"} and not SAME.match(b[2])]
    for user, owner, symbol in wrong:
        print(f"{user} uses {symbol} of {owner}")
    backwards = [b for b in bindings if kind(b[0]) == "sentencepiece" and kind(b[1]) == "torch"]
    for user, owner, symbol in backwards:
        print(f"{user} uses {symbol} of {owner}; the library must stand first")
    print(f"{len(bindings):,} bindings, {len(own):,} within the library")
    sys.exit(bool(wrong or backwards))


main()
