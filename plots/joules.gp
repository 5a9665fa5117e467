# scripts/plots DB DIR, which runs: gnuplot -c plots/joules.gp DIR/joules.tsv OUT [SUBTITLE [NOTE]]
in = ARG1; out = ARG2; subtitle = ARG3; note = ARG4; height = 480
heading = "Energy per token against model size; the paper has none"
load system('dirname "'.ARG0.'"')."/style.gp"

# Source `here` is decode, `prompt` is prefill. Bars are twice the standard uncertainty.
values(s) = s eq "here" ? "decode" : "the prompt"
decade_below(y) = 10 ** floor(log10(y))
set multiplot
@sizes
set tmargin at screen 0.79; set bmargin at screen 0.31
joules = 'for [f in formats] in using 1:(pick(source, f, 5)) notitle \
        with lines lw 2 lc rgb colour(f), \
    for [f in formats] in using 1:(pick(source, f, 5)):6:7 notitle \
        with yerrorbars pt -1 lw 1.5 lc rgb colour(f), \
    for [f in formats] in using 1:(pick(source, f, 5)) notitle with points pt 7 lc rgb "white", \
    for [f in formats] in using 1:(pick(source, f, 5)) notitle \
        with points pt (hollow eq "" ? 7 : 8) lw outline lc rgb colour(f), \
    in using 1:(pick(source, "ternary2", 9) * 0 + pick(source, "ternary2", 6)):\
        (sprintf("%.1f×", $9)) notitle with labels boxed offset 0, -0.8 textcolor rgb colour("ternary2")'
key_joules = 'for [f in in_here] NaN with linespoints pt (hollow eq "" ? 7 : 8) lw 2 \
        lc rgb colour(f) title name(f)'

set logscale y
set yrange [decade_below(value_min) : 10 * decade_below(value_max)]

@left_half
source = "here"
eval titled("Decode: J per token")
set key at graph 0.02, 0.98 left top
plot @joules, @key_joules

@right_half
source = "prompt"
eval titled("Prompt: J per token")
unset label 1; unset label 2
foot = note
@noted
unset key
plot @joules
unset multiplot
