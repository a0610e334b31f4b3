package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/logsink/replay/backend"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// backendFlags are how a command line says that a recording answers in a service's place.
type backendFlags struct {
	on, strict, remote bool
	listen, portFile   string
	memory             flow.Size
}

func (f *backendFlags) register(set *pflag.FlagSet) {
	set.BoolVar(&f.on, "as-backend", false, "answer in the service's place, from the recording, until a signal ends it")
	set.StringVar(&f.listen, "listen", "", "with --as-backend: the `ADDRESS` to answer at, as [HOST:]PORT; port 0 is any that is free")
	set.BoolVar(&f.strict, "strict", false, "with --as-backend: exit 1 when a question was not in the recording")
	set.StringVar(&f.portFile, "port-file", "", "with --as-backend: write the address to `FILE` once it is open")
	set.TextVar(&f.memory, "memory", 256*flow.MiB, "with --as-backend: the most `SIZE` that the answers may take")
	set.BoolVar(&f.remote, "allow-remote-clients", false, "with --as-backend: let --listen be an address that others can reach")
}

// names are the flags that go with --as-backend only.
func (f *backendFlags) names() []string {
	return []string{"listen", "strict", "port-file", "memory", "allow-remote-clients"}
}

// check says what of a command line does not go together.
func (f *backendFlags) check(set *pflag.FlagSet) error {
	if !f.on {
		for _, name := range f.names() {
			if set.Changed(name) {
				return usageError(fmt.Errorf("--%s goes with --as-backend only", name))
			}
		}
		return nil
	}
	if f.listen == "" {
		return usageError(errors.New("--as-backend needs --listen ADDRESS: the port that clients are to come to, or 0 for any that is free"))
	}
	_, err := f.address()
	return err
}

// address is where clients are to come.
func (f *backendFlags) address() (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(f.listen)
	if err != nil {
		host, port = "", f.listen
	}
	if host == "" || host == "localhost" {
		host = "127.0.0.1"
	}
	a, err := netip.ParseAddrPort(net.JoinHostPort(host, port))
	switch {
	case err != nil:
		return a, usageError(fmt.Errorf("--listen %q: expected [HOST:]PORT with an IP address or localhost", f.listen))
	case !a.Addr().Unmap().IsLoopback() && !f.remote:
		return a, usageError(fmt.Errorf("--listen %s is no loopback address, so that others can reach what was recorded, without a "+
			"password: use 127.0.0.1, or add --allow-remote-clients when that is meant", f.listen))
	}
	return a, nil
}

// run answers from a recording until a signal comes.
func (f *backendFlags) run(cmd *cobra.Command, r *recording.Reader, path, protocol string) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	told := &questions{w: cmd.ErrOrStderr(), seen: map[string]bool{}}
	server, err := backend.New(backend.Config{
		Recording: r, Name: filepath.Base(path), Protocol: protocol, Memory: f.memory,
		Note: told.note, Missed: told.missed,
	})
	if err != nil {
		return fmt.Errorf("answer from %s: %w", path, err)
	}
	if err := f.serve(ctx, cmd.OutOrStdout(), server); err != nil {
		return err
	}
	n := server.Missed()
	if n == 0 {
		return nil
	}
	err = fmt.Errorf("%s were not in the recording", plural(n, "question"))
	if n == 1 {
		err = errors.New("1 question was not in the recording")
	}
	if f.strict {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "lodoor: %v\n", err)
	return nil
}

// serve opens the address, tells it and answers.
func (f *backendFlags) serve(ctx context.Context, out io.Writer, server *backend.Server) error {
	address, err := f.address()
	if err != nil {
		return err
	}
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", address.String())
	if err != nil {
		return fmt.Errorf("listen for clients: %w", err)
	}
	if err := f.tell(ln.Addr().String()); err != nil {
		ln.Close()
		return err
	}
	fmt.Fprintf(out, "%s answers as %s at %s\n", plural(uint64(server.Sessions()), "recorded session"), server.Protocol(), ln.Addr())
	return server.Serve(ctx, ln)
}

// tell writes the port file, in one piece.
func (f *backendFlags) tell(address string) error {
	if f.portFile == "" {
		return nil
	}
	temp := filepath.Join(filepath.Dir(f.portFile), "."+filepath.Base(f.portFile)+".new")
	if err := os.WriteFile(temp, []byte("backend "+address+"\n"), 0o600); err != nil {
		return fmt.Errorf("write port file: %w", err)
	}
	if err := os.Rename(temp, f.portFile); err != nil {
		return fmt.Errorf("write port file: %w", err)
	}
	return nil
}

// questions tells a person what the recording cannot answer, each once.
type questions struct {
	mu   sync.Mutex
	w    io.Writer
	seen map[string]bool
}

// questionsMax is how many different questions are told. The count goes on.
const questionsMax = 1000

func (q *questions) missed(text string) {
	text = strings.Join(strings.Fields(text), " ")
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.seen[text] || len(q.seen) >= questionsMax {
		return
	}
	q.seen[text] = true
	fmt.Fprintf(q.w, "lodoor: not in the recording: %s\n", terminal.Visible(text))
	if len(q.seen) == questionsMax {
		fmt.Fprintf(q.w, "lodoor: more than %d different questions are not in the recording; others are counted only\n", questionsMax)
	}
}

func (q *questions) note(text string) {
	fmt.Fprintf(q.w, "lodoor: warning: %s\n", terminal.Visible(text))
}
