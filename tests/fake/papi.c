/* SPDX-License-Identifier: MIT
 *
 * PAPI for tests. Events exist whose names begin with a word of $FAKE_PAPI_EVENTS (commas between);
 * $FAKE_PAPI_START is what PAPI_start returns. Event k of a set counts (k + 1) * 1000 a read, from
 * 0 on; with $FAKE_PAPI_ABSOLUTE the first reads show 5e9, as the component powercap does until its
 * counter moves, and with $FAKE_PAPI_STILL all do. Each call that matters is a line in
 * $FAKE_PAPI_LOG. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <papi.h>

enum { ABSOLUTE_READS = 3 };

static int events, running, reads;

static int number(const char *name, int otherwise)
{
    const char *text = getenv(name);

    return text ? atoi(text) : otherwise;
}

static void say(const char *what, const char *name)
{
    const char *path = getenv("FAKE_PAPI_LOG");
    const int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;

    if (fd >= 0)
        dprintf(fd, "%s%s\n", what, name);
    close(fd);
}

int PAPI_library_init(int version)
{
    say("init", "");
    fprintf(stderr, "PAPI says something\n");
    return version;
}

int PAPI_create_eventset(int *set)
{
    *set = 1;
    events = running = reads = 0;
    return PAPI_OK;
}

int PAPI_add_named_event(int set, const char *name)
{
    const char *exist = getenv("FAKE_PAPI_EVENTS");

    (void)set;
    for (; exist && *exist; exist += strcspn(exist, ","), exist += *exist == ',')
        if (!strncmp(exist, name, strcspn(exist, ","))) {
            say("add ", name);
            events++;
            return PAPI_OK;
        }
    return PAPI_ENOEVNT;
}

int PAPI_start(int set)
{
    (void)set;
    if (!events)
        return PAPI_ENOCMP;
    running = !number("FAKE_PAPI_START", 0);
    say("start", "");
    return number("FAKE_PAPI_START", 0);
}

int PAPI_read(int set, long long *values)
{
    (void)set;
    if (!running)
        return PAPI_ENOTRUN;
    reads++;
    for (int i = 0; i < events; i++)
        values[i] =
            getenv("FAKE_PAPI_STILL") || (getenv("FAKE_PAPI_ABSOLUTE") && reads <= ABSOLUTE_READS)
                ? 5000000000
                : reads * 1000 * (i + 1);
    return PAPI_OK;
}

int PAPI_stop(int set, long long *values)
{
    (void)set;
    (void)values;
    say("stop", "");
    running = 0;
    return PAPI_OK;
}

int PAPI_cleanup_eventset(int set)
{
    (void)set;
    return PAPI_OK;
}

int PAPI_destroy_eventset(int *set)
{
    say("destroy", "");
    *set = PAPI_NULL;
    return PAPI_OK;
}

char *PAPI_strerror(int error)
{
    static char none[] = "Event does not exist", denied[] = "Permission level", other[] = "error";

    return error == PAPI_ENOEVNT ? none : error == PAPI_EPERM ? denied : other;
}
