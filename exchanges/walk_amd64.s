//go:build !tickring_purego

#include "textflag.h"
#include "go_asm.h"
#include "vectors_amd64.h"

// Every step is a routine that ends by jumping to the next one. R8 is the cursor, R9 the
// step, R10 the batch with the walk, DI the item, R11 the tables, R12 the routines, Y6 what differed from
// the forms so far, X7 zero. Bytes that differ are found at the end: until then a wrong
// frame only leads to wrong values, within the bounds that tmplgen gives to a shape.

// NEXT goes to the next step from one without a form.
#define NEXT \
	ADDQ $Step__size, R9; \
	MOVBLZX Step_Op(R9), AX; \
	JMP (R12)(AX*8)

// FORM compares the form at the cursor and goes to the next step.
#define FORM \
	VMOVDQU (R8), Y0; \
	VPSUBB Step_Low(R9), Y0, Y0; \
	VPSUBUSB Step_Span(R9), Y0, Y0; \
	VPOR Y0, Y6, Y6; \
	MOVBLZX Step_Size(R9), AX; \
	ADDQ AX, R8; \
	ADDQ $Step__size, R9; \
	MOVBLZX Step_Op(R9), AX; \
	JMP (R12)(AX*8)

// BEHIND is FORM behind a hole of DX bytes; the next step waits for DX alone.
#define BEHIND \
	VMOVDQU (R8)(DX*1), Y0; \
	VPSUBB Step_Low(R9), Y0, Y0; \
	VPSUBUSB Step_Span(R9), Y0, Y0; \
	VPOR Y0, Y6, Y6; \
	MOVBLZX Step_Size(R9), AX; \
	ADDQ R8, AX; \
	LEAQ (AX)(DX*1), R8; \
	NEXT

// IF is FORM where the form stands at the cursor, and goes ahead by so many bytes of steps;
// where it does not stand there, or the frame ends, it passes over the steps up to At.
#define IF(ahead) \
	CMPQ R8, (Batch_walk+walk_end)(R10); \
	JCC pass; \
	VMOVDQU (R8), Y0; \
	VPSUBB Step_Low(R9), Y0, Y0; \
	VPSUBUSB Step_Span(R9), Y0, Y0; \
	VPTEST Y0, Y0; \
	JNZ pass; \
	MOVBLZX Step_Size(R9), AX; \
	ADDQ AX, R8; \
	ADDQ $ahead, R9; \
	MOVBLZX Step_Op(R9), AX; \
	JMP (R12)(AX*8); \
pass: \
	MOVWQSX Step_At(R9), AX; \
	ADDQ AX, R9; \
	MOVBLZX Step_Op(R9), AX; \
	JMP (R12)(AX*8)

// AT is the address of what a step reads near the cursor.
#define AT(into) \
	MOVWQSX Step_At(R9), into; \
	ADDQ R8, into

// Routines by StepOp.
DATA walkRoutines<>+0x000(SB)/8, $walkEnd<>(SB)
DATA walkRoutines<>+0x008(SB)/8, $walkEndEventIsSend<>(SB)
DATA walkRoutines<>+0x010(SB)/8, $walkEndMany<>(SB)
DATA walkRoutines<>+0x018(SB)/8, $walkEndEach<>(SB)
DATA walkRoutines<>+0x020(SB)/8, $walkForm<>(SB)
DATA walkRoutines<>+0x028(SB)/8, $walkOptional<>(SB)
DATA walkRoutines<>+0x030(SB)/8, $walkMore<>(SB)
DATA walkRoutines<>+0x038(SB)/8, $walkOrdered<>(SB)
DATA walkRoutines<>+0x040(SB)/8, $walkMany<>(SB)
DATA walkRoutines<>+0x048(SB)/8, $walkManyEnd<>(SB)
DATA walkRoutines<>+0x050(SB)/8, $walkEach<>(SB)
DATA walkRoutines<>+0x058(SB)/8, $walkEachEnd<>(SB)
DATA walkRoutines<>+0x060(SB)/8, $walkSeconds<>(SB)
DATA walkRoutines<>+0x068(SB)/8, $walkMillis<>(SB)
DATA walkRoutines<>+0x070(SB)/8, $walkUint<>(SB)
DATA walkRoutines<>+0x078(SB)/8, $walkUintSkip<>(SB)
DATA walkRoutines<>+0x080(SB)/8, $walkName<>(SB)
DATA walkRoutines<>+0x088(SB)/8, $walkNameEach<>(SB)
DATA walkRoutines<>+0x090(SB)/8, $walkAgain<>(SB)
DATA walkRoutines<>+0x098(SB)/8, $walkDecimal<>(SB)
DATA walkRoutines<>+0x0a0(SB)/8, $walkDecimal<>(SB)
DATA walkRoutines<>+0x0a8(SB)/8, $walkLeave<>(SB)
DATA walkRoutines<>+0x0b0(SB)/8, $walkSignedSkip<>(SB)
DATA walkRoutines<>+0x0b8(SB)/8, $walkMillisText<>(SB)
DATA walkRoutines<>+0x0c0(SB)/8, $walkSide<>(SB)
DATA walkRoutines<>+0x0c8(SB)/8, $walkText<>(SB)
DATA walkRoutines<>+0x0d0(SB)/8, $walkLevels<>(SB)
DATA walkRoutines<>+0x0d8(SB)/8, $walkObjects<>(SB)
DATA walkRoutines<>+0x0e0(SB)/8, $walkAmount<>(SB)
DATA walkRoutines<>+0x0e8(SB)/8, $walkTaker<>(SB)
DATA walkRoutines<>+0x0f0(SB)/8, $walkTextName<>(SB)
DATA walkRoutines<>+0x0f8(SB)/8, $walkTextUntil<>(SB)
DATA walkRoutines<>+0x100(SB)/8, $walkTextTail<>(SB)
DATA walkRoutines<>+0x108(SB)/8, $walkTextAgain<>(SB)
DATA walkRoutines<>+0x110(SB)/8, $walkTextAgainMillis<>(SB)
DATA walkRoutines<>+0x118(SB)/8, $walkTextDecimal<>(SB)
DATA walkRoutines<>+0x120(SB)/8, $walkTextDecimals<>(SB)
DATA walkRoutines<>+0x128(SB)/8, $walkTextDecimal<>(SB)
DATA walkRoutines<>+0x130(SB)/8, $walkTextUint<>(SB)
DATA walkRoutines<>+0x138(SB)/8, $walkTextSigned<>(SB)
DATA walkRoutines<>+0x140(SB)/8, $walkTextIDPair<>(SB)
DATA walkRoutines<>+0x148(SB)/8, $walkRest<>(SB)
DATA walkRoutines<>+0x150(SB)/8, $walkMillisVarint<>(SB)
DATA walkRoutines<>+0x158(SB)/8, $walkSideVarint<>(SB)
DATA walkRoutines<>+0x160(SB)/8, $walkTextLevels<>(SB)
DATA walkRoutines<>+0x168(SB)/8, $walkRestIf<>(SB)
DATA walkRoutines<>+0x170(SB)/8, $walkTextDecimalIf<>(SB)
DATA walkRoutines<>+0x178(SB)/8, $walkTextDecimalsIf<>(SB)
DATA walkRoutines<>+0x180(SB)/8, $walkTextUintIf<>(SB)
GLOBL walkRoutines<>(SB), RODATA, $0x188

