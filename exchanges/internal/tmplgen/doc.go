// Command tmplgen writes decoders of messages whose text is known beforehand. Each
// line of its input is one shape of message, as the venue sends it, with typed holes
// where the values stand:
//
//	NAME KIND[,RULE][,FLAG][,EventIsSend] TEXT
//
// KIND is a kind of package ring without its prefix (BookTicker, Trade, Ticker,
// Depth), RULE a book rule of package exchanges, FLAG a record flag of package ring
// such as FlagSnapshot; EventIsSend makes the time of the message that of the event,
// for messages without a time of their own. Empty lines and lines that begin with # are passed over. In
// TEXT a hole is <TYPE FIELD> or <TYPE>, and <opt>...</opt> encloses a part that may
// be missing; it begins with literal text, by which it is known, and holds no other
// such part. <each>...</each> encloses the part that stands once or more, with commas
// between, and makes an item each time; with the word AndPerpetual behind KIND every
// item is followed by one of kind PERPETUAL. The text holds "channel":"..." literally, for shapes are told apart and
// counted by channel.
//
//	uint       JSON number without sign of up to 16 digits, or passed over
//	s10        Unix seconds of ten digits; without a field it is passed over
//	ms13       Unix milliseconds of 13 digits
//	millis     Unix milliseconds with decimals, in quotes
//	decimal    decimal that is not below zero, in quotes
//	amount     decimal that is not below zero, in quotes or as JSON number, quotes included
//	taker      amount with a sign, which tells the aggressor's side
//	signed     any decimal, in quotes
//	volume     decimal that may be rounded, in quotes; without a field it is passed over
//	symbol     the instrument; every shape has exactly one
//	again      the text of the symbol once more, compared
//	text       up to 64 bytes of plain ASCII, in quotes; always passed over
//	side       buy or sell, in quotes
//	more       no text: the frame goes on here, which is looked at in long shapes
//	levels     array of [price, quantity]
//	objects    array of {"p":price,"s":amount}
//
// With -protobuf the shapes are those of protobuf messages, and TEXT lists their fields
// by number: see the type message.
//
// A shape also becomes a table of steps, where exchanges.Steps can do all of it: one call
// then walks through the whole message, where the machine has the vectors for it.
//
// The code accepts whole messages only, checks every byte, and fills no item before
// the cursor stands at the end of the frame. Its reads reach beyond the end by no more
// than exchanges.FastPadding; a shape for which that does not hold is refused here.
package main
