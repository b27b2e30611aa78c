package ratelimit

// telling is what Redis knows of a window's requests, and what it is still to be told.
type telling struct {
	birth   int64    // of the Redis that knows it; see shard.birth
	created int64    // of the window in Redis; 0 if not known
	owed    int      // requests in the entries that Redis does not know
	queue   []change // other changes, of leases and of calls taken back
	sent    report   // not yet acknowledged: sent again as it is, until it is
	listed  bool     // in shard.owing
}

// change is requests to add to a step, or to take from it. Steps are those of the Redis clock.
type change struct{ step, requests int64 }

// report is sent at least once and counted once: Redis keeps the last number of each replica.
type report struct {
	number  int64
	changes []change
}

// report is what Redis is to be told with the next call, numbered by next where there is anything.
func (w *window) report(next func() int64) report {
	t := &w.told
	if t.sent.number != 0 {
		return t.sent
	}
	if t.owed > 0 {
		offset := w.shard.offset.Load()
		for i := w.gone; i < len(w.entries); i++ {
			if e := &w.entries[i]; e.told < e.requests {
				end := (e.step+1)*w.grid.step - 1 // never earlier than it was
				t.queue = append(t.queue, change{w.grid.at(end + offset), int64(e.requests - e.told)})
				e.told = e.requests
			}
		}
		t.owed = 0
	}
	if len(t.queue) > 0 {
		t.sent = report{next(), t.queue}
		t.queue = nil
	}
	return t.sent
}

// acknowledge ends the report of that number.
func (t *telling) acknowledge(number int64) {
	if t.sent.number == number {
		t.sent = report{}
	}
}

// settled says whether Redis knows all there is to know.
func (t *telling) settled() bool { return t.owed == 0 && len(t.queue) == 0 && t.sent.number == 0 }

// forget is what follows when Redis lost its count: it is to be told everything, under birth.
func (w *window) forget(birth int64) {
	for i := w.gone; i < len(w.entries); i++ {
		w.entries[i].told = 0
	}
	w.told = telling{birth: birth, owed: w.total, listed: w.told.listed}
	w.lease = lease{}
}
