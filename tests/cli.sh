#!/bin/sh
# SPDX-License-Identifier: MIT
# The program from outside: exit statuses, one-line messages, nothing but the machine format on
# standard output, databases untouched by wrong command lines. TAP.
# Arguments: the program, the JSON reader (rows.c), the source root, the database reader (sql.c), the
# tree whose counters advance (energy_fixture_main.c).
set -u
. "$(dirname "$0")/tap.sh"
program=$(realpath "$1")
rows=$(realpath "$2")
root=$(realpath "$3")
sql=$(realpath "$4")
fixture=$(realpath "$5")
dir=$(mktemp -d)
. "$(dirname "$0")/cli_run.sh"
mounted=
writer=
trap '[ -z "$writer" ] || kill "$writer"; [ -z "$mounted" ] || umount "$mounted"; rm -rf "$dir"' EXIT
cd "$dir" || exit 99

# One line on stderr with all the words (a pattern), nothing on stdout, status 2.
refused() { # name, pattern, arguments
    name=$1
    pattern=$2
    shift 2
    run "$@"
    [ $code -eq 2 ] && [ ! -s "$out" ] && [ "$(wc -l <"$err")" -eq 1 ] && grep -q -- "$pattern" "$err"
    ok "$name" $?
}
same_database() { # name
    cmp -s "$db" "$db.kept"
    ok "$1" $?
}

# ---- help ----

run --help
[ $code -eq 0 ] && grep -q "doctor" "$out" && [ ! -s "$err" ]
ok "--help" $?
for name in doctor list roof kernel model paper report resume selftest; do
    run help $name
    cp "$out" first
    one=$code
    run $name --help
    [ "$one" -eq 0 ] && [ $code -eq 0 ] && cmp -s first "$out" && grep -q -- "--db PATH" "$out"
    ok "help $name, $name --help" $?
    run man $name
    [ $code -eq 0 ] && head -n 1 "$out" | grep -q '^\.TH TRITBENCH' && grep -q '^\.SH EXIT' "$out"
    ok "man $name" $?
done
run --version
[ $code -eq 0 ] && grep -q '^tritbench [0-9]' "$out"
ok "--version" $?
run
[ $code -eq 2 ] && [ ! -s "$out" ]
ok "no command" $?

# ---- what is wrong is refused before a database is made ----

refused "unknown command" "modle.*did you mean model" modle
refused "unknown option" "--modl.*did you mean --model" model --modl 3B
refused "option of another command" "-p" roof -p 5
refused "unknown model" "4B.*did you mean" model -m 4B
refused "unknown format" "tenrary2.*did you mean ternary2" model -f tenrary2
refused "unknown family" "dumy.*did you mean dummy" list models --family dumy
refused "--zeros 101" "--zeros 101.*100" kernel --shape 64x64 --zeros 101
refused "--zeros with --outliers" "--zeros --outliers" kernel --shape 64x64 --zeros 0 --outliers 1
refused "--shape with --family" "--shape with --family" kernel --shape 64x64 --family dummy
refused "--outliers without a ternary format" "none of the formats" kernel --shape 64x64 -f f16,i8 \
    --outliers 1
