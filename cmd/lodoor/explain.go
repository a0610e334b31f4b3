package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
	"github.com/lodoor/lodoor/proxy/peer"
	"github.com/lodoor/lodoor/rules"
)

func newRulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Look at what the rules decide",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newExplainCommand(), newRulesTestCommand())
	return cmd
}

// question is a peer that somebody asks about.
type question struct {
	service, peer, user, iface string
	pid                        int
	disguised, asJSON          bool
	session                    string // of a door that runs
	door                       whichDoor
}

func newExplainCommand() *cobra.Command {
	f, q := &runFlags{}, &question{}
	cmd := &cobra.Command{
		Use:   "explain {--peer ADDR | --pid PID | --session ID} [--service S] [flags] [run's arguments]",
		Short: "Tell which rule decides on a peer, and why the earlier ones do not",
		Long: `Tell which rule decides on a peer, and why the earlier ones do not.

The rules are those of the configuration that run would use with the same arguments. A peer with an address of this host
is taken to be proven to be here; --disguised asks about one that only claims so. --pid asks about a connection that a
process of this host makes. --session asks a door that runs about the peer of an open session, by its rules as they are
now.`,
		PreRunE: notBoth("session", "pid"),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := q.answer(cmd.Context(), f, args)
			if err == nil {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&q.peer, "peer", "", "`ADDRESS` of the peer, with a port or without; unix for a Unix socket")
	cmd.Flags().StringVar(&q.service, "service", "", "`NAME` of the service; may be left out when there is one")
	cmd.Flags().StringVar(&q.user, "user", "", "`USER` who owns the peer's socket, by name or number")
	cmd.Flags().StringVar(&q.iface, "interface", "", "`NAME` of the interface that it comes in by")
	cmd.Flags().IntVar(&q.pid, "pid", 0, "`PID` of the process that connects; its address is 127.0.0.1 unless --peer says more")
	cmd.Flags().StringVar(&q.session, "session", "", "`ID` of an open session, or its beginning")
	cmd.Flags().BoolVar(&q.disguised, "disguised", false, "the peer is not proven to be on this host")
	cmd.Flags().BoolVar(&q.asJSON, "json", false, "answer in JSON")
	f.registerForLook(cmd.Flags())
	return cmd
}

func (q *question) answer(ctx context.Context, f *runFlags, args []string) (string, error) {
	e, err := q.explain(ctx, f, args)
	if err != nil {
		return "", err
	}
	if !q.asJSON {
		return strings.TrimRight(e.String(), "\n"), nil
	}
	text, err := json.MarshalIndent(e, "", "  ")
	return string(plainJSON(text)), err
}

func (q *question) explain(ctx context.Context, f *runFlags, args []string) (e rules.Explanation, err error) {
	if q.session != "" {
		q.door.instance = f.set.Lookup("instance").Value.String()
		s, err := q.door.session(ctx, q.session)
		if err != nil {
			return e, err
		}
		return s.door.Explain(ctx, s.Record.Session)
	}
	loaded, err := f.load(args)
	if err != nil {
		return e, err
	}
	facts, err := q.facts(ctx, &loaded.Config)
	if errors.Is(err, os.ErrNotExist) { // the process, which may have ended meanwhile
		return e, err
	}
	if err != nil {
		return e, usageError(err)
	}
	return loaded.RuleSet.Explain(facts), nil
}

// facts are what the door would know of such a peer, after it has looked for its process.
func (q *question) facts(ctx context.Context, c *configs.Config) (*flow.Facts, error) {
	service, err := q.pickService(c)
	if err != nil {
		return nil, err
	}
	facts := &flow.Facts{Service: service.Name, Sought: true, Time: time.Now()}
	if facts.Peer, err = q.peerFacts(); err != nil {
		return nil, err
	}
	if len(service.Listen) > 0 {
		if a, ok := service.Listen[0].Addr(); ok {
			facts.Peer.Front = netip.AddrPortFrom(a, service.Listen[0].Port)
		} else if service.Listen[0].Port != 0 {
			facts.Peer.Front = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), service.Listen[0].Port)
		}
	}
	facts.Origin, err = q.originFacts(ctx, c)
	return facts, err
}

func (q *question) pickService(c *configs.Config) (*configs.Service, error) {
	var names []string
	for i := range c.Services {
		if s := &c.Services[i]; s.Name == q.service || (q.service == "" && len(c.Services) == 1) {
			return s, nil
		}
		names = append(names, c.Services[i].Name)
	}
	switch {
	case len(names) == 0:
		return nil, errors.New("there is no service: name one as for run, or a file with --config")
	case q.service == "":
		return nil, fmt.Errorf("there are several services: name one with --service, of %s", strings.Join(names, ", "))
	default:
		return nil, fmt.Errorf("there is no service %q: expected one of %s", q.service, strings.Join(names, ", "))
	}
}

func (q *question) peerFacts() (flow.Peer, error) {
	switch {
	case q.peer == "" && q.pid == 0:
		return flow.Peer{}, errors.New("--peer ADDRESS is needed: the peer to ask about; or --pid, or --session")
	case q.peer == "":
		q.peer = "127.0.0.1"
	case q.peer == "unix":
		return flow.Peer{Zone: flow.ZoneUnix, Proof: flow.ProofUnix}, nil
	}
	at, err := netip.ParseAddrPort(q.peer)
	if err != nil {
		addr, err := netip.ParseAddr(q.peer)
		if err != nil {
			return flow.Peer{}, fmt.Errorf("--peer %q: expected an IP address, an address with a port, or unix", q.peer)
		}
		at = netip.AddrPortFrom(addr, 0)
	}
	at = netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
	p := flow.Peer{Addr: at, Interface: q.iface}
	if p.Zone, err = peer.ZoneOf(at.Addr(), q.iface); err != nil {
		return p, err
	}
	if p.Zone.Local() && !q.disguised {
		p.Proof = flow.ProofSocket
	}
	return p, nil
}

// zoneNow is what kind of place an address is, as far as that can be told.
func zoneNow(a netip.Addr) flow.Zone {
	zone, _ := peer.ZoneOf(a, "") // an error leaves it unknown
	return zone
}

func (q *question) originFacts(ctx context.Context, c *configs.Config) (flow.Origin, error) {
	if q.pid != 0 {
		forwarders, err := origin.NewForwarders(origin.ForwardersConfig{Extra: c.Forwarders, Zone: zoneNow})
		if err != nil {
			return flow.Origin{}, err
		}
		return origin.OfProcess(ctx, q.pid, origin.ResolverConfig{
			Process: procfs.Options{CommandLine: c.Privacy.CommandLine}, Forwarder: forwarders.Of,
		})
	}
	if q.user == "" {
		return flow.Origin{}, nil
	}
	u, err := user.Lookup(q.user)
	if err != nil {
		if u, err = user.LookupId(q.user); err != nil {
			return flow.Origin{}, fmt.Errorf("--user %q: there is no such user", q.user)
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return flow.Origin{}, fmt.Errorf("--user %q has no numeric id here", q.user)
	}
	return flow.Origin{Attribution: flow.AttributionUIDOnly, UID: uint32(uid), User: u.Username}, nil
}
