package channel

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/types"
	"github.com/nicholas-fedor/shoutrrr/pkg/util"

	"github.com/lodoor/lodoor/logsink/secret"
)

// chat writes alerts to one chat service.
type chat struct {
	url     string
	timeout time.Duration
}

var errRefused = errors.New("the service did not take the message")

// newChats makes a chat of each line of the file. No error has a part of a URL in it but the name of its service.
func newChats(s Settings) (chats []*chat, warnings []string, err error) {
	warning, err := secret.Warning(s.ChatFile)
	if err != nil {
		return nil, nil, fmt.Errorf("chat_file: %w", err)
	}
	if warning != "" {
		warnings = append(warnings, "chat_file: "+warning)
	}
	path, err := secret.Path(s.ChatFile)
	if err != nil {
		return nil, nil, fmt.Errorf("chat_file: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("chat_file: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if err := checkChat(text); err != nil {
			return nil, nil, fmt.Errorf("chat_file: %s:%d: %w", s.ChatFile, n, err)
		}
		chats = append(chats, &chat{url: text, timeout: s.timeout()})
	}
	if err := lines.Err(); err != nil {
		return nil, nil, fmt.Errorf("chat_file: read %s: %w", s.ChatFile, err)
	}
	if len(chats) == 0 {
		return nil, nil, fmt.Errorf("chat_file: %s has no URL in it: expected one a line, as slack://TOKEN@CHANNEL", s.ChatFile)
	}
	return chats, warnings, nil
}

// checkChat finds what is wrong with a URL without connecting to anything.
func checkChat(text string) error {
	u, name, err := parseChat(text)
	if err != nil {
		return err
	}
	if name == "matrix" {
		return nil // it would log in
	}
	if _, err := serviceOf(name, u); err != nil {
		return fmt.Errorf("the service %s does not take this URL; see shoutrrr's documentation of it", name)
	}
	return nil
}

// parseChat finds the service that a URL is of: generic in generic+https://HOST/PATH.
func parseChat(text string) (u *url.URL, name string, err error) {
	if u, err = url.Parse(text); err != nil || u.Scheme == "" {
		return nil, "", errors.New("this is not a URL: expected SERVICE://…")
	}
	name, _, _ = strings.Cut(u.Scheme, "+")
	if newService(name) == nil {
		return nil, "", fmt.Errorf("the URL begins with no known service: expected one of %s",
			strings.Join(serviceNames(), ", "))
	}
	return u, name, nil
}

// serviceOf prepares a service for one message. Some look at their state, so that each message has one of its own.
func serviceOf(name string, u *url.URL) (service types.Service, err error) {
	defer func() {
		if recover() != nil { // it is not our code, and what it panics with may have the URL in it
			err = errRefused
		}
	}()
	service = newService(name)
	if u.Scheme != name {
		custom, ok := service.(types.CustomURLService)
		if !ok {
			return nil, errRefused
		}
		if u, err = custom.GetConfigURLFromCustom(u); err != nil {
			return nil, errRefused
		}
	}
	if service.Initialize(u, util.DiscardLogger) != nil { // its words may have the URL in them
		return nil, errRefused
	}
	harness(service)
	return service, nil
}

// send writes a message once. What became of it is seen by the guard; what the service says of it is not told.
func (c *chat) send(ctx context.Context, m *message) error {
	u, name, err := parseChat(c.url)
	if err != nil {
		return refusal{err}
	}
	g, ok := http.DefaultTransport.(*guard)
	if !ok {
		return errors.New("the way to the chat services is not guarded") // New was not asked for a chat
	}
	return g.during(ctx, c.timeout, func() error {
		service, err := serviceOf(name, u)
		if err != nil {
			return err
		}
		return speak(service, plain(m.Text), withoutMarkup(name))
	})
}

// withoutMarkup are the parameters that have a service show the text as it is: Telegram refuses one whose markup it does
// not understand, such as a single underscore.
func withoutMarkup(service string) *types.Params {
	if service == "telegram" {
		return &types.Params{"parsemode": "None"}
	}
	return &types.Params{}
}

func speak(service types.Service, text string, params *types.Params) (err error) {
	defer func() {
		if recover() != nil { // as in serviceOf
			err = errRefused
		}
	}()
	return service.Send(text, params)
}
