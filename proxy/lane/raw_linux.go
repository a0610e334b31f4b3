//go:build !portable

package lane

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The loops' system calls. They do not tell Go's scheduler that a thread is in the kernel: it would look for somebody
// else to use the processor meanwhile, and wake other threads for calls that never wait.

// recv reads once.
func recv(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0) //nolint:gosec // lent for the call
	return int(n), errno
}

// send writes once, without SIGPIPE.
func send(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0) //nolint:gosec // as above
	return int(n), errno
}

// splice moves up to n bytes between a socket and a pipe.
func splice(from, to, n int) (int, unix.Errno) {
	const flags = unix.SPLICE_F_MOVE | unix.SPLICE_F_NONBLOCK
	m, _, errno := unix.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n), flags)
	return int(m), errno
}

// tee copies up to n bytes from one pipe to another.
func tee(from, to, n int) (int, unix.Errno) {
	m, _, errno := unix.RawSyscall6(unix.SYS_TEE, uintptr(from), uintptr(to), uintptr(n), unix.SPLICE_F_NONBLOCK, 0, 0)
	return int(m), errno
}

// read reads once.
func read(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))) //nolint:gosec // as above
	return int(n), errno
}

// shutdown sends FIN.
func shutdown(fd int) error {
	_, _, errno := unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
	return failed(errno)
}

// closeFD closes a descriptor that does not linger.
func closeFD(fd int) error {
	_, _, errno := unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	return failed(errno)
}

// setLinger has close reset the connection.
func setLinger(fd int) error {
	l := unix.Linger{Onoff: 1}
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER,
		uintptr(unsafe.Pointer(&l)), unsafe.Sizeof(l), 0) //nolint:gosec // as above
	return failed(errno)
}

// setInt sets an option of a socket. What cannot be set is left as it is.
func setInt(fd, level, option int, value int32) {
	_, _, _ = unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&value)), unsafe.Sizeof(value), 0) //nolint:gosec // as above
}

// epollAdd watches fd; name and tag come back with its events, as Fd and Pad.
func epollAdd(epoll, fd int, events uint32, name int32, tag uint32) error {
	return epollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: name, Pad: int32(tag)})
}

// epollRemove ends that; closing fd does the same.
func epollRemove(epoll, fd int) error {
	return epollCtl(epoll, unix.EPOLL_CTL_DEL, fd, &unix.EpollEvent{})
}

func epollCtl(epoll, op, fd int, e *unix.EpollEvent) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epoll), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(e)), 0, 0) //nolint:gosec // as above
	return failed(errno)
}

// epollHold waits up to ms milliseconds without giving up the processor that Go has lent to the thread. A signal ends
// it, so that the runtime still gets it back when it asks.
func epollHold(epoll int, events []unix.EpollEvent, ms int) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll),
		uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(ms), 0, 0) //nolint:gosec // as above
	if errno != 0 {
		return 0
	}
	return int(n)
}

// epollBlock is the same for long waits; -1 is for ever.
func epollBlock(epoll int, events []unix.EpollEvent, ms int) int {
	n, err := unix.EpollWait(epoll, events, ms)
	if err != nil {
		return 0
	}
	return n
}

// failed keeps a successful call's zero from becoming an error that is not nil.
func failed(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// wake writes to an eventfd.
func wake(fd int) {
	one := uint64(1)
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one)) //nolint:gosec // as above
}