// START sets what all routines rely on: the item behind the last one, or full.
#define START \
	MOVQ s+0(FP), R9; \
	MOVQ text+8(FP), R8; \
	MOVQ size+16(FP), BX; \
	MOVQ symbols+24(FP), CX; \
	MOVQ b+32(FP), R10; \
	MOVQ (Batch_Items+8)(R10), AX; \
	CMPQ AX, (Batch_Items+16)(R10); \
	JCC full; \
	CMPQ AX, $const_MaxItems; \
	JCC full; \
	IMUL3Q $Item__size, AX, DI; \
	ADDQ Batch_Items(R10), DI; \
	MOVQ R8, (Batch_walk+walk_start)(R10); \
	ADDQ R8, BX; \
	MOVQ BX, (Batch_walk+walk_end)(R10); \
	MOVQ CX, (Batch_walk+walk_symbols)(R10); \
	LEAQ ·vectors16(SB), R11; \
	LEAQ walkRoutines<>(SB), R12; \
	VPXOR Y6, Y6, Y6; \
	VPXOR X7, X7, X7

// COPY copies an item.
#define COPY(from, to) \
	VMOVDQU (from), Y0; \
	VMOVDQU 32(from), Y1; \
	VMOVDQU 64(from), Y2; \
	VMOVDQU 96(from), Y3; \
	VMOVDQU Y0, (to); \
	VMOVDQU Y1, 32(to); \
	VMOVDQU Y2, 64(to); \
	VMOVDQU Y3, 96(to); \
	VMOVDQU 128(from), Y0; \
	VMOVDQU 160(from), Y1; \
	VMOVDQU 192(from), Y2; \
	VMOVDQU (Item__size-32)(from), Y3; \
	VMOVDQU Y0, 128(to); \
	VMOVDQU Y1, 160(to); \
	VMOVDQU Y2, 192(to); \
	VMOVDQU Y3, (Item__size-32)(to)

// func walkFrame(s *Steps, text *byte, size int, symbols *SymbolTable, b *Batch)
TEXT ·walkFrame(SB), NOSPLIT, $0-40
	START
	MOVQ $0, (Batch_walk+walk_count)(R10)
	LEAQ ·blankItem(SB), AX
	COPY(AX, DI)
	MOVQ Steps_Kind(R9), AX
	MOVQ AX, Item_Kind(DI)
	MOVBLZX Steps_IDFormat(R9), AX
	MOVB AX, Item_IDFormat(DI)
	MOVQ Steps_List(R9), R9
	MOVQ R9, (Batch_walk+walk_list)(R10)
	FORM
full:
	MOVB $const_walkFull, (Batch_walk+walk_stop)(R10)
	RET

// walkBehind leaves what a step looks for behind its hole to the StepOptional that follows.
// func walkBehind(s *Steps, text *byte, size int, symbols *SymbolTable, b *Batch)
TEXT ·walkBehind(SB), NOSPLIT, $0-40
	START
	ADDQ (Batch_walk+walk_at)(R10), R8
	MOVQ Steps_List(R9), R9
	MOVQ R9, (Batch_walk+walk_list)(R10)
	ADDQ (Batch_walk+walk_step)(R10), R9
	MOVQ (Batch_walk+walk_count)(R10), AX
	DECQ AX
	JLE first
	IMUL3Q $Item__size, AX, AX
	ADDQ AX, DI
first:
	CMPB Step_Op(R9), $const_StepRestIf
	JCC optional
	FORM
optional:
	NEXT
full:
	MOVB $const_walkRefused, (Batch_walk+walk_stop)(R10)
	RET

// The time of the message is that of the event.
TEXT walkEndEventIsSend<>(SB), NOSPLIT|NOFRAME, $0
	MOVQ Item_SendTimeNS(DI), AX
	MOVQ AX, Item_EventTimeNS(DI)
	JMP walkEnd<>(SB)

// walkEndEach leaves the items to Batch.Named.
TEXT walkEndEach<>(SB), NOSPLIT|NOFRAME, $0
	CMPQ R8, (Batch_walk+walk_end)(R10)
	JNE refuse
	VPTEST Y6, Y6
	JNZ refuse
	MOVB $const_walkNamed, (Batch_walk+walk_stop)(R10)
	VZEROUPPER
	RET
refuse:
	JMP walkRefuse<>(SB)

