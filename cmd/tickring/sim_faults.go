package main

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/tickring/tickring/exchanges/sim"
)

// faultHelp lists what --fault and --scenario take.
func faultHelp() string {
	return "Faults of --fault: " + strings.Join(sim.ScenarioFaults(), ", ") + ".\n" +
		"Keys: at and for (durations; default at once and to the end), every, pair, pairs (joined by +), code,\n" +
		"status, delay, bytes, text, as the fault takes them, e.g. --fault skip_deltas,at=2s,for=1s,every=10.\n" +
		"A scenario file holds tables [[step]] with fault and the same keys, durations as text,\n" +
		"and above them repeat = \"37s\", after which they begin again."
}

// readFaults puts the scenario of the file and the faults of the flags together.
func (o *simOptions) readFaults() error {
	if o.scenario != "" {
		var err error
		o.config.Scenario, err = sim.LoadScenario(o.scenario)
		var missing *fs.PathError
		if errors.As(err, &missing) {
			return err
		}
		if err != nil {
			return usagef("--scenario: %w", err)
		}
	}
	for _, text := range o.faults {
		step, err := parseFault(text)
		if err != nil {
			return err
		}
		o.config.Scenario.Steps = append(o.config.Scenario.Steps, step)
	}
	return nil
}

// parseFault reads NAME[,KEY=VALUE]...; what a fault takes is the simulator's to
// judge.
func parseFault(text string) (sim.Step, error) {
	parts := strings.Split(text, ",")
	step := sim.Step{Fault: parts[0]}
	for _, part := range parts[1:] {
		key, value, ok := strings.Cut(part, "=")
		if !ok {
			return step, usagef("--fault %q: %q: want KEY=VALUE; see tickring sim --help", text, part)
		}
		known, err := setStep(&step, key, value)
		if !known {
			return step, usagef("--fault %q: unknown key %q: allowed are at, for, every, pair, pairs, code, status, delay, bytes, text", text, key)
		}
		if err != nil {
			return step, usagef("--fault %q: %s: %w", text, key, err)
		}
	}
	return step, nil
}

func setStep(s *sim.Step, key, value string) (known bool, err error) {
	switch key {
	case "at":
		s.At, err = time.ParseDuration(value)
	case "for":
		s.For, err = time.ParseDuration(value)
	case "delay":
		s.Delay, err = time.ParseDuration(value)
	case "every":
		s.Every, err = strconv.Atoi(value)
	case "code":
		s.Code, err = strconv.Atoi(value)
	case "status":
		s.Status, err = strconv.Atoi(value)
	case "bytes":
		s.Bytes, err = strconv.Atoi(value)
	case "pair":
		s.Pair = value
	case "pairs":
		s.Pairs = strings.Split(value, "+")
	case "text":
		s.Text = value
	default:
		return false, nil
	}
	return true, err
}
