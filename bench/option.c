/* SPDX-License-Identifier: MIT
 *
 * The parser of the command line: it reads option_rows. */
#include "bench/option.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "bench/names.h"

/* One option on the command line. */
struct word {
    const struct option_row *row;
    const char *name, *value; /* as they were given; value NULL for a flag */
    char *why;
    size_t why_size;
};

static int refuse(const struct word *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static int refuse(const struct word *w, const char *format, ...)
{
    int n = snprintf(w->why, w->why_size, "%s %.60s: ", w->name, w->value);
    va_list list;
    va_start(list, format);
    if (n >= 0 && (size_t)n < w->why_size)
        vsnprintf(w->why + n, w->why_size - (size_t)n, format, list);
    va_end(list);
    return -EINVAL;
}

/* Reads digits at *text and moves on. What does not fit becomes INT64_MAX: above every maximum. */
static int read_int(const char **text, int64_t *value)
{
    if (!isdigit((unsigned char)**text))
        return -EINVAL;
    int64_t v = 0;
    for (; isdigit((unsigned char)**text); ++*text) {
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, **text - '0', &v))
            v = INT64_MAX;
    }
    *value = v;
    return 0;
}

static int parse_flag(void *field, struct config *config, const struct word *w)
{
    (void)config;
    (void)w;
    *(bool *)field = true;
    return 0;
}

static int parse_int(void *field, struct config *config, const struct word *w)
{
    (void)config;
    const char *end = w->value;
    int64_t v;
    if (read_int(&end, &v) || *end || v < w->row->min || v > w->row->max)
        return refuse(w, "expected an integer from %lld to %lld", (long long)w->row->min,
                      (long long)w->row->max);
    *(int64_t *)field = v;
    return 0;
}

/* One element of a list: N, A-B, A-B+STEP or A-B*FACTOR. Moves on behind it. */
static int parse_range(struct int_list *list, const char **text, const struct word *w)
{
    int64_t first, last, step = 1;
    char how = '+';
    if (read_int(text, &first))
        return -EINVAL;
    last = first;
    if (**text == '-') {
        ++*text;
        if (read_int(text, &last))
            return -EINVAL;
        if (**text == '+' || **text == '*') {
            how = *(*text)++;
            if (read_int(text, &step))
                return -EINVAL;
        }
    }
    if (first < w->row->min || last > w->row->max || first > last)
        return -ERANGE;
    if (how == '+' ? step < 1 : step < 2 || first == 0)
        return -EINVAL; /* would never arrive */
    for (int64_t v = first; v <= last;) {
        if (list->count == OPTION_LIST_MAX)
            return -E2BIG;
        list->values[list->count++] = v;
        if (how == '+' ? __builtin_add_overflow(v, step, &v) : __builtin_mul_overflow(v, step, &v))
            break;
    }
    return 0;
}

/* The words of --threads. */
static bool thread_word(struct config *config, const char **text)
{
    const struct {
        const char *name;
        bool *flag;
    } words[] = {
        { "all", &config->threads_all },
        { "phys", &config->threads_phys },
        { "pow2", &config->threads_pow2 },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].name);
        if (strncmp(*text, words[i].name, n) == 0 && ((*text)[n] == ',' || !(*text)[n])) {
            *words[i].flag = true;
            *text += n;
            return true;
        }
    }
    return false;
}

static int parse_int_list(void *field, struct config *config, const struct word *w)
{
    bool threads = w->row->kind == OPTION_THREADS;
    const char *text = w->value;
    int error = 0;
    if (threads && isupper((unsigned char)*text)) { /* likwid's N, S0, E:N:2: see names_pin */
        config->pin = text;
        config->threads_pin = true;
        return 0;
    }
    for (;;) {
        if (!threads || !thread_word(config, &text))
            error = parse_range(field, &text, w);
        if (!error && *text && *text != ',')
            error = -EINVAL;
        if (error || !*text)
            break;
        text++;
    }
    if (error == -E2BIG)
        return refuse(w, "more than %d values", OPTION_LIST_MAX);
    if (error)
        return refuse(
            w, "expected integers from %lld to %lld, as 1,2,4 or 1-8 or 1-8+1 or 1-64*2%s",
            (long long)w->row->min, (long long)w->row->max, threads ? ", or all, phys, pow2" : "");
    return 0;
}

