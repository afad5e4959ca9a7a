package main

import (
	"strings"
	"unicode"
)

// words splits a Go name where a capital starts a word; a run of capitals is one
// word, and digits belong to the word before them.
func words(name string) []string {
	var out []string
	runes := []rune(name)
	start := 0
	for i := 1; i < len(runes); i++ {
		if !unicode.IsUpper(runes[i]) {
			continue
		}
		endsRun := i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if !unicode.IsUpper(runes[i-1]) || endsRun {
			out = append(out, string(runes[start:i]))
			start = i
		}
	}
	return append(out, string(runes[start:]))
}

func upperSnake(name string) string { return strings.ToUpper(strings.Join(words(name), "_")) }

func lowerSnake(name string) string { return strings.ToLower(strings.Join(words(name), "_")) }

// wrap breaks text into lines of at most width bytes, each behind prefix.
func wrap(text, prefix string, width int) string {
	var b strings.Builder
	line := prefix
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width && line != prefix {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = prefix
		}
		if line != prefix {
			line += " "
		}
		line += word
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
	return b.String()
}

// firstParagraph is a doc comment without its byte picture.
func firstParagraph(doc string) string {
	para, _, _ := strings.Cut(doc, "\n\n")
	return strings.Join(strings.Fields(para), " ")
}
