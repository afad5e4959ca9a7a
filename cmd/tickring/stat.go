package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/shm"
)

// beatPause is how long stat lets the heartbeat move: three beats, so that a
// loaded machine is not taken for a dead publisher.
const beatPause = 3 * ring.HeartbeatIntervalNS * time.Nanosecond

func statCommand() *cobra.Command {
	var dir string
	var asJSON, badFrames bool
	cmd := &cobra.Command{
		Use:   "stat FEED",
		Short: "Show a feed's header, counters, connections, instruments and readers",
		Args:  needsOne("feed"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := shm.CheckFeedName(args[0]); err != nil {
				return usageError{err}
			}
			if badFrames {
				return printBadFrames(cmd.Context(), dir, args[0], asJSON, cmd.OutOrStdout())
			}
			s, err := readStat(dir, args[0])
			if err != nil {
				return err
			}
			s.askPublisher(cmd.Context(), dir)
			if asJSON {
				return outputError(json.NewEncoder(cmd.OutOrStdout()).Encode(s))
			}
			return s.print(cmd.OutOrStdout())
		},
	}
	dirFlag(cmd, &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object, or one a bad frame")
	cmd.Flags().BoolVar(&badFrames, "bad-frames", false, "show the last 64 messages that could not be decoded instead")
	return cmd
}

// feedStat is what stat shows. Ages are by the publisher's own time stamps;
// *_moving says whether the beat moved while stat looked. null: never.
type feedStat struct {
	Feed             string `json:"feed"`
	Path             string `json:"path"`
	Venue            string `json:"venue"`
	State            string `json:"state"`
	Source           string `json:"source"`
	Generation       uint64 `json:"generation"`
	Successor        uint64 `json:"successor_generation"`
	PublisherVersion string `json:"publisher_version"`
	OwnerPID         uint32 `json:"owner_pid"`
	CreatedNS        int64  `json:"created_ns"`
	SizeBytes        int64  `json:"size_bytes"`
	Slots            int    `json:"slots"`
	BookDepth        int    `json:"book_depth"`
	LastSequence     uint64 `json:"last_sequence"`
	Watermark        uint64 `json:"watermark"`
	HotMoving        bool   `json:"hot_heartbeat_moving"`
	HotAgeNS         *int64 `json:"hot_heartbeat_age_ns"`
	ProcessMoving    bool   `json:"process_heartbeat_moving"`
	ProcessAgeNS     *int64 `json:"process_heartbeat_age_ns"`
	// How far the venue's clock is ahead, and to what that is sure; null: not measured.
	ClockOffsetNS      *int64 `json:"clock_offset_ns"`
	ClockUncertaintyNS *int64 `json:"clock_uncertainty_ns"`
	ClockAgeNS         *int64 `json:"clock_age_ns"`

	Counters        map[string]uint64 `json:"counters"`
	Connections     []connectionStat  `json:"connections"`
	InstrumentsRoom int               `json:"instrument_capacity"`
	Instruments     []instrumentStat  `json:"instruments"`
	Readers         []readerStat      `json:"readers"`
	ReadersError    *string           `json:"readers_error"`
	// Control says whether the publisher answered; Performance is null where not.
	Control         bool             `json:"control"`
	Performance     *performanceStat `json:"performance"`
	Legs            []feed.LegReport `json:"legs,omitempty"` // where each stream has several connections
	latency         latencyStat
	orderedCounters []string
}

type connectionStat struct {
	Row          int    `json:"row"`
	State        string `json:"state"`
	Endpoint     string `json:"endpoint"`
	LastAgeNS    *int64 `json:"last_receive_age_ns"`
	UpForNS      *int64 `json:"connected_for_ns"`
	Reconnects   uint64 `json:"reconnects"`
	Frames       uint64 `json:"frames"`
	Bytes        uint64 `json:"bytes"`
	DecodeErrors uint64 `json:"decode_errors"`
	RoundTripNS  int64  `json:"round_trip_ns"`
}

type instrumentStat struct {
	ID            int      `json:"id"`
	Symbol        string   `json:"symbol"`
	Native        string   `json:"native"`
	Channels      []string `json:"channels"`
	State         []string `json:"state"`
	StaleChannels []string `json:"stale_channels"`
	Acknowledged  []string `json:"acknowledged"`
	Refused       []string `json:"refused"`
	// Refusals are the venue's words by channel; empty where no publisher answers.
	Refusals      map[string]string `json:"refusals"`
	Resyncing     bool              `json:"resyncing"`
	BookEpoch     uint32            `json:"book_epoch"`
	LastSeenAgeNS *int64            `json:"last_seen_age_ns"`
}

func readStat(dir, feed string) (s *feedStat, err error) {
	m, err := shm.Open(dir, feed)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	gone := m.Guard(func() { s = describeFeed(m) })
	return s, gone
}

func describeFeed(m *shm.Mapping) *feedStat {
	v := m.View()
	hot, _ := v.HotHeartbeat()
	process, _ := v.ProcessHeartbeat()
	if v.State() == ring.StateLive {
		time.Sleep(beatPause)
	}
	now := time.Now()
	hotNow, hotNS := v.HotHeartbeat()
	processNow, processNS := v.ProcessHeartbeat()
	s := &feedStat{
		Feed: v.Feed(), Path: m.Path(), Venue: v.Venue(), State: v.State().String(), Source: v.Source().String(),
		Generation: v.Generation(), Successor: v.SuccessorGeneration(), PublisherVersion: v.PublisherVersion(),
		OwnerPID: v.OwnerPID(), CreatedNS: v.CreatedRealtimeNS(), SizeBytes: v.TotalSize(), Slots: v.Slots(),
		BookDepth: v.BookDepth(), LastSequence: v.LastSequence(), Watermark: v.Watermark(),
		HotMoving: hotNow != hot, HotAgeNS: ageOf(now, hotNS), ProcessMoving: processNow != process,
		ProcessAgeNS: ageOf(now, processNS), InstrumentsRoom: v.InstrumentCapacity(),
		Counters: map[string]uint64{}, Connections: []connectionStat{}, Instruments: []instrumentStat{},
	}
	for c, name := range ring.CounterNames {
		if name != "" {
			name = strings.ToLower(name)
			s.Counters[name] = v.Counter(ring.Counter(c))
			s.orderedCounters = append(s.orderedCounters, name)
		}
	}
	s.addClock(v, now)
	s.addConnections(v, now)
	s.addInstruments(v, now)
	s.addReaders(v)
	s.latency = measureLatency(v)
	return s
}

// ageOf is how long ago a time of the segment was; nil when it never was.
func ageOf(now time.Time, ns int64) *int64 {
	if ns <= 0 {
		return nil
	}
	age := max(0, now.UnixNano()-ns)
	return &age
}

func (s *feedStat) addClock(v *ring.View, now time.Time) {
	offset, uncertainty, measured := v.VenueClock()
	if s.ClockAgeNS = ageOf(now, measured); s.ClockAgeNS != nil {
		s.ClockOffsetNS, s.ClockUncertaintyNS = &offset, &uncertainty
	}
}

// clockText says how far the venue's clock is off.
func (s *feedStat) clockText() string {
	if s.ClockAgeNS == nil {
		return "not measured"
	}
	offset, side := time.Duration(*s.ClockOffsetNS), "ahead"
	if offset < 0 {
		offset, side = -offset, "behind"
	}
	return fmt.Sprintf("%s %s, within %s, measured %s", offset.Round(time.Microsecond), side,
		time.Duration(*s.ClockUncertaintyNS).Round(time.Microsecond), agoText(s.ClockAgeNS))
}

func (s *feedStat) addConnections(v *ring.View, now time.Time) {
	var c ring.Connection
	for row := 0; v.Connection(row, &c); row++ {
		if ring.ConnectionState(c.State) == ring.ConnectionUnused {
			continue
		}
		s.Connections = append(s.Connections, connectionStat{
			Row: row, State: ring.ConnectionState(c.State).String(), Endpoint: c.EndpointText(),
			LastAgeNS: ageOf(now, c.LastReceiveNS), UpForNS: ageOf(now, c.ConnectedSinceNS), Reconnects: c.Reconnects,
			Frames: c.Frames, Bytes: c.Bytes, DecodeErrors: c.DecodeErrors, RoundTripNS: c.RoundTripNS,
		})
	}
}

func (s *feedStat) addInstruments(v *ring.View, now time.Time) {
	var in ring.Instrument
	var state ring.InstrumentState
	for id := 0; v.Instrument(id, &in) && v.InstrumentState(id, &state); id++ {
		s.Instruments = append(s.Instruments, instrumentStat{
			ID: id, Symbol: in.Symbol(), Native: in.Native(),
			Channels:      bitNames(in.Channels, &ring.ChannelNames),
			State:         bitNames(uint32(state.Bits()), &ring.StateBitNames),
			StaleChannels: bitNames(state.Stale, &ring.ChannelNames),
			Acknowledged:  bitNames(state.Acknowledged, &ring.ChannelNames),
			Refused:       bitNames(state.Refused, &ring.ChannelNames), Refusals: map[string]string{},
			Resyncing: state.Bits()&ring.BitResyncing != 0,
			BookEpoch: state.BookEpoch(), LastSeenAgeNS: ageOf(now, state.LastSeenNS),
		})
	}
}

// bitNames are the names of the set bits, never nil.
func bitNames(set uint32, table *[32]string) []string {
	names := []string{}
	for bit, name := range table {
		switch {
		case set&(1<<bit) == 0:
		case name != "":
			names = append(names, name)
		default:
			names = append(names, fmt.Sprintf("BIT_%d", bit))
		}
	}
	return names
}

func (s *feedStat) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "feed\t%s\nfile\t%s\nvenue\t%s\nsource\t%s\nstate\t%s\n", s.Feed, s.Path, s.Venue, s.Source, s.State)
	if s.Successor > 0 {
		fmt.Fprintf(t, "successor\tgeneration %d\n", s.Successor)
	}
	fmt.Fprintf(t, "generation\t%d, created %s\n", s.Generation, time.Unix(0, s.CreatedNS).UTC().Format(time.RFC3339))
	fmt.Fprintf(t, "publisher\tpid %d, version %s\n", s.OwnerPID, s.PublisherVersion)
	fmt.Fprintf(t, "size\t%d bytes, %d slots, book depth %d\n", s.SizeBytes, s.Slots, s.BookDepth)
	fmt.Fprintf(t, "records\t%d, watermark %d\n", s.LastSequence, s.Watermark)
	fmt.Fprintf(t, "hot heartbeat\t%s\n", beatText(s.HotMoving, s.HotAgeNS))
	fmt.Fprintf(t, "process heartbeat\t%s\n", beatText(s.ProcessMoving, s.ProcessAgeNS))
	fmt.Fprintf(t, "venue clock\t%s\n", s.clockText())
	for _, name := range s.orderedCounters {
		if n := s.Counters[name]; n > 0 {
			fmt.Fprintf(t, "%s\t%d\n", name, n)
		}
	}
	s.Performance.print(t)
	printLegs(t, s.Legs)
	if err := t.Flush(); err != nil {
		return outputError(err)
	}
	return s.printRows(w)
}

