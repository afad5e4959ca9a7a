package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// git runs git in a tree and returns what it printed.
func git(root string, args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-C", root}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// baseOf finds the commit to compare with: the one that was asked for, which must be
// there, or where the branch left origin/main, or on origin/main itself the commit
// before. An empty commit comes with the reason why there is none.
func baseOf(root, asked string) (commit, why string, err error) {
	if asked != "" {
		commit, err = git(root, "rev-parse", "--verify", "--quiet", asked+"^{commit}")
		if err != nil {
			return "", "", fmt.Errorf("BASE=%s names no commit of this repository: %w", asked, err)
		}
		return commit, "", nil
	}
	head, err := git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if err != nil {
		return "", "no commit yet, or no repository", nil
	}
	if _, err = git(root, "rev-parse", "--verify", "--quiet", "origin/main^{commit}"); err != nil {
		return "", "origin/main is not known here; BASE=COMMIT names another", nil
	}
	commit, err = git(root, "merge-base", "HEAD", "origin/main")
	if err != nil {
		return "", "HEAD and origin/main have no common commit here (a shallow clone?)", nil
	}
	if commit != head {
		return commit, "", nil
	}
	commit, err = git(root, "rev-parse", "--verify", "--quiet", "HEAD^1^{commit}")
	if err != nil {
		return "", "HEAD is on origin/main and the commit before it is not here (the first one, or a shallow clone)", nil
	}
	return commit, "", nil
}

// extract puts the tree of a commit into a new directory.
func extract(root, commit, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the base's directory: %w", err)
	}
	archive := dir + ".tar"
	if _, err := git(root, "archive", "--format=tar", "--output="+archive, commit); err != nil {
		return fmt.Errorf("take the base's tree: %w", err)
	}
	if out, err := exec.Command("tar", "-xf", archive, "-C", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack the base's tree: %w: %s", err, bytes.TrimSpace(out))
	}
	return os.Remove(archive)
}

// shared are the files that both sides have from the head, where they exist.
func shared(root string, inputs []input) []string {
	names := []string{cSource}
	for _, in := range inputs {
		names = append(names, filepath.Join(in.pkg, "check_timing_test.go"))
	}
	kept := names[:0]
	for _, n := range names {
		if _, err := os.Stat(filepath.Join(root, n)); err == nil {
			kept = append(kept, n)
		}
	}
	return kept
}

// overlay copies one file of the head into the base's tree and returns how to undo it.
func overlay(head, base, name string) (undo func() error, err error) {
	text, err := os.ReadFile(filepath.Join(head, name))
	if err != nil {
		return nil, fmt.Errorf("read an input of the head: %w", err)
	}
	to := filepath.Join(base, name)
	old, errOld := os.ReadFile(to)
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return nil, fmt.Errorf("give the base an input: %w", err)
	}
	if err := os.WriteFile(to, text, 0o640); err != nil {
		return nil, fmt.Errorf("give the base an input: %w", err)
	}
	return func() error {
		if errOld != nil {
			return os.Remove(to)
		}
		return os.WriteFile(to, old, 0o640)
	}, nil
}
