// Package mexc is the dialect of MEXC spot: the requests it wants, the frames it
// sends, its limits and its metadata. It knows no sockets.
//
// Sources, read 2026-11-24 through the project's fact sheet, which dates each of
// its facts and says whether somebody probed it or the venue alone documents it:
//
//   - https://www.mexc.com/api-docs/spot-v3/introduction (WebSocket and REST)
//   - https://github.com/mexcdevelop/websocket-proto, state of 2026-06-17
//   - https://github.com/mexcdevelop/apidocs, branch spot_v3_en, 2025-08-08
//
// # Quirks
//
// Each line names the test that holds it.
//
//   - Data are protobuf in binary messages, answers JSON in text messages; the
//     opcode tells them apart: TestOwnFixturesGiveTheExpectedRecords
//   - A number's text has no end but its length, and the next tag may be a digit:
//     TestLengthsEndNumbers
//   - Fields may come in any order, and new ones come without notice:
//     TestFieldOrderAddedFieldsAndDuplicates
//   - A push may have no body, and deals may be empty: TestPushesWithoutData
//   - Candles carry a symbol id and no time of sending; they are not published:
//     TestPushesWithoutData
//   - The symbol may be absent; its place in the channel's name differs between
//     channels: TestPairOfTheChannel
//   - The list of all tickers has no symbol of its own, and a zone where others have
//     a pair: TestMiniTickersTakeKnownPairs
//   - Quotes had no version and no last order's time before June 2026, and an empty
//     side is an absent or empty text: TestOwnFixturesGiveTheExpectedRecords
//   - The version of a batch stands behind its items: TestOwnFixturesGiveTheExpectedRecords
//   - Asks precede bids, and versions follow them; a side may be absent:
//     TestSidesInAnyOrder, TestNothingIsLeftOfThePreviousFrame
//   - Diffs without levels still move the version: TestOwnFixturesGiveTheExpectedRecords
//   - Whole top levels and diffs differ by the body's number only, and top levels are
//     padded with zeros: TestOwnFixturesGiveTheExpectedRecords, TestCapturesAgreeWithTheModel
//   - A trade's id is a range of two numbers with suffixes, and was absent before
//     June 2026: TestTradeIDs
//   - The side of a trade is not to be had from its price: TestSides
//   - volume is turnover in the quote asset, quantity the base volume:
//     TestMiniTickersTakeKnownPairs
//   - Books and tickers have no time of their own, so the push's is theirs:
//     TestAbsentTimes
//   - An answer's code is 0 even when everything was refused; the words decide, with
//     a full-width colon and stray blanks: TestAnswers
//   - The list of accepted names is in any order: TestAnswers
//   - "Not Subscribed successfully! []." means that nothing was refused: TestAnswers
//   - Answers to a subscription and to its end look the same: TestAnswers
//   - Words may come without JSON around them: TestWordsOutsideJSON
//   - Refused names lead back to stream and pair, wherever the pair stands:
//     TestRefusedNamesLeadBackToTheirStreams
//   - A request takes streams of several kinds: TestRequests
//   - 30 streams a connection, counted over its whole life, and 24 hours of life:
//     TestLimitsOfAConnection
//   - Only the venue's own ping is sure to be answered: TestPing
//   - Most quotes of 10 ms windows repeat the one before: TestRepeats
//   - Nothing in BTCUSDT says where the base ends; names need not be ASCII:
//     TestNativeSymbols
//   - The status of a pair was ENABLED until August 2024 and is "1" since; a tick is
//     given by its decimals only: TestParseMetadata
//   - Addresses of before 2025 answer Blocked! or nothing: TestAddresses
//   - A pair may be quiet for minutes, so silence makes nothing stale before five,
//     which the option mexc.quiet moves: TestStreams, TestSet
//   - The server writes fields in the order of their numbers, which protobuf does not
//     promise: TestShapesAcceptWhatTheyDescribe, TestOtherEncodingsAreLeftToTheReference
//   - Deals had no ids before June 2026: TestDecodeCountsHitsAndFallbacks
//
// # Decoding
//
// Pushes of the shapes of templates.txt are decoded by generated code, all others by the
// reference, a reader of any protobuf; the outcome is the same: FuzzFast,
// TestChangedBytesAgreeWithTheReference, TestNoReadReachesBeyondThePadding.
//
// The reference goes over a message's fields by their lengths and allocates nothing.
// It is held against protobuf's own library over recordings, damaged frames and
// any bytes at all: TestCapturesAgreeWithTheModel, TestDamagedFramesAgreeWithTheModel.
// What is published of a frame is all of it or nothing.
//
// The time of the last order (lastOrderCreateTime) and the changes of a ticker
// (rate and its like) have no place in a record and are not read.
package mexc
