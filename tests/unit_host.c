/* SPDX-License-Identifier: MIT
 *
 * host.c, sysfs.c and the meters of /proc and /sys on the trees of tests/hosts/, and on this
 * machine. The source root is argv[1], else $TRITBENCH_SOURCE_ROOT, else ".". */
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "harness/host.h"
#include "harness/meter.h"
#include "harness/sysfs.h"

static const char *source_root = ".";

/* Absolute, because hwloc changes into it. The caller frees it. */
static char *tree(const char *name)
{
    char path[4096];
    char *full;

    snprintf(path, sizeof path, "%s/tests/hosts/%s", source_root, name);
    full = realpath(path, NULL);
    if (!full)
        fail_msg("%s: %s", path, strerror(errno));
    return full;
}

/* A scratch root of one file. */
static void write_file(const char *root, const char *name, const char *text)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", root, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make_scratch(void **state)
{
    char *root = strdup("/tmp/tritbench-host-XXXXXX");

    *state = root;
    return root && mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int remove_scratch(void **state)
{
    int error = nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);

    free(*state);
    return error;
}

/* ---- sysfs.c ---- */

static void text_comes_without_its_newline_and_never_cut(void **state)
{
    const char *root = *state;
    char text[6];

    write_file(root, "five", "12345\n");
    write_file(root, "six", "123456\n");
    write_file(root, "bare", "123456");
    write_file(root, "empty", "");
    assert_int_equal(sysfs_text(root, "/five", text, sizeof text), 0);
    assert_string_equal(text, "12345");
    assert_int_equal(sysfs_text(root, "/six", text, sizeof text), -EMSGSIZE);
    assert_string_equal(text, "");
    assert_int_equal(sysfs_text(root, "/bare", text, sizeof text), -EMSGSIZE);
    assert_int_equal(sysfs_text(root, "/empty", text, sizeof text), 0);
    assert_string_equal(text, "");
    assert_int_equal(sysfs_text(root, "/absent", text, sizeof text), -ENOENT);
    assert_int_equal(sysfs_text(root, "/.", text, sizeof text), -EISDIR);
}

static void integers_are_integers_and_nothing_else(void **state)
{
    static const struct {
        const char *text;
        int error;
        int64_t value;
    } cases[] = {
        { "42\n", 0, 42 },
        { "-7", 0, -7 },
        { "9223372036854775807\n", 0, INT64_MAX },
        { "9223372036854775808\n", -EBADMSG, 0 },
        { "max\n", -EBADMSG, 0 },
        { "", -EBADMSG, 0 },
        { "12 kB\n", -EBADMSG, 0 },
        { " 12\n", -EBADMSG, 0 },
        { "0x10\n", -EBADMSG, 0 },
        { "1.5\n", -EBADMSG, 0 },
        { "-\n", -EBADMSG, 0 },
    };
    const char *root = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 0;

        write_file(root, "n", cases[i].text);
        if (sysfs_int64(root, "/n", &value) != cases[i].error || value != cases[i].value)
            fail_msg("\"%s\" was read wrongly", cases[i].text);
    }
}

static void fields_match_whole_keys(void **state)
{
    const char *root = *state;
    char text[32];
    int64_t value;

    write_file(root, "f",
               "cpu0 9\nMemTotalX: 1 kB\nMemTotal:       32 kB\ncpu family\t: 25\n"
               "PRETTY_NAME=\"A B\"\ninactive_file 77\nodd: 5x\n");
    assert_int_equal(sysfs_field(root, "/f", "MemTotal", &value), 0);
    assert_int_equal(value, 32);
    assert_int_equal(sysfs_field(root, "/f", "cpu family", &value), 0);
    assert_int_equal(value, 25);
    assert_int_equal(sysfs_field(root, "/f", "inactive_file", &value), 0);
    assert_int_equal(value, 77);
    assert_int_equal(sysfs_field(root, "/f", "MemFree", &value), -ENOENT);
    assert_int_equal(sysfs_field(root, "/f", "odd", &value), -EBADMSG);
    assert_int_equal(sysfs_field_text(root, "/f", "PRETTY_NAME", text, sizeof text), 0);
    assert_string_equal(text, "A B");
    assert_int_equal(sysfs_field_text(root, "/f", "PRETTY_NAME", text, 3), -EMSGSIZE);
}

/* ---- host.c ---- */

static void assert_fact(const struct host *host, const char *name, const char *value)
{
    if (strcmp(host_fact(host, name), value) != 0)
        fail_msg("%s is \"%s\", not \"%s\"", name, host_fact(host, name), value);
}

