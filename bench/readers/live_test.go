package readers

// envWriter makes this test binary a writer process: see writeAs.
const envWriter = "TICKRING_READERS_WRITER"

func writeAs(mode string) error { return nil }
