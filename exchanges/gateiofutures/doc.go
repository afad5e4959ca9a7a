// Package gateiofutures is the dialect of Gate (Gate.io) perpetual futures: the
// requests it wants, the frames it sends, its limits and its metadata. It knows no
// sockets.
//
// Sources, read 2026-11-28 through the project's fact sheet, which dates each of
// its facts and says whether somebody probed it or the venue alone documents it:
//
//   - https://www.gate.com/docs/developers/futures/ws/en/ (futures WebSocket v4)
//   - https://www.gate.com/docs/developers/apiv4/ (REST v4)
//   - Gate announcements 44946, 48788 and 49639
//
// # Quantities
//
// All sizes are NUMBERS OF CONTRACTS, exactly as the venue writes them. How many units
// of the base one contract is stands in the instrument table as Multiplier: base
// quantity = contracts x multiplier. It is absent on the inverse contract (BTC_USD),
// where base quantity = contracts / price. The volumes of a TICKER alone are in base
// and quote currency, because the venue says them so.
//
// # Quirks
//
// Each line names the test that holds it.
//
//   - The sign of a trade's size is the taker, and there is no side; several trades in
//     a message are normal: TestOwnFixturesGiveTheExpectedRecords, TestTradesInAnArray
//   - Sizes are JSON integers or, with the header, texts; prices were seen as numbers
//     too: TestNumbersWithAndWithoutQuotes
//   - Without the header 1.7 contracts are 1, and half a one is 0, which deletes a
//     level; it is sent on every connection and request: TestAddresses
//   - An empty side of a quote has the price "" and the size 0, and the times and ids
//     of an empty book are 0: TestEmptyBooks
//   - Whole top levels have the event all; update is an old form of single levels
//     without ids, and ignored: TestEventOfData
//   - The ticker is an array of objects, was one object and an array in an array:
//     TestTickersInArrays
//   - One ticker makes a TICKER and a PERPETUAL: TestTickersTellOfThePerpetual
//   - Empty texts of a ticker mean absent, never 0: TestTickersTellOfThePerpetual
//   - A trade that insurance fund or ADL took over (is_internal) is published like
//     any other; the record has no place to say so: TestOwnFixturesGiveTheExpectedRecords
//   - Levels are objects, but on futures.obu pairs; the order of their keys is not
//     fixed: TestLevelsAsObjectsAndPairs
//   - full makes a snapshot of a message on the diff channel:
//     TestOwnFixturesGiveTheExpectedRecords
//   - One refused contract refuses its list, so lists are short; names with other
//     signs than A to Z and digits are refused on the WebSocket: TestNativeSymbols
//   - futures.obu accepts contracts that it does not know, and those of another settle
//     currency, and stays silent: TestStreams
//   - Diffs are asked for with frequency and level, and ended without the level:
//     TestRequests
//   - A snapshot by REST must be as deep as the stream: TestSnapshotPath
//   - Times of the REST book are seconds with decimals: TestParseSnapshot
//   - Ticks are increments and no powers of ten, multipliers neither: TestParseMetadata
//   - The server sends no pings; it must be spoken to: TestPing
//
// # Decoding
//
// As in package gateio: generated easyjson decoders are the reference, and the shapes
// of templates.txt come before them. Fallbacks counts the data that they left to it.
package gateiofutures
