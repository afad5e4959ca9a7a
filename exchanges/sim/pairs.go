package sim

import "strconv"

// pairSpec says what a listed pair looks like. Prices are counted in ticks of
// 10^-priceDecimals, amounts in lots of 10^-amountDecimals.
type pairSpec struct {
	name           string
	priceDecimals  int
	amountDecimals int
	startTicks     int64  // at least minStartTicks, so that a book has room below
	typicalLots    int64  // of an order
	firstID        uint64 // of the book
	firstTradeID   uint64
}

const minStartTicks = 10_000

// listedFirst are the pairs at the head of the list, in the shapes the venue has:
// large and tiny prices, quotes other than USDT, digits in the name.
var listedFirst = []pairSpec{
	{"BTC_USDT", 1, 6, 837909, 180_000, 40_013_503_861, 220_643_714},
	{"ETH_USDT", 2, 4, 276520, 21_000, 35_346_513_501, 188_217_046},
	{"SOL_USDT", 2, 3, 20935, 9_000, 10_225_524_122, 91_500_233},
	{"XRP_USDT", 4, 2, 24817, 61_000, 8_120_447_330, 77_410_902},
	{"BNB_USDT", 1, 4, 11023, 14_000, 5_880_213_977, 40_118_650},
	{"DOGE_USDT", 5, 2, 18764, 420_000, 7_730_019_468, 63_298_111},
	{"ADA_USDT", 5, 2, 71243, 150_000, 4_450_872_190, 35_904_822},
	{"TRX_USDT", 5, 1, 33518, 28_000, 3_012_558_774, 21_077_390},
	{"AVAX_USDT", 3, 3, 24861, 33_000, 2_937_745_006, 20_335_871},
	{"LINK_USDT", 3, 3, 22417, 26_000, 2_876_002_915, 18_660_742},
	{"SHIB_USDT", 10, 0, 118_431, 9_400_000, 6_204_881_553, 52_190_664},
	{"LTC_USDT", 3, 4, 112_380, 51_000, 2_118_994_302, 15_873_310},
	{"DOT_USDT", 4, 3, 40_125, 88_000, 1_990_367_218, 14_420_095},
	{"ETH_BTC", 6, 5, 33_015, 12_000, 1_551_804_667, 11_290_437},
	{"NEO_BTC", 8, 3, 187_160, 5_084, 731_244_065, 8_169_957},
	{"QTUM3S_USDT", 6, 5, 228_734, 4_225_320, 69_526_951, 2_390_902},
	{"1INCH_USDT", 5, 2, 25_144, 77_000, 904_118_722, 6_604_318},
	{"FAST_USDT", 4, 3, 104_200, 1_717, 113_811_500, 996_516},
}

// namedSpec gives the i-th listed pair. The list depends on nothing else, so that
// runs of any seed have the same names.
func namedSpec(i int) pairSpec {
	if i < len(listedFirst) {
		return listedFirst[i]
	}
	n := i - len(listedFirst)
	h := mix64(uint64(n) + 1)
	return pairSpec{
		name:           madeName(n) + "_USDT",
		priceDecimals:  4 + int(h%5),
		amountDecimals: int(h >> 8 % 6),
		startTicks:     minStartTicks + int64(h>>16%400_000),
		typicalLots:    500 + int64(h>>40%200_000),
		firstID:        100_000_000 + h>>4%4_000_000_000,
		firstTradeID:   1_000_000 + h>>12%90_000_000,
	}
}

// madeName spells n in syllables; different numbers give different names, none of
// them in listedFirst.
func madeName(n int) string {
	const consonants, vowels = "BDFGKLMNPRSTVZ", "AEIOU"
	const syllables = len(consonants) * len(vowels)
	name := make([]byte, 0, 8)
	for range 2 {
		s := (n*37 + 11) % syllables
		name = append(name, consonants[s/len(vowels)], vowels[s%len(vowels)])
		n /= syllables
	}
	name = append(name, 'X')
	if n > 0 {
		name = strconv.AppendInt(name, int64(n), 10)
	}
	return string(name)
}

// mix64 scatters a small number over 64 bits.
func mix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
