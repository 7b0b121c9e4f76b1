package commands

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"tokenctl"
	"tokenctl/tokens"
)

// reference names one credential: the operator has given its id or its secret.
type reference struct {
	tokens.Name
	at       spot
	optional bool // the line need not have a secret
}

// where returns a text for messages that names the reference without its secret.
func (r *reference) where() string {
	switch {
	case r.ID == "":
		return "the secret in " + r.at.String()
	case r.at.name == r.ID:
		return r.ID
	}
	return r.ID + " (" + r.at.String() + ")"
}

// spot is the place of a reference: a file or an argument with a name, or a line of standard input.
type spot struct {
	name string
	line int
}

// String names the place for messages.
func (s spot) String() string {
	if s.line > 0 {
		return fmt.Sprintf("line %d of standard input", s.line)
	}
	return s.name
}

// references reads the arguments of a command: ids, or a single -, which means that standard input has ids and
// secrets, one on each line.
func (a *App) references(ctx context.Context, verb string, args []string, tokenFile string) ([]reference, error) {
	var refs []reference
	if tokenFile != "" {
		text, err := readSecretFile(ctx, tokenFile)
		if err != nil {
			return nil, err
		}
		ref, err := readReference(text, spot{name: tokenFile})
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	for _, arg := range args {
		if arg == "-" {
			if len(args) > 1 || tokenFile != "" {
				return nil, usage("- must be the only argument: it reads all ids and secrets from standard input", "")
			}
			return a.readReferences(ctx)
		}
		if err := a.checkIDs(verb, []string{arg}); err != nil {
			return nil, err
		}
		refs = append(refs, reference{Name: tokens.Name{ID: arg}, at: spot{name: arg}})
	}
	return refs, nil
}

// checkIDs returns an error for an argument that is not an id.
func (a *App) checkIDs(verb string, args []string) error {
	for _, arg := range args {
		if arg == "-" {
			continue
		}
		if holdsSecret(arg) {
			return secretInArgument()
		}
		if _, _, err := tokens.ParseID(arg); err != nil {
			return a.noID(verb, arg, args, err)
		}
	}
	return nil
}

// listedID matches the id of a drf token in the form of lists. Its first part is a user's primary key, which may
// look like a secret.
var listedID = tokenctl.Lazily("^drf:[^@]+@[0-9a-f]{8}$")

// holdsSecret reports whether a text that should be an id contains a secret.
func holdsSecret(text string) bool {
	return !listedID().MatchString(text) && tokens.Holds(text, tokens.Anywhere)
}

func (a *App) readReferences(ctx context.Context) ([]reference, error) {
	if a.Term.Stdin {
		text, err := a.prompt(ctx, "Secret: ")
		if err != nil {
			return nil, err
		}
		ref, err := readReference(text, spot{name: "the secret"})
		return []reference{ref}, err
	}
	lines, err := readLines(ctx, a.Stdin, "standard input")
	if err != nil {
		return nil, err
	}
	return readMessage(lines)
}

// readMessage reads ids and secrets, one on each line. A curl command may continue on the next line. Lines of an HTTP
// message, and lines without letters and digits, need not have a secret.
func readMessage(lines []string) (refs []reference, err error) {
	message := false
	refs = make([]reference, 0, len(lines))
	for i := 0; i < len(lines); i++ {
		line, number := lines[i], i+1
		if curlLine().MatchString(line) {
			for strings.HasSuffix(line, "\\") && i+1 < len(lines) {
				i++
				line = strings.TrimSuffix(line, "\\") + " " + lines[i]
			}
			if len(line) > maxLine {
				return nil, usage(fmt.Sprintf("the command from line %d of standard input on is longer than 64 KiB", number), "")
			}
		}
		message = message || httpLine().MatchString(line)
		if message && strings.Trim(line, blanks+"<>") == "" {
			continue
		}
		ref, err := readReference(line, spot{line: number})
		if err != nil {
			return nil, err
		}
		ref.optional = message && !credentialLine().MatchString(line) || !strings.ContainsFunc(line, isWordRune)
		refs = append(refs, ref)
	}
	if len(refs) == 0 {
		return nil, errNoInput
	}
	return refs, nil
}

var (
	curlLine = tokenctl.Lazily(`^[$#>\s]*(curl|wget|https?|xh)\s`)
	// The first line of an HTTP request or response, as curl -v prints it too.
	httpLine = tokenctl.Lazily(`^[<>]?\s*([A-Z]+ \S+ HTTP/[0-9.]+|HTTP/[0-9.]+ [0-9]{3}\b.*)\s*$`)
	// A header whose value is a credential.
	credentialLine = tokenctl.Lazily(`(?i)^[<>]?\s*(proxy-)?authorization\s*:`)
)

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// readReference reads an id or a secret, which quotation marks or commas may surround. It ignores a line break at the
// end.
func readReference(text string, at spot) (reference, error) {
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	text = strings.TrimPrefix(text, tokenctl.Mark) // pasted at a prompt
	id := strings.Trim(text, blanks+"\"'`,;")
	if k, rest, err := tokens.ParseID(id); err == nil && !strings.ContainsAny(id, blanks) && (!holdsSecret(id) || k.ForeignIDs && !tokens.Recognized(rest)) {
		return reference{Name: tokens.Name{ID: id}, at: at}, nil
	}
	secret, err := secretLine(text, at)
	return reference{Name: tokens.Name{Secret: secret}, at: at}, err
}

// errNoInput is the error for - with an empty standard input.
var errNoInput = usage("standard input is empty", "write one id or secret a line")

// secretLine checks a line with a secret. Characters that no secret has are an error, and the line is not looked up.
func secretLine(text string, at spot) (tokenctl.Secret, error) {
	visible := strings.ReplaceAll(text, "\t", " ")
	switch {
	case strings.Trim(text, blanks) == "":
		return tokenctl.Secret{}, usage(at.String()+" is empty", "")
	case strings.ContainsFunc(visible, unicode.IsControl):
		return tokenctl.Secret{}, usage(at.String()+" has control characters in it", "write one secret a line")
	case tokenctl.Invisible(visible) != "":
		return tokenctl.Secret{}, usage(at.String()+" has "+tokenctl.Invisible(visible)+" in it", "remove it")
	case strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII }):
		return tokenctl.Secret{}, usage(at.String()+" has characters in it that are not ASCII, as no secret has", "check what was copied")
	}
	return tokenctl.NewSecret(text), nil
}

const blanks = " \t"
