package exchanges

// OptionInfo describes one --set key of a dialect, for help texts.
type OptionInfo struct {
	// Key as written before the equals sign, such as gateio.book.
	Key string
	// Values are what is allowed, in words that a user can copy.
	Values []string
	// Default is what holds when the key is not set.
	Default string
	// Doc says in one line what it chooses.
	Doc string
}

// InstrumentInfo is what a venue's metadata say of one instrument.
type InstrumentInfo struct {
	// Native is the venue's spelling.
	Native string
	// Base and Quote are the two assets.
	Base, Quote string
	// Tick and Lot are the smallest steps of price and quantity, absent when the
	// venue does not say.
	Tick, Lot Decimal
	// Multiplier is how many units of the base one contract is; zero on spot and
	// where a contract is no fixed number of them.
	Multiplier Decimal
	// Halted: the venue does not trade it now.
	Halted bool
}