func (s *feedStat) printRows(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\nCONNECTION\tSTATE\tENDPOINT\tLAST\tRECONNECTS\tFRAMES\tBYTES\tERRORS\tPING\n")
	for _, c := range s.Connections {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", c.Row, c.State, c.Endpoint, agoText(c.LastAgeNS),
			c.Reconnects, c.Frames, c.Bytes, c.DecodeErrors, time.Duration(c.RoundTripNS))
	}
	if err := t.Flush(); err != nil {
		return outputError(err)
	}
	fmt.Fprintf(t, "\nINSTRUMENT\tSYMBOL\tNATIVE\tSTATE\tEPOCH\tLAST\tSTALE\tREQUESTED\tACKNOWLEDGED\tREFUSED\n")
	for _, i := range s.Instruments {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", i.ID, i.Symbol, i.Native, dashed(i.State), i.BookEpoch,
			agoText(i.LastSeenAgeNS), dashed(i.StaleChannels), dashed(i.Channels), dashed(i.Acknowledged), i.refusedText())
	}
	if err := t.Flush(); err != nil {
		return outputError(err)
	}
	return s.printReaders(w)
}

func beatText(moving bool, age *int64) string {
	if moving {
		return "moving"
	}
	return "still, last " + agoText(age)
}

func agoText(age *int64) string {
	if age == nil {
		return "never"
	}
	return ageText(time.Duration(*age))
}

func dashed(names []string) string {
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ",")
}
