package main

import "strings"

// excuse is a line "Bench: NAME why" of a commit message; a NAME that ends in * is the
// beginning of names.
type excuse struct{ name, why string }

// excusesOf reads the messages between the base and HEAD.
func excusesOf(root, base string) ([]excuse, error) {
	text, err := git(root, "log", "--format=%B", base+"..HEAD")
	if err != nil {
		return nil, err
	}
	return parseExcuses(text), nil
}

// parseExcuses takes the lines that name an input and say why; one without a reason is
// none.
func parseExcuses(text string) []excuse {
	var list []excuse
	for line := range strings.Lines(text) {
		rest, found := strings.CutPrefix(strings.TrimSpace(line), "Bench:")
		name, why, _ := strings.Cut(strings.TrimSpace(rest), " ")
		if why = strings.TrimSpace(why); found && name != "" && why != "" {
			list = append(list, excuse{name, why})
		}
	}
	return list
}

// whyOf is what was said of an input, empty where nothing was.
func whyOf(list []excuse, name string) string {
	for _, e := range list {
		if start, many := strings.CutSuffix(e.name, "*"); e.name == name || many && strings.HasPrefix(name, start) {
			return e.why
		}
	}
	return ""
}
