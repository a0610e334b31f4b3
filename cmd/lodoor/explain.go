package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/peer"
)

func newRulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Look at what the rules decide",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newExplainCommand())
	return cmd
}

// question is a peer that somebody asks about.
type question struct {
	service, peer, user, iface string
	disguised, asJSON          bool
}

func newExplainCommand() *cobra.Command {
	f, q := &runFlags{}, &question{}
	cmd := &cobra.Command{
		Use:   "explain --peer ADDR [--service S] [flags] [run's arguments]",
		Short: "Tell which rule decides on a peer, and why the earlier ones do not",
		Long: `Tell which rule decides on a peer, and why the earlier ones do not.

The rules are those of the configuration that run would use with the same arguments. A peer with an address of this host
is taken to be proven to be here; --disguised asks about one that only claims so.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := q.answer(f, args)
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
	cmd.Flags().BoolVar(&q.disguised, "disguised", false, "the peer is not proven to be on this host")
	cmd.Flags().BoolVar(&q.asJSON, "json", false, "answer in JSON")
	f.registerForLook(cmd.Flags())
	return cmd
}

func (q *question) answer(f *runFlags, args []string) (string, error) {
	loaded, err := f.load(args)
	if err != nil {
		return "", err
	}
	facts, err := q.facts(&loaded.Config)
	if err != nil {
		return "", usageError(err)
	}
	e := loaded.RuleSet.Explain(facts)
	if !q.asJSON {
		return strings.TrimRight(e.String(), "\n"), nil
	}
	text, err := json.MarshalIndent(e, "", "  ")
	return string(text), err
}

// facts are what the door would know of such a peer.
func (q *question) facts(c *configs.Config) (*flow.Facts, error) {
	service, err := q.pickService(c)
	if err != nil {
		return nil, err
	}
	facts := &flow.Facts{Service: service.Name, Time: time.Now()}
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
	facts.Origin, err = q.originFacts()
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
	switch q.peer {
	case "":
		return flow.Peer{}, errors.New("--peer ADDRESS is needed: the peer to ask about")
	case "unix":
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

func (q *question) originFacts() (flow.Origin, error) {
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
