package journal

import (
	"os"
	"path/filepath"
	"time"
)

// keep is the journal's one goroutine: it syncs each second, syncs and closes the segments that
// were left, and makes the next one ahead, so that Append does none of it.
func (j *Journal) keep() {
	defer close(j.done)
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		j.closeLeft()
		j.makeSpare()
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
	for _, s := range left {
		j.countSync(s.close(s.size))
	}
}

func (j *Journal) sync() {
	j.mu.Lock()
	file, dirty := j.live.file, j.dirty
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

// makeSpare makes the next segment. Where that fails, Append tries itself and says why. The file gets
// its name once nothing else can have it: Append may be faster.
func (j *Journal) makeSpare() {
	j.mu.Lock()
	wanted := j.spare == nil && len(j.segments) < j.cfg.MaxSegments
	j.mu.Unlock()
	if !wanted {
		return
	}
	path := filepath.Join(j.dir, "spare")
	spare, err := createMapped(path, j.cfg.SegmentBytes)
	if err != nil {
		return
	}
	j.mu.Lock()
	err = os.Rename(path, segmentPath(j.dir, j.last()+1))
	if err == nil {
		j.spare = spare
	}
	j.mu.Unlock()
	if err != nil {
		_ = spare.discard(path)
		return
	}
	j.countSync(syncDir(j.dir))
}
