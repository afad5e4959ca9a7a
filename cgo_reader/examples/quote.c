/* Print every best bid and ask of one instrument: quote FEED BTC/USDT */
#include <stdio.h>
#include <tickring.h>

int main(int argc, char **argv)
{
	tickring_reader *reader;
	tickring_record rec;
	uint64_t lost = 0;
	uint32_t id = 0;
	int answer = TICKRING_EMPTY;
	int err = argc == 3 ? tickring_attach(NULL, argv[1], NULL, &reader) : TICKRING_E_ARGUMENT;
	if (err == 0)
		err = tickring_find(reader, argv[2], &id);
	if (err != 0) {
		fprintf(stderr, "quote: %s\n", tickring_strerror(err));
		return 1;
	}
	while (answer < TICKRING_CLOSED) { /* RECORD, EMPTY, OVERRUN and STALE may pass */
		answer = tickring_next(reader, &rec, &lost);
		if (answer == TICKRING_OVERRUN)
			fprintf(stderr, "quote: lost %llu records\n", (unsigned long long)lost);
		else if (answer != TICKRING_RECORD)
			tickring_wait(reader, 1000000000);
		else if (rec.kind == TICKRING_KIND_BOOK_TICKER && rec.instrument == id)
			printf("%.10g %.10g\n", tickring_price_double(&rec, rec.body.book_ticker.bid_price),
			       tickring_price_double(&rec, rec.body.book_ticker.ask_price));
	}
	tickring_detach(reader);
	return 0;
}