refused "too many variants" "at most" kernel --shape 64x64 --zeros 0-50
refused "unknown ISA" "avx3.*did you mean avx2" kernel --isa avx3
case $(uname -m) in
x86_64) foreign=neon ;;
*) foreign=avx2 ;;
esac
refused "an ISA that this CPU lacks" "$foreign.*this CPU does not have it" kernel --isa $foreign
refused "unknown item" "tabel1.*did you mean table1" paper --only tabel1
refused "unknown list" "model.*did you mean models" list model
refused "-t 0" "-t 0.*1 to" model -t 0
refused "more threads than there are" "4000.*this process may use [0-9]* hardware" model -t 4000
refused "--pin with a bad character" "--pin 0,x: character 3: expected a number" kernel --pin 0,x
refused "--pin of more than there is" "--pin E:N:4000: character 3: 4000 threads need" roof --pin E:N:4000
refused "--pin with a CPU twice" "--pin N:0@N:0: character 7: CPU [0-9]* a second time" model --pin N:0@N:0
refused "-t with a domain that is not there" "--threads S99: character 1: there is no domain S99" kernel -t S99
refused "more threads than --pin has CPUs" "--threads 2: this process may use 1 hardware thread" kernel --pin N:0 -t 2
refused "-p -1" "-p -1.*0 to" model -p -1
refused "-n 99999999999" "-n 99999999999.*0 to" model -n 99999999999
refused "-n x" "-n x" model -n x
refused "an empty element" "1,,2" model -n 1,,2
refused "no value" "-n needs a value" model -n
refused "--mem 5Q" "--mem 5Q" model --mem 5Q
refused "--shape 5" "--shape 5" kernel --shape 5
refused "--cache hot" "--cache hot.*cold or warm" kernel --shape 64x64 --cache hot
refused "-o xml" "-o xml.*json" model -o xml
refused "doctor --events with a wrong name" "cycels.*did you mean cycles" doctor --events cycels
refused "unknown meter" "powercp.*did you mean powercap" kernel --meter powercp
refused "unknown event" "--events.*cylces.*cycles" kernel --shape 64x64 --events cylces --db e.db
[ ! -e e.db ]
ok "an unknown event makes no database" $?
refused "--idle -1" "--idle -1.*0 to" model --idle -1
refused "two outputs to stdout" "standard output" kernel --shape 64x64 -o json -o csv
refused "an output in no directory" "absent/x.json: No such file" kernel --shape 64x64 \
    -o json:absent/x.json
refused "an output that is a directory" "Is a directory" doctor -o json:.
[ -z "$(ls -A | grep -v -e '^out$' -e '^err$' -e '^first$')" ]
ok "none of these left a file" $?

# ---- databases ----

run kernel --shape 256x256 --cache warm -t 1 -r 2 --db "$db" -o json
[ $code -eq 0 ] && [ -s "$db" ] && "$rows" "$out" format isa op rows cols batch threads \
    bits_per_weight status samples_ns median_ns ci_low_ns ci_high_ns gbps gops roof_gbps roof_share \
    energy_j energy_reason machine build >/dev/null 2>>"$err"
ok "kernel -o json has the members of the document" $?
cp "$db" "$db.kept"
run model -m 4B --db "$db"
run model -n 99999999999 --db "$db"
run paper --only tabel1 --db "$db"
same_database "wrong command lines leave the database as it was"

refused "a database that is a directory" "$dir" kernel --shape 64x64 --db "$dir"
refused "a database in no directory" "absent" kernel --shape 64x64 --db absent/t.db
echo "this is not a database, but it is long enough to be mistaken for one" >text.db
cp text.db text.kept
refused "a database that is not SQLite" "text.db" kernel --shape 64x64 --db text.db
cmp -s text.db text.kept
ok "a file that is not SQLite stays as it was" $?
# user_version: four bytes, big-endian, at offset 60 of the file.
cp "$db" other.db
printf '\0\0\0\143' | dd of=other.db bs=1 seek=60 conv=notrunc 2>/dev/null
cp other.db other.kept
refused "a database of another version" "other.db.*99" kernel --shape 64x64 --db other.db
cmp -s other.db other.kept
ok "a database of another version stays as it was" $?
# application_id, at offset 68: SQLite, and not ours.
cp "$db" foreign.db
printf '\0\0\0\1' | dd of=foreign.db bs=1 seek=68 conv=notrunc 2>/dev/null
refused "a database that is not ours" "foreign.db" kernel --shape 64x64 --db foreign.db
cp "$db" readonly.db
chmod 0444 readonly.db
refused "a read-only database" "readonly.db" kernel --shape 64x64 --db readonly.db
refused "report without a database" "none.db" report --db none.db
[ ! -e none.db ]
ok "report makes no database" $?
same_database "the database is still as it was"

# A full disk: a small file system, or a limit on the size of files.
if [ "$(id -u)" = 0 ] && mkdir full && mount -t tmpfs -o size=64k none full 2>/dev/null; then
    mounted=$dir/full
    run kernel --shape 256x256 -t 1 -r 200 --db full/t.db
    umount "$mounted" && mounted=
else
    (
        trap '' XFSZ
        ulimit -f 128
        "$program" kernel $brief --shape 256x256 -t 1 -r 200 --db limited.db >"$out" 2>"$err"
    )
    code=$?
fi
[ $code -ge 1 ] && [ $code -le 2 ] && grep -q "\.db" "$err"
ok "a full disk ends the run with a sentence" $?

