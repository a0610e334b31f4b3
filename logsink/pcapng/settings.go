package pcapng

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Settings are the recordings' part of the configuration.
type Settings struct {
	// Dir is where the recordings go; empty is no recording.
	Dir string `mapstructure:"dir"`
	// Source is where packets come from.
	Source Source `mapstructure:"source"`
	// Legs are the connections that are shown of a session.
	Legs Legs `mapstructure:"legs"`
	// When says which sessions are recorded: an expression as in a rule; empty is all.
	When string `mapstructure:"when"`
	// SnapPayload is how much of each packet's payload is kept; 0 is all.
	SnapPayload flow.Size `mapstructure:"snap_payload"`
	// MaxPerSession is how much payload of a session is kept; 0 is all.
	MaxPerSession flow.Size `mapstructure:"max_per_session"`
	// MaxTotal is how much all recordings in Dir may take, those of earlier runs included; 0 is 2 GiB.
	MaxTotal flow.Size `mapstructure:"max_total"`
	// RotateSize and RotateAge say when a file is finished and another begins; 0 is never.
	RotateSize flow.Size     `mapstructure:"rotate_size"`
	RotateAge  time.Duration `mapstructure:"rotate_age"`
	// Compress is how files are compressed.
	Compress store.Compression `mapstructure:"compress"`
	// Keep is how long finished recordings stay; 0 is for ever.
	Keep time.Duration `mapstructure:"keep"`
	// WhenFull is what is done at MaxTotal.
	WhenFull store.WhenFull `mapstructure:"when_full"`
	// Ring keeps the last so much in memory, and writes it only when somebody asks or an alert fires; 0 is no ring.
	Ring time.Duration `mapstructure:"ring"`
	// RingMemory is how much memory the ring of a service may take; 0 is 64 MiB.
	RingMemory flow.Size `mapstructure:"ring_memory"`
	// OnSlow is what is done when the disk cannot keep up.
	OnSlow OnSlow `mapstructure:"on_slow"`
	// EncryptTo are those who can read the recordings, age's public keys; with none they are not encrypted.
	EncryptTo []string `mapstructure:"encrypt_to"`
	// Keylog is the file in which TLS clients or servers log their secrets (SSLKEYLOGFILE); empty is none.
	Keylog string `mapstructure:"keylog"`
	// Redact is what is overwritten.
	Redact flow.Redaction `mapstructure:"redact"`
}

const (
	defaultMaxTotal   = 2 * flow.GiB
	defaultRingMemory = 64 * flow.MiB
	// minMaxTotal is the least that is worth a recording: one session's handshake and end, and some payload.
	minMaxTotal = flow.MiB
	// minRotate keeps a directory from filling with files that have next to nothing in them.
	minRotateSize = 64 * flow.KiB
	minRotateAge  = time.Second
	minRing       = time.Second
	maxRing       = 24 * time.Hour
)

// Defaults are the settings of those who say nothing: passwords are overwritten.
func Defaults() Settings {
	return Settings{
		MaxTotal: defaultMaxTotal, RingMemory: defaultRingMemory, Redact: flow.Redaction{Authentication: true},
	}
}

// Validate says which keys have impossible values. Whether When can be understood its compiler says.
func (s *Settings) Validate() error {
	_, recipients := store.ParseRecipients(s.EncryptTo)
	if recipients != nil {
		recipients = fmt.Errorf("encrypt_to: %w", recipients)
	}
	return errors.Join(
		least("snap_payload", s.SnapPayload, 1, "the whole payload"),
		least("max_per_session", s.MaxPerSession, 1, "all of it"),
		s.total(),
		least("rotate_size", s.RotateSize, minRotateSize, "never"),
		atLeast("rotate_age", s.RotateAge, minRotateAge, "never"),
		atLeast("keep", s.Keep, time.Second, "for ever"),
		atLeast("ring", s.Ring, minRing, "no ring"),
		s.ring(),
		recipients,
		s.wire(),
	)
}

func (s *Settings) total() error {
	if s.MaxTotal != 0 && s.MaxTotal < minMaxTotal {
		return fmt.Errorf("max_total: %s is too little to record anything: expected at least %s, or 0 for %s",
			s.MaxTotal, minMaxTotal, defaultMaxTotal)
	}
	return nil
}

