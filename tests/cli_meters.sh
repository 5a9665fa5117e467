#!/bin/sh
# SPDX-License-Identifier: MIT
# `doctor` and `selftest` on trees of every kind: each row says what is there, and why the rest is
# not. TAP. Arguments: the program, the JSON reader (rows.c), the database reader (sql.c), the trees
# (energy_fixture_main.c).
set -u
. "$(dirname "$0")/tap.sh"
built=$(realpath "$1")
rows=$(realpath "$2")
sql=$(realpath "$3")
fixture=$(realpath "$4")
dir=$(mktemp -d)
writer=
trap '[ -z "$writer" ] || kill "$writer"; rm -rf "$dir"' EXIT
cd "$dir" || exit 99
chmod 0755 "$dir" # another user looks in, too
cp "$built" tritbench
program=$dir/tritbench
out=$dir/out
err=$dir/err
db=$dir/t.db
explain() {
    sed 's/^/# stderr: /' "$err" | head -n 5
    sed 's/^/# /' table | head -n 40
}
# A tree and, for so many seconds, counters that advance in it. The options are energy_fixture's.
live() { # kind, seconds, options
    kind=$1
    shift
    "$fixture" "$dir/$kind" "$kind"
    first=$(cat "$kind"/sys/class/powercap/intel-rapl:0/energy_uj)
    "$fixture" "$dir/$kind" "$kind" "$@" >late &
    writer=$!
    while [ "$(cat "$kind"/sys/class/powercap/intel-rapl:0/energy_uj)" = "$first" ]; do
        sleep 0.05
    done
}
# How late the writer was at most, in ms, goes to $late.
ended() {
    kill "$writer" 2>/dev/null
    wait "$writer" 2>/dev/null
    writer=
    late=$(cat late)
}

# ---- doctor ----

# Rows of doctor below a tree: "name|status|said|fix" of a kind of row.
doctor() { # root, kind of row
    "$program" doctor --sysroot "$1" -o json >"$out" 2>"$err"
    code=$?
    "$rows" "$out" kind name status said fix 2>>"$err" |
        awk -F'\t' -v kind="$2" '$1 == kind { print $2 "|" $3 "|" $4 "|" $5 }' >table
}
# The patterns on standard input are rows, and as many as there are rows whose names begin so.
rows_are() { # name, beginning
    cat >wanted
    found=$code
    while read -r pattern; do
        grep -q -- "^$pattern" table || {
            echo "no row: $pattern" >>"$err"
            found=1
        }
    done <wanted
    [ "$(grep -c "^$2" table)" -eq "$(grep -c "^$2" wanted)" ] || found=1
    ok "$1" $found
}

ms='updates every [0-9.e+]* ms (95% within [0-9.e+]*, all within [0-9.e+]*)'
live client 60
doctor client energy
rows_are "doctor, client: parts, platform and copy of a package" powercap <<END
powercap|ok|5 of 5 channels count
powercap: package-0|ok|package, within psys; $ms; wraps after 262143 J; fixture|null
powercap: package-0/core|ok|part of package-0; $ms; wraps after 262143 J; fixture
powercap: package-0/uncore|ok|part of package-0; $ms
powercap: psys|ok|platform; $ms
powercap: mmio:package-0|ok|copy of package-0; $ms
END
rows_are "doctor, client: perf's events are read, and not opened below a root" perf <<END
perf|skipped|none of its 3 channels counts
perf: package-0|skipped|power/energy-pkg/ on cpu 0: not opened below a sysroot
perf: package-0/core|skipped|power/energy-cores/
perf: psys|skipped|power/energy-psys/
END
rows_are "doctor, client: the total, its provenance and its windows" total <<END
total|ok|powercap: package-0; fixture; windows of [1-9][0-9.]* s and more, aligned
END
ended
live server 60
doctor server energy
rows_are "doctor, two sockets with DRAM" powercap <<END
powercap|ok|4 of 4
powercap: package-0|ok|package; $ms; wraps after 262143 J
powercap: package-0/dram|ok|DRAM; $ms; wraps after 65713 J
powercap: package-1|ok|package; $ms
powercap: package-1/dram|ok|DRAM; $ms
END
ended
for tree in server-psys-first spr; do
    live $tree 60
    doctor $tree energy
    rows_are "doctor, $tree: psys is zone 0 and no package" powercap <<END