// walkEndMany leaves the items to finishMany.
TEXT walkEndMany<>(SB), NOSPLIT|NOFRAME, $0
	CMPQ R8, (Batch_walk+walk_end)(R10)
	JNE refuse
	VPTEST Y6, Y6
	JNZ refuse
	MOVB $const_walkMany, (Batch_walk+walk_stop)(R10)
	VZEROUPPER
	RET
refuse:
	JMP walkRefuse<>(SB)

// NEXTITEM makes room for an item, which is as the first one was before the first turn.
#define NEXTITEM(more, begin, full, refuse) \
	LEAQ (Batch_walk+walk_blank)(R10), BX; \
	MOVQ (Batch_walk+walk_count)(R10), CX; \
	TESTQ CX, CX; \
	JNZ more; \
	COPY(DI, BX); \
	JMP begin; \
more: \
	MOVQ (Batch_Items+8)(R10), AX; \
	ADDQ CX, AX; \
	CMPQ AX, (Batch_Items+16)(R10); \
	JCC full; \
	CMPQ AX, $const_MaxItems; \
	JCC refuse; \
	ADDQ $Item__size, DI; \
	COPY(BX, DI); \
begin: \
	INCQ CX; \
	MOVQ CX, (Batch_walk+walk_count)(R10)

// walkMany begins the next item, see NEXTITEM.
TEXT walkMany<>(SB), NOSPLIT|NOFRAME, $0
	CMPQ R8, (Batch_walk+walk_end)(R10)
	JCC pass
	VMOVDQU (R8), Y0
	VPSUBB Step_Low(R9), Y0, Y0
	VPSUBUSB Step_Span(R9), Y0, Y0
	VPTEST Y0, Y0
	JNZ pass
	MOVBLZX 1(R8), AX
	CMPL AX, $0x80
	JCC refuse
	LEAQ 2(R8)(AX*1), AX
	MOVQ AX, (Batch_walk+walk_until)(R10)
	NEXTITEM(more, begin, full, refuse)
	MOVBLZX Step_Size(R9), AX
	ADDQ AX, R8
	NEXT
pass:
	MOVWQSX Step_At(R9), AX
	ADDQ AX, R9
	MOVBLZX Step_Op(R9), AX
	JMP (R12)(AX*8)
full:
	MOVB $const_walkFull, (Batch_walk+walk_stop)(R10)
	VZEROUPPER
	RET
refuse:
	JMP walkRefuse<>(SB)

// walkEach is walkMany without a form that tells: an item there is.
TEXT walkEach<>(SB), NOSPLIT|NOFRAME, $0
	CMPQ R8, (Batch_walk+walk_end)(R10)
	JCC refuse
	NEXTITEM(more, begin, full, refuse)
	FORM
full:
	MOVB $const_walkFull, (Batch_walk+walk_stop)(R10)
	VZEROUPPER
	RET
refuse:
	JMP walkRefuse<>(SB)

// walkEachEnd goes back behind a comma.
TEXT walkEachEnd<>(SB), NOSPLIT|NOFRAME, $0
	CMPB (R8), $0x2c
	JNE last
	INCQ R8
	MOVWQSX Step_At(R9), AX
	ADDQ AX, R9
	MOVBLZX Step_Op(R9), AX
	JMP (R12)(AX*8)
last:
	FORM

// walkManyEnd goes back for the next item.
TEXT walkManyEnd<>(SB), NOSPLIT|NOFRAME, $0
	CMPQ R8, (Batch_walk+walk_until)(R10)
	JNE refuse
	MOVWQSX Step_At(R9), AX
	ADDQ AX, R9
	MOVBLZX Step_Op(R9), AX
	JMP (R12)(AX*8)
refuse:
	JMP walkRefuse<>(SB)

// walkEnd finds the instrument where its symbol belongs in the table.
TEXT walkEnd<>(SB), NOSPLIT|NOFRAME, $0
	CMPQ R8, (Batch_walk+walk_end)(R10)
	JNE refuse
	VPTEST Y6, Y6
	JNZ refuse
	VZEROUPPER
	MOVQ (Batch_walk+walk_length)(R10), DX
	CMPQ DX, $16
	JCC unnamed
	MOVQ (Batch_walk+walk_symbols)(R10), BX
	MOVQ (Batch_walk+walk_key)(R10), AX
	MOVQ (Batch_walk+walk_key+8)(R10), CX
	MOVQ $const_mixLow, SI
	IMULQ AX, SI
	MOVQ $const_mixHigh, R8
	IMULQ CX, R8
	ADDQ R8, SI
	MOVQ SymbolTable_shift(BX), R8
	SHRXQ R8, SI, SI
	LEAQ (SI)(SI*2), SI
	MOVQ SymbolTable_slots(BX), BX
	LEAQ (BX)(SI*8), BX
	CMPQ AX, symbolSlot_low(BX)
	JNE unnamed
	CMPQ CX, symbolSlot_high(BX)
	JNE unnamed
	CMPW DX, symbolSlot_length(BX)
	JNE unnamed
	MOVWLZX symbolSlot_id(BX), AX
	MOVW AX, Item_Instrument(DI)
	INCQ (Batch_Items+8)(R10)
	MOVB $const_walkEnded, (Batch_walk+walk_stop)(R10)
	RET
unnamed:
	MOVB $const_walkUnnamed, (Batch_walk+walk_stop)(R10)
	RET
refuse:
	JMP walkRefuse<>(SB)

TEXT walkOrdered<>(SB), NOSPLIT|NOFRAME, $0
	MOVQ Item_FirstSequence(DI), AX
	CMPQ AX, Item_Sequence(DI)
	JHI refuse
	NEXT
refuse:
	JMP walkRefuse<>(SB)

TEXT walkRefuse<>(SB), NOSPLIT|NOFRAME, $0
	MOVB $const_walkRefused, (Batch_walk+walk_stop)(R10)
	VZEROUPPER
	RET

