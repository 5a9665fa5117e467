# scripts/plots DB DIR, which runs: gnuplot -c plots/batch.gp DIR/batch.tsv OUT [SUBTITLE]
in = ARG1; out = ARG2; subtitle = ARG3; height = 520
heading = "Throughput against batch: sequences in parallel"
load system('dirname "'.ARG0.'"')."/style.gp"

# Columns: 1 sequences, 2 model, 3 phase (decode, decode-i8: KV cache in int8, prefill), 4 format,
# 5 tokens/s, 6 low, 7 high, 8 provenance. Of each line the last point has its number of sequences.
all_phases = "decode decode-i8 prefill prefill-i8"
titles = "'Decode: tokens/s' 'Decode, KV cache in int8: tokens/s' 'Prompt: tokens/s' \
    'Prompt, KV cache in int8: tokens/s'"
shown = ""; models = ""; phases = ""; panel_titles = ""; others = 0
do for [f in formats] {
    stats in using (strcol(4) eq f) nooutput
    if (STATS_sum > 0) { shown = shown." ".f }
}
do for [i = 1:words(all_phases)] {
    stats in using (strcol(3) eq word(all_phases, i)) nooutput
    if (STATS_sum > 0) {
        phases = phases." ".word(all_phases, i)
        panel_titles = panel_titles." '".word(titles, i)."'"
    }
}
models = system("cut -f 2 '".in."' | uniq | awk '!seen[$0]++' | tr '\n' ' '")
stats in using 1 name "x" nooutput
stats in using (strcol(8) ne "measured") nooutput
others = STATS_sum
dash(m) = word(models, 1) eq m ? 1 : word(models, 2) eq m ? 2 : word(models, 3) eq m ? 3 : 4
full(m, f) = strcol(2) eq m && strcol(4) eq f && strcol(8) eq "measured" ? $5 : NaN
hollow_of(m, f) = strcol(2) eq m && strcol(4) eq f && strcol(8) ne "measured" ? $5 : NaN
either(m, f) = strcol(2) eq m && strcol(4) eq f ? $5 : NaN
last(m, f) = system("awk -F '\t' '$2 == \"".m."\" && $3 == \"".phase."\" && $4 == \"".f. \
    "\" && $1 > n { n = $1 } END { print n + 0 }' '".in."'") + 0
panel = 'plot for [m in models] for [f in shown] in using (strcol(3) eq phase ? $1 : NaN):(either(m, f)) \
        notitle with lines lw 2 dt int(dash(m)) lc rgb colour(f), \
    for [m in models] for [f in shown] in using (strcol(3) eq phase ? $1 : NaN):(either(m, f)):6:7 \
        notitle with yerrorbars pt -1 lw 1.5 lc rgb colour(f), \
    for [m in models] for [f in shown] in using (strcol(3) eq phase ? $1 : NaN):(either(m, f)) \
        notitle with points pt 7 lc rgb "white", \
    for [m in models] for [f in shown] in using (strcol(3) eq phase ? $1 : NaN):(full(m, f)) \
        notitle with points pt 7 lc rgb colour(f), \
    for [m in models] for [f in shown] in using (strcol(3) eq phase ? $1 : NaN):(hollow_of(m, f)) \
        notitle with points pt 6 lw outline lc rgb colour(f), \
    for [m in models] for [f in shown] n = last(m, f) in \
        using (strcol(3) eq phase && $1 == n ? $1 : NaN):(either(m, f)):(sprintf("%d", $1)) \
        notitle with labels boxed textcolor rgb colour(f) offset 0, 0.9'
keys = 'for [f in shown] NaN with linespoints pt 7 lw 2 lc rgb colour(f) title name(f), \
    for [m in models] NaN with lines lw 2 dt int(dash(m)) lc rgb ink title m'

set multiplot
set logscale xy
set datafile missing NaN
set xrange [x_min / 1.3 : x_max * 1.3]
set yrange [decade_below(value_min) : 10 * decade_below(value_max)]
set xtics ("1" 1, "2" 2, "4" 4, "8" 8, "16" 16, "32" 32, "64" 64, "128" 128, "256" 256, \
    "512" 512, "1024" 1024)
set xlabel "sequences" textcolor rgb ink
set tmargin at screen 0.82; set bmargin at screen 0.25

foot = "All sequences together; bars are 95% intervals; numbers are the most sequences.". \
    (others > 0 ? " Hollow: not measured whole." : "")

if (words(phases) > 1) { @left_half } else { @whole_width }
phase = word(phases, 1)
eval titled(word(panel_titles, 1))
set key at screen 0.975, 0.985 right top vertical maxrows 2
@noted
eval panel.", ".keys

if (words(phases) > 1) {
    @right_half
    phase = word(phases, 2)
    eval titled(word(panel_titles, 2))
    unset label 1; unset label 2; unset label 4
    unset key
    eval panel
}
unset multiplot
