package channel

import "net/http"

// SetTransport has a webhook send by a transport of the test's.
func SetTransport(d *Delivery, to http.RoundTripper) {
	d.outlet.Load().sender.(*webhook).client.Transport = to
}

// SetStrict has chats send by a transport of the test's, until undo.
func SetStrict(to http.RoundTripper) (undo func()) {
	g := http.DefaultTransport.(*guard)
	strict := g.strict
	g.strict = to
	return func() { g.strict = strict }
}

// ServiceNames are those of the chat services.
func ServiceNames() []string { return serviceNames() }
