package commands

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/output"
)

func newConfig(a *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Import and show settings",
		Long: `Take the settings over from a Django project, and show what every setting is and
where it came from.`,
		Example: `  tokenctl config import ./manage.py
  tokenctl config show`,
	}
	c.AddCommand(newConfigImport(a), paged(newConfigShow(a)))
	return c
}

type configImportOptions struct {
	app          *App
	python       string
	alias        string
	force        bool
	print        bool
	withPassword bool
}

var importColumns = []output.Column{{Name: "file", Whole: true}, {Name: "status", Whole: true}}

func newConfigImport(a *App) *cobra.Command {
	o := &configImportOptions{app: a}
	c := &cobra.Command{
		Use:   "import <manage-py>",
		Short: "Write tokenctl.toml from the settings of a Django project",
		Long: `Write tokenctl.toml into the working directory, or where --config says, from the
settings of the Django project whose manage.py is named. The project's own Python
runs once, as manage.py would run it, with the environment of this command; no
query is made.

Only what differs from the defaults of Django and its packages is written, and the
versions of the packages. SECRET_KEY, its fallbacks and simplejwt's keys go to files
beside it that only you can read, unless the project itself reads them from such a
file or from DJANGO_SECRET_KEY. The database's password is left out: it belongs in
.pgpass, in a service file or in PGPASSWORD. --with-password writes it all the
same; tokenctl.toml can be read by nobody else.`,
		Example: `  tokenctl config import ./manage.py
  tokenctl config import ../shop/manage.py --python ../shop/.venv/bin/python
  tokenctl config import ./manage.py --print`,
		Args:        o.check,
		Annotations: map[string]string{pathArguments: "yes"},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"py"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.python, "python", "python3", "the project's Python, a `FILE` or a name in PATH")
	f.StringVar(&o.alias, "alias", "default", "take the database with this `NAME` in DATABASES")
	f.BoolVar(&o.force, "force", false, "replace files that are there already")
	f.BoolVar(&o.print, "print", false, "write tokenctl.toml to stdout and no file")
	f.BoolVar(&o.withPassword, "with-password", false, "write the database's password into tokenctl.toml")
	return c
}

func (o *configImportOptions) check(_ *cobra.Command, args []string) error {
	switch {
	case len(args) != 1:
		return usage("config import takes the path of one manage.py", "write tokenctl config import ./manage.py")
	case o.print && o.withPassword:
		return usage("--print shows no password", "leave out --with-password")
	case o.print && o.force:
		return usage("--print writes no file", "leave out --force")
	}
	return nil
}

func (o *configImportOptions) run(ctx context.Context, manage string) error {
	a := o.app
	path := a.global.config
	if path == "" {
		path = settingsFile
	}
	if _, err := os.Lstat(path); err == nil && !o.force && !o.print {
		return alreadyThere(path)
	}
	doc, err := o.ask(ctx, manage)
	if err != nil {
		return err
	}
	made, err := o.convert(doc, filepath.Dir(manage))
	if err != nil {
		return err
	}
	for _, note := range made.notes {
		a.say("note: %s", note)
	}
	if o.print {
		_, err := io.WriteString(a.Stdout, made.toml)
		return err
	}
	rows, err := o.save(path, made)
	if err != nil {
		return err
	}
	for _, name := range []string{"TOKENCTL_DATABASE_URL", "DATABASE_URL"} {
		if a.Getenv(name) != "" {
			a.say("note: %s is set, and wins over the database in %s", name, path)
			break
		}
	}
	if made.passwordHint != "" {
		a.say("%s", made.passwordHint)
	}
	return a.writeAsked(importColumns, rows, false)
}

// importScript is the Python that looks at the project's settings.
//
//go:embed import.py
var importScript string

