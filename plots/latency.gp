# scripts/plots DB DIR, which runs: gnuplot -c plots/latency.gp DIR/latency.tsv OUT [SUBTITLE]
in = ARG1; out = ARG2; subtitle = ARG3; height = 840
heading = "Time per generated token against model size"
load system('dirname "'.ARG0.'"')."/style.gp"

set multiplot
@sizes
@decades
@upper
c = 5

@left_half
eval titled("Paper, GPU: ms per token")
set key at graph 0.02, 0.98 left top
plot @paper, @key_paper

@right_half
eval titled("Here, CPU: ms per token")
unset label 1; unset label 2
set key at graph 0.98, 0.02 right bottom
plot @here, @key_here

@lower
@whole_width
@all_sizes
@from_zero
c = 9
eval titled(against_f16)
foot = foot_hollow.foot_alone.foot_bars
@noted
set ylabel "times faster than FP16" textcolor rgb ink
@place_ratio
plot @printed, @printed_beside, @paper, @here, @key_ratio
unset multiplot
