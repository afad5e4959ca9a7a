package house

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// snippet is the README's code of one language.
func snippet(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(text)
	require.NotNil(t, m, "README has no %s code", language)
	return string(m[1])
}

// must runs a command from dir and gives its output.
func must(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Run(), "%s %s\n%s", name, strings.Join(args, " "), out.String())
	return out.String()
}

// toolchain skips, or fails where everything is required.
func toolchain(t *testing.T, name, hint string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if os.Getenv("TICKRING_REQUIRE_ALL") == "1" {
		require.Failf(t, "toolchain missing", "%s: %s", name, hint)
	}
	fmt.Printf("house: skipped, %s is missing: %s\n", name, hint)
	t.Skipf("%s is missing: %s", name, hint)
}

// liveFeed starts a simulator and a publisher and returns the feed's directory.
func liveFeed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "tickring")
	must(t, root, nil, "go", "build", "-o", bin, "./cmd/tickring")
	urls := filepath.Join(dir, "url")
	start := func(args ...string) {
		cmd := exec.Command(bin, args...)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		})
	}
	start("sim", "--venue", "gateio", "--url-file", urls, "--settle", "50ms")
	var url string
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(urls)
		url, _, _ = strings.Cut(string(text), "\n")
		return err == nil && url != ""
	}, 10*time.Second, 10*time.Millisecond)
	start("run", "--venue", "gateio", "--symbols", "BTC/USDT,ETH/USDT", "--url", url, "--dir", dir, "--quiet")
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(dir, "gateio"))
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	return dir
}

var quote = regexp.MustCompile(`^[0-9.]+ [0-9.]+$`)

// quotes checks what a snippet printed: ten best bids and asks.
func quotes(t *testing.T, out string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	assert.Len(t, lines, 10)
	for _, l := range lines {
		assert.Regexp(t, quote, l)
	}
}

// pipInstall installs a package of the checkout; what builds it comes from the registry,
// without which the test is skipped.
func pipInstall(t *testing.T, dir, python, path string) {
	t.Helper()
	cmd := exec.Command(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", path)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err == nil {
		return
	}
	if os.Getenv("TICKRING_REQUIRE_ALL") == "1" {
		require.NoError(t, err, string(out))
	}
	fmt.Printf("house: skipped, pip cannot install %s: is the package registry reachable?\n", path)
	t.Skipf("pip install %s: %v\n%s", path, err, out)
}

