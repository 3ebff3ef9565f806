#!/usr/bin/env bash
# scripts/fetch_squad.sh against a server of our own with small files: a first download, a
# second run, a broken download, wrong content, a missing file, a foreign file in the way.
set -euo pipefail
unset CDPATH  # with it cd looks elsewhere first, and prints where it went

script=$(cd "$(dirname "$0")/../.." && pwd)/scripts/fetch_squad.sh
work=$(mktemp -d)
server=
cleanup() { [ -z "$server" ] || kill "$server"; rm -rf "$work"; }
trap cleanup EXIT
mkdir "$work/served"
seq 20000 > "$work/served/train.json"
seq 300 > "$work/served/dev.json"

# A server that knows ranges, which http.server does not, and logs what was asked for.
cat > "$work/server.py" <<'PYTHON'
import functools, http.server, os, re, sys

class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        path = self.translate_path(self.path)
        if not os.path.isfile(path):
            self.send_error(404)
            return
        data = open(path, "rb").read()
        plain = os.path.exists(path + ".no-ranges")
        asked = not plain and re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:])

    def log_message(self, *args):
        print(self.path, self.headers.get("Range", "whole"), file=log, flush=True)

log = open(sys.argv[2], "w")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=sys.argv[1]))
with open(sys.argv[3] + ".new", "w") as port:
    port.write(str(server.server_port))
os.rename(sys.argv[3] + ".new", sys.argv[3])
server.serve_forever()
PYTHON
python3 "$work/server.py" "$work/served" "$work/requests" "$work/port" &
server=$!
for _ in $(seq 100); do [ ! -f "$work/port" ] || break; sleep 0.1; done

BERTFT_SQUAD_URL="http://127.0.0.1:$(cat "$work/port")"
export BERTFT_SQUAD_URL BERTFT_SQUAD_DIR="$work/data" no_proxy=127.0.0.1
for name in train.json dev.json; do
  echo "$name $(stat -c %s "$work/served/$name") $(sha256sum "$work/served/$name" | cut -d' ' -f1)"
done > "$work/list"

run() { status=0; output=$("$script" "$work/list" 2>&1) || status=$?; }
expect() {  # STATUS PATTERN...
  local wanted=$1 pattern; shift
  [ "$status" = "$wanted" ] || { echo "FAILED: exit status $status instead of $wanted:"; echo "$output"; exit 1; }
  for pattern in "$@"; do
    grep -q -e "$pattern" <<< "$output" || { echo "FAILED: no '$pattern' in:"; echo "$output"; exit 1; }
  done
}

run; expect 0 '^train.json .* MB  downloaded, ok sha256$' '^dev.json .* MB  downloaded, ok sha256$'
cmp "$work/served/train.json" "$work/data/train.json"

: > "$work/requests"
run; expect 0 '^train.json .* there already, ok sha256$'
[ ! -s "$work/requests" ] || { echo "FAILED: good files were asked for again"; exit 1; }

mv "$work/data/train.json" "$work/whole"
head -c 5000 "$work/whole" > "$work/data/train.json.part"
run; expect 0 'continued from byte 5000, ok sha256'
grep -q '^/train.json bytes=5000-$' "$work/requests"
cmp "$work/served/train.json" "$work/data/train.json"

mv "$work/data/train.json" "$work/whole"
head -c 5000 "$work/whole" > "$work/data/train.json.part"
touch "$work/served/train.json.no-ranges"
run; expect 0 '^train.json .*ok sha256$'   # the server sends all of it or nothing
cmp "$work/served/train.json" "$work/data/train.json"

mv "$work/data/train.json" "$work/data/train.json.part"
run; expect 0 '^train.json .*ok sha256$'   # complete, but not yet renamed

rm "$work/data/dev.json"
sed -i '1s/1/2/' "$work/served/dev.json"
run; expect 1 'error: .*/dev.json is not the official file: .* bytes, expected' 'BERTFT_SQUAD_URL'
[ ! -e "$work/data/dev.json" ] && [ ! -e "$work/data/dev.json.part" ]

rm "$work/served/dev.json"
run; expect 1 '404' 'error: could not download .*/dev.json' '^       Run this again: it continues'

echo mine > "$work/data/dev.json"
run; expect 1 'error: .*/dev.json is not the official file' 'does not overwrite it'
grep -q '^mine$' "$work/data/dev.json"
echo "fetch_squad: all cases passed"
