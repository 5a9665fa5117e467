#!/bin/sh
# SPDX-License-Identifier: MIT
# Every number of a report against the database: the rows of a full run whose times are known
# (paper_fixture.c), computed again from its samples and values by SQL and awk. TAP.
# Arguments: the program, the JSON reader (rows.c), the database reader (sql.c), the fixture.
set -u
. "$(dirname "$0")/tap.sh"
program=$(realpath "$1")
rows=$(realpath "$2")
sql=$(realpath "$3")
fixture=$(realpath "$4")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 99
unset TRITBENCH_DB
explain() {
    sed 's/^/# /' log | head -n 15
}

"$fixture" full.db >log 2>&1 &&
    "$program" report --db full.db -o json:rows.json -o csv:rows.csv -o md:report.md -o tex:report.tex >log 2>&1
ok "the report of a full run" $?
members="item variant size format metric n_prompt n_depth paper ours ci_low ci_high provenance ratio_paper
    ratio_ours ratio_low ratio_high threads roof_share how note base_ours base_paper verdict verdict_paper"
# shellcheck disable=SC2086 # a list of words
"$rows" rows.json item variant size format metric n_prompt n_depth ours ratio_ours provenance how note \
    machine build parallel >rows.tsv 2>log
ok "every row has the members that the document names" $?
for item in table1 fig2 prefill depth memory fit energy equivalence cycled fig3 sparsity table3; do
    cut -f 1 rows.tsv | grep -qx $item || echo "no row of $item"
done >log
[ ! -s log ]
ok "-o json has all items" $?
for word in $members; do
    head -n 1 rows.csv | tr -d '\r' | tr , '\n' | grep -qx "$word" || echo "no column $word"
done >log
[ ! -s log ] && [ "$(head -n 1 rows.csv | cut -d , -f 1-10)" = "item,variant,model,size,format,metric,n_prompt,n_depth,parallel,paper" ]
ok "-o csv has them as columns" $?

# What the database says, as lines of KEY and number. A time: the median of a cell's samples.
ask() { # query: lines of text
    "$sql" full.db "$1" >>want 2>>log
}
times="WITH s AS (SELECT cell, time_ns, row_number() OVER (PARTITION BY cell ORDER BY time_ns) AS r, count(*) OVER
    (PARTITION BY cell) AS n FROM sample WHERE round >= 0), m AS (SELECT cell, avg(time_ns) AS ns FROM s WHERE r IN
    ((n + 1) / 2, (n + 2) / 2) GROUP BY cell)"
tab="char(9)"
: >log >want
ask "$times SELECT 'ms ' || model || ' ' || format || ' ' || coalesce(n_prompt, 0) || ' ' || coalesce(n_depth, 0) || ' ' ||
    coalesce(item, '') || CASE WHEN item IS NULL THEN '' WHEN layers_resident = layers THEN 'whole' ELSE 'cycled' END ||
    $tab || printf('%.12g', ns / tokens / 1e6) FROM m JOIN cell c ON c.id = m.cell WHERE kind = 'model'"
ask "SELECT metric || ' ' || model || ' ' || format || ' ' || coalesce(n_prompt, 0) || ' ' || coalesce(n_depth, 0) || ' '
    || $tab || printf('%.12g', value / 1e9) FROM value v JOIN cell c ON c.id = v.cell WHERE kind = 'model' AND item IS NULL
    AND unit = 'B' AND value IS NOT NULL"
ask "SELECT 'joules ' || v.provenance || ' ' || item || ' ' || model || ' ' || format || $tab || printf('%.12g', value) FROM
    value v JOIN cell c ON c.id = v.cell WHERE kind = 'energy' AND value IS NOT NULL"
ask "SELECT 'zeros ' || v.provenance || ' ' || item || ' ' || substr(metric, 15) || $tab || printf('%.12g', value) FROM value v
    JOIN cell c ON c.id = v.cell WHERE kind = 'sparsity'"
ask "$times SELECT 'batch ' || model || ' ' || format || ' ' || kv || ' ' || parallel || $tab || printf('%.12g', 1e9 *
    tokens / ns) FROM m JOIN cell c ON c.id = m.cell WHERE kind = 'model' AND item = 'table3'"
ask "SELECT metric || ' ' || model || ' ' || format || ' ' || coalesce(kv, 'i8') || $tab || printf('%.12g', value) FROM value v
    JOIN cell c ON c.id = v.cell WHERE item = 'table3' AND metric IN ('max_batch', 'kv_logit_error', 'kv_top_token_same')"
ask "$times SELECT 'point ' || c.format || ' ' || (CAST(c.work_bytes AS REAL) / c.tokens / 1e9) || ' ' || ($times SELECT
    CAST(p.work_bytes AS REAL) / ns FROM m JOIN cell p ON p.id = m.cell WHERE p.id = c.partner) || $tab ||
    printf('%.12g', ns / tokens / 1e6) FROM m JOIN cell c ON c.id = m.cell WHERE kind = 'model' AND phase = 'decode' AND
    n_depth IS NULL AND item IS NULL"
