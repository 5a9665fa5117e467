# scripts/plots DB DIR, which runs: gnuplot -c plots/batch.gp DIR/batch.tsv OUT [SUBTITLE]
in = ARG1; out = ARG2; subtitle = ARG3; height = 520
heading = "Throughput against batch: sequences in parallel"
load system('dirname "'.ARG0.'"')."/style.gp"

# Columns: 1 sequences, 2 model, 3 phase, 4 format, 5 tokens/s, 6 low, 7 high, 8 provenance.
all_formats = "f16 i8 ternary2 ternary5 lut"
tint(f) = f eq "ternary5" ? 0xCC79A7 : f eq "lut" ? 0xE69F00 : colour(f)
called(f) = f eq "ternary5" || f eq "lut" ? f : name(f)
shown = ""; models = ""; others = 0
do for [f in all_formats] {
    stats in using (strcol(4) eq f) nooutput
    if (STATS_sum > 0) { shown = shown." ".f }
}
models = system("cut -f 2 '".in."' | uniq | awk '!seen[$0]++' | tr '\\n' ' '")
stats in using 1 name "x" nooutput
stats in using (strcol(8) ne "measured") nooutput
others = STATS_sum
dash(m) = word(models, 1) eq m ? 1 : word(models, 2) eq m ? 2 : word(models, 3) eq m ? 3 : 4
full(m, f) = strcol(2) eq m && strcol(4) eq f && strcol(8) eq "measured" ? $5 : NaN
hollow_of(m, f) = strcol(2) eq m && strcol(4) eq f && strcol(8) ne "measured" ? $5 : NaN
either(m, f) = strcol(2) eq m && strcol(4) eq f ? $5 : NaN
panel = 'plot for [m in models] for [f in shown] in using (strcol(3) eq phase ? $1 : NaN):(either(m, f)) \
        notitle with lines lw 2 dt int(dash(m)) lc rgb tint(f), \
    for [m in models] for [f in shown] in using (strcol(3) eq phase ? $1 : NaN):(either(m, f)):6:7 \
        notitle with yerrorbars pt -1 lw 1.5 lc rgb tint(f), \
    for [m in models] for [f in shown] in using (strcol(3) eq phase ? $1 : NaN):(either(m, f)) \
        notitle with points pt 7 lc rgb "white", \
    for [m in models] for [f in shown] in using (strcol(3) eq phase ? $1 : NaN):(full(m, f)) \
        notitle with points pt 7 lc rgb tint(f), \
    for [m in models] for [f in shown] in using (strcol(3) eq phase ? $1 : NaN):(hollow_of(m, f)) \
        notitle with points pt 6 lw outline lc rgb tint(f)'
keys = 'for [f in shown] NaN with linespoints pt 7 lw 2 lc rgb tint(f) title called(f), \
    for [m in models] NaN with lines lw 2 dt int(dash(m)) lc rgb ink title m'

set multiplot
set logscale xy
set datafile missing NaN
set xrange [x_min / 1.3 : x_max * 1.3]
set yrange [decade_below(value_min) : 10 * decade_below(value_max)]
set xtics ("1" 1, "2" 2, "4" 4, "8" 8, "16" 16, "32" 32, "64" 64, "128" 128, "256" 256)
set xlabel "sequences" textcolor rgb ink
set tmargin at screen 0.82; set bmargin at screen 0.25

@left_half
phase = "decode"
eval titled("Decode: tokens per second")
set key at screen 0.975, 0.985 right top vertical maxrows 2
eval panel.", ".keys

@right_half
phase = "prefill"
eval titled("Prompt: tokens per second")
unset label 1; unset label 2
unset key
foot = "All sequences together; bars are 95% intervals.".(others > 0 ? " Hollow: not measured whole." : "")
@noted
eval panel
unset multiplot
