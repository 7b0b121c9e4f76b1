package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/output"
	"tokenctl/tokens"
)

// The exit statuses, as the README lists them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitNo          = 4 // the answer is no, or something was found
	exitConflict    = 5 // exists already, or changed meanwhile
	exitPartly      = 6
	exitUnreachable = 7
	exitConfirm     = 8
	exitReaderGone  = 141
)

// statuses are what the exit statuses mean, for the README and for help.
var statuses = []struct{ status, meaning string }{
	{"0", "done"},
	{"1", "failed"},
	{"2", "the command line is wrong"},
	{"3", "not found"},
	{"4", "the answer is no (verify), or something was found (scan, audit, doctor) or remains (incident)"},
	{"5", "exists already, or changed meanwhile"},
	{"6", "partly done"},
	{"7", "the database, the cache or the denylist cannot be reached"},
	{"8", "a confirmation is needed"},
	{"130, 143", "interrupted by SIGINT, SIGTERM"},
	{"141", "the reader went away (commands that only read)"},
}

// codes maps every code to its exit status and to its meaning for the README.
var codes = []struct {
	code    tokenctl.Code
	status  int
	meaning string
}{
	{tokenctl.CodeFailed, exitFailed, "something failed that has no code of its own"},
	{tokenctl.CodeUsage, exitUsage, "the command line is wrong"},
	{tokenctl.CodeSecretInArgument, exitUsage, "an argument looks like a secret, which every process on the machine could read"},
	{tokenctl.CodeInvalidValue, exitUsage, "a value is not one that Django or the database allows"},
	{tokenctl.CodePasswordRejected, exitUsage, "Django's password validators reject the password"},
	{tokenctl.CodeColumnsRequired, exitUsage, "the model of users or tokens has further columns that need a value"},
	{tokenctl.CodeConfigInvalid, exitUsage, "tokenctl.toml has an unknown key or a wrong value"},
	{tokenctl.CodeConfigUnsafe, exitFailed, "others could read or write tokenctl.toml or a key file"},
	{tokenctl.CodeKeyMissing, exitFailed, "it takes SECRET_KEY, or simplejwt's signing key, and none is configured"},
	{tokenctl.CodeWrongKey, exitFailed, "the configured key is not the one that the application signs with"},
	{tokenctl.CodeWrongClaims, exitFailed, "what would be written differs from the newest tokens or sessions that the application made"},
	{tokenctl.CodeKindRequired, exitUsage, "the database has several kinds of tokens: say which"},
	{tokenctl.CodeKindUnsupported, exitUsage, "tokenctl cannot do this with credentials of this kind"},
	{tokenctl.CodeAmbiguousID, exitUsage, "the id fits more than one credential"},
	{tokenctl.CodeAmbiguousUser, exitUsage, "several users have the name"},
	{tokenctl.CodeNotFound, exitNotFound, "there is no such credential or object"},
	{tokenctl.CodeUserNotFound, exitNotFound, "there is no such user"},
	{tokenctl.CodeAlreadyExists, exitConflict, "a row or file with this name is there already"},
	{tokenctl.CodeUserExists, exitConflict, "the user is there already"},
	{tokenctl.CodeTokenExists, exitConflict, "the user has as many tokens as the kind or its settings allow"},
	{tokenctl.CodeChanged, exitConflict, "somebody changed it meanwhile"},
	{tokenctl.CodeDeadlock, exitConflict, "the database ended it because another transaction changes the same rows: try again"},
	{tokenctl.CodeReferenced, exitConflict, "other rows refer to it"},
	{tokenctl.CodeRowsKept, exitFailed, "a trigger, a rule or row security of the database kept rows as they were"},
	{tokenctl.CodePartlyDone, exitPartly, "some of it was done, the rest could not be"},
	{tokenctl.CodeConfirmation, exitConfirm, "it needs a confirmation that nobody could be asked for, or that was not given"},
	{tokenctl.CodeTableMissing, exitFailed, "Django's table for this is not in the database"},
	{tokenctl.CodeLayoutUnsupported, exitFailed, "a table is not laid out as any supported release makes it"},
	{tokenctl.CodeUsernameField, exitFailed, "the USERNAME_FIELD cannot be told from the database"},
	{tokenctl.CodeDatabaseNotEmpty, exitConflict, "init found tables"},
	{tokenctl.CodeDatabaseMissing, exitUnreachable, "the SQLite file is not there"},
	{tokenctl.CodeDatabaseUnreachable, exitUnreachable, "the database cannot be reached or was lost"},
	{tokenctl.CodeDatabaseRefused, exitUnreachable, "the database refused the connection"},
	{tokenctl.CodeDatabaseLocked, exitFailed, "somebody else holds a lock for longer than --timeout"},
	{tokenctl.CodeDatabaseReadOnly, exitFailed, "the database cannot be written"},
	{tokenctl.CodeDatabaseFull, exitFailed, "the disk under the database is full"},
	{tokenctl.CodeDatabaseError, exitFailed, "the database reports an error that has no code of its own"},
	{tokenctl.CodePermissionDenied, exitFailed, "the database role lacks a privilege"},
	{tokenctl.CodeCacheUnreachable, exitUnreachable, "the cache that holds sessions cannot be reached"},
	{tokenctl.CodeCacheDenied, exitFailed, "the cache that holds sessions refused the user or a command"},
	{tokenctl.CodeDenylistUnreachable, exitUnreachable, "the denylist cannot be reached"},
	{tokenctl.CodeDenylistDenied, exitFailed, "the denylist's server refused the user or a command"},
	{tokenctl.CodeTimeout, exitFailed, "--timeout or --max-time was reached"},
	{tokenctl.CodeJournalFailed, exitFailed, "the journal cannot be read or written, or the change was made and could not be settled there"},
	{tokenctl.CodeDeliveryFailed, exitFailed, "the output could not be written"},
	{tokenctl.CodeOutcomeUnknown, exitFailed, "a commit was sent and no answer came: it may or may not have happened"},
	{tokenctl.CodeInterrupted, 130, "SIGINT (130) or SIGTERM (143) ended it; the hint says what stands"},
}

