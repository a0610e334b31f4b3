//go:build !linux

package main

// humbleMain is only needed where a script's condition [privileged-ports] holds.
func humbleMain([]string) int { return 1 }