static void assert_whole(const struct host *host)
{
    for (int i = 0; i < host->count; i++)
        if (!host->facts[i].value[0] == !host->facts[i].reason[0])
            fail_msg("%s needs a value or a reason", host->facts[i].name);
    assert_int_equal(strlen(host->key), 16);
}

static void a_desktop(void **state)
{
    char *root = tree("bare4");
    struct host host;

    (void)state;
    host_read(&host, NULL, root);
    free(root);
    assert_whole(&host);
    assert_fact(&host, "cpu", "AMD Ryzen 5 7600 6-Core Processor");
    assert_fact(&host, "vendor", "AuthenticAMD");
    assert_fact(&host, "family", "25");
    assert_fact(&host, "model", "97");
    assert_fact(&host, "stepping", "2");
    assert_fact(&host, "hypervisor", "");
    assert_fact(&host, "cores", "2");
    assert_fact(&host, "threads", "4");
    assert_fact(&host, "packages", "1");
    assert_fact(&host, "numa_nodes", "1");
    assert_fact(&host, "l1d_bytes", "32768");
    assert_fact(&host, "l2_bytes", "1048576");
    assert_fact(&host, "l3_bytes", "16777216");
    assert_fact(&host, "memory_bytes", "33295933440");
    assert_fact(&host, "kernel", "6.1.0-18-amd64");
    assert_fact(&host, "os", "Debian GNU/Linux 12 (bookworm)");
    assert_fact(&host, "thp", "madvise");
    assert_fact(&host, "governor", "schedutil");
    assert_fact(&host, "smt", "on");
    assert_fact(&host, "microcode", "0xa601206");
    assert_int_equal(host.llc_bytes, 16777216);
    assert_int_equal(host.memory_bytes, 33295933440);
}

static void a_virtual_machine_lacks_things_and_says_so(void **state)
{
    const struct host_cpu cpu = { .name = "Xeon",
                                  .vendor = "GenuineIntel",
                                  .hypervisor = "KVMKVMKVM",
                                  .features = "avx2 avx512vnni",
                                  .family = 6,
                                  .model = 106 };
    char *root = tree("vm2");
    struct host host;

    (void)state;
    host_read(&host, &cpu, root);
    free(root);
    assert_whole(&host);
    assert_fact(&host, "cpu", "Xeon");
    assert_fact(&host, "hypervisor", "KVMKVMKVM");
    assert_fact(&host, "isa", "avx2 avx512vnni");
    assert_fact(&host, "stepping", "0"); /* CPUID said 0: that is a stepping */
    assert_fact(&host, "governor", "");
    assert_fact(&host, "os", "");
    assert_fact(&host, "smt", "off");
    assert_fact(&host, "thp", "always");
    assert_fact(&host, "microcode", "0xffffffff"); /* only in /proc/cpuinfo */
    assert_fact(&host, "no such fact", "");
}

static void nothing_readable_is_all_reasons(void **state)
{
    struct host host;

    host_read(&host, NULL, *state);
    assert_whole(&host);
    for (int i = 0; i < host.count; i++)
        assert_string_equal(host.facts[i].value, "");
    assert_int_equal(host.llc_bytes, 0);
    assert_int_equal(host.memory_bytes, 0);
}

static void the_key_is_of_the_machine_not_of_its_settings(void **state)
{
    struct host_cpu cpu = { .name = "Xeon", .vendor = "GenuineIntel", .features = "avx2" };
    const char *scratch = *state;
    char *root = tree("vm2"), path[4096];
    struct host one, two;

    host_read(&one, &cpu, root);
    host_read(&two, &cpu, root);
    assert_string_equal(one.key, two.key);
    cpu.features = "c"; /* a mask on the command line is a setting */
    host_read(&two, &cpu, root);
    assert_string_equal(one.key, two.key);
    cpu.stepping = 1;
    host_read(&two, &cpu, root);
    assert_string_not_equal(one.key, two.key);
    free(root);

    /* Another kernel leaves a little less of the same memory; half of it is another machine. */
    snprintf(path, sizeof path, "%s/proc", scratch);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(scratch, "proc/meminfo", "MemTotal: 32515560 kB\n");
    host_read(&one, &cpu, scratch);
    write_file(scratch, "proc/meminfo", "MemTotal: 32480000 kB\n");
    host_read(&two, &cpu, scratch);
    assert_string_equal(one.key, two.key);
    write_file(scratch, "proc/meminfo", "MemTotal: 16257780 kB\n");
    host_read(&two, &cpu, scratch);
    assert_string_not_equal(one.key, two.key);
}

