#!/bin/sh
# SPDX-License-Identifier: MIT
# The checkers of scripts/ against trees that are wrong on purpose. TAP. Argument: source root.
set -u
root=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
number=0
status=0

plant() { # an innocent tree
    rm -rf "${tree:?}"/*
    for directory in reference kernels model harness bench tests; do
        mkdir "$tree/$directory"
        printf '/* SPDX-License-Identifier: MIT */\n#include <stdio.h>\n' \
            >"$tree/$directory/a.c"
    done
}
verdict() { # name, 0 when it holds
    number=$((number + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        status=1
    fi
}
finds() { # script, words of the case that must fail, name
    ! "$root/scripts/$1" "$tree" >"$tree/log" 2>&1 && grep -q "^not ok .*$2" "$tree/log"
    verdict "$3" $?
}

plant
"$root/scripts/check-layers" "$tree" >/dev/null
verdict "check-layers accepts a tree without includes" $?
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
verdict "check-layers: tests may include everything" $?

plant
"$root/scripts/check-style" "$tree" >"$tree/log"
verdict "check-style accepts a clean tree" $?
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

echo "1..$number"
exit $status
