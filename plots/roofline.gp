# scripts/plots DB DIR, which runs: gnuplot -c plots/roofline.gp DIR/roofline.tsv OUT [SUBTITLE]
in = ARG1; out = ARG2; subtitle = ARG3; height = 560
heading = "Roofline: what bandwidth and peaks allow, and what passes reach"
load system('dirname "'.ARG0.'"')."/style.gp"

# Columns: 1 op/B, 2 model, 3 phase or ceiling, 4 format, 5 Gop/s (or GB/s), 6 low, 7 high,
# 8 provenance.
peaks = "f32_gflops i8_gops ternary_gops"
of_peak(p) = p eq "f32_gflops" ? "f16" : p eq "i8_gops" ? "i8" : "ternary2"
shape(phase, how) = phase eq "decode" ? (how eq "measured" ? 7 : 6) : (how eq "measured" ? 9 : 8)
stats in using (strcol(3) eq "read_gbps" ? $5 : NaN) name "read" nooutput
array peak[3]
do for [i = 1:3] {
    stats in using (strcol(3) eq word(peaks, i) ? $5 : NaN) name "p" nooutput
    peak[i] = p_max
}
stats in using (strcol(3) eq "decode" || strcol(3) eq "prefill" ? $1 : NaN) name "x" nooutput
stats in using (strcol(3) eq "decode" || strcol(3) eq "prefill" ? $5 : NaN) name "y" nooutput
shown = ""; hows = ""; phases = ""
do for [f in formats] {
    stats in using (strcol(4) eq f) nooutput
    if (STATS_sum > 0) { shown = shown." ".f }
}
do for [h in "measured cycled fixture"] {
    stats in using ((strcol(3) eq "decode" || strcol(3) eq "prefill") && strcol(8) eq h) nooutput
    if (STATS_sum > 0 && h ne "measured") { hows = hows." ".h }
}
passes(f, phase, how) = strcol(4) eq f && strcol(3) eq phase && \
    (how eq "measured" ? strcol(8) eq how : strcol(8) ne "measured") ? $5 : NaN
do for [p in "decode prefill"] {
    stats in using (strcol(3) eq p) nooutput
    if (STATS_sum > 0) { phases = phases." ".p }
}
top = peak[1] > peak[2] ? peak[1] : peak[2]; top = peak[3] > top ? peak[3] : top

@whole_width
set tmargin at screen 0.83; set bmargin at screen 0.27; set rmargin at screen 0.78
set logscale xy
set xrange [decade_below(x_min) : 10 * decade_below(x_max)]
low = y_min
do for [i = 1:3] { low = peak[i] < low ? peak[i] : low }
set yrange [decade_below(low) : 3 * top]
set xlabel "operations per byte that must be read (a multiply-add is two)" textcolor rgb ink
eval titled("Gop/s")
set key at graph 1.02, 1 left top
foot = "Sloping: the most that was read, ".sprintf("%.1f", read_max)." GB/s; level: the peak of each ".\
    "format's multiply-adds.\nPoints are medians with 95% intervals, one a pass; hollow:".\
    (hows eq "" ? " none here." : hows.".")
@noted
bound(i, x) = read_max * x < peak[i] ? read_max * x : peak[i]
errors = 'for [f in shown] for [p in "decode prefill"] for [h in "measured other"] in \
    using 1:(passes(f, p, h)):6:7 notitle with yerrorbars pt -1 lw 1 lc rgb colour(f)'
points = 'for [f in shown] for [p in "decode prefill"] for [h in "measured other"] in \
    using 1:(passes(f, p, h)) notitle with points pt shape(p, h) lw outline lc rgb colour(f)'
plot for [i = 1:3] bound(i, x) title "roof, ".name(of_peak(word(peaks, i))) \
        with lines lw 2 dt i lc rgb colour(of_peak(word(peaks, i))), \
    @errors, @points, \
    for [f in shown] NaN title name(f) with points pt 7 lc rgb colour(f), \
    for [p in phases] NaN title p with points pt shape(p, "measured") lc rgb ink