powercap|ok|[45] of 5
powercap: psys|
powercap: package-0|ok|package, within psys; $ms; wraps after 262143 J
powercap: package-0/dram|ok|DRAM, within psys; $ms; wraps after 65713 J
powercap: package-1|ok|package, within psys
powercap: package-1/dram|ok|DRAM, within psys
END
    ended
done
live multi-die 60
doctor multi-die energy
rows_are "doctor, dies" total <<END
powercap: package-0-die-0|ok|package
powercap: package-0-die-1/dram|ok|DRAM
perf: package-0-die-1/dram|skipped
total|ok|powercap: package-0-die-0+package-0-die-1+package-0-die-0/dram+package-0-die-1/dram
END
ended
live zen 60
doctor zen energy
rows_are "doctor, Zen: one core is not all of them" powercap <<END
powercap|ok|2 of 2
powercap: package-0|ok|package; $ms; wraps after 65532.6 J
powercap: package-0/core-of-first-cpu|ok|part of package-0
END
ended

"$fixture" "$dir/frozen" zen
doctor frozen energy
rows_are "doctor: a counter that stands still is broken" "powercap: package-0|" <<END
powercap|broken|none of its 2 channels counts: .*frozen
powercap: package-0|broken|/sys/class/powercap/intel-rapl:0/energy_uj: frozen: it stood still at 65532000000
total|absent|no joules: powercap: .*frozen.*; perf: .*; hwmon: .*|mend
END
"$fixture" "$dir/arm" arm
doctor arm energy
rows_are "doctor, Arm: boards, and what is none" hwmon <<END
powercap|absent|/sys/class/powercap: No such file or directory|modprobe intel_rapl_msr
hwmon|ok|4 of 5 channels count
hwmon: amdgpu:power1|ok|part; .*a power
hwmon: ina3221:VDD_IN|ok|board; updates every 2 ms; a power
hwmon: ina3221:VDD_CPU|ok|board
hwmon: altra_hwmon:SoC|broken|/sys/class/hwmon/hwmon3/energy1_input: frozen
hwmon: power_meter:Module Power Socket 0|ok|board; updates every 50 ms; a power
END
"$fixture" "$dir/scmi" scmi
doctor scmi energy
rows_are "doctor, arm-scmi: powers" powercap <<END
powercap|ok|2 of 2
powercap: soc|ok|board; .*a power
powercap: soc/cluster0|ok|part of soc; .*a power
END
broken() { # kind of tree, what it says
    "$fixture" "$dir/$1" "$1"
    doctor "$1" energy
    rows_are "doctor, $1: broken, and why" powercap <<END
powercap|broken|none of its 1 channels counts: $2
powercap: package-0|broken|$2
total|absent|no joules: powercap: $2
END
}
path=/sys/class/powercap/intel-rapl:0
broken missing-range "$path/max_energy_range_uj: No such file or directory"
broken empty "$path/energy_uj: the file is empty"
broken garbage "$path/energy_uj: the file's text is not a number"
broken above-range "$path/energy_uj: 262143328912 is above the range of 262143328850"
broken directory "$path/energy_uj: Is a directory"
"$fixture" "$dir/masked" masked
doctor masked energy
rows_are "doctor: what a container hides is masked" powercap <<END
powercap|masked|/sys/class/powercap: its zones are hidden: .*|.*--security-opt systempaths=unconfined
END
"$fixture" "$dir/none" none
doctor none energy
rows_are "doctor: no class and no PMU is absent" "p[eo]" <<END
powercap|absent|/sys/class/powercap: No such file or directory|modprobe intel_rapl_msr
perf|absent|/sys/bus/event_source/devices/power/type: No such file or directory|modprobe rapl
END
doctor none counters
rows_are "doctor: no counter is opened below a root" "p[am][pu]" <<END
pmu|absent|no PMU of a core
counters|skipped|not tried below a sysroot
papi|skipped|not tried below a sysroot
END

