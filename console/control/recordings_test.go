//go:build unix

package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

func (h *house) Recordings() []Recording { return h.recordings }

func (h *house) StartRecording(r RecordingRequest) (Recording, error) {
	if r.Service != "pg" {
		return Recording{}, fmt.Errorf("there is no service %q", r.Service)
	}
	h.recordings = append(h.recordings, Recording{
		Service: r.Service, By: r.By, When: r.When, Until: time.Unix(0, 0).Add(r.For).UTC(), Dir: "/recordings",
	})
	return h.recordings[len(h.recordings)-1], nil
}

func (h *house) StopRecording(service string) (Recording, error) {
	if len(h.recordings) == 0 {
		return Recording{}, errors.New("nobody has started one")
	}
	ended := h.recordings[0]
	h.recordings = nil
	ended.Service, ended.Sessions, ended.Files = service, 3, []string{"/recordings/pg.pcapng"}
	return ended, nil
}

func (h *house) FlushRecording(service, reason string) ([]Flushed, error) {
	return []Flushed{{Service: service, File: reason, Packets: 7, Sessions: 2, Reaches: time.Second}}, nil
}

func (h *house) FollowRecording(_ context.Context, service string, w io.Writer) error {
	if service != "pg" {
		return fmt.Errorf("there is no service %q", service)
	}
	for _, part := range []string{"one ", "two ", "three"} {
		if _, err := io.WriteString(w, part); err != nil {
			return err
		}
	}
	return nil
}

func (h *house) FollowOperations(_ context.Context, service string, tell func(*flow.Record) error) error {
	for _, name := range []string{"SELECT", "INSERT"} {
		err := tell(&flow.Record{Time: time.Unix(1, 0), Event: flow.EventOperation, Service: service, Operation: &flow.Operation{
			Protocol: "postgres", System: "postgresql", Name: name, Started: time.Unix(1, 0), Rows: -1,
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

func TestRecordingsThroughTheSocket(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", t.TempDir())
	h := newHouse()
	serve(t, "one", h)
	c, ctx := find(t), t.Context()

	begun, err := c.StartRecording(ctx, RecordingRequest{Service: "pg", By: "ada", When: "peer.port == 1", For: time.Minute})
	if err != nil || begun.By != "ada" || begun.When != "peer.port == 1" || !begun.Until.Equal(time.Unix(60, 0)) {
		t.Fatalf("%+v, %v", begun, err)
	}
	if all, err := c.Recordings(ctx); err != nil || len(all) != 1 || all[0].Dir != "/recordings" {
		t.Errorf("%+v, %v", all, err)
	}
	if ended, err := c.StopRecording(ctx, "pg"); err != nil || ended.Sessions != 3 || len(ended.Files) != 1 || ended.Service != "pg" {
		t.Errorf("%+v, %v", ended, err)
	}
	if files, err := c.FlushRecording(ctx, "pg", "because"); err != nil || len(files) != 1 || files[0].File != "because" ||
		files[0].Packets != 7 || files[0].Reaches != time.Second {
		t.Errorf("%+v, %v", files, err)
	}
	var rejected *RejectedError
	if _, err := c.StartRecording(ctx, RecordingRequest{Service: "no"}); !errors.As(err, &rejected) {
		t.Errorf("a service that there is not: %v", err)
	}
	if _, err := c.StopRecording(ctx, "pg"); !errors.As(err, &rejected) {
		t.Errorf("what nobody has started is stopped: %v", err)
	}
}

func TestFollowThroughTheSocket(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", t.TempDir())
	h := newHouse()
	serve(t, "one", h)
	c, ctx := find(t), t.Context()

	var packets bytes.Buffer
	if err := c.FollowRecording(ctx, "pg", &packets); err != nil || packets.String() != "one two three" {
		t.Errorf("%q, %v", packets.String(), err)
	}
	var rejected *RejectedError
	if err := c.FollowRecording(ctx, "no", &packets); !errors.As(err, &rejected) {
		t.Errorf("a service that there is not: %v", err)
	}
	var names []string
	begun := false
	err := c.FollowOperations(ctx, "pg", func() { begun = true }, func(r *flow.Record) error {
		if !begun || r.Service != "pg" || r.Event != flow.EventOperation {
			t.Errorf("begun %v, %+v", begun, r)
		}
		names = append(names, r.Operation.Name)
		return nil
	})
	if err != nil || len(names) != 2 || names[0] != "SELECT" || names[1] != "INSERT" {
		t.Errorf("%q, %v", names, err)
	}
	enough := errors.New("enough")
	if err := c.FollowOperations(ctx, "pg", func() {}, func(*flow.Record) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("a reader that fails: %v", err)
	}
}
