package sim

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Scenario is a list of faults by the clock.
type Scenario struct {
	Steps  []Step
	Repeat time.Duration // begin again after so long; 0: once
}

// Step is one fault of a scenario. Which of the parameters a fault takes is in the
// table of scenarioFaults; others are refused.
type Step struct {
	At    time.Duration // since Start
	For   time.Duration // 0: to the end; faults of a moment take it or not, see there
	Fault string

	Every  int           // frames
	Pair   string        // of skip_deltas
	Pairs  []string      // of ack_refused and halt; empty: all
	Code   int           // of close
	Status int           // of http_status and rest_status
	Delay  time.Duration // of ack_late, slow_tls, connection_life, rest_status (Retry-After), rest_late, clock_offset
	Bytes  int           // of oversize, of slow_tls: a millisecond
	Text   string        // of ack_refused, of close
}

// scenarioFault is how a step is played. set changes the faults for as long as the
// step lasts; act happens once, when it begins.
type scenarioFault struct {
	takes   []string // parameters
	set     func(*Faults, Step)
	act     func(*Server, Step)
	instant bool // has no duration
}

// scenarioFaults are the faults by name.
func scenarioFaults() map[string]scenarioFault {
	return map[string]scenarioFault{
		"drop_socket":     {set: func(f *Faults, s Step) { f.DropSockets = s.For > 0 }, act: func(v *Server, _ Step) { v.DropAll() }},
		"silent":          {set: func(f *Faults, _ Step) { f.Silent = true }},
		"pings_only":      {set: func(f *Faults, _ Step) { f.PingsOnly = true }},
		"half_open":       {set: func(f *Faults, _ Step) { f.HalfOpen = true }},
		"ack_late":        {takes: []string{"delay"}, set: func(f *Faults, s Step) { f.AckDelay = s.Delay }},
		"ack_lost":        {set: func(f *Faults, _ Step) { f.LoseAcks = true }},
		"request_lost":    {set: func(f *Faults, _ Step) { f.NoAcks = true }},
		"ack_refused":     {takes: []string{"pairs", "text"}, set: setRefused},
		"reset_mid_frame": {set: func(f *Faults, s Step) { f.ResetMidFrame = s.For > 0 }, act: func(v *Server, _ Step) { v.ResetMidFrameAll() }},
		"slow_tls":        {takes: []string{"delay", "bytes"}, set: func(f *Faults, s Step) { f.TLSDelay, f.TrickleBytes = s.Delay, s.Bytes }},
		"duplicate":       {takes: []string{"every"}, set: func(f *Faults, s Step) { f.DuplicateEvery = s.Every }},
		"reorder":         {takes: []string{"every"}, set: func(f *Faults, s Step) { f.ReorderEvery = s.Every }},
		"skip_deltas":     {takes: []string{"every", "pair"}, set: func(f *Faults, s Step) { f.SkipEvery, f.SkipPair = s.Every, s.Pair }},
		"malformed":       {takes: []string{"every"}, set: func(f *Faults, s Step) { f.MalformEvery = s.Every }},
		"oversize":        {takes: []string{"bytes"}, instant: true, act: func(v *Server, s Step) { v.SendOversizeAll(s.Bytes) }},
		"close":           {takes: []string{"code", "text"}, set: setClose, act: func(v *Server, s Step) { v.CloseAll(s.Code, s.Text) }},
		"connection_life": {takes: []string{"delay"}, set: func(f *Faults, s Step) { f.ConnectionLife = s.Delay }},
		"refuse_connects": {act: func(v *Server, _ Step) { _ = v.Pause(false) }},
		"http_status":     {takes: []string{"status"}, set: func(f *Faults, s Step) { f.HTTPStatus = s.Status }},
		"rest_status":     {takes: []string{"status", "delay"}, set: func(f *Faults, s Step) { f.RESTStatus, f.RetryAfter = s.Status, s.Delay }},
		"rest_stale":      {set: func(f *Faults, _ Step) { f.RESTStale = true }},
		"rest_late":       {takes: []string{"delay"}, set: func(f *Faults, s Step) { f.RESTDelay = s.Delay }},
		"clock_offset":    {takes: []string{"delay"}, set: func(f *Faults, s Step) { f.ClockOffset = s.Delay }},
		"halt":            {takes: []string{"pairs"}, set: func(f *Faults, s Step) { f.HaltPairs = s.Pairs }},
	}
}

