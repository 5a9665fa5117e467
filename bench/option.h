/* SPDX-License-Identifier: MIT
 *
 * Command-line options as rows: the parser, --help and the man pages are made from the same table.
 * Short options of several letters take one dash (-pg), as in llama-bench. */
#ifndef BENCH_OPTION_H
#define BENCH_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Commands as bits: which rows a command accepts. */
enum {
    CMD_DOCTOR = 1 << 0,
    CMD_LIST = 1 << 1,
    CMD_ROOF = 1 << 2,
    CMD_KERNEL = 1 << 3,
    CMD_MODEL = 1 << 4,
    CMD_PAPER = 1 << 5,
    CMD_REPORT = 1 << 6,
    CMD_SELFTEST = 1 << 7,
    CMD_RESUME = 1 << 8,
    CMD_RUNS = CMD_ROOF | CMD_KERNEL | CMD_MODEL | CMD_PAPER, /* those that measure */
    CMD_ALL = CMD_DOCTOR | CMD_LIST | CMD_REPORT | CMD_SELFTEST | CMD_RESUME | CMD_RUNS,
};

enum { OPTION_LIST_MAX = 64, OPTION_OUTPUTS_MAX = 8 };

struct int_list {
    int count;
    int64_t values[OPTION_LIST_MAX];
};
struct text_list {
    int count;
    const char *values[OPTION_LIST_MAX]; /* into text */
    char text[2048];
};
bool text_list_has(const struct text_list *list, const char *text);
/* The same, but that an empty list, an option that was not given, wants everything. */
bool text_list_wants(const struct text_list *list, const char *text);
struct pair_list { /* -pg PP,TG */
    int count;
    int64_t first[OPTION_LIST_MAX], second[OPTION_LIST_MAX];
};
enum output_format { OUTPUT_MD, OUTPUT_CSV, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_TEX, OUTPUT_HTML };
struct output {
    enum output_format format;
    const char *path; /* NULL: stdout */
};

struct config {
    struct text_list models, families, formats, isas, only;
    struct text_list words; /* what is left: `list models` */
    struct int_list threads, prompts, gens, depths, batches, ubatches, parallel;
    struct pair_list prompt_gens;
    bool threads_all, threads_phys, threads_pow2;
    const char *pin; /* --pin, or --threads with a list of CPUs (threads_pin); or NULL */
    bool threads_pin;
    int64_t rows, cols;  /* --shape RxC; 0: none */
    int64_t repetitions; /* 0: the command's own */
    uint64_t seed;
    int64_t memory_bytes;    /* --mem; 0: what is free */
    int64_t layers_resident; /* 0: all; -1: as few as the rule allows (auto) */
    bool warm;               /* --cache warm */
    bool profile;
    bool kv_i8, head_i8;
    struct int_list zeros, outliers;             /* --zeros: percent */
    const char *events, *meters, *meter_command; /* --events, --meter, --meter-cmd; or NULL */
    int64_t idle_s, energy_windows;
    bool energy;          /* selftest --energy */
    int64_t seconds;      /* selftest --seconds; 0: the command's own */
    int64_t invocations;  /* processes of a cell */
    int64_t time_limit_s; /* of a step; 0: from the prediction */
    int64_t resume;       /* the run to go on with; 0: a new one */
    bool dry_run, quick, full, help, version;
    const char *db, *sysroot, *run; /* db: never NULL; sysroot: "" without --sysroot */
    const char *figures;            /* --figures; or NULL */
    char arguments[4096];           /* the words after the command, as a shell would read them */
    int output_count;
    struct output outputs[OPTION_OUTPUTS_MAX];
};

enum option_kind {
    OPTION_FLAG,
    OPTION_INT,
    OPTION_INT_LIST,
    OPTION_THREADS,
    OPTION_TEXT,
    OPTION_TEXT_LIST,
    OPTION_PAIR,
    OPTION_SHAPE,
    OPTION_SIZE,
    OPTION_OUTPUT,
    OPTION_LAYERS,
    OPTION_CHOICE,
    OPTION_SEED,
};

struct option_row {
    const char *short_name; /* "m", "pg" or NULL */
    const char *long_name;  /* "model" or NULL */
    const char *value;      /* "LIST" or NULL for a flag */
    enum option_kind kind;
    size_t offset;     /* of the field of struct config */
    int64_t min, max;  /* of integers */
    unsigned commands; /* CMD_* */
    const char *help;
};
/* option_rows.c: both names NULL at the end. */
extern const struct option_row option_rows[];

/* Parses argv[1] .. argv[argc - 1] for `command`; argv outlives config, and config points into
 * itself: it is not to be copied. 0, or -EINVAL with one line in why that names the word at fault
 * and, where one is near, the name that was probably meant. */
int option_parse(struct config *config, unsigned command, int argc, char **argv, char *why,
                 size_t why_size);

/* Takes config->arguments apart again, into words that point into text; words[0] is the command's
 * name. Returns their number, or -E2BIG where they were not stored whole. */
int option_split(char *text, const char *command, char **words, int words_max);

/* ---- help.c ---- */

/* When the words of the manual were last changed. */
#define OPTION_MAN_DATE "2026-11-22"

/* The usage of one command, from the rows. */
void option_help(unsigned command, const char *name, const char *summary, FILE *stream);
/* The same as a manual page, in roff. */
void option_man(unsigned command, const char *name, const char *summary, FILE *stream);

/* Text from column `column` on, broken at blanks before column 80, with a newline at the end. */
void option_wrap(FILE *stream, const char *text, int column);

/* Text in roff: hyphens as they are typed, no line that is a request or longer than 80 bytes. */
void option_roff(FILE *stream, const char *text);

/* Exit statuses, as in --help and in every manual page. */
extern const char option_exit_status[];

#endif