static void a_sysroot_leaves_the_environment_as_it_was(void **state)
{
    char *root = tree("bare4");
    struct host host;

    (void)state;
    setenv("HWLOC_COMPONENTS", "mine", 1);
    unsetenv("HWLOC_FSROOT");
    host_read(&host, NULL, root);
    free(root);
    assert_string_equal(getenv("HWLOC_COMPONENTS"), "mine");
    assert_null(getenv("HWLOC_FSROOT"));
    unsetenv("HWLOC_COMPONENTS");
}

static void this_machine(void **state)
{
    struct host host;

    (void)state;
    host_read(&host, NULL, "");
    assert_whole(&host);
    assert_true(host.memory_bytes > 0);
    assert_true(atoi(host_fact(&host, "threads")) >= atoi(host_fact(&host, "cores")));
}

static void the_build_is_known(void **state)
{
    struct build build = build_read();

    (void)state;
    assert_true(build.version[0] && build.compiler[0] && build.sanitizers[0]);
    assert_non_null(build.flags);
    assert_true(build.commit[0] == '\0' || strlen(build.commit) >= 40);
    assert_int_equal(build.commit[0] == '\0', build.dirty[0] == '\0');
}

/* ---- memory ---- */

static void memory_of_a_tree(void **state)
{
    char *bare = tree("bare4"), *vm = tree("vm2");
    struct memory_state m = memory_read(bare);

    (void)state;
    assert_true(m.rss_anon_bytes.value == 500000 * 1024.0 && !m.rss_anon_bytes.reason);
    assert_true(m.rss_peak_bytes.value == 700000 * 1024.0 && !m.rss_peak_bytes.reason);
    assert_true(m.huge_bytes.value == 409600 * 1024.0 && !m.huge_bytes.reason);
    m = memory_read(vm);
    assert_non_null(m.rss_anon_bytes.reason);
    assert_false(m.rss_anon_bytes.value == 0);
    assert_non_null(m.huge_bytes.reason);
    free(bare);
    free(vm);
}

static void the_cgroup_above_limits_too(void **state)
{
    char *root = tree("bare4"); /* v2: own group unlimited, its parent's memory.high is 6 GiB */
    struct reading available = memory_available(root);

    (void)state;
    free(root);
    assert_null(available.reason);
    assert_true(available.value == 6442450944.0 - (4294967296.0 - 536870912.0));
}

static void a_container_of_cgroup_v1(void **state)
{
    char *root = tree("vm2"); /* its own path is the mount's root */
    struct reading available = memory_available(root);

    (void)state;
    free(root);
    assert_null(available.reason);
    assert_true(available.value == 2147483648.0 - (1610612736.0 - 536870912.0));
}

static void without_meminfo_there_is_a_reason(void **state)
{
    struct reading available = memory_available(*state);

    assert_non_null(available.reason);
    assert_false(available.value == 0);
}

static void the_peak_comes_back_down(void **state)
{
    enum { BYTES = 64 << 20 };
    char *block = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    double high, low;

    (void)state;
    assert_true(block != MAP_FAILED);
    memset(block, 1, BYTES);
    high = memory_read("").rss_peak_bytes.value;
    munmap(block, BYTES);
    /* Linux from 6.2 on counts pages a CPU at a time: what it tells is a little behind. */
    assert_true(memory_read("").rss_peak_bytes.value > high - BYTES / 4);
    if (memory_reset_peak("") != 0)
        skip(); /* CONFIG_PROC_PAGE_MONITOR is off */
    low = memory_read("").rss_peak_bytes.value;
    assert_true(high - low > BYTES / 2);
}

/* ---- meters ---- */

static void steal_is_the_difference_of_two_readings(void **state)
{
    const struct meter *const list[] = { &meter_steal, NULL };
    const char *root = *state;
    char path[4096];
    struct meter_set *set;
    struct reading readings[3];

    snprintf(path, sizeof path, "%s/proc", root);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(root, "proc/stat", "cpu  500 10 100 40000 10 1 3 2230 0 0\ncpu0 1 1 1 1 1 1 1 1\n");
    assert_int_equal(meter_set_open(&set, list, &(struct meter_context){ .sysroot = root }), 0);
    assert_string_equal(meter_set_channel(set, 0)->name, "steal_ticks");
    assert_string_equal(meter_set_channel(set, 0)->provenance, "fixture");
    meter_set_start(set, "");
    write_file(root, "proc/stat", "cpu  520 11 105 50000 99 2 5 2237 9 9\n");
    meter_set_stop(set, readings);
    assert_true(!readings[0].reason && readings[0].value == 7);
    assert_true(!readings[1].reason && readings[1].value == 20 + 1 + 5 + 1 + 2);
    assert_string_equal(meter_set_channel(set, 2)->name, "others_cpu_us");
    assert_true(readings[2].value < 290000 && readings[2].value > 200000); /* less our own */

    meter_set_start(set, ""); /* a hypervisor that takes steal back */
    write_file(root, "proc/stat", "cpu  520 11 105 50000 99 2 5 2236 9 9\n");
    meter_set_stop(set, readings);
    assert_non_null(readings[0].reason);
    assert_true(!readings[1].reason && readings[1].value == 0);

    meter_set_start(set, "");
    write_file(root, "proc/stat", "intr 1\n");
    meter_set_stop(set, readings);
    assert_true(readings[0].reason && readings[1].reason && readings[2].reason);
    meter_set_close(set);

    assert_int_equal(meter_set_open(&set, list, &(struct meter_context){ .sysroot = root }), 0);
    assert_non_null(strstr(meter_set_why(set, 0)->said, "/proc/stat"));
    meter_set_close(set);
}

