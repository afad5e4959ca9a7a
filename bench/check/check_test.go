package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// work is a package with one benchmark that sums so many numbers.
func work(n string) map[string]string {
	return map[string]string{
		"go.mod":     "module example.test/work\n\ngo 1.24\n",
		"inputs.txt": "work ^BenchmarkSum$ 2000\n",
		"work/work.go": "package work\n\n//go:noinline\nfunc Sum(list []int) (sum int) {\n\tfor _, v := range list[:" + n +
			"] {\n\t\tsum += v\n\t}\n\treturn sum\n}\n",
		"work/check_timing_test.go": `package work

import "testing"

//go:noinline
//go:nosplit
func checkBegin() {}

//go:noinline
//go:nosplit
func checkDone() {}

func BenchmarkSum(b *testing.B) {
	list := make([]int, 1000)
	checkBegin()
	for range b.N {
		Sum(list)
	}
	checkDone()
}
`,
	}
}

// repository is a real one in a directory of its own.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	r := &repository{t, t.TempDir()}
	r.git("init", "-q", "-b", "main")
	return r
}

func (r *repository) git(args ...string) {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.dir, "-c", "user.name=t", "-c", "user.email=t@example.test"}, args...)...)
	out, err := cmd.CombinedOutput()
	require.NoError(r.t, err, "%s", out)
}

func (r *repository) commit(message string, files map[string]string) {
	r.t.Helper()
	for name, text := range files {
		path := filepath.Join(r.dir, name)
		require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(r.t, os.WriteFile(path, []byte(text), 0o640))
	}
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", message)
}

// check runs the comparison with a base.
func (r *repository) check(base string) (string, error) {
	var out bytes.Buffer
	c := check{root: r.dir, base: base, list: "inputs.txt", countOnly: true, out: &out}
	err := c.run()
	return out.String(), err
}

func need(t *testing.T, tool, remedy string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		if os.Getenv("TICKRING_REQUIRE_ALL") == "1" {
			t.Fatalf("%s is required and missing: %s", tool, remedy)
		}
		t.Skipf("skipped, %s is missing: %s", tool, remedy)
	}
}

// Intent: one repetition's instructions are counted, a tenth more of them fails, and a
// line in a commit's message lets it pass; the same program is not run.
func TestMoreInstructionsFailUnlessACommitSaysWhy(t *testing.T) {
	need(t, "valgrind", "apt-get install valgrind")
	r := newRepository(t)
	r.commit("work: sums", work("500"))
	r.commit("work: nothing new", nil)
	out, err := r.check("HEAD~1")
	require.NoError(t, err, out)
	assert.Contains(t, out, "the same program")

	r.commit("work: sums more", work("560"))
	out, err = r.check("HEAD~1")
	require.ErrorIs(t, err, errWorse, out)
	assert.Regexp(t, `(?m)^check work/Sum base=\d+\.\d head=\d+\.\d \+1[0-3]\.\d% worse$`, out)

	r.commit("work: says why\n\nBench: work/Sum the sum has more numbers", nil)
	out, err = r.check("HEAD~2")
	require.NoError(t, err, out)
	assert.Contains(t, out, "worse, ok: the sum has more numbers")

	r.commit("work: sums less", work("400"))
	out, err = r.check("HEAD~1")
	require.NoError(t, err, out)
	assert.Regexp(t, `(?m)^check work/Sum base=\S+ head=\S+ -\d+\.\d% ok$`, out)
}

// Intent: without a base nothing is compared, the reason is said, and it is no failure;
// a base that was asked for and is not there is one.
func TestWithoutABaseItPassesAndSaysWhy(t *testing.T) {
	r := newRepository(t)
	out, err := r.check("")
	require.NoError(t, err)
	assert.Contains(t, out, "no commit yet")
	r.commit("first", work("1"))
	out, err = r.check("")
	require.NoError(t, err)
	assert.Contains(t, out, "origin/main is not known")
	r.git("update-ref", "refs/remotes/origin/main", "HEAD")
	out, err = r.check("")
	require.NoError(t, err)
	assert.Contains(t, out, "the commit before it is not here")
	_, err = r.check("nonsense")
	require.ErrorContains(t, err, "nonsense")
}

