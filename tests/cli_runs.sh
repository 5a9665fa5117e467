#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs that are killed, crash, hang or run out of memory, from outside. TAP.
# Arguments: the program, the database reader (sql.c).
set -u
. "$(dirname "$0")/tap.sh"
program=$(realpath "$1")
sql=$(realpath "$2")
dir=$(mktemp -d)
child=
trap '[ -z "$child" ] || kill -9 "$child" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 99
unset TRITBENCH_DB TRITBENCH_INJECT
explain() {
    tail -n 12 err | sed 's/^/# /'
}
# The smallest run there is: one model, two formats, decode and prefill.
smallest="-m dummy-125M -f i8,ternary2 --only fig2 -r 2 -t 1 --idle 0 --energy-windows 1"
paper() { # database, further arguments
    to=$1
    shift
    "$program" paper $smallest --db "$to" -o json:rows.json "$@" >out 2>err
}
# Every cell and how many samples it has.
cells() { # database
    "$sql" "$1" "SELECT kind || ' ' || coalesce(item, '') || ' ' || coalesce(format, '') || ' ' ||
        coalesce(phase, '') || ' ' || status || ' ' || (SELECT count(*) || ' ' || count(DISTINCT round)
        FROM sample WHERE cell = c.id AND round >= 0) FROM cell c ORDER BY block, id"
}
whole() { # database: is it intact?
    [ "$("$sql" "$1" 'PRAGMA integrity_check')" = ok ] &&
        [ -z "$("$sql" "$1" 'PRAGMA foreign_key_check')" ]
}

start=$(date +%s%N)
paper plain.db
[ $? -eq 0 ] && cells plain.db >expected && [ "$(grep -c '^model' expected)" -eq 4 ]
ok "a run in blocks" $?
[ "$("$sql" plain.db "SELECT group_concat(state) FROM plan")" = "done,done" ]
ok "its plan is done" $?
[ "$("$sql" plain.db "SELECT count(DISTINCT process) FROM sample")" -eq 2 ]
ok "each block had a process" $?

# Killed where it happens to be, ten times, each within 0.3 of the time that the whole takes; then it
# ends.
most=$((($(date +%s%N) - start) / 3500000)) # ms
interrupted=0
broken=0
pause=1
"$program" paper $smallest --db killed.db >out 2>err &
child=$!
for turn in 1 2 3 4 5 6 7 8 9 10; do
    pause=$(((pause * 7919 + 104729) % 10007))
    at=$((pause * most / 10007))
    sleep "$((at / 1000)).$(printf '%03d' $((at % 1000)))"
    kill -9 "$child" 2>/dev/null && interrupted=$((interrupted + 1))
    wait "$child" 2>/dev/null
    [ ! -f killed.db ] || whole killed.db || broken=1
    if [ -n "$("$sql" killed.db 'SELECT id FROM run' 2>/dev/null)" ]; then
        "$program" resume --db killed.db >out 2>err &
    else
        rm -f killed.db*
        "$program" paper $smallest --db killed.db >out 2>err &
    fi
    child=$!
done
wait "$child"
code=$?
child=
echo "# killed $interrupted times"
[ "$broken" -eq 0 ] && whole killed.db
ok "a database is intact after each kill -9" $?
[ "$code" -eq 0 ] || [ "$interrupted" -lt 10 ]
ok "resume ends the run" $?
cells killed.db >got && diff expected got >err
ok "killed and resumed, it has the same rows, and none twice" $?
[ "$("$sql" killed.db 'SELECT count(*) FROM run')" -eq 1 ]
ok "it is still one run" $?
"$program" resume --db killed.db >out 2>err
[ $? -eq 2 ] && grep -q "no run in it that did not end" err
ok "resume refuses where nothing is left" $?

TRITBENCH_INJECT=crash:ternary2 paper crash.db
[ $? -eq 1 ] && [ "$("$sql" crash.db "SELECT count(*) FROM cell WHERE format = 'i8' AND status = 'ok'")" -eq 2 ] &&
    [ "$("$sql" crash.db "SELECT count(*) FROM cell WHERE format = 'ternary2' AND status = 'failed' AND
        (reason LIKE '%SIGILL%' OR reason LIKE '%exit status%')")" -eq 2 ]
ok "a cell that crashes costs its row, which has the signal" $?
TRITBENCH_INJECT=build:i8 paper build.db
[ $? -eq 1 ] && [ "$("$sql" build.db "SELECT count(*) FROM cell WHERE format = 'ternary2' AND status = 'ok'")" -eq 2 ] &&
    [ "$("$sql" build.db "SELECT count(*) FROM cell WHERE format = 'i8' AND status = 'failed' AND
        reason LIKE '%when it was built: killed by SIGKILL%'")" -eq 2 ]
ok "a model that is killed when it is built costs its rows" $?
TRITBENCH_INJECT=hang:ternary2 paper hang.db --time-limit 10
[ $? -eq 1 ] && [ "$("$sql" hang.db "SELECT count(*) FROM cell WHERE format = 'i8' AND status = 'ok'")" -eq 2 ] &&
    [ "$("$sql" hang.db "SELECT count(*) FROM cell WHERE format = 'ternary2' AND
        reason LIKE 'killed: not done after 10 s'")" -eq 2 ]
ok "a cell that hangs is killed" $?

"$program" paper --full --dry-run --db none.db -o json >out 2>err
[ $? -eq 0 ] && [ ! -e none.db ] && grep -q predicted_bytes out && grep -q '"predicted_s": *null' out
ok "a dry run measures nothing, and knows no time without a roof" $?
"$program" paper -m 3B --dry-run -t 1 --db plain.db -o json >out 2>err
[ $? -eq 0 ] && grep -q predicted_bytes out && ! grep -q '"predicted_s": *null' out
ok "with the roof of an earlier run it does" $?

# Few layers against all of them. A last-level cache may be so large that few are all.
"$program" paper --only cycled -m dummy-125M,dummy-350M -f f16 -r 2 --idle 0 --energy-windows 1 --db cycled.db \
    -o csv:cycled.csv >out 2>err
code=$?
if grep -q "nothing to compare in dummy-350M" err; then
    skip "a cycled model is measured beside the whole one" "$(grep -o '8 times the last-level.*' err | tail -n 1)"
else
    [ $code -eq 0 ] && [ "$("$sql" cycled.db "SELECT count(*) FROM sample a JOIN sample b ON a.round = b.round JOIN
        cell w ON w.id = a.cell JOIN cell c ON c.id = b.cell WHERE w.item = 'cycled' AND c.item = 'cycled' AND
        w.layers_resident = w.layers AND c.layers_resident < c.layers AND c.provenance = 'cycled' AND a.round >= 0")" -eq 2 ] &&
        [ "$(grep -c '^cycled,cycled by whole,llama,dummy-350M,f16,time_ratio,' cycled.csv)" -eq 1 ]
    ok "a cycled model is measured beside the whole one" $?
fi

tap_end
