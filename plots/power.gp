# scripts/plots DB DIR, which runs: gnuplot -c plots/power.gp DIR/power.tsv OUT [SUBTITLE [NOTE]]
in = ARG1; out = ARG2; subtitle = ARG3; foot = ARG4; height = 480
heading = "Power over the time of the run"
load system('dirname "'.ARG0.'"')."/style.gp"

# Columns: 1 from (s), 2 channel, 3 source (window, trace), 4 what a window was spent on, 5 W, 6 low,
# 7 high, 8 provenance, 9 to (s), 13 state.
kinds_of = formats." roof idle"
spent(k) = strcol(3) eq "window" && strcol(4) eq k ? $1 : NaN
doubtful(k) = strcol(13) eq "contended" ? spent(k) : NaN
shown = ""; channels = ""; traces = 0; contended = 0
do for [k in kinds_of] {
    stats in using (strcol(3) eq "window" && strcol(4) eq k) nooutput
    if (STATS_sum > 0) { shown = shown." ".k }
}
stats in using (strcol(3) eq "trace") nooutput
if (STATS_sum > 0) { traces = 1 }
stats in using (strcol(13) eq "contended") nooutput
if (STATS_sum > 0) { contended = 1 }

@whole_width
set tmargin at screen 0.79; set bmargin at screen 0.29
set xlabel "seconds since the first window" textcolor rgb ink
set yrange [0 : 1.15 * value_max]
eval titled("W")
set key at graph 1, 1.13 right top horizontal
@noted
plot in using (strcol(3) eq "trace" ? $1 : NaN):5 \
        title (traces ? "channels" : "") with points pt 7 ps 0.3 lc rgb 0xBBBBBB, \
    for [k in shown] in using (spent(k)):5:($9 - $1):(0) title name(k) \
        with vectors nohead lw 5 lc rgb colour(k), \
    for [k in shown] in using (($1 + $9) / 2 + 0 * doubtful(k)):5 notitle \
        with points pt 2 lw 1.5 lc rgb ink, \
    NaN with points pt 2 lw 1.5 lc rgb ink title (contended ? "contended" : "")