func setRefused(f *Faults, s Step) {
	f.RefusePairs, f.RefuseAll, f.RefuseText = s.Pairs, len(s.Pairs) == 0, s.Text
}

func setClose(f *Faults, s Step) {
	if s.For > 0 {
		f.CloseCode = s.Code
	}
}

// ScenarioFaults names the faults a scenario may have, sorted.
func ScenarioFaults() []string {
	var names []string
	for name := range scenarioFaults() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// params names the parameters a step has.
func (s Step) params() (names []string) {
	for _, p := range []struct {
		name string
		set  bool
	}{
		{"every", s.Every != 0}, {"pair", s.Pair != ""}, {"pairs", len(s.Pairs) > 0}, {"code", s.Code != 0},
		{"status", s.Status != 0}, {"delay", s.Delay != 0}, {"bytes", s.Bytes != 0}, {"text", s.Text != ""},
	} {
		if p.set {
			names = append(names, p.name)
		}
	}
	return names
}

// optional are parameters a fault does without.
var optional = []string{"pair", "pairs", "text"}

func (s Scenario) check() error {
	for i, step := range s.Steps {
		if err := step.check(); err != nil {
			return fmt.Errorf("scenario step %d: %w", i+1, err)
		}
	}
	if s.Repeat < 0 {
		return errors.New("scenario: repeat wants 0 or more")
	}
	return nil
}

func (s Step) check() error {
	f, ok := scenarioFaults()[s.Fault]
	if !ok {
		return fmt.Errorf("fault %q: want one of %s", s.Fault, strings.Join(ScenarioFaults(), ", "))
	}
	if s.At < 0 || s.For < 0 {
		return fmt.Errorf("%s: at and for want 0 or more", s.Fault)
	}
	if f.instant && s.For > 0 {
		return fmt.Errorf("%s: takes no for", s.Fault)
	}
	have := s.params()
	for _, p := range have {
		if !slices.Contains(f.takes, p) {
			return fmt.Errorf("%s: takes no %s", s.Fault, p)
		}
	}
	for _, p := range f.takes {
		either := s.Fault == "slow_tls" && len(have) > 0
		late := s.Fault == "rest_status" && p == "delay"
		if !slices.Contains(have, p) && !slices.Contains(optional, p) && !either && !late {
			return fmt.Errorf("%s: wants %s", s.Fault, p)
		}
	}
	var faults Faults
	if f.set != nil {
		f.set(&faults, s)
	}
	if s.Fault == "close" {
		faults.CloseCode = s.Code
	}
	return faults.check()
}

// scenarioFile is the form of a scenario file.
type scenarioFile struct {
	Repeat duration   `toml:"repeat"`
	Step   []stepFile `toml:"step"`
}

type stepFile struct {
	At     duration `toml:"at"`
	For    duration `toml:"for"`
	Fault  string   `toml:"fault"`
	Every  int      `toml:"every"`
	Pair   string   `toml:"pair"`
	Pairs  []string `toml:"pairs"`
	Code   int      `toml:"code"`
	Status int      `toml:"status"`
	Delay  duration `toml:"delay"`
	Bytes  int      `toml:"bytes"`
	Text   string   `toml:"text"`
}

// duration is text such as "1.5s".
type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = duration(v)
	return err
}

