package main

// resultsHead opens the file that a run with BENCH_WRITE=1 leaves.
const resultsHead = `# Results beside peers

One run of BENCH_WRITE=1 make bench-full, as printed. PUB_CPU= READ_CPU= HELP_CPU= choose the CPUs.
docs/dedicated-host.md says how to set a host up for it and how to read each line.

Where a line says "short": where the time goes, and what was tried.

- decode_mexc_book_ticker_vs_vtprotobuf, goal 4. The peer's unsafe form points into the message and leaves four numbers
  as text. With those parsed, to inexact floats, ours is 6 to 7 times as fast (make bench). Of our 634 instructions 206
  are the decimals and 115 the Go around the walk. Tried: words, then vectors for the decimals, then the whole message in
  one call of assembly (exchanges/DECISIONS.md 7 and 8): 1,244, 1,063 and 634 instructions.
- oneway_unix, tcp, zeromq, redis, nats over tickring, goals 15, 30, 100, 400 and 400. The peers' time is the kernel's
  wake-up and copy, ours a line's way between two CPUs and two readings of the counter, which the head prints. Divide the
  peers' rows by those of the raw transfer, two lines in bare C: on a virtual machine whose lines take 0.3 us nothing
  through shared memory reaches most of these ratios. On one where they took 0.11 us, unix (at 1,000/s), tcp and zeromq did.
- oneway_tickring_c over the best ring peer, p99. Go's scheduler took a spinning writer off its CPU every 10 ms: 10 times
  the peer's p99. A writer holds its CPU now while it spins (ring.Grip, ring/DECISIONS.md 9): seven rounds at 1,000/s gave
  3.3 us against Boost's 3.1, and 36 without it. What is left are the other threads of Go's runtime, which with two CPUs run
  on those of the two sides; the peer is a program of one thread. One run of the bench says little of it: at 1,000/s a
  round's p99 is the fifth longest of 500, and runs on one machine gave 0.5 and 9.7, at 100,000/s 0.4 and 1.5.
- socket_tls_1k over a C copy, goal 1.3. At that pace nothing is in the caches. An idle spin keeps the decoder warm
  (feed/DECISIONS.md); crypto/tls it cannot. At 10,000 a second the way is within the goal. A record layer of our own was
  weighed and left (feed/internal/wire/DECISIONS.md).

`