// ask runs the project's Python, which answers on a pipe of its own: what the
// project prints cannot get in between, and may hold anything.
func (o *configImportOptions) ask(ctx context.Context, manage string) (*importDocument, error) {
	if info, err := os.Stat(manage); err == nil && info.IsDir() {
		manage = filepath.Join(manage, "manage.py")
	}
	if _, err := os.Stat(manage); err != nil {
		return nil, &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "cannot read " + manage + ": " + tokenctl.Reason(err), Hint: "name the manage.py of the project"}
	}
	dir := filepath.Dir(manage)
	python := o.python
	if strings.Contains(python, "/") && !filepath.IsAbs(python) {
		var err error
		if python, err = filepath.Abs(python); err != nil {
			return nil, err
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	cmd := exec.CommandContext(ctx, python, "-c", importScript, filepath.Base(manage), o.alias)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.ExtraFiles = []*os.File{write}
	// What the project started besides itself ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err = cmd.Start()
	write.Close()
	if err != nil {
		return nil, &tokenctl.Error{Code: tokenctl.CodeFailed, Message: "cannot run " + o.python + ": " + tokenctl.Reason(err), Hint: "name the project's Python with --python"}
	}
	answer := make(chan []byte, 1)
	go func() {
		text, _ := io.ReadAll(io.LimitReader(read, 4<<20))
		answer <- text
	}()
	err = cmd.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var text []byte
	select {
	case text = <-answer:
	case <-time.After(time.Second): // a process that the project left behind has the pipe
	}
	doc := new(importDocument)
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if dec.Decode(doc) != nil {
		message := "the project's Python ended without an answer"
		if err != nil {
			message += " (" + err.Error() + ")"
		}
		return nil, &tokenctl.Error{Code: tokenctl.CodeFailed, Message: message, Hint: "see whether " + o.python + " " + filepath.Base(manage) + " check works in " + dir}
	}
	return doc, doc.failure(o, dir)
}

// failure is why the project could not be asked; nil when it could.
func (d *importDocument) failure(o *configImportOptions, dir string) error {
	e := &tokenctl.Error{Code: tokenctl.CodeFailed}
	switch d.Error {
	case "":
		return nil
	case "django":
		e.Message, e.Hint = o.python+" has no Django", "name the Python of the project's virtual environment with --python"
		for _, venv := range []string{".venv", "venv", "env"} {
			if file := filepath.Join(dir, venv, "bin", "python"); isExecutable(file) {
				e.Hint = "add --python " + file
				break
			}
		}
	case "manage":
		e.Message, e.Hint = "manage.py fails: "+d.Detail, "set the environment in which the project runs"
	case "settings":
		e.Message, e.Hint = "the project's settings cannot be loaded: "+d.Detail, "set the environment in which the project runs"
	case "no_settings":
		e.Message, e.Hint = "manage.py names no settings", "set DJANGO_SETTINGS_MODULE"
	case "alias":
		e.Code, e.Message, e.Hint = tokenctl.CodeNotFound, "DATABASES has no "+o.alias, "it has "+strings.Join(d.Aliases, ", ")+": choose with --alias"
	default:
		e.Message = "the project's Python gave no answer that tokenctl understands"
	}
	return e
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func alreadyThere(path string) error {
	return &tokenctl.Error{Code: tokenctl.CodeAlreadyExists, Message: path + " is there already", Hint: "--force replaces it; --print shows what would stand in it"}
}

// save writes the key files and then tokenctl.toml: all of them or none.
func (o *configImportOptions) save(path string, made *imported) (rows [][]output.Value, err error) {
	a, dir := o.app, filepath.Dir(path)
	files := append(made.files, importFile{name: filepath.Base(path), text: made.toml})
	var created []string
	defer func() {
		if err != nil {
			for _, file := range created {
				os.Remove(file) //nolint:errcheck // the error that led here is the one to tell
			}
		}
	}()
	for _, f := range files {
		target, status := filepath.Join(dir, f.name), "kept"
		// The same key may be there since an earlier import, or init.
		if text, err := readPrivate(target); err != nil || text != f.text {
			ok, err := createPrivate(target, f.text)
			status = "created"
			switch {
			case err != nil:
				return nil, err
			case ok:
				created = append(created, target)
			case !o.force:
				return nil, alreadyThere(target)
			default:
				status = "replaced"
				if err := replacePrivate(target, f.text); err != nil {
					return nil, err
				}
			}
		}
		a.say("%s %s", status, target)
		rows = append(rows, []output.Value{output.String(target), output.String(status)})
	}
	return rows, nil
}
