package main

import (
	"bytes"
	"errors"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/creack/pty"
)

// onTerminal is the program "onterminal FILE PROGRAM ARGUMENTS…" of the scripts: it types the
// file's text at a terminal of its own and runs the program there. The program's stdin and
// stderr are the terminal. What the terminal shows goes to stderr, and the end is the program's.
func onTerminal() {
	log.SetFlags(0)
	typed, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	control, tty, err := pty.Open()
	if err != nil {
		log.Fatal(err)
	}
	const endOfInput = "\x04"
	if _, err := control.Write(append(typed, endOfInput...)); err != nil {
		log.Fatal(err)
	}
	shown := make(chan string)
	go func() {
		var text bytes.Buffer
		for block := make([]byte, 4096); !strings.Contains(text.String(), endMark); {
			n, err := control.Read(block)
			text.Write(block[:n])
			if err != nil {
				break
			}
		}
		before, _, _ := strings.Cut(text.String(), endMark)
		shown <- before
	}()
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, os.Stdout, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	err = cmd.Run()
	io.WriteString(tty, endMark) //nolint:errcheck // the terminal is open
	io.WriteString(os.Stderr, <-shown)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	case err != nil:
		log.Fatal(err)
	}
}
