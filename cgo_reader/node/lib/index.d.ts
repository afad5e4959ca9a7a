/**
 * Readers of tickring segments: market data of crypto venues in shared memory.
 *
 * Numbers. Fields of 64 bits are bigint, narrower ones number. A decimal has three names:
 * `price` is the venue's number as exact text, null when the venue did not say it;
 * `priceMantissa` the integer (ABSENT), times 10 to `priceExponent`; `priceNumber` the nearest
 * double (NaN). Times end in NS: nanoseconds of the Unix epoch, null when absent. Durations
 * that you give are milliseconds.
 *
 * Threads. A reader belongs to the thread (the main one or a worker) that made it. Only what
 * says that it blocks does.
 */
import type { Aggressor, Answer, Counter, IDFormat, Kind, Scope, Source, State, ConnectionState, StatusCode } from "./layout";

export {
  ABSENT, Aggressor, Answer, BookFlag, Channel, ConnectionState, Counter, FORMAT_HASH, Flags, IDFormat, Kind,
  NO_INSTRUMENT, Reason, Scope, Source, State, StateBit, StatusCode,
} from "./layout";

/** Mantissa x 10^exponent as canonical text: no exponent, no trailing zeros; null when absent. */
export declare function decimalText(mantissa: bigint, exponent: number): string | null;
/** The nearest double; NaN when absent. Doubles do not hold every decimal: compare mantissas. */
export declare function decimalNumber(mantissa: bigint, exponent: number): number;

// Records.

/**
 * What every record says. A view of memory that up to 256 records share and nobody writes
 * again, or of a Batch's. To keep single ones for long, copy() them.
 */
export declare class Record {
  protected constructor();
  /** The ring's number of the record, from 1 in each generation. */
  readonly sequence: bigint;
  readonly kind: Kind;
  /** A set of Flags. */
  readonly flags: number;
  /** Row of the instrument table; NO_INSTRUMENT when it speaks of no single one. */
  readonly instrument: number;
  readonly priceExponent: number;
  readonly quantityExponent: number;
  readonly recvTimeNS: bigint | null;
  readonly eventTimeNS: bigint | null;
  readonly publishTimeNS: bigint | null;
  readonly venueSequence: bigint;
  /** The 128 bytes, as they lie; the same memory. */
  readonly bytes: Uint8Array;
  /** With memory of its own: 128 bytes. */
  copy(): this;
  /** Fields by name; 64-bit integers as text, decimals exact. */
  toJSON(): { [field: string]: unknown };
}

/** What records of venues say of their origin. */
interface Sourced {
  /** Counts the instrument's synchronisations. */
  readonly bookEpoch: number;
  /** Row of the connection table; null: it came from none. */
  readonly connection: number | null;
}

/** Best bid and ask. A side that is empty has absent price and quantity. */
export declare class BookTicker extends Record implements Sourced {
  readonly kind: typeof Kind.BOOK_TICKER;
  readonly bookEpoch: number;
  readonly connection: number | null;
  readonly bidPrice: string | null;
  readonly bidPriceMantissa: bigint;
  readonly bidPriceNumber: number;
  readonly bidQuantity: string | null;
  readonly bidQuantityMantissa: bigint;
  readonly bidQuantityNumber: number;
  readonly askPrice: string | null;
  readonly askPriceMantissa: bigint;
  readonly askPriceNumber: number;
  readonly askQuantity: string | null;
  readonly askQuantityMantissa: bigint;
  readonly askQuantityNumber: number;
  readonly sendTimeNS: bigint | null;
}

/** One execution. */
export declare class Trade extends Record implements Sourced {
  readonly kind: typeof Kind.TRADE;
  readonly bookEpoch: number;
  readonly connection: number | null;
  readonly price: string | null;
  readonly priceMantissa: bigint;
  readonly priceNumber: number;
  readonly quantity: string | null;
  readonly quantityMantissa: bigint;
  readonly quantityNumber: number;
  /** Side of the taker. */
  readonly aggressor: Aggressor;
  /** The venue's id as the venue spells it; null: it gives none. */
  readonly tradeID: string | null;
  readonly tradeIDValue: bigint;
  readonly secondID: bigint;
  readonly idFormat: IDFormat;
  readonly idSuffix1: number;
  readonly idSuffix2: number;
  /** Position in the message, from 0, of `count`. */
  readonly index: number;
  readonly count: number;
  readonly textLength: number;
  readonly sendTimeNS: bigint | null;
}