# Root may read a file of mode 0400, so another user has to try; an owner may not read one of mode 0.
"$fixture" "$dir/denied" denied
if [ "$(id -u)" -ne 0 ]; then
    chmod 0 denied$path/energy_uj
    as=
elif command -v setpriv >/dev/null; then
    as="setpriv --reuid=65534 --regid=65534 --clear-groups"
else
    as=none
fi
if [ "$as" = none ]; then
    skip "doctor: no permission is denied, with what gives it" "setpriv is not installed"
else
    $as "$program" doctor --sysroot denied -o json >"$out" 2>"$err"
    code=$?
    "$rows" "$out" name status said fix 2>>"$err" | tr '\t' '|' >table
    rows_are "doctor: no permission is denied, with what gives it" powercap <<END
powercap|denied|none of its 1 channels counts: .*Permission denied|.*udev
powercap: package-0|denied|$path/energy_uj: Permission denied|.*udev.*setcap cap_perfmon
END
fi

# Registers as a file: 0x10A, 0xBC.
mkdir -p msr/proc msr/dev/cpu/0
printf 'vendor_id\t: GenuineIntel\n' >msr/proc/cpuinfo
poke() { # place, byte in octal
    printf "\\$2" | dd of=msr/dev/cpu/0/msr bs=1 seek="$1" conv=notrunc 2>/dev/null
}
filtering() { # name, pattern
    doctor msr host
    grep -q "^energy filtering|$2" table
    ok "$1" $?
}
filtering "doctor: energy filtering, no device" "absent|No such file or directory; .*|modprobe msr"
poke 273 000
filtering "doctor: energy filtering, no such control" "ok|this CPU has no such control"
poke 267 010
filtering "doctor: energy filtering off" "ok|off"
poke 188 001
filtering "doctor: energy filtering on" "warn|on: the counters are noisy.*|switch SGX"

# ---- selftest ----

run() { # arguments
    "$program" "$@" >"$out" 2>"$err"
    code=$?
}
selftest() { # root, options: rows "check|status|said|..."
    root=$1
    shift
    run selftest --energy --seconds 1 --sysroot "$root" --db "$db" -o json "$@"
    "$rows" "$out" check status said value unit limit 2>>"$err" | tr '\t' '|' >table
}
ask() { # query: into the file last
    "$sql" "$db" "$1" >last 2>>"$err"
}
certificate_is() { # name, "domains provenance passed"
    ask "SELECT domains || ' ' || provenance || ' ' || passed FROM certificate ORDER BY id DESC LIMIT 1"
    [ "$(cat last)" = "$2" ]
    ok "$1" $?
}
no_certificate() { # name
    ask "SELECT count(*) FROM certificate"
    [ "$(cat last)" = 0 ]
    ok "$1" $?
}

run selftest --db "$db" -o json
"$rows" "$out" check status value unit limit said 2>>"$err" | tr '\t' '|' >table
[ $code -eq 0 ] && ! grep '|fail|' table >>"$err"
ok "selftest passes here" $?
grep -q "^page faults of 1000 pages|pass|1000.0|count" table ||
    grep -q "^page faults of 1000 pages|skipped|null|count|= 1000|..*" table
ok "selftest: 1000 page faults are 1000, or it says why they are not counted" $?
! grep '|skipped|[0-9]' table >>"$err"
ok "selftest: what is not counted is no number" $?

