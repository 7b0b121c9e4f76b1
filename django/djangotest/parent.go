package djangotest

import (
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// parent is a Python process that forks others. The parent of a release of Django imports
// the modules that every project needs, and forks a parent for each project's files. This
// one sets up the project's Django, and forks a worker for each [Project]. So a test changes
// only its own worker. A parent ends when its connection ends, at the latest with this process.
type parent struct {
	once    sync.Once
	err     error
	mu      sync.Mutex
	control *net.UnixConn
}

// parents are those of this process: of releases by the name of the peer, of projects by
// the key of their files.
var parents sync.Map

// get returns the parent under a key, started once.
func get(key string, start func() (*net.UnixConn, error)) (*parent, error) {
	found, _ := parents.LoadOrStore(key, new(parent))
	p := found.(*parent)
	p.once.Do(func() { p.control, p.err = start() })
	return p, p.err
}

// fork returns the connection to a new process that gets text.
func (p *parent) fork(text string) (*net.UnixConn, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, _, err := p.control.WriteMsgUnix([]byte(text), syscall.UnixRights(int(theirs.Fd())), nil); err != nil {
		ours.Close()
		return nil, err
	}
	return ours, nil
}

// fork returns the connection to a new worker of the project.
func (pr *Project) fork() (net.Conn, error) {
	project, err := get(pr.key, func() (*net.UnixConn, error) {
		release, err := get(pr.Peer.Name, pr.startRelease)
		if err != nil {
			return nil, err
		}
		// The process removes the folder when it ends.
		dir, err := os.MkdirTemp("", "tokenctl-django-")
		if err != nil {
			return nil, err
		}
		if err := writeFiles(dir, pr.files); err != nil {
			return nil, err
		}
		return release.fork(dir)
	})
	if err != nil {
		return nil, err
	}
	return project.fork("worker")
}

// startRelease starts the process of the project's release.
func (pr *Project) startRelease() (*net.UnixConn, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd := exec.Command(pr.Peer.Python, "-c", embedded(pr.t, "release.py"))
	cmd.Env = pr.env
	// What a piece of code prints is shown where a test fails.
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		ours.Close()
		return nil, err
	}
	return ours, nil
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
