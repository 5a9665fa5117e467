#!/bin/sh
# SPDX-License-Identifier: MIT
# `roof` and `kernel` from outside, and the libraries that a run asks for. TAP. Arguments: the
# program, the JSON reader (rows.c), the directory of fake libraries, the database reader (sql.c).
set -u
. "$(dirname "$0")/tap.sh"
program=$(realpath "$1")
rows=$(realpath "$2")
fake=$(realpath "$3")
sql=$(realpath "$4")
dir=$(mktemp -d)
. "$(dirname "$0")/cli_run.sh"
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 99

run kernel -m dummy-125M -f ternary2,i8 -b 1,3 -r 2 -o json --db "$db"
[ $code -eq 0 ] && "$rows" "$out" status op rows cols format gbps samples_ns >table 2>>"$err" &&
    [ "$(grep -c '^ok.gem[vm]' table)" -eq 12 ]
ok "kernel -m takes each linear shape of a model once, every format and batch" $?

threads=1
[ "$(nproc)" -eq 1 ] || threads=1,2
run roof -t $threads -r 2 --isa c -o json --db "$db"
[ $code -eq 0 ] && "$rows" "$out" threads metric isa value unit samples scaling streams \
    prefetch_bytes page_bytes huge_page_share ci_low ci_high status >table 2>>"$err" &&
    for metric in read_gbps f32_gflops i8_gops ternary_gops; do
        grep -q "^1.$metric.c.[0-9]" table || code=1
    done
[ $code -eq 0 ]
ok "roof has every metric of the document" $?
if [ $threads = 1 ]; then
    skip "roof: scaling of two threads against one" "one CPU"
else
    [ "$(grep -c '^1.*\].null' table)" -eq 4 ] && [ "$(grep -c '^2.*\].[0-9]' table)" -eq 4 ]
    ok "roof: scaling of two threads against one" $?
fi

# ---- libraries on request ----

LD_DEBUG=files LD_DEBUG_OUTPUT=$dir/loaded run kernel --shape 64x64 -f i8 --pin N:0 -r 1 -o json --db "$db"
[ $code -eq 0 ] && "$rows" "$out" threads status >table 2>>"$err" && grep -q "^1.ok$" table
ok "--pin: as many threads as CPUs" $?
run kernel --shape 64x64 -f i8 -t E:N:1 -r 1 -o json --db "$db"
[ $code -eq 0 ] && "$rows" "$out" threads status >table 2>>"$err" && grep -q "^1.ok$" table
ok "-t with likwid's notation" $?
cat loaded.* >loaded 2>/dev/null
if ! grep -q libhwloc loaded; then
    skip "a run that does not ask for them loads neither likwid nor PAPI" "LD_DEBUG shows no files"
else
    ! grep -e liblikwid -e libpapi loaded >&2
    ok "a run that does not ask for them loads neither likwid nor PAPI" $?
fi
rm -f loaded*
cpu=$(taskset -cp $$ | sed 's/.*: //; s/[,-].*//')
LD_LIBRARY_PATH=$fake FAKE_LIKWID_LOG=$dir/markers LIKWID_MODE=0 LIKWID_FILEPATH=$dir/m LIKWID_EVENTS=e \
    LIKWID_THREADS=$cpu run kernel --shape 64x64 -f i8 --isa c -r 2 -o json --db "$db"
if ! [ -s markers ]; then
    skip "markers around each sample, on the CPU that likwid counts" "likwid is off in this build"
else
    awk -v cpu="$cpu" -v region=i8_c_gemv_64x64_b1_t1 '
        $1 == "start" && $2 == region { starts++; open++ }
        $1 == "stop" && $2 == region { stops++; open-- }
        ($1 == "start" || $1 == "stop") && $2 != "empty" && $3 != cpu { bad = 1 } # empty: before the pool
        open < 0 || open > 1 { bad = 1 }
        END { exit bad || open || starts < 3 || starts != stops || $1 != "close" }' markers &&
        [ $code -eq 0 ]
    ok "markers around each sample, on the CPU that likwid counts" $?
fi