// doubtful are the codes of failures that come from outside while rows are changed.
// Only with them is it said that nothing was changed.
var doubtful = []tokenctl.Code{tokenctl.CodeTimeout, tokenctl.CodeDeadlock, tokenctl.CodeDeliveryFailed, tokenctl.CodeJournalFailed,
	tokenctl.CodeDatabaseUnreachable, tokenctl.CodeDatabaseFull, tokenctl.CodeDatabaseError, tokenctl.CodeDenylistUnreachable, tokenctl.CodeDenylistDenied,
	tokenctl.CodeCacheUnreachable, tokenctl.CodeCacheDenied}

// errNo ends a command whose answer is no: everything is said on stdout.
var errNo = errors.New("no")

func usage(message, hint string) *tokenctl.Error {
	return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: message, Hint: hint}
}

// finish is the one place where an error becomes words and an exit status. It may
// run while the work goes on, and reads nothing that the work changes.
func (a *App) finish(ctx context.Context, err error) int {
	if err == nil || errors.Is(err, errNo) {
		a.tell(func() {
			a.Stderr.Write(a.held.Bytes()) //nolint:errcheck // there is no other place to complain to
		})
		if err != nil {
			return exitNo
		}
		return exitDone
	}
	known := a.outcome.known.Load()
	if known == nil {
		known = new(knowledge)
	}
	var signal interrupted
	cause := context.Cause(ctx)
	stopped := errors.As(cause, &signal) || errors.As(err, &signal)
	e := a.failure(err, cause, stopped, known.unknown)
	if e == nil {
		return exitReaderGone
	}
	e = withInvisible(a.withSource(e))
	e = withoutSecrets(&tokenctl.Error{Code: e.Code, Message: e.Message, Hint: e.Hint})
	doubt := ctx.Err() != nil || known.begun && slices.Contains(doubtful, e.Code)
	if known.text != "" && e.Code != tokenctl.CodePartlyDone && (known.text != nothingChanged || doubt) {
		e.Hint = joinHints(known.text, e.Hint)
	}
	a.tell(func() { a.complain(e) })
	if stopped {
		return 128 + int(signal.signal)
	}
	for _, c := range codes {
		if c.code == e.Code {
			return c.status
		}
	}
	return exitFailed
}

