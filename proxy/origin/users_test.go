package origin

import (
	"fmt"
	"os"
	"os/user"
	"testing"
	"testing/synctest"
	"time"
)

func TestUsersName(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	u := NewUsers()
	if got := u.Name(uint32(os.Getuid())); got != me.Username {
		t.Errorf("own user is %q, want %q", got, me.Username)
	}
	if got := u.Name(4_000_000_123); got != "" {
		t.Errorf("nobody's uid is named %q", got)
	}
}

func TestUsersRemembersForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		u := newUsers(func(uid uint32) string { asked++; return fmt.Sprintf("user%d.%d", uid, asked) })
		for range 3 {
			if got := u.Name(7); got != "user7.1" {
				t.Fatal(got)
			}
		}
		<-time.After(keepUser)
		if got := u.Name(7); got != "user7.2" {
			t.Errorf("after %v the name is still %s", keepUser, got)
		}
	})
}

func TestUsersIsBounded(t *testing.T) {
	u := newUsers(func(uint32) string { return "" })
	for uid := range uint32(10 * maxUsers) {
		u.Name(uid)
	}
	if len(u.names) > maxUsers {
		t.Errorf("%d names are remembered, at most %d should be", len(u.names), maxUsers)
	}
}
