# scripts/plots DB DIR, which runs: gnuplot -c plots/throughput.gp DIR/prefill.tsv OUT [SUBTITLE]
in = ARG1; out = ARG2; subtitle = ARG3; height = 480
heading = "Prompt tokens per second (prefill) against model size; the paper has none"
load system('dirname "'.ARG0.'"')."/style.gp"

# No ratio of 3.9B: it is for comparing with the paper's.
pick(s, f, c) = strcol(3) eq s && strcol(4) eq f && (c == 5 || strcol(2) ne "3.9B") ? \
    column(c) : NaN

set multiplot
@sizes
set tmargin at screen 0.79; set bmargin at screen 0.31

@left_half
@decades
c = 5
eval titled("Here, CPU: tokens per second")
set key at graph 0.98, 0.98 right top
plot @here, @key_here

@right_half
@from_zero
c = 9
eval titled(against_f16)
foot = foot_hollow.foot_bars
@noted
unset label 1; unset label 2
set ylabel "times faster than FP16" textcolor rgb ink
unset key
plot @printed, @here
unset multiplot