func (s *Settings) ring() error {
	switch {
	case s.Ring > maxRing:
		return fmt.Errorf("ring: %v is too long to be kept in memory: expected at most %v", s.Ring, maxRing)
	case s.RingMemory != 0 && s.RingMemory < minMaxTotal:
		return fmt.Errorf("ring_memory: %s is too little: expected at least %s, or 0 for %s",
			s.RingMemory, minMaxTotal, defaultRingMemory)
	}
	return nil
}

// wire says what cannot be done with real packets: they are not the relay's to change or to choose from.
func (s *Settings) wire() error {
	if s.Source != SourceWire {
		return nil
	}
	var cannot []string
	for key, set := range map[string]bool{
		"when": s.When != "", "legs: front": s.Legs == LegsFront, "max_per_session": s.MaxPerSession > 0,
		"on_slow: hold": s.OnSlow == SlowHold, "redact": s.Redact != (flow.Redaction{}), "keylog": s.Keylog != "",
	} {
		if set {
			cannot = append(cannot, key)
		}
	}
	if len(cannot) == 0 {
		return nil
	}
	slices.Sort(cannot)
	return fmt.Errorf("source: with wire the network's own packets are recorded, and lodoor cannot do %s: expected source: "+
		"relay, or these left out (redact: {authentication: false} to say that passwords may be recorded)",
		strings.Join(cannot, ", "))
}

func least(key string, size, most flow.Size, zero string) error {
	if size != 0 && size < most {
		return fmt.Errorf("%s: %s is too little: expected at least %s, or 0 for %s", key, size, most, zero)
	}
	return nil
}

func atLeast(key string, d, most time.Duration, zero string) error {
	if d != 0 && d < most {
		return fmt.Errorf("%s: %v is too short: expected at least %v, or 0 for %s", key, d, most, zero)
	}
	return nil
}

// Plan is how sessions are recorded by these settings.
func (s *Settings) Plan() policy.Plan {
	return policy.Plan{
		SnapPayload: int64(s.SnapPayload), MaxPerSession: int64(s.MaxPerSession), FrontOnly: s.Legs == LegsFront,
		Ring: s.Ring > 0, Hold: s.OnSlow == SlowHold, Redact: s.Redact,
	}
}

// Warning is what a person has to know before the first byte is recorded, a clause without a final stop; empty when
// nothing is recorded.
func (s *Settings) Warning() string {
	switch {
	case s.Dir == "":
		return ""
	case s.Ring > 0:
		return fmt.Sprintf("the last %v of everything that is sent, %s, are kept in memory, and go%s to %s when an alert fires "+
			"or somebody asks", s.Ring, Redacts(s.Redact), s.encrypted(), s.Dir)
	}
	return fmt.Sprintf("everything that is sent, %s, goes%s to %s (at most %s)",
		Redacts(s.Redact), s.encrypted(), s.Dir, s.maxTotal().Human())
}

func (s *Settings) encrypted() string {
	if len(s.EncryptTo) > 0 {
		return " encrypted"
	}
	return ""
}

// Redacts says in words what of a recording is overwritten and what is not.
func Redacts(r flow.Redaction) string {
	var in, out []string
	for _, part := range []struct {
		name string
		out  bool
	}{{"passwords", r.Authentication}, {"parameters", r.Parameters}, {"rows", r.Rows}} {
		if part.out {
			out = append(out, part.name)
		} else {
			in = append(in, part.name)
		}
	}
	switch {
	case len(out) == 0:
		return "passwords and rows included"
	case len(in) == 0:
		return listed(out) + " overwritten"
	}
	return listed(out) + " overwritten, " + listed(in) + " included"
}

func listed(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

func (s *Settings) maxTotal() flow.Size {
	if s.MaxTotal == 0 {
		return defaultMaxTotal
	}
	return s.MaxTotal
}

func (s *Settings) ringMemory() int {
	if s.RingMemory == 0 {
		return int(defaultRingMemory)
	}
	return int(s.RingMemory)
}

// files is where the recordings go, and in what form.
func (s *Settings) files(create func(string) (store.Media, error)) (*store.Store, error) {
	recipients, err := store.ParseRecipients(s.EncryptTo)
	if err != nil {
		return nil, fmt.Errorf("encrypt_to: %w", err)
	}
	return store.New(store.Config{
		Dir: filepath.Clean(s.Dir), Compress: s.Compress, Recipients: recipients, RotateSize: s.RotateSize, RotateAge: s.RotateAge,
		Keep: s.Keep, WhenFull: s.WhenFull, MaxTotal: s.maxTotal(), Create: create,
	}), nil
}
