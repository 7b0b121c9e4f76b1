package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"tokenctl/django"
	"tokenctl/tokens"
)

// maxLine bounds a line of input: the longest secret is a JWT, and servers
// accept those up to some 8 KiB.
const maxLine = 64 << 10

// reference is how the operator named one credential.
type reference struct {
	tokens.Name
	where string // how to speak of it without repeating a secret
}

// references reads the arguments of a command that takes ID… or -. A single -
// reads standard input, one per line: ids and secrets.
func (a *App) references(ctx context.Context, args []string, tokenFile string) ([]reference, error) {
	var refs []reference
	if tokenFile != "" {
		text, err := readSecretFile(ctx, tokenFile)
		if err != nil {
			return nil, err
		}
		secret, err := secretLine(text, tokenFile)
		if err != nil {
			return nil, err
		}
		refs = append(refs, reference{tokens.Name{Secret: secret}, "the secret in " + tokenFile})
	}
	for _, arg := range args {
		if arg == "-" {
			if len(args) > 1 || tokenFile != "" {
				return nil, usage("- stands alone: it reads all ids and secrets from standard input", "")
			}
			return a.readReferences(ctx)
		}
		if _, _, err := tokens.ParseID(arg); err != nil {
			if looksLikeSecret(arg) || tokens.Session.LooksLike(arg) {
				return nil, secretInArgument()
			}
			return nil, err
		}
		refs = append(refs, reference{tokens.Name{ID: arg}, arg})
	}
	return refs, nil
}

func (a *App) readReferences(ctx context.Context) ([]reference, error) {
	if a.Term.Stdin {
		secret, err := a.prompt(ctx, "Secret: ")
		if err != nil {
			return nil, err
		}
		s, err := secretLine(secret, "the secret")
		return []reference{{tokens.Name{Secret: s}, "the secret"}}, err
	}
	lines, err := readLines(ctx, a.Stdin, "standard input")
	if err != nil {
		return nil, err
	}
	var refs []reference
	for i, line := range lines {
		where := fmt.Sprintf("line %d of standard input", i+1)
		if _, _, err := tokens.ParseID(line); err == nil {
			refs = append(refs, reference{tokens.Name{ID: line}, line})
			continue
		}
		secret, err := secretLine(line, where)
		if err != nil {
			return nil, err
		}
		refs = append(refs, reference{tokens.Name{Secret: secret}, "the secret in " + where})
	}
	if refs == nil {
		return nil, errNoInput
	}
	return refs, nil
}

// errNoInput is for -, with nothing to read.
var errNoInput = usage("standard input is empty", "write one id or secret a line")

// readLines reads lines until the end of input or of ctx.
func readLines(ctx context.Context, from io.Reader, name string) ([]string, error) {
	limited := &io.LimitedReader{R: patientReader{ctx, from}, N: maxInput}
	text, err := unmarked(limited, name)
	if err != nil {
		return nil, err
	}
	var lines []string
	s := bufio.NewScanner(text)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		// A file that was appended to another brings its mark along.
		lines = append(lines, strings.TrimPrefix(s.Text(), django.Mark))
	}
	switch {
	case errors.Is(s.Err(), bufio.ErrTooLong):
		return nil, usage("a line of "+name+" is longer than 64 KiB", "")
	case limited.N == 0:
		return nil, usage(fmt.Sprintf("%s is longer than %d MiB", name, maxInput>>20), "")
	}
	return lines, s.Err()
}

// readNames reads one user name a line; - is standard input.
func (a *App) readNames(ctx context.Context, path string) ([]string, error) {
	from, name := a.Stdin, "standard input"
	if path != "-" {
		name = path
		f, err := openInput(ctx, path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	lines, err := readLines(ctx, from, name)
	if err != nil {
		return nil, err
	}
	for i, line := range lines {
		if line == "" {
			return nil, usage(name+" has an empty line: it is nobody's name", "")
		}
		if found := django.Invisible(line); found != "" {
			return nil, usage(fmt.Sprintf("line %d of %s has %s in it", i+1, name, found), "remove it; --user-id finds a user whose name really has it")
		}
		if looksLikeSecret(line) {
			return nil, usage(name+" holds something that looks like a secret, not names", "")
		}
	}
	return lines, nil
}

// secretLine checks one secret. A line break at its end is no part of it; any
// other blank around it is a mistake that must not be guessed away.
func secretLine(text, where string) (django.Secret, error) {
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	text = strings.TrimPrefix(text, django.Mark) // pasted at a prompt
	switch {
	case text == "":
		return django.Secret{}, usage(where+" is empty", "")
	case strings.TrimSpace(text) != text:
		return django.Secret{}, usage(where+" has blanks around it", "remove them")
	case strings.ContainsFunc(text, unicode.IsControl):
		return django.Secret{}, usage(where+" has control characters in it", "write one secret a line")
	case django.Invisible(text) != "":
		return django.Secret{}, usage(where+" has "+django.Invisible(text)+" in it", "remove it")
	case strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII }):
		return django.Secret{}, usage(where+" has characters in it that are not ASCII, as no secret has", "check what was copied")
	}
	return django.NewSecret(text), nil
}

// prompt asks for a secret without echo. It is an error where nobody can be
// asked.
func (a *App) prompt(ctx context.Context, question string) (string, error) {
	if !a.interactive() {
		return "", &django.Error{Code: django.CodeUsage, Message: "nobody can be asked here", Hint: "give the secret on standard input or with --token-file or --password-file"}
	}
	fmt.Fprint(a.Stderr, question)
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := a.Term.ReadPassword()
		done <- answer{text, err}
	}()
	select {
	case got := <-done:
		fmt.Fprintln(a.Stderr)
		if errors.Is(got.err, io.EOF) {
			return "", usage("no answer was given", "")
		}
		return got.text, got.err
	case <-ctx.Done():
		a.Term.Restore()
		fmt.Fprintln(a.Stderr)
		return "", context.Cause(ctx)
	}
}

// confirm asks a question whose answer is no unless it is yes.
func (a *App) confirm(ctx context.Context, question string) (bool, error) {
	fmt.Fprint(a.Stderr, question+" [y/N] ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.Stdin).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		line = strings.ToLower(strings.TrimSpace(line))
		return line == "y" || line == "yes", nil
	case <-ctx.Done():
		fmt.Fprintln(a.Stderr)
		return false, context.Cause(ctx)
	}
}

func dedupe(list []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