# ---- output ----

run doctor -o json
[ $code -eq 0 ] && [ ! -s "$err" ] && "$rows" "$out" kind name status tried said fix >table 2>>"$err"
ok "doctor -o json" $?
for kind in energy counters library meter isa memory clock host; do
    cut -f 1 table | grep -qx $kind
    ok "doctor has rows of kind $kind" $?
done
if command -v likwid-bench >/dev/null; then
    grep -q "^library.likwid-bench.ok.*-W S0:1GB:[0-9]" table
else
    grep -q "^library.likwid-bench.missing.*apt-get install likwid" table
fi
ok "doctor names an independent check of the roof" $?
cut -f 3 table | grep -qvE '^(ok|absent|denied|masked|broken|off|missing|warn|skipped)$'
[ $? -eq 1 ]
ok "doctor: every status is a known word" $?
ls -A | grep -q tritbench.db
[ $? -eq 1 ]
ok "doctor makes no database" $?
run doctor --sysroot "$dir/absent" -o json
[ $code -eq 0 ] && "$rows" "$out" kind name status >table && ! grep -q "^energy.*ok$" table
ok "doctor below an empty root finds no energy" $?

for list in models formats kernels meters plans; do
    run list $list -o json
    [ $code -eq 0 ] && "$rows" "$out" kind >table 2>>"$err" && [ -s table ] && [ ! -s "$err" ]
    ok "list $list" $?
done
run list models -o csv
[ $code -eq 0 ] && head -n 1 "$out" | grep -q '^kind,name,' && grep -q ',3B,' "$out"
ok "list models -o csv" $?
run list models --family mistral,tii -o csv
[ $code -eq 0 ] && [ "$(grep -c '^model,mixtral-8x' "$out")" -eq 2 ] && [ "$(wc -l <"$out")" -eq 5 ]
ok "list models --family lists theirs alone" $?
run list formats -o jsonl
[ $code -eq 0 ] && [ "$(grep -c '^{.*}$' "$out")" -eq "$(wc -l <"$out")" ]
ok "list formats -o jsonl" $?

if [ -w /dev/full ]; then
    "$program" list models -o csv >/dev/full 2>"$err"
    [ $? -eq 1 ] && grep -q "standard output" "$err"
    ok "standard output that is full: exit status 1 and a sentence" $?
else
    skip "standard output that is full: exit status 1 and a sentence" "no /dev/full here"
fi

run model -m dummy-125M -f f16,ternary2 -p 4 -n 2 -t 1 -r 1 --db "$db" -o json
[ $code -eq 0 ] && "$rows" "$out" model format isa phase n_prompt n_gen n_depth batch threads \
    status provenance layers_resident layers samples_ns tokens tokens_per_s ms_per_token ci_low_ms \
    ci_high_ms weights_bytes kv_bytes scratch_bytes rss_peak_bytes energy_j j_per_token \
    energy_domains energy_provenance energy_reason counters machine build >/dev/null 2>>"$err"
ok "model -o json has the members of the document" $?
"$rows" "$out" format phase status energy_j >table 2>>"$err" &&
    grep -q "^f16.prefill.ok" table && grep -q "^ternary2.decode.ok" table
ok "model measures both formats in both phases" $?
"$rows" "$out" phase roof_share roof_gops bound >table.roof 2>>"$err" &&
    awk '$1 == "prefill" && $2 > 0 && $3 > 0 && $4 ~ /^(memory|compute)$/ { prompts++ }
         $1 == "decode" && $2 > 0 && !($3 + 0 > 0) { steps++ }
         END { exit !(prompts == 2 && steps == 2) }' table.roof
ok "a prompt is held against the peak of its rounds, too; decode against the memory alone" $?
[ -s table ] && ! cut -f 4 table | grep -qx 0
ok "energy that was not measured is null, not 0" $?
run model -m dummy-125M -f ternary2 --isa c -p 4 -n 0 -t 1 -r 1 --db isa.db -o json
[ $code -eq 0 ] && "$rows" "$out" isa roof_share >table.isa 2>>"$err" && grep -q '^c.[0-9]' table.isa &&
    [ "$("$sql" isa.db "SELECT isa FROM cell WHERE kind = 'roof' AND item = 'ternary_gops'")" = c ]
