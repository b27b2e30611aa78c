package smsc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/google/uuid"

	"puente/test/sandbox/register"
)

// ErrNowhere says that nobody told the gateway where messages of phones go.
var ErrNowhere = errors.New("smsc: setting moUrl is empty")

// Send has a phone send a message. It returns after the first call, or at once where the SMS center's queue
// goes on without us.
func (s *Service) Send(ctx context.Context, from, to, text string) (MO, error) {
	pattern := s.Configure(nil).MOURL
	if pattern == "" {
		return MO{}, ErrNowhere
	}
	mo, err := s.sent.File(func(n int) MO {
		return MO{From: from, To: to, Text: text, Reference: fmt.Sprintf("MO%09d", n), Statuses: []int{}}
	})
	if err != nil {
		return MO{}, err
	}
	first := make(chan struct{})
	deliveries := 1
	if strings.HasSuffix(from, "3002") {
		deliveries = 2
	}
	begun := s.later(func(epoch context.Context) {
		calls := 0
		note := func(status int) {
			_, _, _ = s.sent.Change(mo.Reference, register.Any, func(known MO) MO {
				known.Statuses = append(append([]int{}, known.Statuses...), status)
				return known
			})
			if calls++; calls == 1 {
				close(first)
			}
		}
		for range deliveries {
			s.call(epoch, s.delivery(pattern, mo), note) // once at least
		}
	})
	if begun {
		select {
		case <-first:
		case <-ctx.Done():
		}
	}
	if known, ok := s.sent.Find(func(known MO) bool { return known.Reference == mo.Reference }); ok {
		return known, nil
	}
	return mo, errors.New("smsc: the message was forgotten")
}

// delivery is the URL by which a message of a phone is handed over, each time under an id of the gateway's.
func (s *Service) delivery(pattern string, mo MO) string {
	text, charset, coding := mo.Text, "UTF-8", "0"
	if !latin(mo.Text) { // the phone wrote it in UCS-2, and so it is passed on
		text, charset, coding = utf16be(mo.Text), "UTF-16BE", "2"
	}
	return expand(pattern, map[byte]string{
		'p': mo.From, 'P': mo.To, 'a': strings.Join(strings.Fields(mo.Text), " "), 'b': text, 'C': charset, 'c': coding,
		'i': "SANDBOX", 'I': uuid.NewString(), 'F': mo.Reference,
	}, s.now())
}

func latin(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > 0xff })
}

func utf16be(text string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		b.WriteByte(byte(unit >> 8))
		b.WriteByte(byte(unit))
	}
	return b.String()
}
