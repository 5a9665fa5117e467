/* SPDX-License-Identifier: MIT
 *
 * The program: a table of commands. Everything that can be wrong with a command line is refused
 * here, before a command opens or creates anything. */
#include <stdio.h>
#include <string.h>
#include "config.h"
#include "bench/command.h"
#include "bench/names.h"
#include "bench/simulate.h"

enum { WHY_MAX = 400 };

static const struct command commands[] = {
    { "doctor", "say what this machine can measure and what to do about the rest", CMD_DOCTOR,
      cmd_doctor },
    { "list", "list models, formats, kernels, meters or plans", CMD_LIST, cmd_list },
    { "roof", "measure this machine's ceilings: memory bandwidth and operations", CMD_ROOF,
      cmd_roof },
    { "kernel", "measure matrix kernels: format x ISA x shape x batch x threads", CMD_KERNEL,
      cmd_kernel },
    { "model", "measure whole forward passes: prefill and decode", CMD_MODEL, cmd_model },
    { "paper", "set the paper's tables and figures beside this machine's", CMD_PAPER, cmd_paper },
    { "resume", "go on with an interrupted run where it stopped", CMD_RESUME, cmd_resume },
    { "report", "tables from a results database", CMD_REPORT, cmd_report },
    { "selftest", "test the counters and, with --energy, the joules of this machine", CMD_SELFTEST,
      cmd_selftest },
    { NULL, NULL, 0, NULL },
};

static const char about[] = "what BitNet b1.58 models cost on this CPU, in time, memory and energy";

/* One line on stderr, whatever was typed. Returns the exit status. */
static int wrong(const char *command, const char *why)
{
    fprintf(stderr, "tritbench%s%s: ", *command ? " " : "", command);
    for (; *why; why++)
        fputc((unsigned char)*why < ' ' ? '?' : *why, stderr);
    fputc('\n', stderr);
    return 2;
}

const struct command *command_find(const char *name)
{
    for (const struct command *c = commands; c->name; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

static int unknown_command(const char *word)
{
    const char *names[sizeof commands / sizeof *commands + 1];
    int count = 0;
    char why[WHY_MAX];
    for (const struct command *c = commands; c->name; c++)
        names[count++] = c->name;
    names[count++] = "help";
    const char *near = names_nearest(word, names, count);
    snprintf(why, sizeof why, "%.60s: no such command%s%s%s", word, near ? "; did you mean " : "",
             near ? near : "", near ? "?" : "; 'tritbench --help' lists them");
    return wrong("", why);
}

static void print_usage(FILE *stream)
{
    fprintf(stream, "Usage: tritbench COMMAND [OPTIONS]\n\nMeasures %s.\n\nCommands:\n", about);
    for (const struct command *c = commands; c->name; c++)
        fprintf(stream, "  %-8s %s\n", c->name, c->summary);
    fputs("\n'tritbench help COMMAND' lists a command's options.\n\nExit status: ", stream);
    option_wrap(stream, option_exit_status, 13);
}

/* The manual page of the program itself. */
static void print_man(FILE *stream)
{
    fprintf(stream, ".TH TRITBENCH 1 %s \"tritbench %s\" \"User commands\"\n", OPTION_MAN_DATE,
            TRITBENCH_VERSION);
    fputs(".SH NAME\ntritbench \\-\n", stream);
    option_roff(stream, about);
    fputs("\n.SH SYNOPSIS\n\\fBtritbench\\fR \\fIcommand\\fR [\\fIoptions\\fR]\n.SH COMMANDS\n",
          stream);
    for (const struct command *c = commands; c->name; c++) {
        fprintf(stream, ".TP\n.BR tritbench\\-%s (1)\n", c->name);
        option_roff(stream, c->summary);
        fputs(".\n", stream);
    }
    fputs(".SH ENVIRONMENT\n.TP\n\\fBTRITBENCH_DB\\fR\nThe results database, when \\-\\-db is not "
          "given.\n.SH EXIT STATUS\n",
          stream);
    option_roff(stream, option_exit_status);
    fputc('\n', stream);
}

/* `help [COMMAND]`, `man [COMMAND]`: word and an optional name. */
static int describe(const char *word, const char *name)
{
    const struct command *c = name ? command_find(name) : NULL;
    bool man = strcmp(word, "man") == 0;
    if (name && !c)
        return unknown_command(name);
    if (man)
        c ? option_man(c->bit, c->name, c->summary, stdout) : print_man(stdout);
    else
        c ? option_help(c->bit, c->name, c->summary, stdout) : print_usage(stdout);
    return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
    static struct config config; /* 10 KiB, and points into itself */
    char why[WHY_MAX];
    if (argc < 2) {
        print_usage(stderr);
        return 2;
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0) {
        puts("tritbench " TRITBENCH_VERSION);
        return 0;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return describe("help", NULL);
    if (strcmp(word, "help") == 0 || strcmp(word, "man") == 0)
        return describe(word, argc > 2 ? argv[2] : NULL);

    if (strcmp(word, "simulate") == 0) /* not in the table: this program starts it, no user does */
        return simulate_main(argc - 2, argv + 2);

    if (strcmp(word, "block") == 0) /* nor this */
        return cmd_block(argc - 2, argv + 2);

    const struct command *command = command_find(word);
    if (!command)
        return unknown_command(word);
    if (option_parse(&config, command->bit, argc - 1, argv + 1, why, sizeof why))
        return wrong(command->name, why);
    if (config.version) {
        puts("tritbench " TRITBENCH_VERSION);
        return 0;
    }
    if (config.help)
        return describe("help", command->name);
    if (names_check(&config, command->bit, why, sizeof why) ||
        names_pin(&config, why, sizeof why) || names_threads(&config, why, sizeof why))
        return wrong(command->name, why);
    return command->run(&config);
}