/** One price level of a depth event or a book. Quantity 0 deletes it, in an event. */
export declare class Level {
  private constructor();
  readonly price: string | null;
  readonly priceMantissa: bigint;
  readonly priceExponent: number;
  readonly priceNumber: number;
  readonly quantity: string | null;
  readonly quantityMantissa: bigint;
  readonly quantityExponent: number;
  readonly quantityNumber: number;
}

/** Up to four levels of an event that spans the records from FIRST to LAST. */
export declare class Depth extends Record implements Sourced {
  readonly kind: typeof Kind.DEPTH;
  readonly bookEpoch: number;
  readonly connection: number | null;
  /** In the venue's order. */
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
  readonly bidCount: number;
  readonly askCount: number;
  readonly firstSequence: bigint;
}

/** The venue's rolling statistics. */
export declare class Ticker extends Record implements Sourced {
  readonly kind: typeof Kind.TICKER;
  readonly bookEpoch: number;
  readonly connection: number | null;
  readonly last: string | null;
  readonly lastMantissa: bigint;
  readonly lastNumber: number;
  readonly bid: string | null;
  readonly bidMantissa: bigint;
  readonly bidNumber: number;
  readonly ask: string | null;
  readonly askMantissa: bigint;
  readonly askNumber: number;
  readonly open: string | null;
  readonly openMantissa: bigint;
  readonly openNumber: number;
  readonly high: string | null;
  readonly highMantissa: bigint;
  readonly highNumber: number;
  readonly low: string | null;
  readonly lowMantissa: bigint;
  readonly lowNumber: number;
  readonly baseVolume: string | null;
  readonly baseVolumeMantissa: bigint;
  readonly baseVolumeNumber: number;
  readonly baseVolumeExponent: number;
  readonly quoteVolume: string | null;
  readonly quoteVolumeMantissa: bigint;
  readonly quoteVolumeNumber: number;
  readonly quoteVolumeExponent: number;
  readonly windowEndNS: bigint | null;
}

/** The truth about the data, in the data. */
export declare class Status extends Record implements Sourced {
  readonly kind: typeof Kind.STATUS;
  readonly bookEpoch: number;
  readonly connection: number | null;
  readonly code: StatusCode;
  readonly scope: Scope;
  readonly reason: number;
  /** Why, in the format's words: a Reason, HTTP_429, CLOSE_1006. */
  readonly reasonName: string;
  /** The venue's or the publisher's words. */
  readonly text: string;
  readonly textLength: number;
  /** Venue sequences that are missing; 0 unknown. */
  readonly firstMissing: bigint;
  readonly lastMissing: bigint;
  readonly sinceNS: bigint | null;
}

/** Mark, index, funding, open interest. */
export declare class Perpetual extends Record implements Sourced {
  readonly kind: typeof Kind.PERPETUAL;
  readonly bookEpoch: number;
  readonly connection: number | null;
  readonly markPrice: string | null;
  readonly markPriceMantissa: bigint;
  readonly markPriceNumber: number;
  readonly indexPrice: string | null;
  readonly indexPriceMantissa: bigint;
  readonly indexPriceNumber: number;
  readonly fundingRate: string | null;
  readonly fundingRateMantissa: bigint;
  readonly fundingRateNumber: number;
  readonly fundingExponent: number;
  readonly fundingTimeNS: bigint | null;
  readonly openInterest: string | null;
  readonly openInterestMantissa: bigint;
  readonly openInterestNumber: number;
  readonly openInterestExponent: number;
  readonly sendTimeNS: bigint | null;
}

