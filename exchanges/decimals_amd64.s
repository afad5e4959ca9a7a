//go:build !tickring_purego

#include "textflag.h"
#include "go_asm.h"
#include "vectors_amd64.h"

// func quotedDecimals(text *byte, gaps uint64, count int, out *Decimal) (lengths uint64)
TEXT ·quotedDecimals(SB), NOSPLIT, $0-40
	MOVQ text+0(FP), R8
	MOVQ gaps+8(FP), R9
	MOVQ count+16(FP), R10
	MOVQ out+24(FP), DI
	LEAQ ·vectors16(SB), R11
	XORL R12, R12
	MOVQ R12, lengths+32(FP)
	VPXOR X7, X7, X7
next:
	DIGITS
	ENDS(refuse)
	PLAIN(refuse)
	VALUE
	VMOVQ X1, Decimal_Mantissa(DI)
	MOVB SI, Decimal_Exponent(DI)
	SHLXQ R12, DX, BX
	ORQ BX, lengths+32(FP)
	ADDL $8, R12
	MOVBLZX R9, BX
	ADDQ DX, BX
	ADDQ BX, R8
	SHRQ $8, R9
	ADDQ $Decimal__size, DI
	DECQ R10
	JNZ next
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
	LEAQ ·vectors16(SB), R11
	MOVQ R8, R12
	VPXOR X7, X7, X7
next:
	CMPB R9, (R8)
	JNE refuse
	SHRQ $8, R9
	MOVBLZX 1(R8), DX
	ADDQ $2, R8
	DIGITS
	FILLS(refuse)
	PLAIN(refuse)
	VALUE
	VMOVQ X1, Decimal_Mantissa(DI)
	MOVB SI, Decimal_Exponent(DI)
	ADDQ DX, R8
	ADDQ $Decimal__size, DI
	DECQ R10
	JNZ next
	SUBQ R12, R8
	MOVQ R8, n+32(FP)
	RET
refuse:
	MOVQ $0, n+32(FP)
	RET
