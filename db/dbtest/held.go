package dbtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// held is a server that lives for as long as its standard input is open. The
// kernel closes that when this process ends, even when it is killed or when "go
// test" loses patience, so nothing is ever left running.
type held struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr *bytes.Buffer
	line   string // what the script said when it was ready
}

// hold runs a shell script and waits for the line that says it is ready.
func hold(script string, args ...string) (*held, error) {
	cmd := exec.Command("sh", append([]string{"-c", script, "sh"}, args...)...)
	attr, err := asServer()
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr = attr
	h := &held{cmd: cmd, stderr: new(bytes.Buffer)}
	cmd.Stderr = h.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if h.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("%w: %s", errors.Join(err, cmd.Wait()), strings.TrimSpace(h.stderr.String()))
	}
	h.line = strings.TrimSuffix(line, "\n")
	return h, nil
}

// stop ends the server and waits until it is gone.
func (h *held) stop() error {
	if err := h.stdin.Close(); err != nil {
		return err
	}
	return h.cmd.Wait()
}

// asServer says who runs a server: not root, because PostgreSQL and PgBouncer
// refuse, and in a session of its own, so that a Ctrl-C meant for the tests does
// not kill the script before it has cleaned up.
func asServer() (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, nil
}
