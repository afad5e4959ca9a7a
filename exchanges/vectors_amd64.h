// What the assembly files share. A text of up to 15 bytes is one decimal at most: its
// digits are moved to the upper end of a register, the last one that is not zero to the
// top, the point is taken out, and pairs, fours and eights of digits are added up at once.
// R11 holds the tables, X7 is zero.

// The digits of the text at R8: X1 their values, AX what is no digit (bits 16 and up are
// set), BX the zeros, R13 the points.
#define DIGITS \
	VMOVDQU (R8), X0; \
	VPSUBB vectorTables_zeros(R11), X0, X1; \
	VPMINUB vectorTables_nines(R11), X1, X2; \
	VPCMPEQB X1, X2, X2; \
	VPMOVMSKB X2, AX; \
	VPCMPGTB X7, X1, X3; \
	VPMOVMSKB X3, BX; \
	VPCMPEQB vectorTables_points(R11), X0, X2; \
	VPMOVMSKB X2, R13; \
	NOTL AX

// Where the number ends by itself: CX is its whole digits, DX its bytes, up to 15.
#define ENDS(other) \
	TZCNTL AX, CX; \
	BLSRL AX, DX; \
	TZCNTL DX, DX; \
	BTL CX, R13; \
	CMOVLCC CX, DX; \
	CMPL DX, $16; \
	JCC other

// The number takes the DX bytes that are given, or it is other. CX as in ENDS.
#define FILLS(other) \
	LEAL -1(DX), CX; \
	CMPL CX, $15; \
	JCC other; \
	BTSL DX, AX; \
	TZCNTL AX, CX; \
	BLSRL AX, SI; \
	TZCNTL SI, SI; \
	BTL CX, R13; \
	CMOVLCC CX, SI; \
	CMPL SI, DX; \
	JNE other

// Digits stand before and behind a point, and no zero before a whole digit. That a point
// behind the number counts too refuses nothing that is ordinary.
#define PLAIN(other) \
	LEAL 1(R13)(R13*1), SI; \
	TESTW AX, SI; \
	JNZ other; \
	LEAL (BX)(BX*1), SI; \
	ORL AX, SI; \
	TESTL $2, SI; \
	JZ other

// The number that the digits at the upper end of X1 make.
#define SUM \
	VPMADDUBSW vectorTables_tens(R11), X1, X1; \
	VPMADDWD vectorTables_hundreds(R11), X1, X1; \
	VPACKUSDW X1, X1, X1; \
	VPMADDWD vectorTables_myriads(R11), X1, X1; \
	VPMULUDQ vectorTables_millions(R11), X1, X2; \
	VPSRLQ $32, X1, X1; \
	VPADDQ X2, X1, X1

// The decimal goes to X1 and SI. Where all digits are zero the first one counts.
#define VALUE \
	BZHIL DX, BX, BX; \
	ORL $1, BX; \
	LZCNTL BX, BX; \
	SHLL $4, BX; \
	ADDL CX, BX; \
	MOVBLZX (vectorTables_exponents-256)(R11)(BX*1), SI; \
	SHLL $4, BX; \
	VPSHUFB (vectorTables_rows-4096)(R11)(BX*1), X1, X1; \
	SUM

// PLACE tells where the digits of the number end: SI is its row's offset from rows, CX the
// exponent. BX stays.
#define PLACE \
	BZHIL DX, BX, SI; \
	ORL $1, SI; \
	LZCNTL SI, SI; \
	SHLL $4, SI; \
	ADDL CX, SI; \
	MOVBLZX (vectorTables_exponents-256)(R11)(SI*1), CX; \
	SHLL $4, SI

// PAIRDIGITS is DIGITS of the two texts in the halves of Y0, in the halves of the results.
#define PAIRDIGITS \
	VPSUBB vectorTables_zeros(R11), Y0, Y1; \
	VPMINUB vectorTables_nines(R11), Y1, Y2; \
	VPCMPEQB Y1, Y2, Y2; \
	VPMOVMSKB Y2, AX; \
	VPCMPGTB Y7, Y1, Y3; \
	VPMOVMSKB Y3, BX; \
	VPCMPEQB vectorTables_points(R11), Y0, Y2; \
	VPMOVMSKB Y2, R13; \
	NOTL AX

// PAIRFIRST is of the first number, of DX bytes: its exponent goes to the decimal at first.
#define PAIRFIRST(first, other) \
	FILLS(other); \
	PLAIN(other); \
	PLACE; \
	MOVB CX, Decimal_Exponent(first); \
	VMOVDQU (vectorTables_rows-4096)(R11)(SI*1), X3

// PAIRSECOND is of the second number, of DX bytes: the halves of Y1 are the values, CX is
// the second exponent.
#define PAIRSECOND(other) \
	SHRL $16, AX; \
	SHRL $16, BX; \
	SHRL $16, R13; \
	FILLS(other); \
	PLAIN(other); \
	PLACE; \
	VINSERTI128 $1, (vectorTables_rows-4096)(R11)(SI*1), Y3, Y3; \
	VPSHUFB Y3, Y1, Y1; \
	VPMADDUBSW vectorTables_tens(R11), Y1, Y1; \
	VPMADDWD vectorTables_hundreds(R11), Y1, Y1; \
	VPACKUSDW Y1, Y1, Y1; \
	VPMADDWD vectorTables_myriads(R11), Y1, Y1; \
	VPMULUDQ vectorTables_millions(R11), Y1, Y2; \
	VPSRLQ $32, Y1, Y1; \
	VPADDQ Y2, Y1, Y1

// TEXTPAIR reads two decimals at once: the text at R8, of as many bytes as the byte before
// it says, and one behind a key and a length. The results are those of PAIRFIRST and
// PAIRSECOND; R8 and DX are where the second text stands and its bytes.
#define TEXTPAIR(key, first, other) \
	MOVBLZX -1(R8), DX; \
	VMOVDQU (R8), X0; \
	ADDQ DX, R8; \
	VINSERTI128 $1, 2(R8), Y0, Y0; \
	PAIRDIGITS; \
	PAIRFIRST(first, other); \
	MOVBLZX (R8), CX; \
	CMPB CX, key; \
	JNE other; \
	MOVBLZX 1(R8), DX; \
	ADDQ $2, R8; \
	PAIRSECOND(other)
