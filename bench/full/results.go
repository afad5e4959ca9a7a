package main

// resultsHead opens the file that a run with BENCH_WRITE=1 leaves.
const resultsHead = `# Results beside peers

One run of BENCH_WRITE=1 make bench-full, as printed. PUB_CPU= READ_CPU= HELP_CPU= choose the CPUs.
docs/dedicated-host.md says how to set a host up for it and how to read each line.

Where a line says "short": where the time goes, and what was tried.

- decode_book_ticker_vs_sonic, goal 10. Sonic leaves texts; ours are exact decimals of a known instrument. A Gate.io
  book ticker is 1,138 instructions at more than three a cycle, so that only fewer of them help: four decimals 265, two
  times 122, the update id 85, symbol 50, the item's memory 60, the verdict 55, literals and the steps between
  holes the rest. Tried: words instead of bytes (the first templates), vectors for rows of decimals (a quarter of
  the time, exchanges/DECISIONS.md 7), other machine levels of the compiler (4 % fewer instructions). Not done: whole
  templates in assembly, and leaving "time" unchecked, which would let damaged frames pass.
- decode_mexc_book_ticker_vs_vtprotobuf, goal 4. The peer's unsafe form points into the message and leaves four numbers
  as text. With those parsed, to inexact floats, ours is 3.5 to 3.9 times as fast (make bench). Of our 1,063
  instructions 350 are the decimals, 331 keys, lengths and literals, 90 the symbol, which stands there twice, 77 the
  version, 60 the item. Tried: words, then vectors (15 % fewer instructions, 4 to 8 % less time).
- oneway_unix, redis, nats over tickring, goals 15, 400 and 400. The peers' time is the kernel's wake-up and copy, ours a
  line's way between two CPUs and two readings of the counter, which the head prints and which are a third of our
  time on this machine.
- oneway_tickring_c over the best ring peer, p99. The peer is a program of one thread; ours has the threads of Go's
  runtime beside it, which with two CPUs run on those of the two sides. That they are the cause is likely and not
  proved. p50 is not touched, and over ten minutes of a whole publisher at 50,000 messages a second (make bench-quiet)
  99 % of the hot thread's gaps were below half a microsecond, against 5 us of the same loop in C on that machine.
- socket_tls_1k over a C copy, goal 1.3. At that pace nothing is in the caches: the rows show a longer way from the
  venue's send to the end of decryption, and 2 to 4 us from there to the record, which are 0.2 us once the code is warm.
  At 10,000 a second it is within the goal. A record layer of our own was weighed and left
  (feed/internal/wire/DECISIONS.md).

`
