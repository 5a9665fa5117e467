/* SPDX-License-Identifier: MIT */
#include "kernels/cpu.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

const struct cpu_feature cpu_features[] = {
    { CPU_AVX2, 0, "avx2", "AVX2, FMA, F16C" },
    { CPU_AVXVNNI, CPU_AVX2, "avxvnni", "AVX-VNNI" },
    { CPU_AVX512BW, CPU_AVX2, "avx512bw", "AVX-512 F, BW, DQ, VL" },
    { CPU_AVX512VNNI, CPU_AVX512BW | CPU_AVX2, "avx512vnni", "AVX-512 VNNI" },
    { CPU_AMX, CPU_AVX512VNNI | CPU_AVX512BW | CPU_AVX2, "amx", "AMX-TILE, AMX-INT8" },
    { CPU_NEON, 0, "neon", "Advanced SIMD" },
    { CPU_DOTPROD, CPU_NEON, "dotprod", "SDOT, UDOT" },
    { CPU_I8MM, CPU_DOTPROD | CPU_NEON, "i8mm", "SMMLA, USMMLA" },
    { 0, 0, NULL, NULL },
};

unsigned cpu_with_older(unsigned bits)
{
    unsigned all = bits;

    for (const struct cpu_feature *f = cpu_features; f->bit; f++)
        if (bits & f->bit)
            all |= f->older;
    return all;
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

struct registers {
    uint32_t eax, ebx, ecx, edx;
};

static struct registers cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct registers r = { 0, 0, 0, 0 };

    __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
    return r;
}

/* What the operating system saves on a context switch: XCR0. */
static uint64_t saved_state(void)
{
    uint32_t low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static int has(uint32_t word, unsigned bit)
{
    return word >> bit & 1;
}

/* Tiles are large, and Linux saves them for processes that have asked (since 5.16). */
static int tiles_granted(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

unsigned cpu_detect(void)
{
    const struct registers l1 = cpuid(1, 0), l7 = cpuid(7, 0), l7b = cpuid(7, 1);
    unsigned cpu = 0;

    if (!has(l1.ecx, 27)) /* OSXSAVE: without it xgetbv does not exist */
        return 0;
    const uint64_t xcr0 = saved_state();
    const int ymm = (xcr0 & 0x6) == 0x6, zmm = (xcr0 & 0xe6) == 0xe6;

    if (ymm && has(l1.ecx, 28) && has(l1.ecx, 12) && has(l1.ecx, 29) && has(l7.ebx, 5))
        cpu |= CPU_AVX2;
    if ((cpu & CPU_AVX2) && l7.eax >= 1 && has(l7b.eax, 4))
        cpu |= CPU_AVXVNNI;
    if ((cpu & CPU_AVX2) && zmm && has(l7.ebx, 16) && has(l7.ebx, 17) && has(l7.ebx, 30) &&
        has(l7.ebx, 31))
        cpu |= CPU_AVX512BW;
    if ((cpu & CPU_AVX512BW) && has(l7.ecx, 11))
        cpu |= CPU_AVX512VNNI;
    if ((cpu & CPU_AVX512VNNI) && (xcr0 & 0x60000) == 0x60000 && has(l7.edx, 24) &&
        has(l7.edx, 25) && tiles_granted())
        cpu |= CPU_AMX;
    return cpu;
}

void cpu_name(char *name, size_t size)
{
    char brand[49] = "";

    if (cpuid(0x80000000u, 0).eax >= 0x80000004u)
        for (uint32_t i = 0; i < 3; i++) {
            const struct registers r = cpuid(0x80000002u + i, 0);
            memcpy(brand + 16 * i, &r, sizeof r);
        }
    const char *start = brand + strspn(brand, " ");
    size_t length = strlen(start);
    while (length && start[length - 1] == ' ')
        length--;
    if (length)
        snprintf(name, size, "%.*s", (int)length, start);
    else
        snprintf(name, size, "unknown");
}

struct cpu_identity cpu_identify(void)
{
    struct cpu_identity id = { "", "", 0, 0, 0 };
    const struct registers l0 = cpuid(0, 0), l1 = cpuid(1, 0);
    const uint32_t family = l1.eax >> 8 & 15, model = l1.eax >> 4 & 15;

    memcpy(id.vendor, &l0.ebx, 4);
    memcpy(id.vendor + 4, &l0.edx, 4);
    memcpy(id.vendor + 8, &l0.ecx, 4);
    id.family = (int)(family == 15 ? family + (l1.eax >> 20 & 255) : family);
    id.model = (int)(family == 15 || family == 6 ? model | (l1.eax >> 12 & 0xf0) : model);
    id.stepping = (int)(l1.eax & 15);
    if (has(l1.ecx, 31)) { /* the hypervisor's own leaf; __get_cpuid_count would refuse it */
        struct registers r;
        __cpuid(0x40000000, r.eax, r.ebx, r.ecx, r.edx);
        memcpy(id.hypervisor, &r.ebx, 4);
        memcpy(id.hypervisor + 4, &r.ecx, 4);
        memcpy(id.hypervisor + 8, &r.edx, 4);
        if (!id.hypervisor[0])
            strcpy(id.hypervisor, "unnamed");
    }
    return id;
}

#else

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#include <asm/hwcap.h>
#endif

unsigned cpu_detect(void)
{
    unsigned cpu = 0;
#if defined(__aarch64__) && defined(__linux__)
    const unsigned long cap = getauxval(AT_HWCAP), cap2 = getauxval(AT_HWCAP2);

    if (cap & HWCAP_ASIMD)
        cpu |= CPU_NEON;
    if (cap & HWCAP_ASIMDDP)
        cpu |= CPU_DOTPROD;
    if (cap2 & HWCAP2_I8MM)
        cpu |= CPU_I8MM;
#endif
    return cpu;
}

/* Arm names its parts by number. */
void cpu_name(char *name, size_t size)
{
    uint64_t midr = 0;
#if defined(__aarch64__) && defined(__linux__)
    if (getauxval(AT_HWCAP) & HWCAP_CPUID) /* the kernel answers for the register */
        __asm__("mrs %0, midr_el1" : "=r"(midr));
#endif
    const unsigned implementer = midr >> 24 & 0xff, part = midr >> 4 & 0xfff;

    if (implementer)
        snprintf(name, size, "implementer 0x%02x part 0x%03x", implementer, part);
    else
        snprintf(name, size, "unknown");
}

struct cpu_identity cpu_identify(void)
{
    return (struct cpu_identity){ "", "", 0, 0, 0 };
}
#endif
