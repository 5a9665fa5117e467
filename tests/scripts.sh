#!/bin/sh
# SPDX-License-Identifier: MIT
# scripts/: its checkers against trees that are wrong on purpose, the run of every test and the
# baseline with programs that only pretend. TAP. Argument: source root.
set -u
. "$(dirname "$0")/tap.sh"
root=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

plant() { # an innocent tree
    rm -rf "${tree:?}"/*
    for directory in reference kernels model harness bench tests; do
        mkdir "$tree/$directory"
        printf '/* SPDX-License-Identifier: MIT */\n#include <stdio.h>\n' \
            >"$tree/$directory/a.c"
    done
}
finds() { # script, words of the case that must fail, name
    ! "$root/scripts/$1" "$tree" >"$tree/log" 2>&1 && grep -q "^not ok .*$2" "$tree/log"
    ok "$3" $?
}

plant
"$root/scripts/check-layers" "$tree" >/dev/null
ok "check-layers accepts a tree without includes" $?
for pair in kernels:model harness:kernels model:harness reference:kernels bench:reference \
    kernels:tests; do
    plant
    echo "#include \"${pair#*:}/x.h\"" >>"$tree/${pair%:*}/a.c"
    finds check-layers "${pair%:*} includes" "check-layers: ${pair%:*} must not include ${pair#*:}"
done
plant
echo '#include "x.h"' >>"$tree/bench/a.c"
finds check-layers "bench includes" "check-layers: includes are rooted"
plant
echo '#include "reference/x.h"' >>"$tree/tests/a.c"
"$root/scripts/check-layers" "$tree" >/dev/null
ok "check-layers: tests may include everything" $?

plant
"$root/scripts/check-style" "$tree" >"$tree/log"
ok "check-style accepts a clean tree" $?
plant
echo 'int a; ' >>"$tree/bench/a.c"
finds check-style "no blank" "check-style: a blank at a line's end"
plant
printf '\tint a;\n' >>"$tree/bench/a.c"
finds check-style "no tab" "check-style: a tab"
plant
printf 'int a;' >>"$tree/bench/a.c"
finds check-style "a newline" "check-style: no newline at the end"
plant
awk 'BEGIN { printf "//"; for (i = 0; i < 99; i++) printf "x"; print "" }' >>"$tree/bench/a.c"
finds check-style "100 columns" "check-style: 101 columns"
plant
awk 'BEGIN { for (i = 0; i < 500; i++) print "" }' >>"$tree/bench/a.c"
finds check-style "500 lines" "check-style: 502 lines"
plant
echo 'int a;' >"$tree/bench/a.c"
finds check-style "licence" "check-style: no licence line"

# ---- what wraps every test ----

