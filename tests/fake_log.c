/* SPDX-License-Identifier: MIT */
#include "tests/fake_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char fake_log_path[] = "/tmp/tritbench-fake-XXXXXX";

int fake_log_make(void)
{
    const int fd = mkstemp(fake_log_path);

    return fd < 0 ? -1 : close(fd);
}

void fake_log_remove(void)
{
    unlink(fake_log_path);
}

int fake_log_clear(void)
{
    return truncate(fake_log_path, 0);
}

const char *fake_log_read(void)
{
    static char text[FAKE_LOG_MAX];
    FILE *file = fopen(fake_log_path, "r");

    if (!file)
        return "unreadable";
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

bool fake_log_mapped(const char *library)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    bool found = false;

    if (!maps)
        return true;
    while (fgets(line, sizeof line, maps))
        found |= strstr(line, library) != NULL;
    fclose(maps);
    return found;
}
