package journal

import (
	"fmt"
	"strconv"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

func (d *decoder) operation(w *wireRecord) *flow.Operation {
	v := w.Operation.get()
	if v == nil {
		return nil
	}
	o := &flow.Operation{
		Protocol: v.Protocol, Kind: v.Kind, Fingerprint: d.fingerprint(v.Fingerprint), Cut: v.Cut, Failed: v.Failed,
		Unfinished: v.Unfinished, Application: text(v.Application, v.ApplicationRaw), Auth: text(v.Auth, v.AuthRaw),
		Transaction: v.Transaction, Rows: rows(v.ChangedRows.get()), FromClient: v.FromClient, FromBackend: v.FromBackend,
		Started: w.Time.Add(-time.Duration(v.Duration)), Asked: time.Duration(v.Asked),
		FirstByte: time.Duration(v.FirstByte), LastByte: time.Duration(v.LastByte),
	}
	if u := w.User.get(); u != nil {
		o.User = text(u.Name, u.NameRaw)
	}
	if e := w.Error.get(); e != nil {
		o.Error = text(e.Message, e.MessageRaw)
	}
	if w.HTTP.present {
		w.http(o)
	} else {
		w.db(o)
	}
	return o
}

func (w *wireRecord) db(o *flow.Operation) {
	v := &w.DB.value
	o.System = text(v.System.value.Name, v.System.value.NameRaw)
	o.Namespace = text(v.Namespace, v.NamespaceRaw)
	o.Name = text(v.Operation.value.Name, v.Operation.value.NameRaw)
	o.Text = text(v.Query.value.Text, v.Query.value.TextRaw)
	if r := v.Response.get(); r != nil {
		o.Status = text(r.Status, r.StatusRaw)
		if r.Rows.present {
			o.Rows = rows(r.Rows.get())
		}
	}
}

func (w *wireRecord) http(o *flow.Operation) {
	v := &w.HTTP.value
	o.Name = text(v.Request.value.Method, v.Request.value.MethodRaw)
	if r := v.Response.get(); r != nil {
		o.Status = strconv.Itoa(int(r.Status))
	}
	o.Text = text(w.URL.value.Path, w.URL.value.PathRaw)
	if a := w.Agent.get(); a != nil {
		o.Application = text(a.Original, a.OriginalRaw)
	}
}

// rows is a count of rows, -1 when there is none.
func rows(n *uint64) int64 {
	if n == nil || int64(*n) < 0 {
		return -1
	}
	return int64(*n)
}

func (d *decoder) fingerprint(digits string) uint64 {
	if digits == "" {
		return 0
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		d.keep(fmt.Errorf("operation.fingerprint: %w", err))
	}
	return n
}
