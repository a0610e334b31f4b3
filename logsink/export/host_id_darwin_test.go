package export

import "testing"

func TestPlatformUUID(t *testing.T) {
	const out = `+-o J314 <class IOPlatformExpertDevice>
    {
      "IOPlatformSerialNumber" = "C02XXXXXXXXX"
      "IOPlatformUUID" = "81895B8D-9EF9-4EBB-B5DE-B00069CF53F0"
    }`
	if id := platformUUID(out); id != "81895B8D-9EF9-4EBB-B5DE-B00069CF53F0" {
		t.Errorf("got %q", id)
	}
	if id := platformUUID("nothing of it"); id != "" {
		t.Errorf("got %q", id)
	}
}
