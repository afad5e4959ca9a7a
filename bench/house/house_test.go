package house

import (
	"bytes"
	"encoding/json"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	root   = "../.."
	module = "github.com/tickring/tickring/"
)

// allowed says which packages of the module a package may depend on, by prefix;
// the first rule that matches the package holds.
var allowed = []struct {
	pkg  string
	deps []string
}{
	{"ring/internal/layoutgen", []string{"ring/internal/layoutgen"}},
	{"ring", []string{"ring"}},
	{"shm", []string{"shm", "ring"}},
	{"feed/internal/wire", []string{"feed/internal/wire"}},
	{"feed", []string{"feed", "shm", "ring", "exchanges$"}},
	{"exchanges/sim", []string{"exchanges/sim"}},
	{"exchanges/", []string{"exchanges", "ring"}},
	{"exchanges", []string{"exchanges$", "ring"}},
	{"cgo_reader", []string{"cgo_reader", "ring"}},
	{"cmd/", []string{"cmd/", "feed", "shm", "ring", "exchanges"}},
	{"bench", []string{""}},
}

type pkg struct {
	ImportPath string
	Standard   bool
	Deps       []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Standard,Deps", "./...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := cmd.Output()
	require.NoError(t, err)
	var list []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p pkg
		require.NoError(t, dec.Decode(&p))
		list = append(list, p)
	}
	return list
}

// Imports point inward: cmd to exchanges and feed, those to shm and ring, ring to
// nothing.
func TestImportsPointInward(t *testing.T) {
	checked := 0
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, rule := range allowed {
			if !strings.HasPrefix(name, rule.pkg) {
				continue
			}
			checked++
			for _, d := range p.Deps {
				if inner, ours := strings.CutPrefix(d, module); ours {
					assert.True(t, permits(rule.deps, inner), "%s must not depend on %s", name, inner)
				}
			}
			break
		}
	}
	assert.Greater(t, checked, 8)
}

func permits(deps []string, name string) bool {
	for _, d := range deps {
		if exact, ok := strings.CutSuffix(d, "$"); ok && name == exact || !ok && strings.HasPrefix(name, d) {
			return true
		}
	}
	return false
}

// ring is what readers of every program link: the standard library alone.
func TestRingImportsTheStandardLibraryOnly(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != module+"ring" {
			continue
		}
		for _, d := range p.Deps {
			first, _, _ := strings.Cut(d, "/")
			assert.NotContains(t, first, ".", "ring depends on %s", d)
		}
		return
	}
	require.Fail(t, "package ring not found")
}

// The four packages that the owner named are used, not only required.
func TestNamedPackagesAreUsed(t *testing.T) {
	used := map[string]bool{}
	for _, p := range packages(t) {
		for _, d := range p.Deps {
			used[d] = true
		}
	}
	for _, d := range []string{"github.com/gobwas/ws", "github.com/mailru/easyjson", "golang.org/x/sys/unix"} {
		assert.True(t, used[d], d)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	for _, d := range []string{"gobwas/ws", "mailru/easyjson", "golang.org/x/sys", "stretchr/testify"} {
		line := regexp.MustCompile(`(?m)^\s+\S*` + regexp.QuoteMeta(d) + ` v\S+(.*)$`).FindSubmatch(mod)
		require.NotNil(t, line, d)
		assert.NotContains(t, string(line[1]), "indirect", d)
	}
}

// sources are the Go files of the tree.
func sources(t *testing.T, visit func(path string)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".git") || d.Name() == "target" || d.Name() == "build" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			visit(path)
		}
		return nil
	}))
}

var (
	unsafeUse  = regexp.MustCompile(`\bunsafe\.(Pointer|Slice|SliceData|String|StringData|Add)\b`)
	unsafeFile = regexp.MustCompile(`_unsafe(_[a-z0-9]+)*(_test)?\.go$`)
)

// Code that turns addresses into pointers lives in files whose names say so.
// Generated code is easyjson's own.
func TestUnsafeLivesInUnsafeFiles(t *testing.T) {
	sources(t, func(path string) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		if unsafeFile.MatchString(path) || strings.HasSuffix(path, "_easyjson.go") || strings.Contains(path, "bench/house") {
			return
		}
		assert.False(t, unsafeUse.Match(stripComments(text)), "%s uses unsafe pointers: name it *_unsafe.go", path)
	})
}

func stripComments(text []byte) []byte {
	return regexp.MustCompile(`(?m)//.*$`).ReplaceAll(text, nil)
}

// Every package says what it is.
func TestEveryPackageHasADoc(t *testing.T) {
	documented := map[string]bool{}
	sources(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments)
		require.NoError(t, err)
		dir := filepath.Dir(path)
		documented[dir] = documented[dir] || f.Doc != nil
	})
	for dir, ok := range documented {
		assert.True(t, ok, "%s has no package comment", dir)
	}
}

// The top level is the owner's list and nothing else.
func TestTopLevelIsFixed(t *testing.T) {
	out, err := exec.Command("git", "-C", root, "ls-files").Output()
	if err != nil {
		t.Skip("no git checkout: the top level cannot be listed")
	}
	fixed := regexp.MustCompile(`^(\..*|cmd|ring|shm|feed|exchanges|cgo_reader|bench|docs|go\.mod|go\.sum|Makefile|README\.md|LICENSE|CHANGELOG\.md)$`)
	for _, f := range strings.Fields(string(out)) {
		top, _, _ := strings.Cut(f, "/")
		assert.Regexp(t, fixed, top)
	}
}