// failure returns the error to tell. err is the error of the work, cause is why the work was stopped, stopped
// reports a signal, and unknown says that the outcome of a commit is not known. It returns nil if the reader of
// stdout has gone and nothing else is wrong.
func (a *App) failure(err, cause error, stopped, unknown bool) *tokenctl.Error {
	var own, limit *tokenctl.Error
	known := errors.As(err, &own)
	switch {
	case unknown && known && own.Code == tokenctl.CodeOutcomeUnknown:
		return own
	case unknown:
		return engine.OutcomeUnknown(cause.Error(), err)
	case errors.As(cause, &limit):
		return limit
	case stopped:
		return &tokenctl.Error{Code: tokenctl.CodeInterrupted, Message: "interrupted"}
	case errors.Is(err, syscall.EPIPE) && !a.mutating:
		return nil
	case known:
		return own
	}
	return a.plainError(err)
}

// joinHints makes one hint of several, of which any may be empty.
func joinHints(hints ...string) string {
	return strings.Join(slices.DeleteFunc(hints, func(hint string) bool { return hint == "" }), "; ")
}

// withInvisible adds the invisible character of an unknown name to the hint.
func withInvisible(e *tokenctl.Error) *tokenctl.Error {
	found := tokenctl.Invisible(e.Message)
	if found == "" || e.Code != tokenctl.CodeUserNotFound && e.Code != tokenctl.CodeNotFound {
		return e
	}
	said := *e
	said.Hint = joinHints(e.Hint, "there is "+found+" in what was asked for")
	return &said
}

// withoutSecrets hides what looks like a secret, such as a name that no user has: it may
// be a session key in the wrong place.
func withoutSecrets(e *tokenctl.Error) *tokenctl.Error {
	hidden := &tokenctl.Error{Code: e.Code, Message: tokens.Hide(e.Message), Hint: tokens.Hide(e.Hint)}
	if hidden.Message != e.Message {
		hidden.Hint = joinHints(hidden.Hint, "what looks like a secret is not repeated")
	}
	return hidden
}

// tell writes to stderr, and does not wait for its reader when the process must end.
func (a *App) tell(write func()) {
	written := make(chan struct{})
	go func() {
		write()
		close(written)
	}()
	select {
	case <-written:
	case <-a.enough:
		select {
		case <-written:
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// plainError gives a code to errors of other packages.
func (a *App) plainError(err error) *tokenctl.Error {
	var field *output.UnknownFieldError
	var query *output.QueryError
	switch {
	case errors.As(err, &query):
		return usage("--jq "+query.Error(), queryHint)
	case errors.As(err, &field):
		return usage(field.Error(), "")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &tokenctl.Error{Code: tokenctl.CodeTimeout, Message: "the command took too long", Hint: "allow more with --max-time or --timeout"}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.EIO), errors.Is(err, syscall.EFBIG):
		return &tokenctl.Error{Code: tokenctl.CodeDeliveryFailed, Message: "cannot write the output: " + tokenctl.Reason(err)}
	}
	return &tokenctl.Error{Code: tokenctl.CodeFailed, Message: err.Error()}
}

const queryHint = "--jq gets what -o json prints; tokenctl help formats says more"

// complain writes an error to stderr: two lines, or one JSON object with -o json.
func (a *App) complain(e *tokenctl.Error) {
	if a.jsonErrors() {
		hint := output.OptString(e.Hint)
		row := []output.Value{output.Object([]string{"code", "message", "hint"},
			[]output.Value{output.String(string(e.Code)), output.String(e.Message), hint})}
		if w, err := output.NewWriter(a.Stderr, []output.Column{{Name: "error"}}, output.Options{Format: output.NDJSON}); err == nil {
			w.Write(row) //nolint:errcheck // there is no other place to complain to
			w.Close()    //nolint:errcheck
		}
		return
	}
	name, hint := "tokenctl:", "hint:"
	if a.colored(a.Term.Stderr) {
		name, hint = "\x1b[1;31mtokenctl:\x1b[0m", "\x1b[1mhint:\x1b[0m"
	}
	fmt.Fprintf(a.Stderr, "%s %s\n", name, a.wrapped(len("tokenctl: "), output.Visible(e.Message)))
	if e.Hint != "" {
		fmt.Fprintf(a.Stderr, "%s %s\n", hint, a.wrapped(len("hint: "), output.Visible(e.Hint)))
	}
}
