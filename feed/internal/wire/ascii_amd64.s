#include "textflag.h"

// func ascii16(p *byte, n int) bool
TEXT ·ascii16(SB), NOSPLIT, $0-17
	MOVQ  p+0(FP), SI
	MOVQ  n+8(FP), CX
	MOVOU -16(SI)(CX*1), X0  // the last bytes, perhaps once more below

wide:
	CMPQ  CX, $64
	JB    narrow
	MOVOU 0(SI), X1
	MOVOU 16(SI), X2
	MOVOU 32(SI), X3
	MOVOU 48(SI), X4
	POR   X1, X0
	POR   X2, X3
	POR   X4, X0
	POR   X3, X0
	ADDQ  $64, SI
	SUBQ  $64, CX
	JMP   wide

narrow:
	CMPQ  CX, $16
	JB    done
	MOVOU (SI), X1
	POR   X1, X0
	ADDQ  $16, SI
	SUBQ  $16, CX
	JMP   narrow

done:
	PMOVMSKB X0, AX
	TESTL    AX, AX
	SETEQ    ret+16(FP)
	RET
