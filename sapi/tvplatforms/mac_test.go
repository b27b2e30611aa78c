package tvplatforms

import (
	"testing"

	"puente/contracts/sapi/tvplatforms"
)

func TestSpelling(t *testing.T) {
	dots, dashes, plain := spelling(tvplatforms.PlatformDevices, 4, "."), spelling(tvplatforms.PlatformDevices, 2, "-"), spelling(tvplatforms.PlatformDevices, 12, "")
	for _, mac := range []string{"00:1a:2b:3c:4d:5e", "00-1A-2B-3C-4D-5E", "001A.2B3C.4D5E", "001a2b3c4d5e"} {
		if a, b, c := dots(mac), dashes(mac), plain(mac); a != "001A.2B3C.4D5E" || b != "00-1A-2B-3C-4D-5E" || c != "001A2B3C4D5E" {
			t.Errorf("%s: %s %s %s", mac, a, b, c)
		}
	}
	for _, other := range []string{"", "caja", "00:1A:2B:3C:4D", "00:1A:2B:3C:4D:5G", "00:1A:2B:3C:4D:5E:6F", "ññññññ", "00 1A 2B 3C 4D 5E"} {
		if got := dots(other); got != other {
			t.Errorf("%q became %q", other, got)
		}
	}
	if got := spelling(tvplatforms.PlatformChannels, 4, ".")("ABCDEF123456"); got != "ABCDEF123456" {
		t.Errorf("a channel became %q", got)
	}
}
