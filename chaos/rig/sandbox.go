//go:build linux

package rig

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/codegraphdb/codegraph/graph"
)

// The first arguments of the two processes that Sandbox starts from this program.
const (
	ArgInside = "inside" // then the work directory, then the arguments of the command
	ArgGuard  = "guard"  // then the work directory
)

// guardFD is where a process inside finds its end of the line to the guard.
const guardFD = 3

// Sandbox runs this program again with the given arguments, inside network, mount and pid
// namespaces of its own, and returns its exit code. The work directory is deleted at the end (RG1).
func Sandbox(work string, args []string) (int, error) {
	if os.Geteuid() != 0 {
		return 0, graph.Errorf("rig.Sandbox", graph.KindForbidden,
			"this makes namespaces and mounts and needs root").WithRemedy("run it with sudo")
	}
	// The child dies with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("rig: %w", err)
	}
	near := os.NewFile(uintptr(ends[0]), "guard")
	far := os.NewFile(uintptr(ends[1]), "inside")
	guard := exec.Command("/proc/self/exe", ArgGuard, work)
	guard.Stdin, guard.Stderr = near, os.Stderr
	guard.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = guard.Start()
	near.Close()
	if err != nil {
		far.Close()
		return 0, fmt.Errorf("rig: guard: %w", err)
	}
	code, err := runInside(work, args, far)
	far.Close()
	return code, errors.Join(err, guard.Wait())
}

// runInside starts the process inside and waits for its end.
func runInside(work string, args []string, far *os.File) (int, error) {
	cmd := exec.Command("/proc/self/exe", append([]string{ArgInside, work}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{far}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL,
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID}
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(stop)
	if err := cmd.Start(); err != nil {
		return 0, graph.Errorf("rig.Sandbox", graph.KindForbidden, "namespaces: %w", err).
			WithRemedy("run it on a machine or in a container that may make them (CAP_SYS_ADMIN)")
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-stop:
			_ = cmd.Process.Kill() // it is the first process of its namespace: all others go too
		case <-done:
		}
	}()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 0, fmt.Errorf("rig: the runner was ended by signal %s", s.Signal())
	}
	return cmd.ProcessState.ExitCode(), nil
}

// Enter makes the namespaces usable; a process that Sandbox started calls it first.
func Enter() error {
	unix.CloseOnExec(guardFD)
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("rig: private mounts: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("rig: /proc: %w", err)
	}
	return nil
}

// Guard does what the kernel would not: it thaws the disks that it was told of and deletes the
// work directory as soon as the process inside is gone. It reads its line from standard input.
func Guard(work string) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	conn, err := net.FileConn(os.Stdin)
	if err != nil {
		return fmt.Errorf("rig: guard: %w", err)
	}
	line, ok := conn.(*net.UnixConn)
	if !ok {
		return errors.New("rig: guard: standard input is no line")
	}
	frozen := map[string]int{}
	for {
		until := time.Time{}
		if len(frozen) > 0 {
			until = time.Now().Add(frozenMost)
		}
		_ = line.SetReadDeadline(until) // a line without deadlines ends with the process inside
		name, fd, err := receive(line)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			thaw(frozen)
			continue
		}
		if err != nil || name == "" {
			break
		}
		if old, known := frozen[name]; known {
			unix.Close(old)
			delete(frozen, name)
		}
		if fd >= 0 {
			frozen[name] = fd
		}
	}
	thaw(frozen)
	return os.RemoveAll(work)
}

// frozenMost is after how long a disk is thawed though nobody asked for it.
const frozenMost = time.Minute

// thaw thaws all disks of a map and empties it.
func thaw(frozen map[string]int) {
	for name, fd := range frozen {
		_ = unix.IoctlSetInt(fd, fiThaw, 0) // it may have been thawed already
		unix.Close(fd)
		delete(frozen, name)
	}
}

// receive reads one message: the name of a disk, with its directory if it is about to be frozen.
func receive(line *net.UnixConn) (string, int, error) {
	text, oob := make([]byte, 256), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := line.ReadMsgUnix(text, oob)
	if err != nil {
		return "", -1, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) == 0 {
		return string(text[:n]), -1, err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return string(text[:n]), -1, err
	}
	return string(text[:n]), fds[0], nil
}

// tellGuard names a disk to the guard; fd < 0 says that it is thawed.
func tellGuard(disk, fd int) error {
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	return unix.Sendmsg(guardFD, []byte("disk "+strconv.Itoa(disk)), rights, nil, 0)
}
