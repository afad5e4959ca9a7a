package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// row is one row of a capture.
type row struct {
	T      json.RawMessage `json:"t"`
	Conn   int             `json:"conn"`
	Dir    string          `json:"dir"`
	Op     string          `json:"op"`
	Data   string          `json:"data,omitempty"`
	Base64 []byte          `json:"b64,omitempty"`
	URL    string          `json:"url,omitempty"`
}

// message is one WebSocket message that the venue sent.
type message struct {
	binary bool
	data   []byte
}

// rows are all of a capture.
func rows(t *testing.T, path string) (out []row) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(path, ".zst") {
		z, err := zstd.NewReader(f)
		require.NoError(t, err)
		defer z.Close()
		in = z
	}
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		var r row
		require.NoError(t, json.Unmarshal(sc.Bytes(), &r))
		out = append(out, r)
	}
	require.NoError(t, sc.Err())
	return out
}

// messages are what the venue sent in a capture.
func messages(t *testing.T, path string) []message {
	t.Helper()
	var out []message
	for _, r := range rows(t, path) {
		switch {
		case r.Dir != "in":
		case r.Op == "text":
			out = append(out, message{data: []byte(r.Data)})
		case r.Op == "bin":
			out = append(out, message{binary: true, data: r.Base64})
		}
	}
	return out
}

// capture writes messages as a capture file.
func capture(t *testing.T, list []message) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, m := range list {
		r := row{T: json.RawMessage("null"), Conn: 1, Dir: "in", Op: "text", Data: string(m.data)}
		if m.binary {
			r.Op, r.Data, r.Base64 = "bin", "", m.data
		}
		require.NoError(t, enc.Encode(r))
	}
	path := filepath.Join(t.TempDir(), "frames.jsonl")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

func nonEmpty(text string) []string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if l != "" {
			out = append(out, l)
		}
	}
	return out
}

// textMessages reads a file of text messages, one a line.
func textMessages(t *testing.T, path string) []message {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var out []message
	for _, l := range nonEmpty(string(text)) {
		out = append(out, message{data: []byte(l)})
	}
	return out
}

// prefixedMessages reads binary messages, each behind its big-endian length.
func prefixedMessages(t *testing.T, path string) []message {
	t.Helper()
	stream, err := os.ReadFile(path)
	require.NoError(t, err)
	var out []message
	for len(stream) > 0 {
		require.GreaterOrEqual(t, len(stream), 4, "%s ends in a length", path)
		size := int(binary.BigEndian.Uint32(stream))
		require.GreaterOrEqual(t, len(stream)-4, size, "%s ends in a frame", path)
		out = append(out, message{binary: true, data: stream[4 : 4+size]})
		stream = stream[4+size:]
	}
	return out
}

// sharedFile is a path of the shared material, which need not be there.
func sharedFile(elements ...string) string {
	shared := os.Getenv("TICKRING_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	return filepath.Join(append([]string{shared}, elements...)...)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// recordings are a venue's captures; without any it says what is driven instead.
func recordings(venue string) []string {
	paths, _ := filepath.Glob(sharedFile("captures", venue, "*.jsonl.zst"))
	if len(paths) == 0 {
		fmt.Printf("conformance: no recordings of %s (TICKRING_SHARED), the project's own frames only\n", venue)
	}
	return paths
}

// recordSynthetic takes n messages of a simulated market, whatever they are.
func recordSynthetic(t *testing.T, venue string, requests []string, n int) []message {
	t.Helper()
	s := newSession(t, venue)
	s.startSim("--seed", "7", "--rate", "4000", "--symbols", "10", "--settle", "50ms")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, _, _, err := ws.Dial(ctx, s.urls[0])
	require.NoError(t, err)
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	require.NoError(t, conn.SetDeadline(deadline))
	for _, request := range requests {
		require.NoError(t, wsutil.WriteClientText(conn, []byte(request)))
	}
	var out []message
	for len(out) < n {
		data, op, err := wsutil.ReadServerData(conn)
		require.NoError(t, err)
		out = append(out, message{binary: op == ws.OpBinary, data: data})
	}
	s.stop(s.sim)
	return out
}

// restBodies are the REST answers of a capture whose address has a query, by its value.
func restBodies(t *testing.T, path, query string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, r := range rows(t, path) {
		if r.Op != "rest" {
			continue
		}
		u, err := url.Parse(r.URL)
		require.NoError(t, err)
		if name := u.Query().Get(query); name != "" {
			out[name] = []byte(r.Data)
		}
	}
	return out
}