run kernel --shape 64x64 -f i8 --isa c --meter cachegrind -t 1 -r 1 -o json --db "$db"
[ $code -eq 0 ] && "$rows" "$out" simulated >table 2>>"$err" && grep -q \
    -e '"instructions_per_call":[1-9][0-9.]*,.*"ll_misses_per_call":64.0,"reason":null' \
    -e '"instructions_per_call":null.*"reason":"[a-z ]*\(valgrind\|sanitizers\)' table
ok "--meter cachegrind: a call's instructions and misses, or why not" $?
good=0
for command in roof model paper selftest; do
    run $command --meter powercap,cachegrind
    [ $code -eq 2 ] && [ ! -s "$out" ] && [ "$(wc -l <"$err")" -eq 1 ] &&
        grep -q "$command: --meter cachegrind: only 'kernel' simulates" "$err" &&
        "$program" $command --help | tr -s ' \n' ' ' | grep -q 'cachegrind: kernel only' || good=1
done
ok "--meter cachegrind is refused where nothing would be simulated, and --help says so" $good

# Every kernel that this CPU has is timed once, so that the path cannot rot.
run kernel --shape 640x320 -b 1,64 -t $threads --isa all --cache warm -r 1 -o json --db "$db"
[ $code -eq 0 ] && "$rows" "$out" status format op isa threads cache >table 2>>"$err" &&
    ! grep -v '^ok' table >&2
ok "kernel --isa all times every kernel" $?
run list formats -o json
"$rows" "$out" name >formats
for format in $(cat formats); do
    for op in gemv gemm; do
        grep -q "^ok.$format.$op.c.1.warm" table || echo "# no $format $op"
    done
done >missing
cat missing >&2
[ -s formats ] && [ ! -s missing ]
ok "kernel times every format, as GEMV and as GEMM" $?
run kernel --shape 4096x4096 -f ternary2 -b 1,64 -t 1 -r 1 -o json --db "$db"
[ $code -eq 0 ] && "$rows" "$out" op roof_gbps roof_gops roof_share bound roof_share_low scaling \
    huge_page_share cache >table 2>>"$err" && [ "$(grep -c '\(memory\|compute\).*cold$' table)" -eq 2 ] &&
    ! cut -f 2-4 table | grep null >&2
ok "kernel: both ceilings beside GEMV and GEMM, and which of them bounds" $?
run kernel --shape 256x256 -f ternary2 --isa c -b 16 -t 1 -r 1 -o json --db isa.db
[ $code -eq 0 ] && "$rows" "$out" isa roof_gops >table 2>>"$err" && grep -q '^c.[0-9]' table &&
    [ "$("$sql" isa.db "SELECT isa FROM cell WHERE kind = 'roof' AND item = 'ternary_gops'")" = c ]
ok "kernel: a forced ISA is held against that ISA's peak" $?

run kernel --shape 512x512 -f all --zeros 0,40,100 --cache warm -t 1 -r 1 -o json --db "$db"
[ $code -eq 0 ] && "$rows" "$out" format zero_share time_ratio status >table 2>>"$err" &&
    awk '{ n++; s = $2; want = n % 3 == 1 ? 0 : n % 3 == 2 ? 0.4 : 1
           bad += $4 != "ok" || s < want - 0.01 || s > want + 0.01 || ($3 == "null") != (n % 3 == 1) }
        END { exit bad || n != 15 }' table
ok "kernel --zeros: matrices with that share, each timed against the first" $?
run kernel --shape 512x512 -f f16,ternary2,lut --outliers 6,500 --cache warm -b 1,4 -t 1 -r 1 -o json \
    --db "$db"
[ $code -eq 0 ] && "$rows" "$out" format outliers time_ratio status >table 2>>"$err" &&
    [ "$(grep -c 'ok$' table)" -eq 14 ] && [ "$(grep -c '^f16.0.null' table)" -eq 2 ] &&
    [ "$(grep -c '^[tl][a-z0-9]*.\(6\|500\).[0-9]' table)" -eq 8 ]
ok "kernel --outliers: ternary formats with and without" $?

tap_end
