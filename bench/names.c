/* SPDX-License-Identifier: MIT */
#include "bench/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/simulate.h"
#include "harness/energy/energy.h"
#include "harness/meter.h"
#include "harness/nearest.h"
#include "kernels/cpu.h"
#include "kernels/kernel.h"
#include "kernels/pin.h"
#include "kernels/threads.h"
#include "model/model.h"

enum { NAMES_MAX = 128, CPUS_MAX = 1024 };

const char *const names_items[] = { "table1", "table3",   "fig2",  "fig3",  "sparsity", "cycled",
                                    "power",  "roofline", "bytes", "batch", "noise",    NULL };

const char *names_nearest(const char *word, const char *const *names, int count)
{
    struct nearest nearest = nearest_begin(word);
    const char *name = NULL;
    for (int i = 0; i < count; i++) {
        if (nearest_offer(&nearest, names[i]))
            name = names[i];
    }
    return name;
}

/* The line for a name that is not among names: the nearest, or all of them. */
static int unknown(const char *option, const char *word, const char *const *names, int count,
                   char *why, size_t why_size)
{
    const char *near = names_nearest(word, names, count);
    int n = snprintf(why, why_size, "%s %.60s: no such name; ", option, word);
    if (near) {
        snprintf(why + n, why_size - (size_t)n, "did you mean %s?", near);
        return -EINVAL;
    }
    for (int i = 0; i < count && n > 0 && (size_t)n < why_size; i++)
        n += snprintf(why + n, why_size - (size_t)n, "%s%s", i ? ", " : "there are ", names[i]);
    return -EINVAL;
}

static int check_list(const char *option, const struct text_list *list, const char *const *names,
                      int count, char *why, size_t why_size)
{
    for (int i = 0; i < list->count; i++) {
        bool found = false;
        for (int j = 0; j < count && !found; j++)
            found = strcmp(list->values[i], names[j]) == 0;
        if (!found)
            return unknown(option, list->values[i], names, count, why, why_size);
    }
    return 0;
}

/* The models of all families that were asked for, each once, after those asked for by name. */
static int check_families(struct config *config, char *why, size_t why_size)
{
    struct text_list *models = &config->models;
    const char *names[NAMES_MAX];
    int count = 0;
    for (const struct shape_family *f = shape_families; f->name; f++)
        names[count++] = f->name;
    int error = check_list("--family", &config->families, names, count, why, why_size);
    for (const struct shape *s = shapes; s->name && !error; s++) {
        if (text_list_has(&config->families, s->family) && !text_list_has(models, s->name) &&
            models->count < OPTION_LIST_MAX)
            models->values[models->count++] = s->name;
    }
    return error;
}

/* Formats: a list with `all` in it becomes every family, in the order of the table. */
static int check_formats(struct text_list *formats, char *why, size_t why_size)
{
    const char *names[NAMES_MAX];
    int count = 0;
    for (int i = 0; families[i]; i++)
        names[count++] = families[i]->name;
    names[count] = "all";
    int error = check_list("--format", formats, names, count + 1, why, why_size);
    if (!error && text_list_has(formats, "all")) {
        formats->count = count;
        memcpy(formats->values, names, (size_t)count * sizeof *names);
    }
    return error;
}

/* Is there a kernel for `isa` among the chosen formats? */
static bool any_kernel(const char *isa, const struct text_list *formats)
{
    for (int i = 0; families[i]; i++) {
        if (!text_list_wants(formats, families[i]->name))
            continue;
        for (const struct kernel *k = families[i]->kernels;; k++) {
            if (strcmp(k->isa, isa) == 0)
                return true;
            if (k->needs == 0)
                break;
        }
    }
    return false;
}

/* `all`: every ISA that this CPU has and a chosen format has a kernel for. */
static void expand_isas(struct config *config, unsigned cpu)
{
    struct text_list *isas = &config->isas;
    isas->count = 0;
    for (const struct cpu_feature *f = cpu_features; f->bit; f++) {
        if ((cpu & f->bit) && any_kernel(f->name, &config->formats))
            isas->values[isas->count++] = f->name;
    }
    isas->values[isas->count++] = "c";
}

