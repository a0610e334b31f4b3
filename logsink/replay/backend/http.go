package backend

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	gohttp "net/http"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/http"
)

// httpProtocol is HTTP/1.1's. A question is a method, a target and a body.
type httpProtocol struct{ recording string }

func httpKey(method, target string, body []byte) key {
	return keyOf('h', []byte(method), []byte(target), body)
}

// httpCutter reads a recorded session of HTTP.
type httpCutter struct {
	script   *script
	splitter *http.Splitter
	waiting  []httpAsked
	answer   []byte // of the first that waits, so far: messages like 103 Early Hints
}

type httpAsked struct {
	key  key
	head bool
}

func (p *httpProtocol) cut(s *script) cutter {
	c := &httpCutter{script: s}
	c.splitter = http.NewSplitter(messageMax, c.message)
	return c
}

func (c *httpCutter) feed(d flow.Direction, b []byte) error { return c.splitter.Data(d, b) }

func (c *httpCutter) end() error {
	return errors.Join(c.splitter.End(flow.FromClient), c.splitter.End(flow.FromBackend))
}

func (c *httpCutter) message(d flow.Direction, m http.Message) error {
	if d == flow.FromClient {
		c.waiting = append(c.waiting, httpAsked{httpKey(m.Method, m.Target, m.Body), m.Method == gohttp.MethodHead})
		return nil
	}
	switch {
	case m.Upgrade:
		return errors.New("another protocol is spoken from here on")
	case m.Interim && m.Status == gohttp.StatusContinue: // it is said to each client that waits for it
		return nil
	case m.Interim:
		c.answer = append(c.answer, m.Raw...)
		return nil
	case len(c.waiting) == 0: // the service took its time too long (408)
		return nil
	}
	w := c.waiting[0]
	c.waiting = c.waiting[1:]
	c.script.add(take{key: w.key, answer: append(bytes.Clone(c.answer), m.Raw...), closes: closes(&m, w.head)})
	c.answer = c.answer[:0]
	return nil
}

// closes says whether the service closed the connection behind a message, or the message's end is just that (RFC 9112,
// 6.3 and 9.3).
func closes(m *http.Message, head bool) bool {
	sized := head || m.Status == gohttp.StatusNoContent || m.Status == gohttp.StatusNotModified
	keep := m.Version == "HTTP/1.1"
	for _, f := range m.Fields {
		value := strings.ToLower(f.Value)
		switch f.Name {
		case "content-length":
			sized = true
		case "transfer-encoding":
			sized = sized || strings.HasSuffix(value, "chunked")
		case "connection":
			keep = !strings.Contains(value, "close") && (keep || strings.Contains(value, "keep-alive"))
		}
	}
	return !sized || !keep
}

func (p *httpProtocol) serve(c *client) error {
	in := bufio.NewReader(c.conn)
	for {
		r, err := gohttp.ReadRequest(in)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				fmt.Fprintf(c.out, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			}
			return fmt.Errorf("read a request: %w", err)
		}
		over, err := p.answer(c, r)
		if err == nil {
			err = c.out.Flush()
		}
		if over || err != nil {
			return err
		}
	}
}

// answer answers a request and says whether the connection is over then.
func (p *httpProtocol) answer(c *client, r *gohttp.Request) (over bool, err error) {
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		fmt.Fprintf(c.out, "HTTP/1.1 100 Continue\r\n\r\n")
		if err := c.out.Flush(); err != nil {
			return true, fmt.Errorf("answer a client: %w", err)
		}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, messageMax+1))
	_ = r.Body.Close()
	switch {
	case err != nil:
		return true, fmt.Errorf("read a request: %w", err)
	case len(body) > messageMax:
		fmt.Fprintf(c.out, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return true, nil
	}
	t := c.next(httpKey(r.Method, r.RequestURI, body))
	if t == nil {
		p.unknown(c, r)
		return r.Close, nil
	}
	_, err = c.out.Write(t.answer)
	return r.Close || t.closes, err
}

// unknown answers what is not in the recording: 501, which a service rarely says of itself.
func (p *httpProtocol) unknown(c *client, r *gohttp.Request) {
	what := r.Method + " " + r.RequestURI
	c.missing(what)
	text := fmt.Sprintf("lodoor: %s, with this body, is not in the recording %s\n", cut(what), p.recording)
	sent := text
	if r.Method == gohttp.MethodHead {
		sent = ""
	}
	fmt.Fprintf(c.out, "HTTP/1.1 501 Not Implemented\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s", len(text), sent)
}
