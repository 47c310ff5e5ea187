// operations NAME TARGET [NAME TARGET]...: the twin of operations.c, by Go's
// own library, linked statically: Go makes its system calls itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

func closed(f *os.File, err error) error {
	if err == nil {
		f.Close()
	}
	return err
}

func connected(network, target string) error {
	c, err := net.DialTimeout(network, target, 20*time.Second)
	if err == nil {
		c.Close()
	}
	return err
}

// The blocking connect of the syscall package, which the runtime knows nothing of.
func blocking(target string) error {
	a, err := net.ResolveTCPAddr("tcp", target)
	if err != nil {
		return err
	}
	family := syscall.AF_INET6
	var to syscall.Sockaddr
	if v4 := a.IP.To4(); v4 != nil {
		family = syscall.AF_INET
		at := &syscall.SockaddrInet4{Port: a.Port}
		copy(at.Addr[:], v4) // Go 1.19 converts no slices
		to = at
	} else {
		at := &syscall.SockaddrInet6{Port: a.Port}
		copy(at.Addr[:], a.IP.To16())
		to = at
	}
	s, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(s)
	return syscall.Connect(s, to)
}

func resolve(target string) error {
	_, err := net.DefaultResolver.LookupHost(context.Background(), target)
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return syscall.ENOENT
	}
	return err
}

func call(number, a, b, c, d, e uintptr) error {
	r, _, errno := syscall.Syscall6(number, a, b, c, d, e, 0)
	if errno != 0 {
		return errno
	}
	if r > 2 {
		syscall.Close(int(r))
	}
	return nil
}

func text(s string) uintptr {
	p, _ := syscall.BytePtrFromString(s)
	return uintptr(unsafe.Pointer(p))
}

// What package syscall does not name for every architecture.
var bpfNumber, userfaultfdNumber = map[string]uintptr{"amd64": 321, "arm64": 280}[runtime.GOARCH],
	map[string]uintptr{"amd64": 323, "arm64": 282}[runtime.GOARCH]

func bpf(string) error {
	attr := [16]uint32{2, 4, 4, 1}
	return call(bpfNumber, 0, uintptr(unsafe.Pointer(&attr)), 64, 0, 0)
}

// unshare(2) itself is EINVAL for a program with threads: a child is cloned into it.
func cloned(string) error {
	p, err := os.StartProcess("/bin/true", []string{"true"},
		&os.ProcAttr{Sys: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}})
	if err == nil {
		_, err = p.Wait()
	}
	return err
}

var operations = map[string]func(target string) error{
	"write": func(t string) error {
		f, err := os.OpenFile(t, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.Write([]byte("T"))
			f.Close()
		}
		return err
	},
	"overwrite": func(t string) error { return closed(os.Create(t)) },
	"create":    func(t string) error { return closed(os.OpenFile(t, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0644)) },
	"mkdir":     func(t string) error { return os.Mkdir(t, 0755) },
	"mkfifo":    func(t string) error { return syscall.Mkfifo(t, 0644) },
	"symlink":   func(t string) error { return os.Symlink("x", t) },
	"link":      func(t string) error { return os.Link(t, t+".new") },
	// os.Remove tries both calls.
	"unlink":   syscall.Unlink,
	"rmdir":    syscall.Rmdir,
	"rename":   func(t string) error { return os.Rename(t, t+".new") },
	"chmod":    func(t string) error { return os.Chmod(t, 0600) },
	"chown":    func(t string) error { return os.Chown(t, os.Getuid(), os.Getgid()) },
	"utimens":  func(t string) error { return os.Chtimes(t, time.Unix(9, 0), time.Unix(9, 0)) },
	"truncate": func(t string) error { return os.Truncate(t, 1) },
	"setxattr": func(t string) error { return syscall.Setxattr(t, "user.x", []byte("y"), 0) },
	"read":     func(t string) error { return closed(os.Open(t)) },
	"list": func(t string) error {
		_, err := os.ReadDir(t)
		return err
	},
	"connect":          blocking,
	"connect-nonblock": func(t string) error { return connected("tcp", t) },
	"unix":             func(t string) error { return connected("unix", t) },
	"resolve":          resolve,
	"bpf":              bpf,
	"keyctl":           func(string) error { return call(syscall.SYS_KEYCTL, 1, 0, 0, 0, 0) },
	"add_key": func(string) error {
		return call(syscall.SYS_ADD_KEY, text("user"), text("srt"), text("x"), 1, ^uintptr(1))
	},
	"unshare":       cloned,
	"packet":        func(string) error { return call(syscall.SYS_SOCKET, 17, 3, 0, 0, 0) },
	"raw-inet":      func(string) error { return call(syscall.SYS_SOCKET, 2, 3, 1, 0, 0) },
	"userfaultfd":   func(string) error { return call(userfaultfdNumber, 1, 0, 0, 0, 0) },
	"unshare-files": func(string) error { return call(syscall.SYS_UNSHARE, 0x600, 0, 0, 0, 0) },
	"socket":        func(string) error { return call(syscall.SYS_SOCKET, 10, 1, 0, 0, 0) },
}

func main() {
	for i := 1; i+1 < len(os.Args); i += 2 {
		err := operations[os.Args[i]](os.Args[i+1])
		var errno syscall.Errno
		if err != nil && !errors.As(err, &errno) {
			fmt.Println(err)
			continue
		}
		fmt.Println(int(errno))
	}
}
