package main

// resultsHead opens the file that a run with BENCH_WRITE=1 leaves.
const resultsHead = `# Results

One run of ` + "`BENCH_WRITE=1 make bench`" + `, as printed. Absolute figures are this machine's; ` + "`ratio`" + ` lines compare
values of the same run and are what to watch. ` + "`PUB_CPU= READ_CPU= BENCH_SLOTS=`" + ` choose the CPUs and the ring's size.

`
