# What the figures share: how they look, and the pieces of a plot. A figure sets in (a .tsv made by
# scripts/plots), out, subtitle, heading and height, then loads this.
#
# Colour is the format, and the marker says where a value comes from: squares are the paper's,
# filled circles were measured here, hollow markers were not. The colours are Okabe and Ito's, which
# colour-blind readers tell apart.
#
# Columns of most: 1 parameters, 2 size, 3 source, 4 format, 5 value, 6 low, 7 high, 8 provenance,
# 9 ratio to FP16, 10 low, 11 high, 12 provenance, 13 where there is room to print the ratio: above,
# below or beside. NaN: there is none.

set encoding utf8
set datafile separator tab
set datafile missing NaN
if (out[strlen(out) - 3:] eq ".svg") {
    set terminal svg size 900,height font "DejaVu Sans,14" background "white"
    set pointsize 0.7; outline = 2.5
} else { if (out[strlen(out) - 3:] eq ".pdf") {
    set terminal pdfcairo size 7.5in,(height / 120.0)in font "DejaVu Sans,8.4" linewidth 0.7
    set pointsize 0.45; outline = 1.2
} else {
    set terminal pngcairo size 900,height font "DejaVu Sans,11"
    set pointsize 1.1; outline = 1.5
} }
set output out

formats = "f16 i8 ternary2 ternary5 lut"
kinds = "measured cycled derived other"
ink = 0x333333
colour(f) = f eq "f16" ? 0xD55E00 : f eq "i8" ? 0x009E73 : f eq "ternary5" ? 0xCC79A7 : \
    f eq "lut" ? 0xE69F00 : f eq "roof" ? 0x999999 : f eq "idle" ? ink : 0x0072B2
name(f) = f eq "f16" ? "FP16" : f eq "i8" ? "int8" : f eq "ternary2" ? "ternary" : f
kind(p) = p eq "counted" ? "measured" : strstrt(kinds, p) ? p : "other"
mark(k) = k eq "measured" ? 7 : k eq "cycled" ? 6 : k eq "derived" ? 12 : 8

set border 3 lc rgb 0x888888
set tics nomirror scale 0.5 textcolor rgb ink
set grid ytics back lc rgb 0xDDDDDD lt 1
set errorbars 0.6
set dashtype 2 (9, 5)
set key Left reverse samplen 2 textcolor rgb ink
set style textbox opaque noborder margins 0.3, 0.1
set label 1 "{/:Bold*1.15 ".heading."}" at screen 0.02, 1 - 22.0 / height textcolor rgb ink
set label 2 subtitle noenhanced at screen 0.02, 1 - 46.0 / height textcolor rgb ink
set label 3 at graph 0, 1 offset 0, 1.1 textcolor rgb ink
titled(text) = sprintf("set label 3 '{/:Bold %s}'", text)
against_f16 = "Ratio to FP16} (the line at 1){"
noted = 'set label 4 foot noenhanced at screen 0.02, 64.0 / height textcolor rgb ink'

# What there is.

stats in using 5 name "value" nooutput
stats in using (column(11) > $9 ? $11 : $9 > 1 ? $9 : 1) name "ratio" nooutput
# An interval of few samples may be so wide that the ratios would lie on the axis: it is cut off.
stats in using ($9 > 1 ? $9 : 1) name "middle" nooutput
if (!exists("ratio_max")) { ratio_max = 1; middle_max = 1 } # a figure without ratios
ratio_top = ratio_max > 2.5 * middle_max ? 2.5 * middle_max : ratio_max
in_paper = ""; in_here = ""; hollow = ""
do for [f in formats] {
    stats in using (strcol(3) eq "paper" && strcol(4) eq f) nooutput
    if (STATS_sum > 0) { in_paper = in_paper." ".f }
    stats in using (strcol(3) eq "here" && strcol(4) eq f) nooutput
    if (STATS_sum > 0) { in_here = in_here." ".f }
}
do for [k in kinds] {
    stats in using (strcol(3) eq "here" && (kind(strcol(8)) eq k || kind(strcol(12)) eq k)) nooutput
    if (STATS_sum > 0 && k ne "measured") { hollow = hollow." ".k }
}
compared(list) = strstrt(list, "f16") ? list[strstrt(list, "f16") + 3:] : list

# Panels: where each is, and its axes.

left_half = 'set lmargin at screen 0.085; set rmargin at screen 0.49'
right_half = 'set lmargin at screen 0.57; set rmargin at screen 0.975'
whole_width = 'set lmargin at screen 0.085; set rmargin at screen 0.975'
upper = 'set tmargin at screen 0.875; set bmargin at screen 0.585'
lower = 'set tmargin at screen 0.46; set bmargin at screen 0.175'
sizes = 'set logscale x; set xrange [0.55e9:90e9]; set xlabel "parameters" textcolor rgb ink; \
    set xtics ("700M" 0.7e9, "1.3B" 1.3e9, "3B" 3e9, "" 3.9e9, "7B" 7e9, "13B" 13e9, "30B" 30e9, \
        "" 65e9, "70B" 70e9)'
