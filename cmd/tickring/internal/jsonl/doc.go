// Package jsonl writes records and decoded frames as JSON, one a line, by hand:
// the keys and their order are part of what scripts rely on, and the C program
// tickring-tail-c prints the same bytes.
//
// Nothing here allocates once the destination has grown and the instruments were
// seen: tail must keep up with a writer at full speed.
//
// # Rules
//
//   - No spaces, keys in a fixed order, one line feed at the end.
//   - Sequences, times, counts are JSON integers; prices, quantities and trade ids
//     are strings. What the venue did not say is null: an absent number or time, a
//     venue sequence of 0, no connection, no instrument, reason NONE.
//   - A decimal has no exponent, no zeros at its end, one digit at least before
//     the point; zero is "0".
//   - In a string the quote and the backslash are escaped by a backslash, bytes
//     below 0x20 as \u00xx, a byte that is no UTF-8 as \ufffd; all else stands as
//     it is.
//   - A MEXC pair id is written as the venue writes it: the first number, X and its
//     suffix, an underscore, the second number, X and its suffix.
package jsonl