static int parse_text(void *field, struct config *config, const struct word *w)
{
    (void)config;
    if (!*w->value)
        return refuse(w, "expected %s, not an empty word", w->row->value);
    *(const char **)field = w->value;
    return 0;
}

bool text_list_has(const struct text_list *list, const char *text)
{
    for (int i = 0; i < list->count; i++)
        if (!strcmp(list->values[i], text))
            return true;
    return false;
}

bool text_list_wants(const struct text_list *list, const char *text)
{
    return !list->count || text_list_has(list, text);
}

/* Adds one element of n bytes to a list. */
static int text_add(struct text_list *list, const char *text, size_t n)
{
    size_t used = 0;
    if (list->count == OPTION_LIST_MAX)
        return -E2BIG;
    if (list->count > 0) {
        const char *last = list->values[list->count - 1];
        used = (size_t)(last - list->text) + strlen(last) + 1;
    }
    if (n + 1 > sizeof list->text - used)
        return -E2BIG;
    memcpy(list->text + used, text, n);
    list->text[used + n] = '\0';
    list->values[list->count++] = list->text + used;
    return 0;
}

static int parse_text_list(void *field, struct config *config, const struct word *w)
{
    (void)config;
    for (const char *text = w->value;; text++) {
        size_t n = strcspn(text, ",");
        if (n == 0)
            return refuse(w, "a name is empty: expected names with commas between them");
        if (text_add(field, text, n))
            return refuse(w, "more names than fit (%d)", OPTION_LIST_MAX);
        text += n;
        if (!*text)
            return 0;
    }
}

/* A<separator>B, both in the row's range. */
static int read_pair(const struct word *w, char separator, int64_t *first, int64_t *second)
{
    const char *text = w->value;
    if (read_int(&text, first) || *text++ != separator || read_int(&text, second) || *text)
        return -EINVAL;
    if (*first < w->row->min || *first > w->row->max || *second < w->row->min ||
        *second > w->row->max)
        return -ERANGE;
    return 0;
}

static int parse_pair(void *field, struct config *config, const struct word *w)
{
    (void)config;
    struct pair_list *list = field;
    if (list->count == OPTION_LIST_MAX)
        return refuse(w, "more than %d pairs", OPTION_LIST_MAX);
    if (read_pair(w, ',', &list->first[list->count], &list->second[list->count]))
        return refuse(w, "expected PP,TG, each from %lld to %lld", (long long)w->row->min,
                      (long long)w->row->max);
    list->count++;
    return 0;
}

static int parse_shape(void *field, struct config *config, const struct word *w)
{
    (void)field;
    if (read_pair(w, 'x', &config->rows, &config->cols))
        return refuse(w, "expected ROWSxCOLUMNS, each from %lld to %lld, e.g. 4096x4096",
                      (long long)w->row->min, (long long)w->row->max);
    return 0;
}

static int parse_size(void *field, struct config *config, const struct word *w)
{
    (void)config;
    static const char suffixes[] = "KMGT";
    const char *end = w->value, *suffix;
    int64_t v, unit = 1;
    bool bad = read_int(&end, &v) != 0;
    if (!bad && *end && (suffix = strchr(suffixes, *end)) != NULL) {
        unit = INT64_C(1) << (10 * (suffix - suffixes + 1));
        end++;
    }
    if (bad || *end || v == INT64_MAX || v < w->row->min || __builtin_mul_overflow(v, unit, &v))
        return refuse(w, "expected bytes, or an integer with K, M, G or T, e.g. 512M or 20G");
    *(int64_t *)field = v;
    return 0;
}

static int parse_output(void *field, struct config *config, const struct word *w)
{
    static const char *const names[] = {
        [OUTPUT_MD] = "md",       [OUTPUT_CSV] = "csv", [OUTPUT_JSON] = "json",
        [OUTPUT_JSONL] = "jsonl", [OUTPUT_TEX] = "tex", [OUTPUT_HTML] = "html",
    };
    (void)field;
    size_t n = strcspn(w->value, ":");
    const char *path = w->value[n] ? w->value + n + 1 : NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) != n || strncmp(w->value, names[i], n) != 0 || (path && !*path))
            continue;
        if (config->output_count == OPTION_OUTPUTS_MAX)
            return refuse(w, "more than %d outputs", OPTION_OUTPUTS_MAX);
        struct output *output = &config->outputs[config->output_count++];
        output->format = (enum output_format)i;
        output->path = path && strcmp(path, "-") != 0 ? path : NULL;
        return 0;
    }
    return refuse(w, "expected md, csv, json, jsonl, tex or html, alone or with :PATH behind it");
}