ok "a prompt of a forced ISA is held against that ISA's peak" $?

cp "$db" "$db.kept"
refused "a model that does not fit: how many bytes it wants" "70B.*[0-9]\{12\} bytes" model -m 70B \
    -f f16 -n 1 -p 0 -t 1 -r 1 --mem 1M --layers-resident all --db "$db"
refused "a matrix that does not fit: how many bytes it wants" "100000.*[0-9]\{10,\} bytes" kernel \
    --shape 100000x100000 -f f16 -t 1 -r 1 --mem 1M --db "$db"
same_database "what does not fit leaves the database as it was"

# timeout, not kill: a shell starts what runs in the background with SIGINT ignored. The signal comes
# twice, to the process and to its group, and must not be taken for an impatient user's second one.
# Where the first sample takes longer than the first wait (sanitizers), it waits longer.
for seconds in 3 15 60; do
    timeout --preserve-status -s INT $seconds "$program" model $brief -m dummy-125M \
        -f ternary2 -p 0 -n 64 -t 1 -r 100000 --db "$db" -o json >"$out" 2>"$err"
    code=$?
    "$rows" "$out" status samples_ns >table 2>>"$err" || break
    [ ! -s table ] || break
done
[ $code -eq 1 ] && grep -q interrupted "$err"
ok "SIGINT ends a run in order, with status 1 and a line" $?
"$rows" "$out" status samples_ns >table 2>>"$err" && [ -s table ]
ok "after SIGINT standard output is valid JSON, with what was measured" $?

run model -m dummy-125M -f ternary2 -p 9 -b 4,8 -ub 2,16 -n 1 -r 1 -o json --db "$db"
[ $code -eq 0 ] && "$rows" "$out" phase batch >table 2>>"$err" &&
    [ "$(grep -c '^prefill' table)" -eq 4 ] && [ "$(grep -c '^decode' table)" -eq 1 ]
ok "model runs a prompt at every -b and -ub, and decode once" $?
run model -m dummy-125M -f ternary2 -p 0 -n 2 -t 1 -r 2 --profile -o json -o md:profile.md --db "$db"
[ $code -eq 0 ] && "$rows" "$out" kv head kv_bytes weights_bytes predicted_bytes samples_ns profile \
    >plain 2>>"$err"
grep -q '^f16.f16.67584.*{"embedding":[0-9].*"linear_qkv":[0-9].*"attention":[0-9].*"rest":[0-9]' plain
ok "model --profile has the time of each part" $?
tr '\t' '\n' <plain | tail -n 1 | tr ',' '\n' | awk -F: '{ gsub("}", "", $2); sum += $2 }
    END { exit !(NR == 11 && sum > 1e5) }'
ok "the parts are those of a whole pass" $?
[ "$(tr '\t' '\n' <plain | sed -n 6p | tr ',' '\n' | wc -l)" -eq 2 ]
ok "profiled passes are not samples" $?
sed -n '/^## Share/,$p' profile.md | grep '^| dummy-125M' | tr -d ' ' | awk -F'|' '
    { for (i = 10; i < NF - 1; i++) sum += $i; n = NR } END { exit !(n == 1 && sum > 99.8 && sum < 100.2) }'
ok "the shares add up to 100" $?
run model -m dummy-125M -f ternary2 -p 0 -n 2 -t 1 -r 1 --kv i8 --profile -o json --db "$db"
"$rows" "$out" kv head kv_bytes weights_bytes predicted_bytes status >small 2>>"$err"
awk 'NR == FNR { weights = $4; bytes = $5; next }
    { exit !($1 == "i8" && $2 == "f16" && $3 == 2 * 11 * 12 * 2 * (64 + 4) && $4 == weights &&
             bytes - $5 == 2 * 11 * 12 * 2 * (128 - 68) && $6 == "ok") }' plain small
ok "--kv i8: what the cache takes, to the byte" $?
run model -m dummy-125M -f ternary2 -p 0 -n 2 -t 1 -r 1 --head i8 -o json --db "$db"
"$rows" "$out" kv head kv_bytes weights_bytes predicted_bytes status profile >small 2>>"$err"
awk 'NR == FNR { weights = $4; bytes = $5; next }
    { less = 32000 * (768 - 4) # a byte a weight and a scale a row, not two bytes a weight
      exit !($1 == "f16" && $2 == "i8" && $3 == 67584 && weights - $4 == less &&
             bytes - $5 == less && $6 == "ok" && $7 == "null") }' plain small
