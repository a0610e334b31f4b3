package channel

import (
	"net/http"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/discord"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/googlechat"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/matrix"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/mattermost"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/rocketchat"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/slack"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/teams"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/telegram"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/incident/opsgenie"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/incident/pagerduty"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/gotify"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/ntfy"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/pushover"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/specialized/generic"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

func serviceNames() []string {
	return []string{
		"discord", "generic", "googlechat", "gotify", "matrix", "mattermost", "ntfy", "opsgenie", "pagerduty", "pushover",
		"rocketchat", "slack", "teams", "telegram",
	}
}

// newService returns nil for a service that is not known. These are those that send by HTTP, to a place that the URL or
// the service's name says, and that the guard sees: shoutrrr's router would bring some more, mail and a log among them.
// Zulip is left out for what its package prepares at every start, needed or not: a regular expression, 0.6 ms.
func newService(name string) types.Service {
	switch name {
	case "discord":
		return &discord.Service{}
	case "generic":
		return &generic.Service{}
	case "googlechat":
		return &googlechat.Service{}
	case "gotify":
		return &gotify.Service{}
	case "matrix":
		return &matrix.Service{}
	case "mattermost":
		return &mattermost.Service{}
	case "ntfy":
		return &ntfy.Service{}
	case "opsgenie":
		return &opsgenie.Service{}
	case "pagerduty":
		return &pagerduty.Service{}
	case "pushover":
		return &pushover.Service{}
	case "rocketchat":
		return &rocketchat.Service{}
	case "slack":
		return &slack.Service{}
	case "teams":
		return &teams.Service{}
	case "telegram":
		return &telegram.Service{}
	default:
		return nil
	}
}

// harness has a service that brings a transport of its own send by the default one, and none wait by itself.
func harness(service types.Service) {
	switch s := service.(type) {
	case *discord.Service:
		s.HTTPClient, s.Sleeper = &http.Client{}, awake{}
	case interface{ SetHTTPClient(client *http.Client) }: // ntfy, pagerduty
		s.SetHTTPClient(&http.Client{})
	case interface{ GetHTTPClient() *http.Client }: // gotify, mattermost
		s.GetHTTPClient().Transport = nil
	}
}

// awake does not sleep: a delivery is tried again by its feed.
type awake struct{}

func (awake) Sleep(time.Duration) {}