/** A record by its kind: `if (record.kind === Kind.TRADE) record.price`. */
export type AnyRecord = BookTicker | Trade | Depth | Ticker | Status | Perpetual;

/** Room for records that is used again. What looks into it changes with the next read. */
export declare class Batch implements Iterable<AnyRecord> {
  /** The most that one can hold. */
  static readonly MAX: number;
  /** capacity: records, 1 to MAX; 1024 when not given. */
  constructor(capacity?: number);
  readonly capacity: number;
  /** Records of the last read. */
  readonly length: number;
  readonly bytes: Uint8Array;
  /** Sixteen a record. */
  readonly words: BigInt64Array;
  readonly view: DataView;
  /** Kind of record i, without an object for it. */
  kind(i: number): Kind;
  /** Word w (bytes 8w to 8w + 7) of record i, without an object for it. */
  word(i: number, w: number): bigint;
  record(i: number): AnyRecord;
  [Symbol.iterator](): IterableIterator<AnyRecord>;
}

// Errors and interruptions.

export declare class TickringError extends Error {
  readonly code: string;
}

export type AttachCode =
  | "ARGUMENT" | "NAME" | "NO_FEED" | "PERMISSION" | "NOT_REGULAR" | "OWNER" | "TOO_SHORT" | "NOT_READY" | "MAGIC"
  | "BYTE_ORDER" | "VERSION" | "HEADER" | "TRUNCATED" | "SIZE" | "FORMAT_HASH" | "STATE" | "DIRECTORY" | "OTHER_BOOT"
  | "OTHER_FEED" | "MEMORY" | "SYSTEM" | "SAME_GENERATION" | "NO_INSTRUMENT" | "NO_READERS" | "READERS"
  | "READERS_FULL" | "READERS_BUSY";

/** A segment cannot be attached, or a reader not registered: what is wrong and what to do. */
export declare class AttachError extends TickringError {
  readonly code: AttachCode;
  /** The feed or path. */
  readonly place: string;
}

/** The segment has no such instrument. */
export declare class NoInstrumentError extends TickringError {}

/** Something other than a record came up. The reader may be read on afterwards. */
export declare class Interruption extends TickringError {
  readonly answer: Answer;
}
/** The writer lapped this reader: state kept from records must be refreshed. */
export declare class Overrun extends Interruption {
  readonly lost: bigint;
}
/** The publisher has stood still for a second; it may come back. */
export declare class Stale extends Interruption {}
/** The reader follows its feed into another generation: ids are to be found again. */
export declare class Moved extends Interruption {
  readonly generation: bigint;
}
/** A poller's feed was closed or superseded; told to onEvent, never thrown. */
export declare class Ended extends Interruption {}
/** The segment holds bytes that no writer leaves, or its file was cut short; final. */
export declare class Damaged extends Interruption {}
/** The board had no whole copy in 1,000 tries; its writer may have died there. */
export declare class Busy extends Interruption {}

// Tables.

/** One row of the instrument table; ids hold within one generation. */
export interface Instrument {
  readonly id: number;
  readonly symbol: string;
  readonly venueSymbol: string;
  readonly base: string;
  readonly quote: string;
  /** A set of Channel. */
  readonly channels: number;
  readonly tick: string | null;
  readonly lot: string | null;
  readonly multiplier: string | null;
  readonly priceExponent: number;
  readonly quantityExponent: number;
  readonly addedTimeNS: bigint | null;
}

/** Whether an instrument's data are to be trusted; times are 0n before the first data. */
export interface InstrumentState {
  /** A set of StateBit. */
  readonly bits: number;
  readonly bookEpoch: number;
  readonly lastSeenNS: bigint;
  readonly bookTickerLastSeenNS: bigint;
  readonly tradeLastSeenNS: bigint;
  readonly depthLastSeenNS: bigint;
  readonly tickerLastSeenNS: bigint;
  readonly connection: number | null;
  /** Sets of Channel. */
  readonly stale: number;
  readonly acknowledged: number;
  readonly refused: number;
}