static int parse_layers(void *field, struct config *config, const struct word *w)
{
    (void)config;
    int64_t *layers = field;
    const char *end = w->value;
    int64_t v;
    if (strcmp(w->value, "all") == 0)
        *layers = 0;
    else if (strcmp(w->value, "auto") == 0)
        *layers = -1;
    else if (read_int(&end, &v) || *end || v < w->row->min || v > w->row->max)
        return refuse(w, "expected all, auto or an integer from %lld to %lld",
                      (long long)w->row->min, (long long)w->row->max);
    else
        *layers = v;
    return 0;
}

/* The row's value is both words: the first is false, the second true. */
static int parse_choice(void *field, struct config *config, const struct word *w)
{
    (void)config;
    const char *no = w->row->value, *yes = strchr(no, '|') + 1;
    const int n = (int)(yes - no - 1);
    *(bool *)field = strcmp(w->value, yes) == 0;
    if (!*(bool *)field && (strlen(w->value) != (size_t)n || strncmp(w->value, no, (size_t)n) != 0))
        return refuse(w, "expected %.*s or %s", n, no, yes);
    return 0;
}

static int parse_seed(void *field, struct config *config, const struct word *w)
{
    (void)config;
    char *end;
    errno = 0;
    uint64_t v = strtoull(w->value, &end, 10);
    if (!isdigit((unsigned char)*w->value) || *end || errno)
        return refuse(w, "expected an integer from 0 to %llu", (unsigned long long)UINT64_MAX);
    *(uint64_t *)field = v;
    return 0;
}

typedef int parse_fn(void *field, struct config *config, const struct word *w);
static parse_fn *const parsers[] = {
    [OPTION_FLAG] = parse_flag,         [OPTION_INT] = parse_int,
    [OPTION_INT_LIST] = parse_int_list, [OPTION_THREADS] = parse_int_list,
    [OPTION_TEXT] = parse_text,         [OPTION_TEXT_LIST] = parse_text_list,
    [OPTION_PAIR] = parse_pair,         [OPTION_SHAPE] = parse_shape,
    [OPTION_SIZE] = parse_size,         [OPTION_OUTPUT] = parse_output,
    [OPTION_LAYERS] = parse_layers,     [OPTION_CHOICE] = parse_choice,
    [OPTION_SEED] = parse_seed,
};

/* The row of "-m" or "--model" (n bytes of it: a value may follow). */
static const struct option_row *find_row(const char *name, size_t n)
{
    for (const struct option_row *row = option_rows; row->short_name || row->long_name; row++) {
        const char *s = row->short_name, *l = row->long_name;
        if (s && n == strlen(s) + 1 && strncmp(name + 1, s, n - 1) == 0)
            return row;
        if (l && n == strlen(l) + 2 && name[1] == '-' && strncmp(name + 2, l, n - 2) == 0)
            return row;
    }
    return NULL;
}

static int unknown_option(const char *name, unsigned command, char *why, size_t why_size)
{
    enum { NAMES_MAX = 80, NAME_MAX_BYTES = 32 };
    char text[NAMES_MAX][NAME_MAX_BYTES];
    const char *names[NAMES_MAX];
    int count = 0;
    for (const struct option_row *row = option_rows; row->short_name || row->long_name; row++) {
        if (!(row->commands & command) || count + 2 > NAMES_MAX)
            continue;
        if (row->short_name)
            snprintf(text[count++], NAME_MAX_BYTES, "-%s", row->short_name);
        if (row->long_name)
            snprintf(text[count++], NAME_MAX_BYTES, "--%s", row->long_name);
    }
    for (int i = 0; i < count; i++)
        names[i] = text[i];
    const char *near = names_nearest(name, names, count);
    snprintf(why, why_size, "%.60s: unknown option%s%s%s", name, near ? ": did you mean " : "",
             near ? near : "", near ? "?" : "; --help lists them");
    return -EINVAL;
}

