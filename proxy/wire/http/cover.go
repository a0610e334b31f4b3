package http

import "bytes"

// cover overwrites one direction as a parser reads it.
type cover struct {
	parser         *parser
	authentication bool
	values         bool // of a query
	bodies         bool

	url     urlCover // of the target, then of fields and of a form
	secret  secretCover
	within  bool // a field's value has begun
	hidden  bool // it is a secret
	kind    bodyKind
	members jsonCover
	parts   partsCover
}

// bodyKind is how a body is overwritten.
type bodyKind uint8

const (
	bodyOpen bodyKind = iota
	bodyForm
	bodyJSON
	bodyParts
	bodyHidden
)

// start makes ready for a message.
func (c *cover) start() {
	c.url.start(c.values)
	c.within, c.kind = false, bodyOpen
}

func (c *cover) target(b []byte) {
	if c.authentication || c.values {
		c.url.mask(b)
	}
}

func (c *cover) value(b []byte) {
	if !c.authentication && !c.values {
		return
	}
	if !c.within {
		c.within = true
		name := string(c.parser.name)
		c.hidden = c.authentication && (c.parser.long || secretField(name))
		c.secret.start(name == "authorization" || name == "proxy-authorization")
		c.url.start(c.values)
	}
	switch {
	case c.hidden:
		c.secret.mask(b)
	case urlField(c.parser.name) || c.authentication:
		c.url.mask(b)
	}
}

// urlField says whether a field's value is a URL that a query may be in.
func urlField(name []byte) bool {
	switch string(name) {
	case "referer", "location", "content-location", "link", "refresh":
		return true
	}
	return false
}

// field ends a field.
func (c *cover) field() {
	c.within = false
	if string(c.parser.name) != "content-type" || c.parser.tail || !c.authentication {
		return
	}
	kind := bytes.ToLower(c.parser.text)
	switch {
	case bytes.HasPrefix(kind, []byte("application/x-www-form-urlencoded")):
		c.kind = bodyForm
	case bytes.Contains(kind, []byte("json")):
		c.kind = bodyJSON
	case bytes.HasPrefix(kind, []byte("multipart/form-data")):
		if c.kind = bodyParts; !c.parts.start(c.parser.text) {
			c.kind = bodyHidden
		}
	}
}

// head makes ready for the body.
func (c *cover) head() error {
	if c.bodies {
		c.kind = bodyHidden
	}
	c.url.form(false)
	c.members = jsonCover{}
	return nil
}

func (c *cover) body(b []byte) {
	if c.parser.state == inTunnel {
		return
	}
	switch c.kind {
	case bodyHidden:
		fill(b)
	case bodyForm:
		c.url.mask(b)
	case bodyJSON:
		c.members.mask(b)
	case bodyParts:
		c.parts.mask(b)
	}
}

// skipped goes on behind a gap in a body, of which it is not known what a name or a value is any more.
func (c *cover) skipped() {
	if c.kind != bodyOpen {
		c.kind = bodyHidden
	}
}