[ "$(wc -l <want)" -gt 1500 ] && [ ! -s log ]
ok "the database has the numbers" $?

# A row's number by the key of what it must be; derived ones are computed from others.
awk -F '\t' '
function close_to(got, want, what) {
    if (got - want > 1e-8 * (want < 0 ? -want : want) || want - got > 1e-8 * (want < 0 ? -want : want)) {
        print what ": " got " is not " want; return
    }
    checked++
}
function known(key) {
    if (!(key in value)) { print "not in the database: " key; return 0 }
    return 1
}
NR == FNR && $1 ~ /^point / {
    split($1, point, " "); f = point[2]; i = ++points[f]
    x[f, i] = point[3]; roof[f, i] = point[4]; y[f, i] = $2
    next
}
NR == FNR { value[$1] = $2; next }
{
    item = $1; variant = $2; size = $3; format = $4; metric = $5
    p = $6 == "null" ? 0 : $6; d = $7 == "null" ? 0 : $7; cell = size " " format " " p " " d " "
    total[item]++
    if ($8 == "null") { absent[item]++; if ($12 == "" && $11 !~ /^(skipped|cycled)/) print "no reason: " $0; next }
    if (item ~ /^(table1|fig2|energy|equivalence)$/) seen[metric, size, format] = $8
}
item ~ /^(table1|fig2)$/ && metric == "latency_ms" { if (known("ms " size " " format " 0 0 ")) close_to($8, value["ms " size " " format " 0 0 "], cell) }
item == "cycled" && metric == "latency_ms" { if (known("ms " size " " format " 0 0 cycled" variant)) close_to($8, value["ms " size " " format " 0 0 cycled" variant], cell) }
item == "cycled" && metric == "time_ratio" { close_to($8, 1.02, cell " cycled by whole") }
item == "depth" && metric == "latency_ms" { if (known("ms " cell)) close_to($8, value["ms " cell], cell) }
item ~ /^(depth|prefill)$/ && metric ~ /^through/ { if (known("ms " cell)) close_to($8, 1000 / value["ms " cell], cell) }
item ~ /^(table1|fig2)$/ && metric == "memory_gb" {
    k = size " " format " 0 0 "
    sum = value["weights_bytes " k] + value["kv_bytes " k] + value["scratch_bytes " k]
    close_to($8, ("rss_peak_bytes " k) in value ? value["rss_peak_bytes " k] : sum, k "memory")
}
item == "memory" && metric != "difference_percent" {
    name = metric
    sub(/_gb$/, "", name)
    name = name == "weights" ? "weights_bytes" : name == "kv" || name == "scratch" ? "session_" name "_bytes" \
        : name == "rss" ? "rss_peak_bytes" : "predicted_peak_bytes"
    if (known(name " " cell)) close_to($8, value[name " " cell], cell name)
}
item == "memory" && metric == "difference_percent" {
    close_to(1 + $8 / 100, value["rss_peak_bytes " cell] / value["predicted_peak_bytes " cell], cell metric)
}
item == "fig3" { k = "joules " $10 " " variant " " size " " format; if (known(k)) close_to($8, value[k], k) }
item == "sparsity" { k = "zeros " $10 " " variant " " size; if (known(k)) close_to($8, value[k], k) }
item == "equivalence" && metric ~ /^(latency_ms|memory_gb)$/ {
    base = variant
    sub(/.* of /, "", base)
    close_to($9, seen[metric, base, "f16"] / $8, cell variant)
}
item == "table3" {
    kv = variant == "kv-i8" ? "i8" : "f16"
    k = metric == "throughput_tokens_per_s" ? "batch " size " " format " " kv " " $15 : metric " " size " " format " " kv
    base = k
    sub(" " format " ", " f16 ", base)
    # Those of the largest batches are each at its own.
    if ($15 == value["max_batch " size " " format " " kv]) sub(" [0-9]+$", " " value["max_batch " size " f16 " kv], base)
    if (known(k)) close_to($8, value[k], k)
    if (metric !~ /^kv_/ && value[base] > 0) { ratios++; close_to($9, value[k] / value[base], k " against " base) }
}
item == "fit" { fit[format, metric] = $8 }
END {
    for (f in points) {  # weighted least squares once more, with sums of powers
        n = points[f]; w = wx = wy = wxx = wxy = 0
        for (i = 1; i <= n; i++) {
            u = 1 / (x[f, i] * x[f, i]); w += u; wx += u * x[f, i]; wy += u * y[f, i]
            wxx += u * x[f, i] * x[f, i]; wxy += u * x[f, i] * y[f, i]
        }
        a = (w * wxy - wx * wy) / (w * wxx - wx * wx); b = (wy - a * wx) / w
        close_to(fit[f, "slope_ms_per_gb"] / a, 1, f " slope")
        if (fit[f, "intercept_ms"] / b - 1 > 1e-5 || fit[f, "intercept_ms"] / b - 1 < -1e-5) print f " intercept: " b
        close_to(fit[f, "roof_share"] * a * roof[f, 1] / 1000, 1, f " share")   # the roofs are all alike
    }
    for (item in total) if (item != "energy" && absent[item] * 2 > total[item]) print "most of " item " is absent"
    if (ratios < 20) print "only " ratios " ratios of Table 3"
    if (checked < 900) print "only " checked " numbers were checked"
    print "numbers checked: " checked > "/dev/stderr"
}' want rows.tsv >log 2>numbers && [ ! -s log ]
ok "every number of the rows is in the database, or follows from what is" $?
sed 's/^/# /' numbers

