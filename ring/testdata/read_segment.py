"""Reads a segment with nothing but what docs/format.md says, and prints it.

Usage: read_segment.py FILE. One thing a line, as the golden dump beside it.
"""

import struct
import sys

MARGIN, TRIES, MAX_SEQUENCE = 2, 1000, 1 << 62
data = memoryview(open(sys.argv[1], "rb").read())


def at(form, offset):
    values = struct.unpack_from("<" + form, data, offset)
    return values[0] if len(values) == 1 else values


def text(raw):
    return bytes(raw).split(b"\0", 1)[0].decode()


# Opening, steps 1 to 8; the file is no live one, so step 9 has nothing to compare.
assert len(data) >= 4096
assert bytes(data[:8]) == b"TICKRING", "magic"
version, order = at("II", 8)
assert order == 0x01020304 and version == 0, "byte order, version"
format_hash, total, generation = at("QQQ", 16)
header_size, source = at("II", 40)
assert header_size == 4096 and total == len(data) and generation != 0
directory_count, book_depth = at("II", 104)
state = at("I", 1024)
assert state in (1, 2, 3) and directory_count == 6 and 1 <= book_depth <= 1024
sizes = [128, 64, 128, 512, 128 + 2 * book_depth * 16, 128]
sections, end = [], 4096
for i in range(6):
    kind, entry, offset, count = at("IIQQ", 256 + 32 * i)
    assert kind == i + 1 and entry == sizes[i] and count > 0
    assert offset % 128 == 0 and offset >= end and offset + count * entry <= total
    end = offset + count * entry
    sections.append((offset, count))
instruments, states, connections, board, books, ring = (s[0] for s in sections)
slots = sections[5][1]
assert slots & (slots - 1) == 0 and slots >= 8
watermark, last = at("QQ", 1408)
rows = min(at("I", 1664), sections[0][1])


def sane(offset):
    """Whether kind and lengths of a whole record are in range."""
    kind = at("B", offset + 8)
    if kind == 2:
        return at("B", offset + 108) <= 24
    if kind == 3:
        return sum(at("BB", offset + 110)) <= 4
    if kind == 5:
        return at("H", offset + 46) <= 40
    return kind in (1, 4, 6)


def show(head, offset):
    kind, price, quantity = at("Bbb", offset + 8)
    flags, instrument = at("HH", offset + 12)
    received, venue_sequence = at("qQ", offset + 16)
    event, published = at("qq", offset + 112)
    print(
        f"{head} sequence={at('Q', offset) // 2} kind={kind} exponents={price},{quantity} flags={flags} "
        f"instrument={instrument} recv={received} venue_sequence={venue_sequence} event={event} "
        f"publish={published} body={bytes(data[offset + 32:offset + 112]).hex()}"
    )


def levels(offset, count):
    pairs = (at("qq", offset + 16 * i) for i in range(count))
    return ",".join(f"{price}:{quantity}" for price, quantity in pairs)


def mark_of(offset):
    """A mark of board or book: the answer when it is not whole."""
    for _ in range(TRIES):
        mark = at("Q", offset)
        if mark == 0:
            return "EMPTY"
        if mark % 2 == 0:
            return None
    return "BUSY"


def show_instrument(i):
    row, beside = instruments + 128 * i, states + 64 * i
    channels = at("I", row + 4)
    native, base, quote = (text(data[row + a:row + b]) for a, b in ((8, 40), (40, 56), (56, 72)))
    tick, lot = at("qq", row + 72)
    exponents = ",".join(str(e) for e in at("bbbbb", row + 88))
    multiplier = at("q", row + 96)
    bits, epoch = at("II", beside)
    seen, connection, stale = at("q", beside + 8), at("I", beside + 48), at("I", beside + 52)
    print(
        f"instrument id={i} symbol={base + '/' + quote if quote else base} native={native} channels={channels} "
        f"tick={tick} lot={lot} multiplier={multiplier} exponents={exponents} state={bits} epoch={epoch} "
        f"stale={stale} connection={connection} last_seen={seen}"
    )
    for place in range(4):
        entry = board + 512 * i + 128 * place
        head = f"board id={i} place={place}"
        answer = mark_of(entry)
        if answer:
            print(f"{head} answer={answer}")
        else:
            show(head, entry)


def show_book(i):
    entry = books + sizes[4] * i
    answer = mark_of(entry)
    if answer:
        print(f"book id={i} answer={answer}")
        return
    as_of, event, received, venue_sequence = at("QqqQ", entry + 8)
    epoch, bids, asks, price, quantity, flags = at("IHHbbH", entry + 40)
    published = at("q", entry + 56)
    print(
        f"book id={i} as_of={as_of} event={event} recv={received} publish={published} "
        f"venue_sequence={venue_sequence} epoch={epoch} exponents={price},{quantity} flags={flags} "
        f"bids={levels(entry + 128, bids)} asks={levels(entry + 128 + 16 * book_depth, asks)}"
    )


def show_ring():
    n, skipped, resuming = 1, 0, False
    while True:
        slot = ring + 128 * (n & (slots - 1))
        commit = at("Q", slot)
        if commit > 2 * n:
            m = (commit + 1) // 2
            assert (m ^ n) & (slots - 1) == 0 and m <= MAX_SEQUENCE
            to = max(last, m) - slots + max(slots // 8, MARGIN)
            print(f"overrun lost={to - n}")
            n, resuming = to, True
        elif commit < 2 * n:
            answer = {1: "EMPTY", 2: "CLOSED", 3: "SUPERSEDED"}[state]
            print(f"end answer={answer} skipped={skipped}")
            return
        else:
            assert sane(slot)
            n += 1
            if resuming and at("B", slot + 8) == 3 and not at("H", slot + 12) & 1:
                skipped += 1
                continue
            resuming = False
            show("record", slot)


feed, venue, release = text(data[128:192]), text(data[192:224]), text(data[224:256])
sys.stdout.reconfigure(encoding="utf-8")
print(
    f"header feed={feed} venue={venue} version={release} source={source} generation={generation} slots={slots} "
    f"instruments={rows} book_depth={book_depth} state={state} watermark={watermark} last={last}"
)
for row in range(rows):
    show_instrument(row)
    show_book(row)
show_ring()
