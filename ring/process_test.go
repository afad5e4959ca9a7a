package ring

const childSegment = "TICKRING_TEST_SEGMENT"

func childMain(string) int { return 1 }
