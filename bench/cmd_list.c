/* SPDX-License-Identifier: MIT
 *
 * `list`: what there is, from the tables that the program runs on. */
#include "bench/command.h"

#include <string.h>
#include "bench/machine.h"
#include "bench/names.h"
#include "bench/table.h"
#include "harness/meter.h"
#include "kernels/cpu.h"
#include "kernels/kernel.h"
#include "model/model.h"

enum { WHY_MAX = 300, COLUMNS_MAX = 24 };

static json_t *new_row(json_t *rows, const char *kind)
{
    json_t *row = json_object();
    json_object_set_new(row, "kind", json_string(kind));
    json_array_append_new(rows, row);
    return row;
}

/* Of one of the families, where any are asked for: they stand among the models then. */
static bool chosen(const struct config *config, const struct shape *s)
{
    for (int i = 0; i < config->models.count; i++) {
        if (strcmp(config->models.values[i], s->name) == 0)
            return true;
    }
    return config->models.count == 0;
}

/* A model's row ends in one member a format: the bytes of its weights, all layers in memory. */
static int list_models(struct outputs *outputs, const struct config *config)
{
    struct column columns[COLUMNS_MAX] = {
        { "name", "Model", "%s" },          { "family", "Family", "%s" },
        { "hidden", "Hidden", "%.0f" },     { "intermediate", "FFN", "%.0f" },
        { "layers", "Layers", "%.0f" },     { "heads", "Heads", "%.0f" },
        { "kv_heads", "KV heads", "%.0f" }, { "vocab", "Vocabulary", "%.0f" },
        { "experts", "Experts", "%.0f" },   { "parameters", "Weights", "%.4g" },
    };
    char members[COLUMNS_MAX][32];
    enum { FIXED = 10 };
    int count = FIXED;
    json_t *rows = json_array();
    for (int f = 0; families[f] && count < COLUMNS_MAX - 1; f++, count++) {
        snprintf(members[count], sizeof members[count], "%.24s_bytes", families[f]->name);
        columns[count] = (struct column){ members[count], families[f]->name, "bytes" };
    }
    for (const struct shape *s = shapes; s->name; s++) {
        if (!chosen(config, s))
            continue;
        json_t *row = new_row(rows, "model");
        json_object_set_new(row, "name", json_string(s->name));
        json_object_set_new(row, "family", json_string(s->family));
        json_object_set_new(row, "hidden", json_integer(s->hidden));
        json_object_set_new(row, "intermediate", json_integer(s->intermediate));
        json_object_set_new(row, "layers", json_integer(s->layers));
        json_object_set_new(row, "heads", json_integer(s->heads));
        json_object_set_new(row, "kv_heads", json_integer(s->kv_heads));
        json_object_set_new(row, "head_dim", json_integer(s->head_dim));
        json_object_set_new(row, "vocab", json_integer(s->vocab));
        json_object_set_new(row, "activation",
                            json_string(s->activation == RELU2 ? "relu2" : "silu"));
        json_object_set_new(row, "tied_embeddings", json_boolean(s->tied_embeddings));
        json_object_set_new(row, "experts", json_integer(s->experts));
        json_object_set_new(row, "experts_used", json_integer(s->experts_used));
        json_object_set_new(row, "source", json_string(shape_family_find(s->family)->source));
        json_object_set_new(row, "parameters", json_integer((json_int_t)shape_parameters(s)));
        json_object_set_new(
            row, "active_parameters",
            json_integer((json_int_t)(shape_parameters(s) - shape_linear_weights(s) +
                                      shape_active_weights(s))));
        for (int c = FIXED; c < count; c++)
            json_object_set_new(
                row, columns[c].member,
                json_integer((json_int_t)model_bytes(s, families[c - FIXED], &f16, s->layers)));
    }
    int error = outputs_rows(outputs, rows, columns, "Models",
                             "Weights: with embedding and head, and all experts. What a family is: "
                             "`source` in JSON and CSV.");
    json_decref(rows);
    return error;
}

static int list_formats(struct outputs *outputs, const struct config *config)
{
    (void)config;
    static const struct column columns[] = {
        { "name", "Format", "%s" },
        { "bits_per_weight", "Bits a weight", "%.2f" },
        { "activations", "Activations", "%s" },
        { "summary", "What", "%s" },
        { NULL, NULL, NULL },
    };
    json_t *rows = json_array();
    for (int i = 0; families[i]; i++) {
        json_t *row = new_row(rows, "format");
        json_object_set_new(row, "name", json_string(families[i]->name));
        json_object_set_new(row, "bits_per_weight", table_real(families[i]->bits_per_weight));
        json_object_set_new(row, "activations",
                            json_string(families[i]->act == ACT_I8 ? "int8" : "f32"));
        json_object_set_new(row, "summary", json_string(families[i]->summary));
    }
    int error = outputs_rows(outputs, rows, columns, "Formats", NULL);
    json_decref(rows);
    return error;
}

