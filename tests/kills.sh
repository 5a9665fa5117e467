#!/bin/sh
# SPDX-License-Identifier: MIT
# A `paper` run that is killed with -9 at random moments and resumed has the rows of one that was left
# alone. TAP. Arguments: the program, the database reader (sql.c), and then, where they are given:
# how many kills, the seed of their moments (- : the clock's), and what `paper` is to measure
# (default: a small model). $KILLS_EXPECTED: the database of an undisturbed run of the same arguments;
# without it there is one first. $KILLS_DIR: keeps the databases.
# Of models that fill the machine, say --full (--quick adapts its prompts to the time left) and --mem:
#     tests/kills.sh build/bench/tritbench build/tests/sql 10 - --full -m 700M,1.3B,3B --mem 16G
set -u
. "$(dirname "$0")/tap.sh"
[ $# -gt 2 ] || own_cpu
program=$(realpath "$1")
sql=$(realpath "$2")
kills=${3:-10}
seed=${4:--}
[ "$seed" != - ] || seed=$(date +%s)
[ $# -lt 4 ] && shift $# || shift 4
[ $# -gt 0 ] || set -- --full -m dummy-125M -f i8,ternary2 --only fig2 -r 2 --idle 0 --energy-windows 1
expected=${KILLS_EXPECTED:+$(realpath "$KILLS_EXPECTED")}
[ -z "${KILLS_DIR:-}" ] || mkdir -p "$KILLS_DIR" || exit 99
dir=${KILLS_DIR:+$(realpath "$KILLS_DIR")}
[ -n "$dir" ] || temporary=$(mktemp -d)
dir=${dir:-$temporary}
child=
trap '[ -z "$child" ] || kill -9 "$child" 2>/dev/null; [ -z "${temporary:-}" ] || rm -rf "$temporary"' EXIT
cd "$dir" || exit 99
unset TRITBENCH_DB TRITBENCH_INJECT
ask() { # database, query
    "$sql" "$1" "$2" 2>>err
}
# Every cell, and how many samples and rounds it has.
cells() { # database
    ask "$1" "SELECT coalesce(kind, '') || ' ' || coalesce(item, '') || ' ' || coalesce(model, '') || ' ' ||
        coalesce(format, '') || ' ' || coalesce(isa, '') || ' ' || coalesce(phase, '') || ' p' ||
        coalesce(n_prompt, 0) || ' n' || coalesce(n_gen, 0) || ' d' || coalesce(n_depth, 0) || ' b' ||
        coalesce(batch, 0) || ' x' || coalesce(parallel, 0) || ' t' || coalesce(threads, 0) || ' l' ||
        coalesce(layers_resident, 0) || ' ' || coalesce(kv, '') || ' ' || coalesce(head, '') || ' ' || status ||
        ' ' || (SELECT count(*) || ' ' || count(DISTINCT round) FROM sample WHERE cell = c.id AND round >= 0)
        FROM cell c" | sort
}
# The samples of passes; those of the roof are taken anew where its block did not end.
samples() { # database
    ask "$1" "SELECT cell || ' ' || round || ' ' || start_ns || ' ' || time_ns FROM sample JOIN cell ON
        cell.id = sample.cell WHERE kind = 'model'" | sort
}
whole() { # database
    [ "$(ask "$1" 'PRAGMA integrity_check')" = ok ] && [ -z "$(ask "$1" 'PRAGMA foreign_key_check')" ]
}
milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}
: >err

if [ -z "$expected" ]; then
    expected=undisturbed.db
    start=$(milliseconds)
    "$program" paper "$@" --db $expected -o json:undisturbed.json >out 2>err
    ok "an undisturbed run" $?
    took=$(($(milliseconds) - start))
else
    took=$(ask "$expected" "SELECT sum(time_ns) / 1000000 FROM plan")
fi
cells "$expected" >expected
[ "$(grep -c '^model' expected)" -gt 0 ] && ! grep -q ' running ' expected
ok "it has its cells" $?

# Moments: uniform between 0 and 1.4 times the run's share, so that the last kill is before its end;
# twice that after a process that was killed before it had ended a block or stored a sample of a pass.
share=$((took * 14 / (kills * 10)))
most=$share
echo "# seed $seed, $kills kills, each within $share ms of its start or more; the run alone took $took ms"
awk -v seed="$seed" -v n="$kills" 'BEGIN { srand(seed); for (i = 0; i < n; i++) print int(rand() * 10000) }' >moments
rm -f killed.db*
killed=0
bad=0
lost=0
: >before
"$program" paper "$@" --db killed.db -o json:killed.json >out 2>err &
child=$!
progress=
while read -r moment; do
    moment=$((most * moment / 10000))
    moment=$((moment / 1000)).$(printf '%03d' $((moment % 1000)))
    sleep "$moment"
    kill -9 "$child" 2>/dev/null && killed=$((killed + 1))
    wait "$child" 2>/dev/null
    if [ ! -f killed.db ] || [ -z "$("$sql" killed.db 'SELECT id FROM run' 2>/dev/null)" ]; then
        rm -f killed.db* # before it had begun
        "$program" paper "$@" --db killed.db -o json:killed.json >out 2>err &
        child=$!
        continue
    fi
    whole killed.db || bad=$((bad + 1))
    samples killed.db >after
    [ -z "$(comm -23 before after)" ] || lost=$((lost + 1))
    mv after before
    last=$progress
    progress="$(wc -l <before) samples of passes, plan: $(ask killed.db \
        "SELECT group_concat(n || ' ' || state, ', ') FROM (SELECT state, count(*) AS n FROM plan GROUP BY state)")"
    echo "# killed after $moment s: $progress"
    [ "$progress" != "$last" ] && most=$share || most=$((2 * most))
    "$program" resume --db killed.db -o json:killed.json >out 2>err &
    child=$!
done <moments
wait "$child"
code=$?
child=
echo "# killed $killed times"
[ "$killed" -ge $(((kills + 1) / 2)) ]
ok "it was killed while it went on, half of the times at least" $?
[ "$bad" -eq 0 ] && whole killed.db
ok "the database passes integrity_check after each kill, and at the end" $?
samples killed.db >after
[ "$lost" -eq 0 ] && [ -z "$(comm -23 before after)" ]
ok "no sample that was stored is lost" $?
[ "$code" -eq 0 ] || { [ "$killed" -lt "$kills" ] && grep -q 'did not end' err; }
ok "resume ends the run" $?
cells killed.db >got && diff expected got >>err
ok "it has the rows of the undisturbed run, none twice, each with all of its samples" $?
[ "$(ask killed.db 'SELECT count(*) FROM run')" -eq 1 ] &&
    [ "$(ask killed.db "SELECT count(*) FROM plan WHERE state <> 'done'")" -eq 0 ]
ok "it is one run, and its plan is done" $?
"$program" resume --db killed.db >out 2>err
[ $? -eq 2 ] && grep -q "no run in it that did not end" err
ok "resume refuses where nothing is left" $?
tap_end
