package main

// resultsHead opens the file that a run with BENCH_WRITE=1 leaves.
const resultsHead = `# Results

One run of BENCH_WRITE=1 make bench, as printed. PUB_CPU= READ_CPU= BENCH_SLOTS= choose the CPUs and the
ring's size.

How to read it:

- Absolute figures are this machine's at that minute. On virtual CPUs a line's way between two cores may differ
  by a factor of five from one run to the next, as the host moves them. Watch the ratio lines: they compare
  values of one round of one run.
- Percentiles above p90 of the crossings are the machine's where its CPUs are shared: a spinning side that loses
  its CPU shows in them. The rows "since due" count such a stall for every record that was due meanwhile.
- "over_stamped_raw" compares like with like: the same lines, the same pace, the same two readings of the
  counter, bare C on both sides. "over_ping" divides by half a round trip, which has no reading in it: the
  counter's cost, printed in the head, is then all on our side. Where the counter moves in coarse steps (see
  the head) a ratio of two short times is no finer than they.
- "recv->publish" is from the read of a chunk of the socket to the first commit of a frame: a frame that came
  behind others of its chunk waits for them.
- The plain decoders leave less behind: texts, or inexact floats, and no instrument. "short" against them is
  the distance that a faster decoder has to make up.
- Where a line says "short": the crossings contain our publishing, 11 to 22 ns by the rows above, and a copy of 128
  bytes that is checked, where the raw transfer has one store and one load. Over the stamped raw transfer of one run
  that was 1.06 to 1.11 on an AMD family 26 processor, 1.35 to 1.55 on a family 25 one and 1.08 to 1.34 on an Intel
  family 6 model 207, on the same program. Weighed and left: marking the next slot early (ring/DECISIONS.md, 2). For protobuf see
  bench/RESULTS-FULL.md.

`
