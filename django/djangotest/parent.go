package djangotest

import (
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// parent is a Python process that has set up the Django of projects with the same files,
// which takes it a second. It forks a worker for each of them, so what a test changes in
// its worker is seen by no other test. It ends when this process does, as its standard
// input does.
type parent struct {
	once    sync.Once
	err     error
	mu      sync.Mutex
	control *net.UnixConn
}

// parents are those of this process, by the files of their projects.
var parents sync.Map

// fork returns the connection to a new worker.
func (pr *Project) fork() (net.Conn, error) {
	found, _ := parents.LoadOrStore(pr.key, new(parent))
	p := found.(*parent)
	p.once.Do(func() { p.err = p.start(pr) })
	if p.err != nil {
		return nil, p.err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, _, err := p.control.WriteMsgUnix([]byte{0}, syscall.UnixRights(int(theirs.Fd())), nil); err != nil {
		ours.Close()
		return nil, err
	}
	return ours, nil
}

// start starts the process, in a folder that it removes itself.
func (p *parent) start(pr *Project) error {
	dir, err := os.MkdirTemp("", "tokenctl-django-")
	if err != nil {
		return err
	}
	if err := writeFiles(dir, pr.files); err != nil {
		return err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	cmd := exec.Command(pr.Peer.Python, "worker.py")
	cmd.Dir, cmd.Env = dir, pr.env
	// What a piece of code prints is shown where a test fails.
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	p.control = ours
	return nil
}

// socketPair returns two ends of a connection, the second for another process.
func socketPair() (*net.UnixConn, *os.File, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn.(*net.UnixConn), theirs, nil
}
