//go:build race

package ring

// raceEnabled: the race detector's own instructions would be stepped through too.
const raceEnabled = true