selftest none
[ $code -eq 0 ] && grep -q "^joules|skipped|powercap: .*No such file" table && ! grep '|pass|' table
ok "selftest --energy without a counter: skipped, with the reason, and status 0" $?
no_certificate "selftest --energy without a counter stores no certificate"
selftest frozen
[ $code -eq 1 ] && grep -q "^advances, powercap: package-0|fail|broken: .*frozen" table
ok "selftest: a counter that stands still fails" $?
no_certificate "selftest: no total, no certificate"

# A good writer passes. A writer that came late itself is no error of ours: it says so, and we try
# again.
total="powercap: package-0+package-1+package-0/dram+package-1/dram"
too_late() {
    awk -v late="$late" 'BEGIN { exit !(late > 5) }'
}
for try in 1 2 3; do
    live server 60
    selftest server
    ended
    [ $code -ne 0 ] && too_late || break
    echo "# the writer was $late ms late: once more"
done
if [ $code -ne 0 ] && too_late; then
    skip "selftest passes a counter that is right" "the writer was $late ms late, three times"
else
    [ $code -eq 0 ] && ! grep '|fail|' table >>"$err"
    ok "selftest passes a counter that is right" $?
    certificate_is "its certificate is a fixture's" "$total fixture 1"
fi
lacking=0
while read -r check; do
    grep -q "^$check" table || {
        echo "no row: $check" >>"$err"
        lacking=1
    }
done <<END
update period, powercap: package-0|pass|mean [0-9.]* ms, 95%
advances, powercap: package-1|pass|in 1.0
wrap, powercap: package-0/dram|pass|65713 J; at 1500 W
power, idle|pass|1[0-9.]* J, standard uncertainty
power, all threads, FMA|pass
ordering of loads|
repeatability|
foreign share|skipped|/proc/stat
one route against another|skipped
meter outside against the package|skipped|no --meter-cmd
page faults of 1000 pages|skipped|not tried below a sysroot
END
ok "selftest: every check has a row" $lacking
ask "SELECT json_extract(text, '\$.checks[0].check') || ', ' || json_extract(text, '\$.routes[1].name') ||
    ', ' || (json_extract(text, '\$.date') LIKE '20__-__-__T%Z') || ', ' ||
    (json_extract(text, '\$.cpu') <> '') FROM certificate ORDER BY id LIMIT 1"
grep -q "^page faults of 1000 pages, powercap, 1, 1$" last
ok "a certificate has its checks, routes, date and CPU" $?

# What it is a certificate of: runs below a root, and of nothing on the machine.
live server 60
run kernel --shape 64x64 -f i8 -t 1 -r 1 --idle 0 --energy-windows 1 --sysroot server --db "$db" -o json
ended
ask "SELECT (SELECT certificate FROM run ORDER BY id DESC LIMIT 1) =
    (SELECT id FROM certificate ORDER BY id DESC LIMIT 1) AND
    (SELECT passed FROM certificate ORDER BY id DESC LIMIT 1)"
[ "$(cat last)" = 1 ]
ok "a later run below the root refers to the certificate" $?
run kernel --shape 64x64 -f i8 -t 1 -r 1 --idle 0 --energy-windows 1 --db "$db" -o json
ask "SELECT certificate FROM run ORDER BY id DESC LIMIT 1"
[ "$(cat last)" = NULL ]
ok "a fixture's certificate is of no run on the machine" $?

# A meter outside that shows less than the packages and DRAM of it.
live server 60
selftest server --meter-cmd "$fixture meter 100000 1 100"
ended
[ $code -eq 1 ] && grep -q "^meter outside against the package|fail|full load: outside [0-9.]* W, powercap 14[0-9.]* W" table
ok "selftest: a meter outside cannot show less than the packages" $?

# 40 J and more that nobody drew, every 1.7 s: no two seconds have the same.
live server 60 65 40 1700
selftest server
ended
[ $code -eq 1 ] && grep -q "^repeatability|fail" table
ok "selftest: a counter that jumps fails" $?
certificate_is "a certificate that failed says so" "$total fixture 0"

tap_end
