package config

import (
	"context"
	"crypto/sha256"
	"os"
	"time"
)

// poll is how often the file is looked at. Its content decides, not its time: a ConfigMap swaps
// links, and an editor may write the same text again.
const poll = time.Second

// Watch loads the file again on each signal from hup and whenever its content changed and then
// stayed the same for a second, until ctx ends. apply gets the new tree and takes it as a whole or
// returns an error and goes on with what it has; outcome hears of every attempt: nil, or why the
// file or apply refused. Both run on Watch's goroutine.
func (t *Tree) Watch(ctx context.Context, hup <-chan os.Signal, apply func(*Tree) error, outcome func(error)) {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	tried, pending := t.digest, t.digest
	reload := func() {
		tree, err := Load(t.file, t.environ)
		if err == nil {
			tried = tree.digest
			err = apply(tree)
		} else {
			tried = look(t.file)
		}
		pending = tried
		outcome(err)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			reload()
		case <-ticker.C:
			seen := look(t.file)
			if seen != tried && seen == pending {
				reload()
			}
			pending = seen
		}
	}
}

// digest tells contents apart, and reasons why there is none.
type digest [sha256.Size]byte

func digestOf(text []byte, err error) digest {
	if err != nil {
		text = []byte(err.Error())
	}
	return sha256.Sum256(text)
}

func look(file string) digest {
	if file == "" {
		return digest{}
	}
	return digestOf(read(file))
}
