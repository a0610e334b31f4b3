package journal

const crashChildDir = "LODOOR_TEST_CRASH_DIR"

func crashChild(string) {}