// LoadScenario reads a TOML file: a list of tables "step" with at, fault, for and
// the fault's parameters, and "repeat". The error is one line that names the file
// and what is allowed.
func LoadScenario(path string) (Scenario, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Scenario{}, fmt.Errorf("read scenario: %w", err)
	}
	var file scenarioFile
	d := toml.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return Scenario{}, fmt.Errorf("read scenario %q: %w", path, oneLine(err))
	}
	s := Scenario{Repeat: time.Duration(file.Repeat)}
	for _, f := range file.Step {
		s.Steps = append(s.Steps, Step{
			At: time.Duration(f.At), For: time.Duration(f.For), Fault: f.Fault, Every: f.Every, Pair: f.Pair,
			Pairs: f.Pairs, Code: f.Code, Status: f.Status, Delay: time.Duration(f.Delay), Bytes: f.Bytes, Text: f.Text,
		})
	}
	if len(s.Steps) == 0 {
		return Scenario{}, fmt.Errorf("read scenario %q: no step in it", path)
	}
	if err := s.check(); err != nil {
		return Scenario{}, fmt.Errorf("read scenario %q: %w", path, err)
	}
	return s, nil
}

// oneLine names the place of an error of the decoder, whose own text for unknown
// keys takes several lines.
func oneLine(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		line, _ := strict.Errors[0].Position()
		return fmt.Errorf("line %d: unknown key %s", line, strings.Join(strict.Errors[0].Key(), "."))
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		line, _ := decode.Position()
		return fmt.Errorf("line %d: %w", line, err)
	}
	return err
}

// change is the beginning or end of a step.
type change struct {
	at   time.Duration
	step int
	ends bool
}

// changes lists beginnings and ends in their order; at one moment ends come first.
func (s Scenario) changes() []change {
	var all []change
	for i, step := range s.Steps {
		all = append(all, change{at: step.At, step: i})
		if step.For > 0 {
			all = append(all, change{at: step.At + step.For, step: i, ends: true})
		}
	}
	slices.SortStableFunc(all, func(a, b change) int {
		switch {
		case a.at != b.at:
			return int(max(-1, min(1, a.at-b.at)))
		case a.ends == b.ends:
			return 0
		case a.ends:
			return -1
		}
		return 1
	})
	return all
}

// playScenario plays the steps by the clock. Steps that overlap add up; where two
// set the same knob the later in the file wins.
func (s *Server) playScenario() {
	sc := s.cfg.Scenario
	for began := time.Now(); ; began = began.Add(sc.Repeat) {
		on := make([]bool, len(sc.Steps))
		for _, c := range sc.changes() {
			if !s.sleepUntil(began.Add(c.at)) {
				return
			}
			on[c.step] = !c.ends
			s.playStep(c, on)
		}
		if sc.Repeat == 0 {
			return
		}
		if !s.sleepUntil(began.Add(sc.Repeat)) {
			return
		}
	}
}

// sleepUntil is false when the server is closed before.
func (s *Server) sleepUntil(t time.Time) bool {
	select {
	case <-s.stop:
		return false
	case <-time.After(time.Until(t)):
		return true
	}
}

// playStep begins or ends a step.
func (s *Server) playStep(c change, on []bool) {
	steps := s.cfg.Scenario.Steps
	step, known := steps[c.step], scenarioFaults()
	s.cfg.Logger.Info("scenario", "fault", step.Fault, "ends", c.ends)
	faults := s.cfg.Faults
	for i, other := range steps {
		if set := known[other.Fault].set; on[i] && set != nil {
			set(&faults, other)
		}
	}
	// Every set of parameters was checked by New.
	_ = s.ApplyFaults(faults)
	switch {
	case !c.ends && known[step.Fault].act != nil:
		known[step.Fault].act(s, step)
	case c.ends && step.Fault == "refuse_connects":
		if err := s.Pause(true); err != nil {
			s.cfg.Logger.Info("scenario: cannot listen again", "why", err)
		}
	}
}
