package pcapng

import "github.com/lodoor/lodoor/logsink/pcapng/block"

// reason is why payload is not kept.
type reason uint8

const (
	whyNone reason = iota // it is kept, as far as is known
	whyUnseen
	whySlowDisk
	whySnap
	whyMaxPerSession
	whyMaxTotal
	whyNotRedactable
)

// String is the word for it in a comment.
func (w reason) String() string {
	switch w {
	case whyUnseen:
		return block.WhyUnseen
	case whySlowDisk:
		return block.WhySlowDisk
	case whySnap:
		return block.WhySnap
	case whyMaxPerSession:
		return block.WhyMaxSession
	case whyMaxTotal:
		return block.WhyMaxTotal
	case whyNotRedactable:
		return block.WhyNotRedactable
	}
	return ""
}
