package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/patcher"
	"github.com/expr-lang/expr/vm"

	"github.com/lodoor/lodoor/proxy/flow"
)

// What an expression may cost. It runs on the path of a connection.
const (
	maxWhenBytes  = 4096
	maxWhenNodes  = 1000
	maxWhenMemory = 10_000 // elements that one evaluation may create
	maxWhenRange  = 1000   // elements of a literal range
)

// environment is what an expression sees. docs/rules.md lists it, and a test holds the two together.
type environment struct {
	Peer     peerEnvironment  `expr:"peer"`
	Front    frontEnvironment `expr:"front"`
	Service  string           `expr:"service"`
	User     string           `expr:"user"`
	UID      int              `expr:"uid"`
	UIDKnown bool             `expr:"uid_known"`
	Hour     int              `expr:"hour"`
	Minute   int              `expr:"minute"`
	Weekday  string           `expr:"weekday"`
	Time     time.Time        `expr:"time"`
}

type peerEnvironment struct {
	Address   string `expr:"address"`
	Port      int    `expr:"port"`
	Zone      string `expr:"zone"`
	Interface string `expr:"interface"`
	Local     bool   `expr:"local"`
}

type frontEnvironment struct {
	Address string `expr:"address"`
	Port    int    `expr:"port"`
	Path    string `expr:"path"`
}

// fill sets every field from f; the environment is used again and again.
func (e *environment) fill(f *flow.Facts, zone *time.Location) {
	now := f.Time.In(zone)
	*e = environment{
		Peer: peerEnvironment{
			Address: addressText(f.Peer.Addr), Port: int(f.Peer.Addr.Port()), Zone: f.Peer.Zone.String(),
			Interface: f.Peer.Interface, Local: f.Peer.Local(),
		},
		Front:   frontEnvironment{addressText(f.Peer.Front), int(f.Peer.Front.Port()), f.Peer.Path},
		Service: f.Service,
		Hour:    now.Hour(), Minute: now.Minute(), Weekday: strings.ToLower(now.Weekday().String()), Time: now,
	}
	if known(&f.Origin) {
		e.User, e.UID, e.UIDKnown = f.Origin.User, int(f.Origin.UID), true
	}
}

func addressText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return plain(a.Addr()).String()
}

// condition is a compiled expression.
type condition struct{ program *vm.Program }

// compileWhen compiles an expression that answers true or false, in bounded time and memory: no loops, no clock of its
// own, no builtin that makes long strings.
func compileWhen(text string, zone *time.Location, services []string) (*condition, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("the expression is empty: leave it out to match any peer")
	}
	if len(text) > maxWhenBytes {
		return nil, fmt.Errorf("the expression has %d bytes: at most %d are allowed", len(text), maxWhenBytes)
	}
	review := &reviewer{words: closedWords(services)}
	options := []expr.Option{
		expr.Env(environment{}), expr.AsBool(), expr.WarnOnAny(), expr.MaxNodes(maxWhenNodes),
		expr.DisableAllBuiltins(), expr.Patch(review), expr.Patch(patcher.WithTimezone{Location: zone}),
		expr.Function("inCIDR", inCIDR, new(func(string, string) bool)),
		expr.Function(knownUser, onlyKnown, new(func(int, bool) int), new(func(string, bool) string)),
	}
	for _, name := range whenBuiltins() {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(text, options...)
	if review.err != nil {
		err = review.at(text)
	}
	if err != nil {
		return nil, exprError(err)
	}
	return &condition{program}, nil
}

// whenBuiltins are the functions of expr that rules have. What is left out loops, reads the clock or makes long values.
func whenBuiltins() []string {
	return []string{"lower", "upper", "trim", "len", "abs", "int", "string", "date", "duration"}
}

// exprError says on one line what expr says on several.
func exprError(err error) error {
	var located *file.Error
	if !errors.As(err, &located) || located.Line == 0 {
		return errors.New(strings.ReplaceAll(err.Error(), "expected bool, but got", "expected true or false, but the expression gives"))
	}
	return fmt.Errorf("line %d, column %d: %s", located.Line, located.Column+1, located.Message)
}

// inCIDR is inCIDR(address, range): false for an empty address, which a Unix-socket peer has.
func inCIDR(args ...any) (any, error) {
	address, _ := args[0].(string)
	text, _ := args[1].(string)
	c, err := ParseCIDR(text)
	if err != nil || address == "" {
		return false, err
	}
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return false, fmt.Errorf("inCIDR: %q is not an address", address)
	}
	return c.Contains(plain(addr)), nil
}

// onlyKnown stands before every use of uid and user: what is not known must not compare as if it were.
func onlyKnown(args ...any) (any, error) {
	if ok, _ := args[1].(bool); !ok {
		return nil, errors.New("the peer's user is not known")
	}
	return args[0], nil
}

// evaluator runs conditions; each has one environment, filled once per decision.
type evaluator struct {
	vm     vm.VM
	env    environment
	filled bool
}

func newEvaluator() *evaluator { return &evaluator{vm: vm.VM{MemoryBudget: maxWhenMemory}} }

// ask evaluates c on f.
func (e *evaluator) ask(c *condition, f *flow.Facts, zone *time.Location) (bool, error) {
	if !e.filled {
		e.env.fill(f, zone)
		e.filled = true
	}
	out, err := e.vm.Run(c.program, &e.env)
	if err != nil {
		return false, exprError(err)
	}
	yes, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("the expression gave %T, not true or false", out)
	}
	return yes, nil
}
