package web

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// refreshes is after what time a page of OutcomeProcessing asks again.
const refreshes = 3 * time.Second

// refresh is the content of the refresh with which the page goes on by itself.
func (r Result) refresh() string {
	switch {
	case r.Outcome == OutcomeProcessing:
		return refreshTo(refreshes, r.Self)
	case r.Outcome == OutcomeBadLink: // such a link takes nobody anywhere
		return ""
	}
	return refreshTo(r.After, r.Return)
}

// waits reports whether the page goes on by itself after a while.
func (r Result) waits() bool {
	return r.refresh() != "" && (r.Outcome == OutcomeProcessing || r.After > 0)
}

// wait is after how many seconds landing.js follows a link.
func wait(after time.Duration) string { return strconv.Itoa(wholeSeconds(after)) }

func refreshTo(after time.Duration, target string) string {
	if after < 0 || target == "" || string(templ.URL(target)) != target { // as of a link: no script
		return ""
	}
	return strconv.Itoa(wholeSeconds(after)) + "; url=" + target
}

// seconds are those until the page goes on; none where it does at once, or not at all.
func (r Result) seconds() int { return max(0, wholeSeconds(r.After)) }

func wholeSeconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// mood is the outcome's class in the style.
func (r Result) mood() string {
	switch r.Outcome {
	case OutcomeActive, OutcomeAlready, OutcomeConsented:
		return "good"
	case OutcomeProcessing:
		return "waiting"
	}
	return "bad"
}

// role has the outcome read out, also where it takes the place of a page.
func (r Result) role() string {
	if r.mood() == "bad" {
		return "alert"
	}
	return "status"
}

// onward names the way to the partner.
func (r Result) onward() string {
	t, named, unnamed := r.texts(), r.texts().GoTo, r.texts().Go
	if r.mood() == "bad" {
		named, unnamed = t.BackTo, t.Back
	}
	if service := r.terms().Service; service != "" {
		return sprintf(named, service)
	}
	return unnamed
}

// attributes name the language of a text that is not the page's.
func (l Language) attributes() templ.Attributes {
	if l == "" {
		return nil
	}
	return templ.Attributes{"lang": string(l)}
}

// dialled is a number as a link has it.
func dialled(phone string) string {
	return strings.Map(func(r rune) rune {
		if r == '+' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, phone)
}