static int check_isas(struct config *config, char *why, size_t why_size)
{
    const struct text_list *isas = &config->isas;
    const char *names[NAMES_MAX];
    int count = 0;
    unsigned cpu = cpu_detect();
    for (const struct cpu_feature *f = cpu_features; f->bit; f++)
        names[count++] = f->name;
    names[count++] = "c";
    names[count++] = "all";
    int error = check_list("--isa", isas, names, count, why, why_size);
    if (!error && text_list_has(isas, "all"))
        expand_isas(config, cpu);
    for (int i = 0; i < isas->count && !error; i++) {
        for (const struct cpu_feature *f = cpu_features; f->bit; f++) {
            if (strcmp(isas->values[i], f->name) == 0 && !(cpu & f->bit)) {
                snprintf(why, why_size, "--isa %s: this CPU does not have it (%s)", f->name,
                         f->what);
                return -EINVAL;
            }
        }
        if (!any_kernel(isas->values[i], &config->formats)) {
            snprintf(
                why, why_size, "--isa %s: %s has a kernel for it; see 'tritbench list kernels'",
                isas->values[i], config->formats.count > 0 ? "none of these formats" : "no format");
            return -EINVAL;
        }
    }
    return error;
}

/* --meter: meters and ways to energy. */
static int check_meters(const char *list, unsigned command, char *why, size_t why_size)
{
    const char *names[NAMES_MAX];
    int count = 0;
    for (int i = 0; meters[i]; i++)
        names[count++] = meters[i]->name;
    for (int i = 0; energy_routes[i]; i++)
        names[count++] = energy_routes[i]->name;
    names[count++] = SIMULATE_METER;
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char word[60];
        bool found = false;
        snprintf(word, sizeof word, "%.*s", (int)strcspn(at, ","), at);
        for (int i = 0; i < count && !found; i++)
            found = strcmp(word, names[i]) == 0;
        if (!found)
            return unknown("--meter", word, names, count, why, why_size);
        if (strcmp(word, SIMULATE_METER) == 0 && command != CMD_KERNEL) {
            snprintf(why, why_size, "--meter %s: only 'kernel' simulates", word);
            return -EINVAL;
        }
    }
    return 0;
}

int names_check(struct config *config, unsigned command, char *why, size_t why_size)
{
    const char *models[NAMES_MAX];
    int model_count = 0, item_count = 0;
    for (const struct shape *s = shapes; s->name && model_count < NAMES_MAX; s++)
        models[model_count++] = s->name;
    while (names_items[item_count])
        item_count++;
    int error = check_list("--model", &config->models, models, model_count, why, why_size);
    if (!error)
        error = check_families(config, why, why_size);
    if (!error)
        error = check_formats(&config->formats, why, why_size);
    if (!error)
        error = check_isas(config, why, why_size);
    if (!error)
        error = check_list("--only", &config->only, names_items, item_count, why, why_size);
    if (!error)
        error = check_meters(config->meters, command, why, why_size);
    return error;
}

int names_pin(const struct config *config, char *why, size_t why_size)
{
    const char *name = config->threads_pin ? "--threads " : "--pin ", *text = config->pin;
    int cpus[CPUS_MAX], count;
    char said[300];
    if (!text && getenv("LIKWID_MODE")) {
        name = "LIKWID_THREADS=";
        text = getenv("LIKWID_THREADS");
    }
    if (!text)
        return 0;
    count = pin_parse(text, cpus, CPUS_MAX, said, sizeof said);
    if (count < 0) {
        snprintf(why, why_size, "%s%s", name, said);
        return -EINVAL;
    }
    return threads_pin(cpus, count, why, why_size);
}

static void add_thread_count(struct int_list *list, int64_t count)
{
    for (int i = 0; i < list->count; i++) {
        if (list->values[i] == count)
            return;
    }
    if (list->count < OPTION_LIST_MAX)
        list->values[list->count++] = count;
}

int names_threads(struct config *config, char *why, size_t why_size)
{
    const struct int_list given = config->threads;
    struct int_list *list = &config->threads;
    int units = threads_units();
    list->count = 0;
    for (int i = 0; i < given.count; i++) {
        if (given.values[i] > units) {
            snprintf(why, why_size, "--threads %lld: this process may use %d hardware thread%s",
                     (long long)given.values[i], units, units == 1 ? "" : "s");
            return -EINVAL;
        }
        add_thread_count(list, given.values[i]);
    }
    for (int n = 1; config->threads_pow2 && n < units; n *= 2)
        add_thread_count(list, n);
    if (config->threads_phys)
        add_thread_count(list, threads_cores());
    if (config->threads_all || config->threads_pow2)
        add_thread_count(list, units);
    config->threads_all = config->threads_phys = config->threads_pow2 = false;
    return 0;
}
