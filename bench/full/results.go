package main

// resultsHead opens the file that a run with BENCH_WRITE=1 leaves.
const resultsHead = `# Results beside peers

One run of BENCH_WRITE=1 make bench-full, as printed. PUB_CPU= READ_CPU= HELP_CPU= choose the CPUs.
docs/dedicated-host.md says how to set a host up for it and how to read each line.

`
