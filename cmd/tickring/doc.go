// Command tickring is the one binary: it publishes a venue's public market data
// into shared memory (run), reads it (tail, stat, ls), decodes recorded frames
// (decode), plays the venue (sim) and shows all of it at once (demo).
//
// Conventions: errors are one line on stderr that says what and what to do; exit 0
// clean, 1 failure, 2 a command line that cannot be meant. SIGINT and SIGTERM end
// a command cleanly, a second one at once. A closed pipe ends it quietly.
// TICKRING_DIR is the default of --dir.
package main
