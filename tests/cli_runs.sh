#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs that are stopped, crash, hang, or run out of memory or disk, from outside; kills.sh is beside
# it. TAP.
# Arguments: the program, the database reader (sql.c).
set -u
. "$(dirname "$0")/tap.sh"
own_cpu
program=$(realpath "$1")
sql=$(realpath "$2")
dir=$(mktemp -d)
child=
mounted=
trap '[ -z "$child" ] || kill -9 "$child" 2>/dev/null; [ -z "$mounted" ] || umount "$mounted"; rm -rf "$dir"' EXIT
cd "$dir" || exit 99
unset TRITBENCH_DB TRITBENCH_INJECT
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
# The samples of passes.
samples() { # database
    "$sql" "$1" "SELECT cell || ' ' || round || ' ' || start_ns || ' ' || time_ns FROM sample JOIN cell ON
        cell.id = sample.cell WHERE kind = 'model'" | sort
}
whole() { # database: is it intact?
    [ "$("$sql" "$1" 'PRAGMA integrity_check')" = ok ] &&
        [ -z "$("$sql" "$1" 'PRAGMA foreign_key_check')" ]
}

paper plain.db
[ $? -eq 0 ] && cells plain.db >expected && [ "$(grep -c '^model' expected)" -eq 4 ]
ok "a run in blocks" $?
grep -q "block 2 of 2: dummy-125M i8,ternary2: about [0-9.]* minutes left" err
ok "it says how long it will take" $?
[ "$("$sql" plain.db "SELECT group_concat(state) FROM plan")" = "done,done" ]
ok "its plan is done" $?
[ "$("$sql" plain.db "SELECT count(DISTINCT process) FROM sample")" -eq 2 ]
ok "each block had a process" $?

# Stopped in the middle of its samples, it says how to go on, and resume ends it. timeout, not kill: a
# shell starts what runs in the background with SIGINT ignored.
stopped() { # signal
    for seconds in 4 12 36; do
        rm -f stop.db*
        timeout --preserve-status -s "$1" $seconds "$program" paper $smallest -r 1000 --db stop.db -o json:rows.json \
            >out 2>err
        code=$?
        samples stop.db >before
        [ ! -s before ] || break
    done
    [ $code -eq 1 ] && [ -s before ] && grep -q "interrupted.*tritbench resume" err && whole stop.db &&
        [ "$("$sql" stop.db "SELECT count(*) FROM cell WHERE status = 'running'")" -eq 0 ] &&
        [ "$("$sql" stop.db "SELECT status FROM run")" = interrupted ]
}
for signal in INT TERM; do
    stopped $signal
    ok "SIG$signal ends a run in order, its cells and its plan" $?
done

TRITBENCH_INJECT=stop:i8 paper stop-build.db
code=$?
"$program" resume --db stop-build.db -o json:rows.json >out 2>err && cells stop-build.db >got
[ $? -eq 0 ] && [ $code -eq 1 ] && diff expected got >>err
ok "stopped when a model is built, and resumed, it has the same rows" $?

# A disk that is full, at three moments: a limit on the size of files.
: >before
bad=0
for blocks in 400 3600 1400; do
    [ -s full.db ] && command=resume || command="paper $smallest"
    (
        trap '' XFSZ
        ulimit -f $blocks
        "$program" $command --db full.db -o json:rows.json >out 2>err
    )
    code=$?
    samples full.db >after
    echo "# $((blocks / 2)) KiB: $(wc -l <after) samples of passes are there"
    [ $code -eq 2 ] && grep -q "full.db: cannot" err && whole full.db && [ -z "$(comm -23 before after)" ] || bad=1
    mv after before
done
ok "a full disk ends a run with a sentence, and its database is whole" $bad
"$program" resume --db full.db -o json:rows.json >out 2>err && cells full.db >got && samples full.db >after &&
    [ -z "$(comm -23 before after)" ] && diff expected got >>err
ok "with room again resume ends it, and no sample that was stored is lost" $?

