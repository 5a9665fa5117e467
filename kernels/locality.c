/* SPDX-License-Identifier: MIT */
#include "kernels/locality.h"
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGES = 32 }; /* of a thread's part, evenly spread */

static int cpu_node(int *node)
{
    unsigned cpu, n;

    if (syscall(SYS_getcpu, &cpu, &n, NULL))
        return -errno;
    *node = (int)n;
    return 0;
}

/* Moves nothing: without nodes to move to it says where pages are. */
static int page_nodes(unsigned long count, void **pages, int *status)
{
    return syscall(SYS_move_pages, 0, count, pages, NULL, status, 0) ? -errno : 0;
}

static const struct locality_system linux_system = { cpu_node, page_nodes };

struct job {
    const struct locality_system *system;
    const struct wmat *w;
    size_t panel, page;
    atomic_llong local, seen;
    atomic_int error;
};

/* Pages that are wholly of this part. */
static unsigned long list_pages(const struct job *job, struct range rows, void **pages)
{
    const uintptr_t data = (uintptr_t)job->w->data;
    const size_t first = (size_t)(rows.first / PANEL_ROWS) * job->panel;
    const size_t last = (size_t)((rows.last + PANEL_ROWS - 1) / PANEL_ROWS) * job->panel;
    const uintptr_t from = (data + first + job->page - 1) / job->page;
    const uintptr_t to = (data + last) / job->page;
    const uintptr_t step = to > from ? (to - from + PAGES - 1) / PAGES : 1;
    unsigned long n = 0;

    for (uintptr_t page = from; page < to && n < PAGES; page += step)
        pages[n++] = (void *)(page * job->page);
    return n;
}

static void look(void *arg, int index, int count)
{
    struct job *job = arg;
    void *pages[PAGES];
    int status[PAGES], node;
    const unsigned long n =
        list_pages(job, threads_share(job->w->rows, PANEL_ROWS, index, count), pages);
    int error = n ? job->system->node(&node) : 0;

    if (n && !error)
        error = job->system->where(n, pages, status);
    if (error)
        job->error = error;
    for (unsigned long i = 0; i < n && !error; i++) {
        atomic_fetch_add(&job->seen, status[i] >= 0);
        atomic_fetch_add(&job->local, status[i] == node);
    }
}

void locality_add(struct locality *l, struct threads *pool, const struct family *f,
                  const struct wmat *w, const struct locality_system *system)
{
    struct job job = { .system = system ? system : &linux_system,
                       .w = w,
                       .panel = panel_bytes(f, w->cols),
                       .page = (size_t)sysconf(_SC_PAGESIZE) };

    threads_run(pool, look, &job);
    l->local += job.local;
    l->seen += job.seen;
    l->error = job.error ? job.error : l->error;
}
