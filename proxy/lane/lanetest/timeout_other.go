//go:build !linux

package lanetest

import "testing"

func (k kit) userTimeout(t *testing.T) { t.Skip("TCP_USER_TIMEOUT is Linux's") }
