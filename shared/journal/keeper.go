package journal

import "time"

// keep is the journal's one goroutine: it syncs each second, syncs and closes the segments that
// were left, and opens the next one ahead, so that Append does none of it.
func (j *Journal) keep() {
	defer close(j.done)
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		j.closeLeft()
		j.openSpare()
		select {
		case <-j.wake:
		case <-tick.C:
			j.sync()
		case <-j.stop:
			j.closeLeft()
			return
		}
	}
}

func (j *Journal) wakeKeeper() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

func (j *Journal) closeLeft() {
	j.mu.Lock()
	left := j.left
	j.left = nil
	j.mu.Unlock()
	for _, file := range left {
		j.countSync(file.Sync())
		j.countSync(file.Close())
	}
}

func (j *Journal) sync() {
	j.mu.Lock()
	file, dirty := j.file, j.dirty
	j.dirty = false
	j.mu.Unlock()
	if dirty {
		j.countSync(file.Sync()) // only this goroutine closes files
	}
}

func (j *Journal) countSync(err error) {
	if err != nil {
		j.syncErrors.Add(1)
	}
}

// openSpare opens the file of the next segment. Where that fails, Append tries itself and says why.
func (j *Journal) openSpare() {
	j.mu.Lock()
	next := j.last() + 1
	wanted := j.spare == nil && len(j.segments) < j.cfg.MaxSegments
	j.mu.Unlock()
	if !wanted {
		return
	}
	file, err := createSegment(j.dir, next)
	if err != nil {
		return
	}
	j.countSync(syncDir(j.dir))
	j.mu.Lock()
	fits := j.spare == nil && j.last()+1 == next
	if fits {
		j.spare = file
	}
	j.mu.Unlock()
	if !fits { // Append was faster and writes to this file itself
		j.countSync(file.Close())
	}
}
