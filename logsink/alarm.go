package logsink

import "time"

// alarm rings when a sink that is a [Waker] wants to be called; that of other sinks never does.
type alarm struct {
	waker Waker
	timer *time.Timer
	rings <-chan time.Time // nil when there is no waker
}

func newAlarm(s Sink) alarm {
	w, ok := s.(Waker)
	if !ok {
		return alarm{}
	}
	t := time.NewTimer(0)
	t.Stop()
	return alarm{waker: w, timer: t, rings: t.C}
}

// set asks the sink when it wants to be called. What was set before is forgotten.
func (a alarm) set() {
	if a.waker == nil {
		return
	}
	if at := a.waker.Wake(); at.IsZero() {
		a.timer.Stop()
	} else {
		a.timer.Reset(time.Until(at))
	}
}

func (a alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}
