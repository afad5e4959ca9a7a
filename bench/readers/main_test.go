package readers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

const (
	root = "../.."
	// envReader picks drivers of the table by a regular expression on their names.
	envReader = "TICKRING_READER"
	// envDriver is the command of a driver that is in no table.
	envDriver = "TICKRING_DRIVER"
	// envEmulate=1 runs the drivers of arm64 in an emulator, and no others.
	envEmulate = "TICKRING_EMULATE"
	// absentStatus of a build command says that the reader cannot be built here.
	absentStatus = 77
	// yours is the name of envDriver's.
	yours = "yours"
)

var (
	present []candidate // the drivers that run; the reference is the first
	built   string      // directory of what was built
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(envWriter); mode != "" {
		if err := writeAs(mode); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(runKit(m))
}

func runKit(m *testing.M) int {
	var err error
	if built, err = os.MkdirTemp("", "tickring-readers-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(built)
	list, err := chosen()
	if err == nil {
		err = buildAll(list)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "readers:", err)
		return 1
	}
	return m.Run()
}

// chosen are the reference and the candidates that the environment asks for.
func chosen() ([]candidate, error) {
	if run := os.Getenv(envDriver); run != "" {
		return []candidate{candidates[0], {name: yours, run: "exec " + run}}, nil
	}
	pick, err := regexp.Compile(os.Getenv(envReader))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", envReader, err)
	}
	list, rest := candidates[:1:1], candidates[1:]
	if os.Getenv(envEmulate) == "1" {
		rest = emulated
	}
	for _, c := range rest {
		if pick.MatchString(c.name) {
			list = append(list, c)
		}
	}
	return list, nil
}

func buildAll(list []candidate) error {
	for _, c := range list {
		why, err := build(c)
		switch {
		case err != nil:
			return err
		case why == "":
			present = append(present, c)
		case os.Getenv("TICKRING_REQUIRE_ALL") == "1":
			return fmt.Errorf("%s is required and absent: %s", c.name, why)
		default:
			fmt.Printf("readers: absent: %s: %s\n", c.name, why)
		}
	}
	names := make([]string, len(present))
	for i, c := range present {
		names[i] = c.name
	}
	fmt.Println("readers: under test:", strings.Join(names, ", "))
	return nil
}

// build says why a candidate is absent, or "".
func build(c candidate) (absent string, err error) {
	for _, tool := range c.needs {
		if _, err := exec.LookPath(tool); err != nil {
			return tool + " is missing", nil
		}
	}
	if c.build == "" {
		return "", nil
	}
	cmd := exec.Command("sh", "-c", c.build)
	cmd.Dir = root
	cmd.Env = append(append(os.Environ(), "OUT="+built), c.env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == absentStatus:
		return strings.TrimSpace(string(out)), nil
	case err != nil:
		return "", fmt.Errorf("build %s: %w\n%s", c.name, err, out)
	}
	return "", nil
}
