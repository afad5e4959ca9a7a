//go:build !tickring_purego

#include "textflag.h"

// Sixteen bytes of text are one number at most: its digits are moved to the upper end of
// a register, the last one that is not zero to the top, the point is taken out, and pairs,
// fours and eights of digits are added up at once.

DATA decimalZeros<>+0(SB)/8, $0x3030303030303030
DATA decimalZeros<>+8(SB)/8, $0x3030303030303030
GLOBL decimalZeros<>(SB), RODATA|NOPTR, $16

DATA decimalNines<>+0(SB)/8, $0x0909090909090909
DATA decimalNines<>+8(SB)/8, $0x0909090909090909
GLOBL decimalNines<>(SB), RODATA|NOPTR, $16

DATA decimalPoints<>+0(SB)/8, $0x2e2e2e2e2e2e2e2e
DATA decimalPoints<>+8(SB)/8, $0x2e2e2e2e2e2e2e2e
GLOBL decimalPoints<>(SB), RODATA|NOPTR, $16

// Weights of the digits of a pair, the pairs of a four, and the fours of an eight.
DATA decimalTens<>+0(SB)/8, $0x010a010a010a010a
DATA decimalTens<>+8(SB)/8, $0x010a010a010a010a
GLOBL decimalTens<>(SB), RODATA|NOPTR, $16

DATA decimalHundreds<>+0(SB)/8, $0x0001006400010064
DATA decimalHundreds<>+8(SB)/8, $0x0001006400010064
GLOBL decimalHundreds<>(SB), RODATA|NOPTR, $16

DATA decimalMyriads<>+0(SB)/8, $0x0001271000012710
DATA decimalMyriads<>+8(SB)/8, $0x0001271000012710
GLOBL decimalMyriads<>(SB), RODATA|NOPTR, $16

// From byte k + 1 on: which byte goes where so that byte k becomes the last one.
DATA decimalSlide<>+0(SB)/8, $0x8080808080808080
DATA decimalSlide<>+8(SB)/8, $0x8080808080808080
DATA decimalSlide<>+16(SB)/8, $0x0706050403020100
DATA decimalSlide<>+24(SB)/8, $0x0f0e0d0c0b0a0908
GLOBL decimalSlide<>(SB), RODATA|NOPTR, $32

// Row k: which byte goes where so that byte 15 - k is taken out; row 0 takes out none.
DATA decimalPoint<>+0x00(SB)/8, $0x0706050403020100
DATA decimalPoint<>+0x08(SB)/8, $0x0f0e0d0c0b0a0908
DATA decimalPoint<>+0x10(SB)/8, $0x0605040302010080
DATA decimalPoint<>+0x18(SB)/8, $0x0f0d0c0b0a090807
DATA decimalPoint<>+0x20(SB)/8, $0x0605040302010080
DATA decimalPoint<>+0x28(SB)/8, $0x0f0e0c0b0a090807
DATA decimalPoint<>+0x30(SB)/8, $0x0605040302010080
DATA decimalPoint<>+0x38(SB)/8, $0x0f0e0d0b0a090807
DATA decimalPoint<>+0x40(SB)/8, $0x0605040302010080
DATA decimalPoint<>+0x48(SB)/8, $0x0f0e0d0c0a090807
DATA decimalPoint<>+0x50(SB)/8, $0x0605040302010080
DATA decimalPoint<>+0x58(SB)/8, $0x0f0e0d0c0b090807
DATA decimalPoint<>+0x60(SB)/8, $0x0605040302010080
DATA decimalPoint<>+0x68(SB)/8, $0x0f0e0d0c0b0a0807
DATA decimalPoint<>+0x70(SB)/8, $0x0605040302010080
DATA decimalPoint<>+0x78(SB)/8, $0x0f0e0d0c0b0a0907
DATA decimalPoint<>+0x80(SB)/8, $0x0605040302010080
DATA decimalPoint<>+0x88(SB)/8, $0x0f0e0d0c0b0a0908
DATA decimalPoint<>+0x90(SB)/8, $0x0705040302010080
DATA decimalPoint<>+0x98(SB)/8, $0x0f0e0d0c0b0a0908
DATA decimalPoint<>+0xa0(SB)/8, $0x0706040302010080
DATA decimalPoint<>+0xa8(SB)/8, $0x0f0e0d0c0b0a0908
DATA decimalPoint<>+0xb0(SB)/8, $0x0706050302010080
DATA decimalPoint<>+0xb8(SB)/8, $0x0f0e0d0c0b0a0908
DATA decimalPoint<>+0xc0(SB)/8, $0x0706050402010080
DATA decimalPoint<>+0xc8(SB)/8, $0x0f0e0d0c0b0a0908
DATA decimalPoint<>+0xd0(SB)/8, $0x0706050403010080
DATA decimalPoint<>+0xd8(SB)/8, $0x0f0e0d0c0b0a0908
DATA decimalPoint<>+0xe0(SB)/8, $0x0706050403020080
DATA decimalPoint<>+0xe8(SB)/8, $0x0f0e0d0c0b0a0908
DATA decimalPoint<>+0xf0(SB)/8, $0x0706050403020180
DATA decimalPoint<>+0xf8(SB)/8, $0x0f0e0d0c0b0a0908
GLOBL decimalPoint<>(SB), RODATA|NOPTR, $256