[ "$("$root/tests/skips.sh" printf 'not ok 2 # SKIP of_this\nnot ok 3 - SKIP it\n')" = 'ok 2 - of_this # SKIP
not ok 3 - SKIP it' ]
ok "skips.sh: a skipped case is no failure, another one stays one" $?
"$root/tests/skips.sh" sh -c 'exit 7'
[ $? -eq 7 ]
ok "skips.sh: the test's exit status is its own" $?

# ---- every test ----

# Builds that print much, and a program with two cases that pass, one that is skipped and, in the
# directory $FAIL, one that fails.
mkdir -p "$tree/scripts" "$tree/bin"
cp "$root/scripts/test" "$tree/scripts/test"
cat >"$tree/bin/ninja" <<'END'
#!/bin/sh
seq 400
[ "$2" != "$BREAK" ]
END
cat >"$tree/bin/meson" <<'END'
#!/bin/sh
[ "$1" = test ] || exec mkdir -p "$2/meson-logs"
cd "$3/meson-logs" || exit 1
printf '<testcase /><testcase /><testcase><skipped /></testcase>\n' >testlog.junit.xml
printf 'test:         a / good\nresult:       exit status 0\nok 1 - isa c: native\nok 2 - b # SKIP c\n' >testlog.txt
[ "$3" = "$FAIL" ] || exit 0
printf '<testcase><failure /></testcase>\n' >>testlog.junit.xml
printf 'test:         a / bad\nresult:       exit status 1\nnot ok 3 - d\n# why\n' >>testlog.txt
exit 1
END
printf '#!/bin/sh\n' >"$tree/bin/clang"
printf '#!/bin/sh\nmkdir -p build/meson-logs\n' >"$tree/scripts/setup"
chmod +x "$tree"/bin/* "$tree/scripts/setup"
everything() { # FAIL BREAK
    FAIL=$1 BREAK=$2 PATH=$tree/bin:$PATH "$tree/scripts/test" >"$tree/log" 2>&1
}
everything none none && [ "$(tail -n 1 "$tree/log")" = '9 passed, 0 failed, 4 skipped' ]
ok "test: cases of every build are counted" $?
! everything build none && [ "$(tail -n 4 "$tree/log")" = 'build bad: exit status 1
build bad: not ok 3 - d
    # why
9 passed, 1 failed, 4 skipped' ]
ok "test: what failed is said right before the last line" $?
! everything none build-asan && [ "$(tail -n 2 "$tree/log")" = 'the build with sanitizers
7 passed, 1 failed, 3 skipped' ]
ok "test: a build that fails, too" $?

# ---- README's table ----

cp "$root/README.md" "$tree/README.md"
README=$tree/README.md "$root/scripts/readme-table" --write && cmp -s "$root/README.md" "$tree/README.md"
ok "README's performance table is what results/baseline says" $?

mkdir "$tree/rows" "$tree/out"
head='"machine":"A CPU (0123456789abcdef)","build":"0.1.0 1a2b3c4 cc 12.2 -O3"}'
cat >"$tree/all.jsonl" <<END
{"threads":2,"metric":"read_gbps","value":30.04,"samples":[1,2],"isa":"avx2",$head
{"threads":2,"metric":"read_gbps","value":20,"samples":[1,2],"isa":"c",$head
{"threads":2,"metric":"i8_gops","value":280.4,"samples":[1,2],"isa":"avx2",$head
{"format":"i8","isa":"avx2","op":"gemv","batch":1,"threads":1,"status":"ok","samples_ns":[9,9],"median_ns":9,"gbps":1,"gops":2,"roof_share":0.1,$head
{"format":"i8","isa":"avx2","op":"gemv","batch":1,"threads":2,"status":"ok","samples_ns":[10,10],"median_ns":10,"gbps":30,"gops":60,"roof_share":0.95,$head
{"format":"i8","isa":"avx2","op":"gemv","batch":1,"threads":2,"status":"ok","samples_ns":[30,30],"median_ns":30,"gbps":20,"gops":40,"roof_share":0.6,$head
{"format":"i8","isa":"avx2","op":"gemm","batch":64,"threads":2,"status":"ok","samples_ns":[5],"median_ns":5,"gbps":1,"gops":240,"roof_share":null,"note":"n = 1, alone",$head
{"format":"i8","isa":"avx2","op":"gemm","batch":512,"threads":2,"status":"invalid","samples_ns":[],"median_ns":null,"gbps":null,"gops":null,"roof_share":null,$head
{"model":"3B","format":"i8","isa":"avx2","phase":"decode","threads":2,"status":"ok","tokens_per_s":7.25,"roof_share":0.9,$head
{"model":"3B","format":"i8","isa":"avx2","phase":"prefill","threads":2,"status":"ok","tokens_per_s":50,"roof_share":0.61,$head
END
"$root/scripts/readme-table" "$tree/all.jsonl" >"$tree/log" &&
    grep -qF '| i8 | avx2 | 22.5 | 0.60 to 0.95 | 240.0 | - | - | - | 7.2 | 0.90 | 50.0 | 0.61 |' "$tree/log" &&
    grep -q '^A CPU, avx2, 2 threads, tritbench 0.1.0 1a2b3c4 cc 12.2 -O3.$' "$tree/log" &&
    grep -q '^Roof: 30.0 GB/s read-only; - Gop/s f32, 280 int8 x int8, - {0,1,2} x int8.$' "$tree/log"
ok "readme-table: work by time over shapes, shares from least to most, at the most threads" $?

cat >"$tree/all-paper.jsonl" <<END
{"item":"table1","variant":"cpu","model":"llama","size":"3B","format":"f16","metric":"memory_gb","paper":7.89,"ours":6.9,"ci_low":null,"ci_high":null,"provenance":"measured","ratio_paper":1.0,"ratio_ours":1.0,"threads":2,"roof_share":null,"how":"measured","note":"",$head
{"item":"table1","variant":"cpu","model":"b158","size":"3B","format":"ternary2","metric":"memory_gb","paper":2.22,"ours":1.2,"ci_low":null,"ci_high":null,"provenance":"measured","ratio_paper":3.55,"ratio_ours":5.75,"threads":2,"roof_share":null,"how":"measured","note":"",$head
{"item":"table1","variant":"cpu","model":"b158","size":"3B","format":"ternary2","metric":"latency_ms","paper":1.87,"ours":41.04,"ci_low":31.8,"ci_high":48.3,"provenance":"cycled","ratio_paper":2.71,"ratio_ours":5.38,"threads":2,"roof_share":0.77,"how":"cycled 2/26","note":"cycled 2/26 layers; x",$head
{"item":"fig2","variant":"cpu","model":"b158","size":"3B","format":"ternary2","metric":"latency_ms","paper":1,"ours":99,"ci_low":98,"ci_high":100,"provenance":"measured","ratio_paper":9,"ratio_ours":9,"threads":2,"roof_share":0.1,"note":"",$head
{"item":"prefill","variant":"cpu","model":"b158","size":"3B","format":"ternary2","metric":"throughput_tokens_per_s","paper":null,"ours":32.51,"ci_low":30,"ci_high":33,"provenance":"measured","ratio_paper":null,"ratio_ours":4.3,"threads":2,"roof_share":null,"how":"measured","note":"",$head
{"item":"fig3","variant":"paper","model":"b158","size":"3B","format":"ternary2","metric":"energy_j","paper":0.03,"ours":0.03,"provenance":"modelled","threads":null,"note":"",$head
END
"$root/scripts/readme-table" "$tree/all-paper.jsonl" >"$tree/log" &&
    grep -qxF '| 3B | ternary2 | 1.20 | 5.75x | 3.55x | 41.0 | 31.8 to 48.3 | 5.38x | 2.71x | 32.5 | 0.77 | cycled 2/26 |' "$tree/log" &&
    grep -qxF '| 3B | f16 | 6.90 | 1.00x | 1.00x | - | - | - | - | - | - | measured |' "$tree/log" &&
    [ "$(grep -c '^| 3B' "$tree/log")" -eq 2 ]
ok "readme-table: sizes and formats with the ratios of Table 1, what is absent as -" $?

# A program that writes the rows above instead of measuring.
cat >"$tree/tritbench" <<END
#!/bin/sh
for word; do
    case \$word in jsonl:*) cat "$tree/all.jsonl" >"\${word#jsonl:}" ;; esac
done
[ "\$1" != "\$FAIL" ]
END
chmod +x "$tree/tritbench"
printf 'a\n<!-- performance: x -->\nold\n<!-- end of performance -->\nb\n' >"$tree/README.md"
TRITBENCH=$tree/tritbench OUT=$tree/out BASELINE=$tree/rows README=$tree/README.md FAIL= \
    "$root/scripts/baseline" >"$tree/log" 2>&1 && [ -s "$tree/rows/a-cpu-avx2-cc-12.2.jsonl" ] &&
    [ "$(wc -l <"$tree/rows/a-cpu-avx2-cc-12.2.jsonl")" -eq 30 ] && [ -z "$(ls "$tree/out")" ]
ok "baseline: rows of roof, kernel and model in a file named by CPU, best ISA and compiler" $?
! grep -q old "$tree/README.md" && [ "$(sed -n '1p;$p' "$tree/README.md" | tr '\n' ' ')" = "a b " ] &&
    grep -q '^| i8 | avx2 |' "$tree/README.md"
ok "baseline puts the table between the markers, and nothing else" $?
rm "$tree"/rows/*
TRITBENCH=$tree/tritbench OUT=$tree/out BASELINE=$tree/rows README=$tree/README.md FAIL=model \
    "$root/scripts/baseline" >"$tree/log" 2>&1
[ $? -eq 1 ] && [ -z "$(find "$tree/rows" "$tree/out" -type f)" ]
ok "baseline: a command that fails leaves no rows" $?

tap_end
