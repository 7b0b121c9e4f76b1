package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"tokenctl"
)

// prompt asks for a secret without echo. It returns an error if nobody can answer.
func (a *App) prompt(ctx context.Context, question string) (string, error) {
	if !a.interactive() {
		return "", &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "nobody can be asked here", Hint: "give the secret on standard input or with --token-file or --password-file"}
	}
	fmt.Fprint(a.Stderr, question)
	text, err := await(ctx, a.Term.ReadPassword)
	if ctx.Err() != nil {
		a.Term.Restore()
	}
	fmt.Fprintln(a.Stderr)
	if errors.Is(err, io.EOF) {
		return "", usage("no answer was given", "")
	}
	return text, err
}

// confirm asks a question. Every answer other than y and yes means no.
func (a *App) confirm(ctx context.Context, question string) (bool, error) {
	line, err := a.answer(ctx, question+" [y/N]")
	line = strings.ToLower(line)
	return line == "y" || line == "yes", err
}

// answer asks for a line.
func (a *App) answer(ctx context.Context, question string) (string, error) {
	fmt.Fprint(a.Stderr, a.wrapped(2, question)+" ")
	line, err := await(ctx, func() (string, error) {
		line, _ := bufio.NewReader(a.Stdin).ReadString('\n') // the end of input is an empty answer
		return strings.TrimSpace(line), nil
	})
	if err != nil {
		fmt.Fprintln(a.Stderr)
	}
	return line, err
}
