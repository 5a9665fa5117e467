#!/bin/sh
# SPDX-License-Identifier: MIT
# A small forward pass under Valgrind: no byte read before it was written or beyond its memory, and
# none lost. Argument: the program oracle_forward.
set -u
echo "TAP version 13"
if ! command -v valgrind >/dev/null 2>&1; then
    echo "1..0 # SKIP valgrind is not installed: apt-get install valgrind"
    exit 0
fi
pass="bitnet ternary2, head f16, KV f16: equals the reference"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
    "$1" "$pass" >"$log" 2>&1 && grep -q "^ok 1 - " "$log"; then
    echo "ok 1 - $pass"
else
    sed 's/^/# /' "$log"
    echo "not ok 1 - $pass"
fi
echo "1..1"