/** One row of the connection table. */
export interface Connection {
  readonly row: number;
  readonly state: ConnectionState;
  readonly endpoint: string;
  readonly lastReceiveNS: bigint;
  readonly connectedSinceNS: bigint;
  readonly reconnects: bigint;
  readonly frames: bigint;
  readonly byteCount: bigint;
  readonly decodeErrors: bigint;
  readonly roundTripNS: bigint | null;
}

/** The top of an instrument's book, best level first. Trade on it only when valid. */
export interface Book {
  readonly instrument: number;
  readonly valid: boolean;
  /** A set of BookFlag. */
  readonly flags: number;
  /** Sequence of the last record that it reflects. */
  readonly asOf: bigint;
  readonly eventTimeNS: bigint | null;
  readonly recvTimeNS: bigint | null;
  readonly publishTimeNS: bigint | null;
  readonly venueSequence: bigint;
  readonly bookEpoch: number;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

/** Facts of the segment, as they are now. */
export interface SegmentInfo {
  readonly feed: string;
  readonly venue: string;
  readonly generation: bigint;
  readonly source: Source;
  readonly state: State;
  readonly slots: number;
  readonly bookDepth: number;
  readonly instrumentCount: number;
  readonly watermark: bigint;
  readonly lastSequence: bigint;
}

/** Totals of one reader since it was attached; they go on over a move. */
export interface Stats {
  /** Handed out. */
  readonly records: bigint;
  /** Overwritten before they were read. */
  readonly lost: bigint;
  readonly overruns: bigint;
  readonly tornRejected: bigint;
  readonly skippedDepth: bigint;
  readonly reattached: bigint;
  readonly filtered: bigint;
}

// Readers.

export interface AttachOptions {
  /** Where feeds are; TICKRING_DIR or /dev/shm/tickring when not given. */
  directory?: string;
  /** Move to the feed's next generation when this one ends, instead of ending. */
  follow?: boolean;
  /** A name under which `tickring stat` reports this reader; see registrationError. */
  register?: string;
  /** Accept files of another boot, to look at an old one. */
  ignoreBootID?: boolean;
}

/** What ends a wait: an AbortSignal. It is looked at with each turn, at most 100 ms late. */
export interface Abortable {
  signal?: { readonly aborted: boolean; readonly reason?: unknown };
}

export interface WaitOptions extends AttachOptions, Abortable {
  /** Milliseconds; without end when not given. */
  timeout?: number;
}

export interface StreamOptions<Handler> {
  /** End after so many milliseconds without a record. */
  timeout?: number;
  /** Is told what is no record. Without one it is thrown, and the stream may be taken up again. */
  onEvent?: Handler;
}

/** Attach to a feed and stand at its oldest record. Throws AttachError. */
export declare function attach(feed: string, options?: AttachOptions): Reader;
/** The same by the path of its file. */
export declare function attachPath(path: string, options?: Omit<AttachOptions, "directory">): Reader;
/** As attach, for a feed that may not be there yet; rejects when the time is over or by signal. */
export declare function attachWait(feed: string, options?: WaitOptions): Promise<Reader>;

/** A late join: the board, and records up to watermark do not come again. */
export interface Joined {
  readonly watermark: bigint;
  readonly records: readonly AnyRecord[];
  /** Entries that are not whole: BUSY or DAMAGED. */
  readonly unreadable: readonly { readonly instrument: number; readonly kind: Kind; readonly answer: Answer }[];
}

/** A private cursor over one feed; made by attach. */
export declare class Reader implements AsyncIterable<AnyRecord> {
  private constructor();
  /** The feed or path it was attached by. */
  readonly place: string;
  readonly follow: boolean;
  readonly closed: boolean;
  /** Unmap, and give the slot among the readers back. Streams end. */
  close(): void;

