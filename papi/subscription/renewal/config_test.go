package renewal

import (
	"testing"
)

func TestConfig(t *testing.T) {
	if err := Defaults().Validate(); err != nil {
		t.Error(err)
	}
	if err := (Config{}).Validate(); err == nil {
		t.Error("nothing is wrong with nothing")
	}
}
