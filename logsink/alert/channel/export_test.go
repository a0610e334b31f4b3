package channel

import "net/http"

// SetTransport has a webhook send by a transport of the test's.
func SetTransport(d *Delivery, to http.RoundTripper) {
	d.outlet.Load().sender.(*webhook).client.Transport = to
}
