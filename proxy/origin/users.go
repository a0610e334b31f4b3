package origin

import (
	"os/user"
	"strconv"
	"sync"
	"time"
)

const (
	maxUsers = 1024
	// keepUser is how long a name, or that there is none, is remembered: people add users while lodoor runs.
	keepUser = time.Minute
)

// Users names user ids. It remembers a bounded number of them, so that the path of a session reads no file. It may be
// used by many goroutines at once.
type Users struct {
	mu    sync.Mutex
	names map[uint32]userName
	find  func(uid uint32) string
}

type userName struct {
	name  string
	until time.Time
}

// NewUsers returns names as the system's user database (on Unix /etc/passwd) has them.
func NewUsers() *Users { return newUsers(findUser) }

func newUsers(find func(uint32) string) *Users {
	return &Users{names: make(map[uint32]userName), find: find}
}

// Name is the name of a user id; empty when it has none.
func (u *Users) Name(uid uint32) string {
	now := time.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	if n, ok := u.names[uid]; ok && now.Before(n.until) {
		return n.name
	}
	if len(u.names) >= maxUsers {
		clear(u.names)
	}
	n := userName{name: u.find(uid), until: now.Add(keepUser)}
	u.names[uid] = n
	return n.name
}

func findUser(uid uint32) string {
	found, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return ""
	}
	return found.Username
}
