# SPDX-License-Identifier: MIT
# TAP for the scripts beside it, which source this and end with `tap_end`. A script may define
# `explain`, which prints what is known of the case that failed, each line behind a #.
number=0
status=0

explain() {
    :
}
ok() { # name, 0 when it holds
    number=$((number + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        explain
        status=1
    fi
}
skip() { # name, why
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}
tap_end() {
    echo "1..$number"
    exit $status
}