// walkLeave leaves the hole of the step to longWay.
TEXT walkLeave<>(SB), NOSPLIT|NOFRAME, $0
	VPTEST Y6, Y6
	JNZ refuse
	MOVB $const_walkLeft, (Batch_walk+walk_stop)(R10)
	SUBQ (Batch_walk+walk_start)(R10), R8
	MOVQ R8, (Batch_walk+walk_at)(R10)
	SUBQ (Batch_walk+walk_list)(R10), R9
	MOVQ R9, (Batch_walk+walk_step)(R10)
	VZEROUPPER
	RET
refuse:
	JMP walkRefuse<>(SB)

TEXT walkForm<>(SB), NOSPLIT|NOFRAME, $0
	FORM

TEXT walkOptional<>(SB), NOSPLIT|NOFRAME, $0
	IF(Step__size)

TEXT walkMore<>(SB), NOSPLIT|NOFRAME, $0
	CMPQ R8, (Batch_walk+walk_end)(R10)
	JCC refuse
	FORM
refuse:
	JMP walkRefuse<>(SB)

TEXT walkSeconds<>(SB), NOSPLIT|NOFRAME, $0
	AT(AX)
	VMOVDQU (AX), X1
	VPSUBB vectorTables_zeros(R11), X1, X1
	VPSLLDQ $6, X1, X1
	SUM
	VMOVQ X1, AX
	MOVQ $9223372036, BX
	CMPQ AX, BX
	JHI refuse
	IMUL3Q $1000000000, AX, AX
	MOVWLZX Step_Field(R9), BX
	MOVQ AX, (DI)(BX*1)
	FORM
refuse:
	JMP walkRefuse<>(SB)

TEXT walkMillis<>(SB), NOSPLIT|NOFRAME, $0
	AT(AX)
	VMOVDQU (AX), X1
	VPSUBB vectorTables_zeros(R11), X1, X1
	VPSLLDQ $3, X1, X1
	SUM
	VMOVQ X1, AX
	MOVQ $9223372036854, BX
	CMPQ AX, BX
	JCC refuse
	IMUL3Q $1000000, AX, AX
	MOVWLZX Step_Field(R9), BX
	MOVQ AX, (DI)(BX*1)
	FORM
refuse:
	JMP walkRefuse<>(SB)

// Up to 16 digits at the cursor: X1 their values, DX how many; others are left.
#define WHOLE(other) \
	VMOVDQU (R8), X0; \
	VPSUBB vectorTables_zeros(R11), X0, X1; \
	VPMINUB vectorTables_nines(R11), X1, X2; \
	VPCMPEQB X1, X2, X2; \
	VPMOVMSKB X2, AX; \
	NOTL AX; \
	TZCNTL AX, DX; \
	TESTL DX, DX; \
	JZ other; \
	CMPB (R8), $0x30; \
	JNE 3(PC); \
	CMPL DX, $1; \
	JNE other

TEXT walkUint<>(SB), NOSPLIT|NOFRAME, $0
	WHOLE(leave)
	VPSHUFB vectorTables_slide(R11)(DX*1), X1, X1
	SUM
	MOVWLZX Step_Field(R9), BX
	VMOVQ X1, (DI)(BX*1)
	BEHIND
leave:
	JMP walkLeave<>(SB)

TEXT walkUintSkip<>(SB), NOSPLIT|NOFRAME, $0
	WHOLE(leave)
	BEHIND
leave:
	JMP walkLeave<>(SB)

// NAMED keeps the symbol X0 of DX bytes, up to 15.
#define NAMED \
	MOVL DX, CX; \
	SHLL $4, CX; \
	VPAND vectorTables_keep(R11)(CX*1), X0, X0; \
	VMOVDQU X0, (Batch_walk+walk_key)(R10); \
	MOVQ R8, AX; \
	SUBQ (Batch_walk+walk_start)(R10), AX; \
	MOVQ AX, (Batch_walk+walk_symbol)(R10); \
	MOVQ DX, (Batch_walk+walk_length)(R10); \
	BEHIND

TEXT walkName<>(SB), NOSPLIT|NOFRAME, $0
	VMOVDQU (R8), X0
	VPCMPGTB vectorTables_belowZero(R11), X0, X1
	VPCMPEQB vectorTables_slashes(R11), X0, X2
	VPANDN X1, X2, X1
	VPMOVMSKB X1, AX
	NOTL AX
	TZCNTL AX, DX
	LEAL -1(DX), CX
	CMPL CX, $15
	JCC leave
	NAMED
leave:
	JMP walkLeave<>(SB)

// The symbol of one item of several: the item holds where it stands, for Batch.Named.
TEXT walkNameEach<>(SB), NOSPLIT|NOFRAME, $0
	VMOVDQU (R8), X0
	VPCMPGTB vectorTables_belowZero(R11), X0, X1
	VPCMPEQB vectorTables_slashes(R11), X0, X2
	VPANDN X1, X2, X1
	VPMOVMSKB X1, AX
	NOTL AX
	TZCNTL AX, DX
	LEAL -1(DX), CX
	CMPL CX, $15
	JCC leave
	MOVQ R8, AX
	SUBQ (Batch_walk+walk_start)(R10), AX
	MOVL AX, Item_BidsFrom(DI)
	ADDL DX, AX
	MOVL AX, Item_BidsTo(DI)
	BEHIND
leave:
	JMP walkLeave<>(SB)

// Milliseconds of six bytes, to the item.
#define MILLISVARINT \
	AT(AX); \
	VMOVQ (AX), X1; \
	VPAND vectorTables_sevens(R11), X1, X1; \
	VMOVDQU vectorTables_sevenBits(R11), X2; \
	VPMADDUBSW X1, X2, X1; \
	VPMADDWD vectorTables_fourteenBits(R11), X1, X1; \
	VMOVQ X1, AX; \
	MOVL AX, BX; \
	SHRQ $32, AX; \
	SHLQ $28, AX; \
	ORQ BX, AX; \
	IMUL3Q $1000000, AX, AX; \
	MOVWLZX Step_Field(R9), BX; \
	MOVQ AX, (DI)(BX*1)

