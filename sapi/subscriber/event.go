package subscriber

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"puente/contracts/sapi/subscriber"
	"puente/shared/httpclient"
	"puente/shared/problem"
)

// events is the directory's answer to what became of lines after a sequence number.
type events struct {
	Events []event `json:"EVENTOS"`
}

type event struct {
	Sequence   int64     `json:"SECUENCIA"`
	MSISDN     string    `json:"MSISDN"`
	Type       string    `json:"TIPO"`
	At         time.Time `json:"FECHA"`
	OwnerEpoch string    `json:"TITULARIDAD"`
}

// eventTypes are those with rules of their own; the directory may have more.
var eventTypes = map[string]subscriber.EventType{
	"BAJA": subscriber.EventTerminated, "PORTABILIDAD": subscriber.EventPortedOut,
	"CAMBIO_TITULAR": subscriber.EventOwnerChanged, "BLOQUEO_CONTENIDOS": subscriber.EventBarred,
}

// LineEvents lists a page of events, oldest first. Its cursor is the sequence number of the last one.
func (s *system) LineEvents(ctx context.Context, in subscriber.LineEventsQuery) (subscriber.LineEvents, error) {
	if s.events == nil {
		return subscriber.LineEvents{}, noDirectory()
	}
	switch {
	case in.Limit == 0:
		in.Limit = subscriber.DefaultLimit
	case in.Limit < 0:
		return subscriber.LineEvents{}, invalid("limit", "must be at least 1")
	case in.Limit > subscriber.MaxLimit:
		return subscriber.LineEvents{}, invalid("limit", "must be at most "+strconv.Itoa(subscriber.MaxLimit))
	}
	query, after := url.Values{"limite": {strconv.Itoa(in.Limit)}}, int64(-1)
	if in.After != "" {
		var err error
		if after, err = strconv.ParseInt(in.After, 10, 64); err != nil || after < 0 || cursor(after) != in.After {
			return subscriber.LineEvents{}, invalid("after", "must be the next of a page")
		}
		query.Set("desde", in.After)
	}
	var found events
	if err := s.events.Call(ctx, httpclient.Ask{Query: query}, &found); err != nil {
		return subscriber.LineEvents{}, fmt.Errorf("subscriber: get events: %w", err)
	}
	if found.Events == nil || len(found.Events) > in.Limit {
		return subscriber.LineEvents{}, malformed(eventsTarget, "no list, or a longer one than was asked for")
	}
	out := subscriber.LineEvents{Events: make([]subscriber.LineEvent, len(found.Events)), Next: in.After}
	for i, e := range found.Events {
		if e.Sequence <= after { // whoever went on from here would see events twice, or for ever
			return subscriber.LineEvents{}, malformed(eventsTarget, "events that are out of order")
		}
		var err error
		if out.Events[i], err = e.told(); err != nil {
			return subscriber.LineEvents{}, err
		}
		after, out.Next = e.Sequence, cursor(e.Sequence)
	}
	return out, nil
}

// told is e in the contract's terms. A type that has no name here is told as such, for the line can be
// looked up; an event that is not all there stops the page, for nobody would ask for it again.
func (e event) told() (subscriber.LineEvent, error) {
	out := subscriber.LineEvent{ID: cursor(e.Sequence), MSISDN: e.MSISDN, Type: subscriber.EventOther, At: e.At.UTC(), OwnerEpoch: e.OwnerEpoch}
	if t, ok := eventTypes[e.Type]; ok {
		out.Type = t
	}
	switch {
	case !number.MatchString(e.MSISDN), e.Type == "", e.At.IsZero():
		return subscriber.LineEvent{}, malformed(eventsTarget, "an event without line, type or time")
	case len(e.OwnerEpoch) > maxEpoch, out.Type == subscriber.EventOwnerChanged && e.OwnerEpoch == "":
		return subscriber.LineEvent{}, malformed(eventsTarget, "no owner, or one of too long a name")
	}
	return out, nil
}

func cursor(sequence int64) string { return strconv.FormatInt(sequence, 10) }

// refused is an error that the directory told in its own terms: that it dropped what followed a cursor.
func refused(status int, text []byte) error {
	var told struct {
		Code string `json:"codigo"`
	}
	if status != http.StatusGone || json.Unmarshal(text, &told) != nil || told.Code != "CURSOR_VENCIDO" {
		return nil
	}
	e := problem.Errorf(problem.Rejected, "subscriber: the events after the cursor are gone")
	e.Code, e.Detail = subscriber.CodeCursorExpired, "The directory no longer keeps what followed the cursor"
	return e.Caused(eventsTarget)
}
