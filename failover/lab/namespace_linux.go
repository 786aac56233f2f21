package lab

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

var errNoReturn = errors.New("lab: the function ended its goroutine instead of returning")

// onThread runs fn on an operating-system thread that ends with it. Whatever namespace fn enters, no other goroutine ever sees it:
// the thread is never handed back. Goroutines that fn starts run on other threads, in the namespaces of the process.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		err := errNoReturn
		defer func() { done <- err }()
		runtime.LockOSThread() // and never unlock: the thread ends with this goroutine
		if unix.Gettid() != os.Getpid() {
			err = fn()
			return
		}
		// The main thread cannot end. It would stay in the namespace for ever, so hold it and take another one.
		err = onThread(fn)
		runtime.UnlockOSThread()
	}()
	return <-done
}

// newNetNS makes an empty network namespace that exists for as long as the handle (or what is moved into it by it) is open. prepare
// runs inside it.
func newNetNS(prepare func() error) (netns.NsHandle, error) {
	ns := netns.None()
	err := onThread(func() error {
		var err error
		if ns, err = netns.New(); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		return prepare()
	})
	if err != nil && ns.IsOpen() {
		_ = ns.Close()
		ns = netns.None()
	}
	return ns, err
}

// inNetNS runs fn in a network namespace.
func inNetNS(ns netns.NsHandle, fn func() error) error {
	return onThread(func() error {
		if err := netns.Set(ns); err != nil {
			return fmt.Errorf("enter a network namespace: %w", err)
		}
		return fn()
	})
}

// setSysctl writes a value below /proc/sys/net of the calling thread's network namespace. A file that does not exist belongs to
// something this kernel lacks, and is passed over.
func setSysctl(path, value string) error {
	err := os.WriteFile("/proc/sys/net/"+path, []byte(value), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
