# scripts/plots DB DIR, which runs: gnuplot -c plots/bytes.gp DIR/bytes.tsv OUT [SUBTITLE]
in = ARG1; out = ARG2; subtitle = ARG3; height = 600
heading = "Time per generated token against the bytes that it reads"
load system('dirname "'.ARG0.'"')."/style.gp"

# Columns: 1 GB, 2 model, 3 point, line or roof, 4 format, 5 ms, 6 low, 7 high, 8 provenance.
shown = ""; hollow = 0
do for [f in formats] {
    stats in using (strcol(3) eq "point" && strcol(4) eq f) nooutput
    if (STATS_sum > 0) { shown = shown." ".f }
}
stats in using (strcol(3) eq "point" && strcol(8) ne "measured") nooutput
hollow = STATS_sum
stats in using (strcol(3) eq "line") nooutput
fitted = STATS_sum
of(s, f, how) = strcol(3) eq s && strcol(4) eq f && \
    (how eq "" || (how eq "measured" ? strcol(8) eq how : strcol(8) ne "measured")) ? $5 : NaN

@whole_width
set tmargin at screen 0.83; set bmargin at screen 0.26; set rmargin at screen 0.80
set logscale xy
stats in using 1 name "x" nooutput
set xrange [0.7 * x_min : 1.5 * x_max]
set yrange [decade_below(value_min) : 10 * decade_below(value_max)]
set xtics ("0.2" 0.2, "0.5" 0.5, "1" 1, "2" 2, "5" 5, "10" 10, "20" 20, "50" 50, "100" 100)
set xlabel "GB that a token must read" textcolor rgb ink
eval titled("ms per token")
set key at graph 1.02, 1 left top
foot = said(fitted > 0, "Lines: a GB + b by least squares, each size weighing 1 / GB².")."\n".\
    "Dots below: what the read-only roof of the same rounds would allow, of each format.\n".\
    "Points are medians with 95% intervals, one a size".said(hollow > 0, "; hollow: cycled")."."
@noted
plot for [f in shown] in using 1:(of("roof", f, "")) notitle with lines dt 3 lw 1 lc rgb colour(f), \
    for [f in shown] in using 1:(of("line", f, "")) notitle with lines lw 1.5 lc rgb colour(f), \
    for [f in shown] for [h in "measured other"] in using 1:(of("point", f, h)):6:7 notitle \
        with yerrorbars pt -1 lw 1 lc rgb colour(f), \
    for [f in shown] in using 1:(of("point", f, "other")) notitle with points pt 7 lc rgb "white", \
    for [f in shown] for [h in "measured other"] in using 1:(of("point", f, h)) notitle \
        with points pt (h eq "measured" ? 7 : 6) lw outline lc rgb colour(f), \
    for [f in shown] NaN title name(f) with linespoints pt 7 lw 1.5 lc rgb colour(f), \
    NaN title "the roof" with lines dt 3 lw 1 lc rgb ink