# The figure of time against bytes: its points are those, and its lines go through where the fit does.
"$program" report --db full.db --only bytes -o json:bytes.json >log 2>&1 &&
    "$rows" bytes.json source format gb ms model provenance >bytes.tsv 2>>log
awk -F '\t' '
    function off(a, b) { return a / b - 1 > 1e-5 || b / a - 1 > 1e-5 }
    FILENAME == "want" && $1 ~ /^point / { split($1, q, " "); ms[q[2], ++n[q[2]]] = $2; gb[q[2], n[q[2]]] = q[3] }
    FILENAME == "rows.tsv" && $1 == "fit" { fit[$4, $5] = $8 }
    FILENAME == "bytes.tsv" && $1 == "point" {
        i = ++seen[$2]
        if (off($3, gb[$2, i]) || off($4, ms[$2, i])) print "off: " $0 }
    FILENAME == "bytes.tsv" && $1 == "line" {
        lines++
        if (off($4, fit[$2, "slope_ms_per_gb"] * $3 + fit[$2, "intercept_ms"])) print "off: " $0 }
    FILENAME == "bytes.tsv" && $1 == "roof" && off($4, $3 / 0.02) { print "off: " $0 } # FIXTURE_GBPS: 20
    END { for (f in n) if (seen[f] != n[f]) print f ": " seen[f] " of " n[f] " points"
        if (lines < 100) print "only " lines " points of lines" }' want rows.tsv bytes.tsv >>log
[ ! -s log ]
ok "the figure of time against bytes has these points and lines" $?

# A row of a size and a format says how it came about.
awk -F '\t' '$3 != "null" && $4 != "null" && $11 !~ /^(measured|cycled [0-9]+\/[0-9]+|derived|modelled|not measured|(skipped|failed|invalid|interrupted): .+)/ {
    print "how: " $0 }
    $10 != "measured" && $11 ~ /^measured/ && $11 !~ /^measured and cycled/ { print "not measured: " $0 }
    $8 == "null" && ($10 != "null" || $11 ~ /^measured/) { print "no number: " $0 }' rows.tsv >log
[ ! -s log ]
ok "every row of a size and a format says how it came about" $?

# What is printed for readers are these numbers, with as many digits as there are: in the cells of Markdown
# and of LaTeX, without units, signs and the 95% of headings.
tr ',{}' '\n\n\n' <rows.json | sed -n 's/^ *"[a-z_]*": *\(-\{0,1\}[0-9][0-9.e+-]*\)$/\1/p' >known
{
    sed -n 's/^| //p' report.md | tr '|' '\n'
    sed -n '/ \\\\$/s/ \\\\$//p' report.tex | sed 's/95\(\\,\)*\\%//g; s/\\times//g; s/[][(),$\\]/ /g' | tr '& ' '\n\n'
} | sed 's/^ *//; s/x\{0,1\} *$//' | grep -x -- '-\{0,1\}[0-9][0-9]*[.]\{0,1\}[0-9]*' | sort -u >printed
awk 'NR == FNR {
        for (d = 0; d <= 5; d++) shown[sprintf("%." d "f", $1)]
        shown[sprintf("%.4g", $1)]
        next }
    !($1 in shown) { print "no row has " $1 }' known printed >log
[ ! -s log ] && [ "$(wc -l <printed)" -gt 500 ]
ok "every number of the tables in Markdown and LaTeX is a row's, rounded" $?

# Tables of so many lines are several, on pages of their own.
awk '/begin.tabular/ { lines = 0 } / \\\\$/ { lines++ } lines > 48 { exit 1 }' report.tex && grep -q ', continued}$' report.tex
ok "no table in LaTeX is longer than a page" $?
if ! command -v pdflatex >/dev/null 2>&1 || ! kpsewhich booktabs.sty >/dev/null 2>&1; then
    skip "LaTeX of a full run compiles" "apt-get install texlive-latex-recommended"
else
    pdflatex -halt-on-error -interaction=nonstopmode report.tex >log 2>&1 && [ -s report.pdf ] && ! grep -q 'too large' log
    ok "LaTeX of a full run compiles" $?
fi
tap_end
