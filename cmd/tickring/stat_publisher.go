package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
)

const (
	// statPatience is how long stat waits for a publisher before it shows what the
	// segment alone says.
	statPatience = 500 * time.Millisecond
	// latencyRecords is how many of the newest records latencies are taken from: a
	// second or so of a busy feed.
	latencyRecords = 4096
)

// performanceStat are a publisher's counts and rates, and how long its newest
// records took from the socket to the ring.
type performanceStat struct {
	feed.ControlPerformance
	latencyStat
}

// latencyStat is publish time less receive time of the newest records of data;
// zeros where there are none.
type latencyStat struct {
	Samples   int     `json:"latency_samples"`
	AvgMicros float64 `json:"avg_latency_us"`
	P50Micros float64 `json:"p50_latency_us"`
	P99Micros float64 `json:"p99_latency_us"`
	MaxMicros float64 `json:"max_latency_us"`
}

func measureLatency(v *ring.View) latencyStat {
	reader := ring.NewReader(v)
	last := v.LastSequence()
	reader.Seek(last - min(last, latencyRecords) + 1)
	var record ring.Record
	var took []int64
	for range latencyRecords {
		answer := reader.Next(&record)
		if answer == ring.AnswerOverrun {
			continue
		}
		if answer != ring.AnswerRecord {
			break
		}
		own := record.Flags&(ring.FlagSynthetic|ring.FlagBackfill) != 0
		if !own && record.Kind != ring.KindStatus && record.PublishTimeNS >= record.RecvTimeNS {
			took = append(took, record.PublishTimeNS-record.RecvTimeNS)
		}
	}
	return latencyOf(took)
}

func latencyOf(took []int64) latencyStat {
	n := len(took)
	if n == 0 {
		return latencyStat{}
	}
	slices.Sort(took)
	var sum float64
	for _, ns := range took {
		sum += float64(ns)
	}
	micros := func(ns int64) float64 { return float64(ns) / 1000 }
	return latencyStat{
		Samples: n, AvgMicros: sum / float64(n) / 1000, P50Micros: micros(took[(n-1)/2]),
		P99Micros: micros(took[(n-1)*99/100]), MaxMicros: micros(took[n-1]),
	}
}

// askPublisher adds what only the publisher knows. Where none answers, or one of
// another generation does, the segment's own words stand alone.
func (s *feedStat) askPublisher(ctx context.Context, dir string) {
	if s.State != ring.StateLive.String() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, statPatience)
	defer cancel()
	control, err := feed.DialControl(ctx, dir, s.Feed)
	if err != nil {
		return // "control" says so
	}
	defer control.Close()
	status, err := control.Status(ctx, nil)
	if err != nil || status.Generation != s.Generation {
		return
	}
	s.Control = true
	s.Performance, s.Legs = &performanceStat{status.Performance, s.latency}, status.Legs
	for _, in := range status.Instruments {
		if in.ID < len(s.Instruments) && s.Instruments[in.ID].Symbol == in.Symbol {
			s.Instruments[in.ID].addRefusals(in.Channels)
		}
	}
}

// addRefusals notes why channels were refused, by the format's names of them.
func (i *instrumentStat) addRefusals(channels []feed.ChannelStatus) {
	for _, ch := range channels {
		if ch.State != feed.ChannelRefused {
			continue
		}
		if set, err := feed.ParseChannels(ch.Channel); err == nil {
			i.Refusals[bitNames(uint32(set), &ring.ChannelNames)[0]] = ch.Text
		}
	}
}

// refusedText names what was refused and, where it is known, why.
func (i *instrumentStat) refusedText() string {
	if len(i.Refused) == 0 {
		return "-"
	}
	var byReason []string
	for at, name := range i.Refused {
		why := i.Refusals[name]
		if at > 0 && why == i.Refusals[i.Refused[at-1]] {
			byReason[len(byReason)-1] += "," + name
		} else {
			byReason = append(byReason, name)
		}
		if why != "" && (at+1 == len(i.Refused) || why != i.Refusals[i.Refused[at+1]]) {
			byReason[len(byReason)-1] += ": " + strings.Join(strings.Fields(why), " ")
		}
	}
	return strings.Join(byReason, "; ")
}

// printLegs says how often each leg was first, and by how much.
func printLegs(w io.Writer, legs []feed.LegReport) {
	var all uint64
	for _, l := range legs {
		all += l.First
	}
	for _, l := range legs {
		share := 0.0
		if all > 0 {
			share = 100 * float64(l.First) / float64(all)
		}
		fmt.Fprintf(w, "leg %d	connections %v, first with %d (%.1f%%), lead p50 %s, p99 %s, late with %d, holes left to others %d\n",
			l.Leg, l.Connections, l.First, share, time.Duration(l.LeadP50NS), time.Duration(l.LeadP99NS), l.Late, l.Holed)
	}
}

func (p *performanceStat) print(w io.Writer) {
	if p == nil {
		fmt.Fprintf(w, "control\tno publisher answers\n")
		return
	}
	fmt.Fprintf(w, "up for\t%s\n", (time.Duration(p.UptimeSeconds * float64(time.Second))).Round(time.Millisecond))
	fmt.Fprintf(w, "rates\t%.0f messages/s, %.0f records/s, %.0f bytes/s\n", p.MessagesPerSecond, p.RecordsPerSecond, p.BytesPerSecond)
	fmt.Fprintf(w, "latency\tavg %.1f us, p50 %.1f, p99 %.1f, max %.1f over %d records\n", p.AvgMicros, p.P50Micros, p.P99Micros,
		p.MaxMicros, p.Samples)
	fmt.Fprintf(w, "subscriptions\t%d symbols active, %.1f%% of requests accepted\n", p.ActiveSymbols, 100*p.SubscriptionSuccessRate)
}