ok "--head i8: what the head takes, to the byte; no profile without --profile" $?
refused "--kv q4" "--kv q4: expected f16 or i8" model -m dummy-125M --kv q4
refused "--head with no type" "--head needs a value" paper --head
refused "--profile of another command" "--profile" paper --profile
refused "more tests than one run takes" "at most 64" model -m dummy-125M -p 1-60 -n 1-60 --db "$db"
refused "two thread counts for one table" "threads" paper -t 1,2 --db "$db"
mkdir -p "$dir/empty"
run roof -t 1 -r 1 --isa c --sysroot "$dir/empty" -o json --db "$db"
[ $code -eq 0 ] && "$rows" "$out" provenance >table 2>>"$err" && ! grep -v '^fixture$' table >&2
ok "what runs below a sysroot is marked as a fixture" $?

# ---- the paper's items; on a real size: cli_paper.sh ----

run paper -m dummy-125M -f f16,ternary2 -r 1 --only fig2 -o json --db "$db"
[ $code -eq 0 ] && "$rows" "$out" item variant size format metric paper provenance >table 2>>"$err" &&
    [ "$(grep -c '^fig2.dummy.dummy-125M.*null.measured' table)" -eq 4 ]
ok "paper measures shapes that are not the paper's, beside no number" $?
run paper --only sparsity -o json --db "$db"
[ $code -eq 0 ] && "$rows" "$out" item variant size provenance ours >table 2>>"$err" &&
    grep -q '^sparsity.gaussian.0.5.derived.0\.31006' table &&
    [ "$(grep -c measured table)" -eq 39 ] && [ "$(wc -l <table)" -eq 78 ]
ok "paper --only sparsity" $?
run paper --only fig3 -o json --db "$db"
[ $code -eq 0 ] && "$rows" "$out" variant item metric model size ours paper provenance >table 2>>"$err"
ok "paper --only fig3 -o json" $?
grep '^paper.fig3.energy_j' table | tr '\t' ' ' >fig3
awk -F, '!/^#/ && $1 != "size" { print "llama", $1, $3; print "b158", $1, $4 }' \
    "$root/results/paper/figure3.csv" >expected
awk 'NR == FNR { want[$1 " " $2] = $3; n++; next }
    ($4 " " $5) in want { d = $6 / want[$4 " " $5] - 1; seen++
        if (d > 0.002 || d < -0.002) { print "# off:", $0; bad = 1 } }
    END { exit bad || seen != n }' expected fig3 >&2
ok "figure 3 within 0.2% of the paper's joules" $?
awk -F, '!/^#/ && $1 != "size" { print $1, $2 }' "$root/results/paper/figure3.csv" >expected
awk 'NR == FNR { want[$1] = $2; next }
    $4 == "llama" || $3 == "llama" { base = $6 }
    $4 == "b158" || $3 == "b158" { r = int(base / $6 * 10) / 10; seen++
        if (r != want[$5]) { print "# off:", $0, r; bad = 1 } }
    END { exit bad || seen != 5 }' expected fig3 >&2
ok "figure 3's ratios, truncated to one decimal, are the labels" $?
awk -F'\t' '$1 == "2b4t" { seen++
        if (sprintf("%.3f", $6) != sprintf("%.3f", $7)) { print "# off:", $0; bad = 1 } }
    END { exit bad || seen != 6 }' table >&2
ok "the six values of the 2B4T report, to the printed digits" $?
for variant in lm-head causal real-shape dram; do
    want=10
    [ $variant != real-shape ] || want=12 # and 30B, of which the paper claims something
    [ "$(grep -c "^$variant.*modelled" table)" -eq $want ]
    ok "figure 3 with $variant, labelled modelled" $?
done
[ "$(grep -c "^measured.*null" table)" -eq 10 ]
ok "joules of a run that measured no prompt are absent" $?
[ -s fig3 ] && ! grep -v modelled fig3 >&2
ok "figure 3 is marked as modelled" $?

# ---- joules and counters: what there is, or why not, and nothing invented ----

