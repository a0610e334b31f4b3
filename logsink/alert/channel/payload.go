package channel

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/lodoor/lodoor/proxy/flow"
)

// payload is what a webhook gets; docs/alerts.md is its specification.
type payload struct {
	Text        string           `json:"text"`
	Event       string           `json:"event"`
	Condition   string           `json:"condition"`
	Severity    flow.Severity    `json:"severity"`
	Service     string           `json:"service,omitempty"`
	Zone        string           `json:"zone,omitempty"`
	Count       uint64           `json:"count"`
	First       time.Time        `json:"first"`
	Last        time.Time        `json:"last"`
	Repeat      bool             `json:"repeat"`
	Observed    bool             `json:"observed"`
	Message     string           `json:"message"`
	Sample      []netip.AddrPort `json:"sample,omitempty"`
	Host        string           `json:"host"`
	Version     string           `json:"version"`
	Identity    *identity        `json:"identity,omitempty"`
	Undelivered uint64           `json:"undelivered,omitempty"`
}

type identity struct {
	Journal string `json:"journal"`
	Epoch   string `json:"epoch"`
	Seq     uint64 `json:"seq"`
}

// encode makes the body of a delivery. undelivered is how many alerts before this one were lost.
func (w *Webhook) encode(e *flow.Entry, undelivered uint64) ([]byte, error) {
	a := e.Record.Alert
	p := payload{
		Text:  fmt.Sprintf("lodoor on %s: %s: %s", w.c.Host, strings.ToUpper(a.Severity.String()), a.Message),
		Event: e.Record.Event.String(), Condition: a.Condition, Severity: a.Severity, Service: e.Record.Service,
		Count: a.Count, First: a.First.UTC(), Last: a.Last.UTC(), Repeat: a.Repeat, Observed: a.Observed,
		Message: a.Message, Sample: a.Sample, Host: w.c.Host, Version: w.c.Version, Undelivered: undelivered,
	}
	if a.Zone != flow.ZoneUnknown {
		p.Zone = a.Zone.String()
	}
	if e.ID.Seq != 0 {
		p.Identity = &identity{e.ID.Journal, e.ID.Epoch, e.ID.Seq}
	}
	body, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode alert: %w", err)
	}
	return escapeInvisible(body), nil
}

// escapeInvisible writes what a person does not see as escapes. In JSON such characters are only found in strings,
// where an escape means the same.
func escapeInvisible(body []byte) []byte {
	out := make([]byte, 0, len(body))
	for len(body) > 0 {
		r, n := utf8.DecodeRune(body)
		switch high, low := utf16.EncodeRune(r); {
		case visible(r):
			out = append(out, body[:n]...)
		case high != unicode.ReplacementChar:
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		body = body[n:]
	}
	return out
}

func visible(r rune) bool {
	return unicode.IsPrint(r) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
