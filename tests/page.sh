#!/bin/sh
# SPDX-License-Identifier: MIT
# The report of a small run: the page in a headless browser, the LaTeX, the figures. TAP. Arguments:
# the program, the JSON reader (rows.c), the source root, a directory to keep what npm installs, the
# fixture of a full run (paper_fixture.c).
set -u
. "$(dirname "$0")/tap.sh"
program=$(realpath "$1")
rows=$(realpath "$2")
root=$(realpath "$3")
mkdir -p "$4" && keep=$(realpath "$4")
fixture=$(realpath "$5")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 99
unset TRITBENCH_DB
explain() {
    sed 's/^/# /' log | tail -n 15
}

# Whole, cycled, and a shape that is not the paper's; a name that LaTeX and HTML have to escape.
"$program" paper -m 700M,dummy-125M -f f16,ternary2 -r 1 -t 1 --mem 800M --idle 0 --energy-windows 1 \
    --db 'a_b%&#<i>.db' -o json:rows.json >log 2>&1
ok "a small run of paper" $?
db='a_b%&#<i>.db'
TRITBENCH=$program "$root/scripts/plots" "$db" out >log 2>&1
ok "scripts/plots writes its report" $?
"$rows" rows.json item metric provenance ours >table 2>log && [ "$(wc -l <table)" -gt 80 ]
ok "the rows that it is about" $?

# All items, of three sizes whose times are known: what the browser shows.
"$fixture" full.db 3B 13B 70B >log 2>&1 && TRITBENCH=$program "$root/scripts/plots" full.db full >>log 2>&1 &&
    "$program" report --db full.db -o json:full.json >>log 2>&1
ok "the report of a full run" $?

[ "$(grep -o '<section' out/report.html | wc -l)" -ge 8 ] &&
    [ "$(grep -o '<section' out/report.html | wc -l)" -eq \
        "$(grep -o '</section>' out/report.html | wc -l)" ] &&
    grep -q 'tritbench paper -m 700M,dummy-125M .*a_b%&amp;#&lt;i&gt;.db' out/report.html &&
    grep -q '>cycled [0-9]*/24[,<]' out/report.html
ok "the page is whole: the command, how each row came about, nothing unescaped" $?
awk -F '\t' '{ n[$2]++ } END { exit !(NR == 10 && n["drawn"] + n["absent"] == 10) }' out/figures.tsv
ok "each figure is drawn or has a reason" $?
bad=0
while IFS=$(printf '\t') read -r name state words; do
    case $state in
    drawn)
        for kind in svg png pdf; do [ -s "out/$name.$kind" ] || bad=1; done
        grep -q "<img alt=\"$words" out/report.html || bad=1
        ;;
    *) [ ! -e "out/$name.svg" ] && grep -q "<strong>$name:</strong> not drawn: [a-z]" out/report.html || bad=1 ;;
    esac
done <out/figures.tsv
ok "figures are files and on the page; those that are not say why there" $bad

# Every line of a table body has the columns of its head; nothing is left that LaTeX means something by.
awk '/\\begin\{tabular\}/ { s = $0; sub(/.*\\begin\{tabular\}\{/, "", s); sub(/\}.*/, "", s); n = length(s) }
    / \\\\$/ { t = $0; gsub(/\\&/, "", t); m = gsub(/&/, "", t) + 1
        spans = gsub(/\\multicolumn\{2\}/, "", t); lines++
        if (m + spans != n) { print "columns: " $0; bad = 1 } }
    END { exit bad || lines < 20 }' out/report.tex >log
ok "LaTeX: every line has its columns" $?
grep -v '^%' out/report.tex | sed 's/\\[_%&#$]//g' | grep -n '[^ ]_\|[^{]%\|#' >log
[ ! -s log ] && [ "$(grep -c '\\begin{table}' out/report.tex)" -eq "$(grep -c '\\end{table}' out/report.tex)" ] &&
    grep -qF "\\caption{The paper's Table 1: memory and latency" out/report.tex && grep -q '\\toprule' out/report.tex
ok "LaTeX: escaped, booktabs, tables that end" $?
if ! command -v pdflatex >/dev/null 2>&1 || ! kpsewhich booktabs.sty >/dev/null 2>&1; then
    skip "LaTeX compiles, and inside another document" "apt-get install texlive-latex-recommended"
else
    printf '\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n\\begin{document}\n\\input{report.tex}\n\\end{document}\n' \
        >out/whole.tex
    (cd out && pdflatex -halt-on-error -interaction=nonstopmode report.tex &&
        pdflatex -halt-on-error -interaction=nonstopmode whole.tex) >log 2>&1 &&
        [ -s out/report.pdf ] && [ -s out/whole.pdf ]
    ok "LaTeX compiles, and inside another document" $?
fi

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -z "$browser" ] || ! command -v node >/dev/null 2>&1; then
    skip "the page in a browser" "apt-get install chromium nodejs"
else
    axe=$keep/node_modules/axe-core/axe.min.js
    if [ ! -s "$axe" ] && command -v npm >/dev/null 2>&1; then
        timeout 60 npm install --no-audit --no-fund --silent --prefix "$keep" axe-core@4.10.2 >log 2>&1
    fi
    [ -s "$axe" ] || axe=
    node "$root/tests/page.js" full/report.html full.json "$browser" "$axe" . out/report.html rows.json >browser 2>&1
    code=$?
    sed -n '/^\(not \)\{0,1\}ok/!p' browser | grep -v '^1\.\.' | sed 's/^/# /'
    grep '^\(not \)\{0,1\}ok' browser >cases
    while read -r line; do
        number=$((number + 1))
        echo "$line" | sed "s/ok [0-9]*/ok $number/"
    done <cases
    grep -q '^not ok' cases && status=1
    [ $code -eq 0 ] || [ -s log ] || cp browser log
    [ "$(wc -l <cases)" -ge 8 ]
    ok "the page in a browser" $?
    [ "$axe" ] || skip "accessibility by axe-core" "npm install axe-core"
fi
tap_end
