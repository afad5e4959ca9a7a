// Package gateio is the dialect of Gate (Gate.io) spot: the requests it wants,
// the frames it sends, its limits and its metadata. It knows no sockets.
//
// Sources, read 2026-11-24 through the project's fact sheet, which dates each of
// its facts and says whether somebody probed it or the venue alone documents it:
//
//   - https://www.gate.com/docs/developers/apiv4/ws/en/ (WebSocket v4)
//   - https://www.gate.com/docs/developers/apiv4/ (REST v4)
//   - Gate announcements 33995 and 45317
//   - https://github.com/gateio/gatews, issues 6 and 51
//
// # Quirks
//
// Each line names the test that holds it.
//
//   - The order of keys is not fixed: spot.obu puts the channel first and the event
//     last; keys come and go: TestKeyOrderWhiteSpaceAndAddedKeys
//   - Documented pushes may lack the event: TestEventOfData
//   - b and B, a and A, u and U, e and E, t and T differ by case only: TestKeysThatDifferByCase
//   - Of an empty side of a quote the key is absent or its text empty (not seen
//     live): TestOwnFixturesGiveTheExpectedRecords
//   - A key may be absent where the previous message had it: TestNothingIsLeftOfThePreviousFrame
//   - create_time_ms is a text with decimals that no float holds, and old captures
//     pad prices with zeros: TestOwnFixturesGiveTheExpectedRecords, TestCapturesAgreeWithTheModel
//   - A message of trades may be an array: TestTradesInAnArray
//   - Diffs without levels, and without the keys of levels, still move the update
//     id, and levels are not sorted: TestOwnFixturesGiveTheExpectedRecords
//   - full makes a snapshot of a message on the diff channel, with U; on spot.obu U
//     is absent then: TestOwnFixturesGiveTheExpectedRecords
//   - The pair on spot.obu is wrapped in the stream's name: TestUnknownSymbolIsNamed
//   - A ticker has no time inside; its time is the envelope's, and before 2022-11-22
//     that was in seconds: TestSharedFixturesGiveTheExpectedRecords
//   - quote_volume has more digits than an int64: TestVolumesAreRoundedAndFlagged
//   - A refusal is told by error, not by result, which was null in older documents
//     and says fail today; an accepted request may have a null error: TestRefusals, TestAcks
//   - One refused pair refuses its list, so lists are short and books are asked for
//     one by one: TestStreams, TestRequests
//   - spot.obu accepts a pair that it does not know and stays silent: TestStreams
//   - The upgrade notice came without an envelope before 2026-07-25: TestSystemNotices
//   - The server sends no pings; it must be spoken to: TestPing
//   - Without its last slash the address answers 404: TestAddresses
//   - Lower-case pairs are refused: TestNativeSymbols
//   - Books may be quiet for long, so silence alone makes nothing stale before a
//     minute, which the option gateio.quiet moves: TestStreams, TestSet
//
// # Decoding
//
// The decoders of messages.go are generated; their field types read numbers from
// the text straight into integers. They are the reference. Before them Decode tries
// the shapes of templates.txt, whose decoders are generated too, accept whole frames
// only and agree with the reference on every frame that they accept; Fallbacks counts
// the data that they left to it. A shape that the venue begins to send is one more
// line there and "go generate". What is published of a frame is all of it or nothing.
package gateio