all_sizes = 'set xtics add ("3.9B" 3.9e9)'
decade_below(y) = 10 ** floor(log10(y))
decades = 'set logscale y; set yrange [decade_below(value_min) : 10 * decade_below(value_max)]'
from_zero = 'unset logscale y; set yrange [0 : 1.15 * ratio_top]'

# Points against size: c is the column, 5 or 9. The ratio of 3.9B is to FP16 3B, so no line goes
# through it. White goes below the markers, or the hollow ones would not be.

pick(s, f, c) = strcol(3) eq s && strcol(4) eq f ? column(c) : NaN
pick_kind(k, f, c) = kind(strcol(c == 5 ? 8 : 12)) eq k ? pick("here", f, c) : NaN
on_line(s, f, c) = c == 9 && strcol(2) eq "3.9B" ? NaN : pick(s, f, c)
paper = 'for [f in formats] in using 1:(on_line("paper", f, c)) notitle \
        with lines dt 2 lw 1.5 lc rgb colour(f), \
    for [f in formats] in using 1:(pick("paper", f, c)) notitle \
        with points pt 5 lc rgb colour(f)'
here = 'for [f in formats] in using 1:(on_line("here", f, c)) notitle \
        with lines lw 2 lc rgb colour(f), \
    for [f in formats] in using 1:(pick("here", f, c)):(column(c + 1)):(column(c + 2)) notitle \
        with yerrorbars pt -1 lw 1.5 lc rgb colour(f), \
    for [f in formats] in using 1:(pick("here", f, c)) notitle \
        with points pt 7 lc rgb "white", \
    for [f in formats] for [k in kinds] in using 1:(pick_kind(k, f, c)) notitle \
        with points pt mark(k) lw outline lc rgb colour(f)'

# The line of FP16, and the ternary ratios in print, clear of their intervals.

limit(side) = side eq "above" ? 11 : side eq "below" ? 10 : 9
clear(side) = column(limit(side)) > 0 && column(limit(side)) <= ratio_top ? limit(side) : 9
at(s, side) = strcol(13) eq side ? pick(s, "ternary2", clear(side)) : NaN
tint(s) = s eq "paper" ? ink : colour("ternary2")
number = '(sprintf("%.2f", $9)) notitle with labels boxed textcolor rgb tint(s)'
printed = '1 notitle with lines lw 1.5 lc rgb colour("f16"), \
    for [s in "paper here"] in using 1:(at(s, "above")):@number offset 0, 0.9, \
    for [s in "paper here"] in using 1:(at(s, "below")):@number offset 0, -0.9'
printed_beside = 'for [s in "paper here"] in using 1:(at(s, "beside")):@number left offset 0.9, 0'

# Legends, and the notes at the foot.

line_paper = 'NaN with linespoints pt 5 dt 2 lw 1.5 lc rgb colour(f)'
line_here = 'NaN with linespoints pt 7 lw 2 lc rgb colour(f)'
key_paper = 'for [f in in_paper] @line_paper title name(f)'
key_here = 'for [f in in_here] @line_here title name(f), \
    for [k in hollow] NaN with points pt mark(k) lw outline lc rgb ink title k'
key_ratio = 'for [f in compared(in_paper)] @line_paper title "paper, ".name(f), \
    for [f in compared(in_here)] @line_here title "here, ".name(f)'
place_ratio = 'set key at graph 1, (words(in_here) > 3 ? 1.2 : 1.13) right top horizontal maxcols 3'

said(condition, text) = condition ? text : ""
stats in using (strcol(2) eq "3.9B" ? 1 : 0) name "alone" nooutput
stats in using (column(7) > 0) name "intervals" nooutput
foot_hollow = said(strstrt(hollow, "cycled"), \
        "Cycled: timed on a part of the layers, gone through again and again. ").\
    said(strstrt(hollow, "derived"), "Derived: computed from the shape. ").\
    said(strstrt(hollow, "other"), "Other: the table says how.").said(strlen(hollow), "\n")
foot_alone = said(alone_sum > 0, \
    "3.9B is compared with FP16 3B, as in the paper, which has no FP16 3.9B.\n")
foot_bars = said(intervals_sum > 0, \
    "Bars are 95% intervals; those of a ratio come from pairs of samples of the same round.").\
    said(ratio_max > ratio_top, "\nOne that ends at the frame goes on.")