static void frequency_of_a_tree_and_its_absence(void **state)
{
    const struct meter *const list[] = { &meter_frequency, NULL };
    char *bare = tree("bare4"), *vm = tree("vm2");
    struct meter_set *set;
    struct reading readings[2];

    (void)state;
    assert_int_equal(meter_set_open(&set, list, &(struct meter_context){ .sysroot = bare }), 0);
    meter_set_start(set, "");
    meter_set_stop(set, readings);
    assert_true(!readings[0].reason && readings[0].value == 4200000);
    assert_true(!readings[1].reason && readings[1].value == 3600000);
    meter_set_close(set);

    assert_int_equal(meter_set_open(&set, list, &(struct meter_context){ .sysroot = vm }), 0);
    assert_non_null(strstr(meter_set_why(set, 0)->said, "cpufreq"));
    meter_set_start(set, "");
    meter_set_stop(set, readings);
    assert_non_null(readings[0].reason);
    assert_false(readings[0].value == 0);
    meter_set_close(set);
    free(bare);
    free(vm);
}

static void page_faults_are_counted(void **state)
{
    const struct meter *const list[] = { &meter_sched, NULL };
    enum { PAGES = 500 };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *block =
        mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct reading readings[SAMPLE_READINGS_MAX];
    struct meter_set *set;

    (void)state;
    assert_true(block != MAP_FAILED);
    madvise(block, PAGES * page, MADV_NOHUGEPAGE);
    assert_int_equal(meter_set_open(&set, list, &(struct meter_context){ .sysroot = "" }), 0);
    meter_set_start(set, "");
    for (size_t i = 0; i < PAGES; i++)
        *(volatile char *)(block + i * page) = 1;
    meter_set_stop(set, readings);
    assert_string_equal(meter_set_channel(set, 2)->name, "page_faults_minor");
    assert_string_equal(meter_set_channel(set, 2)->provenance, "counted");
    assert_true(readings[2].value >= PAGES && readings[2].value < PAGES + 200);
    meter_set_close(set);
    munmap(block, PAGES * page);
}

#define WITH_SCRATCH(test) cmocka_unit_test_setup_teardown(test, make_scratch, remove_scratch)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRATCH(text_comes_without_its_newline_and_never_cut),
        WITH_SCRATCH(integers_are_integers_and_nothing_else),
        WITH_SCRATCH(fields_match_whole_keys),
        cmocka_unit_test(a_desktop),
        cmocka_unit_test(a_virtual_machine_lacks_things_and_says_so),
        WITH_SCRATCH(nothing_readable_is_all_reasons),
        WITH_SCRATCH(the_key_is_of_the_machine_not_of_its_settings),
        cmocka_unit_test(a_sysroot_leaves_the_environment_as_it_was),
        cmocka_unit_test(this_machine),
        cmocka_unit_test(the_build_is_known),
        cmocka_unit_test(memory_of_a_tree),
        cmocka_unit_test(the_cgroup_above_limits_too),
        cmocka_unit_test(a_container_of_cgroup_v1),
        WITH_SCRATCH(without_meminfo_there_is_a_reason),
        cmocka_unit_test(the_peak_comes_back_down),
        WITH_SCRATCH(steal_is_the_difference_of_two_readings),
        cmocka_unit_test(frequency_of_a_tree_and_its_absence),
        cmocka_unit_test(page_faults_are_counted),
    };

    if (getenv("TRITBENCH_SOURCE_ROOT"))
        source_root = getenv("TRITBENCH_SOURCE_ROOT");
    if (argc > 1)
        source_root = argv[1];
    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
