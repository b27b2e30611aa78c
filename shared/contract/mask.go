package contract

// unreadable stands for a body that cannot be masked because it cannot be read.
const unreadable = `"unreadable"`

// Masking says how personal data is made unrecognisable: Mask keeps an end by which people recognise
// it (telemetry.Mask), Hash gives a pseudonym that stays the same (keyring.Ring.MAC). A nil function
// hides the value whole.
type Masking struct {
	Mask func(string) string
	Hash func(string) string
}
