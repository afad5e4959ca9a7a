package main

import (
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// readerStat is what a registered reader says of itself. Others read unseen.
type readerStat struct {
	Slot int    `json:"slot"`
	PID  uint32 `json:"pid"`
	// PIDIsLocal is false where the pid is one of another pid namespace.
	PIDIsLocal bool   `json:"pid_is_local"`
	Name       string `json:"name"`
	Generation uint64 `json:"generation"`
	Cursor     uint64 `json:"cursor"`
	// Lag is null while the reader is in another generation.
	Lag          *uint64 `json:"lag"`
	Read         uint64  `json:"read"`
	Lost         uint64  `json:"lost"`
	UpdatedAgeNS int64   `json:"updated_age_ns"`
}

// addReaders lists who has registered. The file is not needed, and not trusted: what
// is wrong with it is a line of the report.
func (s *feedStat) addReaders(v *ring.View) {
	s.Readers = []readerStat{}
	infos, err := shm.ListReaders(filepath.Dir(s.Path), s.Feed)
	if err != nil {
		why := faultOf(err)
		s.ReadersError = &why
		return
	}
	for _, i := range infos {
		r := readerStat{Slot: i.Slot, PID: i.PID, PIDIsLocal: i.Here, Name: i.Name, Generation: i.Generation,
			Cursor: i.Cursor, Read: i.Read, Lost: i.Lost, UpdatedAgeNS: int64(i.UpdatedAge)}
		if lag, ok := i.Lag(v); ok {
			r.Lag = &lag
		}
		s.Readers = append(s.Readers, r)
	}
}

func (s *feedStat) printReaders(w io.Writer) error {
	if s.ReadersError != nil {
		_, err := fmt.Fprintf(w, "\nreaders: %s\n", *s.ReadersError)
		return outputError(err)
	}
	if len(s.Readers) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\nREADER\tPID\tLAG\tLOST\tREAD\tUPDATED\n")
	for _, r := range s.Readers {
		lag, pid := fmt.Sprintf("in generation %d", r.Generation), fmt.Sprint(r.PID)
		if r.Lag != nil {
			lag = fmt.Sprint(*r.Lag)
		}
		if !r.PIDIsLocal {
			pid += " (of another pid namespace)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%s\n", r.Name, pid, lag, r.Lost, r.Read, ageText(time.Duration(r.UpdatedAgeNS)))
	}
	return outputError(t.Flush())
}
