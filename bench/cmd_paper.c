/* SPDX-License-Identifier: MIT
 *
 * `paper`: the paper's tables and figures on this machine. A short look at the roof gives the rates
 * from which memory and time of every cell are predicted; then models are measured, small ones
 * first, whole where they fit and cycled where they do not, each block in a process of its own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "bench/command.h"
#include "bench/paper_cycled.h"
#include "bench/paper_energy.h"
#include "bench/paper_plan.h"
#include "bench/paper_rows.h"
#include "bench/paper_sparsity.h"
#include "bench/paper_table3.h"
#include "bench/schedule.h"
#include "kernels/cpu.h"

/* What is known when a block begins. */
struct progress {
    struct paper_plan plan;
    struct rates rates;
};

static int threads_of(const struct config *c)
{
    return c->threads.count ? (int)c->threads.values[0] : threads_cores();
}

/* The machine may have become slower, or faster, than it was. Block 0 of the schedule is the roof.
 */
static void adjust(void *arg, struct run *run, int position, struct block *block)
{
    struct progress *p = arg;
    const int i = position - 1;

    if (i < 0 || i >= p->plan.count)
        return;
    paper_plan_again(&p->plan, i, &p->rates, run->config, (double)(run->deadline_ns - clock_ns()));
    *block = p->plan.blocks[i];
}

/* The schedule: new, or as an earlier process has left it. */
static void schedule_models(struct run *run, struct progress *p)
{
    if (schedule_count(run) == 1) {
        paper_plan_make(&p->plan, run, &p->rates);
        schedule_add(run, p->plan.blocks, p->plan.count, (int)run->config->invocations);
    }
    p->plan.count = schedule_blocks(run, 1, p->plan.blocks, PAPER_BLOCKS_MAX);
    paper_plan_print(run, &p->plan, &p->rates);
}

static void measure_models(struct run *run)
{
    const struct config *c = run->config;
    const int threads = threads_of(c);
    const struct block roof = { .kind = "roof", .threads = threads };
    struct progress p = { .plan = { 0, calloc(PAPER_BLOCKS_MAX, sizeof *p.plan.blocks) } };
    const int64_t start = clock_ns() - schedule_spent_ns(run);

    if (!p.plan.blocks)
        run->broken = -ENOMEM;
    if (!run->broken && !schedule_count(run))
        schedule_add(run, &roof, 1, 1);
    schedule_go(run, 1, NULL, NULL);
    if (!run->broken && !run_stop) {
        rates_read(store_db(run->store), run->id, "", threads, &p.rates);
        if (!p.rates.threads) {
            run_refuse("paper", "the roof could not be measured: nothing can be predicted");
            run->failed = true;
        } else {
            schedule_models(run, &p);
            run->deadline_ns =
                c->full ? 0 : start + (int64_t)(paper_quick_ns * (double)c->invocations);
            schedule_go(run, schedule_count(run), c->full || c->invocations > 1 ? NULL : adjust,
                        &p);
        }
    }
    free(p.plan.blocks);
}

/* Prints the plan and measures nothing: the rates are those of this machine's last roof in the
 * database, if it has one. */
static int dry_run(const struct config *config)
{
    static const struct rates nominal = { .value = { 10, 100, 100, 100 } };
    struct paper_plan plan = { 0, calloc(PAPER_BLOCKS_MAX, sizeof *plan.blocks) };
    struct run run = { .config = config, .command = "paper", .cpu = cpu_detect() };
    struct store *store = NULL;
    struct rates rates;
    char why[400];
    int status = plan.blocks ? 0 : 2;

    machine_cpu(&run.machine);
    host_read(&run.host, &run.machine.cpu, config->sysroot);
    if (store_open_readonly(&store, config->db)) {
        store_close(store);
        store = NULL;
    }
    rates_read(store ? store_db(store) : NULL, 0, run.host.key, threads_of(config), &rates);
    store_close(store);
    const bool known = rates.threads > 0;
    if (!known)
        rates = nominal;
    rates.threads = threads_of(config);
    if (!status && outputs_open(&run.outputs, config, why, sizeof why))
        status = run_refuse("paper", "%s", why);
    if (!status) {
        paper_plan_make(&plan, &run, &rates);
        if (paper_plan_rows(run.outputs, &run, &plan, known))
            status = run_refuse("paper", "the plan cannot be written");
        if (outputs_close(run.outputs, why, sizeof why))
            status = run_refuse("paper", "%s", why);
    }
    free(plan.blocks);
    return status;
}

static int refuse(const struct config *config)
{
    if (config->quick && config->full)
        return run_refuse("paper", "--quick and --full exclude each other");
    if (text_list_has(&config->only, "power"))
        return run_refuse("paper", "--only power: `tritbench report --only power` prints it");
    if (config->threads.count > 1 || config->isas.count > 1)
        return run_refuse("paper", "--%s: one, please: the paper's tables have room for no more",
                          config->threads.count > 1 ? "threads" : "isa");
    return 0;
}

int cmd_paper(const struct config *config)
{
    const bool models = text_list_wants(&config->only, "table1") ||
                        text_list_wants(&config->only, "fig2") || paper_cycled_wanted(config) ||
                        table3_wanted(config);
    struct run run;

    int status = refuse(config);
    if (!status && config->dry_run)
        return dry_run(config);
    if (!status)
        status = models ? run_open_plan(&run, config, "paper") : run_open(&run, config, "paper");
    if (status)
        return status;
    if (!config->resume) /* `resume` has done it */
        schedule_claim("paper", config->db, run.id);
    schedule_forget(&run, "energy");
    schedule_forget(&run, "sparsity");
    if (!run.broken && text_list_wants(&config->only, "fig3"))
        paper_energy_store(&run);
    if (!run.broken && text_list_wants(&config->only, "sparsity"))
        paper_sparsity_store(&run);
    if (!run.broken && models)
        measure_models(&run);
    if (!run.broken && text_list_wants(&config->only, "fig3"))
        paper_energy_measured(&run);
    if (paper_rows_write(run.outputs, store_db(run.store), run.id, &config->only, NULL))
        run.broken = run_refuse("paper", "%s: cannot be read", config->db);
    return run_close(&run);
}
