/* SPDX-License-Identifier: MIT */
#include "harness/why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

void why_set(struct why *why, const char *status, const char *tried, const char *fix,
             const char *said, ...)
{
    va_list list;

    why->status = status;
    snprintf(why->tried, sizeof why->tried, "%s", tried);
    snprintf(why->fix, sizeof why->fix, "%s", fix ? fix : "");
    va_start(list, said);
    vsnprintf(why->said, sizeof why->said, said, list);
    va_end(list);
}

const char *why_status(int error)
{
    switch (error) {
    case -EACCES:
    case -EPERM:
        return "denied";
    case -ENOENT:
    case -ENXIO:
    case -ENODEV:
    case -ENOTDIR:
        return "absent";
    default:
        return "broken";
    }
}
