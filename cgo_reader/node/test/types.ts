// Compiled with tsc --strict and never run: what a strategy in TypeScript writes.
import {
  ABSENT, Answer, AttachError, Batch, BookTicker, Flags, Interruption, Kind, Moved, NO_INSTRUMENT, Overrun, Poller,
  Stale, StateBit, attach, attachPath, attachWait, decimalText,
} from "tickring";
import type { AnyRecord, Book, Instrument, Joined, Level, Reader, SegmentInfo, Stats } from "tickring";

function onEvent(event: Interruption): void {
  if (event instanceof Overrun) takeBig(event.lost);
  else if (event instanceof Moved) takeBig(event.generation);
  else if (event instanceof Stale) takeText(event.code);
}

declare function takeBig(value: bigint): void;
declare function takeText(value: string | null): void;
declare function takeNumber(value: number): void;

function each(record: AnyRecord): void {
  switch (record.kind) {
    case Kind.BOOK_TICKER:
      takeText(record.bidPrice);
      takeBig(record.askQuantityMantissa);
      break;
    case Kind.TRADE:
      takeText(record.tradeID);
      takeNumber(record.priceNumber);
      break;
    case Kind.DEPTH:
      record.bids.forEach((level: Level) => takeText(level.price));
      break;
    case Kind.TICKER:
      takeText(record.baseVolume);
      break;
    case Kind.STATUS:
      takeText(record.reasonName);
      break;
    case Kind.PERPETUAL:
      takeText(record.fundingRate);
      break;
    default: {
      const none: never = record;
      return none;
    }
  }
  if ((record.flags & Flags.LAST) !== 0 && record.instrument !== NO_INSTRUMENT) takeBig(record.recvTimeNS ?? ABSENT);
}

export async function strategy(signal: { aborted: boolean }): Promise<void> {
  const reader: Reader = await attachWait("gateio", { timeout: 1000, follow: true, register: "types" });
  reader.filter({ kinds: [Kind.BOOK_TICKER, Kind.TRADE], instruments: ["BTC/USDT", 3] });
  const joined: Joined = reader.join();
  joined.records.forEach(each);
  for await (const record of reader.stream({ onEvent, signal })) each(record);
  for await (const record of reader) each(record.copy());
  const info: SegmentInfo = reader.info;
  const stats: Stats = reader.stats;
  takeBig(info.generation + stats.lost + reader.lag);
  if (reader.freshWithin("BTC/USDT", 500) && (reader.quoteAge("BTC/USDT") ?? Infinity) < 100) {
    const book: Book | null = reader.book("BTC/USDT");
    takeText(book?.bids[0]?.price ?? null);
  }
  const rows: Instrument[] = reader.instruments();
  takeNumber(rows.length + (reader.state(0).bits & StateBit.STALE));
  const best = reader.board("BTC/USDT", Kind.BOOK_TICKER);
  if (best instanceof BookTicker) takeText(best.askPrice);
}

export async function several(paths: string[]): Promise<void> {
  const poller = new Poller(paths.map((path) => attachPath(path)));
  for await (const [feed, record] of poller.stream({ timeout: 10, onEvent: (event, of) => takeNumber(event.answer + of) })) {
    takeNumber(feed);
    each(record);
  }
  poller.close();
}

export function batches(): bigint {
  let sum = 0n;
  try {
    const reader = attach("gateio", { directory: "/dev/shm/tickring" });
    const batch = new Batch(4096);
    while (reader.read(batch) !== Answer.CLOSED) {
      for (let i = 0; i < batch.length; i++) {
        if (batch.kind(i) === Kind.TRADE) sum += batch.word(i, 4);
      }
    }
  } catch (error) {
    if (error instanceof AttachError && error.code === "NO_FEED") takeText(error.place);
    // @ts-expect-error no such code
    if (error instanceof AttachError && error.code === "NOTHING") takeText(error.place);
  }
  takeText(decimalText(sum, -2));
  // @ts-expect-error records are views: nobody writes into them
  (attach("gateio").next() as BookTicker).bidPriceMantissa = 1n;
  return sum;
}