// SAMETEXT compares DX bytes, up to 15, with the symbol.
#define SAMETEXT \
	MOVL DX, CX; \
	SHLL $4, CX; \
	VMOVDQU (R8), X0; \
	VPAND vectorTables_keep(R11)(CX*1), X0, X0; \
	VPXOR (Batch_walk+walk_key)(R10), X0, X0; \
	VPOR Y0, Y6, Y6

TEXT walkAgain<>(SB), NOSPLIT|NOFRAME, $0
	MOVQ (Batch_walk+walk_length)(R10), DX
	CMPQ DX, $16
	JCC leave
	SAMETEXT
	BEHIND
leave:
	JMP walkLeave<>(SB)

TEXT walkDecimal<>(SB), NOSPLIT|NOFRAME, $0
	DIGITS
	ENDS(leave)
	PLAIN(leave)
	VALUE
	MOVWLZX Step_Field(R9), BX
	VMOVQ X1, Decimal_Mantissa(DI)(BX*1)
	MOVB SI, Decimal_Exponent(DI)(BX*1)
	BEHIND
leave:
	JMP walkLeave<>(SB)

TEXT walkSignedSkip<>(SB), NOSPLIT|NOFRAME, $0
	MOVQ R8, R14
	XORL AX, AX
	CMPB (R8), $0x2d
	SETEQ AX
	ADDQ AX, R8
	DIGITS
	ENDS(leave)
	PLAIN(leave)
	BEHIND
leave:
	MOVQ R14, R8
	JMP walkLeave<>(SB)

// Thirteen digits, a point, and up to 15 places, of which those of a nanosecond and above
// count.
TEXT walkMillisText<>(SB), NOSPLIT|NOFRAME, $0
	VMOVDQU (R8), X0
	VPSUBB vectorTables_zeros(R11), X0, X1
	VPMINUB vectorTables_nines(R11), X1, X2
	VPCMPEQB X1, X2, X2
	VPMOVMSKB X2, AX
	NOTL AX
	TZCNTL AX, CX
	CMPL CX, $13
	JNE leave
	CMPB 13(R8), $0x2e
	JNE leave
	CMPB (R8), $0x30
	JEQ leave
	VPSLLDQ $3, X1, X1
	SUM
	VMOVQ X1, BX
	MOVQ $9223372036854, AX
	CMPQ BX, AX
	JCC leave
	VMOVDQU 14(R8), X0
	VPSUBB vectorTables_zeros(R11), X0, X1
	VPMINUB vectorTables_nines(R11), X1, X2
	VPCMPEQB X1, X2, X2
	VPMOVMSKB X2, AX
	NOTL AX
	TZCNTL AX, DX
	LEAL -1(DX), CX
	CMPL CX, $15
	JCC leave
	SHLL $4, CX
	VPAND (vectorTables_keep+16)(R11)(CX*1), X1, X1
	VPSLLDQ $10, X1, X1
	SUM
	VMOVQ X1, AX
	IMUL3Q $1000000, BX, BX
	ADDQ AX, BX
	MOVWLZX Step_Field(R9), AX
	MOVQ BX, (DI)(AX*1)
	LEAQ 14(R8)(DX*1), R8
	FORM
leave:
	JMP walkLeave<>(SB)

// buy" or sell, of which the lowest bit of the first letter tells.
TEXT walkSide<>(SB), NOSPLIT|NOFRAME, $0
	MOVL (R8), AX
	MOVL AX, DX
	ANDL $1, DX
	MOVL DX, CX
	NEGL CX
	ANDL $0x4e151011, CX
	XORL $0x22797562, CX
	CMPL AX, CX
	JNE leave
	LEAL const_sideBuy(DX), AX
	MOVB AX, Item_Aggressor(DI)
	LEAQ 3(R8)(DX*1), R8
	FORM
leave:
	JMP walkLeave<>(SB)

// PRINTABLE counts, in DX, the bytes before the first that is a quote, a backslash or not
// printable ASCII, up to 32.
#define PRINTABLE \
	VMOVDQU (R8), Y0; \
	VPCMPGTB vectorTables_controls(R11), Y0, Y1; \
	VPCMPEQB vectorTables_slashes(R11), Y0, Y2; \
	VPANDN Y1, Y2, Y1; \
	VPCMPEQB vectorTables_quotes(R11), Y0, Y2; \
	VPANDN Y1, Y2, Y1; \
	VPMOVMSKB Y1, AX; \
	NOTL AX; \
	TZCNTL AX, DX

// Up to 31 bytes of printable ASCII but quotes and backslashes.
TEXT walkText<>(SB), NOSPLIT|NOFRAME, $0
	PRINTABLE
	CMPL DX, $32
	JEQ leave
	BEHIND
leave:
	JMP walkLeave<>(SB)

// LEVELS makes R14 the place of the next level.
#define LEVELS(other) \
	MOVQ (Batch_Levels+8)(R10), AX; \
	MOVQ (Batch_Levels+16)(R10), CX; \
	CMPQ CX, $const_MaxLevels; \
	JHI other; \
	MOVWLZX Step_Field(R9), DX; \
	MOVL AX, (DI)(DX*1); \
	SHLQ $5, AX; \
	SHLQ $5, CX; \
	MOVQ Batch_Levels(R10), R14; \
	ADDQ R14, CX; \
	ADDQ AX, R14; \
	MOVQ CX, (Batch_walk+walk_room)(R10); \
	MOVQ R8, (Batch_walk+walk_at)(R10)

// LEVELSDONE counts the levels before R14.
#define LEVELSDONE \
	SUBQ Batch_Levels(R10), R14; \
	SHRQ $5, R14; \
	MOVQ R14, (Batch_Levels+8)(R10); \
	MOVWLZX Step_Field(R9), DX; \
	MOVL R14, 4(DI)(DX*1)