/* Reads the option at argv[*i], and its value, which may be the next word. */
static int parse_option(struct config *config, unsigned command, int argc, char **argv, int *i,
                        char *why, size_t why_size)
{
    char *name = argv[*i];
    const char *value = NULL;
    size_t n = strcspn(name, "=");
    if (name[1] == '-' && name[n])
        value = name + n + 1;
    else
        n = strlen(name);

    const struct option_row *row = find_row(name, n);
    char shown[40];
    snprintf(shown, sizeof shown, "%.*s", (int)(n < sizeof shown ? n : sizeof shown - 1), name);
    if (!row)
        return unknown_option(shown, command, why, why_size);
    if (!(row->commands & command)) {
        snprintf(why, why_size, "%s: not an option of this command; --help lists those that are",
                 shown);
        return -EINVAL;
    }
    if (!row->value && value) {
        snprintf(why, why_size, "%s takes no value", shown);
        return -EINVAL;
    }
    if (row->value && !value) {
        if (*i + 1 >= argc) {
            snprintf(why, why_size, "%s needs a value: %s %s", shown, shown, row->value);
            return -EINVAL;
        }
        value = argv[++*i];
    }
    const struct word word = { row, shown, value, why, why_size };
    return parsers[row->kind]((char *)config + row->offset, config, &word);
}

/* The words as one line, which option_split takes apart. What does not fit ends in "...". */
static void join_arguments(char *text, size_t size, int argc, char **argv)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 1; i < argc && used < size; i++) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "-_./,:=+*@%";
        const char *word = argv[i];
        const char *quote = *word && !word[strspn(word, plain)] ? "" : "'";
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 1 ? " " : "", quote);
        for (; *word && used < size; word++)
            used +=
                (size_t)snprintf(text + used, size - used, *word == '\'' ? "'\\''" : "%c", *word);
        if (used < size)
            used += (size_t)snprintf(text + used, size - used, "%s", quote);
    }
    if (used >= size)
        memcpy(text + size - sizeof "...", "...", sizeof "...");
}

int option_split(char *text, const char *command, char **words, int words_max)
{
    static char name[16];
    const size_t length = strlen(text);
    char *to = text;
    int count = 1;

    snprintf(name, sizeof name, "%s", command);
    words[0] = name;
    if (length >= 3 && length + 1 >= sizeof((struct config *)0)->arguments &&
        !strcmp(text + length - 3, "..."))
        return -E2BIG;
    for (const char *from = text; *from; count++) {
        if (count == words_max)
            return -E2BIG;
        words[count] = to;
        for (bool quoted = false; *from && (quoted || *from != ' '); from++)
            if (*from == '\'')
                quoted = !quoted;
            else
                *to++ = *from == '\\' && !quoted && from[1] ? *++from : *from;
        from += *from == ' ';
        *to++ = '\0'; /* never ahead of from: it has passed the blank, or the end */
    }
    return count;
}

int option_parse(struct config *config, unsigned command, int argc, char **argv, char *why,
                 size_t why_size)
{
    memset(config, 0, sizeof *config);
    const char *db = getenv("TRITBENCH_DB");
    config->db = db && *db ? db : "./tritbench.db";
    config->sysroot = "";
    config->seed = 1;
    config->idle_s = 10;
    config->energy_windows = 3;
    config->invocations = 1;
    join_arguments(config->arguments, sizeof config->arguments, argc, argv);

    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1]) {
            int error = parse_option(config, command, argc, argv, &i, why, why_size);
            if (error)
                return error;
        } else if (!(command & CMD_LIST)) {
            snprintf(why, why_size, "%.60s: unexpected word; options begin with '-'", argv[i]);
            return -EINVAL;
        } else if (text_add(&config->words, argv[i], strlen(argv[i]))) {
            snprintf(why, why_size, "%.60s: too many words", argv[i]);
            return -EINVAL;
        }
    }
    const char *both = config->quick && config->full                    ? "--quick --full"
                       : config->rows > 0 && config->models.count > 0   ? "--shape with --model"
                       : config->rows > 0 && config->families.count > 0 ? "--shape with --family"
                       : config->zeros.count > 0 && config->outliers.count > 0
                           ? "--zeros --outliers"
                           : NULL;
    if (both)
        snprintf(why, why_size, "%s: only one of them", both);
    return both ? -EINVAL : 0;
}
