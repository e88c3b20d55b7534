// islet: what is in use, followed from pointer to pointer, as mark.c's look() in C does it.
// GPL-3.0-or-later
//
// void gc_look(void **at, void **end, const struct heap *heap)
//
// Half of a collection is to look at each word of all that is in use: here 5 cycles a word, 10 by the
// compiler. at and end are a whole number of blocks, four words each, apart.
//
// r0 where it looks, r1 to r4 a block's words, r5 to r7 for what is found; r8 minus the heap's
// beginning, r9 its size, r10 the table of two bits a block, r11 the end of what waits, r12 the end of the
// stretch, lr the most that may wait.

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .time_critical.gc_look, "ax", %progbits
    .align 2
    .global gc_look
    .type gc_look, %function

// \word is in the heap, as bytes from its beginning: at a block's beginning, and an object that begins
// there and was not found yet, it is marked, and waits.
    .macro found word, back
    lsls r5, \word, #28
    bne \back
    lsrs r5, \word, #6          // its byte of the table
    add r5, r10
    ldrb r6, [r5]
    lsls r7, \word, #26
    lsrs r7, r7, #29            // its bits there
    lsrs r6, r7
    lsls r6, r6, #30
    bmi \back                   // found before, or within an object
    beq \back                   // free
    movs r6, #2
    lsls r6, r7
    ldrb r7, [r5]
    orrs r7, r6
    strb r7, [r5]
    mov r5, r11
    cmp r5, lr
    bhs 1f
    lsrs \word, \word, #4
    strh \word, [r5]
    adds r5, #2
    mov r11, r5
    b \back
1:  ldr r6, [sp, #4]
    str r5, [r6]                // no room: whatever is not nought
    b \back
    .endm

    .thumb_func
gc_look:
    push {r4-r7, lr}
    mov r4, r8
    mov r5, r9
    mov r6, r10
    mov r7, r11
    push {r4-r7}
    ldmia r2!, {r3-r7}
    ldr r2, [r2]
    push {r2}
    push {r6}
    mov r8, r3
    mov r9, r4
    mov r10, r5
    mov r11, r6
    mov lr, r7
    mov r12, r1
    b begin

found1:
    found r1, back1
found2:
    found r2, back2

loop:
    ldmia r0!, {r1-r4}
    add r1, r8
    cmp r1, r9
    blo found1
back1:
    add r2, r8
    cmp r2, r9
    blo found2
back2:
    add r3, r8
    cmp r3, r9
    blo found3
back3:
    add r4, r8
    cmp r4, r9
    blo found4
back4:
begin:
    cmp r0, r12
    blo loop

    mov r5, r11                 // the next that waits
    ldr r6, [sp]
    cmp r5, r6
    beq done
    subs r5, #2
    ldrh r6, [r5]
    mov r11, r5
    mov r7, r8
    lsls r0, r6, #4
    subs r0, r0, r7
    movs r2, #3
    adds r6, #1                 // the first block that is not its own
    lsrs r5, r6, #2
    add r5, r10
    ldrb r4, [r5]
    lsls r3, r6, #30
    lsrs r3, r3, #29
    lsrs r4, r3
kinds:
    movs r3, r4
    ands r3, r2
    cmp r3, #2
    bne last
    adds r6, #1
    lsrs r4, r4, #2
    lsls r3, r6, #30
    bne kinds
four:                           // blocks at once
    adds r5, #1
    ldrb r4, [r5]
    cmp r4, #0xaa
    bne kinds
    adds r6, #4
    b four
last:
    lsls r6, r6, #4
    subs r6, r6, r7
    mov r12, r6
    b loop

found3:
    found r3, back3
found4:
    found r4, back4

done:
    add sp, #8
    pop {r4-r7}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
    pop {r4-r7, pc}
    .size gc_look, . - gc_look