// An array of [price, quantity], each a quoted decimal. What is unusual in one of them, or
// more of them than the batch has room for, or a level of more than 32 bytes, leaves the whole
// array.
TEXT walkLevels<>(SB), NOSPLIT|NOFRAME, $0
	LEVELS(leave)
	MOVL (R8), AX
	CMPW AX, $0x5d5b
	JEQ none
	SHLL $8, AX
	CMPL AX, $0x225b5b00
	JNE leave
	ADDQ $3, R8
next:
	CMPQ R14, (Batch_walk+walk_room)(R10)
	JCC back
	CMPQ R8, (Batch_walk+walk_end)(R10)
	JCC back
	// The quotes of a level in 32 bytes tell where its two numbers end.
	VMOVDQU (R8), Y0
	VPCMPEQB vectorTables_quotes(R11), Y0, Y1
	VPMOVMSKB Y1, CX
	TZCNTL CX, DX
	BLSRL CX, CX
	BLSRL CX, CX
	TZCNTL CX, R15
	JCS back
	ADDQ R8, R15
	MOVL (R8)(DX*1), AX
	SHLL $8, AX
	CMPL AX, $0x222c2200
	JNE back
	VINSERTI128 $1, 3(R8)(DX*1), Y0, Y0
	LEAQ 3(R8)(DX*1), R8
	PAIRDIGITS
	PAIRFIRST(R14, back)
	MOVQ R15, DX
	SUBQ R8, DX
	PAIRSECOND(back)
	VMOVQ X1, (Level_Price+Decimal_Mantissa)(R14)
	VEXTRACTI128 $1, Y1, X1
	VMOVQ X1, (Level_Quantity+Decimal_Mantissa)(R14)
	MOVB CX, (Level_Quantity+Decimal_Exponent)(R14)
	MOVQ R15, R8
	ADDQ $Level__size, R14
	MOVL (R8), AX
	CMPL AX, $0x5b2c5d22
	JNE last
	CMPB 4(R8), $0x22
	JNE back
	ADDQ $5, R8
	JMP next
last:
	SHLL $8, AX
	CMPL AX, $0x5d5d2200
	JNE back
	ADDQ $3, R8
	JMP done
none:
	ADDQ $2, R8
done:
	LEVELSDONE
	FORM
back:
	MOVQ (Batch_walk+walk_at)(R10), R8
leave:
	JMP walkLeave<>(SB)

// AMOUNT is a decimal with its quotes, or a JSON number of digits alone, at R8, which it
// passes over: X1 and SI.
#define AMOUNT(bare, both, other) \
	CMPB (R8), $0x22; \
	JNE bare; \
	INCQ R8; \
	DIGITS; \
	ENDS(other); \
	PLAIN(other); \
	CMPB (R8)(DX*1), $0x22; \
	JNE other; \
	LEAQ 1(R8)(DX*1), R8; \
	JMP both; \
bare: \
	DIGITS; \
	XORL R13, R13; \
	ENDS(other); \
	PLAIN(other); \
	ADDQ DX, R8; \
both: \
	VALUE

TEXT walkAmount<>(SB), NOSPLIT|NOFRAME, $0
	MOVQ R8, R14
	AMOUNT(bare, both, back)
	MOVWLZX Step_Field(R9), BX
	VMOVQ X1, Decimal_Mantissa(DI)(BX*1)
	MOVB SI, Decimal_Exponent(DI)(BX*1)
	FORM
back:
	MOVQ R14, R8
	JMP walkLeave<>(SB)

// SIGN passes over a minus and tells the taker's side.
#define SIGN \
	XORL AX, AX; \
	CMPB (R8), $0x2d; \
	SETEQ AX; \
	ADDQ AX, R8; \
	ADDL $const_sideBuy, AX; \
	MOVB AX, Item_Aggressor(DI)

// walkTaker is walkAmount behind a sign; zero says nothing of a side.
TEXT walkTaker<>(SB), NOSPLIT|NOFRAME, $0
	MOVQ R8, R14
	CMPB (R8), $0x22
	JNE bare
	INCQ R8
	SIGN
	DIGITS
	ENDS(back)
	PLAIN(back)
	CMPB (R8)(DX*1), $0x22
	JNE back
	LEAQ 1(R8)(DX*1), R8
	JMP both
bare:
	SIGN
	DIGITS
	XORL R13, R13
	ENDS(back)
	PLAIN(back)
	ADDQ DX, R8
both:
	VALUE
	MOVWLZX Step_Field(R9), BX
	VMOVQ X1, AX
	MOVQ AX, Decimal_Mantissa(DI)(BX*1)
	MOVB SI, Decimal_Exponent(DI)(BX*1)
	TESTQ AX, AX
	JNZ some
	MOVB $0, Item_Aggressor(DI)
some:
	FORM
back:
	MOVQ R14, R8
	JMP walkLeave<>(SB)

// An array of {"p":price,"s":amount}.
TEXT walkObjects<>(SB), NOSPLIT|NOFRAME, $0
	LEVELS(leave)
	MOVWLZX (R8), AX
	CMPL AX, $0x5d5b
	JEQ none
	CMPB AX, $0x5b
	JNE leave
	INCQ R8
next:
	CMPQ R14, (Batch_walk+walk_room)(R10)
	JCC back
	CMPQ R8, (Batch_walk+walk_end)(R10)
	JCC back
	MOVQ (R8), AX
	SHLQ $16, AX
	MOVQ $0x223a2270227b0000, BX
	CMPQ AX, BX
	JNE back
	ADDQ $6, R8
	DIGITS
	ENDS(back)
	PLAIN(back)
	VALUE
	VMOVQ X1, (Level_Price+Decimal_Mantissa)(R14)
	MOVB SI, (Level_Price+Decimal_Exponent)(R14)
	ADDQ DX, R8
	MOVQ (R8), AX
	SHLQ $16, AX
	MOVQ $0x3a2273222c220000, BX
	CMPQ AX, BX
	JNE back
	ADDQ $6, R8
	AMOUNT(bare, both, back)
	VMOVQ X1, (Level_Quantity+Decimal_Mantissa)(R14)
	MOVB SI, (Level_Quantity+Decimal_Exponent)(R14)
	ADDQ $Level__size, R14
	MOVWLZX (R8), AX
	ADDQ $2, R8
	CMPL AX, $0x2c7d
	JEQ next
	CMPL AX, $0x5d7d
	JEQ done
