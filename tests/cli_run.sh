# SPDX-License-Identifier: MIT
# The program as cli.sh and cli_kernel.sh run it, which source this after tap.sh: $program, in $dir.
unset TRITBENCH_DB LD_LIBRARY_PATH # the test runner's: it would find the fake libraries everywhere
out=$dir/out
err=$dir/err
db=$dir/t.db
explain() {
    sed 's/^/# stderr: /' "$err" | head -n 5
    head -c 1000 "$out" | sed 's/^/# stdout: /' | head -n 10
}
# Arguments; sets $code. Where something counts joules, windows of energy are few and short.
brief="--idle 0 --energy-windows 1"
run() {
    case ${1:-} in
    roof | kernel | model | paper)
        command=$1
        shift
        set -- "$command" $brief "$@"
        ;;
    esac
    "$program" "$@" >"$out" 2>"$err"
    code=$?
}
