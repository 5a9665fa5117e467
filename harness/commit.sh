#!/bin/sh
# SPDX-License-Identifier: MIT
# commit.sh SOURCE OUTPUT: writes BUILD_COMMIT and BUILD_DIRTY of the git checkout SOURCE, empty
# when there is none. OUTPUT is written only when that changes: then nothing is compiled again.
source=$1 output=$2
commit='' dirty=''
# A source archive unpacked inside somebody else's checkout is not a checkout of ours.
if prefix=$(git -C "$source" rev-parse --show-prefix 2>/dev/null) && [ -z "$prefix" ] &&
    commit=$(git -C "$source" rev-parse --verify -q HEAD 2>/dev/null)
then
    # No optional locks: a build must not get in the way of a commit.
    if changes=$(git --no-optional-locks -C "$source" status --porcelain -uno 2>/dev/null); then
        dirty=0
        [ -z "$changes" ] || dirty=1
    fi
fi
text="#define BUILD_COMMIT \"$commit\"
#define BUILD_DIRTY \"$dirty\""
if [ ! -f "$output" ] || [ "$text" != "$(cat "$output")" ]; then
    printf '%s\n' "$text" >"$output"
fi