back:
	MOVQ (Batch_walk+walk_at)(R10), R8
leave:
	JMP walkLeave<>(SB)
none:
	ADDQ $2, R8
done:
	LEVELSDONE
	FORM

// The symbol of DX bytes in X0 is one of ASCII and of up to 15 bytes, or it is left.
#define ASCII(other) \
	LEAL -1(DX), CX; \
	CMPL CX, $15; \
	JCC other; \
	VPMOVMSKB X0, AX; \
	BZHIL DX, AX, AX; \
	TESTL AX, AX; \
	JNZ other

TEXT walkTextName<>(SB), NOSPLIT|NOFRAME, $0
	VMOVDQU (R8), X0
	MOVQ (Batch_walk+walk_start)(R10), AX
	MOVBLZX 1(AX), DX
	MOVWLZX Step_Field(R9), CX
	SUBL CX, DX
	ASCII(leave)
	NAMED
leave:
	JMP walkLeave<>(SB)

TEXT walkTextUntil<>(SB), NOSPLIT|NOFRAME, $0
	VMOVDQU (R8), X0
	VPBROADCASTB Step_Low(R9), X1
	VPCMPEQB X1, X0, X1
	VPMOVMSKB X1, AX
	TZCNTL AX, DX
	ASCII(leave)
	NAMED
leave:
	JMP walkLeave<>(SB)

// Up to 16 bytes of printable ASCII but quotes and backslashes.
TEXT walkTextTail<>(SB), NOSPLIT|NOFRAME, $0
	PRINTABLE
	MOVQ (Batch_walk+walk_start)(R10), AX
	MOVBLZX 1(AX), CX
	LEAQ 2(AX)(CX*1), AX
	SUBQ R8, AX
	CMPQ AX, $16
	JHI refuse
	CMPQ DX, AX
	JCS refuse
	ADDQ AX, R8
	FORM
refuse:
	JMP walkRefuse<>(SB)

// The symbol again, and a time in the form behind it.
TEXT walkTextAgainMillis<>(SB), NOSPLIT|NOFRAME, $0
	MOVQ (Batch_walk+walk_length)(R10), DX
	CMPQ DX, $16
	JCC leave
	CMPB DX, -1(R8)
	JNE refuse
	SAMETEXT
	ADDQ DX, R8
	MILLISVARINT
	FORM
leave:
	JMP walkLeave<>(SB)
refuse:
	JMP walkRefuse<>(SB)

TEXT walkTextAgain<>(SB), NOSPLIT|NOFRAME, $0
	MOVQ (Batch_walk+walk_length)(R10), DX
	CMPQ DX, $16
	JCC leave
	CMPB DX, -1(R8)
	JNE refuse
	SAMETEXT
	BEHIND
leave:
	JMP walkLeave<>(SB)
refuse:
	JMP walkRefuse<>(SB)

// A decimal of as many bytes as the byte before it says, to the item.
#define TEXTDECIMAL(other) \
	MOVBLZX -1(R8), DX; \
	DIGITS; \
	FILLS(other); \
	PLAIN(other); \
	VALUE; \
	MOVWLZX Step_Field(R9), BX; \
	VMOVQ X1, Decimal_Mantissa(DI)(BX*1); \
	MOVB SI, Decimal_Exponent(DI)(BX*1)

TEXT walkTextDecimal<>(SB), NOSPLIT|NOFRAME, $0
	TEXTDECIMAL(leave)
	BEHIND
leave:
	JMP walkLeave<>(SB)

TEXT walkTextDecimalIf<>(SB), NOSPLIT|NOFRAME, $0
	TEXTDECIMAL(leave)
	ADDQ DX, R8
	IF((2*Step__size))
leave:
	JMP walkLeave<>(SB)

// A decimal as TEXTDECIMAL reads it, and another one behind a key, to the item.
#define TEXTDECIMALS(other) \
	MOVQ R8, (Batch_walk+walk_at)(R10); \
	MOVWLZX Step_Field(R9), R14; \
	ADDQ DI, R14; \
	TEXTPAIR(Step_Key(R9), R14, other); \
	VMOVQ X1, Decimal_Mantissa(R14); \
	VEXTRACTI128 $1, Y1, X1; \
	MOVWLZX Step_Second(R9), BX; \
	VMOVQ X1, Decimal_Mantissa(DI)(BX*1); \
	MOVB CX, Decimal_Exponent(DI)(BX*1)

TEXT walkTextDecimals<>(SB), NOSPLIT|NOFRAME, $0
	TEXTDECIMALS(back)
	BEHIND
back:
	MOVQ (Batch_walk+walk_at)(R10), R8
	JMP walkLeave<>(SB)

TEXT walkTextDecimalsIf<>(SB), NOSPLIT|NOFRAME, $0
	TEXTDECIMALS(back)
	ADDQ DX, R8
	IF((2*Step__size))
back:
	MOVQ (Batch_walk+walk_at)(R10), R8
	JMP walkLeave<>(SB)

TEXT walkTextSigned<>(SB), NOSPLIT|NOFRAME, $0
	MOVQ R8, R14
	MOVBLZX -1(R8), DX
	XORL AX, AX
	CMPB (R8), $0x2d
	SETEQ AX
	ADDQ AX, R8
	SUBL AX, DX
	DIGITS
	FILLS(leave)
	PLAIN(leave)
	BEHIND
leave:
	MOVQ R14, R8
	JMP walkLeave<>(SB)

