package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/keylog"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// pcapng copies the packets of the sessions.
func (e *sessionExport) pcapng(ctx context.Context, stdout io.Writer) error {
	secrets, err := e.secrets(ctx)
	if err != nil {
		return err
	}
	all := func(w io.Writer) error {
		for _, file := range e.files {
			if err := e.copyPackets(ctx, w, file, secrets); err != nil {
				return err
			}
		}
		return nil
	}
	switch {
	case e.to == "-":
		w, _, err := packetFile(stdout, "-")
		if err != nil {
			return err
		}
		return all(w)
	case !e.toDir():
		return exportFile(e.to, all)
	}
	if err := e.makeDir(); err != nil {
		return err
	}
	for _, file := range e.files {
		err := exportFile(filepath.Join(e.to, exportedName(file)), func(w io.Writer) error {
			return e.copyPackets(ctx, w, file, secrets)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// exportedName is the name of a recording when it is whole, plain and readable.
func exportedName(f *recordedFile) string {
	base := filepath.Base(f.Path)
	if name, ours := block.ParseFileName(base); ours {
		name.Compressed, name.Encrypted, name.Key = false, false, ""
		return name.String()
	}
	base = strings.TrimSuffix(strings.TrimSuffix(base, ".age"), ".zst")
	return strings.TrimSuffix(base, ".pcapng") + ".pcapng"
}

func (e *sessionExport) copyPackets(ctx context.Context, w io.Writer, file *recordedFile, secrets []byte) error {
	o := e.keys
	o.Session = file.only(e.chosen)
	r, err := recording.Open(file.Path, o)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	c := recording.Copy{Secrets: e.overwrite == flow.Redaction{}, Reveal: secrets}
	if !c.Secrets {
		c.Edit, c.Overwrites = e.redaction.edit, e.overwrite
	}
	err = c.Write(&stoppable{ctx, w}, r)
	e.redaction.over(file)
	if torn := file.torn; file.end(err) != nil && !torn { // of a torn one the catalogue has told
		return err
	}
	return ctx.Err()
}

// stoppable is a writer that writes until ctx ends.
type stoppable struct {
	ctx context.Context
	w   io.Writer
}

func (s *stoppable) Write(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.w.Write(b)
}

// secrets are the lines of the key log that belong to the sessions.
func (e *sessionExport) secrets(ctx context.Context) ([]byte, error) {
	if e.keylog == "" {
		return nil, nil
	}
	log, err := os.Open(e.keylog)
	if err != nil {
		return nil, fmt.Errorf("open the TLS secrets: %w", err)
	}
	defer log.Close()
	wanted, err := e.hellos(ctx)
	if err != nil {
		return nil, err
	}
	var lines []byte
	in := bufio.NewScanner(log)
	for in.Scan() {
		// LABEL, the client's random and the secret in hexadecimal: RFC 9850, 2.
		fields := bytes.Fields(in.Bytes())
		if len(fields) != 3 || bytes.HasPrefix(fields[0], []byte("#")) {
			continue
		}
		if wanted[strings.ToLower(string(fields[1]))] {
			lines = append(append(lines, bytes.Join(fields, []byte(" "))...), '\n')
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read the TLS secrets in %s: %w", e.keylog, err)
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s has no secrets of these sessions: expected lines as SSLKEYLOGFILE has them (RFC 9850), from the "+
			"time at which the sessions began", e.keylog)
	}
	if e.overwrite != (flow.Redaction{}) {
		e.warn("the TLS sessions can be decrypted from what is exported, passwords included: nothing is overwritten in them")
	}
	return lines, nil
}

// hellos are the randoms with which the sessions' clients have begun TLS, in hexadecimal.
func (e *sessionExport) hellos(ctx context.Context) (map[string]bool, error) {
	found := map[string]bool{}
	for _, file := range e.files {
		open := map[*recording.Session]*keylog.Hello{}
		o := e.keys
		o.Session = file.only(e.chosen)
		err := file.read(ctx, o, func(ev *recording.Event) error {
			switch {
			case ev.Kind == recording.Opened:
				open[ev.Session] = &keylog.Hello{}
			case ev.Kind == recording.Ended:
				delete(open, ev.Session)
			case ev.Kind == recording.Data && ev.Direction == flow.FromClient && open[ev.Session] != nil:
				random, ok, done := open[ev.Session].Feed(ev.Payload)
				if ok {
					found[hex.EncodeToString(random[:])] = true
				}
				if done {
					delete(open, ev.Session)
				}
			}
			return nil
		})
		if err != nil && !file.torn {
			return nil, err
		}
	}
	return found, nil
}