// Intent: on a branch the base is where it left main, on main the commit before.
func TestTheBaseIsWhereTheBranchBegan(t *testing.T) {
	r := newRepository(t)
	r.commit("first", work("1"))
	r.commit("second", nil)
	r.git("update-ref", "refs/remotes/origin/main", "HEAD")
	first, err := git(r.dir, "rev-parse", "HEAD~1")
	require.NoError(t, err)
	second, err := git(r.dir, "rev-parse", "HEAD")
	require.NoError(t, err)
	got, _, err := baseOf(r.dir, "")
	require.NoError(t, err)
	assert.Equal(t, first, got)
	r.commit("third, of a branch", nil)
	r.commit("fourth, of a branch", nil)
	got, _, err = baseOf(r.dir, "")
	require.NoError(t, err)
	assert.Equal(t, second, got)
}

// Intent: only a line that names an input and gives a reason excuses.
func TestExcuses(t *testing.T) {
	list := parseExcuses("title\n\nBench: ring/Next checks one word more\nBench: feed/* books are kept\nBench: c/Next\nbench: c/NextHead no\n")
	for name, want := range map[string]string{
		"ring/Next": "checks one word more", "ring/NextEmpty": "", "feed/Way/trade": "books are kept", "c/Next": "", "c/NextHead": "",
	} {
		assert.Equal(t, want, whyOf(list, name), name)
	}
}

// Intent: what is new passes, what is gone does not, and times count only when both
// series agree in three rounds of four.
func TestVerdicts(t *testing.T) {
	same := []float64{1, 1, 1, 1}
	slow, even := times{[]float64{1.2, 1.3, 1.1, 1.2}, same}, times{same, same}
	noisy := times{[]float64{0.9, 1.3, 1.3, 1.3, 0.9}, same}
	restless := times{slow.ratios, []float64{0.9, 1.3, 1.2, 1.3, 1}}
	for _, c := range []struct {
		name  string
		r     row
		says  string
		fails bool
	}{
		{"a new input", row{name: "x", base: absent, head: 10}, "new", false},
		{"an input that is gone", row{name: "x", base: 10, head: absent}, "gone worse", true},
		{"as many instructions", row{name: "x", base: 1000, head: 1049}, "+4.9% ok", false},
		{"more instructions", row{name: "x", base: 1000, head: 1060}, "+6.0% worse", true},
		{"noise of one instruction", row{name: "x", base: 10, head: 11}, "ok", false},
		{"slower in both series", row{name: "x", base: 1000, head: 1000, first: slow, second: slow}, "time=+20.0% worse", true},
		{"slower in the first series only", row{name: "x", base: 1000, head: 1000, first: slow, second: even}, "ok", false},
		{"slower, as the base is than itself", row{name: "x", base: 1000, head: 1000, first: restless, second: restless}, "ok", false},
		{"slower in half of the rounds", row{name: "x", base: 1000, head: 1000, first: noisy, second: noisy}, "ok", false},
	} {
		line, fails := c.r.verdict(nil)
		assert.Equal(t, c.fails, fails, c.name)
		assert.True(t, strings.HasSuffix(line, c.says), "%s: %s", c.name, line)
	}
}

// Intent: the C reader's inputs build, run and print what is read.
func TestTheCReaderPrintsItsInputs(t *testing.T) {
	need(t, compiler(), "install gcc or clang")
	s := side{name: "head", root: "../..", bin: t.TempDir()}
	p := program{label: "c", c: true}
	bin, err := s.cReader(&p)
	require.NoError(t, err)
	text, err := output(timeLimit, ".", bin, p.arguments("2000x")...)
	require.NoError(t, err)
	list, err := parseResults(text)
	require.NoError(t, err)
	require.Len(t, list, 2)
	for _, r := range list {
		assert.Positive(t, r.value, r.name)
	}
}
