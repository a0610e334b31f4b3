package journal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

func host(w *wireHost) *flow.Host {
	if w == nil {
		return nil
	}
	return &flow.Host{Name: text(w.Name, w.NameRaw), ID: text(w.ID, w.IDRaw)}
}

func beat(w *wireBeat) *flow.Beat {
	if w == nil {
		return nil
	}
	return &flow.Beat{
		Open: w.Open, Sessions: w.Sessions, Refused: w.Refused, Dropped: w.Dropped, Uptime: time.Duration(w.Uptime),
		Without: texts(w.Without, w.WithoutRaw), Config: text(w.Config, w.ConfigRaw),
		Services: texts(w.Services, w.ServicesRaw),
	}
}

// texts is the value of a list of texts, one of which may not be UTF-8.
func texts(list []string, raw [][]byte) []string {
	if raw == nil {
		return list
	}
	out := make([]string, len(raw))
	for i := range raw {
		out[i] = string(raw[i])
	}
	return out
}

// labels reads an object of texts in its order, which a map would lose.
func (d *decoder) labels(object json.RawMessage) []flow.Label {
	if object == nil {
		return nil
	}
	list, err := parseLabels(object)
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("alert.by: %w", err)
	}
	return list
}

func parseLabels(object json.RawMessage) (list []flow.Label, err error) {
	j := json.NewDecoder(bytes.NewReader(object))
	if t, err := j.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("expected an object, found %.20q", object)
	}
	for j.More() {
		key, err := j.Token()
		if err != nil {
			return list, err
		}
		var value string
		if err := j.Decode(&value); err != nil {
			return list, err
		}
		name, _ := key.(string) // a key is never anything else
		last := len(list) - 1
		if last < 0 || name != list[last].Name+rawSuffix {
			list = append(list, flow.Label{Name: name, Value: value})
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return list, fmt.Errorf("%s: %w", name, err)
		}
		list[last].Value = string(raw)
	}
	return list, nil
}
