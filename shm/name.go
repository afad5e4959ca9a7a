package shm

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	// DefaultDir is where segments live when nothing else is said.
	DefaultDir = "/dev/shm/tickring"
	// EnvDir is the environment variable that names another directory.
	EnvDir = "TICKRING_DIR"
	// MaxFeedName is the longest feed name in bytes: the header's field has 64,
	// the last of them zero.
	MaxFeedName = 63
	// readersSuffix ends the name of the file in which readers name themselves.
	readersSuffix = ".readers"
)

// Dir returns dir, or what TICKRING_DIR says, or DefaultDir. Any thread.
func Dir(dir string) string {
	if dir != "" {
		return dir
	}
	if dir = os.Getenv(EnvDir); dir != "" {
		return dir
	}
	return DefaultDir
}

// NameError says why a text cannot name a feed.
type NameError struct {
	Name   string
	Reason string
}

// Error returns one line that says what is allowed.
func (e *NameError) Error() string {
	return fmt.Sprintf("feed name %q %s; allowed are 1 to %d of a-z A-Z 0-9 . _ -, not starting with a dot and not ending in %q",
		e.Name, e.Reason, MaxFeedName, readersSuffix)
}

// Is reports that a NameError is ErrFeedName.
func (e *NameError) Is(target error) bool { return target == ErrFeedName }

// CheckFeedName returns nil, or a *NameError that says what is allowed. Any
// thread.
func CheckFeedName(name string) error {
	switch {
	case name == "":
		return &NameError{name, "is empty"}
	case len(name) > MaxFeedName:
		return &NameError{name, fmt.Sprintf("has %d bytes", len(name))}
	case name[0] == '.':
		return &NameError{name, "starts with a dot"}
	case strings.HasSuffix(name, readersSuffix):
		return &NameError{name, "ends like a file of readers"}
	}
	for i := 0; i < len(name); i++ {
		if !feedNameByte(name[i]) {
			return &NameError{name, fmt.Sprintf("holds %q", name[i])}
		}
	}
	return nil
}

func feedNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '.' || c == '_' || c == '-'
}

// segmentPath, lockPath and buildPath are the names of a feed's files.
func segmentPath(dir, feed string) string { return filepath.Join(dir, feed) }

func lockPath(dir, feed string) string { return filepath.Join(dir, "."+feed+".lock") }

func buildPath(dir, feed string, pid int, random uint64) string {
	return filepath.Join(dir, fmt.Sprintf(".%s.%d.%016x.new", feed, pid, random))
}

// isBuildName says whether a file name is one that buildPath gives for this very
// feed: names may hold dots, so ".a.1.….new" is of feed "a" and ".a.b.1.….new" is
// not.
func isBuildName(name, feed string) bool {
	rest, found := strings.CutPrefix(name, "."+feed+".")
	if !found {
		return false
	}
	rest, found = strings.CutSuffix(rest, ".new")
	if !found {
		return false
	}
	pid, random, found := strings.Cut(rest, ".")
	return found && consistsOf(pid, "0123456789") && len(random) == 16 && consistsOf(random, "0123456789abcdef")
}

func consistsOf(s, set string) bool {
	return s != "" && strings.Trim(s, set) == ""
}
