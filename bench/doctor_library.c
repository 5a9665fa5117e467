/* SPDX-License-Identifier: MIT
 *
 * Optional libraries, each loaded in a process of its own: liblikwid alone would add 14 MB of
 * anonymous memory to whatever is measured after it. */
#include "bench/doctor.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "config.h"
#include "kernels/threads.h"
#if HAVE_PAPI
#include <papi.h>
#endif

enum { SAID_MAX = 200, CHILD_SECONDS = 20 };

/* Runs in the child; what it found goes to said. True: it works. */
typedef bool probe_fn(const char *soname, FILE *said);

static void *load(const char *soname, FILE *said)
{
    void *library = dlopen(soname, RTLD_NOW);
    if (!library)
        fprintf(said, "%s", dlerror());
    return library;
}

static bool probe_pfm(const char *soname, FILE *said)
{
    int (*get_version)(void) = NULL;
    void *library = load(soname, said);
    if (library)
        *(void **)&get_version = dlsym(library, "pfm_get_version");
    if (get_version) {
        int version = get_version();
        fprintf(said, "loads; interface version %d.%d", version >> 16, version & 0xffff);
    }
    return get_version != NULL;
}

static bool probe_likwid(const char *soname, FILE *said)
{
    if (!load(soname, said))
        return false;
    fprintf(said, "%s loads; it has no call that tells its version", soname);
    return true;
}

#if HAVE_PAPI
struct papi {
    int (*init)(int), (*create)(int *), (*add)(int, const char *), (*start)(int);
    int (*stop)(int, long long *);
    char *(*words)(int);
};

/* Loads PAPI and initialises it; false with the reason in said. */
static bool load_papi(struct papi *p, const char *soname, FILE *said)
{
    void *library = load(soname, said);
    if (!library)
        return false;
    *(void **)&p->init = dlsym(library, "PAPI_library_init");
    *(void **)&p->create = dlsym(library, "PAPI_create_eventset");
    *(void **)&p->add = dlsym(library, "PAPI_add_named_event");
    *(void **)&p->start = dlsym(library, "PAPI_start");
    *(void **)&p->stop = dlsym(library, "PAPI_stop");
    *(void **)&p->words = dlsym(library, "PAPI_strerror");
    if (!p->init || !p->create || !p->add || !p->start || !p->stop || !p->words) {
        fprintf(said, "lacks a function");
        return false;
    }
    int version = p->init(PAPI_VER_CURRENT);
    if (version != PAPI_VER_CURRENT)
        fprintf(said, "PAPI_library_init: %s", p->words(version));
    return version == PAPI_VER_CURRENT;
}

static bool probe_papi(const char *soname, FILE *said)
{
    struct papi p;
    if (!load_papi(&p, soname, said))
        return false;
    fprintf(said, "version %d.%d", PAPI_VERSION_MAJOR(PAPI_VERSION),
            PAPI_VERSION_MINOR(PAPI_VERSION));
    return true;
}

/* Queries say yes to events that do not exist (in a virtual machine): only counting counts. */
static bool probe_papi_energy(const char *soname, FILE *said)
{
    static const char *const events[] = { "rapl::RAPL_ENERGY_PKG:cpu=0",
                                          "amd64_rapl::RAPL_ENERGY_PKG:cpu=0" };
    struct papi p;
    if (!load_papi(&p, soname, said))
        return false;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        int set = PAPI_NULL;
        long long value = 0;
        int error = p.create(&set);
        if (!error)
            error = p.add(set, events[i]);
        if (!error)
            error = p.start(set);
        if (!error)
            error = p.stop(set, &value);
        if (!error) {
            fprintf(said, "%s counts", events[i]);
            return true;
        }
        fprintf(said, "%s%s: %s", i ? "; " : "", events[i], p.words(error));
    }
    return false;
}
#else
static probe_fn *const probe_papi = NULL, *const probe_papi_energy = NULL; /* never called */
#endif

