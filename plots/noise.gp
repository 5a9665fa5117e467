# scripts/plots DB DIR, which runs: gnuplot -c plots/noise.gp DIR/noise.tsv OUT [SUBTITLE [NOTE]]
in = ARG1; out = ARG2; subtitle = ARG3; foot = ARG4; height = 480
heading = "Noise: every sample by the median of its cell"
load system('dirname "'.ARG0.'"')."/style.gp"

# Columns: 1 from (s), 2 what, 3 flagged: something disturbed the sample, 4 format or roof, 5 time by
# median, 8 provenance.
all_formats = formats." roof"
shape(f) = f eq "f16" ? 7 : f eq "i8" ? 9 : f eq "roof" ? 1 : f eq "ternary2" ? 5 : 11
shown = ""
do for [f in all_formats] {
    stats in using (strcol(4) eq f) nooutput
    if (STATS_sum > 0) { shown = shown." ".f }
}
stats in using (strcol(3) eq "flagged") nooutput
flagged = STATS_sum
@whole_width
set tmargin at screen 0.79; set bmargin at screen 0.29
set xlabel "seconds since the first sample" textcolor rgb ink
set logscale y 2
set format y "%g"
set yrange [value_min / 1.15 : value_max * 1.3]
eval titled("time / median")
set key at graph 1, 1.15 right top horizontal
@noted
plot 1 notitle with lines lw 1.5 lc rgb ink, \
    in using 1:(strcol(3) eq "flagged" ? $5 : NaN) title (flagged > 0 ? "flagged" : "") \
        with points pt 6 ps 2 lw 1 lc rgb ink, \
    for [f in shown] in using 1:(strcol(4) eq f ? $5 : NaN) title name(f) \
        with points pt shape(f) lc rgb colour(f)
