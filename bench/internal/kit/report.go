package kit

import (
	"fmt"
	"io"
	"strings"
)

// Report is what a run prints, kept for the file that it may be written to. One
// goroutine uses it.
type Report struct {
	Out     io.Writer
	text    strings.Builder // all that was printed
	figures []string
}

// Printf prints.
func (r *Report) Printf(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	r.text.WriteString(line)
	fmt.Fprint(r.Out, line)
}

// Text is all that was printed.
func (r *Report) Text() string { return r.text.String() }

// Figure notes an absolute value, for PrintFigures.
func (r *Report) Figure(name string, value float64, unit string) {
	r.figures = append(r.figures, fmt.Sprintf("figure %s %.1f %s", name, value, unit))
}

// Ratio notes a quotient of two values of this run with its goal, for PrintFigures.
func (r *Report) Ratio(name string, value float64, g Goal) {
	r.figures = append(r.figures, fmt.Sprintf("ratio %s %.2f %s %s", name, value, g, g.Verdict(value)))
}

// PrintFigures prints figures and ratios together, one a line.
func (r *Report) PrintFigures() {
	r.Printf("\n== figures and same-run ratios\n%s\n", strings.Join(r.figures, "\n"))
}