/* The child: nothing that a library prints reaches our outputs. */
static void child(probe_fn *probe, const char *soname, int fd)
{
    int null = open("/dev/null", O_RDWR);
    FILE *said = fdopen(fd, "w");
    if (null < 0 || !said || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
        _exit(2);
    alarm(CHILD_SECONDS);
    bool works = probe(soname, said);
    _exit(fflush(said) ? 2 : !works);
}

/* Runs probe in a child. True: it works; said has what it said, or how it ended. */
static bool ask(probe_fn *probe, const char *soname, char *said)
{
    int pipes[2], status;
    size_t used = 0;
    said[0] = '\0';
    if (pipe(pipes)) {
        snprintf(said, SAID_MAX, "pipe: %s", strerror(errno));
        return false;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        child(probe, soname, pipes[1]);
    close(pipes[1]);
    for (ssize_t n = 1; n > 0 && used<SAID_MAX - 1; used += n> 0 ? (size_t)n : 0)
        n = read(pipes[0], said + used, SAID_MAX - 1 - used);
    said[used] = '\0';
    close(pipes[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        snprintf(said, SAID_MAX, "fork: %s", strerror(errno));
    else if (WIFSIGNALED(status))
        snprintf(said, SAID_MAX, "ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        return WEXITSTATUS(status) == 0;
    return false;
}

static const char *papi_soname(void)
{
#if HAVE_PAPI
    static char soname[32]; /* with both numbers: libpapi.so.7.0 */
    snprintf(soname, sizeof soname, "libpapi.so.%d.%d", PAPI_VERSION_MAJOR(PAPI_VERSION),
             PAPI_VERSION_MINOR(PAPI_VERSION));
    return soname;
#else
    return "libpapi.so";
#endif
}

static void library(struct doctor *d, const char *name, const char *soname, const char *package,
                    bool built, probe_fn *probe)
{
    char said[SAID_MAX], tried[80], fix[120];
    snprintf(tried, sizeof tried, "dlopen(\"%s\")", soname);
    snprintf(fix, sizeof fix, "apt-get install %s%s", package,
             built ? "" : ", then meson setup --reconfigure build");
    if (!built)
        doctor_row(d, "library", name, "off", "its header, when this program was built", fix,
                   "off in this build");
    else if (ask(probe, soname, said))
        doctor_row(d, "library", name, "ok", tried, NULL, "%s", said);
    else
        doctor_row(d, "library", name, "missing", tried, fix, "%s", said);
}

/* An independent measurement of what `roof` calls read_gbps; for the reader to run. */
static void likwid_bench(struct doctor *d)
{
    static const char tried[] = "likwid-bench in $PATH";
    const char *path = getenv("PATH");
    char file[512];
    for (size_t n; path && *path; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/likwid-bench", (int)(n < 400 ? n : 400), path);
        if (access(file, X_OK) == 0) {
            doctor_row(d, "library", "likwid-bench", "ok", tried, NULL,
                       "%s; checks the roof: likwid-bench -t load_avx -W S0:1GB:%d", file,
                       threads_cores());
            return;
        }
    }
    doctor_row(d, "library", "likwid-bench", "missing", tried, "apt-get install likwid",
               "not found; it would check the roof's read_gbps");
}

void doctor_library(struct doctor *d)
{
    likwid_bench(d);
    library(d, "libpfm4", "libpfm.so.4", "libpfm4-dev", HAVE_LIBPFM4, probe_pfm);
    library(d, "papi", papi_soname(), "libpapi-dev", HAVE_PAPI, probe_papi);
    library(d, "likwid", "liblikwid.so.5", "likwid", HAVE_LIKWID, probe_likwid);
}

void doctor_papi_energy(struct doctor *d)
{
    static const char tried[] = "PAPI_add_named_event, PAPI_start";
    char said[SAID_MAX];
    if (!HAVE_PAPI)
        doctor_row(d, "energy", "papi", "off", tried,
                   "apt-get install libpapi-dev, then meson setup --reconfigure build",
                   "off in this build");
    else if (*d->sysroot)
        doctor_row(d, "energy", "papi", "skipped", tried, NULL, "not tried below --sysroot");
    else if (ask(probe_papi_energy, papi_soname(), said))
        doctor_row(d, "energy", "papi", "ok", tried, NULL, "%s", said);
    else
        doctor_row(d, "energy", "papi", "absent", tried,
                   "Debian's PAPI has RAPL only through perf's 'power' PMU: see that row", "%s",
                   said);
}
