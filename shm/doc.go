// Package shm makes, finds, replaces and retires the named files that hold
// segments: it knows files, locks and mappings, and leaves the bytes to package
// ring.
//
// # Files
//
// A feed F lives in a directory (0750; TICKRING_DIR or /dev/shm/tickring):
//
//	F                    the segment, 0640, whole or not there
//	.F.lock              makes the writer unique, 0600; never renamed, never deleted
//	.F.<pid>.<hex>.new   a segment that is being built, locked by its maker; swept by
//	                     the next publisher once that is dead
//	F.readers            what readers say of themselves, 0660; kept over publishers,
//	                     written by readers, never mapped by a publisher
//
// # Life
//
// Create takes the lock, reserves the memory and formats the segment beside the
// name. Publish marks it ready, renames it over the name, and tells the segment
// that was there that it is SUPERSEDED. A reader that opens the name therefore
// sees a whole segment or none, and one that is attached learns of the next. The
// kernel drops the lock when the publisher dies, however it dies; whatever it
// leaves behind makes no reader and no next publisher fail.
//
// A publisher that takes a feed over from one that lives uses Prepare in place of
// Create: it builds without the feed's lock, fills the segment, and Acquire takes the
// lock as soon as the owner lets go of it. Then Publish as ever.
//
// What others do to the files is found out by looking: Segment.Check on the
// publisher's side, Mapping.Changed and Mapping.Successor on the reader's.
//
// # Limits
//
//   - Linux only: open-file-description locks, memory filesystems, fallocate.
//   - The memory of a replaced segment is freed when its last reader lets go: the
//     filesystem needs room for two generations, three with slow readers.
//   - A file that is truncated from outside while it is mapped cannot be read any
//     more: touching a page that is gone is a SIGBUS, which ends a process. Guard
//     turns it into ErrTruncatedUnderUs around the code that it runs; nothing
//     protects a writer or a reader outside of it. Only the owner of the file can
//     do this, and no version of tickring does.
//   - A memory limit of a container counts the pages of the publisher that made
//     them. Reserving beyond it ends the publisher by the kernel's out-of-memory
//     killer, at start; no call reports it beforehand.
//   - Memory filesystems may be swapped; mount with noswap where that matters.
package shm
