//go:build !tickring_purego

#include "textflag.h"

// func publishRecord(dst, src *Record, mark uint64)
//
// x86 keeps stores in order, so plain moves in program order are the odd mark,
// the payload and the even mark as every reader sees them.
TEXT ·publishRecord(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ mark+16(FP), AX
	LEAQ -1(AX), BX
	MOVQ BX, (DI)
	MOVQ 8(SI), R8
	MOVQ 16(SI), R9
	MOVQ 24(SI), R10
	MOVQ 32(SI), R11
	MOVQ 40(SI), R12
	MOVQ R8, 8(DI)
	MOVQ R9, 16(DI)
	MOVQ R10, 24(DI)
	MOVQ R11, 32(DI)
	MOVQ R12, 40(DI)
	MOVQ 48(SI), R8
	MOVQ 56(SI), R9
	MOVQ 64(SI), R10
	MOVQ 72(SI), R11
	MOVQ 80(SI), R12
	MOVQ R8, 48(DI)
	MOVQ R9, 56(DI)
	MOVQ R10, 64(DI)
	MOVQ R11, 72(DI)
	MOVQ R12, 80(DI)
	MOVQ 88(SI), R8
	MOVQ 96(SI), R9
	MOVQ 104(SI), R10
	MOVQ 112(SI), R11
	MOVQ 120(SI), R12
	MOVQ R8, 88(DI)
	MOVQ R9, 96(DI)
	MOVQ R10, 104(DI)
	MOVQ R11, 112(DI)
	MOVQ R12, 120(DI)
	MOVQ AX, (DI)
	RET

// func publishWords(dst, src *uint64, n int, mark uint64)
TEXT ·publishWords(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ mark+24(FP), AX
	LEAQ -1(AX), BX
	MOVQ BX, (DI)
	MOVQ $1, DX
loop:
	CMPQ DX, CX
	JGE  done
	MOVQ (SI)(DX*8), R8
	MOVQ R8, (DI)(DX*8)
	INCQ DX
	JMP  loop
done:
	MOVQ AX, (DI)
	RET

// func store64(p *uint64, v uint64)
TEXT ·store64(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), DI
	MOVQ v+8(FP), AX
	MOVQ AX, (DI)
	RET

// func store32(p *uint32, v uint32)
TEXT ·store32(SB), NOSPLIT, $0-12
	MOVQ p+0(FP), DI
	MOVL v+8(FP), AX
	MOVL AX, (DI)
	RET

// func storeFrame(lastSequence, watermark *uint64, doorbell *uint32, last uint64, bell uint32)
TEXT ·storeFrame(SB), NOSPLIT, $0-36
	MOVQ lastSequence+0(FP), DI
	MOVQ watermark+8(FP), SI
	MOVQ doorbell+16(FP), DX
	MOVQ last+24(FP), AX
	MOVL bell+32(FP), CX
	MOVQ AX, (DI)
	MOVQ AX, (SI)
	MOVL CX, (DX)
	RET