ask() { # query: the answer
    "$sql" "$db" "$1" 2>>"$err"
}
[ "$(ask "SELECT count(*) FROM run WHERE id NOT IN (SELECT run FROM meter WHERE kind = 'meter')
    OR id NOT IN (SELECT run FROM meter WHERE kind = 'energy route')
    OR id NOT IN (SELECT run FROM fact WHERE name = 'region_overhead_ns')")" = 0 ]
ok "every run says what became of the meters and of the ways to energy, and what meters cost" $?
[ "$(ask "SELECT count(*) FROM value WHERE (provenance = 'derived') <> (formula IS NOT NULL)
    AND provenance <> 'fixture'")" = 0 ] && [ "$(ask "SELECT count(*) > 20 FROM value
    WHERE formula IS NOT NULL")" = 1 ]
ok "derived values have their formula, and no others" $?
[ "$(ask "SELECT count(*) FROM value JOIN cell ON cell.id = value.cell WHERE value IS NOT NULL AND
    metric IN ('ipc', 'bytes_per_cycle') AND cell.id NOT IN (SELECT cell FROM sample JOIN reading ON
    reading.sample = sample.id WHERE channel LIKE '%cycles%' AND value IS NOT NULL)")" = 0 ]
ok "no metric of cycles where no cycle was counted" $?
run model -m dummy-125M -f ternary2 -p 4 -n 2 -t 1 -r 2 -o json -o md:energy.md --db "$db"
[ $code -eq 0 ] && "$rows" "$out" energy_j energy_uncertainty_j energy_net_j j_per_token \
    energy_domains energy_provenance energy_state certificate energy_reason counters \
    counters_absent ipc mean_power_w pj_per_weight edp >table 2>>"$err" && [ "$(wc -l <table)" -eq 2 ]
ok "model rows have joules, counters and metrics, or null" $?
counted=$(ask "SELECT count(*) FROM meter WHERE kind = 'energy channel' AND status = 'ok'")
if [ "$counted" != 0 ]; then
    skip "without a meter: joules are null with a reason" "something counts joules here"
    skip "without a meter: joules are - in the table, with the reason below" "the same"
    skip "without a meter: no joule anywhere in the database" "the same"
    skip "without a meter: plots of joules are not drawn, and why is said" "the same"
else
    cut -f 1-8 table | sort -u | tr '\t' '\n' | sort -u >nulls
    [ "$(cat nulls)" = null ] && ! cut -f 9 table | grep -qx null
    ok "without a meter: joules are null with a reason" $?
    grep -q '^| model.*| J/token |$' energy.md && [ "$(grep -c '^| dummy.*| -       |$' energy.md)" -eq 2 ] &&
        [ "$(grep -c "No joules: [a-zA-Z]" energy.md)" -eq 1 ]
    ok "without a meter: joules are - in the table, with the reason below" $?
    [ "$(ask "SELECT (SELECT count(*) FROM value WHERE unit IN ('J', 'pJ', 'W', 'J s', '1/J') AND
        value IS NOT NULL AND provenance NOT IN ('modelled', 'paper', 'fixture')) +
        (SELECT count(*) FROM window) + (SELECT count(*) FROM joules) +
        (SELECT count(*) FROM trace)")" = 0 ] &&
        [ "$(ask "SELECT count(*) > 50 FROM value WHERE unit = 'J' AND value IS NULL AND
        reason <> ''")" = 1 ]
    ok "without a meter: no joule anywhere in the database" $?
    TRITBENCH=$program "$root/scripts/plots" "$db" figures >"$out" 2>"$err"
    [ $? -eq 0 ] && [ ! -e figures/joules.png ] && [ ! -e figures/power.png ] &&
        grep -q "^plots: joules: no data, no figure: [a-z]" "$err" &&
        grep -q "^plots: power: no data, no figure: [a-z]" "$err"
    ok "without a meter: plots of joules are not drawn, and why is said" $?
fi
[ "$(ask "SELECT max(CAST(value AS REAL)) < 0.005 * 1e9 FROM fact WHERE
    name = 'region_overhead_ns'")" = 1 ]
ok "reading the meters around nothing takes less than 0.5% of the shortest window, 1 s" $?
[ "$(ask "SELECT count(*) FROM meter m WHERE kind <> 'energy channel' AND NOT EXISTS (SELECT 1 FROM
    fact f WHERE f.run = m.run AND f.name = CASE kind WHEN 'meter' THEN 'meter_overhead_ns.' ELSE
    'edges_overhead_ns.' END || m.name AND (f.value IS NULL) = (f.reason IS NOT NULL) AND
    coalesce(CAST(f.value AS INTEGER) > (kind = 'meter') - 1, 1))")" = 0 ]
