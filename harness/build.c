/* SPDX-License-Identifier: MIT
 *
 * Alone in its file: a new commit compiles nothing else again. */
#include "commit.h"
#include "config.h"
#include "harness/host.h"

#if defined(__clang__)
#define BUILD_COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define BUILD_COMPILER "gcc " __VERSION__
#else
#define BUILD_COMPILER "unknown"
#endif

struct build build_read(void)
{
    return (struct build){
        .version = TRITBENCH_VERSION,
        .commit = BUILD_COMMIT,
        .dirty = BUILD_DIRTY,
        .compiler = BUILD_COMPILER,
        .flags = BUILD_FLAGS,
        .sanitizers = BUILD_SANITIZE,
    };
}
