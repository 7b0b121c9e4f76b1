package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"

	"tokenctl/db"
	"tokenctl/django"
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

// codes maps every code to its exit status and to its meaning for the README.
var codes = []struct {
	code    django.Code
	status  int
	meaning string
}{
	{django.CodeFailed, exitFailed, "something failed that has no code of its own"},
	{django.CodeUsage, exitUsage, "the command line is wrong"},
	{django.CodeSecretInArgument, exitUsage, "an argument looks like a secret, which every process on the machine could read"},
	{django.CodeInvalidValue, exitUsage, "a value is not one that Django or the database allows"},
	{django.CodePasswordRejected, exitUsage, "Django's password validators reject the password"},
	{django.CodeColumnsRequired, exitUsage, "the model of users or tokens has further columns that need a value"},
	{django.CodeConfigInvalid, exitUsage, "tokenctl.toml has an unknown key or a wrong value"},
	{django.CodeConfigUnsafe, exitFailed, "others could read or write tokenctl.toml or a key file"},
	{django.CodeKeyMissing, exitFailed, "it takes SECRET_KEY, or simplejwt's signing key, and none is configured"},
	{django.CodeWrongKey, exitFailed, "the configured key is not the one that the application signs with"},
	{django.CodeKindRequired, exitUsage, "the database has several kinds of tokens: say which"},
	{django.CodeKindUnsupported, exitUsage, "tokenctl cannot do this with credentials of this kind"},
	{django.CodeAmbiguousID, exitUsage, "the id fits more than one credential"},
	{django.CodeAmbiguousUser, exitUsage, "several users have the name"},
	{django.CodeNotFound, exitNotFound, "there is no such credential or object"},
	{django.CodeUserNotFound, exitNotFound, "there is no such user"},
	{django.CodeAlreadyExists, exitConflict, "a row or file with this name is there already"},
	{django.CodeUserExists, exitConflict, "the user is there already"},
	{django.CodeTokenExists, exitConflict, "the user has as many tokens as the kind or its settings allow"},
	{django.CodeChanged, exitConflict, "somebody changed it meanwhile"},
	{django.CodeDeadlock, exitConflict, "the database ended it because another transaction changes the same rows: try again"},
	{django.CodeReferenced, exitConflict, "other rows refer to it"},
	{django.CodeRowsKept, exitFailed, "a trigger, a rule or row security of the database kept rows as they were"},
	{django.CodePartlyDone, exitPartly, "some of it was done, the rest could not be"},
	{django.CodeConfirmation, exitConfirm, "it needs a confirmation that nobody could be asked for, or that was not given"},
	{django.CodeTableMissing, exitFailed, "Django's table for this is not in the database"},
	{django.CodeLayoutUnsupported, exitFailed, "a table is not laid out as any supported release makes it"},
	{django.CodeUsernameField, exitFailed, "the USERNAME_FIELD cannot be told from the database"},
	{django.CodeDatabaseNotEmpty, exitConflict, "init found tables"},
	{django.CodeDatabaseMissing, exitUnreachable, "the SQLite file is not there"},
	{django.CodeDatabaseUnreachable, exitUnreachable, "the database cannot be reached or was lost"},
	{django.CodeDatabaseRefused, exitUnreachable, "the database refused the connection"},
	{django.CodeDatabaseLocked, exitFailed, "somebody else holds a lock for longer than --timeout"},
	{django.CodeDatabaseReadOnly, exitFailed, "the database cannot be written"},
	{django.CodeDatabaseFull, exitFailed, "the disk under the database is full"},
	{django.CodeDatabaseError, exitFailed, "the database reports an error that has no code of its own"},
	{django.CodePermissionDenied, exitFailed, "the database role lacks a privilege"},
	{django.CodeTimeout, exitFailed, "--timeout or --max-time was reached"},
	{django.CodeDeliveryFailed, exitFailed, "the output could not be written"},
	{django.CodeOutcomeUnknown, exitFailed, "a commit was sent and no answer came: it may or may not have happened"},
	{django.CodeInterrupted, 130, "SIGINT (130) or SIGTERM (143) ended it; the hint says what stands"},
}

// doubtful are the codes of failures that come from outside while rows are changed.
// Only with them is it said that nothing was changed.
var doubtful = []django.Code{django.CodeTimeout, django.CodeDeadlock, django.CodeDeliveryFailed,
	django.CodeDatabaseUnreachable, django.CodeDatabaseFull, django.CodeDatabaseError}

