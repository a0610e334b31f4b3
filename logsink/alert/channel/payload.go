package channel

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// payload is what a webhook and a command get; docs/alert-channels.md is its specification.
type payload struct {
	Text        string           `json:"text"`
	Event       string           `json:"event"`
	ID          string           `json:"id,omitempty"`
	Condition   string           `json:"condition"`
	Severity    flow.Severity    `json:"severity"`
	Service     string           `json:"service,omitempty"`
	Zone        string           `json:"zone,omitempty"`
	Forwarder   string           `json:"forwarder,omitempty"`
	Program     string           `json:"program,omitempty"`
	By          []label          `json:"by,omitempty"`
	Count       uint64           `json:"count"`
	First       time.Time        `json:"first"`
	Last        time.Time        `json:"last"`
	Repeat      bool             `json:"repeat"`
	Resolved    bool             `json:"resolved"`
	Observed    bool             `json:"observed"`
	Message     string           `json:"message"`
	Sample      []netip.AddrPort `json:"sample,omitempty"`
	Host        string           `json:"host"`
	HostID      string           `json:"host_id,omitempty"`
	Version     string           `json:"version"`
	Identity    *identity        `json:"identity,omitempty"`
	Undelivered uint64           `json:"undelivered,omitempty"`
}

type identity struct {
	Journal string `json:"journal"`
	Epoch   string `json:"epoch"`
	Seq     uint64 `json:"seq"`
}

func (i *identity) word() string {
	return i.Journal + "-" + i.Epoch + "-" + strconv.FormatUint(i.Seq, 10)
}

type label struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

const resolvedWord = "RESOLVED"

// compose makes what is sent of an alert. undelivered is how many alerts before this one were lost.
func (d *Delivery) compose(id flow.Identity, r *flow.Record, undelivered uint64) (*message, error) {
	a := r.Alert
	p := payload{
		Event: r.Event.String(), ID: a.ID, Condition: a.Condition, Severity: a.Severity, Service: r.Service,
		Forwarder: a.Forwarder, Program: a.Program, Count: a.Count, First: a.First.UTC(), Last: a.Last.UTC(),
		Repeat: a.Repeat, Resolved: a.Resolved, Observed: a.Observed, Message: a.Message, Sample: a.Sample,
		Host: d.host.Name, HostID: d.host.ID, Version: d.version, Undelivered: undelivered,
	}
	p.Text = fmt.Sprintf("lodoor on %s: %s: %s", p.Host, strings.ToUpper(a.Severity.String()), a.Message)
	if a.Resolved {
		p.Message = resolvedWord + ": " + strings.TrimPrefix(a.Message, resolvedWord+": ")
		p.Text = fmt.Sprintf("%s: lodoor on %s: %s", resolvedWord, p.Host, strings.TrimPrefix(p.Message, resolvedWord+": "))
	}
	p.Text = harmless(p.Text)
	if a.Zone != flow.ZoneUnknown {
		p.Zone = a.Zone.String()
	}
	for _, l := range a.By {
		p.By = append(p.By, label(l))
	}
	if id.Seq != 0 {
		p.Identity = &identity{id.Journal, id.Epoch, id.Seq}
	}
	body, err := json.Marshal(p)
	if err != nil {
		return nil, refusal{fmt.Errorf("encode alert: %w", err)}
	}
	return &message{payload: p, record: r, body: escapeInvisible(body)}, nil
}
