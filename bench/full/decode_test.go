package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bytedance/sonic"
	goccy "github.com/goccy/go-json"
	"github.com/mailru/easyjson"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/exchanges"
)

// benchFrames are those of bench/measure.
func benchFrames(t *testing.T) []frame {
	t.Helper()
	cmd := exec.Command("go", "run", "./bench/measure", "frames")
	cmd.Dir = "../.."
	text, err := cmd.Output()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "frames")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	list, err := readFrames(path)
	require.NoError(t, err)
	require.Greater(t, len(list), 5)
	return list
}

// A comparison is one only when all decoders read the whole frame: ours by a template,
// the fallback by the fallback, and the others the same values.
func TestDecodersReadTheWholeFrame(t *testing.T) {
	for _, f := range append(benchFrames(t), futuresFrames()...) {
		t.Run(f.channel, func(t *testing.T) {
			for _, d := range goDecoders(f.channel, f.text) {
				require.NoError(t, d.decode(), d.name)
			}
			assert.EqualValues(t, [2]uint64{1, 0}, hitsAndFallbacks(t, f.channel, f.text), "a template accepts it")
			assert.EqualValues(t, [2]uint64{0, 1}, hitsAndFallbacks(t, f.channel, " "+f.text), "the blank leads to the fallback")

			standard := bareOf(f.channel)
			require.NoError(t, json.Unmarshal([]byte(f.text), standard))
			for name, unmarshal := range map[string]func([]byte, any) error{decSonic: sonic.ConfigFastest.Unmarshal, decGoccy: goccy.Unmarshal} {
				m := bareOf(f.channel)
				require.NoError(t, unmarshal([]byte(f.text), m))
				assert.Equal(t, standard, m, name)
			}
			if strings.HasPrefix(f.channel, futuresPrefix) {
				return
			}
			generated := generatedOf(f.channel)
			require.NoError(t, easyjson.Unmarshal([]byte(f.text), generated.(easyjson.Unmarshaler)))
			same, err := json.Marshal(standard)
			require.NoError(t, err)
			again, err := json.Marshal(generated)
			require.NoError(t, err)
			assert.JSONEq(t, string(same), string(again), decEasyjson)
		})
	}
}

func hitsAndFallbacks(t *testing.T, channel, text string) (n [2]uint64) {
	t.Helper()
	d := dialectOf(channel)
	v := d.Decode(padded(text), exchanges.NewLearningTable(), new(exchanges.Batch))
	require.Equal(t, exchanges.ClassData, v.Class, "%s", v.Text)
	for _, s := range d.Fallbacks() {
		n[0] += s.Hits
		n[1] += s.Fallbacks
	}
	return n
}

// What the decoders' programs print is gathered by channel and round.
func TestDecodeLinesAreParsed(t *testing.T) {
	r := newDecodeRows()
	require.NoError(t, r.add("decode trade 321 tickring 0 10\ndecode trade 321 sonic 3 50 70\n"))
	require.NoError(t, r.add("decode trade 321 tickring 0 20\n"))
	assert.Equal(t, []string{"trade"}, r.channels)
	assert.Equal(t, []float64{10, 20}, r.ns["trade"][decOurs])
	assert.InDelta(t, 4.25, r.over("trade", decSonic), 1e-9, "the median of 50/10 and 70/20")
	for _, bad := range []string{"decode trade 321\n", "decode trade x sonic 0 1\n", "decode trade 1 sonic 0 x\n", "panic: no way to go on\n"} {
		assert.Error(t, newDecodeRows().add(bad), bad)
	}
}

// The file of frames must be one.
func TestFramesMustHaveAChannel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "frames")
	require.NoError(t, os.WriteFile(path, []byte("{}\n"), 0o600))
	_, err := readFrames(path)
	assert.ErrorContains(t, err, "want CHANNEL TEXT")
}
