/* SPDX-License-Identifier: MIT
 *
 * libpfm4 offline, for CPUs that are not here: names against tests/counters/libpfm4.golden, the
 * codes of the built-in sets against their names, and names that it encodes wrongly. Skipped where
 * it is not installed. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "harness/counters/pfm.h"
#include "harness/counters/sets.h"

static void need_library(void)
{
    struct perf_event event = { .scale = 1 };
    struct why why;

    if (pfm_encode("perf::PERF_COUNT_HW_CPU_CYCLES", &event, &why) != -ENOENT)
        return;
    print_message("# not tested: %s (%s)\n", why.said, why.fix);
    skip();
}

static void check_golden(void **state)
{
    const char *root = getenv("TRITBENCH_SOURCE_ROOT");
    char path[4096], line[256], name[200], type[16], last_pmu[64] = "";
    uint64_t config, config1;
    int names = 0, pmus = 0, refused = 0;
    FILE *file;

    (void)state;
    need_library();
    snprintf(path, sizeof path, "%s/tests/counters/libpfm4.golden", root ? root : ".");
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        struct perf_event event = { .scale = 1 };
        const size_t pmu = strcspn(line, ":");
        struct why why;
        int error;

        if (line[0] == '#')
            continue;
        assert_int_equal(
            sscanf(line, "%199s %15s %" SCNx64 " %" SCNx64, name, type, &config, &config1), 4);
        error = pfm_encode(name, &event, &why);
        if (strcmp(type, "refused") == 0 && error) {
            assert_int_equal(error, -ENOTSUP);
            assert_non_null(strstr(why.said, name));
            assert_string_equal(why.status, "broken");
            refused++;
            continue;
        }
        if (error)
            fail_msg("%s", why.said);
        if (event.config != config || event.config1 != config1)
            fail_msg("%s: 0x%" PRIx64 " 0x%" PRIx64, name, event.config, event.config1);
        if (strcmp(type, "refused") != 0)
            assert_int_equal(event.type, atoi(type));
        assert_int_equal(event.exclude_kernel, strcmp(name + strlen(name) - 2, ":u") == 0);
        assert_int_equal(event.exclude_user, strcmp(name + strlen(name) - 2, ":k") == 0);
        names++;
        pmus += strncmp(last_pmu, line, pmu) != 0;
        snprintf(last_pmu, sizeof last_pmu, "%.*s", (int)pmu, line);
    }
    fclose(file);
    print_message("# %d names of %d microarchitectures, %d refused\n", names, pmus, refused);
    assert_true(pmus >= 9 && names >= 100 && refused >= 3);
}

static void check_sets(void **state)
{
    int names = 0;

    (void)state;
    need_library();
    for (int s = 0; sets[s]; s++)
        for (int p = 0; p < SETS_PFM_MAX && sets[s]->pfm[p]; p++)
            for (int i = 0; i < sets[s]->count; i++) {
                const struct sets_event *row = &sets[s]->events[i];
                struct perf_event event = { .scale = 1 };
                char name[200];
                struct why why;

                snprintf(name, sizeof name, "%s::%s", sets[s]->pfm[p], row->name);
                if (pfm_encode(name, &event, &why))
                    fail_msg("%s", why.said);
                if (event.type != row->type || event.config != row->config ||
                    event.config1 != row->config1)
                    fail_msg("%s of %s: 0x%" PRIx64 " 0x%" PRIx64, row->channel, sets[s]->name,
                             event.config, event.config1);
                names++;
            }
    assert_true(names > 100);
}

static void check_unknown(void **state)
{
    struct perf_event event = { .scale = 1 };
    struct why why;

    (void)state;
    need_library();
    assert_int_equal(pfm_encode("skl::NO_SUCH_EVENT", &event, &why), -ENODEV); /* not its CPU */
    assert_int_equal(pfm_encode("NO_SUCH_EVENT", &event, &why), -EINVAL);
    assert_non_null(strstr(why.said, "NO_SUCH_EVENT: libpfm4: event not found"));
    assert_int_equal(pfm_encode("perf::PERF_COUNT_HW_CPU_CYCLES:x=1", &event, &why), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_golden),
        cmocka_unit_test(check_sets),
        cmocka_unit_test(check_unknown),
    };

    setenv("LIBPFM_ENCODE_INACTIVE", "1", 1);
    return cmocka_run_group_tests_name("pfm", tests, NULL, NULL);
}
