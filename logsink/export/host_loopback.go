package export

import "net/netip"

// loopback says whether what is sent to this host stays on this machine.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || host == "localhost"
}