# The same on a file system that something else fills while the run takes samples.
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=8m none small 2>/dev/null; then
    mounted=$dir/small
    "$program" paper $smallest -r 6 --db small/t.db -o json:rows.json >out 2>err &
    child=$!
    while [ -z "$(samples small/t.db 2>/dev/null)" ] && kill -0 $child 2>/dev/null; do sleep 0.2; done
    dd if=/dev/zero of=small/filler bs=64k 2>/dev/null
    samples small/t.db >before 2>/dev/null
    wait $child
    code=$?
    child=
    cp err said
    rm small/filler
    samples small/t.db >after
    echo "# $(wc -l <before) samples of passes when it was full, $(wc -l <after) in the end"
    [ $code -eq 2 ] && grep -q "small/t.db: cannot.*full" said && whole small/t.db && [ -z "$(comm -23 before after)" ]
    ok "a file system that fills up ends a run with a sentence, and loses nothing" $?
    "$program" resume --db small/t.db -o json:rows.json >out 2>err && samples small/t.db >before &&
        [ -z "$(comm -23 after before)" ] &&
        [ "$("$sql" small/t.db "SELECT count(*) FROM sample JOIN cell ON cell.id = sample.cell WHERE
            kind = 'model' AND round >= 0")" -eq 24 ]
    ok "resume ends it" $?
    umount small && mounted=
else
    skip "a file system that fills up ends a run with a sentence, and loses nothing" "no file system can be mounted here"
    skip "resume ends it" "the same"
fi

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

# Out of memory: nobody has as much as 13B takes; --mem says that the machine has. The roof, and a
# smaller model, fit below the limit.
(
    ulimit -v 3000000
    TMPDIR=. "$program" paper -m dummy-125M,13B -f ternary2 --only fig2 -r 1 -t 1 --mem 20G --idle 0 \
        --energy-windows 1 --db memory.db -o json:rows.json >out 2>err
)
code=$?
if [ "$("$sql" memory.db "SELECT state FROM plan WHERE kind = 'roof'")" = done ]; then
    [ $code -eq 1 ] &&
        [ "$("$sql" memory.db "SELECT group_concat(DISTINCT status) FROM cell WHERE model = 'dummy-125M'")" = ok ] &&
        [ "$("$sql" memory.db "SELECT count(*) FROM cell WHERE model = '13B' AND status = 'failed' AND
            reason LIKE '%no memory%'")" -eq 2 ]
    ok "a model that a limit on memory (ulimit -v) has no room for costs its rows, with the reason" $?
else
    skip "a model that a limit on memory (ulimit -v) has no room for costs its rows, with the reason" \
        "the caches of this machine are so large that its roof needs more"
fi

# `model` has the same plan and the same processes.
TRITBENCH_INJECT=crash:i8 "$program" model -m dummy-125M -f i8,ternary2 -p 0 -n 2 -t 1 -r 2 --invocations 2 --idle 0 \
    --energy-windows 1 --db model.db -o json:rows.json >out 2>err
[ $? -eq 1 ] && [ "$("$sql" model.db "SELECT group_concat(format || ' ' || status || (SELECT ' ' || count(*) || ' ' ||
    (count(DISTINCT process) >= 2) FROM sample WHERE cell = c.id AND round >= 0), ', ') FROM cell c WHERE
    kind = 'model'")" = "i8 failed 1 0, ternary2 ok 4 1" ]
ok "a cell of model that crashes costs its row, and the others have all invocations" $?
TRITBENCH_INJECT=stop:i8 "$program" model -m dummy-125M -f i8 -p 0 -n 2 -t 1 -r 2 --idle 0 --energy-windows 1 --db model.db \
    -o json:rows.json >out 2>err
code=$?
"$program" resume --db model.db -o json:rows.json >out 2>err
[ $? -eq 0 ] && [ $code -eq 1 ] && [ "$("$sql" model.db "SELECT status || (SELECT count(*) FROM sample WHERE cell = c.id
    AND round >= 0) FROM cell c WHERE kind = 'model' AND run = 2")" = ok2 ]
ok "resume goes on with a run of model" $?

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