  /** What the last next, nextHead or read answered. */
  readonly answer: Answer;
  /** How many records the last OVERRUN cost. */
  readonly lost: bigint;
  /** The next record; null when there is none: answer says why. */
  next(): AnyRecord | null;
  /** As next, from the first 64 bytes alone: a book ticker's or a trade's numbers; the rest is zero. */
  nextHead(): AnyRecord | null;
  /** Fill a batch. What followed its last record: RECORD when it is full. */
  read(batch: Batch): Answer;
  /** Records as they come, until the feed ends; the event loop goes on meanwhile. */
  stream(options?: StreamOptions<(event: Interruption) => void> & Abortable): AsyncGenerator<AnyRecord, void, void>;
  [Symbol.asyncIterator](): AsyncGenerator<AnyRecord, void, void>;
  /** The same, but blocks the thread: for scripts and workers. */
  records(options?: StreamOptions<(event: Interruption) => void>): Generator<AnyRecord, void, void>;
  /** Until next may have something to say, but at most ms, and 100 ms. */
  wait(ms?: number): Promise<void>;
  /** Blocks until next has something to say, at most ms; what it would answer. */
  waitSync(ms?: number): Answer;

  /** Hand out these kinds and instruments (ids, or symbols that need not exist yet) only. */
  filter(wanted?: { kinds?: Iterable<Kind>; instruments?: Iterable<string | number> }): void;
  fromOldest(): void;
  fromLatest(): void;
  /** The board as it is, and from now on what is newer. After an Overrun join again. */
  join(): Joined;
  /** Try the name; true when it led to another generation. Ids are to be found again. */
  reattach(): boolean;
  /** Throws AttachError when the feed's file of readers takes nobody; reading goes on. */
  register(name: string): void;
  unregister(): void;
  readonly registered: boolean;
  /** Why the option register had no effect; null when it had, or was not given. */
  readonly registrationError: AttachError | null;

  readonly generation: bigint;
  /** Sequence that is expected next. */
  readonly position: bigint;
  /** Records of whole frames that are there and not read yet. */
  readonly lag: bigint;
  readonly stats: Stats;
  readonly info: SegmentInfo;
  instruments(): Instrument[];
  /** Id of "BTC/USDT", or of the venue's own spelling; null when there is none. */
  find(symbol: string): number | null;
  /** Id of an instrument given by symbol or id. Throws NoInstrumentError, as all below. */
  id(instrument: string | number): number;
  instrument(instrument: string | number): Instrument;
  state(instrument: string | number): InstrumentState;
  /** Throws RangeError. */
  connection(row: number): Connection;
  /** One of the publisher's totals. */
  counter(counter: Counter): bigint;

  /** The newest record of an instrument and kind, null: there is none yet. See freshWithin. */
  board(instrument: string | number, kind: Kind): AnyRecord | null;
  /** The top of the instrument's book; null: there is none yet. */
  book(instrument: string | number): Book | null;
  /** Whether the instrument's data are live, verified, and heard of within so many ms. */
  freshWithin(instrument: string | number, ms: number): boolean;
  /** Milliseconds since the newest book ticker was received; null: there was none. */
  quoteAge(instrument: string | number): number | null;
}

/**
 * Several feeds merged by publishTimeNS, one clock for all venues. It does not wait for a feed
 * that has none; what a feed has to say comes before records of others.
 */
export declare class Poller implements AsyncIterable<[feed: number, record: AnyRecord]> {
  /** At most 64, not closed and not another poller's; they are this one's from now on. */
  constructor(readers: Iterable<Reader>);
  /** In the order of their numbers, for calls that only look. */
  readonly readers: readonly Reader[];
  readonly closed: boolean;
  /** Closes all readers. */
  close(): void;
  readonly answer: Answer;
  /** Whose the last answer was. */
  readonly feed: number;
  readonly lost: bigint;
  /** The next record; null when there is none: answer, feed and lost say why. */
  next(): AnyRecord | null;
  stream(options?: StreamOptions<(event: Interruption, feed: number) => void> & Abortable):
    AsyncGenerator<[feed: number, record: AnyRecord], void, void>;
  [Symbol.asyncIterator](): AsyncGenerator<[feed: number, record: AnyRecord], void, void>;
  wait(ms?: number): Promise<void>;
}
