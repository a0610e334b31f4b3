package origin

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/lodoor/lodoor/proxy/flow"
)

// noUID stands for the user ids that Windows does not have: 0 would be root's.
const noUID = ^uint32(0)

// windowsOwners asks for the tables of connections (GetExtendedTcpTable).
type windowsOwners struct {
	table *windows.LazyProc
}

func newSearch(c ResolverConfig) (searcher, []string, error) {
	table := windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetExtendedTcpTable")
	if err := table.Find(); err != nil {
		return nil, nil, err
	}
	missing := []string{"processes of other users may not be found behind connections, unless lodoor runs elevated"}
	if windows.GetCurrentProcessToken().IsElevated() {
		missing = nil
	}
	return newOwnerSearch(c, &windowsOwners{table: table}, 0), missing, nil
}

// threadTime is the time of day: the tables take hardly longer than their processor time.
func threadTime() time.Duration { return time.Duration(time.Now().UnixNano()) }

func (w *windowsOwners) owners(context.Context) (ownership, error) {
	owners := ownership{}
	four, err := w.read(windows.AF_INET)
	if err != nil {
		return nil, err
	}
	owners.addTable4(four)
	six, err := w.read(windows.AF_INET6)
	if err != nil {
		return nil, err
	}
	owners.addTable6(six)
	return owners, nil
}

// read reads the table of one family. It grows while one makes room for it.
func (w *windowsOwners) read(family uint32) ([]byte, error) {
	const (
		connections = 4 // TCP_TABLE_OWNER_PID_CONNECTIONS
		attempts    = 8
	)
	size := uint32(16 << 10)
	for range attempts {
		words := make([]uint32, (size+3)/4+256) // aligned as the rows want it, with room for some that come meanwhile
		size = uint32(len(words) * 4)
		result, _, _ := w.table.Call(uintptr(unsafe.Pointer(&words[0])), uintptr(unsafe.Pointer(&size)), 0,
			uintptr(family), connections, 0)
		switch err := windows.Errno(result); {
		case err == 0:
			return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*4), nil
		case !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER):
			return nil, fmt.Errorf("GetExtendedTcpTable: %w", err)
		}
	}
	return nil, fmt.Errorf("GetExtendedTcpTable: %w", windows.ERROR_INSUFFICIENT_BUFFER)
}

// look asks for a process. While it is open nobody else gets its number.
func (w *windowsOwners) look(pid int) (*flow.Process, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	defer windows.CloseHandle(h) //nolint:errcheck // nothing was written
	var began, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &began, &ended, &kernel, &user); err != nil {
		return nil, fmt.Errorf("times of process %d: %w", pid, err)
	}
	path := make([]uint16, windows.MAX_LONG_PATH)
	n := uint32(len(path))
	if err := windows.QueryFullProcessImageName(h, 0, &path[0], &n); err != nil {
		return nil, fmt.Errorf("executable of process %d: %w", pid, err)
	}
	exe := windows.UTF16ToString(path[:n])
	return &flow.Process{
		PID: pid, Started: time.Unix(0, began.Nanoseconds()), Program: programOfPath(exe),
		Executable: flow.Executable{Path: exe}, UID: noUID, User: userOf(h),
	}, nil
}

// userOf is the security identifier of a process's user. Its name may have to be asked for on the network.
func userOf(process windows.Handle) string {
	var token windows.Token
	if err := windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token); err != nil {
		return ""
	}
	defer token.Close() //nolint:errcheck // nothing was written
	user, err := token.GetTokenUser()
	if err != nil {
		return ""
	}
	return user.User.Sid.String()
}

// complete adds nothing.
func (w *windowsOwners) complete(context.Context, *flow.Process) {}
