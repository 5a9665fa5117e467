# SPDX-License-Identifier: MIT
# TAP for the scripts beside it, which source this and end with `tap_end`. A script may define
# `explain`, which prints what is known of the case that failed, each line behind a #: else it is the end of
# the file err, if there is one.
number=0
status=0

explain() {
    [ ! -f err ] || tail -n 12 err | sed 's/^/# /'
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
# Tests run side by side, and what measures pins its threads to the first CPUs that it may use: a
# script that measures on one thread takes a CPU, the last one first, that no other such script has.
own_cpu() {
    command -v flock >/dev/null && command -v taskset >/dev/null || return 0
    for cpu in $(taskset -cp $$ | sed 's/.*: //' | tr ',' '\n' |
        awk -F- '{ for (i = $1; i <= $NF; i++) print i }' | sort -rn); do
        command exec 9>"${TMPDIR:-/tmp}/tritbench-test-$(id -u)-cpu$cpu.lock" || return 0
        flock -n 9 && taskset -cp "$cpu" $$ >/dev/null && return 0
    done
}
tap_end() {
    echo "1..$number"
    exit $status
}
