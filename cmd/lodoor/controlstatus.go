package main

import (
	"time"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/logsink"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/operations"
	"github.com/lodoor/lodoor/proxy"
)

func (c *controlled) Status() control.Status {
	about := c.About()
	s := control.Status{
		Instance: about.Instance, Now: time.Now(), Started: c.started, Without: c.without(),
		Sinks: []control.SinkStatus{}, Feeds: []control.FeedStatus{},
	}
	for _, n := range c.server.Counts() {
		s.Services = append(s.Services, serviceStatus(&about, &n))
	}
	if c.journal != nil {
		s.Journal = journalStatus(c.journal)
	}
	s.Recording, s.Operations = c.recordingStatus(), operationsStatus(c.operations.Stats())
	for _, sink := range c.log.Stats() {
		s.Sinks = append(s.Sinks, sinkStatus(&sink))
	}
	for _, feed := range c.feeds.stats() {
		s.Feeds = append(s.Feeds, feedStatus(&feed))
	}
	return s
}

func serviceStatus(about *control.About, n *proxy.Counts) control.ServiceStatus {
	s := control.ServiceStatus{
		Service: control.Service{Name: n.Service}, Open: n.Open, Opened: n.Opened, Undialled: n.Undialled,
		BytesFromClient: n.FromClient, BytesFromBackend: n.FromBackend, Refused: make(map[string]uint64),
	}
	for _, svc := range about.Services {
		if svc.Name == n.Service {
			s.Service = svc
		}
	}
	for cause, refused := range n.Refused {
		s.Refused[cause.String()] = refused
	}
	return s
}

func journalStatus(j *journal.Journal) *control.JournalStatus {
	stats, settings := j.Stats(), j.Settings()
	s := &control.JournalStatus{
		Dir: j.Dir(), ID: j.ID(), Durability: settings.Durability.String(), OnFull: settings.OnFull.String(),
		Written: stats.Written, Dropped: stats.Dropped, Bytes: stats.Bytes,
	}
	if stats.LastError != nil {
		s.Error = stats.LastError.Error()
	}
	return s
}

func (c *controlled) recordingStatus() *control.RecordingStatus {
	stats, active := c.recorder.Stats(), c.Recordings()
	if stats.Sessions+stats.Missed == 0 && len(active) == 0 {
		return nil
	}
	config, _, _ := c.configured()
	return &control.RecordingStatus{
		Dir: c.recordingsIn(config), Active: active, Sessions: stats.Sessions, Missed: stats.Missed, Files: stats.Files,
		Kept: stats.Kept, NotKept: stats.Skipped, Lost: stats.Lost, Used: stats.Used, Max: stats.Max, Failed: stats.Failed,
	}
}

func operationsStatus(stats operations.Stats) *control.OperationsStatus {
	if stats.Seen == 0 {
		return nil
	}
	return &control.OperationsStatus{Seen: stats.Seen, Recorded: stats.Recorded, Dropped: stats.Dropped}
}

func sinkStatus(stats *logsink.Stats) control.SinkStatus {
	return control.SinkStatus{
		Name: stats.Name, Delivered: stats.Delivered, Dropped: stats.Dropped, Queued: stats.Queued, Ended: stats.Ended,
	}
}

func feedStatus(stats *journal.FeedStats) control.FeedStatus {
	s := control.FeedStatus{
		Name: stats.Name, Delivered: stats.Delivered, Skipped: stats.Skipped, Seq: stats.At.Seq,
		Behind: stats.Behind, Lag: stats.Lag,
	}
	if stats.Err != nil {
		s.Error = stats.Err.Error()
		if !stats.Since.IsZero() {
			s.Since = &stats.Since
		}
	}
	return s
}