// A whole number of as many bytes as the byte before it says, to the item.
#define TEXTUINT(other) \
	VMOVDQU (R8), X0; \
	VPSUBB vectorTables_zeros(R11), X0, X1; \
	VPMINUB vectorTables_nines(R11), X1, X2; \
	VPCMPEQB X1, X2, X2; \
	VPMOVMSKB X2, AX; \
	NOTL AX; \
	MOVBLZX -1(R8), DX; \
	LEAL -1(DX), CX; \
	CMPL CX, $16; \
	JCC other; \
	BZHIL DX, AX, AX; \
	TESTL AX, AX; \
	JNZ other; \
	CMPB (R8), $0x30; \
	JNE 3(PC); \
	CMPL DX, $1; \
	JNE other; \
	VPSHUFB vectorTables_slide(R11)(DX*1), X1, X1; \
	SUM; \
	MOVWLZX Step_Field(R9), BX; \
	VMOVQ X1, (DI)(BX*1)

TEXT walkTextUint<>(SB), NOSPLIT|NOFRAME, $0
	TEXTUINT(leave)
	BEHIND
leave:
	JMP walkLeave<>(SB)

TEXT walkTextUintIf<>(SB), NOSPLIT|NOFRAME, $0
	TEXTUINT(leave)
	ADDQ DX, R8
	IF((2*Step__size))
leave:
	JMP walkLeave<>(SB)

// HALFID reads 18 digits, X and a digit.
#define HALFID(at, id, suffix) \
	VMOVDQU at(R8), Y0; \
	VPSUBB vectorTables_zeros(R11), Y0, Y1; \
	VPMINUB vectorTables_nines(R11), Y1, Y2; \
	VPCMPEQB Y1, Y2, Y2; \
	VPMOVMSKB Y2, AX; \
	NOTL AX; \
	TZCNTL AX, DX; \
	CMPL DX, $18; \
	JNE leave; \
	CMPB (at+18)(R8), $0x58; \
	JNE leave; \
	MOVBLZX (at+19)(R8), DX; \
	SUBL $0x30, DX; \
	CMPL DX, $9; \
	JHI leave; \
	VMOVQ X1, BX; \
	MOVBLZX BX, AX; \
	TESTL AX, AX; \
	JZ leave; \
	MOVBLZX BH, BX; \
	LEAL (AX)(AX*4), AX; \
	LEAQ (BX)(AX*2), BX; \
	MOVQ $10000000000000000, AX; \
	IMULQ AX, BX; \
	VMOVDQU (at+2)(R8), X1; \
	VPSUBB vectorTables_zeros(R11), X1, X1; \
	SUM; \
	VMOVQ X1, AX; \
	ADDQ AX, BX; \
	MOVQ BX, id(DI); \
	MOVB DX, suffix(DI)

// Two ids of 18 digits, which those of today have.
TEXT walkTextIDPair<>(SB), NOSPLIT|NOFRAME, $0
	CMPB -1(R8), $41
	JNE leave
	CMPB 20(R8), $0x5f
	JNE leave
	HALFID(0, Item_TradeID, Item_IDSuffix1)
	HALFID(21, Item_SecondID, Item_IDSuffix2)
	ADDQ $41, R8
	FORM
leave:
	JMP walkLeave<>(SB)

// The length of what goes on to the frame's end, in one byte or in two.
#define REST(short, long, other) \
	MOVQ (Batch_walk+walk_end)(R10), BX; \
	SUBQ R8, BX; \
	MOVBLZX (R8), AX; \
	LEAQ 1(AX), CX; \
	CMPQ CX, BX; \
	JNE long; \
	CMPL AX, $0x80; \
	JCC long; \
	INCQ R8; \
	JMP short; \
long: \
	CMPL AX, $0x80; \
	JCS other; \
	MOVBLZX 1(R8), CX; \
	LEAL -1(CX), DX; \
	CMPL DX, $0x7f; \
	JCC other; \
	SHLL $7, CX; \
	LEAL -0x7e(AX)(CX*1), AX; \
	CMPQ AX, BX; \
	JNE other; \
	ADDQ $2, R8; \
short:

TEXT walkRest<>(SB), NOSPLIT|NOFRAME, $0
	REST(short, long, leave)
	FORM
leave:
	JMP walkLeave<>(SB)

TEXT walkRestIf<>(SB), NOSPLIT|NOFRAME, $0
	REST(short, long, leave)
	IF((2*Step__size))
leave:
	JMP walkLeave<>(SB)

TEXT walkMillisVarint<>(SB), NOSPLIT|NOFRAME, $0
	MILLISVARINT
	FORM

// The venue's numbers of the sides are ours.
TEXT walkSideVarint<>(SB), NOSPLIT|NOFRAME, $0
	AT(AX)
	MOVBLZX (AX), AX
	MOVB AX, Item_Aggressor(DI)
	FORM

// Levels, each behind the key, of price and quantity.
TEXT walkTextLevels<>(SB), NOSPLIT|NOFRAME, $0
	LEVELS(leave)
next:
	CMPQ R8, (Batch_walk+walk_end)(R10)
	JCC done
	MOVBLZX (R8), AX
	CMPB AX, Step_At(R9)
	JNE done
	CMPQ R14, (Batch_walk+walk_room)(R10)
	JCC back
	MOVBLZX 1(R8), AX
	CMPL AX, $0x80
	JCC back
	LEAQ 2(R8)(AX*1), AX
	MOVQ AX, (Batch_walk+walk_until)(R10)
	CMPB 2(R8), $0x0a
	JNE back
	ADDQ $4, R8
	TEXTPAIR($0x12, R14, back)
	VMOVQ X1, (Level_Price+Decimal_Mantissa)(R14)
	VEXTRACTI128 $1, Y1, X1
	VMOVQ X1, (Level_Quantity+Decimal_Mantissa)(R14)
	MOVB CX, (Level_Quantity+Decimal_Exponent)(R14)
	ADDQ DX, R8
	ADDQ $Level__size, R14
	CMPQ R8, (Batch_walk+walk_until)(R10)
	JEQ next
back:
	MOVQ (Batch_walk+walk_at)(R10), R8
leave:
	JMP walkLeave<>(SB)
done:
	LEVELSDONE
	FORM
