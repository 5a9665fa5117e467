#!/bin/sh
# SPDX-License-Identifier: MIT
# Boots Debian's arm64 kernel under qemu-system-aarch64 with qemu_pmu as its only process: counters
# of a real PMU driver, exact by -icount, on a machine that may have no PMU. The kernel (21 MB) is
# fetched once by apt into a directory of the build, and is installed nowhere. TAP; skipped where one
# of them cannot be had. Arguments: the program, the directory.
set -eu
program=$(realpath "$1")
directory=$2

skip() {
    echo "1..1"
    echo "ok 1 - counters on the PMU of an emulated machine # SKIP $*"
    exit 0
}

# A state of apt of its own, for another architecture, signed by the keys of this one.
fetch_kernel() {
    mkdir -p state/lists/partial cache/archives/partial
    : >state/status
    cat >apt.conf <<EOF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "0";
Acquire::http::Timeout "10";
Acquire::https::Timeout "10";
Dir::State "$PWD/state";
Dir::State::status "$PWD/state/status";
Dir::Cache "$PWD/cache";
EOF
    timeout 40 apt-get -c apt.conf update -q || return 1
    package=$(apt-cache -c apt.conf depends linux-image-cloud-arm64 |
        awk '/Depends:/ { print $2; exit }')
    [ -n "$package" ] || return 1
    rm -f ./*.deb
    timeout 60 apt-get -c apt.conf download -q "$package" || return 1
    dpkg-deb --fsys-tarfile ./*.deb | tar xf - --wildcards './boot/vmlinuz-*' || return 1
    mv boot/vmlinuz-* vmlinuz
    rm -rf boot state cache ./*.deb
}

pad() { # length: zeros up to a multiple of four
    head -c $(((4 - $1 % 4) % 4)) /dev/zero
}
entry() { # name mode length: the header of a file in a cpio archive ("newc")
    printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X' \
        1 "$2" 0 0 1 0 "$3" 0 0 0 0 $((${#1} + 1)) 0
    printf '%s\0' "$1"
    pad $((110 + ${#1} + 1))
}
archive() { # program, as /init
    length=$(wc -c <"$1")
    entry init 33261 "$length" # 0100755
    cat "$1"
    pad "$length"
    entry 'TRAILER!!!' 0 0
}

mkdir -p "$directory"
cd "$directory"
if [ ! -s vmlinuz ]; then
    command -v apt-get >/dev/null 2>&1 || skip "no apt-get: no arm64 kernel"
    fetch_kernel >fetch.log 2>&1 || skip "apt-get cannot fetch linux-image-cloud-arm64"
fi
archive "$program" >init.cpio
status=0
timeout 150 qemu-system-aarch64 -M virt -cpu max -icount shift=0,align=off,sleep=off -smp 1 \
    -m 256 -nographic -nodefaults -serial stdio -no-reboot -kernel vmlinuz -initrd init.cpio \
    -append "console=ttyAMA0 quiet loglevel=3 panic=-1" </dev/null >console.log 2>&1 || status=$?
tr -d '\r' <console.log | sed -n '/^=== tap ===$/,/^=== end ===$/p' | grep -v '^===' || true
if ! grep -q '^=== end ===' console.log; then
    echo "Bail out! qemu ended with status $status before the program did"
    tail -n 5 console.log | sed 's/^/# /'
fi
