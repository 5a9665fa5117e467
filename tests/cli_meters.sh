#!/bin/sh
# SPDX-License-Identifier: MIT
# `doctor` on trees of every kind: each row says what is there, and why the rest is
# not. TAP. Arguments: the program, the JSON reader (rows.c), the trees (energy_fixture_main.c).
set -u
built=$(realpath "$1")
rows=$(realpath "$2")
fixture=$(realpath "$3")
dir=$(mktemp -d)
writer=
trap '[ -z "$writer" ] || kill "$writer"; rm -rf "$dir"' EXIT
cd "$dir" || exit 99
chmod 0755 "$dir" # another user looks in, too
cp "$built" tritbench
program=$dir/tritbench
out=$dir/out
err=$dir/err
number=0
status=0

ok() { # name, 0 when it holds
    number=$((number + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        sed 's/^/# stderr: /' "$err" | head -n 5
        sed 's/^/# /' table | head -n 40
        status=1
    fi
}
skip() { # name, why
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
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
killed() {
    kill "$writer" 2>/dev/null
    wait "$writer" 2>/dev/null
    writer=
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

ms='updates every [0-9.]* ms (95% within [0-9.]*, all within [0-9.]*)'
live client 3
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
total|ok|powercap: package-0; fixture; windows of [1-9][0-9.]* s and more
END
killed
live server 3
doctor server energy
rows_are "doctor, two sockets with DRAM" powercap <<END
powercap|ok|4 of 4
powercap: package-0|ok|package; $ms; wraps after 262143 J
powercap: package-0/dram|ok|DRAM; $ms; wraps after 65713 J
powercap: package-1|ok|package; $ms
powercap: package-1/dram|ok|DRAM; $ms
END
killed
for tree in server-psys-first spr; do
    live $tree 3
    doctor $tree energy
    rows_are "doctor, $tree: psys is zone 0 and no package" powercap <<END
powercap|ok|[45] of 5
powercap: psys|
powercap: package-0|ok|package, within psys; $ms; wraps after 262143 J
powercap: package-0/dram|ok|DRAM, within psys; $ms; wraps after 65713 J
powercap: package-1|ok|package, within psys
powercap: package-1/dram|ok|DRAM, within psys
END
    killed
done
live multi-die 3
doctor multi-die energy
rows_are "doctor, dies" total <<END
powercap: package-0-die-0|ok|package
powercap: package-0-die-1/dram|ok|DRAM
perf: package-0-die-1/dram|skipped
total|ok|powercap: package-0-die-0+package-0-die-1+package-0-die-0/dram+package-0-die-1/dram
END
killed
live zen 3
doctor zen energy
rows_are "doctor, Zen: one core is not all of them" powercap <<END
powercap|ok|2 of 2
powercap: package-0|ok|package; $ms; wraps after 65532.6 J
powercap: package-0/core-of-first-cpu|ok|part of package-0
END
killed

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

echo "1..$number"
exit $status