// Digits of the text at R8: X1 their values, AX what is no digit (bits 16 and up are
// set), BX the zeros, R13 the points. X7 must be zero.
#define DIGITS \
	VMOVDQU (R8), X0; \
	VPSUBB decimalZeros<>(SB), X0, X1; \
	VPMINUB decimalNines<>(SB), X1, X2; \
	VPCMPEQB X1, X2, X2; \
	VPMOVMSKB X2, AX; \
	VPCMPEQB X7, X1, X3; \
	VPMOVMSKB X3, BX; \
	VPCMPEQB decimalPoints<>(SB), X0, X2; \
	VPMOVMSKB X2, R13; \
	NOTL AX

// Leave for refuse when there are no whole digits, no places behind a point, or a zero
// before other whole digits. CX is the number of whole digits, DX that of bytes.
#define CHECK \
	TESTL CX, CX; \
	JZ refuse; \
	LEAL -1(DX), R12; \
	CMPL R12, CX; \
	JEQ refuse; \
	LEAL -2(CX), R12; \
	SARL $31, R12; \
	ANDNL BX, R12, R12; \
	TESTL $1, R12; \
	JNZ refuse

// The decimal of DX bytes goes to (DI). R13 is its last digit that is not zero, and the
// last whole one where all are zero. The exponent is the distance from the point to it.
#define VALUE \
	ORL AX, BX; \
	NOTL BX; \
	BZHIL DX, BX, BX; \
	MOVL $32, R12; \
	SUBL CX, R12; \
	LZCNTL BX, R13; \
	CMOVLCS R12, R13; \
	XORL $31, R13; \
	LEAQ decimalSlide<>(SB), R12; \
	VMOVDQU 1(R12)(R13*1), X4; \
	VPSHUFB X4, X1, X1; \
	MOVL R13, BX; \
	SUBL CX, BX; \
	SBBL R12, R12; \
	MOVL R12, AX; \
	SUBL BX, AX; \
	ANDNL BX, R12, BX; \
	SHLL $4, BX; \
	LEAQ decimalPoint<>(SB), R12; \
	VPSHUFB (R12)(BX*1), X1, X1; \
	VPMADDUBSW decimalTens<>(SB), X1, X1; \
	VPMADDWD decimalHundreds<>(SB), X1, X1; \
	VPACKUSDW X1, X1, X1; \
	VPMADDWD decimalMyriads<>(SB), X1, X1; \
	VMOVQ X1, BX; \
	MOVL BX, R12; \
	SHRQ $32, BX; \
	IMUL3Q $100000000, R12, R12; \
	ADDQ R12, BX; \
	VMOVQ BX, X1; \
	MOVBLZX AX, AX; \
	VPINSRQ $1, AX, X1, X1; \
	VMOVDQU X1, (DI)

// func quotedDecimals(text *byte, gaps uint64, count int, out *Decimal) (lengths uint64)
TEXT ·quotedDecimals(SB), NOSPLIT, $0-40
	MOVQ text+0(FP), R8
	MOVQ gaps+8(FP), R9
	MOVQ count+16(FP), R10
	MOVQ out+24(FP), DI
	XORL SI, SI
	XORL R11, R11
	VPXOR X7, X7, X7
next:
	DIGITS
	TZCNTL AX, CX
	BLSRL AX, DX
	TZCNTL DX, DX
	BTL CX, R13
	CMOVLCC CX, DX
	CMPL DX, $16
	JGE refuse
	CHECK
	VALUE
	SHLXQ R11, DX, R12
	ORQ R12, SI
	ADDL $8, R11
	ADDQ DX, R8
	MOVBLZX R9, R12
	ADDQ R12, R8
	SHRQ $8, R9
	ADDQ $16, DI
	DECQ R10
	JNZ next
	MOVQ SI, lengths+32(FP)
	RET
refuse:
	MOVQ $0, lengths+32(FP)
	RET

// func textDecimals(text *byte, keys uint64, count int, out *Decimal) (n int)
TEXT ·textDecimals(SB), NOSPLIT, $0-40
	MOVQ text+0(FP), R8
	MOVQ keys+8(FP), R9
	MOVQ count+16(FP), R10
	MOVQ out+24(FP), DI
	MOVQ R8, SI
	VPXOR X7, X7, X7
next:
	CMPB R9, (R8)
	JNE refuse
	SHRQ $8, R9
	MOVBLZX 1(R8), DX
	ADDQ $2, R8
	LEAL -1(DX), R12
	CMPL R12, $16
	JCC refuse
	DIGITS
	BTSL DX, AX
	TZCNTL AX, CX
	// The first byte that is no digit is the end, or a point, and the second one the end.
	BLSRL AX, R11
	TZCNTL R11, R11
	BTL CX, R13
	CMOVLCC CX, R11
	CMPL R11, DX
	JNE refuse
	CHECK
	VALUE
	ADDQ DX, R8
	ADDQ $16, DI
	DECQ R10
	JNZ next
	SUBQ SI, R8
	MOVQ R8, n+32(FP)
	RET
refuse:
	MOVQ $0, n+32(FP)
	RET