static int list_kernels(struct outputs *outputs, const struct config *config)
{
    (void)config;
    static const struct column columns[] = {
        { "format", "Format", "%s" },  { "isa", "ISA", "%s" },         { "needs", "Needs", "%s" },
        { "here", "Runs here", "%s" }, { "default", "Default", "%s" }, { NULL, NULL, NULL },
    };
    unsigned cpu = cpu_detect();
    json_t *rows = json_array();
    for (int i = 0; families[i]; i++) {
        for (const struct kernel *k = families[i]->kernels;; k++) {
            char needs[120];
            machine_features(k->needs, needs, sizeof needs);
            json_t *row = new_row(rows, "kernel");
            json_object_set_new(row, "format", json_string(families[i]->name));
            json_object_set_new(row, "isa", json_string(k->isa));
            json_object_set_new(row, "needs", json_string(needs));
            json_object_set_new(row, "here", json_boolean((k->needs & ~cpu) == 0));
            json_object_set_new(row, "default", json_boolean(k == kernel_pick(families[i], cpu)));
            if (k->needs == 0)
                break;
        }
    }
    int error = outputs_rows(outputs, rows, columns, "Kernels", NULL);
    json_decref(rows);
    return error;
}

static int list_meters(struct outputs *outputs, const struct config *config)
{
    (void)config;
    static const struct column columns[] = {
        { "name", "Meter", "%s" }, { "channel", "Channel", "%s" },
        { "unit", "Unit", "%s" },  { "provenance", "Provenance", "%s" },
        { "what", "What", "%s" },  { NULL, NULL, NULL },
    };
    json_t *rows = json_array();
    for (int i = 0; meters[i]; i++) {
        for (int c = 0; c < meters[i]->channel_count; c++) {
            const struct channel *channel = &meters[i]->channels[c];
            json_t *row = new_row(rows, "meter");
            json_object_set_new(row, "name", json_string(meters[i]->name));
            json_object_set_new(row, "channel", json_string(channel->name));
            json_object_set_new(row, "unit", json_string(channel->unit));
            json_object_set_new(row, "provenance", json_string(channel->provenance));
            json_object_set_new(row, "what", json_string(meters[i]->what));
        }
    }
    int error = outputs_rows(outputs, rows, columns, "Meters",
                             "Time and memory are always measured; whether a meter works on this "
                             "machine: 'tritbench doctor'.");
    json_decref(rows);
    return error;
}

static int list_plans(struct outputs *outputs, const struct config *config)
{
    (void)config;
    static const struct column columns[] = {
        { "name", "Plan", "%s" },
        { "command", "Command", "%s" },
        { "what", "What", "%s" },
        { NULL, NULL, NULL },
    };
    static const struct {
        const char *name, *command, *what;
    } plans[] = {
        { "quick", "tritbench paper --quick",
          "seven sizes, short samples, at most about 8 minutes" },
        { "full", "tritbench paper --full", "nine sizes, prompts of 512, 32 decode steps; hours" },
    };
    json_t *rows = json_array();
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        json_t *row = new_row(rows, "plan");
        json_object_set_new(row, "name", json_string(plans[i].name));
        json_object_set_new(row, "command", json_string(plans[i].command));
        json_object_set_new(row, "what", json_string(plans[i].what));
    }
    int error = outputs_rows(outputs, rows, columns, "Plans", NULL);
    json_decref(rows);
    return error;
}

static const struct {
    const char *name;
    int (*list)(struct outputs *outputs, const struct config *config);
} lists[] = {
    { "models", list_models }, { "formats", list_formats }, { "kernels", list_kernels },
    { "meters", list_meters }, { "plans", list_plans },
};
enum { LISTS = sizeof lists / sizeof *lists };

/* 0, or 2 with a line on stderr: a word that is no list. */
static int check_words(const struct config *config)
{
    const char *names[LISTS];
    for (int i = 0; i < LISTS; i++)
        names[i] = lists[i].name;
    for (int w = 0; w < config->words.count; w++) {
        const char *word = config->words.values[w];
        bool found = false;
        for (int i = 0; i < LISTS; i++)
            found |= strcmp(word, names[i]) == 0;
        if (found)
            continue;
        const char *near = names_nearest(word, names, LISTS);
        fprintf(stderr, "tritbench list %.60s: no such list; %s%s%s\n", word,
                near ? "did you mean " : "there are models, formats, kernels, meters, plans",
                near ? near : "", near ? "?" : "");
        return 2;
    }
    return 0;
}

int cmd_list(const struct config *config)
{
    struct outputs *outputs;
    char why[WHY_MAX];
    int error = 0;
    if (check_words(config))
        return 2;
    if (outputs_open(&outputs, config, why, sizeof why)) {
        fprintf(stderr, "tritbench list: %s\n", why);
        return 2;
    }
    for (int i = 0; i < LISTS && !error; i++) {
        if (text_list_wants(&config->words, lists[i].name))
            error = lists[i].list(outputs, config);
    }
    int close_error = outputs_close(outputs, why, sizeof why);
    if (close_error)
        fprintf(stderr, "tritbench list: %s\n", why);
    return error || close_error ? 1 : 0;
}