// errNo ends a command whose answer is no: everything is said on stdout.
var errNo = errors.New("no")

func usage(message, hint string) *django.Error {
	return &django.Error{Code: django.CodeUsage, Message: message, Hint: hint}
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
	var e *django.Error
	var signal interrupted
	cause := context.Cause(ctx)
	stopped := errors.As(cause, &signal) || errors.As(err, &signal)
	switch limit := errors.As(cause, &e); {
	case known.unknown && !(errors.As(err, &e) && e.Code == django.CodeOutcomeUnknown):
		e = db.OutcomeUnknown(cause.Error(), err)
	case known.unknown, limit:
	case stopped:
		e = &django.Error{Code: django.CodeInterrupted, Message: "interrupted"}
	case errors.Is(err, syscall.EPIPE) && !a.mutating:
		return exitReaderGone
	case !errors.As(err, &e):
		e = a.plainError(err)
	}
	e = withInvisible(a.withSource(e))
	e = withoutSecrets(&django.Error{Code: e.Code, Message: e.Message, Hint: e.Hint})
	doubt := ctx.Err() != nil || known.begun && slices.Contains(doubtful, e.Code)
	if known.text != "" && e.Code != django.CodePartlyDone && (known.text != nothingChanged || doubt) {
		e.Hint = strings.Trim(known.text+"; "+e.Hint, "; ")
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

// withInvisible adds the invisible character of an unknown name to the hint.
func withInvisible(e *django.Error) *django.Error {
	found := django.Invisible(e.Message)
	if found == "" || e.Code != django.CodeUserNotFound && e.Code != django.CodeNotFound {
		return e
	}
	said := *e
	said.Hint = strings.TrimPrefix(e.Hint+"; there is "+found+" in what was asked for", "; ")
	return &said
}

// withoutSecrets hides what looks like a secret, such as a name that is nobody's: it may
// be a session key in the wrong place.
func withoutSecrets(e *django.Error) *django.Error {
	hidden := &django.Error{Code: e.Code, Message: tokens.Hide(e.Message), Hint: tokens.Hide(e.Hint)}
	if hidden.Message != e.Message {
		hidden.Hint = strings.TrimPrefix(hidden.Hint+"; what looks like a secret is not repeated", "; ")
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
func (a *App) plainError(err error) *django.Error {
	var field *output.UnknownFieldError
	switch {
	case errors.As(err, &field):
		return usage(field.Error(), "")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &django.Error{Code: django.CodeTimeout, Message: "the command took too long", Hint: "allow more with --max-time or --timeout"}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.EIO), errors.Is(err, syscall.EFBIG):
		return &django.Error{Code: django.CodeDeliveryFailed, Message: "cannot write the output: " + reason(err)}
	}
	return &django.Error{Code: django.CodeFailed, Message: err.Error()}
}

// complain writes an error to stderr: two lines, or one JSON object with -o json.
func (a *App) complain(e *django.Error) {
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
	fmt.Fprintf(a.Stderr, "%s %s\n", name, output.Visible(e.Message))
	if e.Hint != "" {
		fmt.Fprintf(a.Stderr, "%s %s\n", hint, output.Visible(e.Hint))
	}
}

func (a *App) jsonErrors() bool { return a.global.output == string(output.JSON) }

// remarks is where things are said that are no error. With -o json a failure is
// one JSON object and nothing else on stderr, so they wait for the end.
func (a *App) remarks() io.Writer {
	if a.jsonErrors() && !a.interactive() {
		return &a.held
	}
	return a.Stderr
}

// say tells the person something about what happens, on stderr.
func (a *App) say(format string, args ...any) {
	if !a.global.quiet {
		fmt.Fprintln(a.remarks(), output.Visible(tokens.Hide(fmt.Sprintf(format, args...))))
	}
}

// explain says something on stderr that only -v asks for.
func (a *App) explain(format string, args ...any) {
	if a.global.verbose {
		a.say(format, args...)
	}
}

// colored decides for one stream whether it may carry colour.
func (a *App) colored(terminal bool) bool {
	switch {
	case a.global.color == "always":
		return true
	case a.global.color == "never", a.Getenv("NO_COLOR") != "":
		return false
	case a.Getenv("CLICOLOR_FORCE") == "1":
		return true
	}
	return terminal && a.Getenv("TERM") != "dumb"
}

// reason is the operating system's word for what went wrong.
func reason(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	if errors.Is(err, io.ErrShortWrite) {
		return "it was cut short"
	}
	return err.Error()
}