// The README's readers compile as written and read a live feed.
func TestReadmeReadersWork(t *testing.T) {
	dir := liveFeed(t)
	env := []string{"TICKRING_DIR=" + dir}
	full, err := filepath.Abs(root)
	require.NoError(t, err)

	t.Run("C and C++, from an installed library", func(t *testing.T) {
		toolchain(t, "cc", "install gcc or clang")
		toolchain(t, "pkg-config", "install pkg-config")
		work := t.TempDir()
		must(t, full, nil, "make", "-C", "cgo_reader", "install", "PREFIX="+work, "DESTDIR=")
		pkg := []string{"PKG_CONFIG_PATH=" + filepath.Join(work, "lib/pkgconfig")}
		flags := strings.Fields(must(t, work, pkg, "pkg-config", "--cflags", "--libs", "tickring"))
		library := append([]string{"LD_LIBRARY_PATH=" + filepath.Join(work, "lib")}, env...)
		require.NoError(t, os.WriteFile(filepath.Join(work, "quote.c"), []byte(snippet(t, "c")), 0o600))
		must(t, work, nil, "cc", append([]string{"-Wall", "-Werror", "quote.c", "-o", "quote"}, flags...)...)
		quotes(t, must(t, work, library, "./quote", "gateio", "BTC/USDT"))
		toolchain(t, "g++", "install g++")
		must(t, work, nil, "g++", append([]string{"-x", "c++", "quote.c", "-x", "none", "-o", "quote++"}, flags...)...)
		quotes(t, must(t, work, library, "./quote++", "gateio", "ETH/USDT"))
		require.NoError(t, os.WriteFile(filepath.Join(work, "quote.cpp"), []byte(snippet(t, "cpp")), 0o600))
		must(t, work, nil, "g++", append([]string{"-std=c++20", "-Wall", "-Werror", "quote.cpp", "-o", "quote20"}, flags...)...)
		quotes(t, must(t, work, library, "./quote20", "gateio", "BTC/USDT"))
	})
	t.Run("Rust", func(t *testing.T) {
		toolchain(t, "cargo", "install Rust with rustup")
		work := t.TempDir()
		crate := filepath.Join(full, "cgo_reader/rust")
		require.NoError(t, os.MkdirAll(filepath.Join(work, "src"), 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(work, "src/main.rs"), []byte(snippet(t, "rust")), 0o600))
		manifest := fmt.Sprintf("[package]\nname = \"quote\"\nedition = \"2024\"\n[dependencies]\ntickring = { path = %q }\n", crate)
		require.NoError(t, os.WriteFile(filepath.Join(work, "Cargo.toml"), []byte(manifest), 0o600))
		lock, err := os.ReadFile(filepath.Join(crate, "Cargo.lock"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(work, "Cargo.lock"), lock, 0o600))
		target := append([]string{"CARGO_TARGET_DIR=" + filepath.Join(crate, "target")}, env...)
		quotes(t, must(t, work, target, "cargo", "run", "-q", "--", "gateio", "BTC/USDT"))
	})
	t.Run("Python, installed from the checkout", func(t *testing.T) {
		toolchain(t, "python3", "install python3 and python3-venv")
		work := t.TempDir()
		must(t, work, nil, "python3", "-m", "venv", "venv")
		python := filepath.Join(work, "venv/bin/python")
		pipInstall(t, full, python, "./cgo_reader/python")
		require.NoError(t, os.WriteFile(filepath.Join(work, "quote.py"), []byte(snippet(t, "python")), 0o600))
		for _, backend := range []string{"c", "python"} {
			chosen := append([]string{"TICKRING_BACKEND=" + backend}, env...)
			quotes(t, must(t, work, chosen, python, "quote.py", "gateio", "BTC/USDT"))
		}
	})
	t.Run("Node, installed from the checkout", func(t *testing.T) {
		toolchain(t, "node", "install Node 18 or later")
		toolchain(t, "npm", "install npm")
		toolchain(t, "cc", "install gcc or clang")
		for _, links := range []string{"--install-links=false", "--install-links"} { // a link to the checkout, a copy
			work := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(work, "package.json"), []byte("{}"), 0o600))
			must(t, work, nil, "npm", "install", "--offline", "--no-audit", "--no-fund", links, filepath.Join(full, "cgo_reader/node"))
			require.NoError(t, os.WriteFile(filepath.Join(work, "quote.mjs"), []byte(snippet(t, "js")), 0o600))
			quotes(t, must(t, work, env, "node", "quote.mjs", "gateio", "BTC/USDT"))
		}
	})
	t.Run("Java", func(t *testing.T) {
		toolchain(t, "javac", "install a JDK of 17 or later")
		work := t.TempDir()
		must(t, full, nil, "make", "-s", "-C", "cgo_reader/java", "BUILD="+work)
		jar := filepath.Join(work, "tickring.jar")
		require.NoError(t, os.WriteFile(filepath.Join(work, "Quote.java"), []byte(snippet(t, "java")), 0o600))
		must(t, work, nil, "javac", "-Xlint:all", "-Werror", "-cp", jar, "Quote.java")
		quotes(t, must(t, work, env, "java", "-cp", jar+":"+work, "Quote", "gateio", "BTC/USDT"))
	})
	t.Run("Go", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "main.go")
		require.NoError(t, os.WriteFile(file, []byte(snippet(t, "go")), 0o600))
		quotes(t, must(t, full, env, "go", "run", file, "gateio", "BTC/USDT"))
	})
}
