/* SPDX-License-Identifier: MIT
 *
 * Where rows go. A file is written only at the end: beside its place, then renamed into it. */
#include "bench/table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sink {
    enum output_format format;
    char *path;    /* NULL: stdout. Symbolic links resolved, so that renaming keeps them */
    bool in_place; /* a device or a pipe: nothing to rename */
    FILE *text;    /* a document so far, into `memory`; of Markdown without a path stdout itself */
    char *memory;
    size_t memory_size;
};

struct outputs {
    int count;
    struct sink sinks[OPTION_OUTPUTS_MAX];
    json_t *rows;                 /* of all machine formats */
    const struct column *columns; /* of the last rows: a CSV without rows has their header */
    bool written;                 /* of Markdown: a blank line before the next table */
};

static bool is_document(enum output_format format)
{
    return format == OUTPUT_MD || format == OUTPUT_TEX || format == OUTPUT_HTML;
}

/* The mode that a new file gets, or that of the file in its place. */
static mode_t file_mode(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return st.st_mode & 0777;
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

/* Creates a file beside path; temporary has PATH_MAX bytes. */
static int create_beside(const char *path, char *temporary)
{
    if (snprintf(temporary, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX)
        return -ENAMETOOLONG;
    int fd = mkostemp(temporary, O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Proves that sink->path can be written at the end, and leaves nothing behind. */
static int probe(struct sink *sink, const char *path)
{
    struct stat st;
    char temporary[PATH_MAX];
    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode))
        return -EISDIR;
    if (exists && access(path, W_OK))
        return -errno;
    sink->path = exists ? realpath(path, NULL) : strdup(path);
    if (!sink->path)
        return -errno;
    sink->in_place = exists && !S_ISREG(st.st_mode);
    if (sink->in_place)
        return 0;
    int fd = create_beside(sink->path, temporary);
    if (fd < 0)
        return fd;
    close(fd);
    unlink(temporary);
    return 0;
}

static int open_sink(struct outputs *o, const struct output *wanted, char *why, size_t why_size)
{
    struct sink *sink = &o->sinks[o->count++];
    sink->format = wanted->format;
    const char *path = wanted->path;
    int error = path ? probe(sink, path) : 0;
    for (int i = 0; i < o->count - 1 && !error; i++) {
        if (sink->path && o->sinks[i].path && strcmp(o->sinks[i].path, sink->path) == 0 &&
            !sink->in_place)
            error = -EEXIST;
    }
    if (error) {
        snprintf(why, why_size, "--output %s: %s", path ? path : "",
                 error == -EEXIST ? "is the path of another output too" : strerror(-error));
        return error;
    }
    if (!wanted->path && sink->format == OUTPUT_MD)
        sink->text = stdout;
    else if (is_document(sink->format) &&
             !(sink->text = open_memstream(&sink->memory, &sink->memory_size)))
        return -ENOMEM;
    if (sink->format == OUTPUT_HTML)
        html_begin(sink->text, "tritbench");
    else if (sink->format == OUTPUT_TEX)
        tex_begin(sink->text);
    return 0;
}

static void free_outputs(struct outputs *o)
{
    for (int i = 0; i < o->count; i++) {
        struct sink *sink = &o->sinks[i];
        if (sink->text && sink->text != stdout)
            fclose(sink->text);
        free(sink->memory);
        free(sink->path);
    }
    json_decref(o->rows);
    free(o);
}

int outputs_open(struct outputs **outputs, const struct config *config, char *why, size_t why_size)
{
    const struct output standard = { OUTPUT_MD, NULL };
    int count = config->output_count, on_stdout = 0, error = 0;
    struct outputs *o = calloc(1, sizeof *o);
    *outputs = NULL;
    if (!o || !(o->rows = json_array())) {
        free(o);
        snprintf(why, why_size, "no memory for the outputs");
        return -ENOMEM;
    }
    for (int i = 0; i < count; i++)
        on_stdout += !config->outputs[i].path;
    if (on_stdout > 1) {
        snprintf(why, why_size,
                 "--output: only one output can go to standard output; give the "
                 "others a path, FORMAT:PATH");
        error = -EINVAL;
    }
    for (int i = 0; i < count && !error; i++)
        error = open_sink(o, &config->outputs[i], why, why_size);
    if (count == 0)
        error = open_sink(o, &standard, why, why_size);
    if (error)
        free_outputs(o);
    else
        *outputs = o;
    return error;
}

static int md_section(FILE *stream, bool first, const json_t *rows, const struct column *columns,
                      const char *heading, const char *notes)
{
    if (!first)
        fputc('\n', stream);
    if (heading)
        fprintf(stream, "## %s\n\n", heading);
    int error = table_write(stream, OUTPUT_MD, rows, columns);
    if (notes)
        fprintf(stream, "\n%s\n", notes);
    if (stream == stdout)
        fflush(stdout);
    return error;
}

FILE *outputs_stream(struct outputs *outputs, enum output_format format, int i)
{
    for (int s = 0; s < outputs->count; s++)
        if (outputs->sinks[s].format == format && i-- == 0)
            return outputs->sinks[s].text;
    return NULL;
}

int outputs_table_of(struct outputs *outputs, enum output_format format, const json_t *rows,
                     const struct column *columns, const char *heading, const char *notes)
{
    int error = 0;
    FILE *stream;
    for (int i = 0; !error && (stream = outputs_stream(outputs, format, i)); i++) {
        if (format == OUTPUT_HTML)
            html_table(stream, rows, columns, heading, notes);
        else if (format == OUTPUT_TEX)
            tex_table(stream, rows, columns, heading, notes);
        else
            error = md_section(stream, !outputs->written, rows, columns, heading, notes);
    }
    if (format == OUTPUT_MD)
        outputs->written = true;
    return error;
}

int outputs_table(struct outputs *outputs, const json_t *rows, const struct column *columns,
                  const char *heading, const char *notes)
{
    int error = outputs_table_of(outputs, OUTPUT_MD, rows, columns, heading, notes);
    if (!error)
        error = outputs_table_of(outputs, OUTPUT_TEX, rows, columns, heading, notes);
    return error ? error : outputs_table_of(outputs, OUTPUT_HTML, rows, columns, heading, notes);
}

int outputs_data(struct outputs *outputs, const json_t *rows, const struct column *columns)
{
    size_t index;
    json_t *row;
    outputs->columns = columns;
    json_array_foreach(rows, index, row)
    {
        if (json_array_append(outputs->rows, row))
            return -ENOMEM;
    }
    return 0;
}

int outputs_rows(struct outputs *outputs, const json_t *rows, const struct column *columns,
                 const char *heading, const char *notes)
{
    int error = outputs_data(outputs, rows, columns);
    return error ? error : outputs_table(outputs, rows, columns, heading, notes);
}

/* The whole text of one output. */
static int write_sink(const struct outputs *o, struct sink *sink, FILE *stream)
{
    if (!is_document(sink->format))
        return table_write(stream, sink->format, o->rows, o->columns);
    if (sink->text == stdout)
        return 0; /* there already */
    if (sink->format == OUTPUT_HTML)
        html_end(sink->text);
    else if (sink->format == OUTPUT_TEX)
        tex_end(sink->text);
    if (fflush(sink->text))
        return -errno;
    return fwrite(sink->memory, 1, sink->memory_size, stream) == sink->memory_size ? 0 : -EIO;
}

static int write_file(const struct outputs *o, struct sink *sink)
{
    char temporary[PATH_MAX];
    int error = 0, fd = sink->in_place ? open(sink->path, O_WRONLY | O_CLOEXEC)
                                       : create_beside(sink->path, temporary);
    if (fd < 0)
        return sink->in_place ? -errno : fd;
    FILE *stream = fdopen(fd, "w");
    if (!stream) {
        error = -errno;
        close(fd);
        goto out;
    }
    errno = 0;
    error = write_sink(o, sink, stream);
    if (!sink->in_place && !error && fchmod(fd, file_mode(sink->path)))
        error = -errno;
    if (fclose(stream) && (!error || error == -EIO))
        error = errno ? -errno : -EIO;
    if (!sink->in_place && !error && rename(temporary, sink->path))
        error = -errno;
out:
    if (error && !sink->in_place)
        unlink(temporary);
    return error;
}

int outputs_close(struct outputs *outputs, char *why, size_t why_size)
{
    int result = 0;
    if (!outputs)
        return 0;
    for (int i = 0; i < outputs->count; i++) {
        struct sink *sink = &outputs->sinks[i];
        int error;
        if (sink->path) {
            error = write_file(outputs, sink);
        } else {
            error = write_sink(outputs, sink, stdout);
            if (fflush(stdout) || ferror(stdout))
                error = errno ? -errno : -EIO;
        }
        if (error && !result) {
            snprintf(why, why_size, "--output: cannot write %s: %s",
                     sink->path ? sink->path : "standard output", strerror(-error));
            result = error;
        }
    }
    free_outputs(outputs);
    return result;
}
