#!/bin/sh
# SPDX-License-Identifier: MIT
# `paper` from outside, on one of the paper's own sizes: whole, kept in part, and skipped. TAP.
# Arguments: the program, the JSON reader (rows.c).
set -u
. "$(dirname "$0")/tap.sh"
own_cpu
program=$(realpath "$1")
rows=$(realpath "$2")
dir=$(mktemp -d)
. "$(dirname "$0")/cli_run.sh"
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 99

run paper -m 700M -f f16,ternary2 -r 1 --mem 1G -o json:paper.json --db "$db"
[ $code -eq 0 ] && "$rows" paper.json item size format metric provenance ours ratio_ours note \
    >table 2>>"$err" && grep -q "^table1.700M.f16.latency_ms.cycled" table
ok "paper cycles a model that does not fit, and its rows say so" $?
grep -q "^table1.700M.f16.memory_gb.derived" table
ok "a cycled model's memory is derived" $?
grep -q "^table1.700M.ternary2.latency_ms.measured" table &&
    grep -q "^table1.700M.ternary2.memory_gb.measured" table &&
    grep -q "^prefill.700M.ternary2.throughput_tokens_per_s.measured" table
ok "a model that fits is measured whole" $?
run report --db "$db" -o json
[ $code -eq 0 ] && cmp -s "$out" paper.json
ok "report prints the last paper run again, byte for byte" $?
run paper -m 700M -f ternary2 -r 1 --mem 100M -o json --only table1 --db "$db"
[ $code -eq 0 ] && "$rows" "$out" note ours metric >table 2>>"$err" &&
    grep -q "skipped: [0-9]* bytes are needed.*null.latency_ms" table
ok "a model that does not even fit in part is skipped, with the bytes" $?
tap_end
