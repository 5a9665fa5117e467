#!/bin/sh
# SPDX-License-Identifier: MIT
# Table 3 of the smallest model, from outside. TAP. Arguments: the program, the JSON reader (rows.c),
# the database reader (sql.c).
set -u
. "$(dirname "$0")/tap.sh"
own_cpu
program=$(realpath "$1")
rows=$(realpath "$2")
sql=$(realpath "$3")
dir=$(mktemp -d)
child=
trap '[ -z "$child" ] || kill -9 "$child" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 99
unset TRITBENCH_DB TRITBENCH_INJECT
table3() { # further arguments
    "$program" paper --only table3 -m dummy-125M -r 1 -t 1 --idle 0 --energy-windows 1 "$@" >out 2>err
}

# FP16 needs 324 MB for one sequence: it fits at no batch here. Ternary weights and both KV caches do.
table3 --mem 250M --full -f f16,ternary2 --db t.db -o json:rows.json -o md:table.md -o tex:table.tex
code=$?
"$rows" rows.json item variant format metric parallel n_depth ours ratio_ours budget_bytes batch_bytes \
    next_batch_bytes rss_peak_bytes how >table 2>>err
[ $code -eq 0 ] && [ "$(grep -vc '^table3' table)" -eq 0 ] && [ "$(grep -c max_batch table)" -eq 4 ]
ok "paper --only table3 measures both KV caches with --full" $?
# A sanitizer keeps memory that was freed.
most=0.03
[ "$("$sql" t.db 'SELECT sanitizers FROM build')" = none ] || most=0.3
awk -F '\t' -v most=$most '$3 == "ternary2" && $4 == "max_batch" { n++
        if ($5 != $7 + 0 || $7 < 2 || $10 > $9 || $11 <= $9 || $12 < 0.97 * $10 || $12 > (1 + most) * $10) {
            print "# off:", $0; bad = 1 } }
    END { exit bad || n != 2 }' table >&2
ok "the largest batch is within the budget, one more is not, and its memory is as predicted" $?
awk -F '\t' '$3 == "f16" { n++
        if ($4 == "max_batch" && ($7 != 0 || $10 <= $9 || $13 !~ /^derived: none fits, 1 needs/)) bad = 1
        if ($4 != "max_batch" && ($7 != "null" || $13 !~ /skipped: [0-9]+ bytes are needed/)) bad = 1 }
    $8 != "null" { bad = 1 }
    END { exit bad || n != 4 }' table
ok "what fits at no batch is a row with the bytes, and nothing is compared with it" $?
awk -F '\t' '$4 == "throughput_tokens_per_s" && $7 > 0 { seen[$2, $5 + 0] = 1; n++ }
    $4 == "max_batch" && $7 > most[$2] + 0 { most[$2] = $7 + 0 }
    END { for (v in most) { if (!((v, most[v]) in seen)) bad = 1
              for (b = 1; b <= most[v]; b *= 2) if (!((v, b) in seen)) bad = 1 }
          exit bad || n < 6 }' table
ok "tokens/s at 1, 2, 4, ... and at the largest batch" $?
awk -F '\t' '$4 == "max_batch" && $7 > 0 { batch[$2] = $7 }
    END { exit !(batch["kv-i8"] > 1.5 * batch["dummy"]) }' table
ok "an int8 KV cache holds more sequences" $?
awk -F '\t' '$4 == "kv_logit_error" && $7 > 0.001 && $7 < 0.2 { n++ }
    $4 == "kv_top_token_same" && $7 >= 0 && $7 <= 1 { n++ } END { exit n != 2 }' table
ok "what it does to the logits is measured" $?
"$sql" t.db "SELECT count(*) FROM value v JOIN cell c ON c.id = v.cell WHERE c.item = 'table3' AND
    metric IN ('max_batch', 'budget_bytes', 'batch_bytes', 'next_batch_bytes')" >got 2>>err
[ "$(cat got)" -eq 16 ] && grep -q '| dummy-125M | f16 *| f16 *| *0 |' table.md &&
    grep -qF "The paper's Table 3" table.tex && grep -qF '(ternary2, int8 KV cache)' table.tex
ok "the numbers are in the database, the tables in Markdown and LaTeX" $?
sed -n '/^## Tokens per second by batch/,/^All/p' table.md | grep '^| dummy' >by_batch
[ -s by_batch ] && ! grep -v '| measured[^|]*|$' by_batch
ok "tokens/s by batch say how they came about" $?
"$program" report --db t.db --only table3 -o json >again 2>err && cmp -s again rows.json
ok "report prints them again" $?

table3 --mem 300M -f ternary2 --dry-run --db t.db -o json:plan.json
code=$?
"$rows" plan.json model kv parallel provenance predicted_bytes >plan 2>>err
awk -F '\t' '$2 != "f16" || $5 > 314572800 || $3 > last + 0 && NR > 1 { bad = 1 } { last = $3 }
    END { exit bad || NR < 3 || last != 1 }' plan
[ $? -eq 0 ] && [ $code -eq 0 ] && [ "$("$sql" t.db 'SELECT count(*) FROM run')" -eq 1 ]
ok "a dry run prints the batches, and measures nothing" $?

# Killed while it compares the KV caches: resume does that, and measures nothing twice.
"$program" paper --only table3 -m dummy-125M -r 1 -t 1 --idle 0 --energy-windows 1 --mem 250M \
    -f ternary2 --kv i8 --db r.db >out 2>err &
child=$!
waited=0
until grep -q 'KV caches compared' err || [ $waited -ge 1200 ] || ! kill -0 $child 2>/dev/null; do
    sleep 0.1
    waited=$((waited + 1))
done
kill -9 $child 2>/dev/null
wait $child 2>/dev/null
child=
if [ "$("$sql" r.db 'SELECT status FROM run')" != running ]; then
    skip "resume compares the KV caches that are left" "the run had ended already"
else
    "$sql" r.db 'SELECT id || time_ns FROM sample ORDER BY id' >before
    "$program" resume --db r.db -o json:resumed.json >out 2>err
    [ $? -eq 0 ] && "$rows" resumed.json metric ours >resumed 2>>err &&
        "$sql" r.db 'SELECT id || time_ns FROM sample ORDER BY id' >after && cmp -s before after &&
        grep -q '^kv_logit_error.0\.0' resumed && [ "$("$sql" r.db "SELECT count(*) FROM cell WHERE
            kind = 'accuracy'")" -eq 1 ]
    ok "resume compares the KV caches that are left, and measures nothing twice" $?
fi
tap_end
