//go:build !tickring_purego

#include "textflag.h"

// func publishRecord(dst, src *Record, mark uint64)
//
// DMB ISHST (option 0xA) keeps the payload behind the odd mark; the even mark is
// a store-release and so stays behind the payload.
TEXT ·publishRecord(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD mark+16(FP), R2
	SUB  $1, R2, R3
	MOVD R3, (R0)
	DMB  $0xA
	MOVD 8(R1), R4
	MOVD R4, 8(R0)
	LDP  16(R1), (R4, R5)
	STP  (R4, R5), 16(R0)
	LDP  32(R1), (R4, R5)
	STP  (R4, R5), 32(R0)
	LDP  48(R1), (R4, R5)
	STP  (R4, R5), 48(R0)
	LDP  64(R1), (R4, R5)
	STP  (R4, R5), 64(R0)
	LDP  80(R1), (R4, R5)
	STP  (R4, R5), 80(R0)
	LDP  96(R1), (R4, R5)
	STP  (R4, R5), 96(R0)
	LDP  112(R1), (R4, R5)
	STP  (R4, R5), 112(R0)
	STLR R2, (R0)
	RET

// func publishWords(dst, src *uint64, n int, mark uint64)
TEXT ·publishWords(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
	MOVD mark+24(FP), R3
	SUB  $1, R3, R4
	MOVD R4, (R0)
	DMB  $0xA
	MOVD $1, R5
loop:
	CMP  R2, R5
	BGE  done
	LSL  $3, R5, R6
	MOVD (R1)(R6), R7
	MOVD R7, (R0)(R6)
	ADD  $1, R5
	B    loop
done:
	STLR R3, (R0)
	RET

// func store64(p *uint64, v uint64)
TEXT ·store64(SB), NOSPLIT, $0-16
	MOVD p+0(FP), R0
	MOVD v+8(FP), R1
	STLR R1, (R0)
	RET

// func store32(p *uint32, v uint32)
TEXT ·store32(SB), NOSPLIT, $0-12
	MOVD  p+0(FP), R0
	MOVW  v+8(FP), R1
	STLRW R1, (R0)
	RET

// func storeFrame(lastSequence, watermark *uint64, doorbell *uint32, last uint64, bell uint32)
TEXT ·storeFrame(SB), NOSPLIT, $0-36
	MOVD  lastSequence+0(FP), R0
	MOVD  watermark+8(FP), R1
	MOVD  doorbell+16(FP), R2
	MOVD  last+24(FP), R3
	MOVW  bell+32(FP), R4
	STLR  R3, (R0)
	STLR  R3, (R1)
	STLRW R4, (R2)
	RET