ok "what each meter and each way to energy costs is with every run, or why not" $?
run kernel --shape 64x64 -f ternary2 -t 1 -r 2 --sysroot "$dir/empty" -o json --db "$db"
[ $code -eq 0 ] && [ "$(ask "SELECT count(*) FROM value JOIN cell ON cell.id = value.cell WHERE
    run = (SELECT max(id) FROM run) AND value.provenance <> 'fixture'")" = 0 ] &&
    [ "$(ask "SELECT count(*) FROM reading JOIN sample ON sample.id = reading.sample JOIN cell ON
    cell.id = sample.cell WHERE run = (SELECT max(id) FROM run) AND
    reading.provenance <> 'fixture'")" = 0 ]
ok "below a sysroot every value and every reading is a fixture" $?

# A server of two sockets with DRAM whose counters say 65 W a package, and a tenth of it for its DRAM.
mkdir live
"$fixture" live server 600 65 >late 2>>"$err" &
writer=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
    [ ! -s live/sys/class/powercap/intel-rapl:1/energy_uj ] || break
    sleep 1
done
run model -m dummy-125M -f ternary2 -p 0 -n 2 -t 1 -r 2 --idle 1 --sysroot live -o json -o md:live.md \
    --db "$db"
kill "$writer"
wait "$writer" 2>/dev/null
writer=
[ $code -eq 0 ] && "$rows" "$out" energy_state energy_provenance certificate energy_domains energy_j \
    energy_uncertainty_j mean_power_w j_per_token tokens energy_reason >table 2>>"$err"
ok "a run with energy counters" $?
if grep -q '^invalid' table; then
    skip "its joules are those of the counters" "the window is invalid here: $(cut -f 10 table)"
    skip "its table has joules" "the same"
    skip "its table has the metrics that have values, and no others" "the same"
else
    # Whichever channels were good when it began: what is in the total is what it is named after.
    awk -F'\t' '{ domains = $4; dram = gsub("/dram", "", domains)
        watts = 65 * (gsub("package", "", domains) - dram) + 6.5 * dram
        exit !($2 == "fixture" && $3 == "uncertified" && $4 ~ /^powercap: package-/ && $6 > 0 &&
               $7 > 0.9 * watts && $7 < 1.1 * watts && $5 / $9 / $8 > 0.999 &&
               $5 / $9 / $8 < 1.001 && $10 == "null") }' table
    ok "its joules are those of the counters" $?
    grep -q "^| dummy.*[0-9] ± [0-9.]* m\?J\( (contended)\)\? |$" live.md
    ok "its table has joules" $?
    grep -q "^|.* W .* pJ/weight .* pJ/B .* J s .*|$" live.md && ! grep -q "DRAM GB/s\| IPC " live.md
    ok "its table has the metrics that have values, and no others" $?
fi
[ "$(ask "SELECT count(*) FROM joules JOIN window ON window.id = joules.window WHERE
    run = (SELECT max(id) FROM run) AND provenance <> 'fixture'")" = 0 ] &&
    [ "$(ask "SELECT count(*) FROM value JOIN cell ON cell.id = value.cell WHERE
    run = (SELECT max(id) FROM run) AND value.provenance <> 'fixture'")" = 0 ] &&
    [ "$(ask "SELECT count(*) FROM window WHERE run = (SELECT max(id) FROM run)")" -ge 4 ]
ok "all of its joules and values are fixtures" $?
run report --only power --run "$(ask "SELECT max(id) FROM run")" -o csv --db "$db"
[ $code -eq 0 ] && grep -q '^window,total,0.0,.*,idle,idle,fixture' "$out" &&
    grep -q '^window,total,.*model dummy-125M ternary2 decode,ternary2,fixture' "$out"
ok "report --only power has its windows, and idle" $?
run report --only power --run 1 -o csv --db "$db"
[ $code -eq 0 ] && head -n 1 "$out" | grep -q '^source,channel,from_s,to_s,power_w,'
ok "report --only power prints the power of any run" $?

tap_end
