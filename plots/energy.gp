# scripts/plots DB DIR, which runs: gnuplot -c plots/energy.gp DIR/energy.tsv OUT [SUBTITLE [NOTE]]
in = ARG1; out = ARG2; subtitle = ARG3; foot = ARG4; height = 840
heading = "Energy of one pass of 512 tokens: the paper's arithmetic, and other ways to count"
load system('dirname "'.ARG0.'"')."/style.gp"

# Column 1 is the number of the group. One word a source in each list.
sources = "paper model causal real-shape lm-head dram measured"
meaning = "paper 'model, same count' 'causal attention' 'real LLaMA shapes' 'with the LM head' \
'with DRAM' here"
tones = "0x333333 0x0072B2 0x56B4E9 0x009E73 0xE69F00 0xD55E00 0xCC79A7"
shapes = "5 12 6 8 4 10 2"
pair = "f16 ternary2"
place(f) = column(1) + (f eq "f16" ? -0.19 : 0.19)
there = ""
do for [i = 1:words(sources)] {
    stats in using (strcol(3) eq word(sources, i)) nooutput
    if (STATS_sum > 0) { there = there." ".i }
}
stats in using 1 name "group" nooutput

set multiplot
set lmargin at screen 0.085; set rmargin at screen 0.75
set xrange [-0.5 : group_max + 0.5]
set tics scale 0
set style fill solid 0.25 border
set boxwidth 0.36
set key at graph 1.02, 1 left top

@upper
@decades
eval titled("Joules, and how many times less in the paper")
plot for [f in pair] in using (place(f)):(pick("model", f, 5)) title "model, ".name(f) \
        with boxes lc rgb colour(f), \
    for [f in pair] in using (place(f)):(pick("paper", f, 5)) title "paper, ".name(f) \
        with points pt 5 lc rgb colour(f), \
    for [f in pair] in using (place(f)):(pick("measured", f, 5)):6:7 title "here, ".name(f) \
        with yerrorbars pt 2 lw outline lc rgb colour(f), \
    for [f in pair] in using (place(f)):(pick("paper", f, 5)):(sprintf("%.3g", $5)) notitle \
        with labels offset (f eq "f16" ? 0 : 0.6), 0.9 textcolor rgb colour(f), \
    in using 1:(pick("model", "f16", 5)):xticlabels(2) notitle with points pt -1, \
    in using (place("ternary2")):(pick("paper", "ternary2", 9) * $5):(sprintf("%.1f×", $9)) \
        notitle with labels textcolor rgb ink

@lower
@from_zero
unset label 1; unset label 2
eval titled("Ratio to FP16: what the count includes")
@noted
set xlabel "parameters" textcolor rgb ink
set ylabel "times less than FP16" textcolor rgb ink
plot for [i in there] in \
        using 1:(pick(word(sources, int(i)), "ternary2", 9)):xticlabels(2) with linespoints \
        pt int(word(shapes, int(i))) lw 1.5 lc rgb int(word(tones, int(i))) \
        title word(meaning, int(i)), \
    1 with lines dt 2 lw 1.5 lc rgb ink title "FP16 = 1"
unset multiplot
