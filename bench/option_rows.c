/* SPDX-License-Identifier: MIT
 *
 * The option rows: every option of every command. */
#include "bench/option.h"

#define ROW(s, l, v, kind, field, min, max, commands, help)                                        \
    {                                                                                              \
        s, l, v, kind, offsetof(struct config, field), min, max, commands, help                    \
    }

enum {
    THREADS_MAX = 4096,
    TOKENS_MAX = 1 << 20,
    BATCH_MAX = 1 << 16,
    OUTLIERS_MAX = 1 << 20,
    COLUMNS_MAX = (1 << 17) - 1, /* integer sums are exact below 2^17 columns: kernels/kernel.h */
};

/* clang-format off */
const struct option_row option_rows[] = {
    ROW("m", "model", "LIST", OPTION_TEXT_LIST, models, 0, 0, CMD_KERNEL | CMD_MODEL | CMD_PAPER,
        "models, as 'tritbench list models' names them, e.g. 700M,3B,70B"),
    ROW(NULL, "family", "LIST", OPTION_TEXT_LIST, families, 0, 0,
        CMD_LIST | CMD_KERNEL | CMD_MODEL | CMD_PAPER,
        "all models of these families, e.g. dummy,tii ('tritbench list models' names each model's), besides those of -m"),
    ROW("f", "format", "LIST", OPTION_TEXT_LIST, formats, 0, 0, CMD_KERNEL | CMD_MODEL | CMD_PAPER,
        "weight formats, e.g. f16,ternary2, or all"),
    ROW(NULL, "isa", "LIST", OPTION_TEXT_LIST, isas, 0, 0, CMD_RUNS,
        "force instruction sets, e.g. c,avx2, or all (default: the best that the CPU has; roof: all)"),
    ROW(NULL, "shape", "RxC", OPTION_SHAPE, rows, 1, COLUMNS_MAX, CMD_KERNEL,
        "one matrix of R rows and C columns instead of a model's"),
    ROW(NULL, "zeros", "LIST", OPTION_INT_LIST, zeros, 0, 100, CMD_KERNEL,
        "shares of zero weights in percent, each on a matrix of its own (default: a third of ternary weights)"),
    ROW(NULL, "outliers", "LIST", OPTION_INT_LIST, outliers, 1, OUTLIERS_MAX, CMD_KERNEL,
        "ternary formats also with so many FP16 outliers restored on top, against none in the same rounds"),
    ROW("p", "n-prompt", "LIST", OPTION_INT_LIST, prompts, 0, TOKENS_MAX, CMD_MODEL,
        "prompt tokens of prefill; 0: no prefill"),
    ROW("n", "n-gen", "LIST", OPTION_INT_LIST, gens, 0, TOKENS_MAX, CMD_MODEL,
        "generated tokens of decode; 0: no decode"),
    ROW("pg", NULL, "PP,TG", OPTION_PAIR, prompt_gens, 1, TOKENS_MAX, CMD_MODEL,
        "PP prompt tokens and then TG generated ones; may be repeated"),
    ROW("d", "n-depth", "LIST", OPTION_INT_LIST, depths, 0, TOKENS_MAX, CMD_MODEL,
        "tokens in the KV cache before a measurement begins"),
    ROW("b", "batch", "LIST", OPTION_INT_LIST, batches, 1, BATCH_MAX, CMD_KERNEL | CMD_MODEL,
        "kernel: tokens at once, 1 is GEMV and more is GEMM; model: tokens of one prefill call"),
    ROW("ub", "ubatch-size", "LIST", OPTION_INT_LIST, ubatches, 1, BATCH_MAX, CMD_MODEL,
        "tokens of one forward pass of prefill"),
    ROW(NULL, "parallel", "LIST", OPTION_INT_LIST, parallel, 1, THREADS_MAX, CMD_MODEL,
        "sequences decoded at once"),
    ROW("t", "threads", "LIST", OPTION_THREADS, threads, 1, THREADS_MAX, CMD_RUNS,
        "threads; also all (hardware threads), phys (cores), pow2 (1, 2, 4, ... and all), or a domain or list as of --pin: S0, E:N:2"),
    ROW(NULL, "pin", "LIST", OPTION_TEXT, pin, 0, 0, CMD_RUNS,
        "CPUs in likwid's notation, a thread on each: 0,2-4 or N:0-3, S0:0-1@S1:0-1, E:N:4:1:2, M:scatter (default: one a core first)"),
    ROW("r", "repetitions", "N", OPTION_INT, repetitions, 1, 100000, CMD_RUNS,
        "samples of each measurement"),
    ROW(NULL, "seed", "N", OPTION_SEED, seed, 0, 0, CMD_RUNS,
        "seed of weights and of the order of measurements (default: 1)"),
    ROW(NULL, "mem", "SIZE", OPTION_SIZE, memory_bytes, 1, INT64_MAX, CMD_RUNS,
        "memory that may be used, e.g. 20G, 512M or bytes (default: what is free)"),
    ROW(NULL, "layers-resident", "N", OPTION_LAYERS, layers_resident, 1, TOKENS_MAX, CMD_MODEL,
        "layers in memory: all, auto (as few as still defeat the caches) or a number"),
    ROW(NULL, "cache", "cold|warm", OPTION_CHOICE, warm, 0, 0, CMD_KERNEL,
        "weights before each call: cold (default: copies in turn, 8 times the last-level cache) or warm"),
    ROW(NULL, "kv", "f16|i8", OPTION_CHOICE, kv_i8, 0, 0, CMD_MODEL | CMD_PAPER, "KV cache: f16 (default) or i8, with a scale for each head and position"),
    ROW(NULL, "head", "f16|i8", OPTION_CHOICE, head_i8, 0, 0, CMD_MODEL | CMD_PAPER, "LM head: f16 (default) or i8, with int8 activations"),
    ROW(NULL, "profile", NULL, OPTION_FLAG, profile, 0, 0, CMD_MODEL,
        "share of each part of a pass, from passes of their own that no sample is taken of"),
    ROW(NULL, "events", "LIST", OPTION_TEXT, events, 0, 0, CMD_RUNS | CMD_DOCTOR,
        "counters by name, e.g. cycles,instructions or papi:PAPI_TOT_INS (default: this CPU's own set)"),
    ROW(NULL, "meter", "LIST", OPTION_TEXT, meters, 0, 0, CMD_RUNS,
        "meters and energy routes by name (default: all that open and do not slow the run down)"),
    ROW(NULL, "meter-cmd", "CMD", OPTION_TEXT, meter_command, 0, 0, CMD_RUNS | CMD_DOCTOR,
        "a command that prints lines 'monotonic_ns channel unit value' of an external meter"),
    ROW(NULL, "idle", "SECONDS", OPTION_INT, idle_s, 0, 3600, CMD_RUNS,
        "where energy is counted: idle seconds before and after the work (default: 10; 0: none)"),
    ROW(NULL, "energy-windows", "N", OPTION_INT, energy_windows, 1, 1000, CMD_RUNS,
        "where energy is counted: windows of each measurement (default: 3)"),
    ROW(NULL, "only", "LIST", OPTION_TEXT_LIST, only, 0, 0, CMD_PAPER | CMD_REPORT,
        "items: table1, fig2, fig3, sparsity; report: or power, over the time of a run"),
    ROW(NULL, "quick", NULL, OPTION_FLAG, quick, 0, 0, CMD_PAPER, "seven sizes in at most about 8 minutes (default)"),
    ROW(NULL, "full", NULL, OPTION_FLAG, full, 0, 0, CMD_PAPER, "nine sizes, longer samples: hours"),
    ROW(NULL, "run", "ID", OPTION_TEXT, run, 0, 0, CMD_REPORT,
        "the run to report (default: the last)"),
    ROW(NULL, "db", "PATH", OPTION_TEXT, db, 0, 0, CMD_ALL,
        "results database (default: $TRITBENCH_DB, else ./tritbench.db)"),
    ROW("o", "output", "FORMAT[:PATH]", OPTION_OUTPUT, outputs, 0, 0, CMD_ALL,
        "md, csv, json or jsonl, to a file or to standard output; may be repeated (default: md)"),
    ROW(NULL, "sysroot", "DIR", OPTION_TEXT, sysroot, 0, 0, CMD_ALL,
        "read /proc and /sys below DIR: for tests, results are marked 'fixture'"),
    ROW("h", "help", NULL, OPTION_FLAG, help, 0, 0, CMD_ALL, "this help"),
    ROW(NULL, "version", NULL, OPTION_FLAG, version, 0, 0, CMD_ALL, "the version"),
    { NULL, NULL, NULL, OPTION_FLAG, 0, 0, 0, 0, NULL },
};
/* clang-format on */
