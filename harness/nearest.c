/* SPDX-License-Identifier: MIT */
#include "harness/nearest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LENGTH_MAX = 63 };

/* Levenshtein's distance without regard to case; of the first LENGTH_MAX characters. */
static int distance(const char *a, const char *b)
{
    int m = (int)strnlen(a, LENGTH_MAX), n = (int)strnlen(b, LENGTH_MAX);
    int row[LENGTH_MAX + 1];

    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; i <= m; i++) {
        int diagonal = row[0];

        row[0] = i;
        for (int j = 1; j <= n; j++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            int best = diagonal + !same;

            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

struct nearest nearest_begin(const char *word)
{
    int half = (int)strlen(word) / 2; /* farther than this is another word, not a slip */

    return (struct nearest){ .word = word, .best = half > 0 ? half : 1 };
}

bool nearest_offer(struct nearest *nearest, const char *name)
{
    int d = distance(nearest->word, name);

    if (d > nearest->best || d >= (int)strlen(name))
        return false;
    nearest->best = d - 1;
    snprintf(nearest->name, sizeof nearest->name, "%s", name);
    return true;
}
