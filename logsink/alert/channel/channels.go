package channel

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Config says where alerts go, and what they say of this machine.
type Config struct {
	Settings Settings
	// Host and Version are told to the receivers; an empty name is what the machine calls itself.
	Host    flow.Host
	Version string // lodoor's
	// Warn, which may be nil, is told of each alert that is lost. It may be called from several goroutines.
	Warn func(error)
}

// channelOf is a channel that is configured.
type channelOf struct {
	name   string
	sender sender
}

// New makes a delivery for each channel that is configured; none is not an error. The warnings are for the person who
// configured them. It reads the files that the settings name, and connects to nothing.
//
// Where there is a chat it replaces [http.DefaultTransport], since the chat services send by that; see guard.
func New(c Config) (deliveries []*Delivery, warnings []string, err error) {
	c.Host = thisHost(c.Host)
	if c.Warn == nil {
		c.Warn = func(error) {}
	}
	channels, warnings, err := build(c.Settings, c.Host, c.Version)
	if err != nil {
		return nil, nil, err
	}
	if c.Settings.ChatFile != "" {
		guardDefault()
	}
	for _, ch := range channels {
		d := &Delivery{name: ch.name, host: c.Host, version: c.Version, warn: c.Warn, begun: time.Now()}
		d.outlet.Store(&outlet{ch.sender, c.Settings.giveUp()})
		deliveries = append(deliveries, d)
	}
	return deliveries, warnings, nil
}

// thisHost gives a host the name that it has not been given.
func thisHost(h flow.Host) flow.Host {
	if h.Name == "" {
		h.Name, _ = os.Hostname() // a machine without a name is left nameless
	}
	return h
}

// Check finds what New would find: the files that the settings name are read, and nothing is kept.
func Check(s Settings) (warnings []string, err error) {
	_, warnings, err = build(s, flow.Host{}, "")
	return warnings, err
}

// Reload makes deliveries go where s says from the next attempt on; one whose channel is gone passes over alerts. restart
// names the channels that are new, and need a restart to be used. On an error nothing has changed.
func Reload(deliveries []*Delivery, s Settings) (restart, warnings []string, err error) {
	var host flow.Host
	var version string
	if len(deliveries) > 0 {
		host, version = deliveries[0].host, deliveries[0].version
	}
	channels, warnings, err := build(s, host, version)
	if err != nil {
		return nil, nil, err
	}
	fresh := make(map[string]sender, len(channels))
	for _, ch := range channels {
		fresh[ch.name] = ch.sender
	}
	for _, d := range deliveries {
		if to, ok := fresh[d.name]; ok {
			d.outlet.Store(&outlet{to, s.giveUp()})
		} else {
			d.outlet.Store(nil)
		}
		delete(fresh, d.name)
	}
	for _, ch := range channels {
		if _, ok := fresh[ch.name]; ok {
			restart = append(restart, ch.name)
		}
	}
	return restart, warnings, nil
}

// build makes the senders that are configured. Errors begin with the key that they are about.
func build(s Settings, host flow.Host, version string) (channels []channelOf, warnings []string, err error) {
	if err := errors.Join(s.Validate(), s.Mail.Validate()); err != nil {
		return nil, nil, err
	}
	var errs []error
	add := func(kind string, to sender, warned []string, err error) {
		warnings = append(warnings, warned...)
		errs = append(errs, err)
		if err == nil {
			channels = append(channels, channelOf{prefix + kind, to})
		}
	}
	if s.Webhook != "" || s.WebhookFile != "" {
		w, warned, err := newWebhook(s, version)
		add("webhook", w, warned, err)
	}
	if len(s.Command) > 0 {
		c, err := newCommand(s)
		add("command", c, nil, err)
	}
	if !s.Mail.isZero() {
		m, warned, err := newMailer(s, host, version)
		add("mail", m, warned, err)
	}
	if s.ChatFile != "" {
		chats, warned, err := newChats(s)
		warnings, errs = append(warnings, warned...), append(errs, err)
		for i, c := range chats {
			add(chatName(i), c, nil, nil)
		}
	}
	return channels, warnings, errors.Join(errs...)
}

func chatName(i int) string {
	if i == 0 {
		return "chat"
	}
	return fmt.Sprintf("chat-%d", i+1)
}
